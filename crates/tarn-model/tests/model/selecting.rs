//! Selections, the graph and plans.

use tarn_model::Lake;

use crate::shop;

fn names(lake: &Lake, select: &[&str], exclude: &[&str]) -> String {
    let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    match lake.select(&owned(select), &owned(exclude)) {
        Ok(selected) => selected.names().join(" "),
        Err(diagnostics) => diagnostics.render(false),
    }
}

#[test]
fn selectors() {
    let lake = shop();
    let select = |words: &[&str]| names(&lake, words, &[]);
    let everything = "orders site_events campaigns sessions spend daily_kpi";
    assert_eq!(select(&[]), everything);
    assert_eq!(select(&["daily_kpi"]), "daily_kpi");
    assert_eq!(select(&["+daily_kpi"]), "site_events campaigns sessions daily_kpi");
    assert_eq!(select(&["1+daily_kpi"]), "campaigns sessions daily_kpi");
    assert_eq!(select(&["0+daily_kpi"]), "daily_kpi");
    assert_eq!(select(&["sessions+"]), "sessions daily_kpi");
    assert_eq!(select(&["+sessions+1"]), "site_events sessions daily_kpi");
    assert_eq!(select(&["source:site_events+"]), "site_events sessions daily_kpi");
    assert_eq!(select(&["source:site_events+1"]), "site_events sessions");
    assert_eq!(select(&["tag:nightly"]), "sessions daily_kpi");
    assert_eq!(select(&["tag:nightly,path:models/marts"]), "daily_kpi");
    assert_eq!(select(&["path:models/staging spend"]), "sessions spend");
    assert_eq!(select(&["path:models/staging", "path:seeds/campaigns.csv"]), "campaigns sessions");
    assert_eq!(select(&["path:models/mart*"]), "spend daily_kpi");
    assert_eq!(select(&["mart:reporting"]), "daily_kpi");
    assert_eq!(select(&["s*"]), "sessions spend");
    assert_eq!(select(&["*"]), "campaigns sessions spend daily_kpi");
    assert_eq!(select(&["tag:kpi,spend"]), "");
    assert_eq!(names(&lake, &["*"], &["tag:nightly", "campaigns"]), "spend");
    assert_eq!(names(&lake, &[], &["source:* *"]), "");
}

#[test]
fn selectors_that_mean_nothing() {
    let lake = shop();
    insta::assert_snapshot!(names(&lake, &["+sesions tag:nigthly,spend", "path:models/mart"], &["tags:x site_events"]), @r"
error[unknown-selector]: nothing matches `sesions`
 --> --select:1:2
  |
1 | +sesions tag:nigthly,spend
  |  ^^^^^^^
  |
  = hint: did you mean `sessions`?

error[unknown-selector]: nothing matches `nigthly`
 --> --select:1:14
  |
1 | +sesions tag:nigthly,spend
  |              ^^^^^^^
  |
  = hint: did you mean `nightly`?

error[unknown-selector]: nothing matches `models/mart`
 --> --select:1:6
  |
1 | path:models/mart
  |      ^^^^^^^^^^^
  |
  = hint: did you mean `models/marts`?

error[bad-selector]: there is no selector `tags:`
 --> --exclude:1:1
  |
1 | tags:x site_events
  | ^^^^
  |
  = hint: did you mean `tag`?

error[unknown-selector]: nothing matches `site_events`
 --> --exclude:1:8
  |
1 | tags:x site_events
  |        ^^^^^^^^^^^
  |
  = hint: `site_events` is a source: write `source:site_events`
");
    insta::assert_snapshot!(names(&lake, &["+", "a++b", " "], &[]), @r"
error[bad-selector]: `+` is not a selector
 --> --select:1:1
  |
1 | +
  | ^
  |
  = hint: write a name with `+` before or after it, like `+sessions` or `sessions+1`

error[bad-selector]: `a++b` is not a selector
 --> --select:1:1
  |
1 | a++b
  | ^^^^
  |
  = hint: write a name with `+` before or after it, like `+sessions` or `sessions+1`

error[bad-selector]: a selector cannot be empty
 --> --select:1:1
  |
1 |  
  | ^
");
}

#[test]
fn the_graph_as_text_dot_and_mermaid() {
    let lake = shop();
    let all = lake.select(&[], &[]).unwrap().names();
    insta::assert_snapshot!(lake.graph().text_tree(&all), @r"
spend
├─ orders (source)
└─ campaigns (seed)
daily_kpi
├─ sessions
│  └─ site_events (source)
└─ campaigns (seed)
");
    insta::assert_snapshot!(lake.graph().dot(&all), @r#"
digraph lake {
  rankdir=LR;
  node [shape=box];
  "orders" [shape=cylinder];
  "site_events" [shape=cylinder];
  "campaigns" [shape=note];
  "sessions";
  "spend";
  "daily_kpi";
  "site_events" -> "sessions";
  "orders" -> "spend";
  "campaigns" -> "spend";
  "sessions" -> "daily_kpi";
  "campaigns" -> "daily_kpi";
}
"#);
    insta::assert_snapshot!(lake.graph().mermaid(&["campaigns".to_owned(), "spend".to_owned()]), @r#"
flowchart LR
  n_campaigns>"campaigns"]
  n_spend["spend"]
  n_campaigns --> n_spend
"#);
    assert_eq!(
        lake.graph().waves(&["daily_kpi".to_owned(), "sessions".to_owned(), "spend".to_owned()]),
        [vec!["sessions".to_owned(), "spend".to_owned()], vec!["daily_kpi".to_owned()],]
    );
    assert_eq!(lake.graph().upstream("daily_kpi", Some(1)), ["campaigns", "sessions"]);
    assert_eq!(lake.graph().downstream("site_events", None), ["sessions", "daily_kpi"]);
}

#[test]
fn a_plan_waits_for_what_is_selected() {
    let lake = shop();
    let plan = lake.plan(&lake.select(&[], &[]).unwrap());
    insta::assert_snapshot!(serde_json::to_string(&plan).unwrap(), @r#"{"seeds":["campaigns"],"waves":[[{"name":"sessions","after":[]},{"name":"spend","after":[]}],[{"name":"daily_kpi","after":["sessions"]}]]}"#);
    let plan = lake.plan(&lake.select(&["daily_kpi".to_owned()], &[]).unwrap());
    insta::assert_snapshot!(serde_json::to_string(&plan).unwrap(), @r#"{"seeds":["campaigns"],"waves":[[{"name":"daily_kpi","after":[]}]]}"#);
}
