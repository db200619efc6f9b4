//! Where ingest's Parquet files go: folders of the bucket, one per day.

use std::io;
use std::sync::Arc;

use chrono::{Days, NaiveDate};
use tarn_columnar::{
    AddedColumns, ColumnarError, FileFactory, FinishedFile, NewFile, ParquetFiles, ParquetSettings, Partition,
    PartitionRule,
};
use tarn_flatten::Contract;
use tarn_model::Source;

use crate::error::StepError;
use crate::layout;
use crate::names::Key;
use crate::ports::{ObjectError, ObjectStore, ObjectWriter};

/// Hive's name for the partition of rows without a value.
pub(crate) const NO_VALUE: &str = "__HIVE_DEFAULT_PARTITION__";

/// The folder of a source's rows of one day.
pub fn folder(source: &Source, day: Option<NaiveDate>) -> Key {
    let name = source.partition_name().unwrap_or("day");
    let value = day.map_or_else(|| NO_VALUE.to_owned(), |day| day.to_string());
    layout::source(&source.name).join(&format!("{name}={value}/"))
}

/// The date so many days after 1970-01-01.
pub fn date(days: i32) -> Option<NaiveDate> {
    let distance = Days::new(u64::from(days.unsigned_abs()));
    match days < 0 {
        true => NaiveDate::default().checked_sub_days(distance),
        false => NaiveDate::default().checked_add_days(distance),
    }
}

/// Makes files in the folder that `place` gives for their partition.
pub struct BucketFiles<Place: Fn(Partition) -> Key> {
    objects: Arc<dyn ObjectStore>,
    place: Place,
}

impl<Place: Fn(Partition) -> Key> BucketFiles<Place> {
    /// Files in these folders of the bucket.
    pub fn new(objects: Arc<dyn ObjectStore>, place: Place) -> Self {
        Self { objects, place }
    }
}

impl<Place: Fn(Partition) -> Key> FileFactory for BucketFiles<Place> {
    type File = Box<dyn ObjectWriter>;

    fn create(&mut self, new: &NewFile) -> io::Result<Self::File> {
        self.objects.create(&(self.place)(new.partition).join(&new.name)).map_err(as_io)
    }

    fn finish(&mut self, file: Self::File, _finished: &FinishedFile) -> io::Result<()> {
        file.finish().map_err(as_io)
    }
}

fn as_io(error: ObjectError) -> io::Error {
    match error {
        ObjectError::Io { ref source, .. } => io::Error::new(source.kind(), error),
        ObjectError::NotFound(_) => io::Error::new(io::ErrorKind::NotFound, error),
    }
}

impl From<ColumnarError> for StepError {
    fn from(error: ColumnarError) -> Self {
        let mut message = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(source) = cause {
            message = format!("{message}: {source}");
            cause = source.source();
        }
        StepError::permanent(message)
    }
}

/// A table in one file, such as a seed.
pub type SingleFile = ParquetFiles<BucketFiles<Box<dyn Fn(Partition) -> Key>>>;

/// A file of a contract's columns in a folder; [`finish_single`] makes it visible.
pub fn single(contract: &Contract, folder: &Key, objects: Arc<dyn ObjectStore>) -> SingleFile {
    let folder = folder.clone();
    let place: Box<dyn Fn(Partition) -> Key> = Box::new(move |_| folder.clone());
    ParquetFiles::new(
        contract,
        AddedColumns::None,
        PartitionRule::None,
        ParquetSettings::default(),
        "part",
        BucketFiles::new(objects, place),
    )
}

/// Makes the file visible.
pub fn finish_single(file: SingleFile) -> Result<(), StepError> {
    file.finish()?;
    Ok(())
}
