//! A run that is killed before and after each call that changes something: what is read then, and until the same run, started
//! again, has ended, is the old rows or the new ones.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;
use tarn_testkit::Answer;

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
    /// The model's query: `x` is one of three rows, `n` is the number of the run.
    sql: &'static str,
    /// Arguments of every run.
    arguments: &'static [&'static str],
    /// Whether what is killed is not the run, but the way back to the one before.
    rolls_back: bool,
    /// The rows that are looked at, one per piece that changes at once.
    query: &'static str,
    /// What the pieces have after run `n`.
    after: fn(usize) -> Vec<String>,
    /// The tables that are there afterwards.
    tables: &'static [&'static str],
    /// Whether pieces change one after another.
    one_by_one: bool,
    /// How much farther apart the boundaries are that are tried: runs with many statements have many of them.
    sparse: usize,
}

const THREE_ROWS: &str =
    "select x, {{ var('n') }} as n, date_add('day', x, date '2026-10-01') as day from (values 0, 1, 2) as t (x)";

/// All but one of the days, another one each time.
const TWO_OF_THREE: &str =
    "select x, {{ var('n') }} as n, date_add('day', x, date '2026-10-01') as day from (values 0, 1, 2) as t (x)
where {{ var('n') }} = 1 or x <> {{ var('n') }} % 3";

/// A table that is computed anew.
const REFRESHED: Case = Case {
    name: "refresh",
    header: "partitioned_by: [day]",
    sql: THREE_ROWS,
    arguments: &["--full-refresh"],
    rolls_back: false,
    query: "select n, count(*) from rows group by n",
    after: |n| vec![format!("{n},3")],
    tables: &["rows"],
    one_by_one: false,
    sparse: 1,
};

/// Partitions of which each run overwrites two and leaves one, another one each time.
const OVERWRITTEN: Case = Case {
    name: "overwrite",
    header: "materialized: incremental\nstrategy: insert_overwrite\npartitioned_by: [day]",
    sql: TWO_OF_THREE,
    arguments: &[],
    query: "select day, n, count(*) from rows group by day, n",
    after: |n| {
        let by = |day: usize| if n == 1 || day != n % 3 { n } else { n - 1 };
        (0..3).map(|day| format!("2026-10-0{},{},1", day + 1, by(day))).collect()
    },
    one_by_one: true,
    ..REFRESHED
};

/// The id of the `n`th run.
fn id(n: usize) -> String {
    format!("2027{:02}{:02}t000000000_0001", n / 28 + 1, n % 28 + 1)
}

/// Kills a command at one boundary; false when it ended before it got there.
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

impl Case {
    fn world(&self) -> Result<World> {
        let sql = format!("/*\n{}\n*/\n{}\n", self.header, self.sql);
        let world = World::own(self.name, &[("models/rows.sql", &sql)])?;
        let config = world.lake.read("tarn.yaml")?;
        let more = "vars: {n: {type: integer, default: 1}}\nretention: {versions: 1}\n";
        world.lake.write("tarn.yaml", format!("{config}{more}"))?;
        self.run(&world, 1)?;
        Ok(world)
    }

    fn run(&self, world: &World, n: usize) -> Result<()> {
        let (variable, run) = (format!("n={n}"), id(n));
        world.run(&[&["--var", &variable, "--run-id", &run], self.arguments].concat()).map(drop)
    }

    /// What is killed the `n`th time, and the run whose rows are seen before and afterwards: the next run, or the way back to the
    /// second run and forth to the third.
    fn killed(&self, n: usize) -> (Vec<String>, usize, usize) {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        if self.rolls_back {
            let (from, to) = if n.is_multiple_of(2) { (3, 2) } else { (2, 3) };
            return (words(&["rollback", "rows", "--to", &id(to)]), from, to);
        }
        let (variable, run) = (format!("n={n}"), id(n));
        let own = ["run", "--here", "--var", &variable, "--run-id", &run];
        (words(&[&own, self.arguments].concat()), n - 1, n)
    }

    /// Whether each piece has its old rows or its new ones.
    fn fits(&self, seen: &[String], old: &[String], new: &[String]) -> bool {
        let is_either = |(row, (old, new)): (&String, (&String, &String))| [old, new].contains(&row);
        match self.one_by_one {
            true => seen.len() == new.len() && seen.iter().zip(old.iter().zip(new)).all(is_either),
            false => seen == old || seen == new,
        }
    }
}

/// Reads again and again while a command runs; how it ended, and all that was seen.
fn read_while(world: &World, query: &str, command: &[&str]) -> Result<(Answer, Vec<Vec<String>>)> {
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = scope.spawn(|| -> Result<Vec<Vec<String>>> {
            let mut seen = vec![world.rows(query).map(sorted)?];
            while !is_done.load(Ordering::Relaxed) {
                seen.push(world.rows(query).map(sorted)?);
            }
            Ok(seen)
        });
        let answer = world.tarn(command);
        is_done.store(true, Ordering::Relaxed);
        let seen = reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        Ok((answer?, seen?))
    })
}

fn converges(case: &Case) -> Result<World> {
    let world = case.world()?;
    if case.rolls_back {
        case.run(&world, 2)?;
        case.run(&world, 3)?;
    }
    let (mut n, mut skip, mut tried, mut reads) = (1, 0, 0, 0);
    loop {
        for after in [false, true] {
            n += 1;
            let (command, before, now) = case.killed(n);
            let command: Vec<&str> = command.iter().map(String::as_str).collect();
            let reached = kill_at(&world, skip, after, &command)?;
            let (old, new) = ((case.after)(before), (case.after)(now));
            let place = format!("{} boundary {skip}, after its work: {after}", case.name);
            let (answer, seen) = read_while(&world, case.query, &command)?;
            assert_eq!(answer.code, 0, "{place}: {}", answer.stderr);
            for rows in &seen {
                assert!(case.fits(rows, &old, &new), "{place}: {rows:?}");
            }
            assert_eq!(world.rows(case.query).map(sorted)?, new, "{place}");
            reads += seen.len();
            if !reached {
                eprintln!("{}: {tried} kills at {skip} boundaries, {reads} reads meanwhile", case.name);
                assert_eq!(world.tables()?, case.tables, "{}: nothing is left over", case.name);
                assert!(skip > 10 || case.rolls_back, "{}: there are only {skip} boundaries", case.name);
                return Ok(world);
            }
            tried += 1;
        }
        skip += if case.rolls_back { 1 } else { stride() * case.sparse };
    }
}

#[test]
fn a_full_refresh() -> Result<()> {
    converges(&REFRESHED).map(drop)
}

#[test]
fn more_partitions_than_one_statement_writes() -> Result<()> {
    converges(&Case {
        name: "batches",
        sql: "select x, {{ var('n') }} as n, date_add('day', x, date '2026-01-01') as day from unnest(sequence(0, 109)) as t (x)",
        after: |n| vec![format!("{n},110")],
        sparse: 3,
        ..REFRESHED
    })
    .map(drop)
}

#[test]
fn partitions_that_are_overwritten() -> Result<()> {
    let world = converges(&OVERWRITTEN)?;
    assert_eq!(
        world.table("rows")?["Parameters"]["projection.enabled"],
        "false",
        "each partition is swapped by itself"
    );
    Ok(())
}

#[test]
fn a_rollback() -> Result<()> {
    let world = converges(&Case { name: "rollback", rolls_back: true, ..OVERWRITTEN })?;
    assert_eq!(
        world.table("rows")?["Parameters"]["projection.enabled"],
        "false",
        "each partition is swapped by itself"
    );
    Ok(())
}

#[test]
fn a_view() -> Result<()> {
    converges(&Case { name: "view", header: "materialized: view", arguments: &[], ..REFRESHED }).map(drop)
}

#[test]
fn a_merge() -> Result<()> {
    let header = "materialized: incremental\nstrategy: merge\nunique_key: [x]";
    converges(&Case { name: "merge", header, arguments: &[], ..REFRESHED }).map(drop)
}

#[test]
fn a_merge_in_place() -> Result<()> {
    let header = "materialized: incremental\nstrategy: merge\nunique_key: [x]\ntable_type: iceberg";
    converges(&Case { name: "merge_in_place", header, arguments: &[], ..REFRESHED }).map(drop)
}

#[test]
fn partitions_that_are_overwritten_in_place() -> Result<()> {
    converges(&Case {
        name: "overwrite_in_place",
        header: "materialized: incremental\nstrategy: insert_overwrite\npartitioned_by: [day]\ntable_type: iceberg",
        one_by_one: false,
        ..OVERWRITTEN
    })
    .map(drop)
}

/// Rows of all runs so far.
const APPENDED: Case = Case {
    name: "append",
    header: "materialized: incremental\nstrategy: append",
    arguments: &[],
    query: "select count(distinct n), count(*), max(n) from rows",
    after: |n| vec![format!("{n},{},{n}", 3 * n)],
    tables: &["rows", "rows__parts"],
    ..REFRESHED
};

#[test]
fn rows_that_are_appended() -> Result<()> {
    converges(&APPENDED).map(drop)
}

#[test]
fn rows_that_are_appended_in_place() -> Result<()> {
    converges(&Case {
        name: "append_in_place",
        header: "materialized: incremental\nstrategy: append\ntable_type: iceberg",
        tables: &["rows"],
        ..APPENDED
    })
    .map(drop)
}

/// Starts run `n`, which waits before it publishes, does something else meanwhile, and lets it go on; how it ended.
fn overtaken(case: &Case, world: &World, n: usize, meanwhile: impl FnOnce() -> Result<()>) -> Result<Answer> {
    let hold = json!({"service": "glue", "operation": "UpdateTable", "hold": true});
    world.account.fault(&hold)?;
    let (command, ..) = case.killed(n);
    let command: Vec<&str> = command.iter().map(String::as_str).collect();
    let mut process = world.start(&command)?;
    while world.account.held()? == 0 {
        ensure!(process.try_wait()?.is_none(), "run {n} ended before it published");
        thread::sleep(Duration::from_millis(10));
    }
    meanwhile()?;
    // The call that was held fails as a lost connection would; it is sent again, for the entry that was there before.
    world.account.clear_faults()?;
    process.wait()?;
    world.tarn(&command)
}

#[test]
fn runs_that_overlap_take_nothing_from_each_other() -> Result<()> {
    // The oldest run publishes last: all of its files are there, though newer ones have removed old versions meanwhile.
    for (case, all) in [
        (Case { name: "overtaken_refresh", ..REFRESHED }, vec!["3,3"]),
        (
            Case { name: "overtaken_overwrite", ..OVERWRITTEN },
            vec!["2026-10-01,5,1", "2026-10-02,3,1", "2026-10-03,3,1"],
        ),
        (Case { name: "overtaken_append", ..APPENDED }, vec!["5,15,5"]),
    ] {
        let world = case.world()?;
        case.run(&world, 2)?;
        let ended = overtaken(&case, &world, 3, || case.run(&world, 4).and_then(|()| case.run(&world, 5)))?;
        assert_eq!(ended.code, 0, "{}: {}", case.name, ended.stderr);
        assert_eq!(world.rows(case.query).map(sorted)?, all, "{}", case.name);
        assert_eq!(world.tables()?, case.tables, "{}", case.name);
        // From there it goes on as ever.
        world.tarn(&["rollback", "rows", "--to", &id(5)])?.done();
        assert_eq!(world.rows("select max(n) from rows")?, ["5"], "{}", case.name);
        case.run(&world, 6)?;
        assert_eq!(world.rows("select max(n) from rows")?, ["6"], "{}", case.name);
    }
    Ok(())
}

#[test]
fn a_version_does_not_undo_what_was_published_since_it_was_begun() -> Result<()> {
    for (name, header) in [
        ("lost_merge", "materialized: incremental\nstrategy: merge\nunique_key: [x, n]"),
        ("lost_in_place", "materialized: incremental\nstrategy: merge\nunique_key: [x, n]\ntable_type: iceberg"),
    ] {
        let case = Case { name, header, ..APPENDED };
        let world = case.world()?;
        let refused = overtaken(&case, &world, 2, || case.run(&world, 3))?.ended(1);
        assert!(refused.stderr.contains(&format!("has the version of run `{}` now", id(3))), "{}", refused.stderr);
        assert!(refused.stderr.contains("run the model again"), "{}", refused.stderr);
        assert_eq!(world.rows("select distinct n from rows").map(sorted)?, ["1", "3"], "{name}");
        world.run(&["--var", "n=2", "--run-id", &id(4)])?;
        assert_eq!(world.rows("select distinct n from rows").map(sorted)?, ["1", "2", "3"], "{name}");
    }
    Ok(())
}
