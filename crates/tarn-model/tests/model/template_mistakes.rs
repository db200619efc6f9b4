//! Mistakes in the templates of models.

use crate::{load, mistakes_in, shop_with};

#[test]
fn names_in_templates() {
    insta::assert_snapshot!(mistakes_in("models/kpi.sql", "\
select *, {{ var('sesion_gap') }}, {{ sesion }}, {{ day | uper }}
from {{ ref('sesions') }}
join {{ source('site_event') }} on true
join {{ ref('site_events') }} on true
join {{ source('sessions') }} on true
join {{ deduplicated('orders_current') }} on true
join {{ ref(sessions) }} on true
join {{ ref('a', 'b') }} on true
join {{ ref }} on true
where {{ this }} is odd
"), @r"
error[unknown-var]: there is no variable `sesion_gap`
 --> models/kpi.sql:1:18
  |
1 | select *, {{ var('sesion_gap') }}, {{ sesion }}, {{ day | uper }}
  |                  ^^^^^^^^^^^^
  |
  = hint: variables: `day`, `session_gap_minutes`, `only_device`

error[unknown-name]: nothing in the template is called `sesion`
 --> models/kpi.sql:1:39
  |
1 | select *, {{ var('sesion_gap') }}, {{ sesion }}, {{ day | uper }}
  |                                       ^^^^^^
  |
  = hint: a variable of `tarn.yaml` is read with `var('sesion')`

error[unknown-name]: nothing in the template is called `day`
 --> models/kpi.sql:1:53
  |
1 | select *, {{ var('sesion_gap') }}, {{ sesion }}, {{ day | uper }}
  |                                                     ^^^
  |
  = hint: a variable of `tarn.yaml` is read with `var('day')`

error[unknown-name]: there is no filter `uper`
 --> models/kpi.sql:1:59
  |
1 | select *, {{ var('sesion_gap') }}, {{ sesion }}, {{ day | uper }}
  |                                                           ^^^^

error[unknown-ref]: there is no model or seed `sesions`
 --> models/kpi.sql:2:13
  |
2 | from {{ ref('sesions') }}
  |             ^^^^^^^^^
  |
  = hint: did you mean `sessions`?

error[unknown-source]: there is no source `site_event`
 --> models/kpi.sql:3:16
  |
3 | join {{ source('site_event') }} on true
  |                ^^^^^^^^^^^^
  |
  = hint: did you mean `site_events`?

error[unknown-ref]: there is no model or seed `site_events`
 --> models/kpi.sql:4:13
  |
4 | join {{ ref('site_events') }} on true
  |             ^^^^^^^^^^^^^
  |
  = hint: `site_events` is a source: write `source('site_events')`

error[unknown-source]: there is no source `sessions`
 --> models/kpi.sql:5:16
  |
5 | join {{ source('sessions') }} on true
  |                ^^^^^^^^^^
  |
  = hint: write `ref('sessions')`: it is no source

error[bad-call]: `orders_current` has each item once already
 --> models/kpi.sql:6:22
  |
6 | join {{ deduplicated('orders_current') }} on true
  |                      ^^^^^^^^^^^^^^^^
  |
  = hint: write `source('orders_current')`

error[unknown-name]: nothing in the template is called `sessions`
 --> models/kpi.sql:7:13
  |
7 | join {{ ref(sessions) }} on true
  |             ^^^^^^^^
  |
  = hint: a variable of `tarn.yaml` is read with `var('sessions')`

error[bad-call]: `ref` is called in another way
 --> models/kpi.sql:8:9
  |
8 | join {{ ref('a', 'b') }} on true
  |         ^^^^^^^^^^^^^
  |
  = hint: write `ref('model')`

error[bad-call]: `ref` is a function
 --> models/kpi.sql:9:9
  |
9 | join {{ ref }} on true
  |         ^^^
  |
  = hint: write `ref('model')`

error[bad-this]: `this` is for incremental models: this model is made anew by every run
  --> models/kpi.sql:10:10
   |
10 | where {{ this }} is odd
   |          ^^^^
   |
   = hint: write `materialized: incremental` and a `strategy` in the header
");
}

#[test]
fn names_in_branches_that_are_not_taken() {
    insta::assert_snapshot!(mistakes_in("models/kpi.sql", "select 1 as one {% if false %}from {{ ref('nowhere_at_all') }}{% endif %}"), @r"
error[unknown-ref]: there is no model or seed `nowhere_at_all`
 --> models/kpi.sql:1:43
  |
1 | select 1 as one {% if false %}from {{ ref('nowhere_at_all') }}{% endif %}
  |                                           ^^^^^^^^^^^^^^^^
  |
  = hint: models and seeds: `kpi`, `daily_kpi`, `spend`, `sessions`, `campaigns`
");
}

#[test]
fn a_name_built_in_a_loop() {
    insta::assert_snapshot!(mistakes_in("models/kpi.sql", "select 1 as one\n{% for name in ['sessions', 'spend', 'spent'] %}\nunion all select 1 from {{ ref(name) }}\n{% endfor %}"), @r"
error[unknown-ref]: there is no model or seed `spent`
 --> models/kpi.sql:3:28
  |
3 | union all select 1 from {{ ref(name) }}
  |                            ^^^^^^^^^
  |
  = hint: did you mean `spend`?
");
}

#[test]
fn templates_that_cannot_be_read_or_run() {
    insta::assert_snapshot!(mistakes_in("models/kpi.sql", "select {{ 1 + }} as one"), @r"
error[template-syntax]: this is not a template: unexpected end of variable block
 --> models/kpi.sql:1:15
  |
1 | select {{ 1 + }} as one
  |               ^^
");
    insta::assert_snapshot!(mistakes_in("models/kpi.sql", "select 1 as one {% if true %}"), @r"
error[template-syntax]: this is not a template: unexpected end of input, expected end of block
 --> models/kpi.sql:1:28
  |
1 | select 1 as one {% if true %}
  |                            ^^
");
    insta::assert_snapshot!(mistakes_in("models/kpi.sql", "select {{ 'a'.b.c }} as one"), @r"
error[template-failure]: the template fails here: undefined value
 --> models/kpi.sql:1:14
  |
1 | select {{ 'a'.b.c }} as one
  |              ^^^^
");
    insta::assert_snapshot!(mistakes_in("models/kpi.sql", "{% include 'other.sql' %}"), @r"
error[template-file]: a model cannot take in another template
 --> models/kpi.sql:1:4
  |
1 | {% include 'other.sql' %}
  |    ^^^^^^^^^^^^^^^^^^^
  |
  = hint: put what two models share into a model of its own and read it with `ref`
");
}

#[test]
fn this_in_a_first_run() {
    insta::assert_snapshot!(mistakes_in("models/kpi.sql", "/*\nmaterialized: incremental\nstrategy: append\n*/\nselect max(day) as day from {{ this }}"), @r"
error[this-before-first-run]: `this` is read where the table may not exist yet
 --> models/kpi.sql:5:32
  |
5 | select max(day) as day from {{ this }}
  |                                ^^^^
  |
  = hint: put it between `{% if is_incremental() %}` and `{% endif %}`
");
}

#[test]
fn a_model_that_reads_itself() {
    insta::assert_snapshot!(mistakes_in("models/kpi.sql", "select * from {{ ref('kpi') }}"), @r"
error[cycle]: the model `kpi` reads itself
 --> models/kpi.sql:1:22
  |
1 | select * from {{ ref('kpi') }}
  |                      ^^^^^
  |
  = hint: an incremental model reads its own table as `{{ this }}`
");
}

#[test]
fn names_that_only_a_run_of_the_template_shows() {
    insta::assert_snapshot!(mistakes_in("models/kpi.sql", "{% for name in ['kpi', 'spend'] %}select 1 from {{ ref(name) }} {% endfor %}"), @r"
error[cycle]: the model `kpi` reads itself
 --> models/kpi.sql:1:52
  |
1 | {% for name in ['kpi', 'spend'] %}select 1 from {{ ref(name) }} {% endfor %}
  |                                                    ^^^^^^^^^
  |
  = hint: an incremental model reads its own table as `{{ this }}`
");
    insta::assert_snapshot!(mistakes_in("models/kpi.sql", "{% for name in ['day', 'dya'] %}select '{{ var(name) }}' {% endfor %}"), @r"
error[unknown-var]: there is no variable `dya`
 --> models/kpi.sql:1:44
  |
1 | {% for name in ['day', 'dya'] %}select '{{ var(name) }}' {% endfor %}
  |                                            ^^^^^^^^^
  |
  = hint: did you mean `day`?
");
}

#[test]
fn what_a_variable_without_a_value_may_mend_is_no_mistake() {
    let sql = "select 1 as one from {{ ref('spend' if var('only_device') == 'x' else 'nowhere' ) }}";
    load(&shop_with(&[("models/plain.sql", Some(sql))]));
    let lake =
        load(&shop_with(&[("models/plain.sql", Some("{% if var('only_device') == 'x' %}select 1 as a{% endif %}"))]));
    assert_eq!(lake.models["plain"].vars, ["only_device"]);
}

#[test]
fn any_depth_of_a_template_is_taken_or_refused_without_a_crash() {
    let n = 50_000;
    for sql in [
        format!("select {{{{ 1{} }}}} as one", " + 1".repeat(n)),
        format!("select {{{{ 1{} }}}} as one", " | int".repeat(n)),
        format!("select {{{{ a{} }}}} as one", ".a".repeat(n)),
        format!("select {{{{ {} 1 }}}} as one", "not ".repeat(n)),
        format!("select {{{{ {}1{} }}}} as one", "(".repeat(n), ")".repeat(n)),
        format!("select {{{{ {}1{} }}}} as one", "[".repeat(n), "]".repeat(n)),
        format!("select 1 as one {}{}", "{% if true %}".repeat(n), "{% endif %}".repeat(n)),
    ] {
        let diagnostics = tarn_model::Lake::load(&shop_with(&[("models/deep.sql", Some(&sql))])).unwrap_err();
        assert!(diagnostics.iter().all(|mistake| mistake.file == "models/deep.sql"), "{diagnostics}");
    }
}
