//! Who may read what.

use tarn_model::Lake;

use crate::{SHOP, load, mistakes, shop_with};

/// `tarn.yaml` with these groups.
fn config(groups: &str) -> String {
    [SHOP[0].1, "access:\n", groups].concat()
}

/// The shop with these groups and files.
fn shop(groups: &str, files: &[(&str, &str)]) -> Lake {
    let config = config(groups);
    let files = files.iter().map(|(path, text)| (*path, Some(*text)));
    load(&shop_with(&files.chain([("tarn.yaml", Some(config.as_str()))]).collect::<Vec<_>>()))
}

/// What is said about the shop with these groups and files.
fn said(groups: &str, files: &[(&str, &str)]) -> String {
    let config = config(groups);
    let files = files.iter().map(|(path, text)| (*path, Some(*text)));
    mistakes(&files.chain([("tarn.yaml", Some(config.as_str()))]).collect::<Vec<_>>())
}

const VIEW: &str = "/*\nmaterialized: view\ntags: [bi]\n*/\nselect device, visits from {{ ref('daily_kpi') }}\n";
const OF_ORDERS: &str = "/*\nmaterialized: view\ntags: [bi]\n*/\nselect order_id from {{ source('orders') }}\n";

#[test]
fn a_model_is_open_by_its_kind_and_by_its_tags() {
    let groups = "  all: {principals: ['123456789012'], read: [sources, models]}
  some: {principals: ['123456789013'], read: ['tag:kpi', 'tag:bi']}
  viewers: {principals: ['123456789013'], read: [views]}
  stewards: {principals: ['123456789014'], read: [sources]}
";
    // Without the view that reads a seed, which is open to nobody.
    let lake = shop(groups, &[("models/marts/spend.sql", "select 1 as a\n"), ("models/bi/shown.sql", VIEW)]);
    let open = |model: &str| -> Vec<String> {
        let tags = lake.config.access_tags(&lake.models[model]);
        tags.into_iter().filter(|tag| tag.is_open).map(|tag| tag.key).collect()
    };
    assert_eq!(lake.config.access_tags(&lake.models["sessions"]).len(), 4, "a `no` is said too");
    assert_eq!(open("sessions"), ["tarn-shop-all"]);
    assert_eq!(open("daily_kpi"), ["tarn-shop-all", "tarn-shop-some"]);
    assert_eq!(open("shown"), ["tarn-shop-all", "tarn-shop-some", "tarn-shop-viewers"]);
    assert_eq!(load(&shop_with(&[])).config.access_tags(&lake.models["sessions"]), []);
}

#[test]
fn a_view_is_of_no_use_without_what_it_reads() {
    let bi = "  bi: {principals: ['123456789012'], read: ['tag:bi']}\n";
    insta::assert_snapshot!(said(bi, &[("models/bi/shown.sql", VIEW)]), @r"
error[closed-view]: the view `shown` is open to `bi`, and `daily_kpi`, which it reads, is not: Athena reads a view with the rights of who asks
  --> tarn.yaml:12:45
   |
12 |   bi: {principals: ['123456789012'], read: ['tag:bi']}
   |                                             ^^^^^^^^
   |
   = hint: write `materialized: table` in `models/bi/shown.sql`, or open `daily_kpi` to `bi` as well
");
    // As a table it is; and for somebody who may read the other by another group.
    shop(bi, &[("models/bi/shown.sql", &VIEW.replace("view", "table"))]);
    let both = format!("{bi}  kpi: {{principals: ['123456789012'], read: ['tag:kpi']}}\n");
    shop(&both, &[("models/bi/shown.sql", VIEW)]);
    let other = both.replace("bi: {principals: ['123456789012']", "bi: {principals: ['123456789012', '123456789013']");
    assert!(said(&other, &[("models/bi/shown.sql", VIEW)]).contains("`daily_kpi`, which it reads, is not"));
}

#[test]
fn a_view_that_reads_a_seed_is_open_to_nobody() {
    let views = "  viewers: {principals: ['123456789012'], read: [sources, views]}\n";
    let said = said(views, &[]);
    assert!(said.contains("`campaigns`, which it reads, is not"), "{said}");
    assert!(said.contains("hint: write `materialized: table` in `models/marts/spend.sql`\n"), "{said}");
    assert!(!said.contains("orders_current"), "{said}");
}

#[test]
fn a_view_of_a_source_that_is_open_in_part_may_fail() {
    let group = |columns: &str| {
        format!("  bi: {{principals: ['123456789012'], read: [sources, 'tag:bi'], columns: {{{columns}}}}}\n")
    };
    let lake = shop(&group("orders: [order_id]"), &[("models/bi/shown.sql", OF_ORDERS)]);
    let warnings = lake.warnings.render(false);
    assert!(warnings.contains("warning[closed-view]: the view `shown` is open to `bi`, and of `orders`"), "{warnings}");
    let lake = shop(&group("site_events: [device]"), &[("models/bi/shown.sql", OF_ORDERS)]);
    assert!(lake.warnings.is_empty(), "{}", lake.warnings.render(false));
    // The view of latest images shows all columns.
    let current = OF_ORDERS.replace("'orders'", "'orders_current'");
    let said = said(&group("orders: [order_id]"), &[("models/bi/shown.sql", &current)]);
    assert!(said.contains("error[closed-view]") && said.contains("`orders_current`, which it reads"), "{said}");
}

#[test]
fn groups_that_cannot_be_made() {
    insta::assert_snapshot!(said("  BI: {principals: ['123456789012'], read: ['tag:', bi], columns: {orders: [order_id]}}\n", &[]), @r"
error[bad-name]: a group of `access` cannot be called `BI`
  --> tarn.yaml:12:3
   |
12 |   BI: {principals: ['123456789012'], read: ['tag:', bi], columns: {orders: [order_id]}}
   |   ^^
   |
   = hint: its name goes into a tag: up to 64 of a to z, digits, `_` and `-`

error[bad-value]: `read` cannot be `tag:`
  --> tarn.yaml:12:45
   |
12 |   BI: {principals: ['123456789012'], read: ['tag:', bi], columns: {orders: [order_id]}}
   |                                             ^^^^^^
   |
   = hint: did you mean `tag:…`?

error[bad-value]: `read` cannot be `bi`
  --> tarn.yaml:12:53
   |
12 |   BI: {principals: ['123456789012'], read: ['tag:', bi], columns: {orders: [order_id]}}
   |                                                     ^^
   |
   = hint: possible values: `sources`, `models`, `views`, `tag:…`

error[useless-columns]: `columns` opens nothing by itself: it says which columns of sources are read, and `read` names no sources
  --> tarn.yaml:12:58
   |
12 |   BI: {principals: ['123456789012'], read: ['tag:', bi], columns: {orders: [order_id]}}
   |                                                          ^^^^^^^
   |
   = hint: add `sources` to `read`
");
    let said = said("  bi: {principals: ['123456789012'], read: ['tag:kpis']}\n", &[]);
    assert!(said.contains("kpis") && said.contains("tarn.yaml:12"), "{said}");
}
