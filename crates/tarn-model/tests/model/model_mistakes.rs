//! Mistakes in models: headers, templates, the graph.

use crate::{load, mistakes, mistakes_in, shop_with};

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
  - relationships: {column: device, to: campaings, field: name}
  - row_count: {}
  - row_count: {min: 5, max: 1}
  - sql: {query: select 1}
  - sql: {name: own, query: \"select * from {{ thsi }} join {{ ref('sesions') }} on true\"}
mart: {to: reportin, mode: merge}
*/
select 1 as one
"), @"");
}

#[test]
fn strategies() {
    insta::assert_snapshot!(mistakes_in("models/kpi.sql", "/*\nmaterialized: incremental\n*/\nselect 1 as one"), @"");
    insta::assert_snapshot!(mistakes_in("models/kpi.sql", "/*\nmaterialized: incremental\nstrategy: insert_overwrite\n*/\nselect 1 as one"), @"");
    insta::assert_snapshot!(mistakes_in("models/kpi.sql", "/*\nmaterialized: incremental\nstrategy: merge\nmerge_order: at\n*/\nselect 1 as one"), @"");
    insta::assert_snapshot!(mistakes_in("models/kpi.sql", "/*\nstrategy: append\nunique_key: [a]\n*/\nselect 1 as one"), @"");
    insta::assert_snapshot!(mistakes_in("models/kpi.sql", "/*\nmaterialized: incremental\nstrategy: append\nunique_key: [a]\n*/\nselect 1 as one"), @"");
    insta::assert_snapshot!(mistakes_in("models/kpi.sql", "/*\nmaterialized: view\npartitioned_by: [a]\n*/\nselect 1 as one"), @"");
    insta::assert_snapshot!(mistakes_in("models/kpi.sql", "/*\nmart: {to: reporting, mode: partition}\n*/\nselect 1 as one"), @"");
}

#[test]
fn headers_that_are_none() {
    insta::assert_snapshot!(mistakes_in("models/kpi.sql", "/* my first model */\nselect 1 as one"), @"");
    insta::assert_snapshot!(mistakes_in("models/kpi.sql", "/* description: x\nselect 1 as one"), @"");
    insta::assert_snapshot!(mistakes_in("models/kpi.sql", "/*\ndescription: a: b\ntags: [x\n*/\nselect 1 as one"), @"");
}

#[test]
fn statements_that_are_no_query() {
    insta::assert_snapshot!(mistakes_in("models/kpi.sql", ""), @"");
    insta::assert_snapshot!(mistakes_in("models/kpi.sql", "/*\ntags: a\n*/\n\n"), @"");
    insta::assert_snapshot!(mistakes_in("models/kpi.sql", "/*\ntags: a\n*/\n/* a note */\nselect 1 as one"), @"");
    insta::assert_snapshot!(mistakes_in("models/kpi.sql", "-- a note\ncreate table x as select 1 as one"), @"");
    insta::assert_snapshot!(mistakes_in("models/kpi.sql", "select 1 as one;\n"), @"");
    insta::assert_snapshot!(mistakes_in("models/kpi.sql", "{% if var('day') == 'x' %}select 1{% endif %}"), @"");
}

#[test]
fn names_in_templates() {
    insta::assert_snapshot!(mistakes_in("models/kpi.sql", "\
select *, {{ var('sesion_gap') }}, {{ sesion }}, {{ day | uper }}
from {{ ref('sesions') }}
join {{ source('site_event') }} on true
join {{ ref('site_events') }} on true
join {{ source('sessions') }} on true
join {{ deduplicated('orders') }} on true
join {{ ref(sessions) }} on true
join {{ ref('a', 'b') }} on true
join {{ ref }} on true
where {{ this }} is odd
"), @"");
}

#[test]
fn names_in_branches_that_are_not_taken() {
    insta::assert_snapshot!(mistakes_in("models/kpi.sql", "select 1 as one {% if false %}from {{ ref('nowhere_at_all') }}{% endif %}"), @"");
}

#[test]
fn a_name_built_in_a_loop() {
    insta::assert_snapshot!(mistakes_in("models/kpi.sql", "select 1 as one\n{% for name in ['sessions', 'spend', 'spent'] %}\nunion all select 1 from {{ ref(name) }}\n{% endfor %}"), @"");
}

#[test]
fn templates_that_cannot_be_read_or_run() {
    insta::assert_snapshot!(mistakes_in("models/kpi.sql", "select {{ 1 + }} as one"), @"");
    insta::assert_snapshot!(mistakes_in("models/kpi.sql", "select 1 as one {% if true %}"), @"");
    insta::assert_snapshot!(mistakes_in("models/kpi.sql", "select {{ 'a'.b.c }} as one"), @"");
    insta::assert_snapshot!(mistakes_in("models/kpi.sql", "{% include 'other.sql' %}"), @"");
}

#[test]
fn this_in_a_first_run() {
    insta::assert_snapshot!(mistakes_in("models/kpi.sql", "/*\nmaterialized: incremental\nstrategy: append\n*/\nselect max(day) as day from {{ this }}"), @"");
}

#[test]
fn a_model_that_reads_itself() {
    insta::assert_snapshot!(mistakes_in("models/kpi.sql", "select * from {{ ref('kpi') }}"), @"");
}

#[test]
fn circles() {
    insta::assert_snapshot!(mistakes(&[
        ("models/a.sql", Some("select * from {{ ref('b') }}")),
        ("models/b.sql", Some("select * from {{ ref('c') }}")),
        ("models/c.sql", Some("select * from {{ ref('a') }}")),
        ("models/d.sql", Some("/*\naudits:\n  - relationships: {column: x, to: e, field: x}\n*/\nselect 1 as x")),
        ("models/e.sql", Some("select * from {{ ref('d') }}")),
    ]), @"");
}

#[test]
fn never_incremental_is_a_warning() {
    let sql = "select 1 as one {% if is_incremental() %}where true{% endif %}";
    let lake = load(&shop_with(&[("models/plain.sql", Some(sql))]));
    insta::assert_snapshot!(lake.warnings.render(false), @"");
}

#[test]
fn diagnostics_for_scripts() {
    let files = shop_with(&[("models/kpi.sql", Some("select * from {{ ref('sesions') }}"))]);
    let diagnostics = tarn_model::Lake::load(&files).unwrap_err();
    assert_eq!(diagnostics.summary(), "1 mistake");
    insta::assert_snapshot!(serde_json::to_string_pretty(&diagnostics).unwrap(), @"");
    assert!(diagnostics.render(true).contains("\u{1b}["));
}
