//! Tables of Iceberg: changed in place where nobody looks, and then published by one change of a pointer.

use anyhow::{Context, Result};
use serde_json::Value;

use crate::world::World;

/// A lake whose model has three rows per day from `day` on, in the model's strategy, here and on the laptop.
fn lake(name: &str, header: &str) -> Result<World> {
    let model = format!(
        "/*\n{header}\ntable_type: iceberg\npartitioned_by: [day]\naudits:\n  - accepted_values: {{column: word, values: [a, b, c]}}\n*/
select cast(x as smallint) as x, '{{{{ var('word') }}}}' as word, timestamp '2026-10-01 10:20:30.456' as seen,
  date_add('day', x, date '{{{{ var('day') }}}}') as day
from (values 0, 1, 2) as t (x)\n"
    );
    let world = World::shared(name, &[("models/rows.sql", &model)])?;
    let config = world.lake.read("tarn.yaml")?;
    let vars = "vars:\n  day: {type: date, default: 2026-10-01}\n  word: {type: string, default: a}\nretention: {versions: 1}\n";
    world.lake.write("tarn.yaml", format!("{config}{vars}"))?;
    Ok(world)
}

/// Runs on both sides; the statements of the deployed one.
fn both(world: &World, arguments: &[&str]) -> Result<Vec<String>> {
    world.lake.tarn(&[&["run"], arguments].concat())?.done();
    let record = world.run(arguments)?;
    let sql = "select * from rows order by day, x, word";
    assert_eq!(world.rows(sql)?, world.lake.rows(sql)?, "{arguments:?}");
    let table = world.table("rows")?;
    assert_eq!(table["Parameters"]["table_type"], "ICEBERG");
    let queries = record["models"][0]["queries"].as_array().context("no queries")?;
    Ok(queries.iter().filter_map(|query| query["statement"].as_str().map(str::to_owned)).collect())
}

fn has(statements: &[String], start: &str) -> bool {
    statements.iter().any(|statement| statement.starts_with(start))
}

#[test]
fn a_merge_changes_what_is_there() -> Result<()> {
    let world = lake("iceberg_merge", "materialized: incremental\nstrategy: merge\nunique_key: [x, day]")?;
    assert!(has(&both(&world, &[])?, "create table rows__"));
    let metadata = |table: &Value| table["Parameters"]["metadata_location"].clone();
    let first = metadata(&world.table("rows")?);
    assert!(has(&both(&world, &["--var", "day=2026-10-02", "--var", "word=b"])?, "merge into rows__"));
    assert_eq!(world.rows("select count(*), count(distinct word) from rows")?, ["6,2"]);
    // What fails its audit is there to look at, and nobody else sees it.
    let failed = world.tarn(&["run", "--here", "--json", "--var", "word=wrong"])?.ended(1).json()?;
    let inspect = failed["models"][0]["inspect"].as_str().context("nothing to look at")?;
    assert_eq!(world.rows(&format!("select count(*) from {inspect} where word = 'wrong'"))?, ["3"]);
    assert_eq!(world.rows("select count(*) from rows where word = 'wrong'")?, ["0"]);
    // A rollback is a pointer, too.
    world.tarn(&["rollback", "rows"])?.done();
    assert_eq!(metadata(&world.table("rows")?), first);
    assert_eq!(world.rows("select count(*), count(distinct word) from rows")?, ["3,1"]);
    Ok(())
}

#[test]
fn late_rows_lose_in_place() -> Result<()> {
    let header = "materialized: incremental\nstrategy: merge\nunique_key: [x]\nmerge_order: word";
    let world = lake("iceberg_late", header)?;
    both(&world, &["--var", "word=b"])?;
    assert!(has(&both(&world, &["--var", "word=a", "--var", "day=2026-10-02"])?, "merge into rows__"));
    assert_eq!(world.rows("select distinct word from rows")?, ["b"]);
    both(&world, &["--var", "word=c"])?;
    assert_eq!(world.rows("select distinct word from rows")?, ["c"]);
    Ok(())
}

#[test]
fn partitions_are_overwritten_and_rows_appended() -> Result<()> {
    let world = lake("iceberg_overwrite", "materialized: incremental\nstrategy: insert_overwrite")?;
    both(&world, &[])?;
    let statements = both(&world, &["--var", "day=2026-10-02", "--var", "word=b"])?;
    assert!(has(&statements, "delete from rows__") && has(&statements, "insert into rows__"), "{statements:?}");
    let world = lake("iceberg_append", "materialized: incremental\nstrategy: append")?;
    both(&world, &[])?;
    for word in ["b", "c"] {
        assert!(has(&both(&world, &["--var", &format!("word={word}")])?, "insert into rows__"));
    }
    // Anew, and onto that again: what is no longer seen goes, and what is seen stays.
    both(&world, &["--full-refresh"])?;
    both(&world, &["--var", "word=b"])?;
    both(&world, &["--var", "word=c"])?;
    assert_eq!(world.rows("select count(*) from rows")?, ["9"]);
    Ok(())
}
