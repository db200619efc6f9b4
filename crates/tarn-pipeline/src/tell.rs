//! Tell: what queries cost, and messages to people about what they should know.
//!
//! Whoever calls hears of things at least once, in any order and several at a time. What is counted is counted under a key that
//! the thing itself gives, and a message is claimed before it is sent ([`Outbox`]), so neither is doubled. That a message does
//! not go out is told in the log and mended later; it is never a reason to fail.

mod alarms;
mod command;
mod messages;
mod outbox;

use std::sync::Arc;

use chrono::{DateTime, Days, NaiveDate, Utc};
use serde::Deserialize;
use tarn_model::LakeConfig;
use xxhash_rust::xxh3::xxh3_128;

use crate::cost::{Money, Price};
use crate::error::StepError;
use crate::names::RunId;
use crate::plan::{self, Plan, PlanRequest};
use crate::ports::{Clock, Notifier, ObjectStore, QueryLog};
use crate::query_costs::{self, QueryCost};
use crate::record::RunRecord;
use crate::{run, run_tables};
pub use alarms::Trigger;
pub use messages::Alarm;
pub use outbox::{Outbox, Told};

/// The world behind the steps that tell.
#[derive(Clone)]
pub struct TellPorts {
    /// The lake's bucket.
    pub objects: Arc<dyn ObjectStore>,
    /// What is known of queries.
    pub queries: Arc<dyn QueryLog>,
    /// Where people read; nobody is told when there is none.
    pub notifier: Option<Arc<dyn Notifier>>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl TellPorts {
    /// The messages that go out by these ports.
    pub fn outbox(&self) -> Outbox {
        Outbox::new(self.clone())
    }
}

/// What became of something that was heard of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The query that was counted.
    pub counted: Option<QueryCost>,
    /// What became of each message.
    pub told: Vec<Told>,
}

/// Counts a query that has ended, and tells of it when it was dear.
///
/// # Errors
/// When the query has not ended, or its record cannot be written: it is to be counted later.
pub async fn query_ended(id: &str, region: &str, config: &LakeConfig, ports: &TellPorts) -> Result<Outcome, StepError> {
    let query = ports.queries.ended(id).await?;
    let query = query.ok_or_else(|| StepError::transient(format!("query `{id}` has not ended yet")))?;
    let price = price(config)?;
    let cost = QueryCost::of(&query, config.timezone, price);
    let objects = ports.objects.as_ref();
    run_tables::write_query(&cost, &query.statement, objects).await?;
    cost.write(objects).await?;
    let mut told = Vec::new();
    let slack = config.alerts.slack.as_ref();
    let limit = |written: Option<&String>| written.and_then(|amount| Money::parse(amount));
    if let Some(limit) = limit(slack.and_then(|slack| slack.query_cost.as_ref())).filter(|limit| cost.cost >= *limit) {
        let message = messages::dear_query(&cost, limit, region);
        told.push(ports.outbox().tell(&format!("query/{id}"), &message).await);
    }
    if let Some(limit) = limit(slack.and_then(|slack| slack.day_cost.as_ref())).filter(|_| !cost.cost.is_nothing()) {
        told.extend(dear_day(&cost, limit, price, region, ports).await);
    }
    Ok(Outcome { counted: Some(cost), told })
}

/// Tells of a day whose queries cost more than they should. The query is counted already: what fails here is told in the log.
async fn dear_day(last: &QueryCost, limit: Money, price: Price, region: &str, ports: &TellPorts) -> Option<Told> {
    let sum = match query_costs::sum_of_day(last.day, price, ports.objects.as_ref()).await {
        Ok(sum) if sum >= limit => sum,
        Ok(_) => return None,
        Err(error) => {
            tracing::warn!(%error, day = %last.day, "what the day's queries cost could not be added up");
            return None;
        }
    };
    let message = messages::dear_day(last, sum, limit, region);
    Some(ports.outbox().tell(&format!("day/{}", last.day), &message).await)
}

/// Tells what the queries of the day before `time` cost, if there were any.
///
/// # Errors
/// When the records cannot be read.
pub async fn digest(time: DateTime<Utc>, config: &LakeConfig, ports: &TellPorts) -> Result<Outcome, StepError> {
    let today = time.with_timezone(&config.timezone).date_naive();
    let day: NaiveDate = today.checked_sub_days(Days::new(1)).unwrap_or(today);
    let costs = query_costs::of_day(day, ports.objects.as_ref()).await?;
    let mut outcome = Outcome::default();
    if !costs.is_empty() {
        let message = messages::digest(day, &costs, price(config)?);
        outcome.told.push(ports.outbox().tell(&format!("digest/{day}"), &message).await);
    }
    Ok(outcome)
}

/// Tells of an alarm, or that it is over, unless people hear of the same thing otherwise.
pub async fn alarm(alarm: &Alarm, ports: &TellPorts) -> Outcome {
    if alarm.is_told_elsewhere() {
        return Outcome::default();
    }
    let Some(message) = messages::alarm(alarm) else { return Outcome::default() };
    let what = format!("{}\n{}\n{}", alarm.name, alarm.state, alarm.changed);
    let told = ports.outbox().tell(&format!("alarm/{}", hash(&what)), &message).await;
    Outcome { counted: None, told: vec![told] }
}

/// An execution of a state machine that did not end well.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FailedExecution {
    /// The execution.
    pub execution_arn: String,
    /// Its machine.
    pub state_machine_arn: String,
    /// Its name in the machine.
    pub name: String,
    /// `FAILED`, `TIMED_OUT`, `ABORTED`.
    pub status: String,
    /// When it ended, in milliseconds since 1970; a second end after a redrive is another.
    #[serde(default)]
    pub stop_date: Option<i64>,
    /// What it was started with; left out when it was large.
    #[serde(default)]
    pub input: Option<String>,
    /// The name of the error.
    #[serde(default)]
    pub error: Option<String>,
    /// What is known about it.
    #[serde(default)]
    pub cause: Option<String>,
}

impl FailedExecution {
    /// The machine's name.
    pub fn machine(&self) -> &str {
        self.state_machine_arn.rsplit(':').next().unwrap_or_default()
    }

    /// The region, as it stands in the ARN.
    pub(crate) fn region(&self) -> &str {
        self.state_machine_arn.split(':').nth(3).unwrap_or_default()
    }

    /// Whether another execution waits for this one, and tells of its failure with its own: a slice of a backfill, or a batch of slices.
    fn is_part(&self) -> bool {
        #[derive(Deserialize)]
        struct Input {
            #[serde(rename = "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID")]
            parent: Option<String>,
            #[serde(default)]
            keep_versions: bool,
        }
        let input = self.input.as_deref().and_then(|input| serde_json::from_str::<Input>(input).ok());
        input.is_some_and(|input| input.parent.is_some() || input.keep_versions)
    }

    /// The run that the execution was: as its end says, as it was asked for, or as it is called.
    fn run(&self) -> Option<RunId> {
        #[derive(Deserialize)]
        struct Finished {
            run: RunId,
        }
        let finished = self.cause.as_deref().and_then(|cause| serde_json::from_str::<Finished>(cause).ok());
        let asked = || serde_json::from_str::<PlanRequest>(self.input.as_deref()?).ok().as_ref().and_then(plan::run_of);
        finished.map(|finished| finished.run).or_else(asked).or_else(|| RunId::try_from(self.name.clone()).ok())
    }
}

/// A run as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KnownRun {
    pub(crate) record: RunRecord,
    pub(crate) plan: Option<Plan>,
}

/// Tells of a workflow that failed: which models, why, and how to try again. A part of a larger one is told with that.
///
/// # Errors
/// When the run's record cannot be read.
pub async fn execution_failed(
    execution: &FailedExecution,
    config: &LakeConfig,
    ports: &TellPorts,
) -> Result<Outcome, StepError> {
    if execution.is_part() {
        return Ok(Outcome::default());
    }
    let workflow = config.state_machine();
    let known = match workflow.rsplit(':').next() == Some(execution.machine()) {
        true => known_run(execution, ports.objects.as_ref()).await?,
        false => None,
    };
    let message = messages::failed_execution(execution, known.as_ref());
    let what = format!("{}\n{}", execution.execution_arn, execution.stop_date.unwrap_or_default());
    let told = ports.outbox().tell(&format!("execution/{}", hash(&what)), &message).await;
    Ok(Outcome { counted: None, told: vec![told] })
}

/// The record that the run wrote at its end, or what its models have left.
async fn known_run(execution: &FailedExecution, objects: &dyn ObjectStore) -> Result<Option<KnownRun>, StepError> {
    let Some(run) = execution.run() else { return Ok(None) };
    let plan = Plan::find(&run, objects).await?;
    let record = match (run::find(&run, objects).await?, &plan) {
        (Some(record), _) if record.status.is_some() => record,
        (_, Some(plan)) => plan::so_far(plan, objects).await?,
        (Some(record), None) => record,
        (None, None) => return Ok(None),
    };
    Ok(Some(KnownRun { record, plan }))
}

fn price(config: &LakeConfig) -> Result<Price, StepError> {
    let written = config.price_per_tb();
    Price::parse(written).ok_or_else(|| StepError::permanent(format!("the price of a terabyte cannot be `{written}`")))
}

fn hash(text: &str) -> String {
    format!("{:032x}", xxh3_128(text.as_bytes()))
}
