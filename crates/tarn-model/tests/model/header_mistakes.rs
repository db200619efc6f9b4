//! Mistakes in the headers of models.

use crate::{load, mistakes_in, shop_with};

#[test]
fn keys_and_values_of_a_header() {
    insta::assert_snapshot!(mistakes_in("models/kpi.sql", "\
/*
descriptin: x
materialized: tabel
tags: [a, b, a]
on_empty: keep
compression: gzip
partitioned_by: {day: x}
audits:
  - not_nul: [day]
  - not_null: []
  - unique: day
    not_null: day
  - unique: day
  - unique: [day]
  - accepted_values: {colum: device, values: []}
  - accepted_values: {column: device, values: [a, 1]}
  - relationships: {column: device, to: campaings, field: name}
  - row_count: {}
  - row_count: {min: 5, max: 1}
  - sql: {query: select 1}
  - sql: {name: own, query: \"select * from {{ thsi }} join {{ ref('sesions') }} on true\"}
mart: {to: reportin, mode: merge}
*/
select 1 as one
"), @r#"
error[unknown-key]: a model has no key `descriptin`
 --> models/kpi.sql:2:1
  |
2 | descriptin: x
  | ^^^^^^^^^^
  |
  = hint: did you mean `description`?

error[bad-value]: `materialized` cannot be `tabel`
 --> models/kpi.sql:3:15
  |
3 | materialized: tabel
  |               ^^^^^
  |
  = hint: did you mean `table`?

error[duplicate-value]: `a` stands twice in `tags`
 --> models/kpi.sql:4:14
  |
4 | tags: [a, b, a]
  |        -     ^
  |        |
  |        first here

error[bad-value]: `on_empty` cannot be `keep`
 --> models/kpi.sql:5:11
  |
5 | on_empty: keep
  |           ^^^^
  |
  = hint: possible values: `publish`, `fail`

error[bad-value]: `compression` cannot be `gzip`
 --> models/kpi.sql:6:14
  |
6 | compression: gzip
  |              ^^^^
  |
  = hint: possible values: `zstd`, `snappy`

error[wrong-type]: `partitioned_by` is a list of texts
 --> models/kpi.sql:7:17
  |
7 | partitioned_by: {day: x}
  |                 ^^^^^^^^ this is a mapping

error[unknown-key]: an audit has no key `not_nul`
 --> models/kpi.sql:9:5
  |
9 |   - not_nul: [day]
  |     ^^^^^^^
  |
  = hint: did you mean `not_null`?

error[bad-audit]: `not_null` needs at least one column
  --> models/kpi.sql:10:15
   |
10 |   - not_null: []
   |               ^^

error[bad-audit]: an audit checks one thing: write each as an item of its own
  --> models/kpi.sql:11:5
   |
11 |   - unique: day
   |     ^^^^^^

error[duplicate-audit]: two audits are called `unique_day`
  --> models/kpi.sql:14:5
   |
13 |   - unique: day
   |     ------ the first one
14 |   - unique: [day]
   |     ^^^^^^

error[unknown-key]: `accepted_values` has no key `colum`
  --> models/kpi.sql:15:23
   |
15 |   - accepted_values: {colum: device, values: []}
   |                       ^^^^^
   |
   = hint: did you mean `column`?

error[bad-audit]: `values` needs at least one value
  --> models/kpi.sql:15:46
   |
15 |   - accepted_values: {colum: device, values: []}
   |                                              ^^

error[bad-audit]: `values` holds values of more than one kind
  --> models/kpi.sql:16:47
   |
16 |   - accepted_values: {column: device, values: [a, 1]}
   |                                               ^^^^^^
   |
   = hint: a column has one type: put numbers and `true` in quotes if they are text

error[unknown-relation]: there is no model, seed or source `campaings`
  --> models/kpi.sql:17:41
   |
17 |   - relationships: {column: device, to: campaings, field: name}
   |                                         ^^^^^^^^^
   |
   = hint: did you mean `campaigns`?

error[bad-audit]: `row_count` needs `min` or `max`
  --> models/kpi.sql:18:16
   |
18 |   - row_count: {}
   |                ^^

error[bad-audit]: no number is at least 5 and at most 1
  --> models/kpi.sql:19:16
   |
19 |   - row_count: {min: 5, max: 1}
   |                ^^^^^^^^^^^^^^^^

error[missing-key]: `sql` needs the key `name`
  --> models/kpi.sql:20:11
   |
20 |   - sql: {query: select 1}
   |           ^^^^^

error[unknown-name]: nothing in the template is called `thsi`
  --> models/kpi.sql:21:47
   |
21 |   - sql: {name: own, query: "select * from {{ thsi }} join {{ ref('sesions') }} on true"}
   |                                               ^^^^
   |
   = hint: did you mean `this`?

error[unknown-ref]: there is no model or seed `sesions`
  --> models/kpi.sql:21:67
   |
21 |   - sql: {name: own, query: "select * from {{ thsi }} join {{ ref('sesions') }} on true"}
   |                                                                   ^^^^^^^^^
   |
   = hint: did you mean `sessions`?

error[unknown-mart]: `tarn.yaml` has no mart `reportin`
  --> models/kpi.sql:22:12
   |
22 | mart: {to: reportin, mode: merge}
   |            ^^^^^^^^
   |
   = hint: did you mean `reporting`?

error[bad-mart]: `mode: merge` needs a `key`
  --> models/kpi.sql:22:28
   |
22 | mart: {to: reportin, mode: merge}
   |                            ^^^^^
   |
   = hint: without a key every load would add all rows again; name the columns that identify a row
"#);
}

#[test]
fn strategies() {
    insta::assert_snapshot!(mistakes_in("models/kpi.sql", "/*\nmaterialized: incremental\n*/\nselect 1 as one"), @r"
error[bad-strategy]: an incremental model needs a `strategy`
 --> models/kpi.sql:2:15
  |
2 | materialized: incremental
  |               ^^^^^^^^^^^
  |
  = hint: possible values: `append`, `insert_overwrite`, `merge`
");
    insta::assert_snapshot!(mistakes_in("models/kpi.sql", "/*\nmaterialized: incremental\nstrategy: insert_overwrite\n*/\nselect 1 as one"), @r"
error[bad-strategy]: `insert_overwrite` needs `partitioned_by`
 --> models/kpi.sql:3:11
  |
3 | strategy: insert_overwrite
  |           ^^^^^^^^^^^^^^^^
  |
  = hint: without partitions there is nothing to overwrite; `materialized: table` replaces the whole table
");
    insta::assert_snapshot!(mistakes_in("models/kpi.sql", "/*\nmaterialized: incremental\nstrategy: merge\nmerge_order: at\n*/\nselect 1 as one"), @r"
error[bad-strategy]: `merge` needs a `unique_key`
 --> models/kpi.sql:3:11
  |
3 | strategy: merge
  |           ^^^^^
  |
  = hint: name the columns that identify a row: `unique_key: [day, device]`
");
    insta::assert_snapshot!(mistakes_in("models/kpi.sql", "/*\nstrategy: append\nunique_key: [a]\n*/\nselect 1 as one"), @r"
error[bad-strategy]: `strategy` is for incremental models only
 --> models/kpi.sql:2:1
  |
2 | strategy: append
  | ^^^^^^^^
  |
  = hint: write `materialized: incremental`, or take this key away

error[bad-strategy]: `unique_key` is for incremental models only
 --> models/kpi.sql:3:1
  |
3 | unique_key: [a]
  | ^^^^^^^^^^
  |
  = hint: write `materialized: incremental`, or take this key away
");
    insta::assert_snapshot!(mistakes_in("models/kpi.sql", "/*\nmaterialized: incremental\nstrategy: append\nunique_key: [a]\n*/\nselect 1 as one"), @r"
error[bad-strategy]: `unique_key` is for `strategy: merge` only
 --> models/kpi.sql:4:1
  |
4 | unique_key: [a]
  | ^^^^^^^^^^
");
    insta::assert_snapshot!(mistakes_in("models/kpi.sql", "/*\nmaterialized: view\npartitioned_by: [a]\n*/\nselect 1 as one"), @r"
error[bad-strategy]: a view has no files, so `partitioned_by` means nothing
 --> models/kpi.sql:3:1
  |
3 | partitioned_by: [a]
  | ^^^^^^^^^^^^^^
");
    insta::assert_snapshot!(mistakes_in("models/kpi.sql", "/*\nmart: {to: reporting, mode: partition}\n*/\nselect 1 as one"), @r"
error[bad-mart]: `mode: partition` needs a model with `partitioned_by`
 --> models/kpi.sql:2:29
  |
2 | mart: {to: reporting, mode: partition}
  |                             ^^^^^^^^^
");
}

#[test]
fn headers_that_are_none() {
    insta::assert_snapshot!(mistakes_in("models/kpi.sql", "/* my first model */\nselect 1 as one"), @r"
error[bad-header]: the header of a model is YAML with keys
 --> models/kpi.sql:1:4
  |
1 | /* my first model */
  |    ^^^^^^^^^^^^^^
  |
  = hint: write `description: …`; a comment for readers of the SQL stands further down, after `--`
");
    insta::assert_snapshot!(mistakes_in("models/kpi.sql", "/* description: x\nselect 1 as one"), @r"
error[bad-header]: the header has no end: `*/` is missing
 --> models/kpi.sql:1:1
  |
1 | /* description: x
  | ^^
");
    insta::assert_snapshot!(mistakes_in("models/kpi.sql", "/*\ndescription: a: b\ntags: [x\n*/\nselect 1 as one"), @r"
error[yaml-syntax]: this is not YAML: mapping values are not allowed in this context
 --> models/kpi.sql:2:15
  |
2 | description: a: b
  |               ^
");
}

#[test]
fn nothing_is_concluded_from_a_broken_header() {
    let sql = "/*\nmaterialized: incremental\nstrategy: insert\n*/\nselect 1 as one {% if is_incremental() %}from {{ this }}{% endif %}";
    insta::assert_snapshot!(mistakes_in("models/kpi.sql", sql), @r"
error[bad-value]: `strategy` cannot be `insert`
 --> models/kpi.sql:3:11
  |
3 | strategy: insert
  |           ^^^^^^
  |
  = hint: possible values: `append`, `insert_overwrite`, `merge`
");
}

#[test]
fn a_query_of_an_audit_that_is_written_as_a_block() {
    insta::assert_snapshot!(mistakes_in("models/kpi.sql", "/*\naudits:\n  - sql:\n      name: own\n      query: |\n        -- 名前\n        select *\n          from {{ ref('sesions') }}\n        where {{ (\n  - sql:\n      name: other\n      query: >\n        select *\n        from {{ ref('sesions') }}\n  - sql:\n      name: third\n      query: |\n        select *\n\n          from {{ ref('sesions') }}\n*/\nselect 1 as one"), @r"
error[template-syntax]: this is not a template: unexpected end of input, expected expression
 --> models/kpi.sql:9:18
  |
9 |         where {{ (
  |                  ^

error[unknown-ref]: there is no model or seed `sesions`
  --> models/kpi.sql:13:9
   |
13 |         select *
   |         ^^^^^^^^
   |
   = hint: did you mean `sessions`?

error[unknown-ref]: there is no model or seed `sesions`
  --> models/kpi.sql:20:23
   |
20 |           from {{ ref('sesions') }}
   |                       ^^^^^^^^^
   |
   = hint: did you mean `sessions`?
");
}

#[test]
fn never_incremental_is_a_warning() {
    let sql = "select 1 as one {% if is_incremental() %}where true{% endif %}";
    let lake = load(&shop_with(&[("models/plain.sql", Some(sql))]));
    insta::assert_snapshot!(lake.warnings.render(false), @r"
warning[never-incremental]: `is_incremental()` is never true here: the model is not incremental
 --> models/plain.sql:1:23
  |
1 | select 1 as one {% if is_incremental() %}where true{% endif %}
  |                       ^^^^^^^^^^^^^^^^
");
}

#[test]
fn how_a_table_is_kept() {
    for (header, told) in [
        ("format: avro", "possible values: `parquet`, `orc`"),
        ("table_type: delta", "possible values: `hive`, `iceberg`"),
        ("bucketed_by: [day]", "`bucketed_by`"),
        ("bucketed_by: {columns: [day]}", "`bucketed_by` needs the key `count`"),
        ("bucketed_by: {columns: [day], count: 101}", "`count` is a whole number from 1 to 100"),
        ("bucketed_by: {columns: [], count: 1}", "`columns` needs at least one column"),
        ("partitioned_by: [day]\nbucketed_by: {columns: [day], count: 8}", "`day` is a partition column"),
        ("table_type: iceberg\nbucketed_by: {columns: [day], count: 8}", "an Iceberg table has no buckets"),
        (
            "materialized: incremental\nstrategy: append\nbucketed_by: {columns: [day], count: 8}",
            "`append` adds files to partitions",
        ),
        ("materialized: view\nformat: orc", "a view has no files, so `format` means nothing"),
        ("materialized: view\nscan_limit: 1 GB", "a view has no files, so `scan_limit` means nothing"),
        ("format: orc\nmart: {to: reporting}", "a mart is loaded from Parquet files"),
        ("table_type: iceberg\nmart: {to: reporting}", "those of an Iceberg table hold deleted rows too"),
        ("on_schema_change: sync", "`on_schema_change` is for incremental models only"),
        ("materialized: incremental\nstrategy: append\non_schema_change: ignore", "`append_new_columns`, `sync`"),
        ("scan_limit: much", "an amount of data is a number and a unit"),
    ] {
        let mistakes = mistakes_in("models/kpi.sql", &format!("/*\n{header}\n*/\nselect 1 as one, 2 as day\n"));
        assert!(mistakes.contains(told), "{header}: {mistakes}");
    }
}

#[test]
fn what_a_header_says_of_its_table() {
    let header = "materialized: incremental\nstrategy: insert_overwrite\npartitioned_by: [day]\nformat: orc\n\
                  bucketed_by: {columns: [one], count: 8}\non_schema_change: append_new_columns\nscan_limit: 50 GB";
    let text = format!("/*\n{header}\n*/\nselect 1 as one, 2 as day\n");
    let lake = load(&shop_with(&[("models/kept.sql", Some(&text))]));
    let model = &lake.models["kept"];
    assert_eq!((model.format, model.table_type), (tarn_model::Format::Orc, tarn_model::TableType::Hive));
    assert_eq!(model.bucketed_by.as_ref().map(|buckets| buckets.count), Some(8));
    assert_eq!(model.on_schema_change, tarn_model::SchemaChange::AppendNewColumns);
    assert_eq!(model.scan_limit_bytes, Some(50_000_000_000));
}
