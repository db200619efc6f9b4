//! The function `athena-ctas`: one model of a run, from one query to the next.
//!
//! It never waits. It goes through the model's steps, finds in the journal what has ended, and at the first query that goes on it
//! answers with that query: the state machine waits for it and calls again. Preparing, auditing and publishing are one function
//! because they are one way with stops, not three works.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use tarn_aws::{Athena, AthenaSettings, Aws, BucketNames, Glue};
use tarn_lambda::{Answer, Failure, Handler, Invocation, Report, Settings};
use tarn_model::AccessTag;
use tarn_pipeline::backfill::closing::{self, Closing};
use tarn_pipeline::context::Ports;
use tarn_pipeline::journal::{JournalPorts, JournalledEngine, Patience};
use tarn_pipeline::layout;
use tarn_pipeline::names::{Key, RunId};
use tarn_pipeline::plan::{self, Next, Plan};
use tarn_pipeline::ports::{ObjectStore, PendingQuery, Silent, SystemClock};
use tarn_pipeline::project::Project;
use tarn_pipeline::record::{LoadedRecord, ModelRecord, Status};
use tokio::sync::Mutex;

/// Statements up to this size go through the state machine, which then waits for their end by itself; its state holds 262,144
/// bytes and the answer of a query repeats the statement. Longer ones it asks after now and then.
const LONGEST_PASSED: usize = 64 << 10;
/// The pause before the state machine asks after a query that it cannot wait for.
const PAUSE: Duration = Duration::from_secs(5);

/// Steps after which readers see the new version already: the state machine itself has tried them again.
const AFTER_PUBLISH: [&str; 2] = ["load", plan::OPENING];

/// What the function is told by its environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionSettings {
    /// Where plans, journals and versions are.
    pub buckets: BucketNames,
    /// Where queries run.
    pub athena: AthenaSettings,
}

impl FunctionSettings {
    /// Reads the settings.
    pub fn read(settings: &mut Settings) -> Self {
        let lake = settings.required("TARN_BUCKET", "the lake's bucket");
        let raw = settings.optional("TARN_RAW_BUCKET").unwrap_or_else(|| lake.clone());
        let athena = AthenaSettings {
            database: settings.required("TARN_DATABASE", "the Glue database of the lake's tables"),
            workgroup: settings.required("TARN_WORKGROUP", "the Athena workgroup that queries run in"),
            results: None,
        };
        Self { buckets: BucketNames { lake, raw }, athena }
    }
}

/// One stretch of a model.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Event {
    /// The run.
    run: RunId,
    /// The model's number in the plan.
    model: usize,
    /// When the model was begun; its time is told from there.
    #[serde(default)]
    started: Option<DateTime<Utc>>,
    /// How the load of its mart ended, when that was the last thing.
    #[serde(default)]
    load: Option<Load>,
    /// Why the published table could not be opened to its readers, when that was the last thing.
    #[serde(default)]
    unopened: Option<Fault>,
    /// The model was made by a backfill, all of whose slices are done: its mart and its old versions are what is left.
    #[serde(default)]
    closing: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Load {
    Done(LoadedRecord),
    Failed(Fault),
}

/// What Step Functions says of something that failed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Fault {
    error: String,
    cause: String,
}

/// What stands in a cause that is JSON: an execution that failed, as Step Functions describes it, or a function's error.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Nested {
    #[serde(rename = "Error")]
    error: Option<String>,
    #[serde(rename = "Cause")]
    cause: Option<String>,
    #[serde(rename = "errorType")]
    kind: Option<String>,
    #[serde(rename = "errorMessage")]
    message: Option<String>,
}

impl Fault {
    /// The fault that led to this one: of a machine that failed because another one did, because a function did, the function's.
    fn innermost(&self) -> Self {
        let nested: Nested = serde_json::from_str(&self.cause).unwrap_or_default();
        match nested {
            Nested { kind, message: Some(cause), .. } => {
                Self { error: kind.unwrap_or_else(|| self.error.clone()), cause }
            }
            Nested { error: Some(error), cause, .. } => Self { error, cause: cause.unwrap_or_default() }.innermost(),
            _ => self.clone(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { error, cause } = self.innermost();
        write!(formatter, "{error}: {cause}")
    }
}

/// What comes next.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "next", rename_all = "snake_case")]
enum Response {
    /// This query is to be waited for; to start it with this token is to find the one that was started.
    Query { query: Query },
    /// A pause, and then the same again.
    Wait { seconds: u64 },
    /// This mart is to be loaded with the model's version.
    Load { mart: String },
    /// This mart is to be loaded with what this run of the model published last.
    LoadPublished { mart: String, run: RunId, model: String },
    /// The model has ended; its record tells how.
    Ended { status: Status },
}

/// What comes next, and who may read what was published.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Answered {
    #[serde(flatten)]
    response: Response,
    #[serde(skip_serializing_if = "Option::is_none")]
    open: Option<Opened>,
}

/// The tags of Lake Formation that a published table has to carry, as it takes them.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Opened {
    database: String,
    table: String,
    tags: Vec<LfTag>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct LfTag {
    tag_key: String,
    tag_values: [&'static str; 1],
}

impl From<AccessTag> for LfTag {
    fn from(tag: AccessTag) -> Self {
        Self { tag_key: tag.key, tag_values: [if tag.is_open { "yes" } else { "no" }] }
    }
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Query {
    statement: String,
    token: String,
    database: String,
    workgroup: String,
}

/// The function.
pub struct AthenaCtas {
    settings: FunctionSettings,
    aws: Arc<Aws>,
    objects: Arc<dyn ObjectStore>,
    /// The project of the last event: the models of a run share one.
    project: Mutex<Option<Arc<Project>>>,
}

impl AthenaCtas {
    /// The function on this bucket.
    pub fn new(settings: FunctionSettings, aws: Arc<Aws>, objects: Arc<dyn ObjectStore>) -> Self {
        Self { settings, aws, objects, project: Mutex::new(None) }
    }

    async fn project(&self, key: &Key) -> Result<Arc<Project>, Failure> {
        let mut held = self.project.lock().await;
        if let Some(project) = held.as_ref().filter(|project| &project.key == key) {
            return Ok(Arc::clone(project));
        }
        let project = Arc::new(Project::read(key.clone(), self.objects.as_ref()).await?);
        *held = Some(Arc::clone(&project));
        Ok(project)
    }

    /// The world of one model in one run.
    fn ports(&self, run: &RunId, model: &str, started: Option<DateTime<Utc>>) -> Ports {
        let catalogue =
            Arc::new(Glue::new(Arc::clone(&self.aws), Arc::clone(&self.objects), &self.settings.athena.database));
        let behind = JournalPorts {
            service: Arc::new(Athena::new(Arc::clone(&self.aws), self.settings.athena.clone())),
            objects: Arc::clone(&self.objects),
            catalogue: Arc::clone(&catalogue) as Arc<_>,
        };
        let journal = Some(layout::journal(run, model));
        // Executions of one model of one run differ in when they began.
        let execution = started.map(|started| started.to_rfc3339());
        let engine = JournalledEngine::new(behind, journal, layout::shapes(), Patience::None).in_execution(execution);
        Ports {
            objects: Arc::clone(&self.objects),
            catalogue,
            engine: Arc::new(engine),
            marts: IndexMap::new(),
            clock: Arc::new(SystemClock),
            observer: Arc::new(Silent),
        }
    }

    async fn next(&self, plan: &Plan, event: Event) -> Result<Next, Failure> {
        let objects = self.objects.as_ref();
        match (event.load, event.unopened) {
            (_, Some(fault)) => Ok(plan::note_unopened(plan, event.model, &fault.to_string(), objects).await?),
            (Some(Load::Done(loaded)), None) => Ok(plan::note_load(plan, event.model, Ok(loaded), objects).await?),
            (Some(Load::Failed(fault)), None) => {
                Ok(plan::note_load(plan, event.model, Err(fault.to_string()), objects).await?)
            }
            (None, None) => {
                let project = self.project(&plan.project).await?;
                let ports = self.ports(&plan.run, plan.model(event.model)?, event.started);
                Ok(plan::advance(plan, event.model, event.started, Arc::clone(&project.lake), ports).await?)
            }
        }
    }

    /// The end of a backfill for one model.
    async fn close(&self, plan: &Plan, event: Event) -> Result<Response, Failure> {
        let project = self.project(&plan.project).await?;
        let loaded = event.load.map(|load| match load {
            Load::Done(loaded) => Ok(loaded),
            Load::Failed(fault) => Err(fault.to_string()),
        });
        let ports = self.ports(&plan.run, plan.model(event.model)?, None);
        let (catalogue, objects) = (ports.catalogue.as_ref(), self.objects.as_ref());
        Ok(match closing::close(plan, event.model, loaded, &project.lake, catalogue, objects).await? {
            Closing::Load { mart, run, model } => Response::LoadPublished { mart, run, model },
            Closing::Ended(status) => Response::Ended { status },
        })
    }

    /// A model that failed for a reason that may pass is an invocation that failed: the state machine tries again, and when it
    /// has tried enough, the record that was written stands.
    async fn refuse_transient(&self, plan: &Plan, number: usize) -> Result<(), Failure> {
        let record = ModelRecord::read(&plan.run, plan.model(number)?, self.objects.as_ref()).await?;
        match record
            .and_then(|record| record.failure)
            .filter(|failure| failure.retryable && !AFTER_PUBLISH.contains(&failure.step.as_str()))
        {
            Some(failure) => Err(Failure::retryable(format!("{}: {}", failure.step, failure.message))),
            None => Ok(()),
        }
    }

    /// Who may read what the model has just published; nothing where the lake does not say, and after what comes later.
    async fn opened(&self, plan: &Plan, number: usize, next: &Next) -> Result<Option<Opened>, Failure> {
        if !matches!(next, Next::Load { .. } | Next::Ended(Status::Done)) {
            return Ok(None);
        }
        let (name, project) = (plan.model(number)?, self.project(&plan.project).await?);
        let tags =
            project.lake.models.get(name).map(|model| project.lake.config.access_tags(model)).unwrap_or_default();
        let database = self.settings.athena.database.clone();
        let tags: Vec<LfTag> = tags.into_iter().map(LfTag::from).collect();
        Ok((!tags.is_empty()).then(|| Opened { database, table: name.to_owned(), tags }))
    }

    fn response(&self, next: Next) -> Response {
        match next {
            Next::Query(PendingQuery { statement, token, .. }) if statement.len() <= LONGEST_PASSED => {
                let AthenaSettings { database, workgroup, .. } = self.settings.athena.clone();
                Response::Query { query: Query { statement, token, database, workgroup } }
            }
            Next::Query(_) => Response::Wait { seconds: PAUSE.as_secs() },
            Next::Load { mart } => Response::Load { mart },
            Next::Ended(status) => Response::Ended { status },
        }
    }
}

impl Handler for AthenaCtas {
    async fn handle(&self, invocation: Invocation) -> Result<Answer, Failure> {
        let event: Event = serde_json::from_slice(&invocation.body)
            .map_err(|error| Failure::permanent(format!("the event is no stretch of a model: {error}")))?;
        let plan = Plan::read(&event.run, self.objects.as_ref()).await?;
        let number = event.model;
        tracing::info!(run = %event.run, model = plan.model(number)?, "a stretch begins");
        let response = match event.closing {
            true => Answered { response: self.close(&plan, event).await?, open: None },
            false => {
                let publishes = event.load.is_none() && event.unopened.is_none();
                let next = self.next(&plan, event).await?;
                if matches!(next, Next::Ended(Status::Failed)) {
                    self.refuse_transient(&plan, number).await?;
                }
                let open = if publishes { self.opened(&plan, number, &next).await? } else { None };
                Answered { response: self.response(next), open }
            }
        };
        tracing::info!(run = %plan.run, model = plan.model(number)?, next = kind(&response.response), "a stretch ends");
        let body = serde_json::to_vec(&response).map(Bytes::from).map_err(Failure::permanent)?;
        Ok(Answer { body, report: Report::default().with("Stretches", 1) })
    }
}

fn kind(response: &Response) -> &'static str {
    match response {
        Response::Query { .. } => "query",
        Response::Wait { .. } => "wait",
        Response::Load { .. } | Response::LoadPublished { .. } => "load",
        Response::Ended { .. } => "ended",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_events_are_stretches() {
        for sample in [
            include_str!("../events/advance.json"),
            include_str!("../events/loaded.json"),
            include_str!("../events/load_failed.json"),
            include_str!("../events/unopened.json"),
            include_str!("../events/close.json"),
        ] {
            serde_json::from_str::<Event>(sample).unwrap();
        }
    }

    #[test]
    fn a_fault_is_told_by_what_led_to_it() {
        let told = |error: &str, cause: &str| Fault { error: error.to_owned(), cause: cause.to_owned() }.to_string();
        assert_eq!(told("LakeFormation.X", "no such tag"), "LakeFormation.X: no such tag");
        assert_eq!(
            told("Tarn.Permanent", r#"{"errorMessage": "the password is wrong"}"#),
            "Tarn.Permanent: the password is wrong"
        );
        let function = r#"{"errorType": "Sandbox.Timedout", "errorMessage": "Task timed out after 900.00 seconds"}"#;
        let execution = serde_json::json!({"ExecutionArn": "arn", "Status": "FAILED", "Error": "Sandbox.Timedout", "Cause": function});
        assert_eq!(
            told("States.TaskFailed", &execution.to_string()),
            "Sandbox.Timedout: Task timed out after 900.00 seconds"
        );
        assert_eq!(told("States.Timeout", r#"{"Status": "TIMED_OUT"}"#), r#"States.Timeout: {"Status": "TIMED_OUT"}"#);
    }

    #[test]
    fn what_comes_next_is_what_the_state_machine_chooses_by() {
        let ended = serde_json::to_string(&Response::Ended { status: Status::Done }).unwrap();
        assert_eq!(ended, r#"{"next":"ended","status":"done"}"#);
        let load = Response::Load { mart: "reporting".to_owned() };
        assert_eq!(serde_json::to_string(&load).unwrap(), r#"{"next":"load","mart":"reporting"}"#);
        let closed = LfTag { tag_key: "tarn-shop-bi".to_owned(), tag_values: ["no"] };
        let open = Some(Opened { database: "tarn_shop".to_owned(), table: "kpi".to_owned(), tags: vec![closed] });
        assert_eq!(
            serde_json::to_string(&Answered { response: load, open }).unwrap(),
            r#"{"next":"load","mart":"reporting","open":{"database":"tarn_shop","table":"kpi","tags":[{"TagKey":"tarn-shop-bi","TagValues":["no"]}]}}"#
        );
    }
}
