//! Figures: how fast, how soon, how large. Run them alone, on a program built with the profile that is meant:
//! `cargo test --release -p tarn-tests --test functions figures -- --ignored --nocapture`, with `TARN_FUNCTION` naming the program.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use tarn_pipeline::ingest::firehose::{Outcome, Transform};
use tarn_pipeline::project::Project;
use tarn_testkit::{RuntimeApi, program};

use crate::world::World;

const CLICKS: &str = "kind: stream
columns:
  - {name: event_id, type: string, required: true}
  - {name: event_type, type: string, required: true}
  - {name: occurred_at, type: timestamp, required: true}
  - {name: visitor_id, path: user.anonymous_id, type: string}
  - {name: user_id, path: user.id, type: bigint}
  - {name: prefecture, path: user.geo.pref, type: string}
  - {name: device, path: device.type, type: string}
  - {name: page_url, path: page.url, type: string}
  - {name: page_title, path: page.title, type: string}
  - {name: product_id, path: product.id, type: string}
  - {name: price, path: product.price, type: \"decimal(12,2)\"}
  - {name: tags, path: product.tags, type: json}
";

const ROUNDS: usize = 400;

/// An event of about this many bytes of records, and how many there are.
fn event(bytes: usize) -> (Vec<u8>, usize) {
    let mut records = Vec::new();
    let mut sum = 0;
    while sum < bytes {
        let number = records.len();
        let record = format!(
            "{{\"event_id\":\"0b7f5a3e-{number:08}\",\"event_type\":\"product_view\",\"occurred_at\":\"2026-10-31T09:15:{:02}.123Z\",\
             \"user\":{{\"anonymous_id\":\"v-{number:012}\",\"id\":{},\"plan\":\"standard\",\"geo\":{{\"pref\":\"東京都\"}}}},\
             \"device\":{{\"type\":\"mobile\",\"os\":\"ios\"}},\"page\":{{\"url\":\"https://shop.example/products/{number}?ref=top\",\
             \"title\":\"Wool socks – shop\"}},\"product\":{{\"id\":\"p-{}\",\"category\":\"clothing\",\"price\":{}.50,\
             \"tags\":[\"wool\",\"winter\",\"sale\"]}}}}",
            number % 60,
            number * 7,
            number % 500,
            number % 9_000
        );
        sum += record.len();
        records.push(json!({
            "recordId": format!("{number:056}"),
            "approximateArrivalTimestamp": 1_760_022_000_000_u64,
            "data": STANDARD.encode(record),
        }));
    }
    let event = json!({
        "invocationId": "4b3cf9d5-08f8-4b5e-9a4a-5a3c8a3d2b10",
        "deliveryStreamArn": "arn:aws:firehose:us-east-1:123456789012:deliverystream/clicks",
        "region": "us-east-1",
        "records": records,
    });
    (event.to_string().into_bytes(), sum)
}

fn start(world: &World) -> Result<RuntimeApi> {
    let program = match std::env::var_os("TARN_FUNCTION") {
        Some(path) => PathBuf::from(path),
        None => program("firehose-transform")?,
    };
    let endpoint = world.moto.endpoint();
    let settings = [
        ("AWS_ENDPOINT_URL", endpoint.as_str()),
        ("TARN_BUCKET", world.names.lake.as_str()),
        ("TARN_SOURCE", "clicks"),
    ];
    RuntimeApi::start_program(&program, &settings)
}

/// Processor time of the calling thread.
fn thread_time() -> Result<Duration> {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(Duration::from_nanos(stat.split_whitespace().next().context("no time")?.parse()?))
}

#[test]
#[ignore = "a measurement"]
fn throughput() -> Result<()> {
    let world = World::new()?;
    world.push("clicks", CLICKS)?;
    let project = world.runtime.block_on(Project::load(&world.bucket()))?;
    for megabytes in [1, 3] {
        let (event, bytes) = event(megabytes << 20);
        let mut transform = Transform::new(&project.lake, &project.lake.sources["clicks"])?;
        let mut bare = |rounds: usize| -> Result<Duration> {
            let before = thread_time()?;
            for _ in 0..rounds {
                let response = transform.batch(&event)?.response(&Outcome::default()).len();
                assert!(response > bytes);
            }
            Ok(thread_time()? - before)
        };
        bare(20)?;
        let bare = bare(ROUNDS)?;
        let mut function = start(&world)?;
        for _ in 0..20 {
            function.invoke(event.clone())?.response();
        }
        let before = function.cpu_time()?;
        for _ in 0..ROUNDS {
            function.invoke(event.clone())?.response();
        }
        let whole = function.cpu_time()? - before;
        let speed = |time: Duration| (bytes * ROUNDS) as f64 / 1e6 / time.as_secs_f64();
        println!(
            "{megabytes} MB: handler {:.0} MB/s, invocation {:.0} MB/s, ratio {:.2}, peak memory {} MB",
            speed(bare),
            speed(whole),
            speed(whole) / speed(bare),
            function.peak_memory()? >> 20
        );
    }
    Ok(())
}

#[test]
#[ignore = "a measurement"]
fn cold_starts() -> Result<()> {
    let world = World::new()?;
    world.push("clicks", CLICKS)?;
    let (event, _) = event(10_000);
    let mut starts = Vec::new();
    let mut firsts = Vec::new();
    for _ in 0..20 {
        let mut function = start(&world)?;
        starts.push(function.cold_start());
        function.invoke(event.clone())?.response();
        firsts.push(Duration::from_secs_f64(function.closing()?["Milliseconds"].as_f64().context("no time")? / 1e3));
    }
    starts.sort();
    firsts.sort();
    println!("start to first poll: median {:?}, slowest {:?}", starts[10], starts[19]);
    println!("first invocation, with the project: median {:?}, slowest {:?}", firsts[10], firsts[19]);
    Ok(())
}
