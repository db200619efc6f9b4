//! `tarn show`: one run in full: models, audits with their failing rows, errors.

use std::sync::Arc;

use tarn_pipeline::ports::{Column, Silent};
use tarn_pipeline::record::{AuditRecord, ModelRecord, RunRecord};
use tarn_pipeline::run as pipeline_run;

use crate::args::GlobalArguments;
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
    let runs = pipeline_run::all(ports.objects.as_ref()).await?;
    let record = choose(runs, args.run.as_deref())?;
    if terminal.json() {
        terminal.print_json(&record)?;
        return Ok(Outcome::Done);
    }
    terminal.print(&format!(
        "run {}  {}  {}",
        record.run,
        record.started.format("%Y-%m-%d %H:%M:%S UTC"),
        super::runs::status(record.status)
    ))?;
    for model in &record.models {
        show_model(model, args.sql, terminal)?;
    }
    Ok(Outcome::Done)
}

fn choose(runs: Vec<RunRecord>, asked: Option<&str>) -> anyhow::Result<RunRecord> {
    let mut matching: Vec<RunRecord> = match asked {
        None => runs.into_iter().take(1).collect(),
        Some(asked) => runs.into_iter().filter(|record| record.run.as_str().starts_with(asked)).collect(),
    };
    match (matching.len(), asked) {
        (1, _) => Ok(matching.remove(0)),
        (0, None) => Err(Refusal::new("nothing was run yet").with_hint("start with `tarn run`").into()),
        (0, Some(asked)) => Err(Refusal::new(format!("there is no run `{asked}`")).with_hint("see `tarn runs`").into()),
        (count, _) => {
            Err(Refusal::new(format!("{count} runs begin like that")).with_hint("write more of the id").into())
        }
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
