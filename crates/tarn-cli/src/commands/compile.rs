//! `tarn compile`: the SQL that would run.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use indexmap::IndexMap;
use serde_json::json;
use tarn_model::{CompileContext, Lake, Model};
use tarn_pipeline::context::{RunContext, RunSettings};
use tarn_pipeline::convert::CatalogueNames;
use tarn_pipeline::convert::preview::{self, Previewed};
use tarn_pipeline::names::RunId;
use tarn_pipeline::ports::{Clock, Silent, SystemClock, TableKind};

use crate::args::{GlobalArguments, Target};
use crate::cloud;
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
    /// Every statement as the engine would get it: what makes the version, and what audits it.
    #[arg(long)]
    statements: bool,
    /// The time the run would be for (RFC 3339); `today` and `yesterday` are counted from it.
    #[arg(long, value_name = "TIME")]
    at: Option<DateTime<Utc>>,
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
    let lake = Arc::new(place.read()?);
    let selected = lake.select(&args.select, &args.exclude).map_err(Mistakes)?;
    let vars: IndexMap<String, String> = args.vars.iter().cloned().collect();
    lake.check_vars(&vars).map_err(Mistakes)?;
    let time = args.at.unwrap_or_else(|| SystemClock.now());
    if args.statements {
        return statements(args, vars, time, &selected.models, (&place, &lake, global.target), terminal).await;
    }
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
        let is_incremental = lake.models.get(name).is_some_and(Model::is_incremental);
        let context = CompileContext {
            vars: vars.clone(),
            incremental: is_incremental && is_table && !args.full_refresh,
            relations: &CatalogueNames,
            logical_time: time,
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

/// The statements of the models, each as it would be sent.
async fn statements(
    args: &Args,
    vars: IndexMap<String, String>,
    time: DateTime<Utc>,
    models: &[String],
    (place, lake, target): (&Place, &Arc<Lake>, Target),
    terminal: Terminal,
) -> anyhow::Result<Outcome> {
    let settings = Arc::new(RunSettings {
        run: RunId::at(time, 0),
        select: args.select.clone(),
        exclude: args.exclude.clone(),
        vars,
        full_refresh: args.full_refresh,
        logical_time: time,
        parallel: 1,
        load_marts: false,
        user: cloud::user(),
        resumable: false,
    });
    // On a laptop the tables that models read are known once the lake's data is there.
    let ports = place.ports(target, Arc::new(Silent), lake)?;
    let mut shown = Vec::new();
    for model in models {
        let context = RunContext { lake: Arc::clone(lake), ports: ports.clone(), settings: Arc::clone(&settings) };
        shown.push((model.clone(), preview::statements(context, model).await?));
    }
    if terminal.json() {
        let named = |(model, statements): &(String, Vec<Previewed>)| json!({"model": model, "statements": statements});
        terminal.print_json(&shown.iter().map(named).collect::<Vec<_>>())?;
        return Ok(Outcome::Done);
    }
    for (model, statements) in shown {
        for Previewed { purpose, statement } in statements {
            terminal.print(&format!("-- {model}: {purpose}\n{}\n;\n", statement.trim()))?;
        }
    }
    Ok(Outcome::Done)
}
