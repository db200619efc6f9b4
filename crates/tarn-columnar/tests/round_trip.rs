//! Whatever rows go in, the same come out of the files, by the Arrow reader.
#![allow(missing_docs, clippy::unwrap_used, reason = "a failed test may panic")]

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Encoding;
use parquet::data_type::AsBytes;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::statistics::Statistics;
use proptest::prelude::*;
use proptest::sample::Index;
use tarn_columnar::{
    AddedColumns, Compression, FinishedFile, MemoryFiles, ParquetFiles, ParquetSettings, PartitionRule, RowBatches,
};
use tarn_flatten::{Change, ColumnPath, Contract, ContractColumn, Operation, Row, RowSink, Value};

/// A value that owns its text.
#[derive(Debug, Clone)]
enum Owned {
    Plain(Value<'static>),
    Text(String),
    Binary(Vec<u8>),
}

impl Owned {
    fn value(&self) -> Value<'_> {
        match self {
            Self::Plain(value) => *value,
            Self::Text(text) => Value::Text(text),
            Self::Binary(bytes) => Value::Binary(bytes),
        }
    }
}

const TYPES: [&str; 17] = [
    "boolean",
    "tinyint",
    "smallint",
    "int",
    "bigint",
    "real",
    "double",
    "decimal(1,0)",
    "decimal(9,2)",
    "decimal(18,3)",
    "decimal(19,0)",
    "decimal(38,10)",
    "string",
    "json",
    "date",
    "timestamp",
    "binary",
];

fn contract<'a>(types: impl IntoIterator<Item = &'a str>) -> Contract {
    let columns = types.into_iter().enumerate().map(|(position, column_type)| ContractColumn {
        name: format!("c{position}"),
        path: ColumnPath::FlatName,
        column_type: column_type.parse().unwrap(),
        required: false,
    });
    Contract::new(columns.collect()).unwrap()
}

/// Numbers of every size, the ends of their range often.
fn number(bits: u32) -> impl Strategy<Value = i64> {
    let shift = 64 - bits;
    let ends = prop::sample::select(vec![i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX - 1, i64::MAX]);
    prop_oneof![ends, any::<i64>()].prop_flat_map(move |number| (Just(number), shift..64)).prop_map(|(n, s)| n >> s)
}

fn decimal(precision: u32) -> BoxedStrategy<Owned> {
    let end = 10i128.pow(precision) - 1;
    let ends = prop::sample::select(vec![-end, -1, 0, 1, end]);
    prop_oneof![ends, -end..=end].prop_map(|number| Owned::Plain(Value::Decimal(number))).boxed()
}

fn value(column_type: &str) -> BoxedStrategy<Owned> {
    let integer = |bits| number(bits).prop_map(|number| Owned::Plain(Value::Integer(number))).boxed();
    let text = || prop_oneof!["", "\\PC{0,3}", "\\PC{4,20}", "[a-c]{60,70}", Just("長い🦀".repeat(300))];
    match column_type {
        "boolean" => any::<bool>().prop_map(|value| Owned::Plain(Value::Boolean(value))).boxed(),
        "tinyint" => integer(8),
        "smallint" => integer(16),
        "int" => integer(32),
        "bigint" => integer(64),
        "real" => any::<u32>().prop_map(|bits| Owned::Plain(Value::Real(f32::from_bits(bits)))).boxed(),
        "double" => any::<u64>().prop_map(|bits| Owned::Plain(Value::Double(f64::from_bits(bits)))).boxed(),
        "decimal(1,0)" => decimal(1),
        "decimal(9,2)" => decimal(9),
        "decimal(18,3)" => decimal(18),
        "decimal(19,0)" => decimal(19),
        "decimal(38,10)" => decimal(38),
        "date" => any::<i32>().prop_map(|value| Owned::Plain(Value::Date(value))).boxed(),
        "timestamp" => number(64).prop_map(|value| Owned::Plain(Value::Timestamp(value))).boxed(),
        "binary" => prop::collection::vec(any::<u8>(), 0..80).prop_map(Owned::Binary).boxed(),
        _ => text().prop_map(Owned::Text).boxed(),
    }
}

/// A column: the values it is made of, how they follow each other, and how often there is none.
fn column(column_type: &'static str) -> impl Strategy<Value = (Vec<Owned>, Vec<Index>, u8)> {
    let values = prop_oneof![1usize..4, 4usize..300]
        .prop_flat_map(move |count| prop::collection::vec(value(column_type), count..=count));
    (values, prop::collection::vec(any::<Index>(), 1..200), prop::sample::select(vec![0u8, 1, 50, 99, 100]))
}

fn read(bytes: &[u8]) -> RecordBatch {
    let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::copy_from_slice(bytes)).unwrap();
    let schema = Arc::clone(reader.schema());
    let batches: Vec<_> = reader.build().unwrap().map(Result::unwrap).collect();
    concat_batches(&schema, &batches).unwrap()
}

fn write<'a>(
    contract: &Contract,
    added: AddedColumns,
    settings: &ParquetSettings,
    rows: impl Iterator<Item = Row<'a>>,
) -> Vec<(FinishedFile, Vec<u8>)> {
    let memory = MemoryFiles::default();
    let mut files = ParquetFiles::new(contract, added, PartitionRule::None, settings.clone(), "batch", memory);
    rows.for_each(|row| files.row(&row));
    files.finish().unwrap().1.files
}

fn row<'a>(values: &'a [Value<'a>], record: &'a [u8], change: Option<&'a Change>) -> Row<'a> {
    let extra = record.first().is_some_and(|byte| byte % 3 == 0).then_some(r#"{"left":"over"}"#);
    Row { values, extra, change, record, document: 0 }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn rows_come_back_as_they_went_in(
        columns in TYPES.map(column).into_iter().collect::<Vec<_>>(),
        count in prop_oneof![1usize..20, 1usize..6_000],
        memory_bytes in prop::sample::select(vec![0usize, 100_000, 64 << 20]),
        snappy in any::<bool>(),
    ) {
        let contract = contract(TYPES);
        let compression = if snappy { Compression::Snappy } else { Compression::Zstd { level: 1 } };
        let settings = ParquetSettings { memory_bytes, compression, batch_rows: 1_000, ..ParquetSettings::default() };
        let values: Vec<Vec<_>> = (0..count).map(|row| {
            columns.iter().zip(0..).map(|((values, order, nulls), column)| {
                let null = (row * 31 + column * 7) % 100 < usize::from(*nulls);
                // Stretches of equal values, and stretches in the order drawn.
                let position = if row / 97 % 2 == 0 { row } else { row / 97 };
                let index = order[position % order.len()].index(values.len());
                if null { Value::Null } else { values[(index + position / order.len()) % values.len()].value() }
            }).collect()
        }).collect();
        let records: Vec<_> = (0..count).map(|row| row.to_le_bytes()).collect();
        let change = Change { operation: Operation::Modify, by_ttl: false, sequence: -7, at: Some(5) };
        for added in [AddedColumns::Stream, AddedColumns::Table] {
            let rows = || values.iter().zip(&records).map(|(values, record)| row(values, record, Some(&change)));
            let files = write(&contract, added, &settings, rows());
            let mut batches = RowBatches::new(&contract, added, count);
            rows().for_each(|row| batches.row(&row));
            prop_assert_eq!(&read(&files[0].1), &batches.finish().unwrap()[0]);
            prop_assert_eq!(files, write(&contract, added, &settings, rows()), "the same rows give the same bytes");
        }
    }
}

fn chunks(bytes: &[u8]) -> Vec<ColumnChunkMetaData> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::copy_from_slice(bytes)).unwrap();
    reader.metadata().row_groups().iter().flat_map(|group| group.columns().to_vec()).collect()
}

fn range(chunk: &ColumnChunkMetaData) -> (Option<&[u8]>, Option<&[u8]>, Option<u64>) {
    let statistics: &Statistics = chunk.statistics().unwrap();
    (statistics.min_bytes_opt(), statistics.max_bytes_opt(), statistics.null_count_opt())
}

/// Few values, ids, and values that seemed few at first; over several pages of every kind.
#[test]
fn dictionaries_are_used_where_they_pay() {
    let contract = contract(["string", "string", "string", "bigint", "bigint", "bigint", "decimal(9,2)", "string"]);
    let texts: Vec<[String; 4]> = (0..100_000u32)
        .map(|row| {
            let id = row.wrapping_mul(2_654_435_761);
            [
                format!("category {}", row % 7),
                format!("{id:08x}"),
                if row < 30_000 { format!("few {}", row % 100) } else { format!("many of them {id}") },
                format!("in order {row:09} {}", "x".repeat(60)),
            ]
        })
        .collect();
    let values: Vec<[Value<'_>; 8]> = (0..)
        .zip(&texts)
        .map(|(row, [category, id, growing, ordered])| {
            let late = if row < 30_000 { row % 10 } else { row * row };
            [
                Value::Text(category),
                if row % 10 == 0 { Value::Null } else { Value::Text(id) },
                Value::Text(growing),
                Value::Integer(row % 3),
                Value::Integer(row * 1_000 + row % 7),
                Value::Integer(late),
                if row < 70_000 { Value::Decimal(i128::from(row * 37 % 1_000)) } else { Value::Null },
                Value::Text(ordered),
            ]
        })
        .collect();
    let rows = || values.iter().map(|values| row(values, &[1], None));
    let files = write(&contract, AddedColumns::None, &ParquetSettings::default(), rows());
    let mut batches = RowBatches::new(&contract, AddedColumns::None, values.len());
    rows().for_each(|row| batches.row(&row));
    assert_eq!(&read(&files[0].1), &batches.finish().unwrap()[0]);

    let chunks = chunks(&files[0].1);
    assert_eq!(chunks.len(), 8, "one row group");
    let encodings: Vec<_> = chunks
        .iter()
        .map(|chunk| {
            [Encoding::RLE_DICTIONARY, Encoding::DELTA_BINARY_PACKED, Encoding::DELTA_LENGTH_BYTE_ARRAY]
                .map(|encoding| chunk.encodings().any(|other| other == encoding))
        })
        .collect();
    let expected = [
        [true, false, false],
        [false, false, true],
        [true, false, false],
        [true, false, false],
        [false, true, false],
        [true, true, false],
        [true, false, false],
        [false, false, true],
    ];
    assert_eq!(encodings, expected);
    let text = |text: &'static str| Some(text.as_bytes());
    assert_eq!(range(&chunks[0]), (text("category 0"), text("category 6"), Some(0)));
    assert_eq!(range(&chunks[1]), (None, None, Some(10_000)), "ids in no order");
    assert_eq!(range(&chunks[2]), (None, None, Some(0)), "not known to the end");
    assert_eq!(range(&chunks[4]), (Some(0i64.as_bytes()), Some((99_999_000 + 99_999 % 7i64).as_bytes()), Some(0)));
    assert_eq!(range(&chunks[5]), (Some(0i64.as_bytes()), Some((99_999i64 * 99_999).as_bytes()), Some(0)));
    assert_eq!(range(&chunks[6]), (Some(0i32.as_bytes()), Some(999i32.as_bytes()), Some(30_000)));
    let low = format!("in order 000000000 {}", "x".repeat(45));
    let high = format!("in order 000099999 {}y", "x".repeat(44));
    assert_eq!(range(&chunks[7]), (Some(low.as_bytes()), Some(high.as_bytes()), Some(0)), "cut to 64 bytes");
    assert!(!chunks[7].statistics().unwrap().max_is_exact());
}

#[test]
fn every_precision_has_the_type_that_the_schema_says() {
    let types: Vec<_> = (1..=38).map(|precision| format!("decimal({precision},0)")).collect();
    let contract = contract(types.iter().map(String::as_str));
    let ends = |sign: i128| (1..=38).map(move |precision| Value::Decimal(sign * (10i128.pow(precision) - 1)));
    let values: [Vec<_>; 3] = [ends(1).collect(), ends(-1).collect(), vec![Value::Null; 38]];
    let rows = || values.iter().map(|values| row(values, &[1], None));
    let files = write(&contract, AddedColumns::None, &ParquetSettings::default(), rows());
    let mut batches = RowBatches::new(&contract, AddedColumns::None, 3);
    rows().for_each(|row| batches.row(&row));
    assert_eq!(&read(&files[0].1), &batches.finish().unwrap()[0]);
    for chunk in chunks(&files[0].1) {
        let (low, high, nulls) = range(&chunk);
        assert!(low.is_some() && high.is_some() && low != high && nulls == Some(1));
    }
}

#[test]
fn floats_have_a_range_without_what_is_not_a_number() {
    let contract = contract(["double", "real", "double"]);
    let values = [
        [Value::Double(f64::NAN), Value::Real(0.0), Value::Double(f64::NAN)],
        [Value::Double(-1.5), Value::Real(2.0), Value::Null],
        [Value::Double(f64::INFINITY), Value::Null, Value::Null],
    ];
    let rows = values.iter().map(|values| row(values, &[1], None));
    let files = write(&contract, AddedColumns::None, &ParquetSettings::default(), rows);
    let chunks = chunks(&files[0].1);
    assert_eq!(range(&chunks[0]), (Some((-1.5f64).as_bytes()), Some(f64::INFINITY.as_bytes()), Some(0)));
    assert_eq!(range(&chunks[1]), (Some((-0.0f32).as_bytes()), Some(2f32.as_bytes()), Some(1)));
    assert_eq!(range(&chunks[2]), (None, None, Some(2)));
}
