//! Runs as tables, what they cost, and limits that stop them.

use anyhow::Result;
use tarn_testkit::ScratchLake;

fn lake(config: &str) -> Result<ScratchLake> {
    let lake = ScratchLake::empty()?;
    lake.write("tarn.yaml", format!("name: scratch\nvars: {{day: 2026-01-01}}\n{config}"))?;
    lake.write(
        "sources/orders.yaml",
        "kind: stream\npartitioned_by: {day: at}\ncolumns:\n  - {name: id, type: bigint, required: true}\n  - {name: note, type: string}\n  - {name: at, type: timestamp, required: true}\n",
    )?;
    let mut lines = String::new();
    for day in 1..=5_u32 {
        for id in 0..400_u32 {
            let note =
                format!("{:032x}", u128::from(id * 7 + day).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835));
            lines.push_str(&format!("{{\"id\":{id},\"note\":\"{note}\",\"at\":\"2026-01-0{day}T12:00:00Z\"}}\n"));
        }
    }
    lake.write("orders.ndjson", lines)?;
    lake.tarn(&["ingest", "orders", "orders.ndjson"])?.done();
    lake.write("models/good.sql", "select id, note from {{ source('orders') }}")?;
    Ok(lake)
}

#[test]
fn runs_and_queries_are_tables() -> Result<()> {
    let lake = lake("athena: {price_per_tb: 1000000.00}\n")?;
    assert_eq!(lake.rows("select count(*) from tarn_runs")?, ["0"], "before the first run there is no row");
    lake.write("models/bad.sql", "/*\naudits:\n  - row_count: {max: 1}\n*/\nselect id from {{ source('orders') }}")?;
    lake.tarn_with(&[("TARN_USER", "名前 o'hara")], &["run", "--run-id", "r1"])?.ended(1);
    assert_eq!(
        lake.rows("select run, model, status, asked_by, rows_written, failed_step from tarn_runs order by model")?,
        ["r1,bad,failed,名前 o'hara,2000,audit", "r1,good,done,名前 o'hara,2000,"]
    );
    let queries = "select model, number, purpose, status, statement like 'create table%' from tarn_queries order by model, number";
    assert_eq!(lake.rows(queries)?[0], "bad,1,convert,succeeded,true");
    // A megabyte costs one here, and ten are billed at least.
    assert_eq!(
        lake.rows("select cost from tarn_queries where model = 'good' and purpose = 'convert'")?,
        ["10.000000000"]
    );
    let sums = "select sum(runs.cost) = (select sum(cost) from tarn_queries), sum(runs.queries) = (select count(*) from tarn_queries) from tarn_runs as runs";
    assert_eq!(lake.rows(sums)?, ["true,true"]);
    // The same run again replaces its rows; another one adds to them.
    lake.write("models/bad.sql", "select id from {{ source('orders') }}")?;
    lake.tarn(&["run", "bad", "--run-id", "r1"])?.done();
    assert_eq!(lake.rows("select run, model, status from tarn_runs")?, ["r1,bad,done"]);
    lake.tarn(&["run", "--run-id", "r2"])?.done();
    assert_eq!(
        lake.rows("select count(*), count(distinct run), max(finished) >= max(started) from tarn_runs")?,
        ["3,2,true"]
    );
    Ok(())
}

#[test]
fn costs_are_told_by_model_run_user_and_day() -> Result<()> {
    let lake = lake("athena: {price_per_tb: 5.00}\n")?;
    lake.tarn_with(&[("TARN_USER", "mika")], &["run", "--run-id", "r1"])?.done();
    lake.tarn_with(&[("TARN_USER", "ken")], &["run", "--run-id", "r2"])?.done();
    let cost = |by: &str| lake.tarn(&["cost", "--by", by, "--json"])?.done().json();
    for (by, names) in [("model", vec!["good"]), ("run", vec!["r1", "r2"]), ("user", vec!["ken", "mika"])] {
        let told = cost(by)?;
        let mut found: Vec<&str> =
            told["lines"].as_array().unwrap().iter().map(|line| line["name"].as_str().unwrap()).collect();
        found.sort_unstable();
        assert_eq!(found, names, "{told}");
        assert_eq!(told["total"], "0.000100000", "{told}");
    }
    assert_eq!(cost("day")?["lines"].as_array().unwrap().len(), 1);
    let none = lake.tarn(&["cost", "--since", "2999-01-01", "--json"])?.done().json()?;
    assert_eq!(none["total"], "0.000000000");
    let dear = lake.tarn(&["cost", "--price", "500", "--json"])?.done().json()?;
    assert_eq!(dear["total"], "0.010000000");
    let shown = lake.tarn(&["cost"])?.done();
    assert!(shown.stdout.contains("good") && shown.stdout.contains("0.000100000"), "{}", shown.stdout);
    lake.tarn(&["cost", "--price", "five"])?.ended(2);
    Ok(())
}

#[test]
fn a_query_over_its_limit_is_not_started() -> Result<()> {
    let lake = lake("")?;
    let model = |limit: &str, sql: &str| lake.write("models/good.sql", format!("/*\nscan_limit: {limit}\n*/\n{sql}\n"));
    let all = "select id, note from {{ source('orders') }}";
    model("20 KB", all)?;
    let refused = lake.tarn(&["run", "--json"])?.ended(1).json()?;
    let failure = &refused["models"][0]["failure"];
    assert_eq!(failure["step"], "prepare", "{refused}");
    let message = failure["message"].as_str().unwrap();
    assert!(message.contains("would read about") && message.contains("20.0 kB"), "{message}");
    assert_eq!(refused["models"][0]["queries"].as_array().unwrap().len(), 0, "nothing was started");
    // One day of five, or a column that takes little room, is under the limit.
    model("20 KB", &format!("{all} where day = date '{{{{ var(\"day\") }}}}'"))?;
    lake.tarn(&["run"])?.done();
    model("20 KB", "select id from {{ source('orders') }}")?;
    lake.tarn(&["run"])?.done();
    model("20 GB", all)?;
    lake.tarn(&["run"])?.done();
    Ok(())
}

#[test]
fn a_limit_of_the_lake_or_of_a_run_stops_too() -> Result<()> {
    let of_lake = lake("athena: {scan_limit: 20 KB}\n")?;
    let refused = of_lake.tarn(&["run"])?.ended(1);
    assert!(refused.stderr.contains("tarn.yaml"), "{}", refused.stderr);
    let of_run = lake("run: {scan_limit: 50 KB}\n")?;
    of_run.tarn(&["run"])?.done();
    of_run.write("models/second.sql", "select id, note from {{ source('orders') }}")?;
    let refused = of_run.tarn(&["run"])?.ended(1);
    assert!(refused.stderr.contains("the models of this run would read"), "{}", refused.stderr);
    of_run.tarn(&["run", "second"])?.done();
    Ok(())
}

#[test]
fn a_small_limit_stops_a_small_run_and_each_slice_of_a_backfill() -> Result<()> {
    let tiny = lake("athena: {scan_limit: 1 KB}\n")?;
    let refused = tiny.tarn(&["run"])?.ended(1);
    assert!(refused.stderr.contains("1.0 kB") && refused.stderr.contains("Nothing was started"), "{}", refused.stderr);

    let of_run = lake("run: {scan_limit: 1 KB}\n")?;
    of_run.write(
        "models/good.sql",
        "/*\nmaterialized: incremental\nstrategy: insert_overwrite\npartitioned_by: [day]\n*/\nselect id, note, day from {{ source('orders') }} where day = date '{{ var('day') }}'\n",
    )?;
    let config = of_run.read("tarn.yaml")?;
    of_run.write(
        "tarn.yaml",
        config.replace("vars: {day: 2026-01-01}", "vars: {day: {type: date, default: 2026-01-01}}"),
    )?;
    let slices = ["backfill", "good", "--from", "2026-01-01", "--to", "2026-01-02", "--yes"];
    let refused = of_run.tarn(&slices)?.ended(1);
    assert!(refused.stderr.contains("this run would read about"), "{}", refused.stderr);
    let config = of_run.read("tarn.yaml")?;
    of_run.write("tarn.yaml", config.replace("1 KB", "1 GB"))?;
    of_run.tarn(&slices)?.done();
    Ok(())
}

#[test]
fn a_merge_reads_the_published_rows_too() -> Result<()> {
    let lake = lake("")?;
    let model = |limit: &str| {
        let header = format!("scan_limit: {limit}\nmaterialized: incremental\nstrategy: merge\nunique_key: [id, day]");
        let sql = "select id, note, day from {{ source('orders') }}{% if is_incremental() %} where day = date '{{ var(\"day\") }}'{% endif %}";
        lake.write("models/good.sql", format!("/*\n{header}\n*/\n{sql}\n"))
    };
    model("20 GB")?;
    lake.tarn(&["run"])?.done();
    // One day of five is within the limit, and all that is published is not.
    model("20 KB")?;
    let refused = lake.tarn(&["run"])?.ended(1);
    assert!(refused.stderr.contains("would read about"), "{}", refused.stderr);
    model("20 GB")?;
    lake.tarn(&["run"])?.done();
    Ok(())
}

#[test]
fn the_newest_runs_and_those_of_a_name() -> Result<()> {
    let lake = lake("")?;
    for id in ["r1", "r10", "r2"] {
        lake.tarn(&["run", "--run-id", id])?.done();
    }
    let listed = lake.tarn(&["runs", "-n", "2", "--json"])?.done().json()?;
    let ids: Vec<&str> = listed.as_array().unwrap().iter().map(|run| run["run"].as_str().unwrap()).collect();
    assert_eq!(ids, ["r2", "r10"]);
    let shown = |id: &str| lake.tarn(&["show", id, "--json"])?.done().json();
    assert_eq!(shown("r1")?["run"], "r1", "a whole id is meant, even where another begins so");
    assert_eq!(shown("r2")?["models"][0]["published"], "r2");
    let several = lake.tarn(&["show", "r"])?.ended(2);
    assert!(several.stderr.contains("3 runs begin like that"), "{}", several.stderr);
    lake.tarn(&["show", "r3"])?.ended(2);
    lake.tarn(&["show", "R/3"])?.ended(2);
    Ok(())
}
