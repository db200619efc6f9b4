//! Writes the input of the shop lake: site events, changes of the order table, and a snapshot of the CRM.
//!
//! The same arguments give the same bytes, from ten thousand events for a first try to ten million for a measurement.

mod calendar;
mod catalogue;
mod clickstream;
mod crm;
mod delivery;
mod orders;
mod random;
mod visitors;

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Parser;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::calendar::Calendar;
use crate::catalogue::Catalogue;
use crate::clickstream::Clickstream;
use crate::crm::CrmWritten;
use crate::delivery::{Delivered, Delivery};
use crate::orders::{ChangesWritten, OrderTable};
use crate::visitors::Population;

/// Write events, orders and customers for the shop lake.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Folder for the files; made if it is not there
    out_dir: PathBuf,
    /// Different site events; repeated and broken records come on top
    #[arg(long, default_value_t = 10_000)]
    events: u64,
    /// The same seed gives the same files
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// First day, in Tokyo
    #[arg(long, default_value = "2026-10-01")]
    from: String,
    /// Number of days
    #[arg(long, default_value_t = 31)]
    days: u32,
    /// Compress the two NDJSON files
    #[arg(long)]
    gzip: bool,
}

/// What all files together hold.
#[derive(Debug)]
struct Written {
    events: Delivered,
    orders: ChangesWritten,
    crm: CrmWritten,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let written = generate(&arguments)?;
    report(&written, &mut std::io::stderr())?;
    Ok(())
}

fn generate(arguments: &Arguments) -> Result<Written> {
    let directory = &arguments.out_dir;
    fs::create_dir_all(directory).with_context(|| format!("cannot make the folder `{}`", directory.display()))?;
    let seed = arguments.seed;
    let calendar = Calendar::new(&arguments.from, arguments.days)?;
    let catalogue = Catalogue::new(seed);
    let population = Population::new(seed, arguments.events);
    let mut clickstream = Clickstream::new(seed, arguments.events, &calendar, &catalogue, &population);
    let mut delivery = Delivery::new(create(directory, "site_events.ndjson", arguments.gzip)?, seed);
    let mut table = OrderTable::new(create(directory, "orders.ndjson", arguments.gzip)?, seed, &catalogue);

    let mut line = Vec::with_capacity(2_048);
    while let Some(event) = clickstream.next_event(&mut line, delivery.next_delay()) {
        delivery.send(event.instant, &line)?;
        if let Some(basket) = event.basket {
            table.insert(event.instant, basket)?;
        }
    }
    let (output, events) = delivery.finish()?;
    output.close()?;
    let (output, orders) = table.finish(calendar.end())?;
    output.close()?;
    let crm = crm::write(directory, seed, &population, &calendar)?;
    Ok(Written { events, orders, crm })
}

/// A file, compressed or not.
enum Output {
    Plain(BufWriter<File>),
    Gzip(Box<GzEncoder<BufWriter<File>>>),
}

impl Output {
    fn close(self) -> std::io::Result<()> {
        let mut file = match self {
            Self::Plain(file) => file,
            Self::Gzip(encoder) => encoder.finish()?,
        };
        file.flush()
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Plain(file) => file.write(bytes),
            Self::Gzip(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Self::Plain(file) => file.flush(),
            Self::Gzip(encoder) => encoder.flush(),
        }
    }
}

fn create(directory: &Path, name: &str, gzip: bool) -> Result<Output> {
    let path = directory.join(if gzip { format!("{name}.gz") } else { name.to_owned() });
    let file = File::create(&path).with_context(|| format!("cannot write `{}`", path.display()))?;
    let file = BufWriter::with_capacity(1 << 20, file);
    Ok(if gzip { Output::Gzip(Box::new(GzEncoder::new(file, Compression::fast()))) } else { Output::Plain(file) })
}

fn report(written: &Written, target: &mut impl Write) -> std::io::Result<()> {
    let Written { events, orders, crm } = written;
    writeln!(
        target,
        "site_events: {} records ({} events, {} of them late; {} repeats; {} broken), {} bytes",
        events.lines(),
        events.events,
        events.late,
        events.repeated,
        events.broken,
        events.bytes,
    )?;
    writeln!(
        target,
        "orders: {} records ({} changes of {} orders and {} carts; {} repeats), {} bytes",
        orders.changes + orders.repeated,
        orders.changes,
        orders.orders,
        orders.carts,
        orders.repeated,
        orders.bytes,
    )?;
    writeln!(target, "customers: {} rows", crm.customers)?;
    writeln!(target, "contracts: {} rows", crm.contracts)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
    use super::{Arguments, generate, report};
    use clap::{CommandFactory, Parser};
    use std::collections::HashSet;
    use std::path::Path;

    fn run(directory: &Path, more: &[&str]) -> super::Written {
        let folder = directory.to_str().unwrap();
        let arguments = [&["shop-generator", folder], more].concat();
        generate(&Arguments::parse_from(arguments)).unwrap()
    }

    /// FNV-1a: enough to notice that one byte changed.
    fn fingerprint(bytes: &[u8]) -> u64 {
        bytes
            .iter()
            .fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
    }

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_same_seed_gives_the_same_files() {
        let (first, second, other) =
            (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        run(first.path(), &["--events", "3000"]);
        run(second.path(), &["--events", "3000"]);
        run(other.path(), &["--events", "3000", "--seed", "8"]);
        for name in ["site_events.ndjson", "orders.ndjson", "customers.parquet", "contracts.parquet"] {
            let read = |folder: &tempfile::TempDir| std::fs::read(folder.path().join(name)).unwrap();
            assert_eq!(fingerprint(&read(&first)), fingerprint(&read(&second)), "{name}");
            assert_ne!(fingerprint(&read(&first)), fingerprint(&read(&other)), "{name}");
        }
    }

    #[test]
    fn counts_are_what_the_files_hold() {
        let folder = tempfile::tempdir().unwrap();
        let written = run(folder.path(), &[]);
        let bytes = std::fs::read(folder.path().join("site_events.ndjson")).unwrap();
        let lines: Vec<&[u8]> = bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).collect();
        let different: HashSet<&[u8]> = lines.iter().copied().collect();
        assert_eq!(bytes.len() as u64, written.events.bytes);
        assert_eq!(lines.len() as u64, written.events.lines());
        assert_eq!(written.events.events, 10_000);
        let first: Vec<u8> = lines[..100].join(&b'\n');
        assert_eq!(
            fingerprint(&first),
            7_457_441_190_236_416_472,
            "the documentation quotes counts of these very events"
        );
        assert_eq!(written.events.broken, 10);
        assert_eq!(different.len() as u64, written.events.events + written.events.broken);
        let mut text = Vec::new();
        report(&written, &mut text).unwrap();
        assert_eq!(String::from_utf8(text).unwrap(), include_str!("../expected_report.txt"));
    }

    #[test]
    fn compressed_files_hold_the_same_text() {
        let (plain, packed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        run(plain.path(), &["--events", "500"]);
        run(packed.path(), &["--events", "500", "--gzip"]);
        let file = std::fs::File::open(packed.path().join("orders.ndjson.gz")).unwrap();
        let mut text = String::new();
        std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(file), &mut text).unwrap();
        assert_eq!(text, std::fs::read_to_string(plain.path().join("orders.ndjson")).unwrap());
    }

    #[test]
    fn a_date_that_does_not_exist_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_str().unwrap();
        let arguments = Arguments::parse_from(["shop-generator", path, "--from", "2026-02-30"]);
        assert!(generate(&arguments).unwrap_err().to_string().contains("2026-02-30"));
    }
}
