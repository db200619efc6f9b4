//! Unit tests of models: read, checked, as one statement.

use tarn_model::{ColumnType, unit_test_sql};

use crate::{load, mistakes_in, noon, shop_with};

fn sql_of(model: (&str, &str), test: &str) -> String {
    let lake = load(&shop_with(&[(model.0, Some(model.1)), ("tests/all.yaml", Some(test))]));
    let types = |name: &str| (name == "sessions").then(|| vec![("user_id".to_owned(), ColumnType::BigInt), ("day".to_owned(), ColumnType::Date)]);
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
"), @"");
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
"), @"");
}

#[test]
fn unknown_columns_are_told() {
    insta::assert_snapshot!(sql_of(("models/other.sql", "select * from {{ ref('spend') }}"), "\
- name: nothing_is_known
  model: other
  given:
    spend: []
  expect: {rows: []}
"), @"");
    insta::assert_snapshot!(sql_of(("models/other.sql", "select * from {{ ref('sessions') }}"), "\
- name: types_come_from_outside
  model: other
  given:
    sessions:
      - {user_id: one, dya: 2026-10-01}
  expect: {rows: []}
"), @"");
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
"), @"");
}
