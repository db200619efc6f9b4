//! Snapshots of an Aurora cluster: exported, checked and registered, or the rows from before.

use std::thread;
use std::time::Duration;

use anyhow::{Result, bail};
use chrono::TimeDelta;
use serde_json::{Value, json};
use tarn_pipeline::ports::{Clock, SystemClock};

use crate::world::World;

const CUSTOMERS: &str = "kind: snapshot
aws: {cluster: crm, table: crm.public.customers}
columns:
  - {name: id, type: bigint, required: true}
  - {name: name, type: string}
  - {name: spent, type: \"decimal(12,2)\"}
";
const CONTRACTS: &str = "kind: snapshot
aws: {cluster: crm, table: crm.public.contracts}
columns:
  - {name: id, type: bigint, required: true}
";

/// A lake with two tables of a cluster that has one automatic snapshot, made now.
fn crm(name: &str) -> Result<World> {
    let world = World::own(name, &[("sources/customers.yaml", CUSTOMERS), ("sources/contracts.yaml", CONTRACTS)])?;
    world.account.hurry(1_000)?;
    world.tarn(&["push"])?.done();
    let cluster = [
        ("Action", "CreateDBCluster"),
        ("Version", "2014-10-31"),
        ("DBClusterIdentifier", "crm"),
        ("Engine", "aurora-postgresql"),
        ("MasterUsername", "ada"),
        ("MasterUserPassword", "not-used-here"),
    ];
    world.account.form("rds", &cluster)?;
    Ok(world)
}

/// Puts the rows of a query aside, as Parquet: what the next exports write for a table.
fn put_aside(world: &World, table: &str, folder: &str, sql: &str) -> Result<()> {
    let place = format!("s3://{}/aside/{folder}/", world.bucket());
    let statement = format!("unload ({sql}) to '{place}' with (format = 'PARQUET')");
    let asked = json!({"QueryString": statement, "WorkGroup": format!("tarn-{}", world.name)});
    let started = world.account.call("athena", "AmazonAthena.StartQueryExecution", &asked)?;
    let asked = json!({"QueryExecutionId": started["QueryExecutionId"]});
    loop {
        let execution = world.account.call("athena", "AmazonAthena.GetQueryExecution", &asked)?;
        let status = &execution["QueryExecution"]["Status"];
        match status["State"].as_str() {
            Some("SUCCEEDED") => return world.account.export_of(table, &place),
            Some("FAILED" | "CANCELLED") => bail!("{statement}: {status}"),
            _ => thread::sleep(Duration::from_millis(20)),
        }
    }
}

fn export(world: &World, name: &str, time: &str) -> Result<Value> {
    world.execute("aurora-export", name, &json!({"cluster": "crm", "time": time, "schedule": "crm"}))
}

/// A time on the day on which the cluster and its automatic snapshot are made.
fn today(minutes: i64) -> String {
    (SystemClock.now() + TimeDelta::minutes(minutes)).to_rfc3339()
}

const CUSTOMERS_1: &str = "select cast(1 as integer) as id, 'Ada' as name, cast(1.50 as decimal(10,2)) as spent";
const CUSTOMERS_2: &str = "select * from (values (cast(1 as bigint), 'Ada', cast(2.75 as decimal(12,2))), (2, '東京', null)) as t (id, name, spent)";
const CONTRACT: &str = "select cast(7 as bigint) as id";

#[test]
fn an_export_becomes_what_readers_see() -> Result<()> {
    let world = crm("crm")?;
    put_aside(&world, "crm.public.customers", "c1", CUSTOMERS_1)?;
    put_aside(&world, "crm.public.contracts", "k1", CONTRACT)?;
    assert_eq!(world.rows("select count(*) from customers")?, ["0"]);
    let time = today(0);
    let ended = export(&world, "first", &time)?;
    assert_eq!(ended["status"], "SUCCEEDED", "{ended:#}");
    let output: Value = serde_json::from_str(ended["output"].as_str().unwrap_or_default())?;
    assert_eq!(output["sources"][1]["rows"], 1, "{output}");
    assert_eq!(world.rows("select id, name, spent from customers")?, ["1,Ada,1.50"]);
    assert_eq!(world.rows("select id from contracts")?, ["7"]);
    // Nothing is copied: the table is where RDS wrote it.
    let location = world.table("customers")?["StorageDescriptor"]["Location"].to_string();
    assert!(location.contains("/raw/aurora-exports/crm/tarn-crm-"), "{location}");
    // Started twice, it finds the export that is there.
    assert_eq!(export(&world, "again", &time)?["status"], "SUCCEEDED");
    assert_eq!(world.account.exports()?.len(), 1);
    assert_eq!(world.account.exports()?[0]["tables"], json!(["crm.public.contracts", "crm.public.customers"]));
    // The next one replaces all rows.
    put_aside(&world, "crm.public.customers", "c2", CUSTOMERS_2)?;
    assert_eq!(export(&world, "second", &today(1))?["status"], "SUCCEEDED");
    assert_eq!(world.rows("select id, name, spent from customers order by id")?, ["1,Ada,2.75", "2,東京,"]);
    // An automatic snapshot that is two days old is not the present: one is made.
    let ended = export(&world, "third", &today(2 * 24 * 60))?;
    assert_eq!(ended["status"], "SUCCEEDED", "{ended:#}");
    let source = world.account.exports()?[2]["source"].to_string();
    assert!(source.contains("cluster-snapshot:tarn-crm-"), "{source}");
    assert_eq!(world.rows("select count(*) from customers")?, ["2"]);
    // A source that is pushed again keeps its snapshot.
    world.tarn(&["push"])?.done();
    assert_eq!(world.rows("select count(*) from customers")?, ["2"]);
    // A table that has become empty has no files.
    world.account.export_of("crm.public.customers", &format!("s3://{}/nothing/", world.bucket()))?;
    assert_eq!(export(&world, "fourth", &today(2))?["status"], "SUCCEEDED");
    assert_eq!(world.rows("select count(*) from customers")?, ["0"]);
    assert_eq!(world.rows("select id from contracts")?, ["7"]);
    Ok(())
}

#[test]
fn an_export_that_failed_or_breaks_a_contract_leaves_the_rows_from_before() -> Result<()> {
    let world = crm("kept")?;
    put_aside(&world, "crm.public.customers", "c1", CUSTOMERS_1)?;
    put_aside(&world, "crm.public.contracts", "k1", CONTRACT)?;
    assert_eq!(export(&world, "first", &today(0))?["status"], "SUCCEEDED");
    let refused = |name: &str, minutes: i64, told: &[&str]| -> Result<()> {
        let ended = export(&world, name, &today(minutes))?;
        assert_eq!(ended["status"], "FAILED", "{ended:#}");
        let cause = ended["cause"].as_str().unwrap_or_default();
        for word in told {
            assert!(cause.contains(word), "{word}: {cause}");
        }
        assert_eq!(world.rows("select id, name, spent from customers")?, ["1,Ada,1.50"], "{name}");
        assert_eq!(world.rows("select id from contracts")?, ["7"], "{name}");
        Ok(())
    };
    world.account.export_ends("FAILED", "The bucket is in another region.")?;
    refused("failed", 1, &["ended as FAILED: The bucket is in another region.", "cluster crm"])?;
    world.account.export_ends("CANCELED", "")?;
    refused("cancelled", 2, &["ended as CANCELED"])?;
    // PostgreSQL's wide decimals come as text; and the other table has changed too, which is not seen either.
    put_aside(&world, "crm.public.customers", "c2", "select cast(1 as bigint) as id, 'Eve' as name, '9.99' as spent")?;
    put_aside(&world, "crm.public.contracts", "k2", "select cast(8 as bigint) as id")?;
    refused(
        "text",
        3,
        &["`customers`", "column `spent` is string, not decimal(12,2)", "still see the rows from before"],
    )?;
    put_aside(&world, "crm.public.customers", "c3", "select 'Eve' as name")?;
    refused("absent", 4, &["required column `id` is absent"])?;
    let gone = CONTRACTS.replace("crm.public.contracts", "crm.public.gone");
    world.lake.write("sources/gone.yaml", gone)?;
    world.tarn(&["push"])?.done();
    put_aside(&world, "crm.public.customers", "c4", CUSTOMERS_2)?;
    refused("gone", 5, &["source `gone`", "FAILED: no such table"])?;
    let nobody = world.execute("aurora-export", "nobody", &json!({"cluster": "nobody", "time": today(0)}))?;
    assert!(
        nobody["cause"].to_string().contains("no source of the lake is a table of the cluster `nobody`"),
        "{nobody:#}"
    );
    Ok(())
}
