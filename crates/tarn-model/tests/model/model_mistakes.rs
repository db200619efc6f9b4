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
fn statements_that_are_no_query() {
    insta::assert_snapshot!(mistakes_in("models/kpi.sql", ""), @r"
error[empty-model]: the model `kpi` is empty
 --> models/kpi.sql:1:1
  |
1 |
  | ^
  |
  = hint: write a `select`
");
    insta::assert_snapshot!(mistakes_in("models/kpi.sql", "/*\ntags: a\n*/\n\n"), @r"
error[empty-model]: the model `kpi` is empty
 --> models/kpi.sql:3:3
  |
3 | */
  |   ^
  |
  = hint: write a `select`
");
    insta::assert_snapshot!(mistakes_in("models/kpi.sql", "/*\ntags: a\n*/\n/* a note */\nselect 1 as one"), @r"
error[bad-statement]: the statement begins with a block comment, which Athena refuses
 --> models/kpi.sql:4:1
  |
4 | /* a note */
  | ^^
  |
  = hint: write the comment with `--`, or as `{# … #}`
");
    insta::assert_snapshot!(mistakes_in("models/kpi.sql", "-- a note\ncreate table x as select 1 as one"), @r"
error[bad-statement]: a model is a query: it begins with `select` or `with`
 --> models/kpi.sql:2:1
  |
2 | create table x as select 1 as one
  | ^^^^^^
  |
  = hint: what is done with the result stands in the header, not in the SQL
");
    insta::assert_snapshot!(mistakes_in("models/kpi.sql", "select 1 as one;\n"), @r"
error[bad-statement]: a model is one query without `;`
 --> models/kpi.sql:1:16
  |
1 | select 1 as one;
  |                ^
  |
  = hint: take the `;` away
");
    insta::assert_snapshot!(mistakes_in("models/kpi.sql", "{% if var('day') == 'x' %}select 1{% endif %}"), @r"
error[empty-model]: nothing is left of the statement
 --> models/kpi.sql:1:1
  |
1 | {% if var('day') == 'x' %}select 1{% endif %}
  | ^
  |
  = hint: write a `select`
");
}

#[test]
fn names_in_templates() {
    insta::assert_snapshot!(mistakes_in("models/kpi.sql", "\
select *, {{ var('sesion_gap') }}, {{ sesion }}, {{ day | uper }}
from {{ ref('sesions') }}
join {{ source('site_event') }} on true
join {{ ref('site_events') }} on true
join {{ source('sessions') }} on true
join {{ deduplicated('orders_current') }} on true
join {{ ref(sessions) }} on true
join {{ ref('a', 'b') }} on true
join {{ ref }} on true
where {{ this }} is odd
"), @r"
error[unknown-var]: there is no variable `sesion_gap`
 --> models/kpi.sql:1:18
  |
1 | select *, {{ var('sesion_gap') }}, {{ sesion }}, {{ day | uper }}
  |                  ^^^^^^^^^^^^
  |
  = hint: variables: `day`, `session_gap_minutes`, `only_device`

error[unknown-name]: nothing in the template is called `sesion`
 --> models/kpi.sql:1:39
  |
1 | select *, {{ var('sesion_gap') }}, {{ sesion }}, {{ day | uper }}
  |                                       ^^^^^^
  |
  = hint: a variable of `tarn.yaml` is read with `var('sesion')`

error[unknown-name]: nothing in the template is called `day`
 --> models/kpi.sql:1:53
  |
1 | select *, {{ var('sesion_gap') }}, {{ sesion }}, {{ day | uper }}
  |                                                     ^^^
  |
  = hint: a variable of `tarn.yaml` is read with `var('day')`

error[unknown-name]: there is no filter `uper`
 --> models/kpi.sql:1:59
  |
1 | select *, {{ var('sesion_gap') }}, {{ sesion }}, {{ day | uper }}
  |                                                           ^^^^

error[unknown-ref]: there is no model or seed `sesions`
 --> models/kpi.sql:2:13
  |
2 | from {{ ref('sesions') }}
  |             ^^^^^^^^^
  |
  = hint: did you mean `sessions`?

error[unknown-source]: there is no source `site_event`
 --> models/kpi.sql:3:16
  |
3 | join {{ source('site_event') }} on true
  |                ^^^^^^^^^^^^
  |
  = hint: did you mean `site_events`?

error[unknown-ref]: there is no model or seed `site_events`
 --> models/kpi.sql:4:13
  |
4 | join {{ ref('site_events') }} on true
  |             ^^^^^^^^^^^^^
  |
  = hint: `site_events` is a source: write `source('site_events')`

error[unknown-source]: there is no source `sessions`
 --> models/kpi.sql:5:16
  |
5 | join {{ source('sessions') }} on true
  |                ^^^^^^^^^^
  |
  = hint: write `ref('sessions')`: it is no source

error[bad-call]: `orders_current` has each item once already
 --> models/kpi.sql:6:22
  |
6 | join {{ deduplicated('orders_current') }} on true
  |                      ^^^^^^^^^^^^^^^^
  |
  = hint: write `source('orders_current')`

error[unknown-name]: nothing in the template is called `sessions`
 --> models/kpi.sql:7:13
  |
7 | join {{ ref(sessions) }} on true
  |             ^^^^^^^^
  |
  = hint: a variable of `tarn.yaml` is read with `var('sessions')`

error[bad-call]: `ref` is called in another way
 --> models/kpi.sql:8:9
  |
8 | join {{ ref('a', 'b') }} on true
  |         ^^^^^^^^^^^^^
  |
  = hint: write `ref('model')`

error[bad-call]: `ref` is a function
 --> models/kpi.sql:9:9
  |
9 | join {{ ref }} on true
  |         ^^^
  |
  = hint: write `ref('model')`

error[bad-this]: `this` is for incremental models: this model is made anew by every run
  --> models/kpi.sql:10:10
   |
10 | where {{ this }} is odd
   |          ^^^^
   |
   = hint: write `materialized: incremental` and a `strategy` in the header
");
}

#[test]
fn names_in_branches_that_are_not_taken() {
    insta::assert_snapshot!(mistakes_in("models/kpi.sql", "select 1 as one {% if false %}from {{ ref('nowhere_at_all') }}{% endif %}"), @r"
error[unknown-ref]: there is no model or seed `nowhere_at_all`
 --> models/kpi.sql:1:43
  |
1 | select 1 as one {% if false %}from {{ ref('nowhere_at_all') }}{% endif %}
  |                                           ^^^^^^^^^^^^^^^^
  |
  = hint: models and seeds: `kpi`, `daily_kpi`, `spend`, `sessions`, `campaigns`
");
}

#[test]
fn a_name_built_in_a_loop() {
    insta::assert_snapshot!(mistakes_in("models/kpi.sql", "select 1 as one\n{% for name in ['sessions', 'spend', 'spent'] %}\nunion all select 1 from {{ ref(name) }}\n{% endfor %}"), @r"
error[unknown-ref]: there is no model or seed `spent`
 --> models/kpi.sql:3:28
  |
3 | union all select 1 from {{ ref(name) }}
  |                            ^^^^^^^^^
  |
  = hint: did you mean `spend`?
");
}

#[test]
fn templates_that_cannot_be_read_or_run() {
    insta::assert_snapshot!(mistakes_in("models/kpi.sql", "select {{ 1 + }} as one"), @r"
error[template-syntax]: this is not a template: unexpected end of variable block
 --> models/kpi.sql:1:15
  |
1 | select {{ 1 + }} as one
  |               ^^
");
    insta::assert_snapshot!(mistakes_in("models/kpi.sql", "select 1 as one {% if true %}"), @r"
error[template-syntax]: this is not a template: unexpected end of input, expected end of block
 --> models/kpi.sql:1:28
  |
1 | select 1 as one {% if true %}
  |                            ^^
");
    insta::assert_snapshot!(mistakes_in("models/kpi.sql", "select {{ 'a'.b.c }} as one"), @r"
error[template-failure]: the template fails here: undefined value
 --> models/kpi.sql:1:14
  |
1 | select {{ 'a'.b.c }} as one
  |              ^^^^
");
    insta::assert_snapshot!(mistakes_in("models/kpi.sql", "{% include 'other.sql' %}"), @r"
error[template-file]: a model cannot take in another template
 --> models/kpi.sql:1:4
  |
1 | {% include 'other.sql' %}
  |    ^^^^^^^^^^^^^^^^^^^
  |
  = hint: put what two models share into a model of its own and read it with `ref`
");
}

#[test]
fn this_in_a_first_run() {
    insta::assert_snapshot!(mistakes_in("models/kpi.sql", "/*\nmaterialized: incremental\nstrategy: append\n*/\nselect max(day) as day from {{ this }}"), @r"
error[this-before-first-run]: `this` is read where the table may not exist yet
 --> models/kpi.sql:5:32
  |
5 | select max(day) as day from {{ this }}
  |                                ^^^^
  |
  = hint: put it between `{% if is_incremental() %}` and `{% endif %}`
");
}

#[test]
fn a_model_that_reads_itself() {
    insta::assert_snapshot!(mistakes_in("models/kpi.sql", "select * from {{ ref('kpi') }}"), @r"
error[cycle]: the model `kpi` reads itself
 --> models/kpi.sql:1:22
  |
1 | select * from {{ ref('kpi') }}
  |                      ^^^^^
  |
  = hint: an incremental model reads its own table as `{{ this }}`
");
}

#[test]
fn names_that_only_a_run_of_the_template_shows() {
    insta::assert_snapshot!(mistakes_in("models/kpi.sql", "{% for name in ['kpi', 'spend'] %}select 1 from {{ ref(name) }} {% endfor %}"), @r"
error[cycle]: the model `kpi` reads itself
 --> models/kpi.sql:1:52
  |
1 | {% for name in ['kpi', 'spend'] %}select 1 from {{ ref(name) }} {% endfor %}
  |                                                    ^^^^^^^^^
  |
  = hint: an incremental model reads its own table as `{{ this }}`
");
    insta::assert_snapshot!(mistakes_in("models/kpi.sql", "{% for name in ['day', 'dya'] %}select '{{ var(name) }}' {% endfor %}"), @r"
error[unknown-var]: there is no variable `dya`
 --> models/kpi.sql:1:44
  |
1 | {% for name in ['day', 'dya'] %}select '{{ var(name) }}' {% endfor %}
  |                                            ^^^^^^^^^
  |
  = hint: did you mean `day`?
");
}

#[test]
fn what_a_variable_without_a_value_may_mend_is_no_mistake() {
    let sql = "select 1 as one from {{ ref('spend' if var('only_device') == 'x' else 'nowhere' ) }}";
    load(&shop_with(&[("models/plain.sql", Some(sql))]));
    let lake =
        load(&shop_with(&[("models/plain.sql", Some("{% if var('only_device') == 'x' %}select 1 as a{% endif %}"))]));
    assert_eq!(lake.models["plain"].vars, ["only_device"]);
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
fn circles() {
    insta::assert_snapshot!(mistakes(&[
        ("models/a.sql", Some("select * from {{ ref('b') }}")),
        ("models/b.sql", Some("select * from {{ ref('c') }}")),
        ("models/c.sql", Some("select * from {{ ref('a') }}")),
        ("models/d.sql", Some("/*\naudits:\n  - relationships: {column: x, to: e, field: x}\n*/\nselect 1 as x")),
        ("models/e.sql", Some("select * from {{ ref('d') }}")),
    ]), @r"
error[cycle]: the models read each other in a circle: a -> b -> c -> a
 --> models/a.sql:1:22
  |
1 | select * from {{ ref('b') }}
  |                      ^^^
  |
 ::: models/b.sql:1:22
  |
1 | select * from {{ ref('c') }}
  |                      --- `b` reads `c` here
  |
 ::: models/c.sql:1:22
  |
1 | select * from {{ ref('a') }}
  |                      --- `c` reads `a` here

error[cycle]: the models read each other in a circle: d -> e -> d
 --> models/d.sql:3:36
  |
3 |   - relationships: {column: x, to: e, field: x}
  |                                    ^
  |
 ::: models/e.sql:1:22
  |
1 | select * from {{ ref('d') }}
  |                      --- `e` reads `d` here
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
fn diagnostics_for_scripts() {
    let files = shop_with(&[("models/kpi.sql", Some("select * from {{ ref('sesions') }}"))]);
    let diagnostics = tarn_model::Lake::load(&files).unwrap_err();
    assert_eq!(diagnostics.summary(), "1 mistake");
    insta::assert_snapshot!(serde_json::to_string_pretty(&diagnostics).unwrap(), @r#"
[
  {
    "severity": "error",
    "code": "unknown-ref",
    "message": "there is no model or seed `sesions`",
    "file": "models/kpi.sql",
    "span": {
      "start": 21,
      "end": 30
    },
    "line": 1,
    "column": 22,
    "label": null,
    "hint": "did you mean `sessions`?",
    "related": []
  }
]
"#);
    assert!(diagnostics.render(true).contains("\u{1b}["));
}

#[test]
fn two_models_that_load_into_one_table() {
    insta::assert_snapshot!(mistakes_in("models/zz.sql", "/*\nmart: {to: reporting, table: daily_kpi}\n*/\nselect 1 as one"), @r"
error[bad-mart]: the model `daily_kpi` loads into the table `daily_kpi` already
  --> models/zz.sql:2:1
   |
 2 | mart: {to: reporting, table: daily_kpi}
   | ^^^^
   |
  ::: models/marts/daily_kpi.sql:12:1
   |
12 | mart: {to: reporting, mode: merge, key: [day, device]}
   | ---- here
   |
   = hint: give the table another name with `table`
");
}

#[test]
fn a_lake_of_a_thousand_models_loads() {
    let names: Vec<(String, String)> = (0..1_000)
        .map(|number| {
            let sql = match number {
                0 => "select 1 as one".to_owned(),
                _ => format!(
                    "/*\ntags: [chain]\naudits:\n  - not_null: [one]\n*/\nselect one\nfrom {{{{ ref('m{}') }}}}\n",
                    number - 1
                ),
            };
            (format!("models/m{number}.sql"), sql)
        })
        .collect();
    let mut files = shop_with(&[]);
    names.into_iter().for_each(|(path, sql)| files.insert(path, sql));
    let lake = load(&files);
    let chain = lake.select(&["tag:chain".to_owned()], &[]).unwrap();
    assert_eq!(lake.plan(&chain).waves.len(), 999);
    assert_eq!(lake.select(&["+m999".to_owned()], &["source:* campaigns".to_owned()]).unwrap().models.len(), 1_000);
    assert_eq!(lake.graph().text_tree(lake.graph().order()).lines().count(), 1_000 + 7);
}

#[test]
fn long_lists_are_taken() {
    let names = vec!["'a'"; 5_000].join(", ");
    let sql = format!("select {{% for name in [{names}] %}}1 + {{% endfor %}} 1 as one");
    load(&shop_with(&[("models/long.sql", Some(&sql))]));
}

#[test]
fn any_depth_of_a_template_is_taken_or_refused_without_a_crash() {
    let n = 50_000;
    for sql in [
        format!("select {{{{ 1{} }}}} as one", " + 1".repeat(n)),
        format!("select {{{{ 1{} }}}} as one", " | int".repeat(n)),
        format!("select {{{{ a{} }}}} as one", ".a".repeat(n)),
        format!("select {{{{ {} 1 }}}} as one", "not ".repeat(n)),
        format!("select {{{{ {}1{} }}}} as one", "(".repeat(n), ")".repeat(n)),
        format!("select {{{{ {}1{} }}}} as one", "[".repeat(n), "]".repeat(n)),
        format!("select 1 as one {}{}", "{% if true %}".repeat(n), "{% endif %}".repeat(n)),
    ] {
        let diagnostics = tarn_model::Lake::load(&shop_with(&[("models/deep.sql", Some(&sql))])).unwrap_err();
        assert!(diagnostics.iter().all(|mistake| mistake.file == "models/deep.sql"), "{diagnostics}");
    }
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
