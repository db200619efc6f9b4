//! Unit tests of models: read, checked, as one statement.

use tarn_model::{ColumnType, unit_test_sql};

use crate::{load, mistakes_in, noon, shop_with};

fn sql_of(model: (&str, &str), test: &str) -> String {
    let lake = load(&shop_with(&[(model.0, Some(model.1)), ("tests/all.yaml", Some(test))]));
    let types = |name: &str| {
        (name == "sessions")
            .then(|| vec![("user_id".to_owned(), ColumnType::BigInt), ("day".to_owned(), ColumnType::Date)])
    };
    match unit_test_sql(&lake, &lake.unit_tests[0], noon(), &types) {
        Ok(sql) => sql,
        Err(diagnostics) => diagnostics.render(false),
    }
}

#[test]
fn given_rows_become_typed_values() {
    insta::assert_snapshot!(sql_of(("models/visits.sql", "\
with users as (
    select user_id, site_events.occurred_at
    from {{ source('site_events') }}
    where user_id is not null
)
select s.user_id, campaigns.name
from {{ ref('sessions') }} s
join users on users.user_id = s.user_id
left join {{ ref('campaigns') }} on true"), "\
- name: visits_join
  model: visits
  given:
    site_events:
      - {event_id: a, user_id: 1, occurred_at: 2026-10-01T10:00:00Z}
      - {event_id: \"it's\", device: null, occurred_at: 2026-10-01 10:00:00.5, _extra: {a: [1, no]}}
    sessions: []
  expect:
    columns: [user_id]
    rows: []
"), @r#"
with "_given_site_events" as (
    select *
    from (
        values
            ('a', cast('1' as bigint), cast(null as varchar), timestamp '2026-10-01 10:00:00', cast(null as varchar), cast(null as varchar), cast(null as date)),
            ('it''s', cast(null as bigint), cast(null as varchar), timestamp '2026-10-01 10:00:00.500', cast(null as varchar), '{"a":[1,"no"]}', cast(null as date))
    ) as given ("event_id", "user_id", "device", "occurred_at", "_id", "_extra", "day")
),
"_given_sessions" as (
    select
        cast(null as bigint) as "user_id",
        cast(null as date) as "day"
    where false
),
"_given_campaigns" as (
    select *
    from (
        values
            (cast('1' as bigint), 'Spring', cast('100.50' as decimal(5, 2))),
            (cast('2' as bigint), cast(null as varchar), cast(null as decimal(5, 2)))
    ) as given ("campaign_id", "name", "budget")
),
users as (
    select user_id, site_events.occurred_at
    from "_given_site_events" as "site_events"
    where user_id is not null
)
select s.user_id, campaigns.name
from "_given_sessions" s
join users on users.user_id = s.user_id
left join "_given_campaigns" as "campaigns" on true
"#);
}

#[test]
fn a_model_that_begins_with_select_and_a_table_that_is_there() {
    insta::assert_snapshot!(sql_of(("models/latest.sql", "\
/*
materialized: incremental
strategy: append
*/
select o.amount
from {{ source('orders_current') }} as o
{% if is_incremental() %}
where o.order_id > (select max(t.order_id) from {{ this }} as t)
{% endif %}"), "\
- name: only_new_orders
  model: latest
  given:
    orders_current:
      - {order_id: 1, amount: 1.50}
      - {order_id: 2, amount: 2}
    this:
      - {order_id: 1, label: a}
      - {order_id: 12.5, label: 5}
  expect:
    rows:
      - {amount: 2}
    ordered: true
"), @r#"
with "_given_orders_current" as (
    select *
    from (
        values
            (cast('1' as bigint), cast(null as bigint), cast('1.50' as decimal(12, 2)), cast(null as varchar), cast(null as boolean), cast(null as decimal(38, 0)), cast(null as timestamp), cast(null as varchar), cast(null as date)),
            (cast('2' as bigint), cast(null as bigint), cast('2' as decimal(12, 2)), cast(null as varchar), cast(null as boolean), cast(null as decimal(38, 0)), cast(null as timestamp), cast(null as varchar), cast(null as date))
    ) as given ("order_id", "user_id", "amount", "_op", "_ttl", "_seq", "_at", "_extra", "day")
),
"_given_this" as (
    select *
    from (
        values
            (cast('1' as decimal(20, 1)), 'a'),
            (cast('12.5' as decimal(20, 1)), '5')
    ) as given ("order_id", "label")
)
select o.amount
from "_given_orders_current" as o

where o.order_id > (select max(t.order_id) from "_given_this" as t)
"#);
}

#[test]
fn unknown_columns_are_told() {
    insta::assert_snapshot!(sql_of(("models/other.sql", "select * from {{ ref('spend') }}"), "\
- name: nothing_is_known
  model: other
  given:
    spend: []
  expect: {rows: []}
"), @r"
error[unknown-columns]: the columns of `spend` are not known
 --> tests/all.yaml:4:5
  |
4 |     spend: []
  |     ^^^^^
  |
  = hint: give it at least one row with all columns that the model reads
");
    insta::assert_snapshot!(sql_of(("models/other.sql", "select * from {{ ref('sessions') }}"), "\
- name: types_come_from_outside
  model: other
  given:
    sessions:
      - {user_id: one, dya: 2026-10-01}
  expect: {rows: []}
"), @r"
error[bad-value]: the column `user_id` is bigint: `one` is no such value
 --> tests/all.yaml:5:19
  |
5 |       - {user_id: one, dya: 2026-10-01}
  |                   ^^^
  |
  = hint: write a whole number of 64 bits

error[unknown-column]: `sessions` has no column `dya`
 --> tests/all.yaml:5:24
  |
5 |       - {user_id: one, dya: 2026-10-01}
  |                        ^^^
  |
  = hint: did you mean `day`?
");
}

#[test]
fn mistakes_in_unit_tests() {
    insta::assert_snapshot!(mistakes_in("tests/all.yaml", "\
- name: one
  model: sesions
  expect: {rows: []}
- name: two
  model: sessions
  vars: {session_gap: 5}
  given:
    site_event: []
    this: []
  expect:
    columns: [user_id]
    rows:
      - {userid: 1}
- name: two
  model: sessions
  given:
    site_events:
      - {user_id: one, ocurred_at: 2026-10-01}
      - 5
- nam: three
"), @r"
error[unknown-model]: there is no model `sesions`
 --> tests/all.yaml:2:10
  |
2 |   model: sesions
  |          ^^^^^^^
  |
  = hint: did you mean `sessions`?

error[missing-given]: the test gives no rows of `site_events`, which the model reads
 --> tests/all.yaml:4:9
  |
4 | - name: two
  |         ^^^
  |
  = hint: write `site_events: []` under `given` if there shall be none

error[unknown-var]: there is no variable `session_gap`
 --> tests/all.yaml:6:10
  |
6 |   vars: {session_gap: 5}
  |          ^^^^^^^^^^^
  |
  = hint: variables: `day`, `session_gap_minutes`, `only_device`

error[unknown-relation]: the model `sessions` does not read `site_event`
 --> tests/all.yaml:8:5
  |
8 |     site_event: []
  |     ^^^^^^^^^^
  |
  = hint: did you mean `site_events`?

error[bad-this]: `sessions` is not incremental: it has no `this`
 --> tests/all.yaml:9:5
  |
9 |     this: []
  |     ^^^^

error[unknown-column]: `userid` is not among the `columns` that are compared
  --> tests/all.yaml:13:10
   |
13 |       - {userid: 1}
   |          ^^^^^^
   |
   = hint: did you mean `user_id`?

error[missing-key]: a unit test needs the key `expect`
  --> tests/all.yaml:14:3
   |
14 | - name: two
   |   ^^^^

error[wrong-type]: a row is a mapping (`key: value`)
  --> tests/all.yaml:19:9
   |
19 |       - 5
   |         ^ this is a single value

error[unknown-key]: a unit test has no key `nam`
  --> tests/all.yaml:20:3
   |
20 | - nam: three
   |   ^^^
   |
   = hint: did you mean `name`?

error[missing-key]: a unit test needs the key `expect`
  --> tests/all.yaml:20:3
   |
20 | - nam: three
   |   ^^^

error[missing-key]: a unit test needs the key `model`
  --> tests/all.yaml:20:3
   |
20 | - nam: three
   |   ^^^
");
}
