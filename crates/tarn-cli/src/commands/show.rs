//! `tarn show`: one run in full: models, audits with their failing rows, errors.

use std::sync::Arc;

use tarn_aws::Execution;
use tarn_model::LakeConfig;
use tarn_pipeline::names::RunId;
use tarn_pipeline::plan::{self, Plan};
use tarn_pipeline::ports::{Column, ObjectStore, Silent};
use tarn_pipeline::record::{AuditRecord, ModelRecord, RunRecord};
use tarn_pipeline::run as pipeline_run;

use super::run::executions;
use crate::args::{GlobalArguments, Target};
use crate::cloud::Cloud;
use crate::lake::Place;
use crate::outcome::{Outcome, Refusal};
use crate::progress::model_lines;
use crate::terminal::{Style, Terminal};

/// Which run.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The run's id, or the beginning of it; the newest when none is named.
    run: Option<String>,
    /// Shows the statements that were run, too.
    #[arg(long)]
    sql: bool,
}

pub(crate) async fn run(args: &Args, global: &GlobalArguments, terminal: Terminal) -> anyhow::Result<Outcome> {
    let place = Place::find(global)?;
    let lake = place.read()?;
    let ports = place.ports(global.target, Arc::new(Silent), &lake)?;
    let objects = ports.objects.as_ref();
    let record = pipeline_run::present(choose(args.run.as_deref(), objects).await?, objects).await?;
    let state = match (record.status, global.target) {
        (None, Target::Aws) => elsewhere(&record.run, &lake.config, objects).await,
        (status, _) => super::runs::status(status).to_owned(),
    };
    if terminal.json() {
        terminal.print_json(&record)?;
        return Ok(Outcome::Done);
    }
    terminal.print(&format!("run {}  {}  {}", record.run, record.started.format("%Y-%m-%d %H:%M:%S UTC"), state))?;
    for model in &record.models {
        show_model(model, args.sql, terminal)?;
    }
    Ok(Outcome::Done)
}

async fn choose(asked: Option<&str>, objects: &dyn ObjectStore) -> anyhow::Result<RunRecord> {
    let Some(asked) = asked else {
        let newest = pipeline_run::newest(1, objects).await?.into_iter().next();
        return Ok(newest.ok_or_else(|| Refusal::new("nothing was run yet").with_hint("start with `tarn run`"))?);
    };
    let missing = || Refusal::new(format!("there is no run `{asked}`")).with_hint("see `tarn runs`");
    // Whoever writes a whole id means it, even if it is the beginning of another.
    let exact = RunId::try_from(asked.to_owned()).map_err(|_| missing())?;
    if let Some(record) = pipeline_run::find(&exact, objects).await? {
        return Ok(record);
    }
    if let Some(plan) = Plan::find(&exact, objects).await? {
        return Ok(plan::so_far(&plan, objects).await?);
    }
    match pipeline_run::named(asked, objects).await?.as_slice() {
        [] => Err(missing().into()),
        [only] => Ok(pipeline_run::find(only, objects).await?.ok_or_else(missing)?),
        several => {
            let message = format!("{} runs begin like that", several.len());
            Err(Refusal::new(message).with_hint("write more of the id").into())
        }
    }
}

/// How a run is that has left no end: the state machine knows.
async fn elsewhere(run: &RunId, config: &LakeConfig, objects: &dyn ObjectStore) -> String {
    let asked = async {
        let plan = Plan::find(run, objects).await?;
        let workflow = Cloud::of(config)?.workflow(config).await?;
        executions::last(&workflow, run, plan.as_ref()).await
    };
    match asked.await.map(|found| found.map(|found| found.execution)) {
        Ok(Some(Execution::Running)) => "running".to_owned(),
        Ok(Some(Execution::Failed(reason))) => format!("cut off: {reason}"),
        // It was taken in somebody's process, or nobody can be asked.
        Ok(Some(Execution::Succeeded) | None) | Err(_) => super::runs::status(None).to_owned(),
    }
}

fn show_model(model: &ModelRecord, sql: bool, terminal: Terminal) -> anyhow::Result<()> {
    for line in model_lines(terminal, model) {
        terminal.print(&line)?;
    }
    for audit in model.audits.iter().filter(|audit| audit.failures > 0) {
        show_audit(audit, terminal)?;
    }
    if sql {
        for query in &model.queries {
            terminal.print(&format!(
                "\n-- {} ({} ms)\n{}\n",
                query.attribution.purpose,
                query.milliseconds,
                query.statement.trim()
            ))?;
        }
    }
    Ok(())
}

fn show_audit(audit: &AuditRecord, terminal: Terminal) -> anyhow::Result<()> {
    terminal.print(&format!(
        "      {} {}: {} rows, for example",
        terminal.paint(Style::Bad, "audit"),
        audit.name,
        audit.failures
    ))?;
    for row in &audit.sample {
        terminal.print(&format!("        {}", named_values(&audit.columns, row)))?;
    }
    Ok(())
}

fn named_values(columns: &[Column], row: &[Option<String>]) -> String {
    let values: Vec<String> = columns
        .iter()
        .zip(row)
        .map(|(column, value)| format!("{}={}", column.name, value.as_deref().unwrap_or("null")))
        .collect();
    values.join("  ")
}
