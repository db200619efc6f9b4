//! What an alarm watches, and whether its news comes by another way.

use serde::Deserialize;

use super::Alarm;

/// The functions whose failures have nobody else to tell of them: Firehose puts what they do not answer into its error prefix and goes on.
const TOLD_BY_ALARM: &str = "-firehose-transform-";

/// What an alarm watches: one metric, or several that are calculated with.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html>
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Trigger {
    #[serde(flatten)]
    metric: Metric,
    metrics: Vec<Part>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Part {
    metric_stat: Option<Stat>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Stat {
    metric: Metric,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Metric {
    namespace: Option<String>,
    metric_name: Option<String>,
    dimensions: Vec<Dimension>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Dimension {
    name: String,
    value: String,
}

impl Metric {
    fn is_told_elsewhere(&self) -> bool {
        match (self.namespace.as_deref(), self.metric_name.as_deref()) {
            (Some("AWS/States"), _) => true,
            (Some("AWS/Lambda"), Some("Errors")) => {
                let mut functions = self.dimensions.iter().filter(|dimension| dimension.name == "FunctionName");
                functions.all(|function| !function.value.contains(TOLD_BY_ALARM))
            }
            _ => false,
        }
    }
}

impl Alarm {
    /// Whether people hear of the same thing otherwise, or need not hear of it: a failed execution is told with its models and what to do, and
    /// an error of a function either was got over by who called it, or ends as a failed execution, as dead letters, or as changes that wait.
    pub(super) fn is_told_elsewhere(&self) -> bool {
        let Some(trigger) = &self.trigger else { return false };
        let stats = trigger.metrics.iter().filter_map(|part| part.metric_stat.as_ref()).map(|stat| &stat.metric);
        let own = Some(&trigger.metric).filter(|metric| metric.namespace.is_some());
        let watched: Vec<&Metric> = own.into_iter().chain(stats).collect();
        !watched.is_empty() && watched.into_iter().all(Metric::is_told_elsewhere)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alarm(trigger: &str) -> Alarm {
        let text = format!(r#"{{"AlarmName": "a", "NewStateValue": "ALARM", "Trigger": {trigger}}}"#);
        serde_json::from_str(&text).unwrap()
    }

    fn errors(metric: &str, function: &str) -> String {
        format!(
            r#"{{"Namespace": "AWS/Lambda", "MetricName": "{metric}", "Dimensions": [{{"name": "FunctionName", "value": "{function}"}}], "Period": 300}}"#
        )
    }

    #[test]
    fn what_an_execution_or_a_queue_tells_is_not_told_by_an_alarm() {
        let failures = r#"{"Period": 300, "Metrics": [
            {"Id": "failures", "Expression": "FILL(failed, 0) + FILL(timed_out, 0)", "ReturnData": true},
            {"Id": "failed", "MetricStat": {"Metric": {"Namespace": "AWS/States", "MetricName": "ExecutionsFailed",
                "Dimensions": [{"name": "StateMachineArn", "value": "arn"}]}, "Period": 300, "Stat": "Sum"}, "ReturnData": false}]}"#;
        for elsewhere in [failures.to_owned(), errors("Errors", "tarn-shop-mart-load-reporting")] {
            assert!(alarm(&elsewhere).is_told_elsewhere(), "{elsewhere}");
        }
        for own in [
            "{}".to_owned(),
            errors("Throttles", "tarn-shop-athena-ctas"),
            errors("Errors", "tarn-shop-firehose-transform-site_events"),
            r#"{"Namespace": "AWS/SQS", "MetricName": "ApproximateNumberOfMessagesVisible", "Dimensions": []}"#
                .to_owned(),
        ] {
            assert!(!alarm(&own).is_told_elsewhere(), "{own}");
        }
    }
}
