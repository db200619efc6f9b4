//! The function `query-cost`: it hears how queries and runs end and alarms go off, counts, and tells people.

mod event;

use std::sync::Arc;

use bytes::Bytes;
use chrono::TimeDelta;
use serde_json::json;
use tarn_aws::{Athena, AthenaSettings, Aws, Bucket, BucketNames, Slack, Workflow};
use tarn_lambda::{Answer, Failure, Handler, Invocation, Report, Settings};
use tarn_pipeline::ports::{Clock, Notifier, ObjectStore};
use tarn_pipeline::project::KeptProject;
use tarn_pipeline::tell::{self, FailedExecution, Outcome, TellPorts, Told};

use event::Event;

/// What follows the lake's workgroup in the name of the one that people ask in.
const PEOPLE: &str = "-people";
/// How long a project is taken for the present one.
const PROJECT_FOR: TimeDelta = TimeDelta::minutes(1);

/// What the function is told by its environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionSettings {
    /// Where the project and the records are.
    pub buckets: BucketNames,
    /// The lake's workgroup; queries of others, but for people's own, are not the lake's.
    pub workgroup: String,
    /// The secret that holds the address of Slack's web hook.
    pub slack_secret: Option<String>,
}

impl FunctionSettings {
    /// Reads the settings.
    pub fn read(settings: &mut Settings) -> Self {
        let lake = settings.required("TARN_BUCKET", "the lake's bucket, with the project and the records");
        let raw = settings.optional("TARN_RAW_BUCKET").unwrap_or_else(|| lake.clone());
        Self {
            buckets: BucketNames { lake, raw },
            workgroup: settings.required("TARN_WORKGROUP", "the Athena workgroup whose queries are counted"),
            slack_secret: settings.optional("TARN_SLACK_SECRET"),
        }
    }

    fn counts(&self, workgroup: &str) -> bool {
        workgroup == self.workgroup || workgroup.strip_suffix(PEOPLE) == Some(&self.workgroup)
    }
}

/// The function.
pub struct QueryCostFunction {
    settings: FunctionSettings,
    aws: Arc<Aws>,
    project: KeptProject,
    ports: TellPorts,
}

impl QueryCostFunction {
    /// The function on this account.
    pub fn new(settings: FunctionSettings, aws: Arc<Aws>, clock: Arc<dyn Clock>) -> Self {
        let bucket: Arc<dyn ObjectStore> = Arc::new(Bucket::new(Arc::clone(&aws), settings.buckets.clone()));
        let athena = AthenaSettings { database: String::new(), workgroup: settings.workgroup.clone(), results: None };
        let slack = settings.slack_secret.as_ref();
        let ports = TellPorts {
            objects: bucket,
            queries: Arc::new(Athena::new(Arc::clone(&aws), athena)),
            notifier: slack.map(|secret| Arc::new(Slack::new(Arc::clone(&aws), secret)) as Arc<dyn Notifier>),
            clock: Arc::clone(&clock),
        };
        let project = KeptProject::new(Arc::clone(&ports.objects), clock, PROJECT_FOR);
        Self { settings, aws, project, ports }
    }

    async fn follow(&self, event: Event) -> Result<Outcome, Failure> {
        match event {
            Event::Query { id, workgroup, region } if self.settings.counts(&workgroup) => {
                let project = self.project.current().await?;
                Ok(tell::query_ended(&id, &region, &project.lake.config, &self.ports).await?)
            }
            Event::Query { workgroup, .. } => {
                tracing::info!(workgroup, "a query of another workgroup is not counted");
                Ok(Outcome::default())
            }
            Event::Execution(execution) => {
                let project = self.project.current().await?;
                let execution = self.completed(*execution).await;
                Ok(tell::execution_failed(&execution, &project.lake.config, &self.ports).await?)
            }
            Event::Alarms(alarms) => {
                let mut outcome = Outcome::default();
                for alarm in &alarms {
                    outcome.told.extend(tell::alarm(alarm, &self.ports).await.told);
                }
                Ok(outcome)
            }
            Event::Digest { time } => {
                let project = self.project.current().await?;
                Ok(tell::digest(time, &project.lake.config, &self.ports).await?)
            }
            Event::Nothing => Ok(Outcome::default()),
        }
    }

    /// The execution with what its event left out; without it there is less to tell.
    async fn completed(&self, mut execution: FailedExecution) -> FailedExecution {
        if execution.cause.is_some() && execution.input.is_some() {
            return execution;
        }
        match Workflow::end_of(&self.aws, &execution.execution_arn).await {
            Ok([input, error, cause]) => {
                execution.input = execution.input.or(input);
                execution.error = execution.error.or(error);
                execution.cause = execution.cause.or(cause);
            }
            Err(error) => tracing::warn!(%error, execution = execution.name, "why it failed cannot be asked for"),
        }
        execution
    }
}

impl Handler for QueryCostFunction {
    async fn handle(&self, invocation: Invocation) -> Result<Answer, Failure> {
        let event = Event::read(&invocation.body)?;
        let late = self.ports.outbox().send_waiting().await;
        let mut outcome = self.follow(event).await?;
        outcome.told.extend(late);
        let count = |told| outcome.told.iter().filter(|each| **each == told).count() as u64;
        let (sent, waiting) = (count(Told::Sent), count(Told::Waiting));
        let lost = count(Told::Unknown) + count(Told::GivenUp);
        let mut report = Report::default()
            .with("QueriesCounted", u64::from(outcome.counted.is_some()))
            .with("MessagesSent", sent)
            .with("MessagesWaiting", waiting)
            .with("MessagesLost", lost);
        if let Some(cost) = &outcome.counted {
            tracing::info!(
                query = cost.id,
                model = cost.model(),
                user = cost.user(),
                status = cost.status.word(),
                bytes_scanned = cost.bytes_scanned,
                cost = %cost.cost,
                "a query is counted"
            );
            report = report.with("BytesScanned", cost.bytes_scanned).with_amount("Cost", &cost.cost.to_string());
        }
        let counted = outcome.counted.as_ref().map(|cost| &cost.id);
        let body = serde_json::to_vec(&json!({"counted": counted, "sent": sent, "waiting": waiting}));
        Ok(Answer { body: body.map(Bytes::from).map_err(Failure::permanent)?, report })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lakes_own_workgroups_are_counted() {
        let given = [("TARN_BUCKET", "shop-lake"), ("TARN_WORKGROUP", "tarn-shop")];
        let given = given.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let settings = Settings::read_from(given, FunctionSettings::read).unwrap();
        assert_eq!(settings.slack_secret, None);
        for (workgroup, is_counted) in
            [("tarn-shop", true), ("tarn-shop-people", true), ("primary", false), ("tarn-shop-2", false)]
        {
            assert_eq!(settings.counts(workgroup), is_counted, "{workgroup}");
        }
    }
}
