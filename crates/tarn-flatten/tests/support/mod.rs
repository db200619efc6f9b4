//! Sinks that keep what they get, and short ways to flatten one record.
#![allow(dead_code, unreachable_pub, missing_docs, clippy::unwrap_used, reason = "each test program uses a part")]

use std::sync::Arc;

use tarn_flatten::{
    Change, ColumnPath, Contract, ContractColumn, FlatRecord, FlatSink, Flattener, PaddedBuffer, RecordError, Row,
    RowSink, Settings, Value,
};

/// A row that outlives its record.
#[derive(Debug, Clone, PartialEq)]
pub struct OwnedRow {
    pub values: Vec<String>,
    /// The values of text columns, as they are.
    pub texts: Vec<Option<String>>,
    pub extra: Option<String>,
    pub change: Option<Change>,
    pub id: [u8; 16],
}

#[derive(Debug, Default, PartialEq)]
pub struct Kept {
    pub rows: Vec<OwnedRow>,
    pub flat: Vec<Vec<(String, String)>>,
}

/// A value as text: `null`, `true`, `7`, `1.5`, `"text"`, `123e-2` for decimals, `d7` and `t7` for dates and timestamps.
pub fn shown(value: &Value<'_>) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Boolean(value) => value.to_string(),
        Value::Integer(value) => value.to_string(),
        Value::Real(value) => format!("{value:?}f"),
        Value::Double(value) => format!("{value:?}"),
        Value::Decimal(value) => format!("{value}d"),
        Value::Text(value) => format!("{value:?}"),
        Value::Date(value) => format!("d{value}"),
        Value::Timestamp(value) => format!("t{value}"),
        Value::Binary(value) => format!("{value:?}"),
    }
}

impl RowSink for Kept {
    fn row(&mut self, row: &Row<'_>) {
        self.rows.push(OwnedRow {
            values: row.values.iter().map(shown).collect(),
            texts: row
                .values
                .iter()
                .map(|value| if let Value::Text(text) = value { Some((*text).to_owned()) } else { None })
                .collect(),
            extra: row.extra.map(str::to_owned),
            change: row.change.copied(),
            id: row.id(),
        });
    }
}

impl FlatSink for Kept {
    fn flat(&mut self, flat: &FlatRecord<'_>) {
        self.flat.push(flat.fields.iter().map(|field| (field.name.to_owned(), field.json.to_owned())).collect());
    }
}

/// The fields of the one document of a record.
pub fn fields_with(settings: Settings, record: &str) -> Vec<(String, String)> {
    let mut kept = Kept::default();
    Flattener::new(settings).flat(record.as_bytes(), &mut kept).unwrap();
    assert_eq!(kept.flat.len(), 1);
    kept.flat.remove(0)
}

pub fn fields(record: &str) -> Vec<(String, String)> {
    fields_with(Settings::default(), record)
}

pub fn names(record: &str) -> Vec<String> {
    fields(record).into_iter().map(|(name, _)| name).collect()
}

/// The lines of a record.
pub fn lines(flattener: &mut Flattener, record: &[u8]) -> Result<String, RecordError> {
    let mut buffer = PaddedBuffer::default();
    let lines = flattener.lines(buffer.copy(record))?;
    let text = String::from_utf8(lines.text.to_vec()).unwrap();
    assert_eq!(text.lines().count(), lines.rows);
    Ok(text)
}

/// The lines of a record without contract, without their ids.
pub fn ndjson(record: &str) -> String {
    let text = lines(&mut Flattener::new(Settings::default()), record.as_bytes()).unwrap();
    text.lines().map(|line| line[..line.len() - 42].to_owned() + "}\n").collect()
}

/// A column from `name type`, `name type!` (required) or `name@a.b type`.
pub fn column(written: &str) -> ContractColumn {
    let (name, column_type) = written.split_once(' ').unwrap();
    let (name, path) = match name.split_once('@') {
        Some((name, keys)) => (name, ColumnPath::Exact(keys.split('.').map(str::to_owned).collect())),
        None => (name, ColumnPath::FlatName),
    };
    ContractColumn {
        name: name.to_owned(),
        path,
        column_type: column_type.trim_end_matches('!').parse().unwrap(),
        required: column_type.ends_with('!'),
    }
}

pub fn contract(columns: &[&str]) -> Arc<Contract> {
    Arc::new(Contract::new(columns.iter().map(|written| column(written)).collect()).unwrap())
}

pub fn rows_with(settings: Settings, columns: &[&str], record: &[u8]) -> Result<Vec<OwnedRow>, RecordError> {
    let mut kept = Kept::default();
    let result = Flattener::with_contract(settings, contract(columns)).record(record, &mut kept);
    match result {
        Ok(outcome) => assert_eq!(outcome.rows, kept.rows.len()),
        Err(_) => assert!(kept.rows.is_empty(), "a refused record gives no row"),
    }
    result.map(|_| kept.rows)
}

/// The values and the rest of the one document of a record.
pub fn row(columns: &[&str], record: &str) -> Result<(Vec<String>, Option<String>), RecordError> {
    let mut rows = rows_with(Settings::default(), columns, record.as_bytes())?;
    assert_eq!(rows.len(), 1);
    let row = rows.remove(0);
    Ok((row.values, row.extra))
}
