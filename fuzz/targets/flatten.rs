//! Any bytes as a record: no panic, every level of instructions and every way of reading agrees, and what is written is
//! JSON.
#![no_main]

use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use tarn_flatten::{
    Arrays, ColumnPath, ColumnType, Contract, ContractColumn, FlatRecord, FlatSink, Flattener, PaddedBuffer,
    RecordError, Settings,
};

struct Count(usize);

impl FlatSink for Count {
    fn flat(&mut self, flat: &FlatRecord<'_>) {
        self.0 += flat.fields.len();
    }
}

/// Flatteners that have read every input so far.
static EXPERIENCED: LazyLock<Mutex<Vec<Flattener>>> = LazyLock::new(|| Mutex::new((0..3).map(flattener).collect()));

fn flattener(kind: usize) -> Flattener {
    let column = |name: &str, path: ColumnPath, column_type| ContractColumn {
        name: name.to_owned(),
        path,
        column_type,
        required: false,
    };
    let contract = || {
        let exact = ColumnPath::Exact(vec!["a".to_owned(), "b".to_owned()]);
        Contract::new(vec![
            column("a", ColumnPath::FlatName, ColumnType::Json),
            column("ab", exact, ColumnType::Double),
            column("c", ColumnPath::FlatName, ColumnType::String),
            column("d", ColumnPath::FlatName, ColumnType::Decimal { precision: 20, scale: 3 }),
            column("t", ColumnPath::FlatName, ColumnType::Timestamp),
        ])
    };
    match kind {
        0 => Flattener::new(Settings::default()),
        1 => Flattener::new(Settings { arrays: Arrays::Index, depth: 3, accelerated: false, ..Settings::default() }),
        _ => Flattener::with_contract(Settings::default(), Arc::new(contract().unwrap_or_default())),
    }
}

fn lines(flattener: &mut Flattener, record: &[u8]) -> Result<Vec<u8>, RecordError> {
    let mut buffer = PaddedBuffer::default();
    flattener.lines(buffer.copy(record)).map(|lines| lines.text.to_vec())
}

fuzz_target!(|record: &[u8]| {
    let mut experienced = EXPERIENCED.lock().unwrap_or_else(PoisonError::into_inner);
    for (kind, experienced) in experienced.iter_mut().enumerate() {
        let fresh = lines(&mut flattener(kind), record);
        assert_eq!(fresh, lines(experienced, record));
        for line in fresh.iter().flat_map(|text| text.split(|byte| *byte == b'\n')).filter(|line| !line.is_empty()) {
            assert!(serde_json::from_slice::<Value>(line).is_ok_and(|value| value.is_object()));
        }
        if kind == 0 {
            let mut portable = Flattener::new(Settings { accelerated: false, ..Settings::default() });
            assert_eq!(fresh, lines(&mut portable, record));
            let flat = portable.flat(record, &mut Count(0)).map(|outcome| outcome.rows);
            assert_eq!(flat, fresh.map(|text| text.iter().filter(|byte| **byte == b'\n').count()));
        }
    }
});
