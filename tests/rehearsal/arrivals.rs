//! What goes wrong on the way in: functions that are killed behind Firehose and DynamoDB, changes that are given up, a quarantine that fills.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::deployment::{Deployment, ORDERS};
use crate::events;
use crate::failures::Both;
use crate::operator::{over, told, told_once};
use crate::wait_for;

const TRANSFORM: &str = "tarn-shop-firehose-transform-site_events";
const CAPTURE: &str = "tarn-shop-dynamodb-capture";
const FLATTEN: &str = "tarn-shop-dynamodb-flatten";

/// An event as the site sends it.
fn event(id: &str) -> String {
    let event = json!({
        "event_id": id, "event_type": "page_view", "occurred_at": "2026-10-31T01:02:03.004Z",
        "user": {"anonymous_id": format!("visitor of {id}")}, "device": {"type": "mobile"},
    });
    event.to_string()
}

/// How often events whose id begins so are in the source's table: rows, and different ones.
fn arrived(deployed: &Deployment, begin: &str) -> Result<String> {
    let sql = format!("select count(*), count(distinct event_id) from site_events where event_id like '{begin}%'");
    Ok(deployed.rows(&sql)?.remove(0))
}

fn put_order(deployed: &Deployment, id: &str, total: &Value) -> Result<()> {
    let item = json!({"order_id": {"S": id}, "status": {"S": "ordered"}, "total": total});
    let body = json!({"TableName": ORDERS, "Item": item});
    deployed.account.call("dynamodb", "DynamoDB_20120810.PutItem", &body).map(|_| ())
}

/// Waits until these orders are in the table of current ones.
fn wait_for_orders(deployed: &Deployment, begin: &str, wanted: usize) -> Result<()> {
    let sql = format!("select count(*) from orders_current where order_id like '{begin}%'");
    wait_for(&format!("{wanted} orders {begin}"), || Ok((deployed.rows(&sql)? == [wanted.to_string()]).then_some(())))
}

/// The function that transforms a stream's records.
pub(crate) fn of_a_stream(deployed: &Deployment) -> Result<()> {
    let account = &deployed.account;
    // Once each: Firehose tries again, and nobody need know.
    let faults =
        [json!({"crash": "start"}), json!({"crash": "end"}), json!({"stall": "end"}), json!({"throttle": true})];
    for (number, fault) in faults.into_iter().enumerate() {
        let mut fault = fault;
        fault["function"] = json!(TRANSFORM);
        account.fault(&fault)?;
        events::send(
            deployed,
            "site_events",
            &[event(&format!("hasty-{number}")), event(&format!("hasty-{number}b"))],
        )?;
    }
    assert_eq!(arrived(deployed, "hasty-")?, "8,8");
    told(deployed, 0)?;

    // Each time: Firehose gives the records up, and they lie in its error prefix.
    account.fault(&json!({"function": TRANSFORM, "crash": "end", "times": 4}))?;
    events::send(deployed, "site_events", &[event("lost-1"), event("lost-2")])?;
    assert_eq!(arrived(deployed, "lost-")?, "0,0");
    assert_eq!(account.keys("shop-lake", "errors/site_events/processing-failed/day=")?.len(), 1);
    told_once(deployed, &format!("Alarm: {TRANSFORM}-errors"))?;
    let listed = deployed.types("tarn replay site_events --list --target aws")?;
    assert!(listed.contains("2  firehose gave it up: Lambda.FunctionError"), "{listed}");
    for _ in 0..2 {
        deployed.types("tarn replay site_events --target aws")?;
        assert_eq!(arrived(deployed, "lost-")?, "2,2");
    }
    told(deployed, 0)?;
    Ok(())
}

/// The functions that keep a table's changes, and make rows of them.
pub(crate) fn of_a_table(deployed: &Deployment) -> Result<()> {
    let account = &deployed.account;
    for fault in [
        json!({"function": CAPTURE, "crash": "end"}),
        json!({"function": CAPTURE, "crash": "start"}),
        json!({"function": CAPTURE, "stall": "end"}),
        json!({"function": CAPTURE, "throttle": true}),
        json!({"function": FLATTEN, "crash": "end"}),
        json!({"function": FLATTEN, "throttle": true, "times": 2}),
    ] {
        account.fault(&fault)?;
    }
    for number in 0..5 {
        put_order(deployed, &format!("hasty-{number}"), &json!({"N": "5"}))?;
    }
    wait_for_orders(deployed, "hasty-", 5)?;
    wait_for("end of the faults", || Ok((account.faults()? == 0).then_some(())))?;
    told(deployed, 0)?;

    // An object whose rows cannot be made: its notice is a dead letter, and goes to the function by hand.
    account.fault(&json!({"function": FLATTEN, "crash": "start", "times": 3}))?;
    put_order(deployed, "noticed-1", &json!({"N": "6"}))?;
    told_once(deployed, &format!("Alarm: {FLATTEN}-dead-letters"))?;
    wait_for_orders(deployed, "noticed-", 0)?;
    let letters = deployed.take_messages(&format!("{FLATTEN}-dead-letters"))?;
    assert_eq!(letters.len(), 1, "{letters:#?}");
    account.invoke(FLATTEN, &letters[0])?;
    wait_for_orders(deployed, "noticed-", 1)?;
    told(deployed, 0)?;
    of_a_poisoned_change(deployed)
}

/// A change that kills its function each time: its batch is halved until it is alone, it is given up when it is too old, and is brought in by
/// hand from the stream.
fn of_a_poisoned_change(deployed: &Deployment) -> Result<()> {
    let account = &deployed.account;
    account.fault(&json!({"function": CAPTURE, "event": "poison-5", "crash": "start", "times": 100_000}))?;
    account.hurry(6_000)?;
    for number in 0..12 {
        put_order(deployed, &format!("poison-{number}"), &json!({"N": "7"}))?;
    }
    wait_for_orders(deployed, "poison-", 11)?;
    let message = told_once(deployed, &format!("Alarm: {CAPTURE}-dead-letters"))?;
    assert!(message.contains("failed for good"), "{message}");
    account.clear_faults()?;
    account.hurry(crate::deployment::HURRY)?;
    let letters = deployed.take_messages(&format!("{CAPTURE}-dead-letters"))?;
    assert_eq!(letters.len(), 1, "{letters:#?}");
    let letter: Value = serde_json::from_str(&letters[0])?;
    let batch = &letter["DDBStreamBatchInfo"];
    assert_eq!(batch["batchSize"], 1, "only what is poisoned is given up: {letter:#}");
    assert_eq!(letter["requestContext"]["condition"], "RecordAgeExceeded", "{letter:#}");

    // What `aws dynamodbstreams get-records` prints, by the same calls.
    let streams = |operation: &str, body: &Value| {
        account.call("dynamodb", &format!("DynamoDBStreams_20120810.{operation}"), body)
    };
    let described = streams("DescribeStream", &json!({"StreamArn": batch["streamArn"]}))?;
    let shard = described["StreamDescription"]["Shards"][0]["ShardId"].clone();
    let iterator = streams(
        "GetShardIterator",
        &json!({"StreamArn": batch["streamArn"], "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"}),
    )?;
    let records = streams("GetRecords", &json!({"ShardIterator": iterator["ShardIterator"]}))?;
    let records = records["Records"].as_array().context("records of the stream")?;
    let poisoned = records.iter().filter(|record| record.to_string().contains("poison-5"));
    let changes: Vec<String> = poisoned.map(Value::to_string).collect();
    assert_eq!(changes.len(), 1, "{records:#?}");
    deployed.lake.write("changes.ndjson", changes.join("\n") + "\n")?;
    for _ in 0..2 {
        deployed.types("tarn ingest orders changes.ndjson --target aws")?;
        wait_for_orders(deployed, "poison-", 12)?;
    }
    std::fs::remove_file(deployed.lake.path().join("changes.ndjson"))?;
    told(deployed, 0)?;
    Ok(())
}

/// Everything that was sent since arrives on the laptop too.
fn bring_to_laptop(both: &Both<'_>) -> Result<()> {
    events::bring_to(both.deployed, both.laptop)?;
    let events = "select count(*), count(distinct event_id) from site_events";
    assert_eq!(both.deployed.rows(events)?, both.laptop.rows(events)?);
    let orders = "select order_id, status, total from orders_current order by order_id";
    assert_eq!(both.deployed.rows(orders)?, both.laptop.rows(orders)?);
    Ok(())
}

/// Records of a stream and of a table that do not fit, for several reasons; then a contract that some of them fit, a replay, and the days again.
pub(crate) fn of_contracts(both: &Both<'_>) -> Result<()> {
    let Both { deployed, laptop, .. } = both;
    bring_to_laptop(both)?;
    for function in [TRANSFORM, FLATTEN] {
        over(deployed, &format!("{function}-quarantined"))?;
    }
    let mut refused = vec![events::WITHOUT_TYPE.to_owned(), "{\"event_id\":\"cut".to_owned()];
    refused.extend((0..20).map(|number| {
        event(&format!("dear-{number}")).replace("\"device\"", "\"product\":{\"price\":\"nothing\"},\"device\"")
    }));
    refused.push(event("fits"));
    events::send(deployed, "site_events", &refused)?;
    for number in 0..3 {
        put_order(deployed, &format!("refused-{number}"), &json!({"S": "three"}))?;
    }
    // Once for the stream, once for the table, however many there are.
    let mut messages = told(deployed, 2)?;
    messages.sort();
    assert!(messages[0].contains(&format!("Alarm: {FLATTEN}-quarantined")), "{messages:#?}");
    assert!(messages[1].contains(&format!("Alarm: {TRANSFORM}-quarantined")), "{messages:#?}");
    let listed = deployed.types("tarn replay site_events --list --target aws")?;
    for reason in [
        "required column `event_type` is absent",
        "column `price` cannot hold \"nothing\" as decimal(12,2)",
        "the record ends inside",
    ] {
        assert!(listed.contains(reason), "{reason} is not in {listed}");
    }
    assert!(listed.contains("20  column `price` cannot hold \"nothing\""), "{listed}");
    let listed = deployed.types("tarn replay orders --list --target aws")?;
    assert!(listed.contains("3  column `total` cannot hold \"three\""), "{listed}");

    // The stream's contract is mended, the table's application is.
    events::bring_to(deployed, laptop)?;
    let contract = deployed.lake.read("sources/site_events.yaml")?;
    let required = "{name: event_type, type: string, required: true";
    assert!(contract.contains(required));
    let relaxed = contract.replace(required, &required.replace(", required: true", ""));
    deployed.lake.write("sources/site_events.yaml", &relaxed)?;
    laptop.write("sources/site_events.yaml", &relaxed)?;
    deployed.types("tarn push --target aws")?;
    let count = "select count(*) from site_events where event_id = 'without-type'";
    assert_eq!(deployed.rows(count)?, ["0"]);
    for _ in 0..2 {
        deployed.types("tarn replay site_events --target aws")?;
        deployed.types("tarn replay orders --target aws")?;
        assert_eq!(deployed.rows(count)?, ["1"]);
    }
    assert!(
        deployed
            .types("tarn replay site_events --list --target aws")?
            .contains("20  column `price` cannot hold \"nothing\""),
        "the rest stays"
    );
    for number in 0..3 {
        put_order(deployed, &format!("refused-{number}"), &json!({"N": "3"}))?;
    }
    wait_for_orders(deployed, "refused-", 3)?;
    laptop.tarn(&["replay", "site_events"])?.done();
    bring_to_laptop(both)?;
    of_a_backfill(both)
}

/// The days are made again, and a slice fails: the backfill is told once, and goes on where it was left.
fn of_a_backfill(both: &Both<'_>) -> Result<()> {
    let Both { deployed, laptop, .. } = both;
    told(deployed, 0)?;
    let days = "tarn backfill sessions+ --from 2026-10-30 --to 2026-10-31 --yes";
    // The code is one that no retry mends.
    deployed
        .account
        .fault(&json!({"statement": "create table sessions__", "at": "start", "error": "DIVISION_BY_ZERO"}))?;
    assert!(deployed.types(&format!("{days} --target aws")).is_err(), "the first slice fails");
    told_once(deployed, "tarn-shop-backfill failed")?;
    deployed.types(&format!("{days} --target aws --resume"))?;
    laptop.tarn(&days.split_whitespace().skip(1).collect::<Vec<_>>())?.done();
    both.are_equal("a backfill")?;
    told(deployed, 0)?;
    Ok(())
}
