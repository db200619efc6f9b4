//! `tarn test`: the unit tests of models: given rows, expected rows.

use std::sync::Arc;

use indexmap::IndexMap;
use tarn_model::Diagnostics;
use tarn_pipeline::check;
use tarn_pipeline::ports::Silent;
use tarn_pipeline::unit_tests::{self, UnitTestResult};

use crate::args::GlobalArguments;
use crate::lake::Place;
use crate::outcome::{Mistakes, Outcome};
use crate::terminal::{Style, Terminal, counted};

/// Which tests.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Models whose tests to run, as for `tarn run`; all when none is named.
    #[arg(value_name = "SELECT")]
    select: Vec<String>,
    /// Leaves these out.
    #[arg(long, value_name = "SELECT")]
    exclude: Vec<String>,
}

pub(crate) async fn run(args: &Args, global: &GlobalArguments, terminal: Terminal) -> anyhow::Result<Outcome> {
    let place = Place::find(global)?;
    let lake = place.read()?;
    let selected = lake.select(&args.select, &args.exclude).map_err(Mistakes)?;
    // Unit tests bring their own rows: they run beside the lake's data, never on it.
    let scratch = tempfile::tempdir()?;
    let opened = Place { folder: place.folder, data: scratch.path().to_owned() }.open(Arc::new(Silent), &lake)?;
    // Planning all models tells the columns of those that a test gives rows for; mistakes are told by the tests they break.
    check::check(&lake, &IndexMap::new(), &opened.ports, None, &Diagnostics::new()).await?;
    let results = unit_tests::run_all(&lake, &selected, &opened.ports).await?;
    if terminal.json() {
        terminal.print_json(&results)?;
    } else {
        for result in &results {
            report(result, terminal);
        }
    }
    let failed = results.iter().filter(|result| !result.passed()).count();
    terminal.say(&format!(
        "{}: {} passed, {failed} failed",
        counted(results.len() as u64, "unit test"),
        results.len() - failed
    ));
    Ok(if failed == 0 { Outcome::Done } else { Outcome::Failed })
}

fn report(result: &UnitTestResult, terminal: Terminal) {
    let (mark, style) = if result.passed() { ("✓", Style::Good) } else { ("✗", Style::Bad) };
    terminal.say(&format!("  {} {} ({})", terminal.paint(style, mark), result.name, result.model));
    for line in &result.differences {
        let style = if line.starts_with('+') { Style::Good } else { Style::Bad };
        terminal.say(&format!("      {}", terminal.paint(style, line)));
    }
}
