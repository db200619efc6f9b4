//! Records that do not fit: kept whole with the reason, and sent through again when they may.

use anyhow::Result;
use tarn_testkit::ScratchLake;

/// One good record, and one each of broken JSON, a wrong type, a missing required column, bytes that are no text, and a cut.
const MIXED: &[u8] = b"{\"visit_id\":\"good\",\"occurred_at\":\"2026-02-01T00:00:00Z\"}\n\
{\"visit_id\":\"broken\",,}\n\
{\"visit_id\":\"typed\",\"occurred_at\":\"2026-02-01T00:00:00Z\",\"seconds\":\"long\"}\n\
{\"occurred_at\":\"2026-02-01T00:00:00Z\"}\n\
{\"visit_id\":\"\xff\xfe\",\"occurred_at\":\"2026-02-01T00:00:00Z\"}\n\
{\"visit_id\":\"cut\",\"occurred_at\":\"2026-02-0";

#[test]
fn a_bad_record_does_not_hurt_the_others() -> Result<()> {
    let lake = ScratchLake::new()?;
    lake.write("mixed.ndjson", MIXED)?;
    let ingested = lake.tarn(&["ingest", "visits", "mixed.ndjson", "--json"])?.done().json()?;
    assert_eq!(ingested[0]["rows"], 1);
    assert_eq!(ingested[0]["quarantined"], 5);
    let listed = lake.tarn(&["replay", "visits", "--list", "--json"])?.done().json()?;
    let reasons: Vec<&str> =
        listed.as_array().unwrap().iter().map(|record| record["reason"].as_str().unwrap()).collect();
    assert_eq!(reasons.len(), 5);
    assert!(
        reasons.iter().any(|reason| reason.contains("column `seconds` cannot hold \"long\" as decimal(6,1)")),
        "{reasons:?}"
    );
    assert!(reasons.iter().any(|reason| reason.contains("required column `visit_id` is absent")), "{reasons:?}");
    assert!(reasons.iter().any(|reason| reason.contains("utf-8")), "{reasons:?}");
    Ok(())
}

#[test]
fn quarantined_records_are_whole() -> Result<()> {
    let lake = ScratchLake::new()?;
    lake.write("mixed.ndjson", MIXED)?;
    lake.tarn(&["ingest", "visits", "mixed.ndjson"])?.done();
    let listed = lake.tarn(&["replay", "visits", "--list", "--json"])?.done().json()?;
    for record in listed.as_array().unwrap() {
        let offset = usize::try_from(record["offset"].as_u64().unwrap())?;
        let whole = MIXED[offset..].split(|byte| *byte == b'\n').next().unwrap();
        let kept = std::process::Command::new("base64")
            .arg("-d")
            .stdin({
                let path = lake.write("record.b64", record["record"].as_str().unwrap())?;
                std::fs::File::open(path)?
            })
            .output()?;
        assert_eq!(kept.stdout, whole);
    }
    Ok(())
}

#[test]
fn a_mended_contract_takes_them_once() -> Result<()> {
    let lake = ScratchLake::new()?;
    lake.write("mixed.ndjson", MIXED)?;
    lake.tarn(&["ingest", "visits", "mixed.ndjson"])?.done();
    let contract = lake.read("sources/visits.yaml")?;
    lake.write("sources/visits.yaml", contract.replace("\"decimal(6,1)\"", "string"))?;
    let replayed = lake.tarn(&["replay", "visits", "--json"])?.done().json()?;
    assert_eq!(
        (replayed["records"].as_u64(), replayed["rows"].as_u64(), replayed["quarantined"].as_u64()),
        (Some(5), Some(1), Some(4))
    );
    assert_eq!(lake.rows("select visit_id, seconds from visits where visit_id = 'typed'")?, ["typed,long"]);
    // Again: nothing new fits, nothing enters twice.
    let replayed = lake.tarn(&["replay", "visits", "--json"])?.done().json()?;
    assert_eq!((replayed["records"].as_u64(), replayed["rows"].as_u64()), (Some(4), Some(0)));
    // And a file that comes in again brings what was replayed only once.
    lake.tarn(&["ingest", "visits", "mixed.ndjson"])?.done();
    assert_eq!(lake.rows("select visit_id from visits order by visit_id")?, ["good", "typed"]);
    Ok(())
}
