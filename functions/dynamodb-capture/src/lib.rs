//! The function `dynamodb-capture`: a batch of a DynamoDB stream through one step, [`capture()`], and Lambda's partial batch
//! response.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_lambda_events::event::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use bytes::Bytes;
use chrono_tz::Tz;
use tarn_aws::BucketNames;
use tarn_lambda::{Answer, Failure, Handler, Invocation, Report, Settings};
use tarn_pipeline::ingest::capture::{CaptureSettings, Captured, LARGEST_RECORD, capture};
use tarn_pipeline::ports::ObjectStore;

/// What the function is told by its environment.
#[derive(Debug, Clone)]
pub struct FunctionSettings {
    /// How batches are captured.
    pub capture: CaptureSettings,
    /// Where the raw zone and the quarantine are.
    pub buckets: BucketNames,
}

impl FunctionSettings {
    /// Reads the settings; those that are missing are told by [`Settings::read`].
    ///
    /// # Errors
    /// When the tables are not written as pairs.
    pub fn read(settings: &mut Settings) -> Result<Self, Failure> {
        let pairs = settings.required("TARN_TABLES", "pairs `<table>=<source>` with commas between them");
        let lake = settings.required("TARN_BUCKET", "the lake's bucket, with the quarantine");
        let capture = CaptureSettings {
            tables: tables(&pairs).map_err(Failure::permanent)?,
            timezone: settings.parsed_or("TARN_TIMEZONE", "the zone in which a day begins", Tz::UTC),
            largest_record: settings.parsed_or("TARN_LARGEST_RECORD", "bytes of the largest record", LARGEST_RECORD),
        };
        let raw = settings.optional("TARN_RAW_BUCKET").unwrap_or_else(|| lake.clone());
        Ok(Self { capture, buckets: BucketNames { lake, raw } })
    }
}

/// The source of each table, from `prod-orders=orders,prod-carts=carts`.
fn tables(pairs: &str) -> Result<BTreeMap<String, String>, String> {
    let mut tables = BTreeMap::new();
    for pair in pairs.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let parts = pair.split_once('=').map(|(table, source)| (table.trim(), source.trim()));
        let is_name = |name: &str| !name.is_empty() && !name.contains('/');
        let Some((table, source)) = parts.filter(|(table, source)| is_name(table) && is_name(source)) else {
            return Err(format!("`{pair}` in `TARN_TABLES` is no pair `<table>=<source>`"));
        };
        if tables.insert(table.to_owned(), source.to_owned()).is_some() {
            return Err(format!("`TARN_TABLES` names the table `{table}` twice"));
        }
    }
    Ok(tables)
}

/// The function.
pub struct DynamodbCapture {
    settings: CaptureSettings,
    objects: Arc<dyn ObjectStore>,
}

impl DynamodbCapture {
    /// The function on this bucket.
    pub fn new(settings: CaptureSettings, objects: Arc<dyn ObjectStore>) -> Self {
        Self { settings, objects }
    }

    fn report(&self, captured: &Captured) -> Report {
        let report = match self.settings.tables.values().collect::<Vec<_>>().as_slice() {
            [source] => Report::of_source(source),
            _ => Report::default(),
        };
        report
            .with("Records", captured.records + captured.quarantined)
            .with("Quarantined", captured.quarantined)
            .with("Files", captured.objects.len() as u64)
            .with("Retried", captured.failures.len() as u64)
    }
}

impl Handler for DynamodbCapture {
    async fn handle(&self, invocation: Invocation) -> Result<Answer, Failure> {
        let captured = capture(&invocation.body, &self.settings, self.objects.as_ref()).await?;
        for failure in &captured.failures {
            let error = Failure::from(failure.error.clone());
            tracing::error!(%error, from = failure.sequence_number, "records were not kept; they are to come again");
        }
        if captured.quarantined > 0 {
            tracing::warn!(records = captured.quarantined, "records that cannot be captured went to quarantine");
        }
        Ok(Answer { body: response(&captured)?, report: self.report(&captured) })
    }
}

/// `{"batchItemFailures": [{"itemIdentifier": "<sequence number>"}]}`; Lambda goes on at the lowest of them.
fn response(captured: &Captured) -> Result<Bytes, Failure> {
    let mut response = DynamoDbEventResponse::default();
    for failure in &captured.failures {
        let mut item = DynamoDbBatchItemFailure::default();
        item.item_identifier = Some(failure.sequence_number.clone());
        response.batch_item_failures.push(item);
    }
    serde_json::to_vec(&response).map(Bytes::from).map_err(Failure::permanent)
}

#[cfg(test)]
mod tests {
    use aws_lambda_events::event::dynamodb::Event;
    use tarn_pipeline::error::StepError;
    use tarn_pipeline::ingest::capture::CaptureFailure;

    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<FunctionSettings, String> {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let read = Settings::read_from(variables, FunctionSettings::read);
        read.map_err(|error| error.to_string())?.map_err(|failure| failure.message)
    }

    #[test]
    fn tables_are_pairs() {
        let all = [
            ("TARN_TABLES", " prod-orders = orders,, prod.carts=carts,"),
            ("TARN_BUCKET", "lake"),
            ("TARN_TIMEZONE", "Asia/Tokyo"),
        ];
        let settings = read(&all).unwrap();
        let tables: Vec<_> = settings.capture.tables.into_iter().collect();
        assert_eq!(tables, [("prod-orders", "orders"), ("prod.carts", "carts")].map(|(a, b)| (a.into(), b.into())));
        assert_eq!((settings.buckets.raw.as_str(), settings.capture.timezone), ("lake", Tz::Asia__Tokyo));
        for (pairs, mistake) in [
            ("orders", "`orders` in `TARN_TABLES` is no pair"),
            ("a=b,=c", "`=c` in"),
            ("a=", "`a=` in"),
            ("a=b/c", "`a=b/c` in"),
            ("a=b,a=c", "names the table `a` twice"),
        ] {
            let error = read(&[("TARN_TABLES", pairs), ("TARN_BUCKET", "lake")]).unwrap_err();
            assert!(error.contains(mistake), "{error}");
        }
    }

    #[test]
    fn what_is_missing_or_wrong_is_told_by_name() {
        let error = read(&[("TARN_TIMEZONE", "Tokyo"), ("TARN_LARGEST_RECORD", "big")]).unwrap_err();
        for name in ["`TARN_TABLES`", "`TARN_BUCKET`", "`TARN_TIMEZONE`", "`TARN_LARGEST_RECORD`"] {
            assert!(error.contains(name), "{name}: {error}");
        }
    }

    #[test]
    fn lambda_is_told_where_to_go_on() {
        assert_eq!(response(&Captured::default()).unwrap(), r#"{"batchItemFailures":[]}"#);
        let failure = CaptureFailure { sequence_number: "7".to_owned(), error: StepError::permanent("no") };
        let captured = Captured { failures: vec![failure], ..Captured::default() };
        assert_eq!(response(&captured).unwrap(), r#"{"batchItemFailures":[{"itemIdentifier":"7"}]}"#);
    }

    #[test]
    fn the_sample_event_is_one_of_lambda() {
        let event: Event = serde_json::from_str(include_str!("../events/orders.json")).unwrap();
        assert_eq!(event.records.len(), 4);
    }
}
