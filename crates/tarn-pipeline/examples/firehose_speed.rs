//! Megabytes of decoded records per processor second, from event to answer, beside a handler that does nothing:
//! `cargo run --release -p tarn-pipeline --example firehose_speed [corpus]`.
//!
//! The GitHub payloads are those of the npm package `@octokit/webhooks-examples`, which `tests/set-up` installs.
#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    missing_docs,
    unreachable_pub,
    reason = "a measuring program"
)]

#[path = "../../tarn-flatten/examples/click/mod.rs"]
mod click;

use std::sync::Arc;

use base64_simd::{AsOut, STANDARD};
use tarn_columnar::PartitionRule;
use tarn_flatten::{Contract, Input, Settings};
use tarn_pipeline::ingest::firehose::{LARGEST_RESPONSE, Outcome, Transform};

/// About what Firehose hands over at a time, before base64.
const EVENT_BYTES: usize = 1 << 20;
const EVENTS: usize = 24;
const ROUNDS: usize = 7;
/// How often a round goes over the events: the clock of the processor ticks in milliseconds.
const TIMES: usize = 6;

struct Corpus {
    events: Vec<Vec<u8>>,
    decoded: usize,
    records: usize,
}

/// Events of the records, taken in turn.
fn corpus(records: &[&str]) -> Corpus {
    let (mut events, mut decoded, mut taken) = (Vec::new(), 0, 0);
    for number in 0..EVENTS {
        let mut event = format!(
            r#"{{"invocationId":"{number}","deliveryStreamArn":"arn:aws:firehose:ap-northeast-1:123456789012:deliverystream/clicks","region":"ap-northeast-1","records":["#
        );
        let mut bytes = 0;
        while bytes < EVENT_BYTES {
            let record = records[taken * 7919 % records.len()].as_bytes();
            if bytes > 0 {
                event.push(',');
            }
            event.push_str(&format!(
                r#"{{"recordId":"4954698668313554428650745793632{taken:025}000000","approximateArrivalTimestamp":1714521600000,"data":"{}"}}"#,
                STANDARD.encode_to_string(record)
            ));
            bytes += record.len();
            taken += 1;
        }
        event.push_str("]}");
        decoded += bytes;
        events.push(event.into_bytes());
    }
    Corpus { events, decoded, records: taken }
}

/// Walk, decode and encode, and nothing else.
fn do_nothing(event: &[u8], decoded: &mut [u8], answer: &mut Vec<u8>) {
    answer.clear();
    answer.extend_from_slice(b"{\"records\":[");
    let id = memchr::memmem::Finder::new(b"\"recordId\":\"");
    let data = memchr::memmem::Finder::new(b"\"data\":\"");
    let mut rest = event;
    while let Some(at) = id.find(rest) {
        rest = &rest[at + 12..];
        let end = memchr::memchr(b'"', rest).unwrap();
        let name = &rest[..end];
        rest = &rest[end..];
        rest = &rest[data.find(rest).unwrap() + 8..];
        let end = memchr::memchr(b'"', rest).unwrap();
        let bytes = STANDARD.decode(&rest[..end], decoded.as_out()).unwrap();
        answer.extend_from_slice(b"{\"recordId\":\"");
        answer.extend_from_slice(name);
        answer.extend_from_slice(b"\",\"result\":\"Ok\",\"data\":\"");
        STANDARD.encode_append(&*bytes, answer);
        answer.extend_from_slice(b"\"},");
        rest = &rest[end..];
    }
    answer.pop();
    answer.extend_from_slice(b"]}");
}

/// The best round of several, in megabytes of decoded records per processor second.
fn measure(corpus: &Corpus, mut handle: impl FnMut(&[u8]) -> usize) -> f64 {
    let mut best = f64::MAX;
    for _ in 0..ROUNDS {
        let start = click::processor_nanoseconds();
        for event in std::iter::repeat_n(&corpus.events, TIMES).flatten() {
            assert!(handle(event) > 0);
        }
        best = best.min((click::processor_nanoseconds() - start) as f64);
    }
    (corpus.decoded * TIMES) as f64 * 1e3 / best
}

fn report(name: &str, corpus: &Corpus, settings: &Settings, contract: Option<Arc<Contract>>) {
    let (mut decoded, mut answer) = (vec![0; 4 << 20], Vec::new());
    let floor = measure(corpus, |event| {
        do_nothing(event, &mut decoded, &mut answer);
        answer.len()
    });
    let mut transform = Transform::with(settings.clone(), contract, &PartitionRule::None, "day", LARGEST_RESPONSE);
    let handled = measure(corpus, |event| {
        let batch = transform.batch(event).unwrap();
        assert!(batch.refused().is_empty() && batch.put_backs().is_empty(), "{:?}", batch.refused().first());
        batch.response(&Outcome::default()).len()
    });
    let size = corpus.decoded / corpus.records;
    println!("{name:<22} {size:>6} B {handled:>6.0} MB/s  floor {floor:>6.0}  share {:.3}", handled / floor);
}

fn github() -> Option<Vec<String>> {
    let home = std::env::var("HOME").ok()?;
    let cache = std::env::var("TARN_TEST_CACHE").unwrap_or(format!("{home}/.cache/tarn/tests"));
    let text =
        std::fs::read(format!("{cache}/node_modules/@octokit/webhooks-examples/api.github.com/index.json")).ok()?;
    let hooks: Vec<serde_json::Value> = serde_json::from_slice(&text).ok()?;
    let examples = hooks.iter().filter_map(|hook| hook["examples"].as_array()).flatten();
    Some(examples.map(ToString::to_string).collect())
}

fn main() {
    let only = std::env::args().nth(1);
    let wanted = |name: &str| only.as_deref().is_none_or(|only| only == name);
    let plain = Settings::default();
    let click = click::events(7, 40_000);
    let contract = Arc::new(click::contract());
    if wanted("click") {
        report("click", &corpus(&click.lines().collect::<Vec<_>>()), &plain, None);
    }
    if wanted("contract") {
        report("click, contract", &corpus(&click.lines().collect::<Vec<_>>()), &plain, Some(contract));
    }
    if wanted("scalar") {
        let scalar = Settings { accelerated: false, ..Settings::default() };
        report("click, scalar", &corpus(&click.lines().collect::<Vec<_>>()), &scalar, None);
    }
    if wanted("shuffled") {
        report("click, shuffled", &corpus(&click::shuffled(&click).lines().collect::<Vec<_>>()), &plain, None);
    }
    if wanted("spaced") {
        report("click, white space", &corpus(&click::spaced(&click).lines().collect::<Vec<_>>()), &plain, None);
    }
    if wanted("changes") {
        let dynamodb = Settings { input: Input::DynamoDb, ..Settings::default() };
        report("dynamodb changes", &corpus(&click::changes(&click).lines().collect::<Vec<_>>()), &dynamodb, None);
    }
    match github() {
        Some(documents) if wanted("github") => {
            let documents: Vec<_> = documents.iter().map(String::as_str).collect();
            report("github", &corpus(&documents), &plain, None);
        }
        Some(_) => {}
        None => println!("github: not installed, see tests/set-up"),
    }
}
