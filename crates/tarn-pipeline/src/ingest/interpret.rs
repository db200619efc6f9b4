//! From raw bytes to rows and quarantine, unit by unit, on as many threads as there are.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, NaiveDate};
use tarn_columnar::{AddedColumns, DayOf, Partition, PartitionRule, PartitionSource};
use tarn_flatten::{Contract, Settings};
use tarn_model::{Lake, Source, SourceKind};

use crate::error::StepError;
use crate::ingest::contract;
use crate::ingest::files;
use crate::ingest::framing::{Framing, Lines, UNIT};
use crate::ingest::made::Made;
use crate::ingest::quarantine::Quarantined;
use crate::ingest::raw::RawObject;
use crate::ingest::unit::Unit;
use crate::names::Key;
use crate::ports::{Event, ObjectStore, Observer};

/// How many bytes are interpreted between two looks at whether writing still goes on, and two reports of progress.
const REPORT_EVERY: u64 = 4 << 20;

/// A raw object, how it is to be read, and where what is made of it is written down.
pub(crate) struct Batch {
    pub(super) raw: RawObject,
    pub(super) made: Arc<Made>,
    pub(super) source: Source,
    pub(super) settings: Settings,
    pub(super) contract: Option<Arc<Contract>>,
    pub(super) rule: PartitionRule,
}

/// One file of rows.
pub(crate) struct RowFile {
    /// Its key.
    pub(crate) key: Key,
    /// The day of its rows.
    pub(crate) day: Option<NaiveDate>,
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
    /// How many records were not taken.
    pub(crate) refused: u64,
    /// The objects of the quarantine that hold them.
    pub(crate) quarantine: Vec<Key>,
    /// The records themselves, where they are kept in memory.
    pub(crate) kept: Vec<Quarantined>,
    /// Names of columns found, for a source without contract.
    pub(crate) discovered: BTreeSet<String>,
}

impl Interpreted {
    fn and(mut self, other: Self) -> Self {
        self.records += other.records;
        self.rows += other.rows;
        self.refused += other.refused;
        self.files.extend(other.files);
        self.quarantine.extend(other.quarantine);
        self.kept.extend(other.kept);
        self.discovered.extend(other.discovered);
        self
    }

    /// The keys of everything written.
    pub(crate) fn keys(&self) -> BTreeSet<Key> {
        self.files.iter().map(|file| &file.key).chain(&self.quarantine).cloned().collect()
    }
}

impl Batch {
    /// A raw object of a source, to be read by the source's present contract.
    pub(crate) fn new(lake: &Lake, source: &Source, raw: RawObject, made: Arc<Made>) -> Result<Self, StepError> {
        Ok(Self {
            settings: contract::settings(lake, source),
            contract: contract::contract(source)?,
            rule: partition_rule(lake, source)?,
            source: source.clone(),
            raw,
            made,
        })
    }

    pub(super) fn added_columns(&self) -> AddedColumns {
        match self.source.kind {
            SourceKind::Table => AddedColumns::Table,
            SourceKind::Stream | SourceKind::Snapshot => AddedColumns::Stream,
        }
    }

    /// The day of a file's rows: their own where the source says so, else the day on which they arrived.
    pub(super) fn day(&self, partition: Partition) -> Option<NaiveDate> {
        match partition {
            Partition::Whole => Some(self.raw.day),
            Partition::Day(day) => day.and_then(files::date),
        }
    }

    pub(super) fn place(&self) -> impl Fn(Partition) -> Key + use<> {
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
    let mut unit = Unit::new(batch, stem.to_owned(), objects).keeping_refused();
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
