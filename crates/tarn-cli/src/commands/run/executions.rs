//! The executions of the workflow that a run has had.
//!
//! The name of an execution is taken for 90 days, so a run that was cut off goes on in another one: after the one that a schedule started, if
//! one did, come `<run>`, `<run>-2`, `<run>-3` and so on. Each is started only when the one before has failed.

use tarn_aws::{Execution, Workflow};
use tarn_pipeline::names::RunId;
use tarn_pipeline::plan::Plan;

use crate::outcome::Refusal;

/// How often a run is taken up again.
const MOST_EXECUTIONS: usize = 20;

/// The execution that is to be followed.
pub(super) enum Begun {
    /// It has just been started, and is the first.
    New(String),
    /// It has just been started: those before failed.
    Again(String),
    /// It has been started before, and goes on or has ended well.
    Before(String),
}

/// An execution of a run that there is.
pub(in crate::commands) struct Found {
    /// Its name.
    pub(in crate::commands) name: String,
    /// How far it is.
    pub(in crate::commands) execution: Execution,
    /// Its number among those that are called by the run; 0 for a schedule's.
    number: usize,
}

/// The execution in which a run goes on or has ended: the last one, where all have failed.
pub(in crate::commands) async fn last(
    workflow: &Workflow,
    run: &RunId,
    plan: Option<&Plan>,
) -> anyhow::Result<Option<Found>> {
    let mut last = None;
    let scheduled = plan.and_then(Plan::scheduled_execution).map(|name| (0, name));
    let numbered = (1..=MOST_EXECUTIONS).map(|number| (number, name(run, number)));
    for (number, name) in scheduled.into_iter().chain(numbered) {
        match workflow.look_for(&name).await? {
            Some(execution @ Execution::Failed(_)) => last = Some(Found { name, execution, number }),
            Some(execution) => return Ok(Some(Found { name, execution, number })),
            // What a schedule has started is forgotten earlier than what was started after it.
            None if number == 0 => {}
            None => break,
        }
    }
    Ok(last)
}

/// Starts the run, or finds the execution in which it goes on.
pub(super) async fn begin(
    workflow: &Workflow,
    run: &RunId,
    plan: Option<&Plan>,
    request: &str,
) -> anyhow::Result<Begun> {
    for _ in 1..=MOST_EXECUTIONS {
        let before = match last(workflow, run, plan).await? {
            Some(Found { execution: Execution::Failed(_), number, .. }) => Some(number),
            Some(Found { name, .. }) => return Ok(Begun::Before(name)),
            None => None,
        };
        let number = before.map_or(1, |before| before + 1);
        if number > MOST_EXECUTIONS {
            break;
        }
        let name = name(run, number);
        // Where somebody else was faster, it is theirs that is found now.
        if workflow.start(&name, request).await? {
            return Ok(if before.is_some() { Begun::Again(name) } else { Begun::New(name) });
        }
    }
    let refusal = Refusal::new(format!("run {run} was started {MOST_EXECUTIONS} times and never came to a good end"));
    Err(refusal.with_hint(format!("see why with `tarn show {run} --target aws`")).into())
}

/// The name of the execution of this number, from 1.
fn name(run: &RunId, number: usize) -> String {
    if number == 1 { run.to_string() } else { format!("{run}-{number}") }
}
