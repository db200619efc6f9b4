//! `tarn ingest`: files of records become rows of a source.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use tarn_model::SourceKind;
use tarn_pipeline::ingest::{self, Ingested};
use tarn_pipeline::ports::Observer;
use tarn_pipeline::sources;

use crate::args::{GlobalArguments, Target};
use crate::lake::Place;
use crate::outcome::{Outcome, Refusal};
use crate::progress::Progress;
use crate::terminal::{Style, Terminal, bytes, counted, duration};

/// What to bring in.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The source, as in `sources/`.
    source: String,
    /// Files of records; a file that was brought in before changes nothing.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How many threads interpret records; by default one per processor.
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    /// Waits when another command holds the lake.
    #[arg(long)]
    wait: bool,
}

pub(crate) async fn run(args: &Args, global: &GlobalArguments, terminal: Terminal) -> anyhow::Result<Outcome> {
    let place = Place::find(global)?;
    let lake = place.read()?;
    let source = lake.sources.get(&args.source).ok_or_else(|| {
        let known: Vec<&str> = lake.sources.keys().map(String::as_str).collect();
        Refusal::new(format!("there is no source `{}`", args.source))
            .with_hint(format!("known are {}", known.join(", ")))
    })?;
    args.files.iter().try_for_each(|file| refuse_what_is_no_file(file))?;
    if source.kind != SourceKind::Snapshot {
        args.files.iter().try_for_each(|file| refuse_foreign(file, &source.name))?;
    }
    let _lock = match global.target {
        Target::Local => Some(place.lock("tarn ingest", args.wait, terminal).await?),
        Target::Aws => None,
    };
    let progress = Arc::new(Progress::new(terminal));
    let ports = place.ports(global.target, Arc::clone(&progress) as Arc<dyn Observer>, &lake)?;
    sources::register(source, ports.catalogue.as_ref()).await?;
    let threads = args.jobs.map_or_else(processors, usize::from);
    let mut all = Vec::new();
    for file in &args.files {
        let started = Instant::now();
        let ingested = ingest::ingest_file(&lake, source, file, threads, &ports).await?;
        progress.clear();
        let took = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        terminal.say(&line(&args.source, file, &ingested, took, terminal));
        all.push(ingested);
    }
    if terminal.json() {
        terminal.print_json(&all)?;
    }
    if all.iter().any(|ingested| ingested.quarantined > 0) {
        terminal.say(&format!(
            "quarantined records are kept whole; see them with `tarn replay {} --list`, send them through again with `tarn replay {}`",
            args.source, args.source
        ));
    }
    let none_taken = |ingested: &Ingested| ingested.quarantined > 0 && ingested.rows == 0;
    Ok(if all.iter().any(none_taken) { Outcome::Failed } else { Outcome::Done })
}

/// How files that hold no JSON begin, and what they are.
const FOREIGN: [(&[u8], &str); 7] = [
    (b"PAR1", "a Parquet file"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\x28\xb5\x2f\xfd", "packed by zstd"),
    (b"BZh", "packed by bzip2"),
    (b"\xfd7zXZ", "packed by xz"),
    (b"Obj\x01", "an Avro file"),
    (b"ORC", "an ORC file"),
];

/// Refuses a path without a file that can be read twice: its records are counted from its beginning, again when it comes again.
fn refuse_what_is_no_file(path: &Path) -> anyhow::Result<()> {
    let shown = path.display();
    if path.is_file() {
        return Ok(());
    }
    let refusal = if path.is_dir() {
        Refusal::new(format!("`{shown}` is a folder")).with_hint(format!("name its files, as in `{shown}/*`"))
    } else if path.exists() {
        Refusal::new(format!("`{shown}` is not a regular file"))
            .with_hint("write what comes out of it to a file first, and ingest that")
    } else {
        Refusal::new(format!("there is no file `{shown}`"))
    };
    Err(refusal.into())
}

/// Refuses a file that is no JSON by its first bytes: taken for records it would be one broken one.
fn refuse_foreign(file: &Path, source: &str) -> anyhow::Result<()> {
    let mut start = Vec::new();
    let read = File::open(file).and_then(|opened| opened.take(8).read_to_end(&mut start));
    read.map_err(|error| Refusal::new(format!("`{}` cannot be read: {error}", file.display())))?;
    let Some((_, what)) = FOREIGN.iter().find(|(magic, _)| start.starts_with(magic)) else { return Ok(()) };
    let message = format!("`{}` is {what}; `{source}` takes JSON records, plain or gzip", file.display());
    Err(Refusal::new(message)
        .with_hint("a source of `kind: snapshot` takes Parquet files; unpack archives first")
        .into())
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn line(source: &str, file: &Path, ingested: &Ingested, took: u64, terminal: Terminal) -> String {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let quarantined = match ingested.quarantined {
        0 => String::new(),
        count => format!(", {}", terminal.paint(Style::Bad, &format!("{} quarantined", counted(count, "record")))),
    };
    let again = if ingested.repeated { ", brought in before" } else { "" };
    format!(
        "  {} {source:<16} {name}: {} in, {}{quarantined}{again}  {}  {}",
        terminal.paint(Style::Good, "✓"),
        counted(ingested.records, "record"),
        counted(ingested.rows, "row"),
        bytes(ingested.bytes),
        duration(took),
    )
}
