//! Records in, rows out.

use std::sync::Arc;

use crate::assembly::{Assembly, Document, FieldAssembly, Fields, RowAssembly, Rows};
use crate::change::{ChangeReader, ImageRoom};
use crate::contract::Contract;
use crate::error::{RecordError, RecordErrorKind};
use crate::lines::{ColumnAssembly, ColumnLines, Ending, FlatLines, LineAssembly, LineWriter, Lines, MomentOf};
use crate::padded::Padded;
use crate::paths::Paths;
use crate::row::{Change, FlatSink, RecordOutcome, RowSink};
use crate::scan::skip_space;
use crate::settings::{Arrays, Input, Settings};
use crate::simd::Level;
use crate::unpack::{RecordText, Unpacking};
use crate::walk::{DocumentWalk, Frame, Reach, Visitor};

/// Flattens the records of one source.
///
/// A flattener learns the key paths of its source, so keep it for as long as records of that source come. What it has
/// learned makes it faster and changes nothing else.
#[derive(Debug)]
pub struct Flattener {
    max_record_bytes: usize,
    unpacking: Unpacking,
    reader: Reader,
    rows: RowAssembly,
    fields: FieldAssembly,
    lines: LineWriter,
    /// The contract's columns as members of a line; without a contract every leaf is a member.
    columns: Option<ColumnAssembly>,
}

impl Flattener {
    /// A flattener without a contract: [`Flattener::record`] gives rows without columns, all of it in `extra`.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self { columns: None, ..Self::with_contract(settings, Arc::new(Contract::default())) }
    }

    /// A flattener that casts records to the columns of a contract.
    #[must_use]
    pub fn with_contract(settings: Settings, contract: Arc<Contract>) -> Self {
        Self {
            // Positions past 4 GiB would be no record, but a mistake.
            max_record_bytes: settings.max_record_bytes.min(u32::MAX as usize),
            unpacking: Unpacking::default(),
            reader: Reader {
                level: if settings.accelerated { Level::detect() } else { Level::portable() },
                reach: Reach { depth: settings.depth.max(1), arrays: settings.arrays == Arrays::Index },
                paths: Paths::new(&settings.separator, settings.reserved.as_deref(), Some(&contract)),
                stack: Vec::new(),
                images: (settings.input == Input::DynamoDb).then(ImageRoom::default),
            },
            columns: Some(ColumnAssembly::new(&contract)),
            rows: RowAssembly::new(contract),
            fields: FieldAssembly::default(),
            lines: LineWriter::new(settings.max_line_bytes),
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
        let text = self.unpacking.text(record, self.max_record_bytes)?;
        self.reader.record(record, text, &mut Rows { assembly: &mut self.rows, sink })
    }

    /// Flattens each document of a record to fields, whatever the contract says.
    ///
    /// # Errors
    ///
    /// When one document is malformed; then nothing of the record was given out.
    pub fn flat(&mut self, record: &[u8], sink: &mut impl FlatSink) -> Result<RecordOutcome, RecordError> {
        let text = self.unpacking.text(record, self.max_record_bytes)?;
        self.reader.record(record, text, &mut Fields { assembly: &mut self.fields, sink })
    }

    /// Tells where the moment of each row stands that [`Flattener::lines`] gives with the lines.
    #[must_use]
    pub fn with_moments(mut self, moment_of: MomentOf) -> Self {
        self.lines.moment_of = Some(moment_of);
        self
    }

    /// Writes each document of a record as a flat JSON object in a line of its own: the columns of the contract, or without
    /// a contract every leaf, as [`Lines`] says. The lines stay until the next record comes.
    ///
    /// # Errors
    ///
    /// When one document is malformed or does not fit the contract, or the lines are larger than
    /// [`Settings::max_line_bytes`].
    pub fn lines(&mut self, record: Padded<'_>) -> Result<Lines<'_>, RecordError> {
        let text = self.unpacking.padded(record, self.max_record_bytes)?;
        let Self { reader, lines, columns, .. } = self;
        let record = record.record();
        let written = match columns {
            None => reader.lines(record, text, &mut FlatLines(lines)),
            Some(assembly) => reader.lines(record, text, &mut ColumnLines { assembly, writer: lines }),
        };
        let rows = written.map_err(|error| text.locate(error))?;
        Ok(Lines { text: lines.output.bytes(), rows, moments: &lines.moments })
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
    images: Option<ImageRoom>,
}

impl Reader {
    /// Reads the documents of a record from `start` on. The one document that most records hold is read once. Several are
    /// read twice: only when all of them are right is the first one given out, and memory does not grow with their number.
    fn record(
        &mut self,
        record: &[u8],
        text: RecordText<'_>,
        output: &mut impl Assembly,
    ) -> Result<RecordOutcome, RecordError> {
        let text = text.exact();
        self.documents(record, text.padded(), text.start, output).map_err(|error| text.locate(error))
    }

    fn documents(
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

    /// Writes the lines of the documents of a record; gives how many.
    fn lines(
        &mut self,
        record: &[u8],
        text: RecordText<'_>,
        lines: &mut impl LineAssembly,
    ) -> Result<usize, RecordError> {
        match self.write_lines(record, text, lines) {
            Ok(rows) => Ok(rows),
            // The padding hides where the record ends, so what is wrong is looked for without it.
            Err(error) => Err(self.write_lines(record, text.exact(), lines).err().unwrap_or(error)),
        }
    }

    fn write_lines(
        &mut self,
        record: &[u8],
        text: RecordText<'_>,
        lines: &mut impl LineAssembly,
    ) -> Result<usize, RecordError> {
        lines.writer().clear();
        let (start, end, text) = (text.start, text.end, text.padded());
        let mut next = skip_space(text.as_bytes(), start);
        let mut rows = 0;
        while next < end {
            let (change, after) = self.visit(text, next, lines.begin())?;
            let ending = Ending { text, change: change.as_ref(), record, position: rows };
            lines.end(&ending).map_err(|kind| RecordError::new(next, kind))?;
            rows += 1;
            next = skip_space(text.as_bytes(), after);
        }
        let output = &lines.writer().output;
        if output.overflowed() {
            return Err(RecordError::new(0, RecordErrorKind::OutputTooLarge { limit: output.limit() }));
        }
        Ok(rows as usize)
    }

    /// Reads the document at `at`; gives the position after it.
    fn document(
        &mut self,
        text: &str,
        at: usize,
        output: &mut impl Assembly,
    ) -> Result<(Option<Change>, usize), RecordError> {
        let result = self.visit(text, at, output.begin())?;
        output.complete().map_err(|kind| RecordError::new(at, kind))?;
        Ok(result)
    }

    /// Shows the leaves of the document at `at`; gives the position after it.
    #[inline]
    fn visit(
        &mut self,
        text: &str,
        at: usize,
        visitor: &mut impl Visitor,
    ) -> Result<(Option<Change>, usize), RecordError> {
        let Self { level, reach, paths, stack, images } = self;
        paths.begin_document();
        let read = match images {
            None => (None, level.run(DocumentWalk { text, at, reach: *reach, paths, stack, visitor })?),
            Some(room) => {
                let reader = ChangeReader { text, level: *level, reach: *reach, paths, stack, room, visitor };
                reader.read(at).map(|(change, end)| (Some(change), end))?
            }
        };
        paths.check_growth(at)?;
        Ok(read)
    }

    fn emit(&self, record: &[u8], text: &str, change: Option<Change>, position: u32, output: &mut impl Assembly) {
        output.emit(Document { text, paths: &self.paths, change: change.as_ref(), record, position });
    }
}
