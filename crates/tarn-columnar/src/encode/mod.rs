//! Columns encoded value by value as they come.
//!
//! The general writer of the `parquet` crate wants Arrow arrays: values copied into an array, from there into pages, with
//! memory of its own for every page and a compressor for every column. Encoding was the larger half of all work that way.
//! Here a value goes into its page at once. What surrounds the pages (footer, schema, indexes) stays the crate's.

mod bits;
mod chunk;
mod column;
mod delta;
mod fixed;
mod hybrid;
mod number;
mod packing;
mod page_header;
mod press;
mod range;
mod repeating;
#[cfg(test)]
mod tests;
mod text;
mod varint;
mod vocabulary;

pub(crate) use column::ColumnEncoder;
pub(crate) use press::Press;

/// Bytes after which a page ends: larger ones leave the processor's cache before they are compressed.
const PAGE_BYTES: usize = 256 << 10;

/// Rows after which a page ends.
const PAGE_ROWS: usize = 20_480;
