//! Mistakes in `tarn.yaml` and in sources.

use crate::{mistakes, mistakes_in};

#[test]
fn a_missing_tarn_yaml() {
    insta::assert_snapshot!(mistakes(&[("tarn.yaml", None), ("models/marts/daily_kpi.sql", None), ("models/staging/sessions.sql", None)]), @"");
}

#[test]
fn yaml_that_is_no_yaml() {
    insta::assert_snapshot!(mistakes_in("tarn.yaml", "name: shop\nmarts:\n  reporting: {url: \"sqlite:x.db\"\nvars:\n  day: today\n  session_gap_minutes: 30\n"), @"");
    insta::assert_snapshot!(mistakes_in("sources/clicks.yaml", "kind: stream\ncolumns:\n\t- {name: a, type: string}\n"), @"");
}

#[test]
fn a_broken_file_hides_no_mistake_of_another_and_makes_none() {
    insta::assert_snapshot!(mistakes(&[
        ("sources/site_events.yaml", Some("kind: stream\ncolumns: [\n")),
        ("models/staging/typo.sql", Some("select * from {{ ref('sesions') }}")),
    ]), @"");
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
"), @"");
}

#[test]
fn the_wrong_shape() {
    insta::assert_snapshot!(mistakes_in("tarn.yaml", "- name: shop\n"), @"");
    insta::assert_snapshot!(mistakes_in("tarn.yaml", ""), @"");
    insta::assert_snapshot!(mistakes_in("sources/clicks.yaml", "kind: [stream]\ncolumns: {a: string}\n"), @"");
    insta::assert_snapshot!(mistakes_in("sources/clicks.yaml", "kind: !!str stream\n"), @"");
    insta::assert_snapshot!(mistakes_in("sources/clicks.yaml", "kind: stream\n---\nkind: table\n"), @"");
}

#[test]
fn a_schedule_that_selects_nothing() {
    let config = crate::SHOP[0].1.replace("tag:nightly", "tag:nigthly");
    insta::assert_snapshot!(mistakes_in("tarn.yaml", &config), @"");
}

#[test]
fn contracts() {
    insta::assert_snapshot!(mistakes_in("sources/clicks.yaml", "\
kind: strem
"), @"");
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
"), @"");
    insta::assert_snapshot!(mistakes_in("sources/clicks.yaml", "\
kind: stream
partitioned_by: {hour: user_id}
columns:
  - {name: user_id, path: user..id, type: bigint}
"), @"");
    insta::assert_snapshot!(mistakes_in("sources/payments.yaml", "kind: table\ncolumns:\n  - {name: id, type: int}\n"), @"");
    insta::assert_snapshot!(mistakes_in("sources/payments.yaml", "kind: table\nkey: [idd]\ncolumns:\n  - {name: id, type: int}\n"), @"");
}

#[test]
fn names_that_meet() {
    insta::assert_snapshot!(mistakes(&[
        ("models/orders_current.sql", Some("select 1 as a")),
        ("models/campaigns.sql", Some("select 1 as a")),
        ("models/other/sessions.sql", Some("select 1 as a")),
        ("models/Daily-KPI.sql", Some("select 1 as a")),
        ("sources/events.yaml", Some("name: site_events\nkind: stream\n")),
    ]), @"");
}
