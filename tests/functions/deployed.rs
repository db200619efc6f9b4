//! A lake's folder and what is deployed of it: `tarn push`, and `tarn replay --target aws`.

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tarn_testkit::{Answer, REGION, ScratchLake};

use crate::world::World;

const WHOLE_NUMBERS: &str = "kind: stream
columns:
  - {name: id, type: string, required: true}
  - {name: n, type: int}
";

/// A lake's folder whose `tarn.yaml` names the buckets of a world.
fn lake(world: &World) -> Result<ScratchLake> {
    let lake = ScratchLake::empty()?;
    let (bucket, raw_bucket) = (&world.names.lake, &world.names.raw);
    lake.write(
        "tarn.yaml",
        format!("name: scratch\ntimezone: Asia/Tokyo\naws: {{bucket: {bucket}, raw_bucket: {raw_bucket}}}\n"),
    )?;
    lake.write("sources/clicks.yaml", WHOLE_NUMBERS)?;
    Ok(lake)
}

fn tarn(lake: &ScratchLake, world: &World, arguments: &[&str]) -> Result<Answer> {
    let variables = [
        ("AWS_ENDPOINT_URL", world.moto.endpoint()),
        ("AWS_REGION", REGION.to_owned()),
        ("AWS_ACCESS_KEY_ID", "test".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
    ];
    let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    lake.tarn_with(&variables, arguments)
}

fn event(records: &[&str]) -> String {
    let record = |(position, text): (usize, &&str)| {
        json!({
            "recordId": format!("r{position}"),
            "approximateArrivalTimestamp": 1_760_022_000_000_u64,
            "data": STANDARD.encode(text),
        })
    };
    json!({
        "invocationId": "4b3cf9d5-08f8-4b5e-9a4a-5a3c8a3d2b10",
        "deliveryStreamArn": "arn:aws:firehose:us-east-1:123456789012:deliverystream/clicks",
        "region": "us-east-1",
        "records": records.iter().enumerate().map(record).collect::<Vec<_>>(),
    })
    .to_string()
}

#[test]
fn a_mended_contract_takes_what_lies_in_the_deployed_quarantine_once() -> Result<()> {
    let world = World::new()?;
    let lake = lake(&world)?;
    let pushed = tarn(&lake, &world, &["push", "--json"])?.done().json()?;
    let location = pushed["location"].as_str().context("no location")?;
    assert!(location.starts_with(&format!("s3://{}/project/", world.names.lake)), "{location}");

    let mut function = world.start("firehose-transform", &[("TARN_SOURCE", "clicks")])?;
    let records = [r#"{"id": "a", "n": 1}"#, r#"{"id": "b", "n": 2.5}"#, r#"{"n": 3}"#];
    let response: Value = function.invoke(event(&records))?.json();
    let results: Vec<&Value> =
        response["records"].as_array().context("no records")?.iter().map(|r| &r["result"]).collect();
    assert_eq!(results, ["Ok", "Dropped", "Dropped"]);

    let listed = tarn(&lake, &world, &["replay", "clicks", "--target", "aws", "--list", "--json"])?.done().json()?;
    assert_eq!(listed.as_array().map(Vec::len), Some(2), "{listed}");

    lake.write("sources/clicks.yaml", WHOLE_NUMBERS.replace("type: int", "type: \"decimal(10,1)\""))?;
    tarn(&lake, &world, &["push"])?.done();
    let replay =
        || -> Result<Value> { tarn(&lake, &world, &["replay", "clicks", "--target", "aws", "--json"])?.done().json() };
    let first = replay()?;
    assert_eq!((&first["records"], &first["rows"], &first["quarantined"]), (&json!(2), &json!(1), &json!(1)));
    let files = world.moto.keys(&world.names.lake, "source/clicks/")?;
    assert!(files.len() == 1 && files[0].starts_with("source/clicks/day=2025-10-10/"), "{files:?}");
    assert_eq!(&world.moto.get(&world.names.lake, &files[0])?[..4], b"PAR1");

    let second = replay()?;
    assert_eq!((&second["records"], &second["rows"], &second["quarantined"]), (&json!(1), &json!(0), &json!(1)));
    assert_eq!(world.moto.keys(&world.names.lake, "source/clicks/")?, files);
    Ok(())
}

#[test]
fn a_lake_that_is_deployed_nowhere_says_so() -> Result<()> {
    let lake = ScratchLake::empty()?;
    lake.write("tarn.yaml", "name: scratch\n")?;
    let refused = lake.tarn(&["push"])?.ended(2);
    assert!(refused.stderr.contains("does not say where the lake is deployed"), "{}", refused.stderr);
    assert!(refused.stderr.contains("aws: {bucket: …}"), "{}", refused.stderr);
    Ok(())
}
