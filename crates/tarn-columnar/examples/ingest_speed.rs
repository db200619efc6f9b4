//! Megabytes of click events per processor second, stage by stage:
//! `cargo run --release -p tarn-columnar --example ingest_speed [megabytes]`.
#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    missing_docs,
    unreachable_pub,
    reason = "a measuring program"
)]

#[path = "../../tarn-flatten/examples/click/mod.rs"]
mod click;

use std::error::Error;
use std::sync::Arc;

use tarn_columnar::{
    AddedColumns, Compression, FileFactory, FinishedFile, NewFile, ParquetFiles, ParquetSettings, PartitionRule,
    PartitionSource, RowBatches,
};
use tarn_flatten::{Flattener, Row, RowSink, Settings};

/// Throws rows away.
#[derive(Default)]
struct Nowhere(usize);

impl RowSink for Nowhere {
    fn row(&mut self, row: &Row<'_>) {
        self.0 += row.values.len();
    }
}

/// Makes Arrow batches and throws them away.
struct Batches(RowBatches);

impl RowSink for Batches {
    fn row(&mut self, row: &Row<'_>) {
        self.0.row(row);
        drop(self.0.take_full());
    }
}

/// Counts the bytes of files and throws them away.
struct Discard;

impl FileFactory for Discard {
    type File = std::io::Sink;

    fn create(&mut self, _: &NewFile) -> std::io::Result<std::io::Sink> {
        Ok(std::io::sink())
    }

    fn finish(&mut self, _: std::io::Sink, _: &FinishedFile) -> std::io::Result<()> {
        Ok(())
    }
}

/// Feeds blocks of events to a sink; gives the bytes read and the processor time used, without making the events.
fn feed(megabytes: usize, sink: &mut impl RowSink) -> Result<(usize, u64), Box<dyn Error>> {
    let contract = Arc::new(click::contract());
    let mut flattener = Flattener::with_contract(Settings::default(), contract);
    let (mut bytes, mut nanoseconds, mut seed) = (0, 0, 0);
    while bytes < megabytes * 1_000_000 {
        let block = click::events(seed, 20_000);
        seed += 1;
        let start = click::processor_nanoseconds();
        let mut line_start = 0;
        for line_end in memchr::memchr_iter(b'\n', block.as_bytes()) {
            flattener.record(&block.as_bytes()[line_start..line_end], sink)?;
            line_start = line_end + 1;
        }
        nanoseconds += click::processor_nanoseconds() - start;
        bytes += block.len();
    }
    Ok((bytes, nanoseconds))
}

fn report(stage: &str, (bytes, nanoseconds): (usize, u64)) {
    println!("{stage:<24} {:>6.0} MB/s", bytes as f64 * 1e3 / nanoseconds as f64);
}

fn main() -> Result<(), Box<dyn Error>> {
    let megabytes = std::env::args().nth(1).map_or(Ok(1_000), |argument| argument.parse())?;
    let only = std::env::args().nth(2);
    let contract = click::contract();
    if only.is_none() {
        report("parse", feed(megabytes, &mut Nowhere::default())?);
        let mut batches = Batches(RowBatches::new(&contract, AddedColumns::Stream, 8_192));
        report("+ arrow", feed(megabytes, &mut batches)?);
    }
    let by_day = PartitionRule::DateOf {
        source: PartitionSource::Column(2),
        day_of: Arc::new(|instant| i32::try_from(instant.div_euclid(86_400_000_000)).unwrap_or(0)),
    };
    for (name, compression, rule) in [
        ("+ parquet (snappy)", Compression::Snappy, PartitionRule::None),
        ("+ parquet (zstd 1)", Compression::Zstd { level: 1 }, PartitionRule::None),
        ("+ by day (zstd 1)", Compression::Zstd { level: 1 }, by_day),
    ] {
        if only.as_deref().is_some_and(|only| !name.contains(only)) {
            continue;
        }
        let settings = ParquetSettings { compression, ..ParquetSettings::default() };
        let mut files = ParquetFiles::new(&contract, AddedColumns::Stream, rule, settings, "click", Discard);
        let (bytes, fed) = feed(megabytes, &mut files)?;
        let start = click::processor_nanoseconds();
        let (finished, _) = files.finish()?;
        let written: u64 = finished.iter().map(|file| file.bytes).sum();
        let rows: u64 = finished.iter().map(|file| file.rows).sum();
        report(name, (bytes, fed + click::processor_nanoseconds() - start));
        println!("{:>34} files, {rows} rows, {:.1} bytes a row", finished.len(), written as f64 / rows as f64);
    }
    let status = std::fs::read_to_string("/proc/self/status")?;
    println!("{}", status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default());
    Ok(())
}
