//! Records in, Parquet files out, read back by the Arrow reader.
#![allow(missing_docs, clippy::unwrap_used, reason = "a failed test may panic")]

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::util::pretty::pretty_format_batches;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tarn_columnar::{
    AddedColumns, ColumnarError, Compression, DiscoveredFiles, FileFactory, FinishedFile, MemoryFiles, NewFile,
    ParquetFiles, ParquetSettings, Partition, PartitionRule, PartitionSource, RowBatches,
};
use tarn_flatten::{ColumnPath, Contract, ContractColumn, Flattener, Input, RowSink, Settings};

fn contract(columns: &[(&str, &str)]) -> Arc<Contract> {
    let columns = columns.iter().map(|(name, column_type)| ContractColumn {
        name: (*name).to_owned(),
        path: ColumnPath::FlatName,
        column_type: column_type.parse().unwrap(),
        required: false,
    });
    Arc::new(Contract::new(columns.collect()).unwrap())
}

fn feed(contract: &Arc<Contract>, input: Input, records: &[String], sink: &mut impl RowSink) {
    let mut flattener = Flattener::with_contract(Settings { input, ..Settings::default() }, Arc::clone(contract));
    for record in records {
        flattener.record(record.as_bytes(), sink).unwrap();
    }
}

fn read(bytes: &[u8]) -> RecordBatch {
    let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::copy_from_slice(bytes)).unwrap();
    let schema = Arc::clone(reader.schema());
    let batches: Vec<_> = reader.build().unwrap().map(Result::unwrap).collect();
    concat_batches(&schema, &batches).unwrap()
}

fn table(batch: &RecordBatch) -> Vec<String> {
    pretty_format_batches(std::slice::from_ref(batch)).unwrap().to_string().lines().map(str::to_owned).collect()
}

fn by_day(column: usize) -> PartitionRule {
    PartitionRule::DateOf {
        source: PartitionSource::Column(column),
        // Tokyo.
        day_of: Arc::new(|instant| i32::try_from((instant + 9 * 3_600_000_000).div_euclid(86_400_000_000)).unwrap()),
    }
}

fn files(
    contract: &Contract,
    added: AddedColumns,
    rule: PartitionRule,
    settings: ParquetSettings,
) -> ParquetFiles<MemoryFiles> {
    ParquetFiles::new(contract, added, rule, settings, "batch", MemoryFiles::default())
}

#[test]
fn every_type_is_read_back() {
    let contract = contract(&[
        ("b", "boolean"),
        ("t", "tinyint"),
        ("s", "smallint"),
        ("i", "int"),
        ("l", "bigint"),
        ("r", "real"),
        ("d", "double"),
        ("n", "decimal(38,2)"),
        ("c", "string"),
        ("j", "json"),
        ("day", "date"),
        ("at", "timestamp"),
        ("x", "binary"),
    ]);
    let records = [
        r#"{"b":true,"t":-128,"s":32767,"i":-2147483648,"l":9223372036854775807,"r":0.5,"d":0.1,"n":123456789012345678901234567890123456.78,"c":"名前","j":[1],"day":"2026-10-31","at":"2026-10-31T23:59:59.999999Z","x":"AAE=","rest":1}"#,
        "{}",
    ]
    .map(str::to_owned);
    for compression in [Compression::Snappy, Compression::Zstd { level: 1 }] {
        let settings = ParquetSettings { compression, ..ParquetSettings::default() };
        let mut files = files(&contract, AddedColumns::Stream, PartitionRule::None, settings);
        feed(&contract, Input::Json, &records, &mut files);
        let (finished, memory) = files.finish().unwrap();
        assert_eq!((finished[0].rows, finished[0].name.as_str()), (2, "batch-0000.parquet"));
        assert_eq!(finished[0].bytes, memory.files[0].1.len() as u64);
        let batch = read(&memory.files[0].1);
        assert_eq!(batch.schema(), finished[0].schema);
        let mut batches = RowBatches::new(&contract, AddedColumns::Stream, 100);
        feed(&contract, Input::Json, &records, &mut batches);
        assert_eq!(batches.finish().unwrap(), vec![batch.clone()]);
        let shown = table(&batch);
        assert_eq!(shown.len(), 6);
        for value in [
            "| true ",
            "| -128 ",
            "| 32767 ",
            "| -2147483648 ",
            "| 9223372036854775807 ",
            "| 0.5 ",
            "| 0.1 ",
            "| 123456789012345678901234567890123456.78 ",
            "| 名前 ",
            "| [1] ",
            "| 2026-10-31 ",
            "| 2026-10-31T23:59:59.999999 ",
            "| 0001 ",
            r#"| {"rest":1} "#,
            &format!("| {:032x} ", u128::from_be_bytes(tarn_flatten::record_id(records[0].as_bytes()))),
        ] {
            assert!(shown[3].contains(value), "{value} in {}", shown[3]);
        }
        for column in 0..13 {
            assert!(batch.column(column).is_null(1), "column {column}");
        }
    }
}

#[test]
fn changes_carry_their_columns() {
    let contract = contract(&[("id", "int")]);
    let record = r#"{"eventName":"REMOVE","userIdentity":{"type":"Service","principalId":"dynamodb.amazonaws.com"},"dynamodb":{"Keys":{"id":{"N":"7"}},"SequenceNumber":"98765432109876543210987654321098765432","ApproximateCreationDateTime":1793491199}}"#;
    let mut files = files(&contract, AddedColumns::Table, PartitionRule::None, ParquetSettings::default());
    feed(&contract, Input::DynamoDb, &[record.to_owned()], &mut files);
    let (_, memory) = files.finish().unwrap();
    assert_eq!(
        table(&read(&memory.files[0].1)),
        [
            "+----+--------+------+----------------------------------------+---------------------+--------+",
            "| id | _op    | _ttl | _seq                                   | _at                 | _extra |",
            "+----+--------+------+----------------------------------------+---------------------+--------+",
            "| 7  | remove | true | 98765432109876543210987654321098765432 | 2026-10-31T23:59:59 |        |",
            "+----+--------+------+----------------------------------------+---------------------+--------+",
        ]
    );
}

fn event(number: usize, day: usize) -> String {
    format!(r#"{{"number":{number},"at":"2026-10-{:02}T15:00:00Z","text":"text {number} of the day"}}"#, day)
}

const EVENT: &[(&str, &str)] = &[("number", "int"), ("at", "timestamp"), ("text", "string")];

#[test]
fn rows_go_to_the_day_they_have_in_the_zone() {
    let contract = contract(EVENT);
    let records = [event(1, 1), event(2, 2), event(3, 1), r#"{"number":4}"#.to_owned()];
    let mut files = files(&contract, AddedColumns::None, by_day(1), ParquetSettings::default());
    feed(&contract, Input::Json, &records, &mut files);
    let (finished, memory) = files.finish().unwrap();
    let found: BTreeMap<_, _> = finished.iter().map(|file| (file.partition, file.rows)).collect();
    // 15:00 UTC is the next day in Tokyo; 2026-10-02 is day 20,728.
    let expected = [(Partition::Day(None), 1), (Partition::Day(Some(20_728)), 2), (Partition::Day(Some(20_729)), 1)];
    assert_eq!(found, BTreeMap::from(expected));
    assert!(memory.files.iter().all(|(_, bytes)| read(bytes).num_columns() == 3));
}

#[test]
fn few_partitions_are_open_and_nothing_is_lost() {
    let contract = contract(EVENT);
    let records: Vec<_> = (0..1_000).map(|number| event(number, 1 + number * 7 % 28)).collect();
    let settings = ParquetSettings { open_partitions: 3, batch_rows: 10, ..ParquetSettings::default() };
    let write = || {
        let mut files = files(&contract, AddedColumns::Stream, by_day(1), settings.clone());
        feed(&contract, Input::Json, &records, &mut files);
        files.finish().unwrap()
    };
    let (finished, memory) = write();
    assert_eq!(finished.iter().map(|file| file.rows).sum::<u64>(), 1_000);
    let names: std::collections::HashSet<_> = finished.iter().map(|file| (file.partition, &file.name)).collect();
    assert_eq!(names.len(), finished.len());
    let parts = finished.iter().filter(|file| file.partition == finished[0].partition).map(|file| &file.name);
    assert!(parts.enumerate().all(|(part, name)| *name == format!("batch-{part:04}.parquet")));
    let (_, again) = write();
    assert_eq!(memory.files, again.files, "the same rows give the same names and bytes");
}

#[test]
fn memory_and_file_size_are_bounded() {
    let contract = contract(EVENT);
    let records: Vec<_> = (0..2_000).map(|number| event(number, 1)).collect();
    let settings =
        ParquetSettings { batch_rows: 100, memory_bytes: 10_000, file_rows: 1_500, ..ParquetSettings::default() };
    let mut files = files(&contract, AddedColumns::None, PartitionRule::None, settings);
    feed(&contract, Input::Json, &records, &mut files);
    let (finished, memory) = files.finish().unwrap();
    assert_eq!(finished.iter().map(|file| file.rows).collect::<Vec<_>>(), [1_500, 500]);
    let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(memory.files[0].1.clone())).unwrap();
    assert!(reader.metadata().num_row_groups() > 1);
    assert_eq!(read(&memory.files[0].1).num_rows(), 1_500);
}

/// A disk that is full after some bytes.
struct FullDisk(usize);

struct FullFile(usize);

impl io::Write for FullFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl FileFactory for FullDisk {
    type File = FullFile;

    fn create(&mut self, _: &NewFile) -> io::Result<FullFile> {
        if self.0 == 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(FullFile(self.0)) }
    }

    fn finish(&mut self, _: FullFile, _: &FinishedFile) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_told_at_the_latest_at_the_end() {
    let contract = contract(EVENT);
    let records: Vec<_> = (0..60_000).map(|number| event(number, 1)).collect();
    // No file can be created; rows do not fit (256 kB are held back); the footer does not fit.
    for (bytes, early) in [(0, true), (9_000, true), (100, false)] {
        let rows = if early { records.len() } else { 10 };
        let settings = ParquetSettings { batch_rows: 10, memory_bytes: 0, ..ParquetSettings::default() };
        let mut files =
            ParquetFiles::new(&contract, AddedColumns::None, PartitionRule::None, settings, "batch", FullDisk(bytes));
        feed(&contract, Input::Json, &records[..rows], &mut files);
        let status = files.status();
        assert_eq!(status.is_err(), early, "{bytes}");
        let finished = files.finish().map(|_| ());
        assert_eq!(matches!(finished, Err(ColumnarError::Stopped)), early);
        let error = status.and(finished).unwrap_err();
        assert!(matches!(error, ColumnarError::Io { .. } | ColumnarError::Parquet { .. }), "{error:?}");
        assert!(error.to_string().contains("`batch-0000.parquet`"), "{error}");
    }
}

#[test]
fn no_rows_no_file() {
    let contract = contract(EVENT);
    let files = files(&contract, AddedColumns::Stream, by_day(1), ParquetSettings::default());
    let (finished, memory) = files.finish().unwrap();
    assert!(finished.is_empty() && memory.files.is_empty());
}

fn discover(records: &[&str], known: &[&str], added: AddedColumns, settings: ParquetSettings) -> Vec<RecordBatch> {
    let known = known.iter().map(|name| (*name).to_owned());
    let mut files = DiscoveredFiles::new(known, added, settings, "batch", MemoryFiles::default());
    let mut flattener = Flattener::new(Settings::default());
    for record in records {
        flattener.flat(record.as_bytes(), &mut files).unwrap();
    }
    let (finished, memory) = files.finish().unwrap();
    assert_eq!(finished.len(), memory.files.len());
    memory.files.iter().map(|(_, bytes)| read(bytes)).collect()
}

#[test]
fn discovered_columns_are_the_union_of_the_names() {
    let records =
        [r#"{"a":1.10,"b":{"c":"x\ny"}}"#, r#"{"b":{"c":null},"d":[1, 2]}"#, r#"{"a":"null","e":{}}"#, r#"{"a":""}"#];
    let batches = discover(&records, &["known"], AddedColumns::None, ParquetSettings::default());
    assert_eq!(
        table(&batches[0]),
        [
            "+-------+------+-----+-------+----+",
            "| known | a    | b_c | d     | e  |",
            "+-------+------+-----+-------+----+",
            "|       | 1.10 | x   |       |    |",
            "|       |      | y   |       |    |",
            "|       |      |     | [1,2] |    |",
            "|       | null |     |       | {} |",
            "|       |      |     |       |    |",
            "+-------+------+-----+-------+----+",
        ]
    );
    let a = batches[0].column(1);
    assert!(a.is_null(1) && a.is_valid(2) && a.is_valid(3), "absent is null, empty is not");
}

#[test]
fn a_name_that_comes_late_begins_a_part() {
    let records = [r#"{"a":1}"#, r#"{"a":2}"#, r#"{"a":3}"#, r#"{"b":4}"#, r#"{"a":5}"#];
    let shapes = |memory_bytes| {
        let settings = ParquetSettings { batch_rows: 2, memory_bytes, ..ParquetSettings::default() };
        let batches = discover(&records, &[], AddedColumns::Stream, settings);
        batches.iter().map(|batch| (batch.num_rows(), batch.num_columns())).collect::<Vec<_>>()
    };
    // Every file also has `_id` and `_extra`. Columns are added to a file as long as nothing of it was written.
    assert_eq!(shapes(0), [(3, 3), (2, 4)]);
    assert_eq!(shapes(1 << 20), [(5, 4)]);
}

#[test]
fn names_without_end_are_left_over() {
    let members: Vec<_> = (0..1_500).map(|number| format!(r#""k{number}":{number}"#)).collect();
    let record = format!("{{{}}}", members.join(","));
    let batches = discover(&[&record], &[], AddedColumns::Stream, ParquetSettings::default());
    assert_eq!(batches[0].num_columns(), 1_002);
    let shown = table(&batches[0].project(&[1_001]).unwrap()).join("\n");
    assert!(shown.contains(r#"{"k1000":1000,"#) && shown.contains(r#""k1499":1499}"#));
}
