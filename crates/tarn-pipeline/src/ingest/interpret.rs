//! From raw bytes to rows and quarantine, unit by unit, on as many threads as there are.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, NaiveDate};
use tarn_columnar::{
    AddedColumns, DayOf, DiscoveredFiles, FinishedFile, ParquetFiles, ParquetSettings, Partition, PartitionRule,
    PartitionSource,
};
use tarn_flatten::{Contract, Flattener, RecordError, Settings};
use tarn_model::{Lake, Source, SourceKind};

use crate::error::StepError;
use crate::ingest::contract;
use crate::ingest::files::{self, BucketFiles};
use crate::ingest::framing::{Framing, Lines, UNIT};
use crate::ingest::quarantine::Quarantined;
use crate::ingest::raw::RawObject;
use crate::layout;
use crate::names::Key;
use crate::ports::{Event, ObjectStore, Observer};

/// How many bytes are interpreted between two looks at whether writing still goes on, and two reports of progress.
const REPORT_EVERY: u64 = 4 << 20;

/// A raw object and how it is to be read.
pub(crate) struct Batch {
    raw: RawObject,
    source: Source,
    settings: Settings,
    contract: Option<Arc<Contract>>,
    rule: PartitionRule,
}

/// One file of rows.
pub(crate) struct RowFile {
    /// Its key.
    pub(crate) key: Key,
    /// The day of its rows.
    pub(crate) day: Option<NaiveDate>,
}

/// The quarantine of one unit.
pub(crate) struct UnitQuarantine {
    /// Its key.
    pub(crate) key: Key,
    /// Its records.
    pub(crate) records: Vec<Quarantined>,
}

/// What was made of a raw object, or of a unit of it.
#[derive(Default)]
pub(crate) struct Interpreted {
    /// Records read.
    pub(crate) records: u64,
    /// Rows made.
    pub(crate) rows: u64,
    /// Files written.
    pub(crate) files: Vec<RowFile>,
    /// Records that were not taken.
    pub(crate) quarantine: Vec<UnitQuarantine>,
    /// Names of columns found, for a source without contract.
    pub(crate) discovered: BTreeSet<String>,
}

impl Interpreted {
    fn and(mut self, other: Self) -> Self {
        self.records += other.records;
        self.rows += other.rows;
        self.files.extend(other.files);
        self.quarantine.extend(other.quarantine);
        self.discovered.extend(other.discovered);
        self
    }

    /// The keys of everything written.
    pub(crate) fn keys(&self) -> BTreeSet<Key> {
        let files = self.files.iter().map(|file| file.key.clone());
        files
            .chain(self.quarantine.iter().filter(|unit| !unit.records.is_empty()).map(|unit| unit.key.clone()))
            .collect()
    }
}

impl Batch {
    /// A raw object of a source, to be read by the source's present contract.
    pub(crate) fn new(lake: &Lake, source: &Source, raw: RawObject) -> Result<Self, StepError> {
        Ok(Self {
            settings: contract::settings(lake, source),
            contract: contract::contract(source)?,
            rule: partition_rule(lake, source)?,
            source: source.clone(),
            raw,
        })
    }

    fn added_columns(&self) -> AddedColumns {
        match self.source.kind {
            SourceKind::Table => AddedColumns::Table,
            SourceKind::Stream | SourceKind::Snapshot => AddedColumns::Stream,
        }
    }

    /// The day of a file's rows: their own where the source says so, else the day on which they arrived.
    fn day(&self, partition: Partition) -> Option<NaiveDate> {
        match partition {
            Partition::Whole => Some(self.raw.day),
            Partition::Day(day) => day.and_then(files::date),
        }
    }

    fn place(&self) -> impl Fn(Partition) -> Key + use<> {
        let (source, arrival) = (self.source.clone(), self.raw.day);
        move |partition| match partition {
            Partition::Whole => files::folder(&source, Some(arrival)),
            Partition::Day(day) => files::folder(&source, day.and_then(files::date)),
        }
    }
}

/// What gives the partition of a source's rows.
pub(crate) fn partition_rule(lake: &Lake, source: &Source) -> Result<PartitionRule, StepError> {
    let Some(rule) = &source.partitioned_by else {
        return Ok(PartitionRule::None);
    };
    let position = source.columns.iter().flatten().position(|column| column.name == rule.column);
    let partition_source = match position {
        Some(position) => PartitionSource::Column(position),
        None if rule.column == "_at" => PartitionSource::ChangeTime,
        None => {
            return Err(StepError::permanent(format!(
                "{}: there is no column `{}` to partition by",
                source.file, rule.column
            )));
        }
    };
    let zone = lake.config.timezone;
    let day_of: DayOf = Arc::new(move |microseconds| {
        let instant = DateTime::from_timestamp_micros(microseconds).unwrap_or_default();
        let days = instant.with_timezone(&zone).date_naive().signed_duration_since(NaiveDate::default()).num_days();
        i32::try_from(days).unwrap_or_default()
    });
    Ok(PartitionRule::DateOf { source: partition_source, day_of })
}

/// Interprets a whole raw object.
pub(crate) fn all(
    batch: &Batch,
    threads: usize,
    objects: &Arc<dyn ObjectStore>,
    observer: &dyn Observer,
) -> Result<Interpreted, StepError> {
    match Framing::of(&batch.raw.key, objects.as_ref())? {
        Framing::Records(records) => one_unit(batch, &records, objects),
        Framing::ZippedLines => zipped(batch, objects, observer),
        Framing::Lines => units(batch, threads, objects, observer),
    }
}

/// Sends quarantined records through again, into files that begin with `stem`.
pub(crate) fn quarantined(
    batch: &Batch,
    stem: &str,
    records: &[Quarantined],
    objects: &Arc<dyn ObjectStore>,
) -> Result<Interpreted, StepError> {
    let mut unit = Unit::new(batch, stem.to_owned(), objects);
    for record in records {
        unit.record(record.offset, &record.bytes()?, Some(&record.origin));
    }
    unit.finish()
}

fn one_unit(batch: &Batch, records: &[Vec<u8>], objects: &Arc<dyn ObjectStore>) -> Result<Interpreted, StepError> {
    let mut unit = Unit::new(batch, unit_stem(batch, 0), objects);
    for (number, record) in records.iter().enumerate() {
        unit.record(number as u64, record, None);
    }
    unit.finish()
}

fn unit_stem(batch: &Batch, number: u64) -> String {
    format!("{}-{number:05}", batch.raw.hash)
}

/// gzip can be read only from its beginning: one thread, unit after unit.
fn zipped(batch: &Batch, objects: &Arc<dyn ObjectStore>, observer: &dyn Observer) -> Result<Interpreted, StepError> {
    let mut lines = Lines::zipped(&batch.raw.key, objects.as_ref())?;
    let progress = Progress::new(None, observer);
    let mut sum = Interpreted::default();
    let mut number = 0;
    loop {
        let unit = lines_of_unit(batch, number, &mut lines, objects, &progress)?;
        let at_end = lines.is_at_end();
        sum = sum.and(unit);
        if at_end {
            return Ok(sum);
        }
        number += 1;
    }
}

/// Units of a plain file are taken by threads, in order, each as it is free.
fn units(
    batch: &Batch,
    threads: usize,
    objects: &Arc<dyn ObjectStore>,
    observer: &dyn Observer,
) -> Result<Interpreted, StepError> {
    let count = batch.raw.size.div_ceil(UNIT);
    let next = AtomicU64::new(0);
    let progress = Progress::new(Some(batch.raw.size), observer);
    let outcome: Mutex<Result<Vec<(u64, Interpreted)>, StepError>> = Mutex::new(Ok(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, usize::try_from(count).unwrap_or(usize::MAX).max(1)) {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return;
                    }
                    let done = Lines::from(&batch.raw.key, number * UNIT, objects.as_ref())
                        .and_then(|mut lines| lines_of_unit(batch, number, &mut lines, objects, &progress));
                    let mut outcome = outcome.lock().unwrap_or_else(PoisonError::into_inner);
                    match (done, outcome.as_mut()) {
                        (Ok(unit), Ok(units)) => units.push((number, unit)),
                        (Err(error), Ok(_)) => *outcome = Err(error),
                        (_, Err(_)) => {}
                    }
                    if outcome.is_err() {
                        return;
                    }
                }
            });
        }
    });
    let mut units = outcome.into_inner().unwrap_or_else(PoisonError::into_inner)?;
    units.sort_by_key(|(number, _)| *number);
    Ok(units.into_iter().fold(Interpreted::default(), |sum, (_, unit)| sum.and(unit)))
}

/// The lines that begin in a unit.
fn lines_of_unit(
    batch: &Batch,
    number: u64,
    lines: &mut Lines,
    objects: &Arc<dyn ObjectStore>,
    progress: &Progress<'_>,
) -> Result<Interpreted, StepError> {
    let end = (number + 1) * UNIT;
    let mut unit = Unit::new(batch, unit_stem(batch, number), objects);
    let mut reported = lines.offset();
    while lines.offset() < end {
        let Some((offset, line)) = lines.next()? else {
            break;
        };
        unit.record(offset, line, None);
        if lines.offset() - reported >= REPORT_EVERY {
            unit.check()?;
            progress.add(lines.offset() - reported);
            reported = lines.offset();
        }
    }
    progress.add(lines.offset() - reported);
    unit.finish()
}

/// Tells how far all threads are together.
struct Progress<'a> {
    done: AtomicU64,
    total: Option<u64>,
    observer: &'a dyn Observer,
}

impl<'a> Progress<'a> {
    fn new(total: Option<u64>, observer: &'a dyn Observer) -> Self {
        Self { done: AtomicU64::new(0), total, observer }
    }

    fn add(&self, bytes: u64) {
        let done = self.done.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.observer.observe(Event::IngestProgress { bytes: done, total: self.total });
    }
}

/// One unit in the making: its rows go to files, its refused records are kept.
struct Unit<'a> {
    batch: &'a Batch,
    stem: String,
    flattener: Flattener,
    rows: RowFiles,
    records: u64,
    row_count: u64,
    refused: Vec<Quarantined>,
}

type Place = Box<dyn Fn(Partition) -> Key>;

/// The files of a unit, by the way their columns are known.
enum RowFiles {
    Contract(Box<ParquetFiles<BucketFiles<Place>>>),
    Discovered(Box<DiscoveredFiles<BucketFiles<Place>>>),
}

impl<'a> Unit<'a> {
    fn new(batch: &'a Batch, stem: String, objects: &Arc<dyn ObjectStore>) -> Self {
        let place: Place = Box::new(batch.place());
        let factory = BucketFiles::new(Arc::clone(objects), place);
        let (flattener, rows) = match &batch.contract {
            Some(contract) => (
                Flattener::with_contract(batch.settings.clone(), Arc::clone(contract)),
                RowFiles::Contract(Box::new(ParquetFiles::new(
                    contract,
                    batch.added_columns(),
                    batch.rule.clone(),
                    parquet_settings(),
                    stem.clone(),
                    factory,
                ))),
            ),
            None => (
                Flattener::new(batch.settings.clone()),
                RowFiles::Discovered(Box::new(DiscoveredFiles::new(
                    std::iter::empty(),
                    batch.added_columns(),
                    parquet_settings(),
                    stem.clone(),
                    factory,
                ))),
            ),
        };
        Self { batch, stem, flattener, rows, records: 0, row_count: 0, refused: Vec::new() }
    }

    /// Takes one record, or keeps it with the reason why not. A line of nothing but white space is no record.
    fn record(&mut self, offset: u64, record: &[u8], origin: Option<&Key>) {
        let taken = match &mut self.rows {
            RowFiles::Contract(files) => self.flattener.record(record, files.as_mut()),
            RowFiles::Discovered(files) => self.flattener.flat(record, files.as_mut()),
        };
        match taken {
            Ok(outcome) => {
                self.records += u64::from(outcome.rows > 0);
                self.row_count += outcome.rows as u64;
            }
            Err(error) => self.refuse(offset, record, origin, &error),
        }
    }

    #[cold]
    fn refuse(&mut self, offset: u64, record: &[u8], origin: Option<&Key>, error: &RecordError) {
        self.records += 1;
        let origin = origin.unwrap_or(&self.batch.raw.key);
        self.refused.push(Quarantined::new(origin, offset, record, error));
    }

    /// Stops early when files cannot be written any more.
    fn check(&mut self) -> Result<(), StepError> {
        match &mut self.rows {
            RowFiles::Contract(files) => files.status()?,
            RowFiles::Discovered(files) => files.status()?,
        }
        Ok(())
    }

    fn finish(self) -> Result<Interpreted, StepError> {
        let place = self.batch.place();
        let (finished, discovered): (Vec<FinishedFile>, BTreeSet<String>) = match self.rows {
            RowFiles::Contract(files) => (files.finish()?.0, BTreeSet::new()),
            RowFiles::Discovered(files) => {
                let columns = files.columns().map(str::to_owned).collect();
                (files.finish()?.0, columns)
            }
        };
        let files = finished
            .iter()
            .map(|file| RowFile { key: place(file.partition).join(&file.name), day: self.batch.day(file.partition) })
            .collect();
        let key = layout::quarantine(&self.batch.source.name).join(&format!("{}.ndjson", self.stem));
        let quarantine = match self.refused.is_empty() {
            true => Vec::new(),
            false => vec![UnitQuarantine { key, records: self.refused }],
        };
        Ok(Interpreted { records: self.records, rows: self.row_count, files, quarantine, discovered })
    }
}

/// How ingest writes: few open days at a time and bounded memory, on each thread.
fn parquet_settings() -> ParquetSettings {
    ParquetSettings { open_partitions: 8, memory_bytes: 48 << 20, ..ParquetSettings::default() }
}
