//! What readers see in each form that a table takes in Glue: whatever is changed, they see the old rows or the new ones.

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::world::World;

const ODD: &str = "/*
materialized: incremental
strategy: insert_overwrite
partitioned_by: [place]
*/
select * from (values
  (1, 'plain'), (2, 'a/b'), (3, 'a b'), (4, '50%'), (5, '東京'), (6, cast(null as varchar)), (7, 'x=y:z')
) as t (n, place)
where n <= {{ var('upto') }}
";

fn odd(name: &str) -> Result<World> {
    let world = World::shared(name, &[("models/odd.sql", ODD)])?;
    let config = world.lake.read("tarn.yaml")?;
    world.lake.write("tarn.yaml", format!("{config}vars: {{upto: {{type: integer, default: 7}}}}\n"))?;
    world.tarn(&["push"])?.done();
    Ok(world)
}

const ALL: [&str; 7] = ["1,plain", "2,a/b", "3,a b", "4,50%", "5,東京", "6,", "7,x=y:z"];

#[test]
fn partition_values_are_any_text_and_null() -> Result<()> {
    let world = odd("odd")?;
    world.run(&[])?;
    assert_eq!(world.rows("select * from odd order by n")?, ALL);
    // Overwritten one by one, and anew as a whole, however often.
    world.run(&["--var", "upto=3"])?;
    assert_eq!(world.rows("select * from odd order by n")?, ALL);
    world.run(&["--full-refresh", "--var", "upto=6"])?;
    assert_eq!(world.rows("select * from odd order by n")?, ALL[..6]);
    world.run(&[])?;
    assert_eq!(world.rows("select * from odd order by n")?, ALL);
    world.run(&["--full-refresh", "--var", "upto=1"])?;
    assert_eq!(world.rows("select * from odd order by n")?, ALL[..1]);
    Ok(())
}

#[test]
fn null_and_the_empty_text_are_two_values() -> Result<()> {
    let rows = "from (values (1, ''), (2, cast(null as varchar)), (3, 'a')) as t (n, place)";
    let by_place = |more: &str| format!("/*\n{more}partitioned_by: [place]\n*/\nselect n, place {rows}\n");
    let world = World::shared(
        "empty",
        &[
            ("models/plain.sql", &format!("select n, place {rows}\n")),
            ("models/iced.sql", &by_place("table_type: iceberg\n")),
            ("models/parted.sql", &by_place("")),
            ("models/nulled.sql", &by_place("").replace("select n, place", "select n, nullif(place, '') as place")),
        ],
    )?;
    world.run(&["plain", "iced", "nulled"])?;
    for (table, expected) in [
        ("plain", ["1,true,false", "2,,true", "3,false,false"]),
        ("iced", ["1,true,false", "2,,true", "3,false,false"]),
        ("nulled", ["1,,true", "2,,true", "3,false,false"]),
    ] {
        let sql = format!("select n, place = '', place is null from {table} order by n");
        assert_eq!(world.rows(&sql)?, expected, "{table}");
    }
    // In the folders of Hive they are one: that is refused before the table is written.
    let refused = world.tarn(&["run", "parted", "--here", "--json"])?.ended(1).json()?;
    let failure = &refused["models"][0]["failure"];
    assert!(failure["message"].as_str().unwrap_or_default().contains("`place`"), "{failure}");
    assert!(failure["hint"].as_str().unwrap_or_default().contains("nullif(place, '')"), "{failure}");
    assert!(world.account.keys(&world.bucket(), "model/parted/run=")?.is_empty());
    Ok(())
}

#[test]
fn odd_values_in_two_keys_and_many_statements() -> Result<()> {
    let model = "/*
materialized: incremental
strategy: merge
unique_key: [n]
partitioned_by: [day, place]
audits:
  - not_null: [place]
*/
select n, cast('x' as char(1)) as word, date_add('day', n, date '2026-01-01') as day,
  if(n % 2 = 0, '東京', 'a b') || chr(9) as place
from unnest(sequence(0, {{ var('upto') }})) as t (n)
";
    let world = World::shared("oddkeys", &[("models/odd.sql", model)])?;
    let config = world.lake.read("tarn.yaml")?;
    world.lake.write("tarn.yaml", format!("{config}vars: {{upto: {{type: integer, default: 149}}}}\n"))?;
    let record = world.run(&[])?;
    assert_eq!(record["models"][0]["partitions"], 150);
    let sums = "select place, count(*), sum(n), min(word), max(day) from odd group by place order by place";
    assert_eq!(world.rows(sums)?, ["a b\t,75,5625,x,2026-05-30", "東京\t,75,5550,x,2026-05-29"]);
    world.run(&["--var", "upto=151"])?;
    assert_eq!(world.rows(sums)?, ["a b\t,76,5776,x,2026-06-01", "東京\t,76,5700,x,2026-05-31"]);
    let columns: Vec<String> = world.rows("select * from odd where place like '東%' and n = 0")?;
    assert_eq!(columns, ["0,x,2026-01-01,東京\t"]);
    Ok(())
}

#[test]
fn a_full_refresh_of_plain_partitions_is_one_change_of_the_table() -> Result<()> {
    let model = "/*\npartitioned_by: [day]\n*/\nselect n, date_add('day', n, date '2026-10-01') as day from (values 0, 1, 30) as t (n)\n";
    let world = World::shared("plain", &[("models/days.sql", model)])?;
    world.run(&[])?;
    world.account.clear_calls()?;
    world.run(&[])?;
    assert_eq!(world.rows("select n, day from days order by n")?, ["0,2026-10-01", "1,2026-10-02", "30,2026-10-31"]);
    let table = world.table("days")?;
    assert_eq!(table["Parameters"]["projection.enabled"], "true");
    assert_eq!(table["Parameters"]["projection.day.range"], "2026-10-01,2026-10-31");
    Ok(())
}

#[test]
fn appended_rows_are_seen_once_and_all_at_once() -> Result<()> {
    let model = "/*\nmaterialized: incremental\nstrategy: append\n*/\nselect {{ var('n') }} as n\n";
    let world = World::shared("appends", &[("models/log.sql", model)])?;
    let config = world.lake.read("tarn.yaml")?;
    world.lake.write("tarn.yaml", format!("{config}vars: {{n: {{type: integer, default: 1}}}}\n"))?;
    world.run(&["--run-id", "20261001t000000000_0001"])?;
    world.run(&["--run-id", "20261002t000000000_0001", "--var", "n=2"])?;
    world.run(&["--run-id", "20261002t000000000_0001", "--var", "n=2"])?;
    world.run(&["--run-id", "20261003t000000000_0001", "--var", "n=3"])?;
    assert_eq!(world.rows("select n from log order by n")?, ["1", "2", "3"]);
    world.tarn(&["rollback", "log"])?.done();
    assert_eq!(world.rows("select n from log order by n")?, ["1", "2"]);
    world.run(&["--run-id", "20261004t000000000_0001", "--var", "n=4"])?;
    assert_eq!(world.rows("select n from log order by n")?, ["1", "2", "4"]);
    world.run(&["--full-refresh", "--var", "n=9"])?;
    assert_eq!(world.rows("select n from log order by n")?, ["9"]);
    Ok(())
}

#[test]
fn appends_of_many_nights_are_shown_as_one_group() -> Result<()> {
    let model = "/*\nmaterialized: incremental\nstrategy: append\n*/\nselect {{ var('n') }} as n\n";
    let world = World::shared("nights", &[("models/log.sql", model)])?;
    let config = world.lake.read("tarn.yaml")?;
    world.lake.write("tarn.yaml", format!("{config}vars: {{n: {{type: integer, default: 1}}}}\n"))?;
    world.run(&["--run-id", "20240101t000000000_0001"])?;

    // As six hundred nights would leave it: a file and a part each.
    let table = world.table("log")?;
    let entry = table["Parameters"]["tarn.entry"].as_str().context("the table names its entry")?;
    let mut kept: Value = serde_json::from_slice(&world.account.get(&world.bucket(), entry)?)?;
    let parts = kept["kind"]["table"]["parts"].as_array_mut().context("a table has parts")?;
    let first = parts[0].clone();
    let folder = first["location"].as_str().context("a part is somewhere")?.to_owned();
    let file = world.account.keys(&world.bucket(), &folder)?.pop().context("a part has a file")?;
    let rows = world.account.get(&world.bucket(), &file)?;
    for night in 2..=600 {
        let run = format!("20250101t{night:09}_0001");
        let location = folder.replace("20240101t000000000_0001", &run);
        assert_ne!(location, folder);
        world.account.put(&world.bucket(), &format!("{location}rows.parquet"), &rows)?;
        let mut part = first.clone();
        part["location"] = location.into();
        part["run"] = run.into();
        parts.push(part);
    }
    world.account.put(&world.bucket(), entry, &serde_json::to_vec(&kept)?)?;

    let shown = |n: usize| -> Result<String> {
        let run = format!("20261001t{n:09}_0001");
        world.run(&["--run-id", &run, "--var", &format!("n={n}")])?;
        let (count, sum) = (600 + n - 1, 600 + (2..=n).sum::<usize>());
        assert_eq!(world.rows("select count(*), sum(n) from log")?, [format!("{count},{sum}")], "after {n}");
        let text = world.table("log")?["ViewOriginalText"].as_str().context("it is shown by a view")?.to_owned();
        let text = text.trim_start_matches("/* Presto View: ").trim_end_matches(" */");
        Ok(serde_json::from_slice::<Value>(&STANDARD.decode(text)?)?["originalSql"].to_string())
    };
    let view = shown(2)?;
    assert_eq!(view.matches("between").count(), 1, "{view}");
    assert!(view.len() < 1_000, "{view}");
    // The next night stands beside the group, which stays as it is.
    let next = shown(3)?;
    assert!(next.contains("20261001t000000003_0001") && next.len() < 1_000, "{next}");
    let group = |view: &str| view.split("between '").nth(1).and_then(|rest| rest.split('\'').next()).map(str::to_owned);
    assert_eq!(group(&next), group(&view));
    Ok(())
}

#[test]
fn an_empty_full_refresh_is_an_empty_table_with_its_columns() -> Result<()> {
    let model = "/*\npartitioned_by: [day]\n*/\nselect n, date '2026-10-01' as day from (values 1, 2) as t (n) where n <= {{ var('upto') }}\n";
    let world = World::shared(
        "empties",
        &[("models/few.sql", model), ("models/flat.sql", "select n from {{ ref('few') }}\n")],
    )?;
    let config = world.lake.read("tarn.yaml")?;
    world.lake.write("tarn.yaml", format!("{config}vars: {{upto: {{type: integer, default: 2}}}}\n"))?;
    world.run(&[])?;
    assert_eq!(world.rows("select n from flat order by n")?, ["1", "2"]);
    world.run(&["--var", "upto=0"])?;
    assert_eq!(world.rows("select n, day from few")?, Vec::<String>::new());
    assert_eq!(world.rows("select n from flat")?, Vec::<String>::new());
    world.tarn(&["rollback", "few"])?.done();
    assert_eq!(world.rows("select n from few order by n")?, ["1", "2"]);
    Ok(())
}

#[test]
fn a_late_row_loses_in_a_merge() -> Result<()> {
    let model = "/*
materialized: incremental
strategy: merge
unique_key: [id]
merge_order: seen
*/
select 1 as id, {{ var('seen') }} as seen, '{{ var('name') }}' as name
";
    let world = World::shared("merges", &[("models/people.sql", model)])?;
    let config = world.lake.read("tarn.yaml")?;
    let vars = "vars: {seen: {type: integer, default: 5}, name: {type: string, default: first}}\n";
    world.lake.write("tarn.yaml", format!("{config}{vars}"))?;
    world.run(&[])?;
    world.run(&["--var", "seen=4", "--var", "name=late"])?;
    assert_eq!(world.rows("select * from people")?, ["1,5,first"]);
    world.run(&["--var", "seen=6", "--var", "name=newer"])?;
    assert_eq!(world.rows("select * from people")?, ["1,6,newer"]);
    Ok(())
}

#[test]
fn foreign_objects_stay_and_old_versions_go() -> Result<()> {
    let world = World::shared("keeps", &[("models/one.sql", "select 1 as a\n")])?;
    let config = world.lake.read("tarn.yaml")?;
    world.lake.write("tarn.yaml", format!("{config}retention: {{versions: 1}}\n"))?;
    let foreign = ["model/one/run=mine/a.parquet", "model/one/notes.txt", "model/other/run=1/b", "report.csv"];
    for key in foreign {
        world.account.put(&world.bucket(), key, b"not Tarn's")?;
    }
    for _ in 0..4 {
        world.run(&[])?;
    }
    let kept = world.account.keys(&world.bucket(), "model/one/run=2")?;
    assert_eq!(kept.len(), 2, "the published version and the one before: {kept:?}");
    for key in foreign {
        assert_eq!(world.account.get(&world.bucket(), key)?, b"not Tarn's", "{key}");
    }
    Ok(())
}

#[test]
fn more_partitions_than_one_statement_writes() -> Result<()> {
    let model = "/*
partitioned_by: [day]
*/
select n, date_add('day', n, date '2026-01-01') as day
from unnest(sequence(0, 249)) as t (n)
";
    let world =
        World::own("many", &[("models/days.sql", model), ("models/orc.sql", "/*\nformat: orc\n*/\nselect 1 as a\n")])?;
    // The second insert fails after half of its files: they must not be read beside those of the next try.
    world.account.fault(&serde_json::json!({"statement": "insert into days__", "at": "half", "skip": 1}))?;
    let mut record = world.run(&[])?;
    let days =
        record["models"].as_array_mut().and_then(|models| models.iter_mut().find(|model| model["model"] == "days"));
    let days = days.map(serde_json::Value::take).unwrap_or_default();
    assert_eq!(days["partitions"], 250);
    // All statements' files are counted, those of inserts too.
    assert_eq!(days["files"], 250);
    let kept = world.account.keys(&world.bucket(), "model/days/run=")?;
    let bytes: Vec<u64> =
        kept.iter().map(|key| Ok(world.account.get(&world.bucket(), key)?.len() as u64)).collect::<Result<_>>()?;
    assert_eq!(days["bytes"], bytes.iter().sum::<u64>());
    assert_eq!(world.rows("select count(*), count(distinct day), sum(n) from days")?, ["250,250,31125"]);
    assert_eq!(world.table("days")?["Parameters"]["projection.day.range"], "2026-01-01,2026-09-07");
    assert_eq!(world.rows("select a from orc")?, ["1"]);
    let serde = world.table("orc")?["StorageDescriptor"]["SerdeInfo"]["Parameters"].take();
    assert_eq!(serde["orc.column.index.access"], "false", "columns are found by name");
    Ok(())
}

#[test]
fn partitions_get_the_columns_of_their_table() -> Result<()> {
    for (name, strategy, table) in [("widened", "insert_overwrite", "wide"), ("widened_parts", "append", "wide__parts")]
    {
        let model = |columns: &str| {
            format!(
                "/*\nmaterialized: incremental\nstrategy: {strategy}\npartitioned_by: [day]\non_schema_change: append_new_columns\n*/
select {columns}, {{{{ var('day') }}}} as day\n"
            )
        };
        let world = World::shared(name, &[("models/wide.sql", &model("1 as a"))])?;
        let config = world.lake.read("tarn.yaml")?;
        world.lake.write("tarn.yaml", format!("{config}vars: {{day: {{type: integer, default: 1}}}}\n"))?;
        world.run(&[])?;
        world.run(&["--var", "day=2"])?;
        world.run(&["--var", "day=2"])?;
        world.lake.write("models/wide.sql", model("1 as a, 'new' as b"))?;
        world.run(&["--var", "day=3"])?;
        let columns = |described: &serde_json::Value| described["StorageDescriptor"]["Columns"].clone();
        let asked = serde_json::json!({"DatabaseName": format!("tarn_{name}"), "TableName": table});
        let found = world.account.call("glue", "AWSGlue.GetPartitions", &asked)?;
        let partitions = found["Partitions"].as_array().cloned().unwrap_or_default();
        assert!(partitions.len() >= 3, "{found}");
        for partition in &partitions {
            assert_eq!(columns(partition), columns(&world.table(table)?), "{strategy}");
        }
        assert_eq!(world.rows("select distinct day, b from wide order by day")?, ["1,", "2,", "3,new"]);
    }
    Ok(())
}
