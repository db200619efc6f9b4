//! Records in, rows out.

use std::sync::Arc;

use crate::assembly::{Assembly, Document, FieldAssembly, Fields, RowAssembly, Rows};
use crate::change::{ChangeRecord, Images, read};
use crate::contract::Contract;
use crate::error::RecordError;
use crate::ndjson::NdjsonWriter;
use crate::paths::Paths;
use crate::row::{FlatSink, RecordOutcome, RowSink};
use crate::scan::skip_space;
use crate::settings::{Arrays, Input, Settings};
use crate::simd::Level;
use crate::unpack;
use crate::walk::{DocumentWalk, Frame, Reach};

/// Flattens the records of one source.
///
/// A flattener learns the key paths of its source, so keep it for as long as records of that source come. What it has
/// learned makes it faster and changes nothing else.
#[derive(Debug)]
pub struct Flattener {
    max_record_bytes: usize,
    unpacked: Vec<u8>,
    reader: Reader,
    rows: RowAssembly,
    fields: FieldAssembly,
}

impl Flattener {
    /// A flattener without a contract: [`Flattener::record`] gives rows without columns, all of it in `extra`.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self::with_contract(settings, Arc::new(Contract::default()))
    }

    /// A flattener that casts records to the columns of a contract.
    #[must_use]
    pub fn with_contract(settings: Settings, contract: Arc<Contract>) -> Self {
        Self {
            // Positions past 4 GiB would be no record, but a mistake.
            max_record_bytes: settings.max_record_bytes.min(u32::MAX as usize),
            unpacked: Vec::new(),
            reader: Reader {
                level: if settings.accelerated { Level::detect() } else { Level::portable() },
                reach: Reach { depth: settings.depth.max(1), arrays: settings.arrays == Arrays::Index },
                paths: Paths::new(&settings.separator, Some(&contract)),
                stack: Vec::new(),
                images: (settings.input == Input::DynamoDb).then(Images::default),
            },
            rows: RowAssembly::new(contract),
            fields: FieldAssembly::default(),
        }
    }

    /// Casts each document of a record to a row of the contract.
    ///
    /// A record is one or more JSON objects, side by side or a line each, plain or gzip; with [`Input::DynamoDb`] each
    /// object is a change record.
    ///
    /// # Errors
    ///
    /// When one document is malformed or does not fit the contract; then no row of the record was given out.
    pub fn record(&mut self, record: &[u8], sink: &mut impl RowSink) -> Result<RecordOutcome, RecordError> {
        let (text, start) = unpack::text(record, self.max_record_bytes, &mut self.unpacked)?;
        self.reader.record(record, text, start, &mut Rows { assembly: &mut self.rows, sink })
    }

    /// Flattens each document of a record to fields, whatever the contract says.
    ///
    /// # Errors
    ///
    /// When one document is malformed; then nothing of the record was given out.
    pub fn flat(&mut self, record: &[u8], sink: &mut impl FlatSink) -> Result<RecordOutcome, RecordError> {
        let (text, start) = unpack::text(record, self.max_record_bytes, &mut self.unpacked)?;
        self.reader.record(record, text, start, &mut Fields { assembly: &mut self.fields, sink })
    }

    /// Appends each document of a record as a flat JSON object in a line of its own.
    ///
    /// # Errors
    ///
    /// When one document is malformed; then nothing was appended.
    pub fn ndjson(&mut self, record: &[u8], target: &mut String) -> Result<RecordOutcome, RecordError> {
        self.flat(record, &mut NdjsonWriter::new(target))
    }
}

/// Reads the documents of a record.
#[derive(Debug)]
struct Reader {
    level: Level,
    reach: Reach,
    paths: Paths,
    stack: Vec<Frame>,
    /// Room for the images of a change record; without it documents are plain JSON.
    images: Option<Images>,
}

impl Reader {
    /// Reads the documents of a record from `start` on. The one document that most records hold is read once. Several are
    /// read twice: only when all of them are right is the first one given out, and memory does not grow with their number.
    fn record(
        &mut self,
        record: &[u8],
        text: &str,
        start: usize,
        output: &mut impl Assembly,
    ) -> Result<RecordOutcome, RecordError> {
        let bytes = text.as_bytes();
        let first = skip_space(bytes, start);
        if first == bytes.len() {
            return Ok(RecordOutcome { rows: 0 });
        }
        let (change, end) = self.document(text, first, output)?;
        let mut next = skip_space(bytes, end);
        if next == bytes.len() {
            self.emit(record, text, change, 0, output);
            return Ok(RecordOutcome { rows: 1 });
        }
        while next < bytes.len() {
            let (_, end) = self.document(text, next, output)?;
            next = skip_space(bytes, end);
        }
        let mut rows = 0;
        next = first;
        while next < bytes.len() {
            let (change, end) = self.document(text, next, output)?;
            self.emit(record, text, change, rows, output);
            next = skip_space(bytes, end);
            rows += 1;
        }
        Ok(RecordOutcome { rows: rows as usize })
    }

    /// Reads the document at `at`; gives the position after it.
    fn document(
        &mut self,
        text: &str,
        at: usize,
        output: &mut impl Assembly,
    ) -> Result<(Option<ChangeRecord>, usize), RecordError> {
        let Self { level, reach, paths, stack, images } = self;
        paths.begin_document();
        let visitor = output.begin();
        let result = match images {
            None => {
                let end = level.run(DocumentWalk { text, at, reach: *reach, paths, stack, visitor })?;
                (None, end)
            }
            Some(images) => {
                let change = read(*level, text, at, images)?;
                let text = images.item(&change);
                level
                    .run(DocumentWalk { text, at: 0, reach: *reach, paths, stack, visitor })
                    // Positions in the decoded item mean nothing to the reader of the record.
                    .map_err(|error| RecordError::new(change.image_at, error.kind))?;
                (Some(change), change.end)
            }
        };
        output.complete().map_err(|kind| RecordError::new(at, kind))?;
        Ok(result)
    }

    fn emit(&self, record: &[u8], text: &str, change: Option<ChangeRecord>, position: u32, output: &mut impl Assembly) {
        let text = match (&self.images, &change) {
            (Some(images), Some(change)) => images.item(change),
            _ => text,
        };
        let change = change.map(|record| record.change);
        output.emit(Document { text, paths: &self.paths, change: change.as_ref(), record, position });
    }
}
