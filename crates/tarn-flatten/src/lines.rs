//! Documents as flat JSON objects, a line each, written while they are read.
//!
//! This is the form that Firehose's record format conversion reads into the Parquet of a Glue table, with the OpenX or the
//! Hive JSON reader. Without a contract every leaf is a member: scalars as they were written, arrays and empty objects as
//! JSON text in a string. With a contract the members are its columns, in its order, cast as rows are, and each written so
//! that those readers get the exact value:
//!
//! | column | written as |
//! | --- | --- |
//! | `boolean` | `true`, `false` |
//! | integers, `decimal` | a number with all its digits, decimals with as many after the point as the type has |
//! | `real`, `double` | the shortest number that is read back as the same one; a contract's cast lets no infinity through |
//! | `string` | a string, with the escapes that stand in the record |
//! | `json` | a string that holds the JSON text |
//! | `date`, `timestamp` | `"yyyy-MM-dd"`, `"yyyy-MM-dd HH:mm:ss.SSSSSS"` in UTC |
//! | `binary` | a string of padded base64 |
//! | null or absent | not at all |
//!
//! Then follow the columns that Tarn adds: `_id`, or for a change record `_op`, `_ttl`, `_seq` and `_at`; and `_extra`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt::Write as _;
use std::sync::Arc;

use crate::assembly::RowAssembly;
use crate::cast::Slot;
use crate::column_type::ColumnType;
use crate::contract::Contract;
use crate::error::RecordErrorKind;
use crate::escape::write_escaped;
use crate::nested::push_compact;
use crate::output::Output;
use crate::paths::{NodeId, Paths};
use crate::rendered::{RenderedKey, write_date, write_decimal, write_id, write_integer, write_timestamp};
use crate::row::{Change, document_id};
use crate::simd::Scan;
use crate::walk::{Kind, Leaf, Opening, Visitor};

/// What gives the partition of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// A day, since 1970-01-01.
    Date(i32),
    /// A point in time, in microseconds since 1970-01-01 00:00 UTC.
    Timestamp(i64),
}

/// Where the moment of a row stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MomentOf {
    /// In a `date` or `timestamp` column, by its position in the contract.
    Column(usize),
    /// It is when the change was made.
    ChangeTime,
}

/// The lines of one record.
#[derive(Debug, Clone, Copy)]
pub struct Lines<'a> {
    /// One JSON object a row, each with a line feed behind it.
    pub text: &'a [u8],
    /// How many rows.
    pub rows: usize,
    /// The moment of each row, if the flattener was told where it stands; `None` for a row that has none.
    pub moments: &'a [Option<Moment>],
}

/// A document that was read, to be ended with the columns that Tarn adds.
pub(crate) struct Ending<'a> {
    pub(crate) text: &'a str,
    pub(crate) change: Option<&'a Change>,
    pub(crate) record: &'a [u8],
    pub(crate) position: u32,
}

/// The lines of a record in the making.
#[derive(Debug)]
pub(crate) struct LineWriter {
    pub(crate) output: Output,
    pub(crate) moment_of: Option<MomentOf>,
    pub(crate) moments: Vec<Option<Moment>>,
    /// Where the line at hand begins.
    start: usize,
    compacted: String,
}

impl LineWriter {
    pub(crate) fn new(limit: usize) -> Self {
        Self { output: Output::new(limit), moment_of: None, moments: Vec::new(), start: 0, compacted: String::new() }
    }

    /// Forgets the lines of the last record.
    pub(crate) fn clear(&mut self) {
        self.output.clear();
        self.moments.clear();
    }

    /// Begins a line.
    #[inline(always)]
    pub(crate) fn begin(&mut self) {
        self.start = self.output.length();
    }

    /// Ends a line. Every member was written with a comma before it; the first one becomes the bracket.
    #[inline]
    fn end(&mut self, ending: &Ending<'_>) {
        match ending.change {
            None => {
                self.output.array(b",\"_id\":\"");
                write_id(document_id(ending.record, ending.position), &mut self.output);
                self.output.byte(b'"');
            }
            Some(change) => self.change(change),
        }
        self.output.array(b"}\n");
        self.output.replace(self.start, b'{');
    }

    fn change(&mut self, change: &Change) {
        let output = &mut self.output;
        output.array(b",\"_op\":\"");
        output.push(change.operation.as_str().as_bytes());
        output.array(b"\",\"_ttl\":");
        output.push(if change.by_ttl { b"true" } else { b"false" });
        output.array(b",\"_seq\":");
        write_decimal(change.sequence, 0, output);
        if let Some(at) = change.at {
            output.array(b",\"_at\":\"");
            write_timestamp(at, output);
            output.byte(b'"');
        }
    }

    #[inline]
    fn moment(&mut self, slots: &[Slot], change: Option<&Change>) {
        let Some(moment_of) = self.moment_of else { return };
        let moment = match moment_of {
            MomentOf::Column(position) => match slots.get(position) {
                Some(Slot::Date(day)) => Some(Moment::Date(*day)),
                Some(Slot::Timestamp(instant)) => Some(Moment::Timestamp(*instant)),
                _ => None,
            },
            MomentOf::ChangeTime => change.and_then(|change| change.at).map(Moment::Timestamp),
        };
        self.moments.push(moment);
    }
}

/// Writes lines while documents are read.
pub(crate) trait LineAssembly {
    type Visitor: Visitor;
    /// Begins a document.
    fn begin(&mut self) -> &mut Self::Visitor;
    /// Ends it.
    fn end(&mut self, ending: &Ending<'_>) -> Result<(), RecordErrorKind>;
    /// Where the lines are written.
    fn writer(&mut self) -> &mut LineWriter;
}

/// Lines of all leaves.
pub(crate) struct FlatLines<'a>(pub(crate) &'a mut LineWriter);

impl LineAssembly for FlatLines<'_> {
    type Visitor = LineWriter;

    #[inline(always)]
    fn begin(&mut self) -> &mut LineWriter {
        self.0.begin();
        self.0
    }

    #[inline(always)]
    fn end(&mut self, ending: &Ending<'_>) -> Result<(), RecordErrorKind> {
        self.0.moment(&[], ending.change);
        self.0.end(ending);
        Ok(())
    }

    fn writer(&mut self) -> &mut LineWriter {
        self.0
    }
}

impl Visitor for LineWriter {
    #[inline(always)]
    fn opening(&mut self, _: &Paths, _: NodeId) -> Opening {
        Opening::Open
    }

    #[inline(always)]
    fn leaf<S: Scan>(&mut self, paths: &mut Paths, node: NodeId, leaf: Leaf<'_>) -> Result<(), RecordErrorKind> {
        paths.write_claimed(node, &mut self.output);
        match leaf.kind {
            Kind::Nested { spaced } => {
                self.output.byte(b'"');
                if spaced {
                    self.compacted.clear();
                    push_compact(leaf.json(), &mut self.compacted);
                    write_escaped::<S>(self.compacted.as_bytes(), 0, self.compacted.len(), &mut self.output);
                } else {
                    write_escaped::<S>(leaf.text.as_bytes(), leaf.start, leaf.end, &mut self.output);
                }
                self.output.byte(b'"');
            }
            _ => self.output.part(leaf.text.as_bytes(), leaf.start, leaf.end),
        }
        Ok(())
    }

    fn mute(&mut self, _: bool) {}
}

/// The rows of a contract, and the keys of its columns.
#[derive(Debug)]
pub(crate) struct ColumnAssembly {
    pub(crate) rows: RowAssembly<true>,
    columns: Vec<(RenderedKey, ColumnType)>,
}

impl ColumnAssembly {
    pub(crate) fn new(contract: &Arc<Contract>) -> Self {
        let columns = contract.columns().iter();
        Self {
            rows: RowAssembly::new(Arc::clone(contract)),
            columns: columns.map(|column| (RenderedKey::new(&column.name), column.column_type)).collect(),
        }
    }
}

/// Lines of a contract's columns.
pub(crate) struct ColumnLines<'a> {
    pub(crate) assembly: &'a mut ColumnAssembly,
    pub(crate) writer: &'a mut LineWriter,
}

impl LineAssembly for ColumnLines<'_> {
    type Visitor = RowAssembly<true>;

    #[inline(always)]
    fn begin(&mut self) -> &mut RowAssembly<true> {
        self.writer.begin();
        self.assembly.rows.forget();
        &mut self.assembly.rows
    }

    #[inline]
    fn end(&mut self, ending: &Ending<'_>) -> Result<(), RecordErrorKind> {
        let ColumnAssembly { rows, columns } = &mut *self.assembly;
        rows.complete()?;
        self.writer.moment(&rows.slots, ending.change);
        let output = &mut self.writer.output;
        let text = ending.text.as_bytes();
        for ((key, column_type), slot) in columns.iter().zip(&rows.slots) {
            if matches!(slot, Slot::Absent | Slot::Null) {
                continue;
            }
            key.write(output);
            write_slot(*slot, *column_type, text, &rows.scratch.text, &rows.scratch.bytes, output);
        }
        if !rows.extra.is_empty() {
            output.array(b",\"_extra\":\"");
            write_escaped::<crate::simd::Portable>(rows.extra.as_bytes(), 0, rows.extra.len(), output);
            output.array(b"}\"");
        }
        self.writer.end(ending);
        Ok(())
    }

    fn writer(&mut self) -> &mut LineWriter {
        self.writer
    }
}

#[inline]
fn write_slot(slot: Slot, column_type: ColumnType, text: &[u8], scratch: &str, bytes: &[u8], output: &mut Output) {
    match slot {
        Slot::Absent | Slot::Null => {}
        Slot::Boolean(true) => output.array(b"true"),
        Slot::Boolean(false) => output.array(b"false"),
        Slot::Integer(value) => write_integer(value, output),
        Slot::Decimal(value) => {
            let scale = if let ColumnType::Decimal { scale, .. } = column_type { scale } else { 0 };
            write_decimal(value, scale, output);
        }
        // The longest such text is that of 24 characters; writing to an output does not fail.
        Slot::Real(value) => drop(write!(output, "{value:?}")),
        Slot::Double(value) => drop(write!(output, "{value:?}")),
        _ => {
            output.byte(b'"');
            match slot {
                Slot::Source { start, end } => output.part(text, start, end),
                Slot::Json { start, end } => write_escaped::<crate::simd::Portable>(text, start, end, output),
                Slot::Rewritten { start, end } => {
                    write_escaped::<crate::simd::Portable>(scratch.as_bytes(), start, end, output);
                }
                Slot::Date(days) => write_date(i64::from(days), output),
                Slot::Timestamp(micros) => write_timestamp(micros, output),
                Slot::Binary { start, end } => {
                    output.push(STANDARD.encode(bytes.get(start..end).unwrap_or_default()).as_bytes());
                }
                _ => {}
            }
            output.byte(b'"');
        }
    }
}
