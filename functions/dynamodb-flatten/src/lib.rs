//! The function `dynamodb-flatten`: each object that an event of S3 tells of through one step, [`flatten::object`].

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::TimeDelta;
use serde::Serialize;
use tarn_aws::BucketNames;
use tarn_lambda::{Answer, Failure, Handler, Invocation, Report, Settings};
use tarn_pipeline::ingest::arrivals::Arrivals;
use tarn_pipeline::ingest::flatten::{self, Flattened};
use tarn_pipeline::ingest::{IngestPorts, Ingested};
use tarn_pipeline::names::Key;
use tarn_pipeline::ports::{Clock, ObjectStore, Silent};
use tarn_pipeline::project::KeptProject;

/// A Lambda of usual size has one processor or less.
const THREADS: usize = 1;

/// What the function is told by its environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionSettings {
    /// Where the project, the raw zone and the rows are.
    pub buckets: BucketNames,
    /// How long a project is taken for the present one.
    pub project_for: TimeDelta,
}

impl FunctionSettings {
    /// Reads the settings.
    pub fn read(settings: &mut Settings) -> Self {
        let lake = settings.required("TARN_BUCKET", "the lake's bucket, with the project, the rows and the quarantine");
        let seconds: u32 =
            settings.parsed_or("TARN_PROJECT_SECONDS", "how long a project is taken for the present one", 60);
        let raw = settings.optional("TARN_RAW_BUCKET").unwrap_or_else(|| lake.clone());
        Self { buckets: BucketNames { lake, raw }, project_for: TimeDelta::seconds(seconds.into()) }
    }
}

/// The function.
pub struct DynamodbFlatten {
    project: Arc<KeptProject>,
    ports: IngestPorts,
}

/// What became of the objects of one event; the response of the function.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct Summary {
    objects: u64,
    records: u64,
    rows: u64,
    quarantined: u64,
    files: u64,
    /// Objects that were removed since.
    gone: u64,
    /// Notices and objects that are not meant.
    ignored: u64,
}

impl Summary {
    fn add(&mut self, ingested: &Ingested) {
        self.objects += 1;
        self.records += ingested.records;
        self.rows += ingested.rows;
        self.quarantined += ingested.quarantined;
        self.files += ingested.files;
    }

    fn report(&self, sources: &BTreeSet<&str>) -> Report {
        let report = match sources.iter().collect::<Vec<_>>().as_slice() {
            [source] => Report::of_source(source),
            _ => Report::default(),
        };
        report
            .with("Objects", self.objects)
            .with("Records", self.records)
            .with("Rows", self.rows)
            .with("Quarantined", self.quarantined)
            .with("Files", self.files)
            .with("Gone", self.gone)
            .with("Ignored", self.ignored)
    }
}

impl DynamodbFlatten {
    /// The function on these ports.
    pub fn new(settings: &FunctionSettings, objects: Arc<dyn ObjectStore>, clock: Arc<dyn Clock>) -> Self {
        let project = KeptProject::new(Arc::clone(&objects), clock, settings.project_for);
        // A source's table finds its files by partition projection.
        let ports = IngestPorts { objects, catalogue: None, observer: Arc::new(Silent) };
        Self { project: Arc::new(project), ports }
    }

    /// Reads the project while the first event is waited for; an error is told when that event asks again.
    pub fn read_ahead(&self) {
        let project = Arc::clone(&self.project);
        tokio::spawn(async move { project.current().await.map(|_| ()) });
    }

    /// Flattens one object and counts what became of it.
    async fn object(&self, key: &Key, summary: &mut Summary) -> Result<(), Failure> {
        let project = self.project.current().await?;
        match flatten::object(&project.lake, key, THREADS, &self.ports).await? {
            Flattened::Done(ingested) => {
                tracing::info!(
                    %key,
                    records = ingested.records,
                    rows = ingested.rows,
                    quarantined = ingested.quarantined,
                    repeated = ingested.repeated,
                    "flattened"
                );
                summary.add(&ingested);
            }
            Flattened::Gone => {
                tracing::warn!(%key, "the object was removed since its arrival was told");
                summary.gone += 1;
            }
            Flattened::NotMeant { reason } => {
                tracing::info!(%key, reason, "not flattened");
                summary.ignored += 1;
            }
        }
        Ok(())
    }
}

impl Handler for DynamodbFlatten {
    async fn handle(&self, invocation: Invocation) -> Result<Answer, Failure> {
        let arrivals = Arrivals::read(&invocation.body)?;
        let mut summary = Summary { ignored: arrivals.ignored, ..Summary::default() };
        let mut failed = Vec::new();
        for key in &arrivals.created {
            if let Err(error) = self.object(key, &mut summary).await {
                tracing::error!(%key, %error, kind = error.kind.name(), "the object was not flattened");
                failed.push(format!("`{key}`: {error}"));
            }
        }
        if let Some(first) = failed.first() {
            // Lambda repeats the whole event, and what is done already is done again with the same result. What no repeat
            // mends ends where the function's failed events go, by key.
            let (count, all) = (failed.len(), arrivals.created.len());
            return Err(Failure::retryable(format!("{count} of {all} objects were not flattened; first {first}")));
        }
        let sources: BTreeSet<&str> = arrivals.created.iter().filter_map(source).collect();
        let body = serde_json::to_vec(&summary).map_err(Failure::permanent)?;
        Ok(Answer { body: body.into(), report: summary.report(&sources) })
    }
}

/// `raw/<source>/…`
fn source(key: &Key) -> Option<&str> {
    key.as_str().split('/').nth(1)
}

#[cfg(test)]
mod tests {
    use aws_lambda_events::event::s3::S3Event;

    use super::*;

    #[test]
    fn the_sample_event_is_one_of_s3() {
        let text = include_str!("../events/two-objects.json");
        let event: S3Event = serde_json::from_str(text).unwrap();
        let arrivals = Arrivals::read(text.as_bytes()).unwrap();
        assert_eq!((event.records.len(), arrivals.created.len(), arrivals.ignored), (3, 2, 1));
        assert!(arrivals.created.contains(&Key::new("raw/orders/day=2026-10-31/注文 1.ndjson")));
        let test = Arrivals::read(include_bytes!("../events/test-event.json")).unwrap();
        assert_eq!((test.created.len(), test.ignored), (0, 1));
    }

    #[test]
    fn settings_have_defaults() {
        let given = [("TARN_BUCKET".to_owned(), "lake".to_owned())];
        let settings = Settings::read_from(given, FunctionSettings::read).unwrap();
        assert_eq!((settings.buckets.raw.as_str(), settings.project_for.num_seconds()), ("lake", 60));
        assert!(Settings::read_from([], FunctionSettings::read).is_err());
    }
}
