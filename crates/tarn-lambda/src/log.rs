//! Logs: one JSON object per line on stdout, as CloudWatch and Lambda's own log filter read them.
//!
//! `{"timestamp": …, "level": "WARN", "requestId": …, "target": …, "message": …, <fields>}`. The level comes from
//! `AWS_LAMBDA_LOG_LEVEL`, which the function's logging configuration sets, or from `TARN_LOG`, which may also name targets
//! (`info,tarn_aws=debug`). Libraries below never log under `WARN`: what passes through them may be somebody's data.

use std::io::Write as _;

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use crate::current;

/// Libraries whose own lines help nobody, by the beginning of their targets.
const QUIET: [&str; 6] = ["aws_", "hyper", "h2", "lambda_runtime", "rustls", "tower"];

/// Starts logging; once per process.
pub(crate) fn start() {
    let level = |name: &str| std::env::var(name).ok();
    let filter = filter(level("AWS_LAMBDA_LOG_LEVEL").as_deref(), level("TARN_LOG").as_deref());
    // Fails only when a subscriber is set already, and then that one is what is wanted.
    let _ =
        tracing_subscriber::registry().with(JsonLines { write: Box::new(write_line) }.with_filter(filter)).try_init();
}

/// Writes one line whole, so that lines of two threads do not mix.
pub(crate) fn write_line(line: &Value) {
    let mut text = line.to_string();
    text.push('\n');
    // There is nowhere to say that a log cannot be written.
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}

fn filter(lambda: Option<&str>, tarn: Option<&str>) -> Targets {
    if let Some(targets) = tarn.and_then(|text| text.parse::<Targets>().ok()) {
        return targets;
    }
    let level = match lambda.map(str::to_ascii_uppercase).as_deref() {
        Some("TRACE") => LevelFilter::TRACE,
        Some("DEBUG") => LevelFilter::DEBUG,
        Some("WARN") => LevelFilter::WARN,
        Some("ERROR" | "FATAL") => LevelFilter::ERROR,
        _ => LevelFilter::INFO,
    };
    let quiet = level.min(LevelFilter::WARN);
    QUIET.iter().fold(Targets::new().with_default(level), |targets, library| targets.with_target(*library, quiet))
}

struct JsonLines {
    write: Box<dyn Fn(&Value) + Send + Sync>,
}

impl<S: Subscriber> Layer<S> for JsonLines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = Map::new();
        line.insert("timestamp".into(), timestamp().into());
        line.insert("level".into(), event.metadata().level().as_str().into());
        if let Some(current) = current::get() {
            line.insert("requestId".into(), current.request_id.as_str().into());
        }
        line.insert("target".into(), event.metadata().target().into());
        event.record(&mut Fields(&mut line));
        (self.write)(&Value::Object(line));
    }
}

fn timestamp() -> String {
    let mut text = String::new();
    // Writing into a text cannot fail.
    let _ = SystemTime.format_time(&mut Writer::new(&mut text));
    text
}

struct Fields<'a>(&'a mut Map<String, Value>);

impl Fields<'_> {
    fn insert(&mut self, field: &Field, value: Value) {
        self.0.insert(field.name().to_owned(), value);
    }
}

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.insert(field, format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.insert(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.insert(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.insert(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.insert(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.insert(field, value.into());
    }

    fn record_error(&mut self, field: &Field, error: &(dyn std::error::Error + 'static)) {
        self.insert(field, error.to_string().into());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use serde_json::json;
    use tracing::Level;

    use super::*;
    use crate::current::Current;

    #[test]
    fn fields_stand_beside_the_message() {
        let lines: Arc<Mutex<Vec<Value>>> = Arc::default();
        let kept = Arc::clone(&lines);
        let layer = JsonLines { write: Box::new(move |line| kept.lock().unwrap().push(line.clone())) };
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            Current::of("echo", "r-7").begin();
            tracing::warn!(key = %"raw/a", records = 3_u64, "an object was late");
            current::end();
            tracing::info!("idle");
        });
        let lines = lines.lock().unwrap();
        assert_eq!(lines[0]["message"], "an object was late");
        assert_eq!((&lines[0]["level"], &lines[0]["requestId"]), (&json!("WARN"), &json!("r-7")));
        assert_eq!((&lines[0]["key"], &lines[0]["records"]), (&json!("raw/a"), &json!(3)));
        assert!(lines[0]["timestamp"].as_str().unwrap().ends_with('Z'));
        assert!(lines[1].get("requestId").is_none());
    }

    #[test]
    fn libraries_stay_quiet_unless_they_are_asked() {
        let debug = filter(Some("DEBUG"), None);
        assert!(debug.would_enable("tarn_aws::bucket", &Level::DEBUG));
        assert!(!debug.would_enable("aws_sdk_s3::config", &Level::INFO));
        assert!(filter(None, Some("warn,aws_runtime=debug")).would_enable("aws_runtime", &Level::DEBUG));
        assert!(!filter(Some("FATAL"), None).would_enable("hyper_util", &Level::WARN));
        assert!(filter(None, None).would_enable("firehose_transform", &Level::INFO));
    }
}
