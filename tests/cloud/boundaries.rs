//! A run that is killed before and after each call that changes something: what is read then is the old rows or the new ones,
//! and the same run, started again, converges.

use std::thread;
use std::time::Duration;

use anyhow::Result;
use serde_json::json;

use crate::shop::sorted;
use crate::world::World;

/// Calls that change something, by the names of their operations.
const CHANGES: &str = "(?!Get|List|Head|BatchGet|Describe).*";

/// How far it is from one boundary that is tried to the next; `TARN_TEST_BOUNDARIES=1` tries them all.
fn stride() -> usize {
    std::env::var("TARN_TEST_BOUNDARIES").ok().and_then(|text| text.parse().ok()).unwrap_or(7)
}

/// A model whose rows tell the run that made them.
struct Case {
    name: &'static str,
    header: &'static str,
    /// Arguments of every run.
    arguments: &'static [&'static str],
    /// The rows that are looked at, one per piece that changes at once.
    query: &'static str,
    /// What a piece has after run `n`.
    after: fn(usize) -> Vec<String>,
    /// The tables that are there afterwards.
    tables: &'static [&'static str],
    /// Whether pieces change one after another.
    one_by_one: bool,
}

/// Kills a run at one boundary; false when it ended before it got there.
fn kill_at(world: &World, skip: usize, after: bool, arguments: &[&str]) -> Result<bool> {
    world.account.fault(&json!({"operation": CHANGES, "skip": skip, "hold": true, "after": after}))?;
    let mut process = world.start(arguments)?;
    let mut reached = true;
    while world.account.held()? == 0 {
        if process.try_wait()?.is_some() {
            reached = false;
            break;
        }
        thread::sleep(Duration::from_millis(10));
    }
    process.kill()?;
    process.wait()?;
    world.account.clear_faults()?;
    Ok(reached)
}

fn converges(case: &Case) -> Result<()> {
    let sql = format!(
        "{}\nselect x, {{{{ var('n') }}}} as n, date_add('day', x, date '2026-10-01') as day from (values 0, 1, 2) as t (x)\n",
        case.header
    );
    let world = World::own(case.name, &[("models/rows.sql", &sql)])?;
    let config = world.lake.read("tarn.yaml")?;
    let more = "vars: {n: {type: integer, default: 1}}\nretention: {versions: 1}\n";
    world.lake.write("tarn.yaml", format!("{config}{more}"))?;
    world.run(&[])?;
    let read = || world.rows(case.query).map(sorted);
    let (mut n, mut skip, mut tried) = (1, 0, 0);
    loop {
        for after in [false, true] {
            n += 1;
            let (variable, run) = (format!("n={n}"), format!("2027{:02}{:02}t000000000_0001", n / 28 + 1, n % 28 + 1));
            let own = ["run", "--here", "--var", &variable, "--run-id", &run];
            let arguments = [&own, case.arguments].concat();
            let reached = kill_at(&world, skip, after, &arguments)?;
            let (old, new) = ((case.after)(n - 1), (case.after)(n));
            let seen = read()?;
            let fits = match case.one_by_one {
                true => {
                    seen.len() == new.len()
                        && seen.iter().zip(old.iter().zip(&new)).all(|(row, (old, new))| [old, new].contains(&row))
                }
                false => seen == old || seen == new,
            };
            assert!(fits, "{} boundary {skip}, after its work: {after}: {seen:?}", case.name);
            world.run(&arguments[2..])?;
            assert_eq!(read()?, new, "{} boundary {skip}, after its work: {after}", case.name);
            if !reached {
                eprintln!("{}: {tried} kills at {skip} boundaries", case.name);
                assert_eq!(world.tables()?, case.tables, "{}: nothing is left over", case.name);
                assert!(skip > 10, "{}: there are only {skip} boundaries", case.name);
                return Ok(());
            }
            tried += 1;
        }
        skip += stride();
    }
}

#[test]
fn a_full_refresh() -> Result<()> {
    converges(&Case {
        name: "refresh",
        header: "/*\npartitioned_by: [day]\n*/",
        arguments: &["--full-refresh"],
        query: "select n, count(*) from rows group by n",
        after: |n| vec![format!("{n},3")],
        tables: &["rows"],
        one_by_one: false,
    })
}

#[test]
fn partitions_that_are_overwritten() -> Result<()> {
    converges(&Case {
        name: "overwrite",
        header: "/*\nmaterialized: incremental\nstrategy: insert_overwrite\npartitioned_by: [day]\n*/",
        arguments: &[],
        query: "select day, n, count(*) from rows group by day, n",
        after: |n| (1..=3).map(|day| format!("2026-10-0{day},{n},1")).collect(),
        tables: &["rows"],
        one_by_one: true,
    })
}

#[test]
fn a_merge() -> Result<()> {
    converges(&Case {
        name: "merge",
        header: "/*\nmaterialized: incremental\nstrategy: merge\nunique_key: [x]\n*/",
        arguments: &[],
        query: "select n, count(*) from rows group by n",
        after: |n| vec![format!("{n},3")],
        tables: &["rows"],
        one_by_one: false,
    })
}

#[test]
fn a_merge_in_place() -> Result<()> {
    converges(&Case {
        name: "merge_in_place",
        header: "/*\nmaterialized: incremental\nstrategy: merge\nunique_key: [x]\ntable_type: iceberg\n*/",
        arguments: &[],
        query: "select n, count(*) from rows group by n",
        after: |n| vec![format!("{n},3")],
        tables: &["rows"],
        one_by_one: false,
    })
}

#[test]
fn partitions_that_are_overwritten_in_place() -> Result<()> {
    converges(&Case {
        name: "overwrite_in_place",
        header: "/*\nmaterialized: incremental\nstrategy: insert_overwrite\npartitioned_by: [day]\ntable_type: iceberg\n*/",
        arguments: &[],
        query: "select n, count(*) from rows group by n",
        after: |n| vec![format!("{n},3")],
        tables: &["rows"],
        one_by_one: false,
    })
}

#[test]
fn rows_that_are_appended() -> Result<()> {
    converges(&Case {
        name: "append",
        header: "/*\nmaterialized: incremental\nstrategy: append\n*/",
        arguments: &[],
        query: "select count(distinct n), count(*), max(n) from rows",
        after: |n| vec![format!("{n},{},{n}", 3 * n)],
        tables: &["rows", "rows__parts"],
        one_by_one: false,
    })
}
