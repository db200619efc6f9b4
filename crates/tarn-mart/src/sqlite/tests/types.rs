//! What a value is in the Parquet file, it is in the mart.

use std::fs::File;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array, Int8Array,
    Int16Array, Int32Array, Int64Array, MapBuilder, RecordBatch, StringArray, StringBuilder, StructArray,
    TimestampMicrosecondArray, TimestampMillisecondArray, TimestampNanosecondArray,
};
use arrow::datatypes::{DataType, Field, Int32Type};
use parquet::basic::Repetition;
use parquet::data_type::{Int96, Int96Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use rusqlite::types::Value;
use tarn_pipeline::ports::{Column, LoadMode, MartError};

use super::lake::{Lake, file, load_of};

fn load_column(lake: &Lake, hive: &str, array: ArrayRef) -> Result<(), MartError> {
    let written = lake.write("f.parquet", &RecordBatch::try_from_iter([("x", array)]).unwrap());
    lake.load(&load_of("r1", LoadMode::Replace, &[("x", hive)], &[written])).map(|_| ())
}

fn stored(hive: &str, array: ArrayRef) -> Vec<Value> {
    let lake = Lake::new();
    load_column(&lake, hive, array).unwrap();
    let connection = lake.connection();
    let mut statement = connection.prepare("select x from kpi order by rowid").unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

fn refusal(hive: &str, array: ArrayRef) -> String {
    load_column(&Lake::new(), hive, array).unwrap_err().message
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

#[test]
fn whole_numbers_and_booleans() {
    use Value::{Integer, Null};
    assert_eq!(
        stored("boolean", Arc::new(BooleanArray::from(vec![Some(true), Some(false), None]))),
        [Integer(1), Integer(0), Null]
    );
    let wanted = |low: i64, high: i64| vec![Integer(low), Integer(high), Null];
    let tiny = Int8Array::from(vec![Some(i8::MIN), Some(i8::MAX), None]);
    assert_eq!(stored("tinyint", Arc::new(tiny)), wanted(-128, 127));
    let small = Int16Array::from(vec![Some(i16::MIN), Some(i16::MAX), None]);
    assert_eq!(stored("smallint", Arc::new(small)), wanted(-32_768, 32_767));
    let int = Int32Array::from(vec![Some(i32::MIN), Some(i32::MAX), None]);
    assert_eq!(stored("int", Arc::new(int)), wanted(i64::from(i32::MIN), i64::from(i32::MAX)));
    let big = Int64Array::from(vec![Some(i64::MIN), Some(i64::MAX), None]);
    assert_eq!(stored("bigint", Arc::new(big)), wanted(i64::MIN, i64::MAX));
}

#[test]
fn floating_point_numbers() {
    let numbers = [
        f64::MIN,
        f64::MAX,
        f64::MIN_POSITIVE,
        5e-324,
        0.1,
        1e300,
        f64::INFINITY,
        f64::NEG_INFINITY,
        9_007_199_254_740_993.0,
    ];
    let found = stored("double", Arc::new(Float64Array::from(numbers.to_vec())));
    assert_eq!(found, numbers.map(Value::Real));
    let narrow = [f32::MIN, f32::MAX, 0.1, 16_777_217.0, f32::MIN_POSITIVE];
    let found = stored("float", Arc::new(Float32Array::from(narrow.to_vec())));
    assert_eq!(found, narrow.map(|number| Value::Real(f64::from(number))));
    // The sign of zero is the one thing that SQLite does not keep.
    assert_eq!(stored("double", Arc::new(Float64Array::from(vec![-0.0]))), [Value::Real(0.0)]);
}

#[test]
fn nan_is_refused_with_its_row() {
    let message = refusal("double", Arc::new(Float64Array::from(vec![Some(1.0), None, Some(f64::NAN)])));
    assert_eq!(
        message,
        "column `x` of type `double` holds nan, which a SQLite mart would store as null, at row 3 of file `f.parquet`"
    );
}

/// Every decimal must come back as the same number, by the text of what is stored.
fn check_decimals(precision: u8, scale: i8, unscaled: &[i128]) -> Vec<Value> {
    let array = Decimal128Array::from(unscaled.to_vec()).with_precision_and_scale(precision, scale).unwrap();
    let found = stored(&format!("decimal({precision},{scale})"), Arc::new(array.clone()));
    for (row, value) in found.iter().enumerate() {
        let as_text = match value {
            Value::Integer(number) => number.to_string(),
            Value::Real(number) => format!("{number}"),
            Value::Text(text) => text.clone(),
            other => panic!("{other:?}"),
        };
        let wanted = array.value_as_string(row);
        let plain = |text: &str| match text.contains('.') {
            true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
            false => text.to_owned(),
        };
        assert_eq!(plain(&as_text), plain(&wanted), "{value:?}");
    }
    found
}

#[test]
fn decimals_are_exact_at_every_width() {
    let found = check_decimals(15, 2, &[0, 1, -1, 110, 999_999_999_999_999, -999_999_999_999_999, 10]);
    assert!(found.iter().all(|value| !matches!(value, Value::Text(_))), "{found:?}");
    let found = check_decimals(18, 0, &[999_999_999_999_999_999, -999_999_999_999_999_999]);
    assert!(found.iter().all(|value| matches!(value, Value::Integer(_))), "{found:?}");
    let wide = 10_i128.pow(38) - 1;
    let found = check_decimals(38, 2, &[wide, -wide, 1250, 100_000_000_000_000_000, 12_345_678_901_234_567, 5]);
    assert_eq!(found[2], Value::Real(12.5));
    assert_eq!(found[3], Value::Integer(1_000_000_000_000_000));
    assert_eq!(found[4], text("123456789012345.67"));
    check_decimals(38, 38, &[1, -1, wide, 123_456_789_012_345]);
    check_decimals(38, 0, &[i128::from(i64::MAX), i128::from(i64::MAX) + 1, i128::from(i64::MIN), wide]);
}

#[test]
fn many_decimals_of_fifteen_digits_come_back() {
    // A fixed walk over the numbers, dense enough to meet every digit at every place.
    let step: i128 = 777_777_777_777;
    let numbers: Vec<i128> = (0..1_200).map(|index| index * step % 999_999_999_999_999 - index % 7).collect();
    for scale in [1, 2, 6, 10, 15] {
        check_decimals(15, scale, &numbers);
    }
}

#[test]
fn wide_decimals_compare_as_numbers() {
    let lake = Lake::new();
    let array = Decimal128Array::from(vec![900, 1_000, 25]).with_precision_and_scale(38, 2).unwrap();
    load_column(&lake, "decimal(38,2)", Arc::new(array)).unwrap();
    assert_eq!(lake.rows("select x from kpi where x > 8.5 order by x"), ["9", "10"]);
    assert_eq!(lake.rows("select sum(x) from kpi"), ["19.25"]);
    let schema = lake.rows("select sql from sqlite_schema where name = 'kpi'").concat();
    assert!(schema.contains("\"x\" /* decimal(38,2) */"), "{schema}");
}

#[test]
fn text_of_any_kind() {
    let texts =
        ["", " ", "0123", "1e5", "null", "か", "が", "e\u{301}", "😀\u{200d}", "a\0b", "\r\n\t'\"", "\u{feff}x"];
    let long = "名".repeat(300_000);
    let mut values: Vec<Option<&str>> = texts.iter().copied().map(Some).collect();
    values.push(Some(&long));
    values.push(None);
    let found = stored("string", Arc::new(StringArray::from(values.clone())));
    let wanted: Vec<Value> = values.iter().map(|value| value.map_or(Value::Null, text)).collect();
    assert_eq!(found, wanted);
}

#[test]
fn bytes() {
    let found = stored("binary", Arc::new(BinaryArray::from(vec![Some(&b""[..]), Some(&[0, 255, 0x80]), None])));
    assert_eq!(found, [Value::Blob(vec![]), Value::Blob(vec![0, 255, 0x80]), Value::Null]);
    // Old writers do not mark text.
    let found = stored("string", Arc::new(BinaryArray::from(vec![Some("名前".as_bytes())])));
    assert_eq!(found, [text("名前")]);
    let message = refusal("string", Arc::new(BinaryArray::from(vec![Some(&[255_u8][..])])));
    assert!(message.contains("text that is not utf-8"), "{message}");
}

#[test]
fn dates_and_times() {
    let dates = Date32Array::from(vec![Some(0), Some(-1), Some(-719_162), Some(2_932_896), None]);
    let wanted = [text("1970-01-01"), text("1969-12-31"), text("0001-01-01"), text("9999-12-31"), Value::Null];
    assert_eq!(stored("date", Arc::new(dates)), wanted);
    let message = refusal("date", Arc::new(Date32Array::from(vec![2_932_897])));
    assert!(message.contains("a year outside of 1 to 9999"), "{message}");
    let milliseconds =
        TimestampMillisecondArray::from(vec![-1, 1_234, -62_135_596_800_000, 253_402_300_799_999]).with_timezone("UTC");
    let wanted = [
        text("1969-12-31 23:59:59.999000"),
        text("1970-01-01 00:00:01.234000"),
        text("0001-01-01 00:00:00"),
        text("9999-12-31 23:59:59.999000"),
    ];
    assert_eq!(stored("timestamp", Arc::new(milliseconds)), wanted);
    let microseconds = TimestampMicrosecondArray::from(vec![Some(-1), None, Some(1_790_812_800_000_000)]);
    let wanted = [text("1969-12-31 23:59:59.999999"), Value::Null, text("2026-10-01 00:00:00")];
    assert_eq!(stored("timestamp", Arc::new(microseconds)), wanted);
    let nanoseconds = TimestampNanosecondArray::from(vec![-1, 1_000]);
    let wanted = [text("1969-12-31 23:59:59.999999999"), text("1970-01-01 00:00:00.000001")];
    assert_eq!(stored("timestamp", Arc::new(nanoseconds)), wanted);
}

/// INT96, as Hive and old Spark write it: nanoseconds of the day, then the Julian day.
#[test]
fn int96_far_from_today() {
    let lake = Lake::new();
    let schema = Arc::new(
        parquet::schema::types::Type::group_type_builder("m")
            .with_fields(vec![Arc::new(
                parquet::schema::types::Type::primitive_type_builder("x", parquet::basic::Type::INT96)
                    .with_repetition(Repetition::REQUIRED)
                    .build()
                    .unwrap(),
            )])
            .build()
            .unwrap(),
    );
    let target = File::create(lake.path("f.parquet")).unwrap();
    let mut writer = SerializedFileWriter::new(target, schema, Arc::new(WriterProperties::builder().build())).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let at = |julian_day: u32, nanoseconds: u64| {
        let mut value = Int96::new();
        value.set_data((nanoseconds & 0xffff_ffff) as u32, (nanoseconds >> 32) as u32, julian_day);
        value
    };
    let values = [at(5_373_484, 86_399_999_999_000), at(2_440_588, 0), at(1_721_426, 1_000)];
    column.typed::<Int96Type>().write_batch(&values, None, None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();
    lake.load(&load_of("r1", LoadMode::Replace, &[("x", "timestamp")], &[file("f.parquet", &[])])).unwrap();
    assert_eq!(
        lake.rows("select x from kpi"),
        ["9999-12-31 23:59:59.999999", "1970-01-01 00:00:00", "0001-01-01 00:00:00.000001"]
    );
}

#[test]
fn nested_values_are_json() {
    let lists = arrow::array::ListArray::from_iter_primitive::<Int32Type, _, _>(vec![
        Some(vec![Some(1), None]),
        Some(vec![]),
        None,
    ]);
    assert_eq!(stored("array<int>", Arc::new(lists)), [text("[1,null]"), text("[]"), Value::Null]);
    let mut map = MapBuilder::new(None, arrow::array::Int32Builder::new(), StringBuilder::new());
    map.keys().append_value(7);
    map.values().append_value("a\"\\\n\u{1}名");
    map.append(true).unwrap();
    let found = stored("map<int,string>", Arc::new(map.finish()));
    assert_eq!(found, [text("{\"7\":\"a\\\"\\\\\\n\\u0001名\"}")]);
    let amount = Decimal128Array::from(vec![10_i128.pow(37)]).with_precision_and_scale(38, 2).unwrap();
    let fields: Vec<(Arc<Field>, ArrayRef)> = vec![
        (Arc::new(Field::new("z", amount.data_type().clone(), true)), Arc::new(amount)),
        (Arc::new(Field::new("a", DataType::Float32, true)), Arc::new(Float32Array::from(vec![0.1]))),
        (Arc::new(Field::new("d", DataType::Date32, true)), Arc::new(Date32Array::from(vec![0]))),
        (Arc::new(Field::new("n", DataType::Boolean, true)), Arc::new(BooleanArray::from(vec![None]))),
    ];
    let found = stored("struct<z:decimal(38,2),a:float,d:date,n:boolean>", Arc::new(StructArray::from(fields)));
    let wanted = "{\"z\":100000000000000000000000000000000000.00,\"a\":0.1,\"d\":\"1970-01-01\",\"n\":null}";
    assert_eq!(found, [text(wanted)]);
}

#[test]
fn partition_values_take_their_types() {
    let lake = Lake::new();
    let batch = RecordBatch::try_from_iter([("id", Arc::new(Int64Array::from(vec![1])) as ArrayRef)]).unwrap();
    super::lake::write_parquet(&lake.path("f.parquet"), &batch);
    let values = [("day", "date", "2026-10-01"), ("n", "int", "007"), ("s", "string", "007"), ("b", "boolean", "true")];
    let texts: Vec<Option<&str>> = values.iter().map(|(_, _, value)| Some(*value)).chain([None]).collect();
    let mut load = load_of("r1", LoadMode::Replace, &[("id", "bigint")], &[file("f.parquet", &texts)]);
    load.partition_keys = values.iter().map(|(name, hive, _)| Column::new(*name, *hive)).collect();
    load.partition_keys.push(Column::new("nothing", "string"));
    lake.load(&load).unwrap();
    assert_eq!(lake.rows("select * from kpi"), ["1|2026-10-01|7|007|1|null"]);
    assert_eq!(lake.rows("select typeof(n), typeof(s), typeof(b) from kpi"), ["integer|text|integer"]);
}

#[test]
fn a_file_of_another_type_is_refused_by_name() {
    let message = refusal("bigint", Arc::new(StringArray::from(vec!["1"])));
    assert_eq!(message, "column `x` is `bigint` in the catalogue but `Utf8` in file `f.parquet`");
    let wide = Decimal128Array::from(vec![1]).with_precision_and_scale(12, 2).unwrap();
    let message = refusal("decimal(10,2)", Arc::new(wide));
    assert!(message.contains("`Decimal128(12, 2)` in file"), "{message}");
}
