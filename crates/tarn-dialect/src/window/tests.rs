//! The operator beside the engine's: the same rows in, the same rows out.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array, Int32Array,
    Int64Array, ListArray, RecordBatch, StringArray, StringViewArray, StructArray, TimestampMillisecondArray,
};
use arrow::compute::{SortColumn, concat_batches, lexsort_to_indices, take_record_batch};
use arrow::datatypes::{DataType, Int64Type, SchemaRef};
use datafusion::common::{Result, ScalarValue};
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::GreedyMemoryPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::functions_aggregate::{array_agg, bool_and_or, correlation, count, min_max, stddev};
use datafusion::functions_window::{lead_lag, nth_value, rank, row_number};
use datafusion::logical_expr::{
    AggregateUDF, WindowFrame, WindowFrameBound, WindowFrameUnits, WindowFunctionDefinition, WindowUDF,
};
use datafusion::physical_expr::expressions::{Column, Literal};
use datafusion::physical_expr::{LexOrdering, PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_plan::windows::{BoundedWindowAggExec, WindowAggExec, WindowExpr, create_window_expr};
use datafusion::physical_plan::{ExecutionPlan, InputOrderMode, collect};
use proptest::prelude::*;

use super::operator::RunningWindowExec;

const KEYS: [&str; 4] = ["p", "q", "o", "u"];

/// Seeds of one row: two keys of partitions, two of peers, and what its values are made of.
type Seeds = (Option<u8>, Option<u8>, Option<u8>, Option<u8>, Option<i64>, Option<i64>);

fn seeds() -> impl Strategy<Value = Seeds> {
    let key = || prop::option::weighted(0.8, 0..3_u8);
    let value = || {
        let number = prop_oneof![20 => -9..9_i64, 1 => Just(i64::MAX), 1 => Just(i64::MIN)];
        prop::option::weighted(0.8, number)
    };
    (key(), key(), key(), key(), value(), value())
}

fn float(seed: i64) -> f64 {
    match seed.rem_euclid(8) {
        0 => f64::NAN,
        1 => -0.0,
        2 => 0.0,
        3 => f64::INFINITY,
        4 => 1e300,
        _ => seed as f64 / 3.0,
    }
}

/// Rows sorted by the first keys, with a value column of every kind.
fn table(rows: &[Seeds], keys: &[&str]) -> RecordBatch {
    let first: Vec<Option<i64>> = rows.iter().map(|row| row.4).collect();
    let second: Vec<Option<i64>> = rows.iter().map(|row| row.5).collect();
    let texts = || second.iter().map(|seed| seed.map(|seed| format!("{seed} and more text than a view has room for")));
    let small = || first.iter().map(|seed| seed.map(|seed| seed as i32));
    let decimal = |seeds: &[Option<i64>], factor: i128, precision, scale| {
        let values = seeds.iter().map(|seed| seed.map(|seed| i128::from(seed.clamp(-9, 9)) * factor));
        let values: Decimal128Array = values.collect();
        Arc::new(values.with_precision_and_scale(precision, scale).unwrap()) as ArrayRef
    };
    let lists = rows.iter().map(|row| row.4.map(|seed| vec![Some(seed), row.5]));
    let records: Vec<(Arc<arrow::datatypes::Field>, ArrayRef)> = vec![(
        Arc::new(arrow::datatypes::Field::new("x", DataType::Int64, true)),
        Arc::new(Int64Array::from(second.clone())),
    )];
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("p", Arc::new(rows.iter().map(|row| row.0.map(|key| format!("key {key}"))).collect::<StringArray>())),
        ("q", Arc::new(rows.iter().map(|row| row.1.map(|key| float(i64::from(key)))).collect::<Float64Array>())),
        ("o", Arc::new(rows.iter().map(|row| row.2.map(i64::from)).collect::<Int64Array>())),
        ("u", Arc::new(rows.iter().map(|row| row.3.map(|key| float(i64::from(key)))).collect::<Float64Array>())),
        ("bigint", Arc::new(Int64Array::from(first.clone()))),
        ("integer", Arc::new(small().collect::<Int32Array>())),
        ("real", Arc::new(second.iter().map(|seed| seed.map(|seed| float(seed) as f32)).collect::<Float32Array>())),
        ("double", Arc::new(first.iter().map(|seed| seed.map(float)).collect::<Float64Array>())),
        ("price", decimal(&first, 125, 10, 2)),
        ("huge", decimal(&second, 10_i128.pow(37), 38, 0)),
        ("text", Arc::new(texts().collect::<StringArray>())),
        ("view", Arc::new(texts().collect::<StringViewArray>())),
        ("bytes", Arc::new(texts().map(|text| text.map(String::into_bytes)).collect::<BinaryArray>())),
        ("flag", Arc::new(first.iter().map(|seed| seed.map(|seed| seed > 0)).collect::<BooleanArray>())),
        ("day", Arc::new(small().collect::<Int32Array>().reinterpret_cast::<arrow::datatypes::Date32Type>())),
        ("at", Arc::new(TimestampMillisecondArray::from(second.clone()).with_timezone("+09:00"))),
        ("list", Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(lists))),
        ("record", Arc::new(StructArray::from(records))),
    ];
    let _: &Date32Array = columns[14].1.as_any().downcast_ref().unwrap();
    let table =
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true)));
    let table = table.unwrap();
    let sorted = keys.iter().map(|key| SortColumn {
        values: Arc::clone(table.column_by_name(key).unwrap()),
        options: Some(arrow::compute::SortOptions::default()),
    });
    let sorted: Vec<SortColumn> = sorted.collect();
    if sorted.is_empty() {
        return table;
    }
    take_record_batch(&table, &lexsort_to_indices(&sorted, None).unwrap()).unwrap()
}

/// Batches of these sizes in turn, empty ones among them.
fn cut(table: &RecordBatch, sizes: &[usize]) -> Vec<RecordBatch> {
    let mut batches = Vec::new();
    let mut start = 0;
    for size in sizes.iter().cycle() {
        if start == table.num_rows() {
            break;
        }
        let size = (*size).min(table.num_rows() - start);
        batches.push(table.slice(start, size));
        start += size;
    }
    batches
}

fn key(name: &str, schema: &SchemaRef) -> Arc<dyn PhysicalExpr> {
    Arc::new(Column::new_with_schema(name, schema).unwrap())
}

fn sort(name: &&str, schema: &SchemaRef) -> PhysicalSortExpr {
    PhysicalSortExpr::new_default(key(name, schema))
}

/// A window over the rows: what is called, with which arguments, to which end.
#[derive(Debug, Clone)]
struct Call {
    function: WindowFunctionDefinition,
    columns: Vec<&'static str>,
    literals: Vec<ScalarValue>,
    units: WindowFrameUnits,
    /// To the partition's last row, and not to the current one or its peers.
    whole: bool,
    distinct: bool,
}

fn udwf(function: Arc<WindowUDF>, columns: &[&'static str], literals: Vec<ScalarValue>) -> Call {
    let function = WindowFunctionDefinition::WindowUDF(function);
    Call { function, columns: columns.to_vec(), literals, units: WindowFrameUnits::Rows, whole: false, distinct: false }
}

fn udaf(function: Arc<AggregateUDF>, columns: &[&'static str]) -> Call {
    let function = WindowFunctionDefinition::AggregateUDF(function);
    let literals = Vec::new();
    Call { function, columns: columns.to_vec(), literals, units: WindowFrameUnits::Rows, whole: false, distinct: false }
}

fn of_tarn(name: &str) -> Arc<AggregateUDF> {
    tarn_functions::aggregate_functions().into_iter().find(|function| function.name() == name).unwrap()
}

/// Everything that is computed here, with every type.
fn calls() -> Vec<Call> {
    let mut calls = vec![
        udwf(row_number::row_number_udwf(), &[], vec![]),
        udwf(rank::rank_udwf(), &[], vec![]),
        udwf(rank::dense_rank_udwf(), &[], vec![]),
    ];
    let values = [
        "bigint", "integer", "real", "double", "price", "huge", "text", "view", "bytes", "flag", "day", "at", "list",
        "record",
    ];
    for column in values {
        for function in [lead_lag::lag_udwf(), lead_lag::lead_udwf()] {
            calls.push(udwf(Arc::clone(&function), &[column], vec![]));
            for offset in [1, 2, 7, 60, -1, -3] {
                calls.push(udwf(Arc::clone(&function), &[column], vec![ScalarValue::from(offset as i64)]));
            }
            let default = match column {
                "bigint" | "integer" | "price" => ScalarValue::from(-5_i64),
                "text" | "view" => ScalarValue::from("nothing"),
                _ => ScalarValue::Null,
            };
            calls.push(udwf(function, &[column], vec![ScalarValue::from(3_i64), default]));
        }
        calls.push(udwf(nth_value::first_value_udwf(), &[column], vec![]));
        calls.push(udwf(nth_value::last_value_udwf(), &[column], vec![]));
        calls.push(udaf(count::count_udaf(), &[column]));
        if !matches!(column, "list" | "record") {
            calls.push(udaf(min_max::min_udaf(), &[column]));
            calls.push(udaf(min_max::max_udaf(), &[column]));
        }
    }
    for column in ["bigint", "integer", "real", "double", "price", "huge"] {
        calls.push(udaf(of_tarn("sum"), &[column]));
        calls.push(udaf(of_tarn("avg"), &[column]));
    }
    calls.push(Call { distinct: true, ..udaf(count::count_udaf(), &["integer"]) });
    calls.push(Call { distinct: true, ..udaf(of_tarn("sum"), &["integer"]) });
    calls.push(udaf(array_agg::array_agg_udaf(), &["integer"]));
    calls.push(udaf(bool_and_or::bool_and_udaf(), &["flag"]));
    calls.push(udaf(stddev::stddev_udaf(), &["double"]));
    calls.push(udaf(correlation::corr_udaf(), &["double", "double"]));
    calls.push(udaf(of_tarn("max_by"), &["text", "bigint"]));
    calls
}

fn call() -> impl Strategy<Value = Call> {
    let units =
        prop_oneof![Just(WindowFrameUnits::Rows), Just(WindowFrameUnits::Range), Just(WindowFrameUnits::Groups)];
    let whole = prop::bool::weighted(0.1);
    (prop::sample::select(calls()), units, whole).prop_map(|(call, units, whole)| Call { units, whole, ..call })
}

/// Keys of which windows are partitioned and ordered.
type Keys = (Vec<&'static str>, Vec<&'static str>);

fn keys() -> impl Strategy<Value = Keys> {
    let some = |of: [&'static str; 2]| prop_oneof![2 => Just(vec![of[0]]), 1 => Just(of.to_vec()), 1 => Just(vec![of[1]]), 1 => Just(Vec::new())];
    (some([KEYS[0], KEYS[1]]), some([KEYS[2], KEYS[3]]))
}

impl Call {
    fn expression(&self, number: usize, keys: &Keys, schema: &SchemaRef) -> Arc<dyn WindowExpr> {
        let mut arguments: Vec<Arc<dyn PhysicalExpr>> = self.columns.iter().map(|name| key(name, schema)).collect();
        arguments.extend(self.literals.iter().map(|value| Arc::new(Literal::new(value.clone())) as _));
        let partitions: Vec<Arc<dyn PhysicalExpr>> = keys.0.iter().map(|name| key(name, schema)).collect();
        let orders: Vec<PhysicalSortExpr> = keys.1.iter().map(|name| sort(name, schema)).collect();
        let units = match self.units {
            // Groups are groups of peers, and need something to be peers by.
            WindowFrameUnits::Groups if orders.is_empty() => WindowFrameUnits::Range,
            units => units,
        };
        let start = WindowFrameBound::Preceding(ScalarValue::UInt64(None));
        let end = match self.whole {
            true => WindowFrameBound::Following(ScalarValue::UInt64(None)),
            false => WindowFrameBound::CurrentRow,
        };
        let frame = WindowFrame::new_bounds(units, start, end);
        let name = format!("w{number}");
        let schema = Arc::clone(schema);
        let (frame, distinct) = (Arc::new(frame), self.distinct);
        let function = &self.function;
        create_window_expr(function, name, &arguments, &partitions, &orders, frame, schema, false, distinct, None)
            .unwrap()
    }
}

/// The operator that the engine would take.
fn engines(batches: &[RecordBatch], schema: &SchemaRef, keys: &Keys, calls: &[Call]) -> Arc<dyn ExecutionPlan> {
    let source = MemorySourceConfig::try_new(&[batches.to_vec()], Arc::clone(schema), None).unwrap();
    let sorted = keys.0.iter().chain(&keys.1).map(|name| sort(name, schema));
    let source = match LexOrdering::new(sorted) {
        Some(ordering) => source.try_with_sort_information(vec![ordering]).unwrap(),
        None => source,
    };
    let input = DataSourceExec::from_data_source(source);
    let windows = calls.iter().enumerate().map(|(number, call)| call.expression(number, keys, schema));
    let windows: Vec<Arc<dyn WindowExpr>> = windows.collect();
    if windows.iter().all(|window| window.uses_bounded_memory()) {
        Arc::new(BoundedWindowAggExec::try_new(windows, input, InputOrderMode::Sorted, false).unwrap())
    } else {
        Arc::new(WindowAggExec::try_new(windows, input, false).unwrap())
    }
}

fn run(plan: Arc<dyn ExecutionPlan>, context: Arc<TaskContext>) -> Result<RecordBatch> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let schema = plan.schema();
    let batches = runtime.block_on(collect(plan, context))?;
    Ok(concat_batches(&schema, &batches)?)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn values_are_those_of_the_engine(
        rows in prop::collection::vec(seeds(), 0..150),
        sizes in prop::collection::vec(prop_oneof![4 => 1..50_usize, 1 => Just(1_usize), 1 => Just(0_usize)], 1..8),
        keys in keys(),
        calls in prop::collection::vec(call(), 1..5),
    ) {
        let sizes: Vec<usize> = sizes.into_iter().chain([3]).collect();
        let sorted: Vec<&str> = keys.0.iter().chain(&keys.1).copied().collect();
        let table = table(&rows, &sorted);
        let engine = engines(&cut(&table, &sizes), &table.schema(), &keys, &calls);
        let ours = Arc::new(RunningWindowExec::in_place_of(&engine).unwrap());
        let expected = run(engine, Arc::new(TaskContext::default()));
        let given = run(ours, Arc::new(TaskContext::default()));
        match (expected, given) {
            (Ok(expected), Ok(given)) => prop_assert_eq!(expected, given),
            (Err(expected), Err(given)) if calls.len() == 1 => {
                prop_assert_eq!(expected.to_string(), given.to_string());
            }
            (Err(_), Err(_)) => {}
            (expected, given) => prop_assert!(false, "{expected:?}\n{given:?}"),
        }
    }
}

/// Peers that no memory has room for wait on disk.
#[test]
fn many_peers_wait_on_disk() {
    let rows: Vec<Seeds> = (0..5_000)
        .map(|row| (Some((row / 4_900) as u8), None, Some(u8::from(row >= 2_500)), None, Some(row), None))
        .collect();
    let keys = (vec!["p"], vec!["o"]);
    let table = table(&rows, &["p", "o"]);
    let calls = [
        Call { units: WindowFrameUnits::Range, ..udaf(of_tarn("sum"), &["bigint"]) },
        udwf(lead_lag::lead_udwf(), &["text"], vec![ScalarValue::from(3_000_i64)]),
        udwf(row_number::row_number_udwf(), &[], vec![]),
    ];
    let engine = engines(&cut(&table, &[100]), &table.schema(), &keys, &calls);
    let ours = Arc::new(RunningWindowExec::in_place_of(&engine).unwrap());
    let runtime =
        RuntimeEnvBuilder::new().with_memory_pool(Arc::new(GreedyMemoryPool::new(1_000))).build_arc().unwrap();
    let small = Arc::new(TaskContext::default().with_runtime(runtime));
    let given = run(Arc::clone(&ours) as _, small).unwrap();
    assert_eq!(given, run(engine, Arc::new(TaskContext::default())).unwrap());
    assert!(ours.metrics().unwrap().spill_count().unwrap() > 5);
}
