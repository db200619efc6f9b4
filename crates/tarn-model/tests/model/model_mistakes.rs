//! Mistakes in models: their statements, the graph, what is said of them.

use crate::{load, mistakes, mistakes_in, shop_with};

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
