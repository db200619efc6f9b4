//! The closing line of an invocation, which is its metrics too.
//!
//! CloudWatch reads metrics out of a log line that carries `_aws` (the embedded metric format): nothing is called, nothing is
//! waited for, and whoever reads the log sees the same counts as the dashboard.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Number, Value, json};

use crate::current::Current;
use crate::failure::Failure;

/// The namespace of all metrics.
const NAMESPACE: &str = "Tarn";

/// What an invocation did, in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    source: Option<String>,
    counts: Vec<(&'static str, Number)>,
}

impl Report {
    /// A report on records of one source.
    pub fn of_source(source: &str) -> Self {
        Self { source: Some(source.to_owned()), counts: Vec::new() }
    }

    /// Adds a count, e.g. `Records`, `Quarantined`; names are the metrics' names.
    #[must_use]
    pub fn with(mut self, name: &'static str, count: u64) -> Self {
        self.counts.push((name, count.into()));
        self
    }

    /// Adds an amount with digits after the point, e.g. `Cost`; a text that is no number is left out.
    #[must_use]
    pub fn with_amount(mut self, name: &'static str, amount: &str) -> Self {
        self.counts.extend(amount.parse().ok().map(|amount: Number| (name, amount)));
        self
    }
}

/// All that the closing line tells.
pub(crate) struct Closing<'a> {
    pub(crate) current: &'a Current,
    pub(crate) report: &'a Report,
    pub(crate) failure: Option<&'a Failure>,
    pub(crate) bytes_out: usize,
    pub(crate) taken: Duration,
}

impl Closing<'_> {
    /// The line, as JSON.
    pub(crate) fn line(&self, now: SystemTime) -> Value {
        let milliseconds = (self.taken.as_secs_f64() * 1e6).round() / 1e3;
        let mut metrics: Vec<(&str, Value, &str)> =
            self.report.counts.iter().map(|(name, count)| (*name, json!(count), "Count")).collect();
        metrics.push(("BytesIn", json!(self.current.bytes_in), "Bytes"));
        metrics.push(("BytesOut", json!(self.bytes_out), "Bytes"));
        metrics.push(("Milliseconds", json!(milliseconds), "Milliseconds"));
        metrics.push(("Failures", json!(u8::from(self.failure.is_some())), "Count"));

        let mut line = Map::new();
        line.insert("level".into(), json!(if self.failure.is_some() { "ERROR" } else { "INFO" }));
        line.insert("message".into(), json!("invocation closed"));
        line.insert("requestId".into(), json!(self.current.request_id));
        line.insert("Function".into(), json!(self.current.function));
        let mut dimensions = vec![vec!["Function"]];
        if let Some(source) = &self.report.source {
            line.insert("Source".into(), json!(source));
            // Each set of dimensions is a metric of its own, and is paid for: a function that is named after its source needs no other.
            if !self.current.function.ends_with(&format!("-{source}")) {
                dimensions.push(vec!["Function", "Source"]);
            }
        }
        for (name, value, _) in &metrics {
            line.insert((*name).to_owned(), value.clone());
        }
        if self.current.is_first {
            line.insert("coldStart".into(), json!(true));
        }
        if let Some(failure) = self.failure {
            line.insert("errorType".into(), json!(failure.kind.name()));
            line.insert("errorMessage".into(), json!(failure.message));
        }
        let definitions: Vec<Value> =
            metrics.iter().map(|(name, _, unit)| json!({"Name": name, "Unit": unit})).collect();
        let timestamp = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
        line.insert(
            "_aws".into(),
            json!({
                "Timestamp": timestamp,
                "CloudWatchMetrics": [{"Namespace": NAMESPACE, "Dimensions": dimensions, "Metrics": definitions}],
            }),
        );
        Value::Object(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(function: &str, report: &Report, failure: Option<&Failure>, now: SystemTime) -> Value {
        let current = Current::of(function, "r-1");
        let taken = Duration::from_micros(1_234);
        Closing { current: &current, report, failure, bytes_out: 20, taken }.line(now)
    }

    #[test]
    fn every_metric_of_the_definition_stands_in_the_line() {
        let report =
            Report::of_source("clicks").with("Records", 3).with("Dropped", 1).with_amount("Cost", "0.000050000");
        let line = line("firehose-transform", &report, None, UNIX_EPOCH + Duration::from_millis(5));
        let definition = &line["_aws"]["CloudWatchMetrics"][0];
        for metric in definition["Metrics"].as_array().unwrap() {
            assert!(line[metric["Name"].as_str().unwrap()].is_number(), "{metric}");
        }
        for dimension in definition["Dimensions"].as_array().unwrap().iter().flat_map(|set| set.as_array().unwrap()) {
            assert!(line[dimension.as_str().unwrap()].is_string(), "{dimension}");
        }
        assert_eq!(line["_aws"]["Timestamp"], 5);
        assert_eq!((&line["Records"], &line["Milliseconds"]), (&json!(3), &json!(1.234)));
        assert_eq!(line["Cost"].to_string(), "0.000050000");
    }

    #[test]
    fn a_function_of_one_source_is_counted_once() {
        let sets = |function: &str| {
            let report = Report::of_source("clicks");
            let line = line(function, &report, None, UNIX_EPOCH);
            (line["_aws"]["CloudWatchMetrics"][0]["Dimensions"].clone(), line["Source"].clone())
        };
        assert_eq!(sets("tarn-shop-firehose-transform-clicks"), (json!([["Function"]]), json!("clicks")));
        assert_eq!(
            sets("tarn-shop-dynamodb-flatten"),
            (json!([["Function"], ["Function", "Source"]]), json!("clicks"))
        );
    }

    #[test]
    fn a_failure_says_why() {
        let failure = Failure::retryable("the bucket is busy");
        let line = line("firehose-transform", &Report::default(), Some(&failure), UNIX_EPOCH);
        assert_eq!(line["Failures"], 1);
        assert_eq!(line["errorType"], "Tarn.Retryable");
        assert_eq!(line["errorMessage"], "the bucket is busy");
    }
}
