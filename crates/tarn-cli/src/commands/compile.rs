//! `tarn compile`: the SQL that would run.

use std::sync::Arc;

use indexmap::IndexMap;
use tarn_model::CompileContext;
use tarn_pipeline::convert::CatalogueNames;
use tarn_pipeline::ports::{Silent, TableKind};

use crate::args::{GlobalArguments, Target};
use crate::lake::Place;
use crate::outcome::{Mistakes, Outcome};
use crate::terminal::Terminal;
use crate::variables;

/// Which models, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Models, as for `tarn run`; all when none is named.
    #[arg(value_name = "SELECT")]
    select: Vec<String>,
    /// Leaves these out.
    #[arg(long, value_name = "SELECT")]
    exclude: Vec<String>,
    /// A variable in place of the one in `tarn.yaml`.
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = variables::read)]
    vars: Vec<(String, String)>,
    /// As if computed anew: `is_incremental()` is false.
    #[arg(long)]
    full_refresh: bool,
}

/// One compiled model, as `--json` shows it.
#[derive(serde::Serialize)]
struct Compiled {
    model: String,
    incremental: bool,
    sql: String,
}

pub(crate) async fn run(args: &Args, global: &GlobalArguments, terminal: Terminal) -> anyhow::Result<Outcome> {
    let place = Place::find(global)?;
    let lake = place.read()?;
    let selected = lake.select(&args.select, &args.exclude).map_err(Mistakes)?;
    let vars: IndexMap<String, String> = args.vars.iter().cloned().collect();
    lake.check_vars(&vars).map_err(Mistakes)?;
    let ports = match global.target == Target::Aws || place.data.is_dir() {
        true => Some(place.ports(global.target, Arc::new(Silent), &lake)?),
        false => None,
    };
    let mut compiled = Vec::new();
    for name in &selected.models {
        let published = match &ports {
            Some(ports) => ports.catalogue.get(name).await?,
            None => None,
        };
        let is_table = published.is_some_and(|entry| matches!(entry.kind, TableKind::Table { .. }));
        let is_incremental = lake
            .models
            .get(name)
            .is_some_and(|model| matches!(model.materialization, tarn_model::Materialization::Incremental(_)));
        let context = CompileContext {
            vars: vars.clone(),
            incremental: is_incremental && is_table && !args.full_refresh,
            relations: &CatalogueNames,
            logical_time: now(),
        };
        let model = lake.compile(name, &context).map_err(Mistakes)?;
        compiled.push(Compiled { model: name.clone(), incremental: context.incremental, sql: model.sql });
    }
    if terminal.json() {
        terminal.print_json(&compiled)?;
    } else {
        for model in compiled {
            terminal.print(&format!("-- {}\n{}\n;\n", model.model, model.sql.trim()))?;
        }
    }
    Ok(Outcome::Done)
}

fn now() -> chrono::DateTime<chrono::Utc> {
    use tarn_pipeline::ports::{Clock, SystemClock};
    SystemClock.now()
}
