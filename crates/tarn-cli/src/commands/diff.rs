//! `tarn diff`: how the lake's folder differs from what is deployed.

use tarn_pipeline::project;

use crate::args::GlobalArguments;
use crate::cloud::Cloud;
use crate::lake::Place;
use crate::outcome::Outcome;
use crate::terminal::{Style, Terminal, counted};

/// Nothing but what every command takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Answers 1 when there is a difference, as `diff` does.
pub(crate) async fn run(_: &Args, global: &GlobalArguments, terminal: Terminal) -> anyhow::Result<Outcome> {
    let place = Place::find(global)?;
    let lake = place.read()?;
    let cloud = Cloud::of(&lake.config)?;
    let difference = project::difference(&place.files()?, cloud.objects.as_ref()).await?;
    if terminal.json() {
        terminal.print_json(&difference)?;
    } else {
        let lines = [
            ("+", Style::Good, &difference.added),
            ("~", Style::Strong, &difference.changed),
            ("-", Style::Bad, &difference.removed),
        ];
        for (sign, style, files) in lines {
            for file in files {
                terminal.print(&format!("{} {file}", terminal.paint(style, sign)))?;
            }
        }
        let count = difference.added.len() + difference.changed.len() + difference.removed.len();
        terminal.say(&match count {
            0 => "what is deployed is what is here".to_owned(),
            count => format!("{} would be deployed by `tarn push`", counted(count as u64, "change")),
        });
    }
    Ok(if difference.is_empty() { Outcome::Done } else { Outcome::Failed })
}
