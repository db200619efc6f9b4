//! A lake without mistakes, and what is known of it.

use tarn_model::{
    ColumnType, DependencyKind, Lake, LakeFiles, MartMode, Materialization, SourceKind, Strategy, VarType, VarValue,
};

use crate::{load, shop, shop_with};

#[test]
fn everything_written_is_known() {
    let lake = shop();
    assert!(lake.warnings.is_empty(), "{}", lake.warnings.render(false));
    assert_eq!(lake.config.timezone, chrono_tz::Asia::Tokyo);
    assert_eq!(lake.config.vars["session_gap_minutes"].var_type, VarType::Integer);
    assert_eq!(lake.config.vars["day"].default, Some(VarValue::Yesterday));
    let events = &lake.sources["site_events"];
    assert_eq!(events.kind, SourceKind::Stream);
    assert_eq!(events.columns.as_ref().unwrap()[1].path, Some(vec!["user".to_owned(), "id".to_owned()]));
    let names: Vec<String> = events.table_columns().unwrap().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["event_id", "user_id", "device", "occurred_at", "_id", "_extra", "day"]);
    assert_eq!(lake.sources["orders"].key, ["order_id"]);
    assert_eq!(lake.sources["orders"].current_view().as_deref(), Some("orders_current"));
    let kpi = &lake.models["daily_kpi"];
    assert_eq!(kpi.materialization, Materialization::Incremental(Strategy::InsertOverwrite));
    assert_eq!(kpi.mart.as_ref().map(|mart| (mart.table.as_str(), mart.mode)), Some(("daily_kpi", MartMode::Merge)));
    assert_eq!(kpi.vars, ["day"]);
    let read: Vec<_> = kpi.depends_on.iter().map(|read| (read.kind, read.name.as_str(), read.audits_only)).collect();
    assert_eq!(read, [(DependencyKind::Model, "sessions", false), (DependencyKind::Seed, "campaigns", true)]);
    let spend = &lake.models["spend"];
    assert_eq!(spend.depends_on[0].kind, DependencyKind::CurrentView);
    assert_eq!(spend.depends_on[0].name, "orders");
}

#[test]
fn a_seed_has_types_and_nulls() {
    let seed = &shop().seeds["campaigns"];
    assert_eq!(
        seed.table.columns,
        [
            ("campaign_id".to_owned(), ColumnType::BigInt),
            ("name".to_owned(), ColumnType::String),
            ("budget".to_owned(), ColumnType::Decimal { precision: 5, scale: 2 }),
        ]
    );
    assert_eq!(seed.table.rows[1], [Some("2".to_owned()), None, None]);
}

#[test]
fn quoted_emptiness_is_text_and_not_null() {
    let lake = load(&shop_with(&[("seeds/campaigns.csv", Some("name,code\n\"\",007\n,8\n"))]));
    let table = &lake.seeds["campaigns"].table;
    assert_eq!(table.rows, [[Some(String::new()), Some("007".to_owned())], [None, Some("8".to_owned())]]);
    assert_eq!(table.columns[1].1, ColumnType::String);
}

#[test]
fn yaml_keeps_text_as_written() {
    let config = "name: shop\nvars:\n  country: no\n  code: '007'\n  release: 1.10\n  plain: 007\n  quoted_number: \"5\"\nmarts:\n  reporting: {url: \"sqlite:x.db\"}\n";
    let lake = load(&shop_with(&[
        ("tarn.yaml", Some(config)),
        (
            "models/staging/sessions.sql",
            Some(
                "select '{{ var('country') }}{{ var('code') }}{{ var('release') }}' as x, 1 as device, 2 as day, 3 as events",
            ),
        ),
        ("models/marts/daily_kpi.sql", None),
    ]));
    let compiled = lake.compile("sessions", &crate::context(&[], false)).unwrap();
    assert_eq!(compiled.sql, "select 'no0071.10' as x, 1 as device, 2 as day, 3 as events");
    assert_eq!(lake.config.vars["plain"].var_type, VarType::String);
    assert_eq!(lake.config.vars["quoted_number"].var_type, VarType::String);
}

#[test]
fn refs_in_all_branches_and_in_loops_are_found() {
    let sql = "\
{% set parts = ['sessions', 'spend'] %}
{% for part in parts %}select user_id from {{ ref(part) }}{% if not loop.last %} union all {% endif %}{% endfor %}
{% if var('day') == '1999-01-01' %}union all select user_id from {{ source('site_events') }}{% endif %}
";
    let lake = load(&shop_with(&[("models/everyone.sql", Some(sql))]));
    let read: Vec<&str> = lake.models["everyone"].depends_on.iter().map(|read| read.name.as_str()).collect();
    assert_eq!(read, ["site_events", "sessions", "spend"]);
}

#[test]
fn line_breaks_of_windows_change_nothing() {
    let files: LakeFiles = crate::SHOP.iter().map(|(path, text)| (*path, text.replace('\n', "\r\n"))).collect();
    let lake = load(&files);
    let unix = shop();
    assert_eq!(lake.config, unix.config);
    assert_eq!(lake.seeds["campaigns"].table, unix.seeds["campaigns"].table);
    let compiled = lake.compile("daily_kpi", &crate::context(&[], true)).unwrap();
    let unix = unix.compile("daily_kpi", &crate::context(&[], true)).unwrap();
    assert_eq!(compiled.sql.replace('\r', ""), unix.sql);
    assert_eq!(compiled.template_position(2, 6), unix.template_position(2, 6));
    assert_eq!(unix.template_position(2, 6), (15, 6));
}

#[test]
fn a_model_without_a_header_has_all_defaults() {
    let lake = load(&shop_with(&[("models/plain.sql", Some("select 1 as one"))]));
    assert_eq!(lake.models["plain"].materialization, Materialization::Table);
    assert_eq!(lake.models["plain"].sql_offset, 0);
}

#[test]
fn names_of_any_script_are_taken() {
    let lake = load(&shop_with(&[("models/注文.sql", Some("select 1 as 値 -- {{ ref('sessions') }}"))]));
    assert!(lake.models.contains_key("注文"));
}

#[test]
fn other_files_are_ignored_and_stray_ones_are_warned_of() {
    let lake = load(&shop_with(&[
        ("README.md", Some("# shop")),
        ("models/README.md", Some("# models")),
        ("models/old.sql.bak", Some("select")),
    ]));
    insta::assert_snapshot!(lake.warnings.render(false), @r"
warning[unread-file]: this file is not read: in `models/` a file ends in `.sql`
 --> models/old.sql.bak:1:1
  |
1 | select
  | ^
");
}

#[test]
fn any_bytes_load_or_are_refused_without_a_panic() {
    for (path, text) in crate::SHOP {
        for cut in (0..text.len()).step_by(3) {
            let mut bytes = text.as_bytes()[..cut].to_vec();
            bytes.extend_from_slice(b"\xff{{ ' \" : [");
            let mut files: LakeFiles = shop_with(&[]);
            files.insert(*path, bytes);
            assert!(Lake::load(&files).is_err(), "{path} cut at {cut}");
            files.insert(*path, &text.as_bytes()[..cut]);
            if let Err(diagnostics) = Lake::load(&files) {
                assert!(diagnostics.render(false).contains("-->"), "{path} cut at {cut}");
            }
        }
    }
}
