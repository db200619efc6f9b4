//! Alarms of CloudWatch that ring.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::json;

use crate::aws::Aws;
use crate::signed::{Question, ServiceError, ask};

/// CloudWatch's operation, as its JSON protocol names it.
const DESCRIBE: &str = "GraniteServiceVersion20100801.DescribeAlarms";

/// The state of an alarm that rings.
const RINGS: &str = "ALARM";

/// An alarm that rings.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Alarm {
    /// Its name.
    pub name: String,
    /// What it is for, as it was declared.
    pub description: String,
    /// Why it rings, in CloudWatch's words.
    pub reason: String,
    /// Since when.
    pub since: Option<DateTime<Utc>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    #[serde(default)]
    metric_alarms: Vec<Described>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Described {
    alarm_name: String,
    alarm_description: Option<String>,
    state_value: Option<String>,
    state_reason: Option<String>,
    /// Seconds since 1970.
    state_updated_timestamp: Option<f64>,
}

impl From<Described> for Alarm {
    fn from(alarm: Described) -> Self {
        // Milliseconds are enough, and fit.
        let since = alarm.state_updated_timestamp.map(|seconds| (seconds * 1e3) as i64);
        Self {
            name: alarm.alarm_name,
            description: alarm.alarm_description.unwrap_or_default(),
            reason: alarm.state_reason.unwrap_or_default(),
            since: since.and_then(DateTime::from_timestamp_millis),
        }
    }
}

impl Alarm {
    /// The alarms that ring, of those whose names begin so, in the order of their names.
    ///
    /// # Errors
    /// When CloudWatch refuses or cannot be reached; the right is `cloudwatch:DescribeAlarms`.
    pub async fn ringing(aws: &Aws, prefix: &str) -> Result<Vec<Alarm>, ServiceError> {
        let mut alarms: Vec<Alarm> = Vec::new();
        let mut next: Option<String> = None;
        loop {
            let mut input = json!({"AlarmNamePrefix": prefix, "StateValue": RINGS, "MaxRecords": 100});
            if let (Some(token), Some(input)) = (next, input.as_object_mut()) {
                input.insert("NextToken".to_owned(), token.into());
            }
            let answer = ask(aws, "monitoring", Question::Call(DESCRIBE, input)).await?;
            let page: Page =
                serde_json::from_value(answer).map_err(|error| ServiceError::unreadable("monitoring", &error))?;
            let rings = |alarm: &Described| alarm.state_value.as_deref() == Some(RINGS);
            alarms.extend(page.metric_alarms.into_iter().filter(rings).map(Alarm::from));
            next = page.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                alarms.sort_by(|one, other| one.name.cmp(&other.name));
                return Ok(alarms);
            }
        }
    }
}
