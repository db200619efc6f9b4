//! A laptop's lake and its marts on real servers.

use anyhow::Result;
use tarn_testkit::{Database, Kind, ScratchLake};

/// A lake of one model, loaded into a server; its password comes from the environment.
fn lake(database: &Database, mode: &str) -> Result<(ScratchLake, String)> {
    let lake = ScratchLake::empty()?;
    let url = database.url();
    let (before, rest) = url.split_once("p%40ss").unwrap_or((&url, ""));
    let (password, after) = rest.split_once('@').unwrap_or(("", rest));
    let password = format!("p@ss{}", password.replace("%2F", "/").replace("%C3%B6", "ö"));
    lake.write(
        "tarn.yaml",
        format!("name: scratch\nmarts:\n  reporting: {{url: \"{before}${{MART_PASSWORD}}@{after}\"}}\n"),
    )?;
    lake.write("seeds/campaigns.csv", "id,name\n1,春\n2,\n3,O'Hara\\\n")?;
    lake.write(
        "models/kpi.sql",
        format!(
            "/*\ndescription: Campaigns, for the dashboard.\nmart: {{to: reporting, mode: {mode}, indexes: [name]}}\n*/\n\
             select cast(id as bigint) as id, name, current_date > date '2020-01-01' as is_new from {{{{ ref('campaigns') }}}}\n"
        ),
    )?;
    Ok((lake, password))
}

fn on_a_server(kind: Kind) -> Result<()> {
    let database = Database::start(kind)?;
    let (lake, password) = lake(&database, "merge, key: [id]")?;
    let with = [("MART_PASSWORD", password.as_str())];

    // Without the variable only the load fails, and says which one is missing.
    let refused = lake.tarn_with(&[("MART_PASSWORD", "")], &["run"])?.ended(1);
    assert!(!refused.stderr.contains("p@ss"), "{}", refused.stderr);
    assert_eq!(lake.rows("select count(*) from kpi")?, ["3"]);

    let loaded = lake.tarn_with(&with, &["load", "kpi", "--json"])?.done().json()?;
    assert_eq!((loaded[0]["table"].as_str(), loaded[0]["rows"].as_u64()), (Some("reporting.kpi"), Some(3)));
    assert_eq!(database.sql("select id, name from kpi where name is not null order by id")?, "1\t春\n3\tO'Hara\\");
    let again = lake.tarn_with(&with, &["load", "kpi"])?.done();
    assert!(again.stderr.contains("`reporting.kpi` has nothing new to load"), "{}", again.stderr);

    lake.write("seeds/campaigns.csv", "id,name\n3,changed\n4,new\n")?;
    lake.tarn_with(&with, &["run"])?.done();
    assert_eq!(database.sql("select id, name from kpi where id > 2 order by id")?, "3\tchanged\n4\tnew");
    assert_eq!(database.sql("select count(*) from kpi")?, "4");

    let anew = lake.tarn_with(&with, &["load", "kpi", "--anew"])?.done();
    assert!(anew.stderr.contains("2 rows in "), "{}", anew.stderr);
    assert_eq!(database.sql("select count(*) from kpi")?, "2");
    let asked = lake
        .tarn_with(&with, &["query", "--mart", "reporting", "--format", "csv", "select name from kpi order by id"])?;
    assert_eq!(asked.done().stdout, "name\nchanged\nnew\n");
    Ok(())
}

#[test]
fn mariadb() -> Result<()> {
    on_a_server(Kind::Mariadb)
}

#[test]
fn mysql() -> Result<()> {
    on_a_server(Kind::Mysql)
}

#[test]
fn postgres() -> Result<()> {
    on_a_server(Kind::Postgres)
}
