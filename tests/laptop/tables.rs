//! Changes of tables: whatever order they come in and however often, the latest image of each item is the same.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use tarn_testkit::ScratchLake;

const ORDERS: &str = "\
kind: table
key: [shop, order_id]
columns:
  - {name: shop, type: string, required: true}
  - {name: order_id, type: bigint, required: true}
  - {name: total, type: \"decimal(38,2)\"}
";

/// The same changes, without a contract.
const LOOSE: &str = "kind: table\nkey: [shop, order_id]\n";

/// A row of numbers that look like chance and are the same each time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for position in (1..items.len()).rev() {
            let other = self.below(position as u64 + 1);
            items.swap(position, usize::try_from(other).unwrap());
        }
    }
}

/// One change: its number, its item and the total it leaves; none: it removes the item.
#[derive(Clone)]
struct Change {
    sequence: u64,
    item: (u64, u64),
    total: Option<u64>,
}

impl Change {
    fn record(&self) -> String {
        let (shop, order) = self.item;
        let keys = format!(r#""shop":{{"S":"s-{shop}"}},"order_id":{{"N":"{order}"}}"#);
        let (name, image) = match self.total {
            None => ("REMOVE", format!(r#""OldImage":{{{keys},"total":{{"N":"0"}}}},"#)),
            Some(total) => ("MODIFY", format!(r#""NewImage":{{{keys},"total":{{"N":"{total}.50"}}}},"#)),
        };
        // Numbers of the length that DynamoDB gives: greater than any integer of a machine.
        format!(
            r#"{{"eventName":"{name}","dynamodb":{{"ApproximateCreationDateTime":{},"Keys":{{{keys}}},{image}"SequenceNumber":"9{:029}"}}}}"#,
            1_793_457_000 + self.sequence * 3_600,
            self.sequence
        )
    }
}

fn changes(chance: &mut Chance) -> Vec<Change> {
    (0..600)
        .map(|sequence| Change {
            sequence,
            item: (chance.below(3), chance.below(20)),
            total: (chance.below(4) > 0).then(|| chance.below(1_000)),
        })
        .collect()
}

/// The items as they stand after all changes, as `shop,order,total`.
fn expected(changes: &[Change]) -> Vec<String> {
    let mut latest: BTreeMap<(u64, u64), &Change> = BTreeMap::new();
    for change in changes {
        let known = latest.entry(change.item).or_insert(change);
        if change.sequence > known.sequence {
            *known = change;
        }
    }
    let row = |change: &Change| {
        let (shop, order) = change.item;
        change.total.map(|total| format!("s-{shop},{order},{total}.50"))
    };
    latest.into_values().filter_map(row).collect()
}

/// A lake with both sources, and the changes as files: shuffled, and a third of them twice or more.
fn lake(changes: &[Change], chance: &mut Chance) -> Result<(ScratchLake, Vec<String>)> {
    let lake = ScratchLake::empty()?;
    lake.write("tarn.yaml", "name: scratch\n")?;
    lake.write("sources/orders.yaml", ORDERS)?;
    lake.write("sources/loose.yaml", LOOSE)?;
    let mut copies = changes.to_vec();
    for _ in 0..changes.len() / 3 {
        let copied = chance.below(changes.len() as u64);
        copies.push(changes[usize::try_from(copied)?].clone());
    }
    chance.shuffle(&mut copies);
    let mut files = Vec::new();
    for (number, batch) in copies.chunks(100).enumerate() {
        let text: Vec<String> = batch.iter().map(Change::record).collect();
        let file = format!("batch-{number}.ndjson");
        lake.write(&file, text.join("\n"))?;
        files.push(file);
    }
    // One batch comes whole a second time, in a file of its own bytes.
    let text = lake.read(&files[0])?;
    lake.write("again.ndjson", text + "\n")?;
    files.push("again.ndjson".to_owned());
    Ok((lake, files))
}

fn ingest(lake: &ScratchLake, source: &str, files: &[String]) -> Result<()> {
    let arguments: Vec<&str> = ["ingest", source].into_iter().chain(files.iter().map(String::as_str)).collect();
    lake.tarn(&arguments)?.done();
    Ok(())
}

#[test]
fn shuffled_and_doubled_changes_leave_the_latest_images() -> Result<()> {
    let mut chance = Chance(7);
    let changes = changes(&mut chance);
    let (lake, files) = lake(&changes, &mut chance)?;
    ingest(&lake, "orders", &files)?;
    ingest(&lake, "loose", &files)?;
    let expected = expected(&changes);
    assert!((10..60).contains(&expected.len()), "{expected:?}");
    let sql = "select shop, order_id, total from orders_current order by shop, order_id";
    assert_eq!(lake.rows(sql)?, expected);
    let sql = "select shop, order_id, total from loose_current order by shop, cast(order_id as bigint)";
    assert_eq!(lake.rows(sql)?, expected);
    // Everything that came is in the history.
    assert_eq!(lake.rows("select count(*) from orders")?, ["900"]);
    Ok(())
}

#[test]
fn the_view_is_there_before_the_first_change_and_follows_the_columns() -> Result<()> {
    let lake = ScratchLake::empty()?;
    lake.write("tarn.yaml", "name: scratch\n")?;
    lake.write("sources/loose.yaml", LOOSE)?;
    lake.write("models/totals.sql", "select shop, order_id from {{ source('loose_current') }}")?;
    lake.tarn(&["run"])?.done();
    assert_eq!(lake.rows("select count(*) from totals")?, ["0"]);
    let change = Change { sequence: 1, item: (1, 2), total: Some(3) };
    lake.write("one.ndjson", change.record())?;
    ingest(&lake, "loose", &["one.ndjson".to_owned()])?;
    lake.write("models/totals.sql", "select shop, order_id, total from {{ source('loose_current') }}")?;
    lake.tarn(&["run"])?.done();
    assert_eq!(lake.rows("select shop, order_id, total from totals")?, ["s-1,2,3.50"]);
    Ok(())
}

#[test]
fn what_was_delivered_twice_is_read_once() -> Result<()> {
    let mut chance = Chance(11);
    let changes = changes(&mut chance);
    let (lake, files) = lake(&changes, &mut chance)?;
    lake.write(
        "sources/visits.yaml",
        "kind: stream\ncolumns:\n  - {name: page, type: string}\n  - {name: n, type: bigint}\n",
    )?;
    lake.write(
        "models/history.sql",
        "select shop, order_id, \"_op\" as op from {{ deduplicated('orders') }} as changes",
    )?;
    lake.write("models/pages.sql", "select page, n from {{ deduplicated('visits') }}")?;
    let visits = "{\"page\":\"/\",\"n\":1}\n{\"page\":\"/\",\"n\":2}\n";
    lake.write("visits.ndjson", visits)?;
    // The same records in another order, and one that is new.
    lake.write("more.ndjson", "{\"page\":\"/\",\"n\":2}\n{\"page\":\"/b\",\"n\":3}\n{\"page\":\"/\",\"n\":1}\n")?;
    ingest(&lake, "orders", &files)?;
    ingest(&lake, "visits", &["visits.ndjson".to_owned(), "more.ndjson".to_owned()])?;
    lake.tarn(&["run"])?.done();
    assert_eq!(lake.rows("select count(*) from history")?, [changes.len().to_string()]);
    let removed = changes.iter().filter(|change| change.total.is_none()).count();
    assert_eq!(lake.rows("select count(*) from history where op = 'remove'")?, [removed.to_string()]);
    assert_eq!(lake.rows("select count(*) from visits")?, ["5"]);
    assert_eq!(lake.rows("select page, n from pages order by n")?, ["/,1", "/,2", "/b,3"]);
    Ok(())
}

#[test]
fn killed_at_many_moments_a_file_is_there_once() -> Result<()> {
    let mut chance = Chance(13);
    let changes = changes(&mut chance);
    let (lake, files) = lake(&changes, &mut chance)?;
    let contracts = [ORDERS.to_owned(), ORDERS.replace("columns:", "partitioned_by: {day: _at}\ncolumns:")];
    for delay in (0..60).step_by(3) {
        // Each attempt with another contract than the one before.
        lake.write("sources/orders.yaml", &contracts[delay / 3 % 2])?;
        let mut child = lake.start(&["ingest", "orders", &files[0]])?;
        std::thread::sleep(Duration::from_millis(delay as u64));
        child.kill()?;
        child.wait()?;
    }
    for contract in &contracts {
        lake.write("sources/orders.yaml", contract)?;
        ingest(&lake, "orders", &files[..1])?;
        assert_eq!(lake.rows("select count(*) from orders")?, ["100"]);
    }
    Ok(())
}
