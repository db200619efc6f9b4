//! `tarn backfill --target aws`: the state machine is started, and followed until it ends or somebody has seen enough.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use indicatif::ProgressBar;
use tarn_aws::{Execution, Workflow};
use tarn_model::Lake;
use tarn_pipeline::backfill::deployed::{self, Given};
use tarn_pipeline::backfill::{BackfillRecord, Unit};
use tarn_pipeline::names::RunId;
use tarn_pipeline::ports::{Clock, ObjectStore, SystemClock};
use tarn_pipeline::run as pipeline_run;

use super::{Args, interrupted, watch};
use crate::cloud::{Cloud, user};
use crate::outcome::Refusal;
use crate::terminal::Terminal;

/// How often is looked.
const LOOK: Duration = Duration::from_secs(1);
/// Tries of one backfill; a name of an execution is used once.
const MOST_TRIES: usize = 1_000;

/// Starts the state machine with what is left of the backfill, or finds the execution that goes on, and follows it; the record at
/// its end, none when nobody waited for that.
pub(super) async fn run(
    record: BackfillRecord,
    args: &Args,
    lake: &Lake,
    bar: ProgressBar,
    terminal: Terminal,
) -> anyhow::Result<Option<BackfillRecord>> {
    let cloud = Cloud::of(&lake.config)?;
    let machine = cloud.backfill(&lake.config).await?;
    let given = Given {
        backfill: record.id.clone(),
        time: SystemClock.now(),
        jobs: usize::from(args.jobs),
        no_load: args.no_load,
        user: user(),
    };
    if !args.resume {
        record.write(cloud.objects.as_ref()).await?;
    }
    let seen = record.units().filter_map(|unit| unit.run.clone()).collect();
    let (name, is_new) = start(&machine, &record.id, &serde_json::to_string(&given)?).await?;
    if !is_new {
        terminal.say(&format!("backfill {} is under way; this is how it goes", record.id));
    }
    let mut follower = Follower { machine, name, objects: cloud.objects, id: record.id.clone(), seen, bar, terminal };
    tokio::select! {
        ended = follower.follow() => ended.map(Some),
        () = interrupted() => {
            terminal.say(&format!(
                "backfill {} goes on without you; the same command with `--resume` comes back to it",
                record.id
            ));
            Ok(None)
        }
    }
}

/// The first name that has not been used, or the one whose execution goes on; `true` when it was started now.
async fn start(machine: &Workflow, id: &RunId, input: &str) -> anyhow::Result<(String, bool)> {
    for number in 1..=MOST_TRIES {
        let name = if number == 1 { id.to_string() } else { format!("{id}-{number}") };
        if machine.start(&name, input).await? {
            return Ok((name, true));
        }
        if machine.look(&name).await? == Execution::Running {
            return Ok((name, false));
        }
    }
    Err(Refusal::new(format!("backfill {id} was tried {MOST_TRIES} times")).with_hint("start a new one").into())
}

struct Follower {
    machine: Workflow,
    name: String,
    objects: Arc<dyn ObjectStore>,
    id: RunId,
    /// Runs that have been told of.
    seen: BTreeSet<RunId>,
    bar: ProgressBar,
    terminal: Terminal,
}

impl Follower {
    /// Tells of every run as it ends; the record, at the end.
    async fn follow(&mut self) -> anyhow::Result<BackfillRecord> {
        loop {
            let execution = self.machine.look(&self.name).await?;
            let record = deployed::brought_up_to_date(&self.id, self.objects.as_ref()).await?;
            let told = self.seen.len();
            for unit in record.units() {
                self.tell(unit).await?;
            }
            match execution {
                Execution::Running => tokio::time::sleep(LOOK).await,
                Execution::Succeeded => break,
                Execution::Failed(reason) => {
                    // Slices that failed have been told of; marts, and whatever else went wrong, have not.
                    if record.done() == record.units().count() || told == self.seen.len() {
                        self.bar.suspend(|| self.terminal.say(&format!("the state machine ended: {reason}")));
                    }
                    break;
                }
            }
        }
        self.bar.finish_and_clear();
        Ok(deployed::brought_up_to_date(&self.id, self.objects.as_ref()).await?)
    }

    async fn tell(&mut self, unit: &Unit) -> anyhow::Result<()> {
        let Some(run) = unit.run.as_ref().filter(|run| !self.seen.contains(*run)) else { return Ok(()) };
        if unit.status.is_none() {
            watch(unit, None, &self.bar, self.terminal);
            return Ok(());
        }
        if let Some(ended) = pipeline_run::find(run, self.objects.as_ref()).await? {
            watch(unit, Some(&ended), &self.bar, self.terminal);
        }
        self.seen.insert(run.clone());
        Ok(())
    }
}
