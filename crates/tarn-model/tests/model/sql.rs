//! Compiled models and audits.

use crate::{context, load, shop, shop_with};

#[test]
fn a_compiled_model() {
    let lake = shop();
    insta::assert_snapshot!(lake.compile("sessions", &context(&[], false)).unwrap().sql, @"");
    insta::assert_snapshot!(lake.compile("daily_kpi", &context(&[], true)).unwrap().sql, @"");
    insta::assert_snapshot!(lake.compile("daily_kpi", &context(&[("day", "2026-10-01")], true)).unwrap().sql, @"");
    insta::assert_snapshot!(lake.compile("spend", &context(&[], false)).unwrap().sql, @"");
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
    insta::assert_snapshot!(lake.compile("plain", &context(&vars, false)).unwrap_err().render(false), @"");
    insta::assert_snapshot!(lake.compile("plain", &context(&[], false)).unwrap_err().render(false), @"");
    insta::assert_snapshot!(lake.compile("plane", &context(&[], false)).unwrap_err().render(false), @"");
    assert_eq!(lake.compile("plain", &context(&[("only_device", "x")], false)).unwrap().sql, "select 'x' as a");
}

#[test]
fn a_ref_that_a_variable_chooses_is_not_in_the_graph() {
    let lake = load(&shop_with(&[("models/plain.sql", Some("select 1 as a from {{ ref(var('only_device', 'spend')) }}"))]));
    insta::assert_snapshot!(lake.compile("plain", &context(&[("only_device", "daily_kpi")], false)).unwrap_err().render(false), @"");
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
    assert_eq!(position_of("missing_column"), (5, 48));
    assert_eq!(position_of("30"), (5, 8));
    assert_eq!(position_of("as c2"), (7, 13));
    assert_eq!(position_of("row_number"), (9, 6));
    assert_eq!(position_of("wrong"), (9, 51));
    let offset = compiled.sql.find("missing_column").unwrap();
    let column = compiled.sql[..offset].rsplit('\n').next().unwrap().chars().count() + 1;
    let mistake = compiled.diagnostic("unknown-column", 2, column, "there is no column `missing_column`");
    insta::assert_snapshot!(tarn_model::Diagnostics::from(mistake).render(false), @"");
}

#[test]
fn audits_as_a_person_would_write_them() {
    let lake = load(&shop_with(&[(
        "models/audited.sql",
        Some("/*\naudits:\n  - not_null: [day, \"odd\\\"name\"]\n  - unique: [day, device]\n  - accepted_values: {column: device, values: [mobile, \"it's\", 5, '5', true]}\n  - relationships: {column: user_id, to: orders_current, field: user_id}\n  - relationships: {column: parent, to: audited, field: id}\n  - row_count: {min: 1, max: 10}\n  - sql:\n      name: own\n      query: |\n        select *\n        from {{ this }}\n        where day > date '{{ var(\"day\") }}';\n*/\nselect 1 as day")
    )]));
    let audits: Vec<String> = lake.models["audited"]
        .audits
        .iter()
        .map(|audit| format!("-- {}\n{}\n", audit.name(), audit.sql(&lake, "\"v\".\"audited\"", &context(&[], false)).unwrap()))
        .collect();
    insta::assert_snapshot!(audits.join("\n"), @"");
    let count = lake.models["audited"].audits[0].failing_count_sql(&lake, "\"audited\"", &context(&[], false)).unwrap();
    insta::assert_snapshot!(count, @"");
}
