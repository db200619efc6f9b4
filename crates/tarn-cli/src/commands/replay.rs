//! `tarn replay`: quarantined records go through the present contract again.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::NaiveDate;
use tarn_pipeline::ingest::{IngestPorts, replay};
use tarn_pipeline::ports::Silent;

use crate::args::{GlobalArguments, Target};
use crate::cloud::Cloud;
use crate::lake::Place;
use crate::outcome::{Outcome, Refusal};
use crate::terminal::{Terminal, counted, thousands};

/// Which records.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The source, as in `sources/`.
    source: String,
    /// Only what arrived on this day or later.
    #[arg(long, value_name = "DAY")]
    since: Option<NaiveDate>,
    /// Only says what is there and why.
    #[arg(long)]
    list: bool,
    /// Waits when another command holds the lake.
    #[arg(long)]
    wait: bool,
}

pub(crate) async fn run(args: &Args, global: &GlobalArguments, terminal: Terminal) -> anyhow::Result<Outcome> {
    let place = Place::find(global)?;
    let lake = place.read()?;
    let source = lake
        .sources
        .get(&args.source)
        .ok_or_else(|| Refusal::new(format!("there is no source `{}`", args.source)).with_hint("see `tarn ls`"))?;
    let (ports, _lock) = match global.target {
        Target::Local => {
            let lock = place.lock("tarn replay", args.wait, terminal).await?;
            (IngestPorts::from(&place.open(Arc::new(Silent), &lake)?.ports), Some(lock))
        }
        Target::Aws => {
            let objects = Cloud::of(&lake.config)?.objects;
            (IngestPorts { objects, catalogue: None, observer: Arc::new(Silent) }, None)
        }
    };
    if args.list {
        let records = replay::list(source, args.since, ports).await?;
        if terminal.json() {
            terminal.print_json(&records)?;
            return Ok(Outcome::Done);
        }
        let mut reasons: BTreeMap<&str, u64> = BTreeMap::new();
        for record in &records {
            *reasons.entry(record.reason.as_str()).or_default() += 1;
        }
        for (reason, count) in &reasons {
            terminal.print(&format!("{:>8}  {reason}", thousands(*count)))?;
        }
        terminal.say(&format!("{} in quarantine", counted(records.len() as u64, "record")));
        return Ok(Outcome::Done);
    }
    let done = replay::replay(&lake, source, args.since, ports).await?;
    if terminal.json() {
        terminal.print_json(&done)?;
    } else {
        terminal.say(&format!(
            "{} replayed: {} now in the lake, {} still in quarantine",
            counted(done.records, "record"),
            counted(done.rows, "row"),
            thousands(done.quarantined),
        ));
    }
    Ok(Outcome::Done)
}
