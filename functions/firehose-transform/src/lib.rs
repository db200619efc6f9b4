//! The function `firehose-transform`: an event of Firehose through one step, [`Delivery`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use chrono::TimeDelta;
use tarn_aws::BucketNames;
use tarn_lambda::{Answer, Failure, Handler, Invocation, Report, Settings};
use tarn_pipeline::ingest::delivery::{Delivered, Delivery, DeliveryPorts};
use tarn_pipeline::names::Key;
use tarn_pipeline::ports::{Clock, DeliveryStream, ObjectStore};
use tarn_pipeline::project::{KeptProject, Project};
use tokio::sync::Mutex;

/// What is left of an invocation's time when nothing is waited for any more.
const LEFT_FOR_THE_ANSWER: Duration = Duration::from_secs(10);

/// What the function is told by its environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransformSettings {
    /// The source whose records come in.
    pub source: String,
    /// Where the project and the quarantine are.
    pub buckets: BucketNames,
    /// How long a project is taken for the present one.
    pub project_for: TimeDelta,
    /// Whether what does not fit in a response goes back on the stream.
    pub puts_back: bool,
}

impl TransformSettings {
    /// Reads the settings.
    pub fn read(settings: &mut Settings) -> Self {
        let lake = settings.required("TARN_BUCKET", "the lake's bucket, with the project and the quarantine");
        let seconds: u32 =
            settings.parsed_or("TARN_PROJECT_SECONDS", "how long a project is taken for the present one", 60);
        Self {
            source: settings.required("TARN_SOURCE", "the source whose records come in"),
            buckets: BucketNames { raw: settings.optional("TARN_RAW_BUCKET").unwrap_or_else(|| lake.clone()), lake },
            project_for: TimeDelta::seconds(seconds.into()),
            puts_back: settings.parsed_or("TARN_PUT_BACK", "whether what does not fit goes back on the stream", true),
        }
    }
}

/// The function.
pub struct FirehoseTransform {
    settings: TransformSettings,
    project: Arc<KeptProject>,
    objects: Arc<dyn ObjectStore>,
    streams: Arc<dyn DeliveryStream>,
    clock: Arc<dyn Clock>,
    /// Absent before the first event, and after one whose handling broke off.
    prepared: Mutex<Option<Prepared>>,
}

/// A delivery, and the project whose contract it knows.
struct Prepared {
    project: Key,
    delivery: Delivery,
}

impl FirehoseTransform {
    /// The function on these ports.
    pub fn new(
        settings: TransformSettings,
        objects: Arc<dyn ObjectStore>,
        streams: Arc<dyn DeliveryStream>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let project = KeptProject::new(Arc::clone(&objects), Arc::clone(&clock), settings.project_for);
        Self { settings, project: Arc::new(project), objects, streams, clock, prepared: Mutex::new(None) }
    }

    /// Reads the project while the first event is waited for; an error is told when that event asks again.
    pub fn read_ahead(&self) {
        let project = Arc::clone(&self.project);
        tokio::spawn(async move { project.current().await.map(|_| ()) });
    }

    fn prepare(&self, kept: Option<Prepared>, project: &Project) -> Result<Prepared, Failure> {
        if let Some(prepared) = kept.filter(|prepared| prepared.project == project.key) {
            return Ok(prepared);
        }
        let name = &self.settings.source;
        let source = project.lake.sources.get(name).ok_or_else(|| {
            Failure::permanent(format!(
                "the project `{}` has no source `{name}`, which `TARN_SOURCE` names",
                project.key
            ))
        })?;
        Ok(Prepared { project: project.key.clone(), delivery: Delivery::new(&project.lake, source)? })
    }
}

impl Handler for FirehoseTransform {
    async fn handle(&self, invocation: Invocation) -> Result<Answer, Failure> {
        let project = self.project.current().await?;
        // Taken out, so that nothing half done is found by the next event if this one breaks off.
        let kept = self.prepared.lock().await.take();
        let mut prepared = self.prepare(kept, &project)?;
        let ports = DeliveryPorts {
            objects: self.objects.as_ref(),
            streams: self.settings.puts_back.then_some(self.streams.as_ref()),
            clock: self.clock.as_ref(),
            until: Instant::now() + invocation.remaining().saturating_sub(LEFT_FOR_THE_ANSWER),
        };
        let (response, delivered) =
            prepared.delivery.deliver(&invocation.body, ports).await.map_err(Failure::permanent)?;
        let answer =
            Answer { body: Bytes::copy_from_slice(response), report: report(&self.settings.source, delivered) };
        *self.prepared.lock().await = Some(prepared);
        Ok(answer)
    }
}

fn report(source: &str, delivered: Delivered) -> Report {
    Report::of_source(source)
        .with("Records", delivered.records)
        .with("Ok", delivered.ok)
        .with("Dropped", delivered.empty)
        .with("Quarantined", delivered.quarantined)
        .with("PutBack", delivered.put_back)
        .with("Failed", delivered.failed)
}
