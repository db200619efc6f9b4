//! Mistakes in `tarn.yaml` and in sources.

use crate::{mistakes, mistakes_in};

#[test]
fn a_missing_tarn_yaml() {
    insta::assert_snapshot!(mistakes(&[("tarn.yaml", None), ("models/marts/daily_kpi.sql", None), ("models/staging/sessions.sql", None)]), @r"
error[missing-file]: the lake has no `tarn.yaml`
 --> tarn.yaml:1:1
  |
1 |
  | ^
  |
  = hint: a lake is a folder with a `tarn.yaml` in it: `tarn init` makes one
");
}

#[test]
fn yaml_that_is_no_yaml() {
    insta::assert_snapshot!(mistakes_in("tarn.yaml", "name: shop\nmarts:\n  reporting: {url: \"sqlite:x.db\"\nvars:\n  day: today\n  session_gap_minutes: 30\n"), @r"
error[yaml-syntax]: this is not YAML: while parsing a flow mapping, did not find expected ',' or '}'
 --> tarn.yaml:4:1
  |
4 | vars:
  | ^
");
    insta::assert_snapshot!(mistakes_in("sources/clicks.yaml", "kind: stream\ncolumns:\n\t- {name: a, type: string}\n"), @r"
error[yaml-syntax]: this is not YAML: tabs disallowed within this context (block indentation)
 --> sources/clicks.yaml:3:2
  |
3 |     - {name: a, type: string}
  |     ^
  |
  = hint: YAML is indented with spaces, never with tabs
");
}

#[test]
fn a_broken_file_hides_no_mistake_of_another_and_makes_none() {
    insta::assert_snapshot!(mistakes(&[
        ("sources/site_events.yaml", Some("kind: stream\ncolumns: [\n")),
        ("models/staging/typo.sql", Some("select * from {{ ref('sesions') }}")),
    ]), @r"
error[yaml-syntax]: this is not YAML: unclosed bracket '['
 --> sources/site_events.yaml:2:10
  |
2 | columns: [
  |          ^

error[unknown-ref]: there is no model or seed `sesions`
 --> models/staging/typo.sql:1:22
  |
1 | select * from {{ ref('sesions') }}
  |                      ^^^^^^^^^
  |
  = hint: did you mean `sessions`?
");
}

#[test]
fn keys_of_tarn_yaml() {
    insta::assert_snapshot!(mistakes_in("tarn.yaml", "\
name: My Shop
timezon: UTC
timezone: Asia/Tokio
timezone: UTC
vars:
  day: {default: tomorow, type: date}
  session_gap_minutes: {default: 1, typ: integer}
  Bad-Name: 1
  kind: {type: number}
  list: [1]
marts:
  reporting: {url: reporting.db}
retention: {versions: -1}
run: {parallel: many}
flatten: {separator: _, arrays: explode, depth: 0}
schedules:
  nightly: {select: 'tag:nightly', vars: {dy: 2026-01-01, session_gap_minutes: x}}
athena: {scan_limit: 100 GiB, price_per_tb: -5}
alerts: {slack: {query_cost: 1.00}}
"), @r"
error[bad-name]: a lake cannot be called `My Shop`: `M` cannot stand in a name
 --> tarn.yaml:1:7
  |
1 | name: My Shop
  |       ^^^^^^^
  |
  = hint: `my_shop` would be allowed

error[unknown-key]: `tarn.yaml` has no key `timezon`
 --> tarn.yaml:2:1
  |
2 | timezon: UTC
  | ^^^^^^^
  |
  = hint: did you mean `timezone`?

error[bad-value]: there is no time zone `Asia/Tokio`
 --> tarn.yaml:3:11
  |
3 | timezone: Asia/Tokio
  |           ^^^^^^^^^^
  |
  = hint: did you mean `Asia/Tokyo`?

error[duplicate-key]: the key `timezone` stands twice
 --> tarn.yaml:4:1
  |
3 | timezone: Asia/Tokio
  | -------- first here
4 | timezone: UTC
  | ^^^^^^^^

error[bad-value]: the variable `day` is of type date: `tomorow` is not a day like `2026-10-31`, `today` or `yesterday`
 --> tarn.yaml:6:18
  |
6 |   day: {default: tomorow, type: date}
  |                  ^^^^^^^

error[unknown-key]: a variable has no key `typ`
 --> tarn.yaml:7:37
  |
7 |   session_gap_minutes: {default: 1, typ: integer}
  |                                     ^^^
  |
  = hint: did you mean `type`?

error[bad-name]: a variable cannot be called `Bad-Name`: `B` cannot stand in a name
 --> tarn.yaml:8:3
  |
8 |   Bad-Name: 1
  |   ^^^^^^^^

error[bad-value]: the type of a variable cannot be `number`
 --> tarn.yaml:9:16
  |
9 |   kind: {type: number}
  |                ^^^^^^
  |
  = hint: possible values: `string`, `integer`, `decimal`, `boolean`, `date`

error[wrong-type]: a variable is a single value, or a mapping with `default` and `type`
  --> tarn.yaml:10:9
   |
10 |   list: [1]
   |         ^^^ this is a list

error[bad-value]: this is not the address of a mart
  --> tarn.yaml:12:20
   |
12 |   reporting: {url: reporting.db}
   |                    ^^^^^^^^^^^^
   |
   = hint: it begins with `sqlite:`, `mysql://` or `postgresql://`, or is a variable: `${REPORTING_URL}`

error[bad-value]: `versions` is a whole number from 0 to 10000
  --> tarn.yaml:13:23
   |
13 | retention: {versions: -1}
   |                       ^^

error[bad-value]: `parallel` is a whole number from 1 to 1000
  --> tarn.yaml:14:17
   |
14 | run: {parallel: many}
   |                 ^^^^

error[bad-value]: `arrays` cannot be `explode`
  --> tarn.yaml:15:33
   |
15 | flatten: {separator: _, arrays: explode, depth: 0}
   |                                 ^^^^^^^
   |
   = hint: possible values: `json`, `index`

error[bad-value]: `depth` is a whole number from 1 to 1000
  --> tarn.yaml:15:49
   |
15 | flatten: {separator: _, arrays: explode, depth: 0}
   |                                                 ^

error[missing-key]: a schedule needs the key `cron`
  --> tarn.yaml:17:13
   |
17 |   nightly: {select: 'tag:nightly', vars: {dy: 2026-01-01, session_gap_minutes: x}}
   |             ^^^^^^

error[unknown-var]: there is no variable `dy`
  --> tarn.yaml:17:43
   |
17 |   nightly: {select: 'tag:nightly', vars: {dy: 2026-01-01, session_gap_minutes: x}}
   |                                           ^^
   |
   = hint: did you mean `day`?

error[bad-value]: the variable `session_gap_minutes` is of type integer: `x` is not a whole number
  --> tarn.yaml:17:80
   |
17 |   nightly: {select: 'tag:nightly', vars: {dy: 2026-01-01, session_gap_minutes: x}}
   |                                                                                ^

error[bad-value]: an amount of data is a number and a unit, like `100 GB`
  --> tarn.yaml:18:22
   |
18 | athena: {scan_limit: 100 GiB, price_per_tb: -5}
   |                      ^^^^^^^

error[bad-value]: `price_per_tb` is an amount of money like `5.00`
  --> tarn.yaml:18:45
   |
18 | athena: {scan_limit: 100 GiB, price_per_tb: -5}
   |                                             ^^

error[missing-key]: `slack` needs the key `secret`
  --> tarn.yaml:19:18
   |
19 | alerts: {slack: {query_cost: 1.00}}
   |                  ^^^^^^^^^^
");
}

#[test]
fn the_wrong_shape() {
    insta::assert_snapshot!(mistakes_in("tarn.yaml", "- name: shop\n"), @r"
error[wrong-type]: `tarn.yaml` is a mapping (`key: value`)
 --> tarn.yaml:1:1
  |
1 | - name: shop
  | ^^^^^^^^^^^^ this is a list
");
    insta::assert_snapshot!(mistakes_in("tarn.yaml", ""), @r"
error[missing-key]: `tarn.yaml` needs the key `name`
 --> tarn.yaml:1:1
  |
1 |
  | ^
");
    insta::assert_snapshot!(mistakes_in("sources/clicks.yaml", "kind: [stream]\ncolumns: {a: string}\n"), @r"
error[wrong-type]: `kind` is text
 --> sources/clicks.yaml:1:7
  |
1 | kind: [stream]
  |       ^^^^^^^^ this is a list

error[wrong-type]: `columns` is a list
 --> sources/clicks.yaml:2:10
  |
2 | columns: {a: string}
  |          ^^^^^^^^^^^ this is a mapping
");
    insta::assert_snapshot!(mistakes_in("sources/clicks.yaml", "kind: !!str stream\n"), @r"
error[yaml-tag]: a tag has no meaning here
 --> sources/clicks.yaml:1:13
  |
1 | kind: !!str stream
  |             ^^^^^^
  |
  = hint: write the value without the tag; quotes make a text of it
");
    insta::assert_snapshot!(mistakes_in("sources/clicks.yaml", "kind: stream\n---\nkind: table\n"), @r"
error[yaml-documents]: a second document begins here
 --> sources/clicks.yaml:2:1
  |
2 | ---
  | ^^^
");
}

#[test]
fn a_schedule_that_selects_nothing() {
    let config = crate::SHOP[0].1.replace("tag:nightly", "tag:nigthly");
    insta::assert_snapshot!(mistakes_in("tarn.yaml", &config), @r#"
error[unknown-selector]: nothing matches `nigthly`
  --> tarn.yaml:10:44
   |
10 |   nightly: {cron: "15 3 * * ? *", select: ["tag:nigthly"]}
   |                                            ^^^^^^^^^^^^^
   |
   = hint: did you mean `nightly`?
"#);
}

#[test]
fn contracts() {
    insta::assert_snapshot!(mistakes_in("sources/clicks.yaml", "\
kind: strem
"), @r"
error[bad-value]: `kind` cannot be `strem`
 --> sources/clicks.yaml:1:7
  |
1 | kind: strem
  |       ^^^^^
  |
  = hint: did you mean `stream`?
");
    insta::assert_snapshot!(mistakes_in("sources/clicks.yaml", "\
kind: stream
partitioned_by: {day: ocurred_at}
columns:
  - {name: occurred_at, type: timestmp}
  - {name: userId, type: bigint}
  - {name: amount, type: decimal}
  - {name: _extra, type: string}
  - {name: day, type: date}
  - {name: amount, type: 'decimal(39,2)', required: yes}
  - {nam: x}
"), @r"
error[unknown-column]: there is no column `ocurred_at`
 --> sources/clicks.yaml:2:23
  |
2 | partitioned_by: {day: ocurred_at}
  |                       ^^^^^^^^^^
  |
  = hint: did you mean `occurred_at`?

error[unknown-type]: there is no type `timestmp`
 --> sources/clicks.yaml:4:31
  |
4 |   - {name: occurred_at, type: timestmp}
  |                               ^^^^^^^^
  |
  = hint: did you mean `timestamp`?

error[bad-name]: a column cannot be called `userId`: `I` cannot stand in a name
 --> sources/clicks.yaml:5:12
  |
5 |   - {name: userId, type: bigint}
  |            ^^^^^^
  |
  = hint: call it `userid` and give its `path`

error[unknown-type]: there is no type `decimal`
 --> sources/clicks.yaml:6:26
  |
6 |   - {name: amount, type: decimal}
  |                          ^^^^^^^
  |
  = hint: write `decimal(p,s)`, p from 1 to 38 and s from 0 to p

error[duplicate-column]: `_extra` is a column that every stream has anyway
 --> sources/clicks.yaml:7:12
  |
7 |   - {name: _extra, type: string}
  |            ^^^^^^

error[duplicate-column]: `day` is the partition column
 --> sources/clicks.yaml:8:12
  |
8 |   - {name: day, type: date}
  |            ^^^

error[duplicate-column]: the column `amount` stands twice
 --> sources/clicks.yaml:9:12
  |
6 |   - {name: amount, type: decimal}
  |            ------ first here
...
9 |   - {name: amount, type: 'decimal(39,2)', required: yes}
  |            ^^^^^^

error[unknown-type]: there is no type `decimal(39,2)`
 --> sources/clicks.yaml:9:26
  |
9 |   - {name: amount, type: 'decimal(39,2)', required: yes}
  |                          ^^^^^^^^^^^^^^^
  |
  = hint: write `decimal(p,s)`, p from 1 to 38 and s from 0 to p

error[wrong-type]: `required` is `true` or `false`
 --> sources/clicks.yaml:9:53
  |
9 |   - {name: amount, type: 'decimal(39,2)', required: yes}
  |                                                     ^^^

error[unknown-key]: a column has no key `nam`
  --> sources/clicks.yaml:10:6
   |
10 |   - {nam: x}
   |      ^^^
   |
   = hint: did you mean `name`?

error[missing-key]: a column needs the key `type`
  --> sources/clicks.yaml:10:6
   |
10 |   - {nam: x}
   |      ^^^
");
    insta::assert_snapshot!(mistakes_in("sources/clicks.yaml", "\
kind: stream
partitioned_by: {hour: user_id}
columns:
  - {name: user_id, path: user..id, type: bigint}
"), @r"
error[bad-partition]: a partition is taken from a timestamp or a date, `user_id` is bigint
 --> sources/clicks.yaml:2:24
  |
2 | partitioned_by: {hour: user_id}
  |                        ^^^^^^^

error[bad-value]: the `path` of `user_id` has an empty key
 --> sources/clicks.yaml:4:12
  |
4 |   - {name: user_id, path: user..id, type: bigint}
  |            ^^^^^^^
");
    insta::assert_snapshot!(mistakes_in("sources/payments.yaml", "kind: table\ncolumns:\n  - {name: id, type: int}\n"), @r"
error[missing-key]: a table source needs the key `key`
 --> sources/payments.yaml:1:7
  |
1 | kind: table
  |       ^^^^^
  |
  = hint: name the columns that identify an item: `key: [order_id]`
");
    insta::assert_snapshot!(mistakes_in("sources/payments.yaml", "kind: table\nkey: [idd]\ncolumns:\n  - {name: id, type: int}\n"), @r"
error[unknown-column]: there is no column `idd`
 --> sources/payments.yaml:2:7
  |
2 | key: [idd]
  |       ^^^
  |
  = hint: did you mean `id`?
");
}

#[test]
fn names_that_meet() {
    insta::assert_snapshot!(mistakes(&[
        ("models/orders_current.sql", Some("select 1 as a")),
        ("models/campaigns.sql", Some("select 1 as a")),
        ("models/other/sessions.sql", Some("select 1 as a")),
        ("models/Daily-KPI.sql", Some("select 1 as a")),
        ("sources/events.yaml", Some("name: site_events\nkind: stream\n")),
    ]), @r"
error[duplicate-name]: the name `site_events` is taken
 --> sources/site_events.yaml:1:1
  |
1 | kind: stream
  | ^
  |
 ::: sources/events.yaml:1:7
  |
1 | name: site_events
  |       ----------- taken here
  |
  = hint: models, sources, seeds and the views `<table>_current` share their names

error[bad-name]: a model cannot be called `Daily-KPI`: `D` cannot stand in a name
 --> models/Daily-KPI.sql:1:1
  |
1 | select 1 as a
  | ^
  |
  = hint: `daily_kpi` would be allowed

error[duplicate-name]: the name `campaigns` is taken
 --> models/campaigns.sql:1:1
  |
1 | select 1 as a
  | ^
  |
 ::: seeds/campaigns.csv:1:1
  |
1 | campaign_id,name,budget
  | - taken here
  |
  = hint: models, sources, seeds and the views `<table>_current` share their names

error[duplicate-name]: the name `orders_current` is taken
 --> models/orders_current.sql:1:1
  |
1 | select 1 as a
  | ^
  |
 ::: sources/orders.yaml:1:1
  |
1 | kind: table
  | - taken here
  |
  = hint: models, sources, seeds and the views `<table>_current` share their names

error[duplicate-name]: the name `sessions` is taken
 --> models/staging/sessions.sql:1:1
  |
1 | /*
  | ^
  |
 ::: models/other/sessions.sql:1:1
  |
1 | select 1 as a
  | - taken here
  |
  = hint: models, sources, seeds and the views `<table>_current` share their names
");
}

#[test]
fn a_schedule_whose_name_leaves_no_room_for_the_time() {
    let config = |name: &str| crate::SHOP[0].1.replace("  nightly:", &format!("  {name}:"));
    crate::load(&crate::shop_with(&[("tarn.yaml", Some(config(&"n".repeat(60)).as_str()))]));
    let said = mistakes_in("tarn.yaml", &config(&"n".repeat(61)));
    assert!(said.contains("error[bad-name]: a schedule's name has up to 60 bytes, this one has 61"), "{said}");
}
