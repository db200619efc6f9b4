//! What the function may hear.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;
use tarn_lambda::Failure;
use tarn_pipeline::tell::{Alarm, FailedExecution};

/// Athena's ids are UUIDs; what else stands there would become a part of keys.
const LONGEST_ID: usize = 128;

/// Something that the function hears of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// A query has ended.
    Query { id: String, workgroup: String, region: String },
    /// An execution of a state machine has not ended well.
    Execution(Box<FailedExecution>),
    /// Alarms of CloudWatch, by way of a topic.
    Alarms(Vec<Alarm>),
    /// The day before is to be told of.
    Digest { time: DateTime<Utc> },
    /// A state that nothing follows from: a query that goes on, an execution that ended well.
    Nothing,
}

/// An event of EventBridge.
#[derive(Deserialize)]
struct BusEvent<T> {
    #[serde(default)]
    region: String,
    detail: T,
}

/// <https://docs.aws.amazon.com/athena/latest/ug/athena-events.html>
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct QueryState {
    current_state: String,
    query_execution_id: String,
    workgroup_name: String,
}

#[derive(Deserialize)]
struct Notices {
    #[serde(rename = "Records")]
    records: Vec<Notice>,
}

#[derive(Deserialize)]
struct Notice {
    #[serde(rename = "Sns")]
    sns: Sns,
}

#[derive(Deserialize)]
struct Sns {
    #[serde(rename = "Message")]
    message: String,
}

#[derive(Deserialize)]
#[serde(tag = "step", rename_all = "snake_case", deny_unknown_fields)]
enum Step {
    Digest { time: DateTime<Utc> },
}

impl Event {
    /// Reads an event by what only its kind has.
    pub(crate) fn read(body: &[u8]) -> Result<Self, Failure> {
        let event: Value = serde_json::from_slice(body).map_err(|error| wrong("no json", &error))?;
        match event.get("detail-type").and_then(Value::as_str) {
            Some("Athena Query State Change") => query(event),
            Some("Step Functions Execution Status Change") => execution(event),
            Some(other) => Err(Failure::permanent(format!("the event is a `{other}`, which nothing follows from"))),
            None if event.get("Records").is_some() => alarms(event),
            None => {
                let Step::Digest { time } =
                    serde_json::from_value(event).map_err(|error| wrong("none that is known", &error))?;
                Ok(Self::Digest { time })
            }
        }
    }
}

fn query(event: Value) -> Result<Event, Failure> {
    let BusEvent { region, detail }: BusEvent<QueryState> =
        serde_json::from_value(event).map_err(|error| wrong("no change of a query's state", &error))?;
    let QueryState { current_state, query_execution_id: id, workgroup_name: workgroup } = detail;
    let is_id = !id.is_empty()
        && id.len() <= LONGEST_ID
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    if !is_id {
        return Err(Failure::permanent("the event names no query: its id is none"));
    }
    Ok(match current_state.as_str() {
        "SUCCEEDED" | "FAILED" | "CANCELLED" => Event::Query { id, workgroup, region },
        _ => Event::Nothing,
    })
}

fn execution(event: Value) -> Result<Event, Failure> {
    let BusEvent { detail, .. }: BusEvent<FailedExecution> =
        serde_json::from_value(event).map_err(|error| wrong("no change of an execution's state", &error))?;
    Ok(match detail.status.as_str() {
        "FAILED" | "TIMED_OUT" | "ABORTED" => Event::Execution(Box::new(detail)),
        _ => Event::Nothing,
    })
}

fn alarms(event: Value) -> Result<Event, Failure> {
    let Notices { records } = serde_json::from_value(event).map_err(|error| wrong("no notice of a topic", &error))?;
    let read = |notice: &Notice| {
        serde_json::from_str(&notice.sns.message).map_err(|error| wrong("no alarm of CloudWatch", &error))
    };
    records.iter().map(read).collect::<Result<_, _>>().map(Event::Alarms)
}

fn wrong(what: &str, error: &serde_json::Error) -> Failure {
    Failure::permanent(format!("the event is {what}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_events_are_known() {
        let read = |text: &str| Event::read(text.as_bytes()).unwrap();
        let Event::Query { workgroup, region, .. } = read(include_str!("../events/query.json")) else { panic!() };
        assert_eq!((workgroup.as_str(), region.as_str()), ("tarn-shop-people", "ap-northeast-1"));
        let Event::Execution(execution) = read(include_str!("../events/execution.json")) else { panic!() };
        assert_eq!((execution.machine(), execution.status.as_str()), ("tarn-shop-workflow", "FAILED"));
        let Event::Alarms(alarms) = read(include_str!("../events/alarm.json")) else { panic!() };
        assert_eq!(alarms[0].state, "ALARM");
        assert!(matches!(read(include_str!("../events/digest.json")), Event::Digest { .. }));
    }

    #[test]
    fn anything_else_is_refused_in_words() {
        for (text, said) in [
            ("", "no json"),
            ("[]", "none that is known"),
            ("{}", "none that is known"),
            (r#"{"step": "digest"}"#, "time"),
            (r#"{"step": "dance", "time": "2026-11-21T00:00:00Z"}"#, "dance"),
            (r#"{"detail-type": "Scheduled Event", "detail": {}}"#, "Scheduled Event"),
            (r#"{"detail-type": "Athena Query State Change", "detail": {}}"#, "currentState"),
            (
                r#"{"detail-type": "Athena Query State Change", "detail": {"currentState": "FAILED", "queryExecutionId": "../a", "workgroupName": "a"}}"#,
                "its id is none",
            ),
            (r#"{"Records": [{"Sns": {"Message": "hello"}}]}"#, "no alarm"),
            (r#"{"Records": [{"s3": {}}]}"#, "no notice"),
        ] {
            let failure = Event::read(text.as_bytes()).unwrap_err();
            assert!(failure.message.contains(said), "{text}: {failure}");
            assert_eq!(failure.kind, tarn_lambda::FailureKind::Permanent);
        }
    }

    #[test]
    fn a_query_that_goes_on_is_nothing() {
        let text = include_str!("../events/query.json").replace("SUCCEEDED", "RUNNING");
        assert_eq!(Event::read(text.as_bytes()).unwrap(), Event::Nothing);
    }
}
