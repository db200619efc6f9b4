//! Compiled models and audits.

use crate::{context, load, shop, shop_with};

#[test]
fn a_compiled_model() {
    let lake = shop();
    insta::assert_snapshot!(lake.compile("sessions", &context(&[], false)).unwrap().sql, @r#"
select
    concat(cast(user_id as varchar), '-', device) as session_id,
    user_id,
    device,
    date(min(occurred_at)) as day,
    count(*) as events
from (
    select "event_id", "user_id", "device", "occurred_at", "_id", "_extra", "day"
    from (
        select *, row_number() over (partition by "_id" order by "_id") as "_copy"
        from "site_events"
    )
    where "_copy" = 1
)
where user_id > 60
group by user_id, device
"#);
    insta::assert_snapshot!(lake.compile("daily_kpi", &context(&[], true)).unwrap().sql, @r#"
select device, count(*) as visits, sum(s.events) as events, s.day
from "sessions" as s

where s.day = date '2026-10-30'

group by device, s.day
"#);
    insta::assert_snapshot!(lake.compile("daily_kpi", &context(&[("day", "2026-10-01")], true)).unwrap().sql, @r#"
select device, count(*) as visits, sum(s.events) as events, s.day
from "sessions" as s

where s.day = date '2026-10-01'

group by device, s.day
"#);
    insta::assert_snapshot!(lake.compile("spend", &context(&[], false)).unwrap().sql, @r#"
select o.user_id, sum(o.amount) as amount, max(campaigns.name) as campaign
from "orders_current" as o
cross join "campaigns"
group by o.user_id
"#);
}

#[test]
fn a_change_that_was_delivered_twice_is_there_once() {
    let files = shop_with(&[("models/changes.sql", Some("select * from {{ deduplicated('orders') }} as changes"))]);
    insta::assert_snapshot!(load(&files).compile("changes", &context(&[], false)).unwrap().sql, @r#"
select * from (
    select "order_id", "user_id", "amount", "_op", "_ttl", "_seq", "_at", "_extra", "day"
    from (
        select *, row_number() over (partition by "order_id", "_seq" order by "_seq") as "_copy"
        from "orders"
    )
    where "_copy" = 1
) as changes
"#);
}

#[test]
fn days_begin_in_the_lakes_zone() {
    let lake = load(&shop_with(&[("models/plain.sql", Some("select '{{ var('day') }}' as day"))]));
    let mut context = context(&[("day", "today")], false);
    assert_eq!(lake.compile("plain", &context).unwrap().sql, "select '2026-10-31' as day");
    // 15:00 in London is midnight in Tokyo.
    context.logical_time = chrono::DateTime::parse_from_rfc3339("2026-10-31T15:00:00Z").unwrap().to_utc();
    assert_eq!(lake.compile("plain", &context).unwrap().sql, "select '2026-11-01' as day");
}

#[test]
fn variables_from_outside_are_checked() {
    let lake = load(&shop_with(&[("models/plain.sql", Some("select '{{ var('only_device') }}' as a\n"))]));
    let vars = [("dya", "2026-10-01"), ("day", "2026-13-01"), ("session_gap_minutes", "ten")];
    insta::assert_snapshot!(lake.compile("plain", &context(&vars, false)).unwrap_err().render(false), @r"
error[unknown-var]: there is no variable `dya`
 --> --var:1:1
  |
1 | dya=2026-10-01
  | ^^^
  |
  = hint: did you mean `day`?

error[bad-value]: the variable `day` is of type date: `2026-13-01` is not a day like `2026-10-31`, `today` or `yesterday`
 --> --var:1:5
  |
1 | day=2026-13-01
  |     ^^^^^^^^^^

error[bad-value]: the variable `session_gap_minutes` is of type integer: `ten` is not a whole number
 --> --var:1:21
  |
1 | session_gap_minutes=ten
  |                     ^^^
");
    insta::assert_snapshot!(lake.compile("plain", &context(&[], false)).unwrap_err().render(false), @r"
error[missing-value]: the variable `only_device` has no value
 --> models/plain.sql:1:12
  |
1 | select '{{ var('only_device') }}' as a
  |            ^^^^^^^^^^^^^^^^^^
  |
  = hint: give it with `--var name=value`, or write a `default` in `tarn.yaml`
");
    insta::assert_snapshot!(lake.compile("plane", &context(&[], false)).unwrap_err().render(false), @r"
error[unknown-model]: there is no such model
 --> <model>:1:1
  |
1 | plane
  | ^^^^^
  |
  = hint: did you mean `plain`?
");
    assert_eq!(lake.compile("plain", &context(&[("only_device", "x")], false)).unwrap().sql, "select 'x' as a");
}

#[test]
fn a_ref_that_a_variable_chooses_is_not_in_the_graph() {
    let lake =
        load(&shop_with(&[("models/plain.sql", Some("select 1 as a from {{ ref(var('only_device', 'spend')) }}"))]));
    insta::assert_snapshot!(lake.compile("plain", &context(&[("only_device", "daily_kpi")], false)).unwrap_err().render(false), @r"
error[unknown-relation]: there is no relation for `ref('daily_kpi')`
 --> models/plain.sql:1:23
  |
1 | select 1 as a from {{ ref(var('only_device', 'spend')) }}
  |                       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  |
  = hint: the graph must know it before the run: write the name as text, or choose between texts with `{% if %}`
");
}

#[test]
fn a_place_in_the_sql_leads_to_the_template() {
    let template = "/*\ntags: [x]\n*/\n-- 名前\nselect {{ var('session_gap_minutes') }} as gap, missing_column\n{% for i in range(3) -%}\n  , {{ i }} as c{{ i }}\n{% endfor %}\nfrom {{ deduplicated('site_events') }} as e where wrong\n";
    let lake = load(&shop_with(&[("models/plain.sql", Some(template))]));
    let compiled = lake.compile("plain", &context(&[], false)).unwrap();
    let position_of = |text: &str| {
        let offset = compiled.sql.find(text).unwrap();
        let before = &compiled.sql[..offset];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap().chars().count() + 1;
        compiled.template_position(line, column)
    };
    assert_eq!(position_of("missing_column"), (5, 49));
    assert_eq!(position_of("30"), (5, 8));
    assert_eq!(position_of("as c2"), (7, 13));
    assert_eq!(position_of("row_number"), (9, 6));
    assert_eq!(position_of("wrong"), (9, 51));
    let offset = compiled.sql.find("missing_column").unwrap();
    let column = compiled.sql[..offset].rsplit('\n').next().unwrap().chars().count() + 1;
    let mistake = compiled.diagnostic("unknown-column", 2, column, "there is no column `missing_column`");
    insta::assert_snapshot!(tarn_model::Diagnostics::from(mistake).render(false), @r"
error[unknown-column]: there is no column `missing_column`
 --> models/plain.sql:5:49
  |
5 | select {{ var('session_gap_minutes') }} as gap, missing_column
  |                                                 ^^^^^^^^^^^^^^
");
}

#[test]
fn audits_as_a_person_would_write_them() {
    let lake = load(&shop_with(&[(
        "models/audited.sql",
        Some(
            "/*\naudits:\n  - not_null: [day, \"odd\\\"name\"]\n  - unique: [day, device]\n  - accepted_values: {column: device, values: [mobile, \"it's\", '5']}\n  - relationships: {column: user_id, to: orders_current, field: user_id}\n  - relationships: {column: parent, to: audited, field: id}\n  - row_count: {min: 1, max: 10}\n  - sql:\n      name: own\n      query: |\n        select *\n        from {{ this }}\n        where day > date '{{ var(\"day\") }}';\n*/\nselect 1 as day",
        ),
    )]));
    let audits: Vec<String> = lake.models["audited"]
        .audits
        .iter()
        .map(|audit| {
            format!("-- {}\n{}\n", audit.name(), audit.sql(&lake, "\"v\".\"audited\"", &context(&[], false)).unwrap())
        })
        .collect();
    insta::assert_snapshot!(audits.join("\n"), @r#"
-- not_null_day_odd"name
select *
from "v"."audited"
where "day" is null
   or "odd""name" is null

-- unique_day_device
select *
from (
    select *, count(*) over (partition by "day", "device") as "_copies"
    from "v"."audited"
    where "day" is not null
      and "device" is not null
)
where "_copies" > 1

-- accepted_values_device
select *
from "v"."audited"
where "device" not in ('mobile', 'it''s', '5')

-- relationships_user_id_orders_current
select child.*
from "v"."audited" as child
left join "orders_current" as parent
    on child."user_id" = parent."user_id"
where child."user_id" is not null
  and parent."user_id" is null

-- relationships_parent_audited
select child.*
from "v"."audited" as child
left join "v"."audited" as parent
    on child."parent" = parent."id"
where child."parent" is not null
  and parent."id" is null

-- row_count
select "row_count"
from (
    select count(*) as "row_count"
    from "v"."audited"
)
where "row_count" < 1
   or "row_count" > 10

-- own
select *
from "v"."audited"
where day > date '2026-10-30'
"#);
    let count = lake.models["audited"].audits[0].failing_count_sql(&lake, "\"audited\"", &context(&[], false)).unwrap();
    insta::assert_snapshot!(count, @r#"
select count(*) as "failures"
from (
select *
from "audited"
where "day" is null
   or "odd""name" is null
)
"#);
}
