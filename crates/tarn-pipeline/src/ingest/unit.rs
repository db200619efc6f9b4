//! A unit: a stretch of records, and the files that are made of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use tarn_columnar::{DiscoveredFiles, FinishedFile, ParquetFiles, ParquetSettings, Partition};
use tarn_flatten::{Flattener, RecordError};

use crate::error::StepError;
use crate::ingest::files::BucketFiles;
use crate::ingest::interpret::{Batch, Interpreted, RowFile};
use crate::ingest::quarantine::{QuarantineWriter, Quarantined};
use crate::layout;
use crate::names::Key;
use crate::ports::{ObjectError, ObjectStore};

/// One unit in the making: its rows go to files, its refused records are kept.
pub(super) struct Unit<'a> {
    batch: &'a Batch,
    stem: String,
    flattener: Flattener,
    rows: RowFiles,
    records: u64,
    row_count: u64,
    refused: u64,
    refusals: Refusals,
    /// The first failure to keep a refused record.
    failure: Option<ObjectError>,
}

/// Where refused records go.
enum Refusals {
    /// To an object of the quarantine, begun with the first of them.
    Bucket(Arc<dyn ObjectStore>, Option<QuarantineWriter>),
    /// Back to whoever asked.
    Memory(Vec<Quarantined>),
}

type Place = Box<dyn Fn(Partition) -> Key>;

/// The files of a unit, by the way their columns are known.
enum RowFiles {
    Contract(Box<ParquetFiles<BucketFiles<Place>>>),
    Discovered(Box<DiscoveredFiles<BucketFiles<Place>>>),
}

impl<'a> Unit<'a> {
    /// An empty unit whose files begin with `stem`.
    pub(super) fn new(batch: &'a Batch, stem: String, objects: &Arc<dyn ObjectStore>) -> Self {
        let place: Place = Box::new(batch.place());
        let factory = BucketFiles::new(Arc::clone(objects), place).noted_in(Arc::clone(&batch.made));
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
        let refusals = Refusals::Bucket(Arc::clone(objects), None);
        Self { batch, stem, flattener, rows, records: 0, row_count: 0, refused: 0, refusals, failure: None }
    }

    /// The same, but refused records go back to whoever asked.
    pub(super) fn keeping_refused(self) -> Self {
        Self { refusals: Refusals::Memory(Vec::new()), ..self }
    }

    /// Takes one record, or keeps it with the reason why not. A line of nothing but white space is no record.
    pub(super) fn record(&mut self, offset: u64, record: &[u8], origin: Option<&Key>) {
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
        self.refused += 1;
        let origin = origin.unwrap_or(&self.batch.raw.key);
        let kept = self.keep(Quarantined::new(origin, offset, record, error));
        if let Err(failure) = kept {
            self.failure.get_or_insert(failure);
        }
    }

    fn keep(&mut self, record: Quarantined) -> Result<(), ObjectError> {
        match &mut self.refusals {
            Refusals::Memory(records) => {
                records.push(record);
                Ok(())
            }
            Refusals::Bucket(_, Some(writer)) => writer.add(&record),
            Refusals::Bucket(objects, none) => {
                let key = layout::quarantine(&self.batch.source.name).join(&format!("{}.ndjson", self.stem));
                let writer = QuarantineWriter::create(key, Arc::clone(&self.batch.made), objects.as_ref())?;
                none.insert(writer).add(&record)
            }
        }
    }

    /// Stops early when files cannot be written any more.
    pub(super) fn check(&mut self) -> Result<(), StepError> {
        match &mut self.rows {
            RowFiles::Contract(files) => files.status()?,
            RowFiles::Discovered(files) => files.status()?,
        }
        self.failure.take().map_or(Ok(()), |failure| Err(failure.into()))
    }

    /// Makes everything visible.
    pub(super) fn finish(mut self) -> Result<Interpreted, StepError> {
        self.check()?;
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
        let (quarantine, kept) = match self.refusals {
            Refusals::Memory(records) => (Vec::new(), records),
            Refusals::Bucket(_, None) => (Vec::new(), Vec::new()),
            Refusals::Bucket(_, Some(writer)) => (vec![writer.finish()?], Vec::new()),
        };
        let (records, rows, refused) = (self.records, self.row_count, self.refused);
        Ok(Interpreted { records, rows, refused, files, quarantine, kept, discovered })
    }
}

/// How ingest writes: few open days at a time and bounded memory, on each thread.
fn parquet_settings() -> ParquetSettings {
    ParquetSettings { open_partitions: 8, memory_bytes: 48 << 20, ..ParquetSettings::default() }
}
