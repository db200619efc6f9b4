//! `tarn clean`: versions that nothing refers to go.

use std::sync::Arc;

use tarn_pipeline::ports::Silent;
use tarn_pipeline::retention::{self, Removed};

use crate::args::{GlobalArguments, Target};
use crate::lake::Place;
use crate::outcome::{Outcome, Refusal};
use crate::terminal::{Terminal, bytes, counted};

/// How much.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How many old versions of a model to keep; by default as `tarn.yaml` says.
    #[arg(long, value_name = "N")]
    keep: Option<usize>,
    /// Only says what would go.
    #[arg(long)]
    dry_run: bool,
    /// Waits when another command holds the lake.
    #[arg(long)]
    wait: bool,
}

pub(crate) async fn run(args: &Args, global: &GlobalArguments, terminal: Terminal) -> anyhow::Result<Outcome> {
    if global.target == Target::Aws {
        return Err(Refusal::new("`tarn clean` removes what lies on this machine")
            .with_hint("on AWS every run removes the old versions of its models, as `retention` in tarn.yaml says")
            .into());
    }
    let place = Place::find(global)?;
    let lake = place.read()?;
    let _lock = place.lock("tarn clean", args.wait, terminal).await?;
    let opened = place.open(Arc::new(Silent), &lake)?;
    let keep = args.keep.unwrap_or(lake.config.retention.versions as usize);
    let mut removed = Removed::default();
    for model in lake.models.keys() {
        let of_model = retention::retain(
            model,
            keep,
            args.dry_run,
            opened.ports.catalogue.as_ref(),
            opened.ports.objects.as_ref(),
        )
        .await?;
        removed = removed.and(of_model);
    }
    if terminal.json() {
        terminal.print_json(&serde_json::json!({
            "versions": removed.versions, "files": removed.files, "bytes": removed.bytes, "dry_run": args.dry_run,
        }))?;
    } else {
        let verb = if args.dry_run { "would remove" } else { "removed" };
        terminal.say(&format!(
            "{verb} {} ({}, {})",
            counted(removed.versions as u64, "version"),
            counted(removed.files as u64, "file"),
            bytes(removed.bytes)
        ));
    }
    Ok(Outcome::Done)
}
