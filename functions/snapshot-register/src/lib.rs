//! The function `snapshot-register`: what the export of an Aurora cluster is called, which snapshot it is made of, and, once RDS
//! has written it, that readers of the lake's sources see it. Waiting is the state machine's.

use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tarn_aws::BucketNames;
use tarn_lambda::{Answer, Failure, Handler, Invocation, Report, Settings};
use tarn_pipeline::ingest::export::{self, ClusterSnapshot, Registered};
use tarn_pipeline::ports::{Catalogue, ObjectStore};
use tarn_pipeline::project::Project;

/// What the function is told by its environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionSettings {
    /// Where the project is, and the exports.
    pub buckets: BucketNames,
    /// The Glue database of the lake's tables.
    pub database: String,
}

impl FunctionSettings {
    /// Reads the settings.
    pub fn read(settings: &mut Settings) -> Self {
        let lake = settings.required("TARN_BUCKET", "the lake's bucket, with the project");
        let raw = settings.optional("TARN_RAW_BUCKET").unwrap_or_else(|| lake.clone());
        let database = settings.required("TARN_DATABASE", "the Glue database of the lake's tables");
        Self { buckets: BucketNames { lake, raw }, database }
    }
}

/// One step of an export.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
enum Event {
    /// What is to be exported, and what it is called.
    Plan {
        /// The cluster.
        cluster: String,
        /// The time it is for.
        time: DateTime<Utc>,
    },
    /// Which snapshot is exported.
    Choose {
        /// The time it is for.
        time: DateTime<Utc>,
        /// The automatic snapshots of the cluster.
        snapshots: Vec<ClusterSnapshot>,
    },
    /// Readers see the export.
    Register {
        /// The cluster.
        cluster: String,
        /// The export's name.
        task: String,
    },
}

/// What is answered to `choose`.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Chosen<'a> {
    /// The snapshot's ARN; none when one is to be made.
    snapshot: Option<&'a str>,
}

/// What is answered to `register`.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Outcome {
    /// What each source has now.
    sources: Vec<Registered>,
}

/// The function.
pub struct SnapshotRegister {
    objects: Arc<dyn ObjectStore>,
    catalogue: Arc<dyn Catalogue>,
}

impl SnapshotRegister {
    /// The function on these ports.
    pub fn new(objects: Arc<dyn ObjectStore>, catalogue: Arc<dyn Catalogue>) -> Self {
        Self { objects, catalogue }
    }

    async fn plan(&self, cluster: &str, time: DateTime<Utc>) -> Result<Answer, Failure> {
        let project = Project::load(self.objects.as_ref()).await?;
        let plan = export::plan(&project.lake, cluster, time)?;
        tracing::info!(cluster, task = %plan.task, tables = plan.tables.len(), "the export is planned");
        answer(&plan, Report::default().with("Tables", plan.tables.len() as u64))
    }

    async fn register(&self, cluster: &str, task: &str) -> Result<Answer, Failure> {
        let project = Project::load(self.objects.as_ref()).await?;
        let objects = Arc::clone(&self.objects);
        let lake = Arc::clone(&project.lake);
        let sources = export::register(lake, cluster, task, objects, self.catalogue.as_ref()).await?;
        for source in &sources {
            tracing::info!(source = %source.source, rows = source.rows, files = source.files, "readers see the export");
        }
        let sum = |of: fn(&Registered) -> u64| sources.iter().map(of).sum();
        let report = Report::default()
            .with("Sources", sources.len() as u64)
            .with("Rows", sum(|source| source.rows))
            .with("Bytes", sum(|source| source.bytes));
        answer(&Outcome { sources }, report)
    }
}

impl Handler for SnapshotRegister {
    async fn handle(&self, invocation: Invocation) -> Result<Answer, Failure> {
        let event = serde_json::from_slice(&invocation.body)
            .map_err(|error| Failure::permanent(format!("the event is no step of an export: {error}")))?;
        match event {
            Event::Plan { cluster, time } => self.plan(&cluster, time).await,
            Event::Choose { time, snapshots } => {
                let newest = export::newest(&snapshots, time);
                let snapshot = newest.map(|snapshot| snapshot.db_cluster_snapshot_arn.as_str());
                answer(&Chosen { snapshot }, Report::default().with("Snapshots", snapshots.len() as u64))
            }
            Event::Register { cluster, task } => self.register(&cluster, &task).await,
        }
    }
}

fn answer(value: &impl Serialize, report: Report) -> Result<Answer, Failure> {
    let body = serde_json::to_vec(value).map(Bytes::from).map_err(Failure::permanent)?;
    Ok(Answer { body, report })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_events_are_steps() {
        for sample in [
            include_str!("../events/plan.json"),
            include_str!("../events/choose.json"),
            include_str!("../events/register.json"),
        ] {
            serde_json::from_str::<Event>(sample).unwrap();
        }
    }

    #[test]
    fn a_snapshot_that_is_to_be_made_is_null_as_the_state_machine_asks() {
        assert_eq!(serde_json::to_string(&Chosen { snapshot: None }).unwrap(), r#"{"snapshot":null}"#);
    }
}
