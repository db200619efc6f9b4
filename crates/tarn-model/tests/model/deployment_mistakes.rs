//! Mistakes in what is used once a lake is deployed.

use crate::mistakes_in;

#[test]
fn marts_alerts_and_roles() {
    insta::assert_snapshot!(mistakes_in("tarn.yaml", "\
name: shop
marts:
  one: {url: 'sqlite:one.db', aws: {url: 'sqlite:one.db', subnet: [a]}}
  two: {url: 'sqlite:two.db', aws: {url: 'mysql://tarn:secret@host/two', concurrency: 0}}
  three: {url: 'sqlite:three.db', aws: {secret: shop/three}}
alerts: {slack: {secret: shop/slack, day_cost: much}, budget: -1, emails: [a@example.com]}
access:
  analysts: {principals: [analyst, 12345], read: [models, view]}
  everybody: {read: [models]}
"), @r#"
error[bad-value]: a file on a laptop cannot be loaded by what is deployed
 --> tarn.yaml:3:42
  |
3 |   one: {url: 'sqlite:one.db', aws: {url: 'sqlite:one.db', subnet: [a]}}
  |                                          ^^^^^^^^^^^^^^^

error[unknown-key]: `aws` of a mart has no key `subnet`
 --> tarn.yaml:3:59
  |
3 |   one: {url: 'sqlite:one.db', aws: {url: 'sqlite:one.db', subnet: [a]}}
  |                                                           ^^^^^^
  |
  = hint: did you mean `subnets`?

error[bad-value]: a password does not belong into a file
 --> tarn.yaml:4:42
  |
4 |   two: {url: 'sqlite:two.db', aws: {url: 'mysql://tarn:secret@host/two', concurrency: 0}}
  |                                          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  |
  = hint: keep it in Secrets Manager, and write the secret's name as `secret:`

error[bad-value]: `concurrency` is a whole number from 1 to 100
 --> tarn.yaml:4:87
  |
4 |   two: {url: 'sqlite:two.db', aws: {url: 'mysql://tarn:secret@host/two', concurrency: 0}}
  |                                                                                       ^

error[missing-key]: `aws` of a mart needs the key `url`
 --> tarn.yaml:5:41
  |
5 |   three: {url: 'sqlite:three.db', aws: {secret: shop/three}}
  |                                         ^^^^^^

error[bad-value]: `day_cost` is an amount of money like `5.00`
 --> tarn.yaml:6:48
  |
6 | alerts: {slack: {secret: shop/slack, day_cost: much}, budget: -1, emails: [a@example.com]}
  |                                                ^^^^

error[bad-value]: `budget` is an amount of money like `5.00`
 --> tarn.yaml:6:63
  |
6 | alerts: {slack: {secret: shop/slack, day_cost: much}, budget: -1, emails: [a@example.com]}
  |                                                               ^^

error[unknown-key]: `alerts` has no key `emails`
 --> tarn.yaml:6:67
  |
6 | alerts: {slack: {secret: shop/slack, day_cost: much}, budget: -1, emails: [a@example.com]}
  |                                                                   ^^^^^^
  |
  = hint: did you mean `email`?

error[bad-value]: `analyst` is neither an ARN nor the 12 digits of an account
 --> tarn.yaml:8:27
  |
8 |   analysts: {principals: [analyst, 12345], read: [models, view]}
  |                           ^^^^^^^

error[bad-value]: `12345` is neither an ARN nor the 12 digits of an account
 --> tarn.yaml:8:36
  |
8 |   analysts: {principals: [analyst, 12345], read: [models, view]}
  |                                    ^^^^^

error[bad-value]: `read` cannot be `view`
 --> tarn.yaml:8:59
  |
8 |   analysts: {principals: [analyst, 12345], read: [models, view]}
  |                                                           ^^^^
  |
  = hint: did you mean `views`?

error[missing-key]: a group of `access` needs the key `principals`
 --> tarn.yaml:9:15
  |
9 |   everybody: {read: [models]}
  |               ^^^^

error[unknown-mart]: `tarn.yaml` has no mart `reporting`
  --> models/marts/daily_kpi.sql:12:12
   |
12 | mart: {to: reporting, mode: merge, key: [day, device]}
   |            ^^^^^^^^^
   |
   = hint: marts: `one`, `two`, `three`

error[unknown-var]: there is no variable `day`
  --> models/marts/daily_kpi.sql:17:28
   |
17 | where s.day = date '{{ var("day") }}'
   |                            ^^^^^
   |
   = hint: there are no variables

error[unknown-var]: there is no variable `session_gap_minutes`
  --> models/staging/sessions.sql:15:24
   |
15 | where user_id > {{ var('session_gap_minutes') * 2 }}
   |                        ^^^^^^^^^^^^^^^^^^^^^
   |
   = hint: there are no variables
"#);
}

#[test]
fn names_that_the_lake_does_not_have() {
    let access = "access:\n  analysts:\n    principals: ['123456789012']\n    read: [sources]\n    columns: {site_event: [x], site_events: [user, user_id]}\n";
    let config = [crate::SHOP[0].1, "  crm: {cron: '0 2 * * ? *', export: crm}\n", access].concat();
    insta::assert_snapshot!(mistakes_in("tarn.yaml", &config), @r"
error[unknown-cluster]: no source comes from the cluster `crm`
  --> tarn.yaml:11:38
   |
11 |   crm: {cron: '0 2 * * ? *', export: crm}
   |                                      ^^^
   |
   = hint: name it in a source of kind snapshot: `aws: {cluster: …, table: …}`

error[unknown-name]: there is no source `site_event`
  --> tarn.yaml:16:15
   |
16 |     columns: {site_event: [x], site_events: [user, user_id]}
   |               ^^^^^^^^^^
   |
   = hint: did you mean `site_events`?

error[unknown-name]: there is no column `user`
  --> tarn.yaml:16:46
   |
16 |     columns: {site_event: [x], site_events: [user, user_id]}
   |                                              ^^^^
   |
   = hint: columns: `event_id`, `user_id`, `device`, `occurred_at`, `_id`, `_extra`, `day`
");
}

#[test]
fn a_schedule_that_exports_and_runs() {
    let config = [crate::SHOP[0].1, "  crm: {cron: '0 2 * * ? *', export: crm, select: ['tag:nightly']}\n"].concat();
    insta::assert_snapshot!(mistakes_in("tarn.yaml", &config), @r"
error[bad-value]: a schedule exports a cluster or runs models: `export` and `select` do not go together
  --> tarn.yaml:11:38
   |
11 |   crm: {cron: '0 2 * * ? *', export: crm, select: ['tag:nightly']}
   |                                      ^^^
");
}

#[test]
fn times_of_schedules() {
    let config = crate::SHOP[0].1.replace("15 3 * * ? *", "15 25 * * ? *");
    insta::assert_snapshot!(mistakes_in("tarn.yaml", &config), @r#"
error[bad-value]: `25` is not among the hours, 0 to 23
  --> tarn.yaml:10:19
   |
10 |   nightly: {cron: "15 25 * * ? *", select: ["tag:nightly"]}
   |                   ^^^^^^^^^^^^^^^
   |
   = hint: minutes, hours, day of the month, month, day of the week, year: `15 3 * * ? *` is a quarter past three each day
"#);
    let config = crate::SHOP[0].1.replace("15 3 * * ? *", "15 3 * * *");
    insta::assert_snapshot!(mistakes_in("tarn.yaml", &config), @r#"
error[bad-value]: `15 3 * * *` has 5 fields, and six are wanted
  --> tarn.yaml:10:19
   |
10 |   nightly: {cron: "15 3 * * *", select: ["tag:nightly"]}
   |                   ^^^^^^^^^^^^
   |
   = hint: minutes, hours, day of the month, month, day of the week, year: `15 3 * * ? *` is a quarter past three each day
"#);
}

#[test]
fn where_records_come_from() {
    insta::assert_snapshot!(mistakes_in("sources/clicks.yaml", "kind: stream\naws: {table: clicks, buffer_mb: 1}\n"), @r"
error[unknown-key]: `aws` of a stream has no key `table`
 --> sources/clicks.yaml:2:7
  |
2 | aws: {table: clicks, buffer_mb: 1}
  |       ^^^^^

error[bad-value]: `buffer_mb` is a whole number from 64 to 128
 --> sources/clicks.yaml:2:33
  |
2 | aws: {table: clicks, buffer_mb: 1}
  |                                 ^
");
    insta::assert_snapshot!(mistakes_in("sources/clicks.yaml", "kind: snapshot\naws: {cluster: crm}\n"), @r"
error[missing-key]: `aws` of this source needs the key `table`
 --> sources/clicks.yaml:2:7
  |
2 | aws: {cluster: crm}
  |       ^^^^^^^
");
}
