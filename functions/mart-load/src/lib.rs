//! The function `mart-load`: a published version into a mart, in steps: begin, the parts, commit.
//!
//! Each step is told a model and a run, and finds out for itself what is to be loaded. A part goes on where it stopped when it is
//! asked again, so that no version is too large for the time that a function has.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tarn_aws::{Aws, BucketNames, RdsToken, Secret};
use tarn_lambda::{Answer, Failure, Handler, Invocation, Report, Settings};
use tarn_pipeline::load_parts::{self, Begun, PartsRequest};
use tarn_pipeline::names::RunId;
use tarn_pipeline::plan::Plan;
use tarn_pipeline::ports::{Clock, ObjectStore, PartOutcome, Passwords, StagedMart};
use tarn_pipeline::project::{KeptProject, Project};
use tarn_pipeline::record::LoadedRecord;

/// How long a project is taken for the present one.
const PROJECT_FOR: TimeDelta = TimeDelta::seconds(60);

/// What the function is told by its environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionSettings {
    /// Where the project, the manifests and the versions are.
    pub buckets: BucketNames,
    /// The mart's name in `tarn.yaml`.
    pub mart: String,
    /// Where the mart is, without a password.
    pub url: String,
    /// The name or ARN of the secret with the password; a token of RDS is signed when there is none.
    pub secret: Option<String>,
    /// The most parts of a load.
    pub parts: usize,
    /// The time that must be left for another slice to be begun.
    pub margin: Duration,
}

impl FunctionSettings {
    /// Reads the settings.
    pub fn read(settings: &mut Settings) -> Self {
        let lake = settings.required("TARN_BUCKET", "the lake's bucket");
        let raw = settings.optional("TARN_RAW_BUCKET").unwrap_or_else(|| lake.clone());
        let margin: u32 =
            settings.parsed_or("TARN_MARGIN_SECONDS", "the time that must be left for another million rows", 180);
        let url = settings.required("TARN_MART_URL", "where the mart is, without a password");
        if tarn_mart::server_of(&url).is_ok_and(|server| server.has_password) {
            settings.mistake(
                "`TARN_MART_URL` holds a password, which everybody could read who may look at the function: keep it in a secret and name that in `TARN_MART_SECRET`",
            );
        }
        Self {
            buckets: BucketNames { lake, raw },
            mart: settings.required("TARN_MART", "the mart's name in `tarn.yaml`"),
            url,
            secret: settings.optional("TARN_MART_SECRET"),
            parts: settings.parsed_or("TARN_MART_PARTS", "the most parts of a load", 8),
            margin: Duration::from_secs(margin.into()),
        }
    }

    /// Where the mart's password comes from.
    ///
    /// # Errors
    /// A URL that names no server.
    pub fn passwords(&self, aws: Arc<Aws>) -> Result<Arc<dyn Passwords>, Failure> {
        if let Some(secret) = &self.secret {
            return Ok(Arc::new(Secret::new(aws, secret)));
        }
        let server = tarn_mart::server_of(&self.url).map_err(Failure::permanent)?;
        Ok(Arc::new(RdsToken::new(aws, server.host, server.port, server.user)))
    }
}

/// One step of a load.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Event {
    /// Which one.
    step: Step,
    /// The run.
    run: RunId,
    /// The model, by its name or by its number in the run's plan.
    model: Value,
    /// The number of the part, from 0.
    #[serde(default)]
    part: usize,
    /// How many parts there are.
    #[serde(default)]
    of: usize,
    /// Loads all of it over whatever is there: a rollback.
    #[serde(default)]
    anew: bool,
    /// When the load was begun; its time is told from there.
    #[serde(default)]
    started: Option<DateTime<Utc>>,
    /// Rows of rounds before this one.
    #[serde(default)]
    rows: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Step {
    /// Makes room, and says how many parts there are.
    Begin,
    /// Loads a part.
    Part,
    /// Makes the rows visible.
    Commit,
    /// All of them, one after the other: for a container, which has the time.
    Whole,
}

/// What a step answers.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
enum Response {
    Begun(Begun),
    Part(PartOutcome),
    Ended {
        /// For the model's record.
        loaded: LoadedRecord,
        /// Whether the steps are to be gone through again, for a later run.
        more: bool,
    },
}

/// The function.
pub struct MartLoad {
    settings: FunctionSettings,
    objects: Arc<dyn ObjectStore>,
    clock: Arc<dyn Clock>,
    project: KeptProject,
    mart: Box<dyn StagedMart>,
}

impl MartLoad {
    /// The function on these ports.
    ///
    /// # Errors
    /// A URL that names no mart.
    pub fn new(
        settings: FunctionSettings,
        objects: Arc<dyn ObjectStore>,
        clock: Arc<dyn Clock>,
        passwords: Arc<dyn Passwords>,
    ) -> Result<Self, Failure> {
        let mart = tarn_mart::open_server(&settings.url, Some(passwords)).map_err(Failure::permanent)?;
        let project = KeptProject::new(Arc::clone(&objects), Arc::clone(&clock), PROJECT_FOR);
        Ok(Self { settings, objects, clock, project, mart })
    }

    /// Takes one step, until `until` at the latest.
    async fn take(&self, event: Event, until: SystemTime) -> Result<Response, Failure> {
        let (project, name) = self.model(&event).await?;
        let model = project
            .lake
            .models
            .get(&name)
            .ok_or_else(|| Failure::permanent(format!("the project has no model `{name}`")))?;
        match &model.mart {
            Some(target) if target.to == self.settings.mart => {}
            Some(target) => {
                let (to, mart) = (&target.to, &self.settings.mart);
                return Err(Failure::permanent(format!(
                    "model `{name}` goes to mart `{to}`, this function to `{mart}`"
                )));
            }
            None => return Err(Failure::permanent(format!("model `{name}` has no mart"))),
        }
        let request = PartsRequest { model, run: &event.run, anew: event.anew };
        let is_over = || SystemTime::now() + self.settings.margin > until;
        let (mart, objects) = (self.mart.as_ref(), || Arc::clone(&self.objects));
        tracing::info!(run = %event.run, model = %name, step = ?event.step, "a step begins");
        match event.step {
            Step::Begin => Ok(Response::Begun(load_parts::begin(request, self.settings.parts, mart, objects()).await?)),
            Step::Part => {
                let part = (event.part, event.of);
                Ok(Response::Part(load_parts::part(request, part, mart, objects(), &is_over).await?))
            }
            Step::Commit => self.commit(request, &event, event.rows).await,
            Step::Whole => {
                let mut rows = event.rows;
                loop {
                    let begun = load_parts::begin(request, 1, mart, objects()).await?;
                    for part in begun.parts {
                        load_parts::part(request, (part, begun.of), mart, objects(), &|| false).await?;
                    }
                    match self.commit(request, &event, rows).await? {
                        Response::Ended { loaded, more: true } => rows = loaded.rows,
                        ended => return Ok(ended),
                    }
                }
            }
        }
    }

    async fn commit(&self, request: PartsRequest<'_>, event: &Event, before: u64) -> Result<Response, Failure> {
        let began = event.started.unwrap_or_else(|| self.clock.now());
        let committed = load_parts::commit(request, self.mart.as_ref(), Arc::clone(&self.objects)).await?;
        let taken = self.clock.now().signed_duration_since(began).num_milliseconds();
        let loaded = load_parts::record(request.model, before + committed.rows, u64::try_from(taken).unwrap_or(0))?;
        Ok(Response::Ended { loaded, more: committed.more })
    }

    /// The project and the name of the model: those of the run's plan when the model goes by its number there.
    async fn model(&self, event: &Event) -> Result<(Arc<Project>, String), Failure> {
        if let Some(name) = event.model.as_str() {
            return Ok((self.project.current().await?, name.to_owned()));
        }
        let number = event.model.as_u64().and_then(|number| usize::try_from(number).ok());
        let number = number.ok_or_else(|| Failure::permanent("`model` is neither a name nor a number of the plan"))?;
        let plan = Plan::read(&event.run, self.objects.as_ref()).await?;
        let project = Project::read(plan.project.clone(), self.objects.as_ref()).await?;
        Ok((Arc::new(project), plan.model(number)?.to_owned()))
    }

    /// Takes the step of an event.
    ///
    /// # Errors
    /// An event that is no step, and what the step says.
    pub async fn step(&self, body: &Bytes, until: SystemTime) -> Result<Answer, Failure> {
        let event: Event = serde_json::from_slice(body)
            .map_err(|error| Failure::permanent(format!("the event is no step of a load: {error}")))?;
        let response = self.take(event, until).await?;
        let report = match &response {
            Response::Begun(begun) => Report::default().with("Parts", begun.of as u64),
            Response::Part(part) => Report::default().with("Rows", part.rows),
            Response::Ended { loaded, .. } => Report::default().with("RowsLoaded", loaded.rows),
        };
        Ok(Answer { body: serde_json::to_vec(&response).map_err(Failure::permanent)?.into(), report })
    }
}

impl Handler for MartLoad {
    async fn handle(&self, invocation: Invocation) -> Result<Answer, Failure> {
        self.step(&invocation.body, invocation.deadline).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_events_are_steps() {
        let event = |text: &str| serde_json::from_str::<Event>(text).unwrap();
        assert_eq!(event(include_str!("../events/begin.json")).step, Step::Begin);
        let part = event(include_str!("../events/part.json"));
        assert_eq!((part.step, part.model.as_u64(), part.part, part.of), (Step::Part, Some(3), 2, 5));
        let commit = event(include_str!("../events/commit.json"));
        assert_eq!((commit.step, commit.started.is_some(), commit.rows), (Step::Commit, true, 0));
        assert!(event(include_str!("../events/whole.json")).anew);
        assert!(serde_json::from_str::<Event>("{\"run\": \"r1\", \"model\": 1}").is_err());
    }

    #[test]
    fn settings_have_defaults() {
        let given =
            [("TARN_BUCKET", "lake"), ("TARN_MART", "reporting"), ("TARN_MART_URL", "mysql://tarn@db/reporting")];
        let given = given.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let settings = Settings::read_from(given, FunctionSettings::read).unwrap();
        assert_eq!((settings.parts, settings.margin.as_secs(), settings.secret), (8, 180, None));
        assert_eq!(Settings::read_from([], FunctionSettings::read).unwrap_err().mistakes.len(), 3);
    }

    #[test]
    fn a_password_in_the_environment_is_refused() {
        let given = [
            ("TARN_BUCKET", "lake"),
            ("TARN_MART", "reporting"),
            ("TARN_MART_URL", "mysql://tarn:hunter2@db/reporting"),
        ];
        let given = given.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let error = Settings::read_from(given, FunctionSettings::read).unwrap_err();
        assert!(error.mistakes.len() == 1 && error.mistakes[0].contains("holds a password"), "{error}");
        assert!(!format!("{error:?}{error}").contains("hunter2"));
    }
}
