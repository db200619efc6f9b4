//! Every statement that Tarn sends, as files in `statements/`: the tests of the whole system have another program parse them.
//!
//! `TARN_WRITE_STATEMENTS=1 cargo test -p tarn-pipeline --test statements` writes them anew; the change is to be read like code.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "a failed test may panic")]

#[path = "ingest/bucket.rs"]
#[allow(dead_code, reason = "statements need a bucket's names only")]
mod bucket;

use std::path::Path;

use tarn_model::{CompileContext, Lake, LakeFiles, Model};
use tarn_pipeline::convert::CatalogueNames;
use tarn_pipeline::names::{Key, RunId};
use tarn_pipeline::ports::{Attribution, Column};
use tarn_pipeline::prepare::{self, MERGE_COLUMN_LIMIT, Merge, STATEMENT_LIMIT, Statement, TableProperties};
use tarn_pipeline::{audit, columns};

use crate::bucket::Bucket;

const QUERY: &str = "\
with visits as (
  select visitor, day, region, amount
  from site_events -- all of them
)
select visitor, sum(amount) as amount, day, region
from visits
group by visitor, day, region";

fn model(header: &str) -> Model {
    let files: LakeFiles = [
        ("tarn.yaml", "name: shop\n".to_owned()),
        ("models/visits.sql", format!("/*\n{header}\n*/\nselect 1 as amount, 2 as day, 3 as region\n")),
    ]
    .into_iter()
    .collect();
    let lake = Lake::load(&files).unwrap_or_else(|diagnostics| panic!("{}", diagnostics.render(false)));
    lake.models["visits"].clone()
}

fn location() -> Key {
    Key::new("model/visits/run=r1/")
}

/// A statement of a version of a model with this header.
fn statement(header: &str, make: impl Fn(TableProperties<'_>) -> Statement) -> String {
    let model = model(header);
    make(TableProperties::of(&model, "visits__r1", &location())).text
}

fn created(header: &str) -> String {
    statement(header, |properties| prepare::create_table_as(properties, QUERY, Bucket::new().as_ref()))
}

fn keys() -> [Column; 2] {
    [Column::new("day", "date"), Column::new("region", "string")]
}

/// 90 days, two regions each, and what is hard to name.
fn many_values() -> Vec<Vec<Option<String>>> {
    let day = |day: i32| {
        let day = chrono::NaiveDate::from_ymd_opt(2026, 1, 1).unwrap() + chrono::TimeDelta::days(day.into());
        Some(day.to_string())
    };
    let regions = |day: Option<String>| ["east", "west"].map(|region| vec![day.clone(), Some(region.to_owned())]);
    let mut values: Vec<_> = (0..90).flat_map(|number| regions(day(number))).collect();
    values.push(vec![None, None]);
    for region in ["東京", "it's", "", "50 %/a b"] {
        values.push(vec![day(0), Some(region.to_owned())]);
    }
    values
}

fn batched(header: &str, values: &[Vec<Option<String>>]) -> Result<Vec<Statement>, String> {
    let model = model(header);
    let location = location();
    let properties = TableProperties::of(&model, "visits__r1", &location);
    prepare::batched(properties, QUERY, &keys(), values, Bucket::new().as_ref())
        .map(|batches| batches.into_iter().map(|batch| batch.statement).collect())
        .map_err(|error| format!("{error}; {}", error.hint.as_deref().unwrap_or_default()))
}

fn merge<'a>(columns: &'a [Column], key: &'a [String], order: Option<&'a str>, added: &'a [String]) -> Merge<'a> {
    Merge { published: "visits", delta: "visits__r1__delta", columns, added, key, order }
}

#[track_caller]
fn check(name: &str, text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/statements").join(name).with_extension("sql");
    let text = format!("{}\n", text.trim_end());
    if std::env::var_os("TARN_WRITE_STATEMENTS").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, &text).unwrap();
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(kept == text, "`{}` is not what is made now:\n{text}", file.display());
}

/// Every kind of audit.
const AUDITED: &str = "\
on_empty: fail
audits:
  - not_null: [day, region]
  - unique: [day, region]
  - accepted_values: {column: region, values: [east, west, \"it's\"]}
  - relationships: {column: region, to: regions, field: region}
  - row_count: {min: 1, max: 1000}
  - sql: {name: no_negative_amounts, query: \"select * from {{ this }} where amount < 0\"}
  - sql:
      name: no_future_days
      query: |
        select day
        from {{ this }}
        where day > date '2030-01-01' -- far away";

const PARTITIONED: &str = "partitioned_by: [day, region]";

#[test]
fn tables() {
    check("table", &created("description: plain"));
    check("table_partitioned", &created(PARTITIONED));
    check("table_orc", &created(&format!("{PARTITIONED}\nformat: orc\ncompression: snappy")));
    check("table_bucketed", &created(&format!("{PARTITIONED}\nbucketed_by: {{columns: [visitor], count: 8}}")));
    check("table_iceberg", &created(&format!("{PARTITIONED}\ntable_type: iceberg")));
    check("table_iceberg_orc", &created(&format!("{PARTITIONED}\ntable_type: iceberg\nformat: orc")));
    check("table_iceberg_orc_snappy", &created("table_type: iceberg\nformat: orc\ncompression: snappy"));
    check("table_shape", &prepare::shape("tarn_shape", "memory://work/shape/1/", QUERY));
    let model = model(&format!("{PARTITIONED}\ntable_type: iceberg\nformat: orc"));
    let location = Key::new("model/visits/delta=r1/");
    let passing = TableProperties::passing(&model, "visits__r1__delta", &location);
    check("table_passing", &prepare::create_table_as(passing, QUERY, Bucket::new().as_ref()).text);
    check("view", &prepare::create_view("visits", QUERY).text);
    let columns = [Column::new("id", "smallint"), Column::new("at", "timestamp"), Column::new("order", "char(3)")];
    check("iceberg_rows", &prepare::iceberg_rows("select id, at, \"order\" from visits", &columns).sql);
    assert_eq!(prepare::iceberg_rows(QUERY, &[Column::new("id", "bigint")]).lines_before, 0);
}

#[test]
fn the_users_sql_is_found_in_each_statement() {
    let mut statements = batched(PARTITIONED, &many_values()).unwrap();
    statements.push(prepare::create_view("visits", QUERY));
    for statement in &statements {
        let from: Vec<&str> = statement.text.lines().skip(statement.lines_before).collect();
        assert!(from.join("\n").starts_with(QUERY), "{}", statement.text);
    }
}

#[test]
fn batches() {
    check("partitions", &prepare::partitions(QUERY, &["day".to_owned(), "region".to_owned()]));
    let statements = batched(PARTITIONED, &many_values()).unwrap();
    assert_eq!(statements.len(), 2);
    check("batch_first", &statements[0].text);
    check("batch_second", &statements[1].text);
    assert_eq!(batched(PARTITIONED, &many_values()[..100]).unwrap().len(), 1, "100 partitions need no batches");
    // With long values, batches shrink.
    let long: Vec<_> = (0..150).map(|number| vec![None, Some(format!("{number:03}{}", "長".repeat(2_000)))]).collect();
    let statements = batched(PARTITIONED, &long).unwrap();
    assert!(statements.len() > 3);
    assert!(statements.iter().all(|statement| statement.text.len() < STATEMENT_LIMIT - 5_000));
    let impossible = vec![vec![None, Some("長".repeat(100_000))]; 1];
    let beside: Vec<_> = impossible.into_iter().chain(many_values()).collect();
    assert!(batched(PARTITIONED, &beside).unwrap_err().contains("too long"));
}

#[test]
fn partitions_in_place() {
    let values = many_values();
    check("delete_partitions", &prepare::delete_partitions("visits__r1", &keys(), &values).unwrap());
    check("delete_partitions_one", &prepare::delete_partitions("visits__r1", &keys(), &values[..1]).unwrap());
    assert_eq!(prepare::delete_partitions("visits__r1", &keys(), &[]), None);
    check("insert", &prepare::insert_into("visits__r1", QUERY).text);
}

#[test]
fn values_that_no_folder_can_be_named_by() {
    let odd = [vec![Some("2026-01-01".to_owned()), Some("東京".to_owned())]];
    let written = prepare::WrittenKeys::of(&keys(), &odd).unwrap();
    let columns =
        [Column::new("visitor", "string"), Column::new("amount", "bigint"), keys()[0].clone(), keys()[1].clone()];
    let rows = written.rows(&prepare::Rows::of(QUERY), &columns);
    let (model, location) = (model(PARTITIONED), location());
    let properties =
        TableProperties { partitioned_by: &written.names, ..TableProperties::of(&model, "visits__r1", &location) };
    let statement = prepare::create_table_as(properties, &rows.sql, Bucket::new().as_ref()).below(rows.lines_before);
    check("table_written_keys", &statement.text);
    let from: Vec<&str> = statement.text.lines().skip(statement.lines_before).collect();
    assert!(from.join("\n").starts_with(QUERY), "{}", statement.text);
}

#[test]
fn audits_of_a_version() {
    let files: LakeFiles = [
        ("tarn.yaml", "name: shop\n".to_owned()),
        ("models/regions.sql", "select 'east' as region\n".to_owned()),
        (
            "models/visits.sql",
            format!("/*\n{AUDITED}\n*/\nselect 1 as amount, date '2026-01-01' as day, 'east' as region\n"),
        ),
    ]
    .into_iter()
    .collect();
    let lake = Lake::load(&files).unwrap_or_else(|diagnostics| panic!("{}", diagnostics.render(false)));
    let context = CompileContext {
        vars: Default::default(),
        incremental: true,
        relations: &CatalogueNames,
        logical_time: chrono::DateTime::UNIX_EPOCH,
    };
    let checks = audit::of_model(&lake.models["visits"], "visits__r1", &lake, &context).unwrap();
    assert_eq!(checks.len(), 8, "{checks:?}");
    check("audit_counts", &audit::counts(&checks));
    for (number, found) in checks.iter().enumerate() {
        check(&format!("audit_sample_{number}"), &audit::sample(found));
    }
    check("audit_not_empty", &audit::not_empty("visits__r1").failing_rows);
}

#[test]
fn buckets_that_need_two_statements_are_refused() {
    let bucketed = format!("{PARTITIONED}\nbucketed_by: {{columns: [visitor], count: 8}}");
    assert_eq!(batched(&bucketed, &many_values()[..12]).unwrap().len(), 1);
    let refused = batched(&bucketed, &many_values()[..13]).unwrap_err();
    assert!(refused.contains("13 partitions of 8 buckets") && refused.contains("`count: 7`"), "{refused}");
    let refused = batched(&bucketed, &many_values()).unwrap_err();
    assert!(refused.contains("at most 12 partitions at a time"), "{refused}");
}

#[test]
fn merges() {
    let columns = [Column::new("visitor", "string"), Column::new("order", "int"), Column::new("seen", "timestamp")];
    let key = ["visitor".to_owned()];
    let added = ["seen".to_owned()];
    check("merge_rows", &prepare::merged_rows(merge(&columns, &key, None, &[])));
    check("merge_rows_ordered", &prepare::merged_rows(merge(&columns, &key, Some("seen"), &[])));
    check("merge_rows_new_column", &prepare::merged_rows(merge(&columns, &key, None, &added)));
    check("merge_rows_ordered_new_column", &prepare::merged_rows(merge(&columns, &key, Some("order"), &added)));
    check("merge_into", &prepare::merge_into(merge(&columns, &key, None, &[])).unwrap());
    check("merge_into_ordered", &prepare::merge_into(merge(&columns, &key, Some("seen"), &[])).unwrap());
    check("unmergeable_keys", &prepare::unmergeable_keys("visits__r1__delta", &key, Some("seen")));
    assert_eq!(prepare::merge_into(merge(&columns, &key, None, &added)), None);
    assert_eq!(prepare::merge_into(merge(&columns[..1], &key, None, &[])), None);
    let wide: Vec<Column> = (0..=MERGE_COLUMN_LIMIT).map(|number| Column::new(format!("c{number}"), "int")).collect();
    let key = ["c0".to_owned()];
    assert_eq!(prepare::merge_into(merge(&wide, &key, None, &[])), None);
    assert!(prepare::merge_into(merge(&wide[1..], &["c1".to_owned()], None, &[])).is_some());
}

#[test]
fn a_changed_table() {
    let published = [
        Column::new("visitor", "string"),
        Column::new("note", "array<struct<a:int,b:float>>"),
        Column::new("amount", "bigint"),
        Column::new("day", "date"),
    ];
    let new = [
        Column::new("amount", "int"),
        Column::new("visitor", "string"),
        Column::new("extra", "double"),
        Column::new("day", "date"),
    ];
    let columns::Decision::Change(change) =
        columns::decide(tarn_model::SchemaChange::AppendNewColumns, &published, &new, 1)
    else {
        panic!("the columns differ");
    };
    check("changed_columns", &change.arrange("select amount, visitor, extra, day from visits").sql);
}

#[test]
fn an_attributed_statement() {
    let attribution = Attribution {
        run: Some(RunId::try_from("r1".to_owned()).unwrap()),
        model: Some("訪問".to_owned()),
        purpose: "convert".to_owned(),
        user: Some("arn:aws:sts::1:assumed-role/a;b/*/ --".to_owned()),
    };
    check("attributed", &prepare::attributed(&created(PARTITIONED), &attribution));
}
