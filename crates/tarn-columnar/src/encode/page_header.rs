//! The headers of pages, in Thrift's compact protocol.
//!
//! The `parquet` crate writes such headers only together with a page it owns, which would cost a copy of every page; a test
//! compares the two.

use parquet::basic::Encoding;

use super::varint;

/// What a page holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PageKind {
    /// Levels and values of rows.
    Data(Encoding),
    /// The values that keys stand for.
    Dictionary,
}

/// A page as its header tells of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct PageHeader {
    pub(super) kind: PageKind,
    /// Values in the page, nulls among them.
    pub(super) values: usize,
    /// Bytes before compression.
    pub(super) bytes: usize,
    /// Bytes after compression.
    pub(super) pressed: usize,
}

/// Thrift's numbers of types.
const INTEGER: u8 = 5;
const STRUCT: u8 = 12;
const FALSE: u8 = 2;

impl PageHeader {
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let kind = match self.kind {
            PageKind::Data(_) => 0,
            PageKind::Dictionary => 2,
        };
        integers(&[kind, number(self.bytes), number(self.pressed)], out);
        match self.kind {
            PageKind::Data(encoding) => {
                // From field 3 to field 5. Levels, which come last, are runs always.
                out.push(2 << 4 | STRUCT);
                let levels = i64::from(Encoding::RLE as i32);
                integers(&[number(self.values), i64::from(encoding as i32), levels, levels], out);
            }
            PageKind::Dictionary => {
                // From field 3 to field 7; whether it is sorted is the third field.
                out.push(4 << 4 | STRUCT);
                integers(&[number(self.values), i64::from(Encoding::PLAIN as i32)], out);
                out.push(1 << 4 | FALSE);
            }
        }
        out.extend([0, 0]);
    }
}

/// Fields of 32-bit integers that follow each other.
fn integers(values: &[i64], out: &mut Vec<u8>) {
    for value in values {
        out.push(1 << 4 | INTEGER);
        varint::zigzag(*value, out);
    }
}

fn number(value: usize) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
