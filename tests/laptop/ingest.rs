//! Records on their way in: what comes twice is there once, whatever form it comes in.

use std::io::Write;

use anyhow::Result;
use tarn_testkit::ScratchLake;

const COUNT: &str = "select count(*) from visits";

fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut packed = Vec::new();
    let mut child = std::process::Command::new("gzip")
        .arg("-c")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()?;
    child.stdin.take().unwrap().write_all(bytes)?;
    std::io::Read::read_to_end(&mut child.stdout.take().unwrap(), &mut packed)?;
    assert!(child.wait()?.success());
    Ok(packed)
}

#[test]
fn a_file_that_comes_twice_changes_nothing() -> Result<()> {
    let lake = ScratchLake::new()?;
    for repeated in [false, true, true] {
        let ingested = lake.tarn(&["ingest", "visits", "data/visits.ndjson", "--json"])?.done().json()?;
        assert_eq!(ingested[0]["repeated"], repeated);
        assert_eq!(lake.rows(COUNT)?, ["40"]);
    }
    Ok(())
}

#[test]
fn every_byte_is_kept_before_it_is_interpreted() -> Result<()> {
    let lake = ScratchLake::new()?;
    let ingested = lake.tarn(&["ingest", "visits", "data/visits.ndjson", "--json"])?.done().json()?;
    let raw = ingested[0]["raw"].as_str().unwrap();
    assert_eq!(
        std::fs::read(lake.path().join(".tarn/lake").join(raw))?,
        std::fs::read(lake.path().join("data/visits.ndjson"))?
    );
    Ok(())
}

#[test]
fn gzip_arrays_and_pretty_json_are_read() -> Result<()> {
    let lake = ScratchLake::new()?;
    let record = |id: &str| format!(r#"{{"visit_id":"{id}","occurred_at":"2026-02-01T00:00:00Z","page":"/"}}"#);
    lake.write("a.ndjson.gz", gzip(format!("{}\n{}\n", record("a"), record("b")).as_bytes())?)?;
    lake.write("b.json", format!("[{},\n {}]", record("c"), record("d")))?;
    lake.write("c.json", "{\n  \"visit_id\": \"e\",\n  \"occurred_at\": \"2026-02-01T00:00:00Z\"\n}\n")?;
    lake.write("d.json", format!("{}\n{}\n", record("f"), record("g")))?;
    // Two documents in one line are two rows.
    lake.write("e.ndjson", format!("{}{}\r\n\n", record("h"), record("i")))?;
    lake.tarn(&["ingest", "visits", "a.ndjson.gz", "b.json", "c.json", "d.json", "e.ndjson"])?.done();
    assert_eq!(
        lake.rows("select visit_id from visits order by visit_id")?,
        ["a", "b", "c", "d", "e", "f", "g", "h", "i"]
    );
    Ok(())
}

#[test]
fn a_key_of_the_partitions_name_is_a_column_of_its_own() -> Result<()> {
    let lake = ScratchLake::new()?;
    lake.write("sources/free.yaml", "kind: stream\n")?;
    lake.write("a.ndjson", "{\"x\":1}\n{\"day\":\"d\"}\n")?;
    lake.tarn(&["ingest", "free", "a.ndjson"])?.done();
    assert_eq!(lake.rows("select x from free where x is not null")?, ["1"]);
    assert_eq!(lake.rows("select count(*) from free where day <= current_date")?, ["2"]);
    let columns = lake.rows("describe free")?;
    let own: Vec<&String> = columns.iter().filter(|column| column.starts_with("day__")).collect();
    let [own] = own[..] else { panic!("one column for the key: {columns:?}") };
    let name = &own[..13];
    assert_eq!(lake.rows(&format!("select {name} from free where {name} is not null"))?, ["d"]);

    // A catalogue from before the name was reserved lists it among the columns.
    let file = lake.path().join(".tarn/catalogue/free.json");
    let mut entry: serde_json::Value = serde_json::from_slice(&std::fs::read(&file)?)?;
    let column = serde_json::json!({"name": "day", "column_type": "string"});
    entry["columns"].as_array_mut().unwrap().push(column);
    std::fs::write(&file, entry.to_string())?;
    assert_eq!(lake.rows("select x from free where x is not null")?, ["1"]);
    Ok(())
}

#[test]
fn what_no_column_wants_is_kept_beside() -> Result<()> {
    let lake = ScratchLake::new()?;
    lake.write(
        "x.ndjson",
        r#"{"visit_id":"x","occurred_at":"2026-02-01T00:00:00Z","名前":"太郎","a":{"b":1},"a_b":18446744073709551617}"#,
    )?;
    lake.tarn(&["ingest", "visits", "x.ndjson"])?.done();
    let rows = lake.rows(r#"select "_extra" from visits"#)?;
    assert_eq!(rows.len(), 1);
    for kept in ["名前", "太郎", "18446744073709551617", "a_b__"] {
        assert!(rows[0].contains(kept), "`{kept}` is lost: {rows:?}");
    }
    Ok(())
}

#[test]
fn days_are_those_of_the_lakes_zone() -> Result<()> {
    let lake = ScratchLake::new()?;
    lake.write("tarn.yaml", lake.read("tarn.yaml")?.replace("timezone: UTC", "timezone: Asia/Tokyo"))?;
    lake.write("x.ndjson", r#"{"visit_id":"x","occurred_at":"2026-01-31T15:00:00Z"}"#)?;
    lake.tarn(&["ingest", "visits", "x.ndjson"])?.done();
    assert_eq!(lake.rows("select day, occurred_at from visits")?, ["2026-02-01,2026-01-31 15:00:00.000"]);
    assert!(lake.path().join(".tarn/lake/source/visits/day=2026-02-01").is_dir());
    Ok(())
}

#[test]
fn a_changed_contract_reads_the_same_file_anew() -> Result<()> {
    let lake = ScratchLake::new()?;
    lake.tarn(&["ingest", "visits", "data/visits.ndjson"])?.done();
    let contract = lake.read("sources/visits.yaml")?;
    lake.write("sources/visits.yaml", format!("{contract}  - {{name: browser, type: string}}\n"))?;
    assert_eq!(lake.rows("select count(browser) from visits")?, ["0"]);
    lake.tarn(&["ingest", "visits", "data/visits.ndjson"])?.done();
    assert_eq!(lake.rows("select count(browser), count(*) from visits")?, ["40,40"]);
    Ok(())
}
