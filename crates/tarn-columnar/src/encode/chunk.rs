//! A column's part of a row group: its pages, and what the footer says about them.

use parquet::basic::{Encoding, PageType};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::Result;
use parquet::file::metadata::{ColumnChunkMetaData, OffsetIndexBuilder, PageEncodingStats};
use parquet::file::statistics::Statistics;
use parquet::schema::types::ColumnDescPtr;

use super::page_header::PageKind;
use super::press::{KeptPages, Press, Spliced};

/// The pages of a chunk so far.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    kept: KeptPages,
    /// Per page its rows and its bytes with the header.
    pages: Vec<(usize, usize)>,
    /// Bytes before compression.
    bytes: usize,
    /// Neighbouring pages of one encoding.
    encodings: Vec<(Encoding, i32)>,
}

impl Chunk {
    /// Bytes in memory.
    pub(super) fn kept_bytes(&self) -> usize {
        self.kept.bytes()
    }

    /// Compresses the page that lies in the press, and keeps it.
    pub(super) fn push_page(&mut self, encoding: Encoding, rows: usize, press: &mut Press) -> Result<()> {
        self.bytes += press.press(PageKind::Data(encoding), rows)?;
        self.pages.push((rows, press.keep(&mut self.kept)));
        match self.encodings.last_mut() {
            Some((last, count)) if *last == encoding => *count += 1,
            _ => self.encodings.push((encoding, 1)),
        }
        Ok(())
    }

    /// Whether pages are encoded this way.
    pub(super) fn has(&self, encoding: Encoding) -> bool {
        self.encodings.iter().any(|(other, _)| *other == encoding)
    }

    /// Hands the chunk over and begins the next one. `dictionary`: the values of the dictionary that lies in the press.
    pub(super) fn finish(
        &mut self,
        descriptor: ColumnDescPtr,
        statistics: Statistics,
        dictionary: Option<usize>,
        press: &mut Press,
        take: impl FnOnce(&Spliced<'_>, ColumnCloseResult) -> Result<()>,
    ) -> Result<()> {
        let mut encodings = vec![Encoding::RLE];
        let mut page_encodings = Vec::new();
        let mut dictionary_bytes = 0;
        if let Some(values) = dictionary {
            self.bytes += press.press(PageKind::Dictionary, values)?;
            dictionary_bytes = press.parts().iter().map(|part| part.len()).sum();
            encodings.push(Encoding::PLAIN);
            let page_type = PageType::DICTIONARY_PAGE;
            page_encodings.push(PageEncodingStats { page_type, encoding: Encoding::PLAIN, count: 1 });
        }
        for (encoding, count) in &self.encodings {
            encodings.push(*encoding);
            let page_type = PageType::DATA_PAGE;
            page_encodings.push(PageEncodingStats { page_type, encoding: *encoding, count: *count });
        }
        let mut offsets = OffsetIndexBuilder::new();
        let (mut rows, mut offset) = (0, dictionary_bytes);
        for (page_rows, page_bytes) in &self.pages {
            offsets.append_offset_and_size(signed(offset), i32::try_from(*page_bytes).unwrap_or(i32::MAX));
            offsets.append_row_count(signed(*page_rows));
            offset += page_bytes;
            rows += page_rows;
        }
        let metadata = ColumnChunkMetaData::builder(descriptor)
            .set_compression(press.compression())
            .set_encodings(encodings)
            .set_page_encoding_stats(page_encodings)
            .set_total_compressed_size(signed(offset))
            .set_total_uncompressed_size(signed(self.bytes))
            .set_num_values(signed(rows))
            .set_data_page_offset(signed(dictionary_bytes))
            .set_dictionary_page_offset(dictionary.map(|_| 0))
            .set_statistics(statistics)
            .build()?;
        let close = ColumnCloseResult {
            bytes_written: offset as u64,
            rows_written: rows as u64,
            metadata,
            bloom_filter: None,
            column_index: None,
            offset_index: Some(offsets.build()),
        };
        let taken = {
            let parts = press.parts();
            let before = if dictionary.is_some() { parts.as_slice() } else { &[] };
            take(&self.kept.after(before), close)
        };
        self.clear(press);
        taken
    }

    /// Drops the pages.
    pub(super) fn clear(&mut self, press: &mut Press) {
        press.release(&mut self.kept);
        self.pages.clear();
        self.encodings.clear();
        self.bytes = 0;
    }
}

fn signed(value: usize) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
