//! What a whole file does not show.
#![allow(clippy::unwrap_used, reason = "a failed test may panic")]

use bytes::Bytes;
use parquet::basic::Encoding;
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use proptest::prelude::*;

use super::page_header::{PageHeader, PageKind};
use super::vocabulary::Vocabulary;

/// The header as the crate writes it before a page.
fn header_of_crate(page: Page, bytes: usize) -> Vec<u8> {
    let length = page.buffer().len();
    let mut out = TrackedWrite::new(Vec::new());
    SerializedPageWriter::new(&mut out).write_page(CompressedPage::new(page, bytes)).unwrap();
    let mut out = out.into_inner().unwrap();
    out.truncate(out.len() - length);
    out
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn headers_are_those_of_the_crate(values in 0..2_000_000u32, bytes in 0..3_000_000usize, pressed in 0..100_000usize) {
        let buf = Bytes::from(vec![0; pressed]);
        for encoding in [Encoding::PLAIN, Encoding::RLE_DICTIONARY, Encoding::DELTA_BINARY_PACKED] {
            let mut out = Vec::new();
            PageHeader { kind: PageKind::Data(encoding), values: values as usize, bytes, pressed }.write(&mut out);
            let page = Page::DataPage {
                buf: buf.clone(),
                num_values: values,
                encoding,
                def_level_encoding: Encoding::RLE,
                rep_level_encoding: Encoding::RLE,
                statistics: None,
            };
            prop_assert_eq!(out, header_of_crate(page, bytes));
        }
        let mut out = Vec::new();
        PageHeader { kind: PageKind::Dictionary, values: values as usize, bytes, pressed }.write(&mut out);
        let page = Page::DictionaryPage { buf, num_values: values, encoding: Encoding::PLAIN, is_sorted: false };
        prop_assert_eq!(out, header_of_crate(page, bytes));
    }

    #[test]
    fn a_text_has_one_key_and_a_key_one_text(texts in prop::collection::vec("[ab]{0,4}|[a-c]{7,9}|[ab]{15,18}|[ab]{0,40}", 0..2_000)) {
        let mut vocabulary = Vocabulary::default();
        for _ in 0..2 {
            let keys: Vec<_> = texts.iter().map(|text| vocabulary.key(text.as_bytes()).unwrap()).collect();
            for (text, key) in texts.iter().zip(&keys) {
                prop_assert_eq!(vocabulary.text(*key), text.as_bytes());
            }
            let different: std::collections::HashSet<_> = texts.iter().collect();
            prop_assert_eq!(vocabulary.len(), different.len());
            let ends = (texts.iter().min(), texts.iter().max());
            let range = vocabulary.range().unzip();
            prop_assert_eq!(range, (ends.0.map(|text| text.as_bytes()), ends.1.map(|text| text.as_bytes())));
            vocabulary.clear();
        }
    }
}

#[test]
fn a_dictionary_has_an_end() {
    let mut vocabulary = Vocabulary::default();
    let taken = (0..100_000u32).take_while(|number| vocabulary.key(&number.to_le_bytes()).is_some()).count();
    assert_eq!(taken, 65_535);
    assert!(vocabulary.key(&7u32.to_le_bytes()) == Some(7) && vocabulary.key(b"new").is_none());
    vocabulary.clear();
    assert_eq!(vocabulary.key(&[b'x'; 600_000]), Some(0));
    assert_eq!(vocabulary.key(&[b'y'; 600_000]), None);
    assert_eq!(vocabulary.key(b"y"), Some(1));
}
