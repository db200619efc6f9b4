//! `tarn load`: what is published goes into the marts, without running a model.

use std::sync::Arc;

use serde_json::{Value, json};
use tarn_model::Model;
use tarn_pipeline::load;
use tarn_pipeline::ports::{Event, Observer};

use crate::args::{GlobalArguments, Target};
use crate::deployed_load::DeployedLoad;
use crate::lake::Place;
use crate::outcome::{Mistakes, Outcome, Refusal};
use crate::progress::{Progress, rows_per_second};
use crate::terminal::{Terminal, counted, duration, thousands};

/// Which models, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Models, as for `tarn run`; those without a mart are left out.
    #[arg(value_name = "MODEL", required = true)]
    select: Vec<String>,
    /// Builds the tables anew from all that is published, over whatever is there.
    #[arg(long)]
    anew: bool,
    /// Waits when another command holds the lake.
    #[arg(long)]
    wait: bool,
}

pub(crate) async fn run(args: &Args, global: &GlobalArguments, terminal: Terminal) -> anyhow::Result<Outcome> {
    let place = Place::find(global)?;
    let lake = place.read()?;
    let selected = lake.select(&args.select, &[]).map_err(Mistakes)?;
    let models = selected.models.iter().filter_map(|name| lake.models.get(name)).filter(|model| model.mart.is_some());
    let models: Vec<_> = models.collect();
    if models.is_empty() {
        return Err(Refusal::new("no model that is selected has a mart")
            .with_hint("write `mart: {to: …}` into the model's header")
            .into());
    }
    let _lock = match global.target {
        Target::Local => Some(place.lock("tarn load", args.wait, terminal).await?),
        // Loads are kept apart by the mart itself.
        Target::Aws => None,
    };
    let progress = Arc::new(Progress::new(terminal));
    let ports = place.ports(global.target, Arc::clone(&progress) as Arc<dyn Observer>, &lake)?;
    let deployed = |model: &Model| DeployedLoad::of(&lake, model, global.target);
    let mut answers: Vec<Value> = Vec::new();
    for model in models {
        let told = |rows: u64| progress.observe(Event::LoadProgress { model: model.name.clone(), rows });
        let loaded = match deployed(model)? {
            Some(deployed) => deployed.published(args.anew).await,
            None => load::published(model, args.anew, &ports, &told).await.map_err(anyhow::Error::from),
        };
        progress.clear();
        let loaded = loaded?;
        let speed = rows_per_second(loaded.rows, loaded.milliseconds);
        progress.line(&match loaded.rows {
            0 => format!("`{}` has nothing new to load", loaded.table),
            rows => format!(
                "`{}`: {} in {}, {} rows/s",
                loaded.table,
                counted(rows, "row"),
                duration(loaded.milliseconds),
                thousands(speed)
            ),
        });
        answers.push(json!({
            "model": model.name,
            "table": loaded.table,
            "mode": loaded.mode,
            "rows": loaded.rows,
            "milliseconds": loaded.milliseconds,
            "rows_per_second": speed,
        }));
    }
    if terminal.json() {
        terminal.print_json(&answers)?;
    }
    Ok(Outcome::Done)
}
