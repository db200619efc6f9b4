//! Megabytes of click events per processor second: `cargo run --release -p tarn-flatten --example flatten_speed [stage]`.
#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    missing_docs,
    unreachable_pub,
    reason = "a measuring program"
)]

#[path = "click/mod.rs"]
mod click;

use std::sync::Arc;

use tarn_flatten::{FlatRecord, FlatSink, Flattener, Input, PaddedBuffer, Row, RowSink, Settings};

#[derive(Default)]
struct Count(usize);

impl RowSink for Count {
    fn row(&mut self, row: &Row<'_>) {
        self.0 += row.values.len();
    }
}

impl FlatSink for Count {
    fn flat(&mut self, flat: &FlatRecord<'_>) {
        self.0 += flat.fields.len();
    }
}

fn measure(stage: &str, only: Option<&str>, text: &str, mut record: impl FnMut(&[u8])) {
    if only.is_some_and(|only| only != stage) {
        return;
    }
    let mut best = f64::MAX;
    for _ in 0..if only.is_some() { 60 } else { 15 } {
        let start = click::processor_nanoseconds();
        let mut line_start = 0;
        for line_end in memchr::memchr_iter(b'\n', text.as_bytes()) {
            record(&text.as_bytes()[line_start..line_end]);
            line_start = line_end + 1;
        }
        best = best.min((click::processor_nanoseconds() - start) as f64);
    }
    println!("{stage:<20} {:>6.0} MB/s", text.len() as f64 * 1e3 / best);
}

fn main() {
    let only = std::env::args().nth(1);
    let only = only.as_deref();
    let text = click::events(7, 40_000);
    println!("{} events, {} bytes each", text.lines().count(), text.len() / text.lines().count());
    let contract = Arc::new(click::contract());
    let mut taken = 0;
    for accelerated in [true, false] {
        let settings = Settings { accelerated, ..Settings::default() };
        let name = |stage: &str| format!("{stage}{}", if accelerated { "" } else { "-scalar" });
        let mut flattener = Flattener::with_contract(settings.clone(), Arc::clone(&contract));
        let mut count = Count::default();
        measure(&name("rows"), only, &text, |line| {
            taken += u64::from(flattener.record(line, &mut count).is_ok());
        });
        let mut flattener = Flattener::new(settings.clone());
        measure(&name("fields"), only, &text, |line| {
            taken += u64::from(flattener.flat(line, &mut count).is_ok());
        });
        let mut buffer = PaddedBuffer::default();
        measure(&name("lines"), only, &text, |line| {
            taken += u64::from(flattener.lines(buffer.copy(line)).is_ok());
        });
        let mut flattener = Flattener::with_contract(settings.clone(), Arc::clone(&contract));
        measure(&name("columns"), only, &text, |line| {
            taken += u64::from(flattener.lines(buffer.copy(line)).is_ok());
        });
        taken += count.0 as u64;
    }
    let shuffled = click::shuffled(&text);
    let mut flattener = Flattener::with_contract(Settings::default(), Arc::clone(&contract));
    let mut count = Count::default();
    measure("shuffled", only, &shuffled, |line| {
        taken += u64::from(flattener.record(line, &mut count).is_ok());
    });
    let changes = click::changes(&text);
    let settings = Settings { input: Input::DynamoDb, ..Settings::default() };
    let mut flattener = Flattener::new(settings.clone());
    let mut buffer = PaddedBuffer::default();
    measure("dynamodb-lines", only, &changes, |line| {
        taken += u64::from(flattener.lines(buffer.copy(line)).is_ok());
    });
    let mut flattener = Flattener::with_contract(settings, Arc::clone(&contract));
    measure("dynamodb", only, &changes, |line| {
        taken += u64::from(flattener.record(line, &mut count).is_ok());
    });
    println!("{taken} records taken");
    let mut lines = 0;
    measure("utf8", only, &text, |line| lines += usize::from(simdutf8::basic::from_utf8(line).is_ok()));
    measure("id", only, &text, |line| lines += usize::from(tarn_flatten::record_id(line)[0]));
    println!("{lines}");
}
