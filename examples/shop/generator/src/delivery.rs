//! How events arrive: mostly in order, some late, some twice, a few broken.
//!
//! Every event arrives whole at least once, so the number of different events is the number that was asked for; repeats and broken
//! records come on top and are counted.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, Write};

use crate::calendar::HOUR;
use crate::random::Random;

/// One event in a hundred arrives late, one in a hundred twice, and one broken record follows in every thousand.
const LATE: f64 = 0.01;
const REPEATED: f64 = 0.01;
const EVENTS_PER_BROKEN: u64 = 1_000;

/// What was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Delivered {
    pub(crate) events: u64,
    pub(crate) late: u64,
    pub(crate) repeated: u64,
    pub(crate) broken: u64,
    pub(crate) bytes: u64,
}

impl Delivered {
    pub(crate) fn lines(&self) -> u64 {
        self.events + self.repeated + self.broken
    }
}

/// Writes events as lines in the order in which they arrive.
#[derive(Debug)]
pub(crate) struct Delivery<W> {
    output: W,
    random: Random,
    /// (arrival, counter, line) of what arrives later than it happened, the earliest first.
    under_way: BinaryHeap<Reverse<(i64, u64, Vec<u8>)>>,
    delivered: Delivered,
    broken_at: u64,
    delay: i64,
}

impl<W: Write> Delivery<W> {
    pub(crate) fn new(output: W, seed: u64) -> Self {
        let mut random = Random::new(seed, 5, 0);
        Self {
            output,
            broken_at: random.below(EVENTS_PER_BROKEN),
            random,
            under_way: BinaryHeap::new(),
            delivered: Delivered::default(),
            delay: 0,
        }
    }

    /// How long the next event will be under way, in milliseconds: two hours to two days if it is late.
    pub(crate) fn next_delay(&mut self) -> i64 {
        self.delay = if self.random.chance(LATE) {
            2 * HOUR + (self.random.unit() * 46.0 * HOUR as f64) as i64
        } else {
            self.random.between(120, 2_500) as i64
        };
        self.delay
    }

    /// Takes the event that happened at `instant` and was given the last delay.
    pub(crate) fn send(&mut self, instant: i64, line: &[u8]) -> io::Result<()> {
        self.deliver_until(instant)?;
        let position = self.delivered.events;
        self.delivered.events += 1;
        let is_late = self.delay >= 2 * HOUR;
        if is_late {
            self.delivered.late += 1;
            self.hold(instant + self.delay, line.to_vec());
        } else {
            self.write(line)?;
        }
        if self.random.chance(REPEATED) {
            self.delivered.repeated += 1;
            let after = self.random.between(1_000, 300_000) as i64;
            self.hold(instant + if is_late { self.delay } else { 0 } + after, line.to_vec());
        }
        if position % EVENTS_PER_BROKEN == self.broken_at {
            let broken = break_record(line, self.delivered.broken, &mut self.random);
            self.delivered.broken += 1;
            self.write(&broken)?;
        }
        if (position + 1).is_multiple_of(EVENTS_PER_BROKEN) {
            self.broken_at = self.random.below(EVENTS_PER_BROKEN);
        }
        Ok(())
    }

    /// Delivers what is still under way and says what was written.
    pub(crate) fn finish(mut self) -> io::Result<(W, Delivered)> {
        self.deliver_until(i64::MAX)?;
        Ok((self.output, self.delivered))
    }

    fn hold(&mut self, arrival: i64, line: Vec<u8>) {
        let counter = self.delivered.late + self.delivered.repeated;
        self.under_way.push(Reverse((arrival, counter, line)));
    }

    fn deliver_until(&mut self, instant: i64) -> io::Result<()> {
        while self.under_way.peek().is_some_and(|Reverse((arrival, ..))| *arrival <= instant) {
            if let Some(Reverse((_, _, line))) = self.under_way.pop() {
                self.write(&line)?;
            }
        }
        Ok(())
    }

    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        self.delivered.bytes += line.len() as u64 + 1;
        self.output.write_all(line)?;
        self.output.write_all(b"\n")
    }
}

/// A damaged copy of a record; the kinds of damage follow one another, so each occurs in any eight.
fn break_record(line: &[u8], number: u64, random: &mut Random) -> Vec<u8> {
    // The copy is not the event itself: it must not look like a repeat once it is mended.
    let line = replace_after(line, b"{\"event_id\":\"0", b"", b"{\"event_id\":\"B");
    match number % 8 {
        0 => line[..line.len() * random.between(40, 90) as usize / 100].to_vec(),
        1 => replace_after(&line, b"\"user\":{\"id\":", b",", b"\"user\":{\"id\":\"abc\""),
        2 => with_price(&line, b"\"free\""),
        3 => replace_after(&line, b"\"title\":\"", b"", b"\"title\":\"\\ud83c "),
        4 => replace_after(&line, b"\"title\":\"", b"", b"\"title\":\"\xff\xfe"),
        5 => replace_after(&line, b"{\"event_id\":", b"\"event_type\"", b"{"),
        6 => replace_after(&line, b"\"occurred_at\":", b",", b"\"occurred_at\":\"yesterday\""),
        _ => replace_after(&line, b"\"user\":{\"id\":", b",", b"\"user\":{\"id\":18446744073709551617"),
    }
}

fn with_price(line: &[u8], price: &[u8]) -> Vec<u8> {
    let mut replacement = b"\"price\":".to_vec();
    replacement.extend_from_slice(price);
    if find(line, b"\"price\":").is_some() {
        return replace_after(line, b"\"price\":", b",", &replacement);
    }
    let mut product = b"\"product\":{".to_vec();
    product.extend_from_slice(&replacement);
    product.extend_from_slice(b"},\"sdk\":");
    replace_after(line, b"\"sdk\":", b"", &product)
}

/// Replaces the first `start` and what follows it up to `end` (which stays; empty: nothing more) by `replacement`.
fn replace_after(line: &[u8], start: &[u8], end: &[u8], replacement: &[u8]) -> Vec<u8> {
    let Some(from) = find(line, start) else {
        return line.to_vec();
    };
    let rest = from + start.len();
    let to = if end.is_empty() { rest } else { find(&line[rest..], end).map_or(rest, |offset| rest + offset) };
    [&line[..from], replacement, &line[to..]].concat()
}

fn find(line: &[u8], part: &[u8]) -> Option<usize> {
    line.windows(part.len()).position(|window| window == part)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
    use super::{Delivery, break_record};
    use crate::random::Random;

    const LINE: &[u8] = br#"{"event_id":"01AB","event_type":"page_view","occurred_at":"2026-10-01T00:00:00.000Z","user":{"id":1,"plan":"free"},"page":{"title":"a"},"sdk":{}}"#;

    #[test]
    fn each_kind_of_damage_is_what_it_says() {
        let mut random = Random::new(1, 1, 1);
        let mut broken = |number| String::from_utf8_lossy(&break_record(LINE, number, &mut random)).into_owned();
        assert!(LINE.len() > broken(0).len() && !broken(0).ends_with('}'));
        assert!(broken(1).contains(r#""user":{"id":"abc","plan""#));
        assert!(broken(2).contains(r#""product":{"price":"free"},"sdk":{}"#));
        assert!(broken(3).contains(r#""title":"\ud83c a""#));
        assert!(broken(4).contains("\u{fffd}\u{fffd}a"));
        assert!(broken(5).starts_with(r#"{"event_type":"page_view""#));
        assert!(broken(6).contains(r#""occurred_at":"yesterday","user""#));
        assert!(broken(7).contains(r#""id":18446744073709551617,"plan""#));
        assert!(broken(7).starts_with(r#"{"event_id":"B1AB""#));
    }

    #[test]
    fn every_event_arrives_once_or_twice_and_one_in_a_thousand_is_broken() {
        let mut delivery = Delivery::new(Vec::new(), 3);
        for number in 0..20_000_i64 {
            delivery.next_delay();
            delivery.send(number * 10_000, format!("event {number}").as_bytes()).unwrap();
        }
        let (output, delivered) = delivery.finish().unwrap();
        assert_eq!(delivered.bytes, output.len() as u64);
        assert_eq!(delivered.broken, 20);
        let text = String::from_utf8(output).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len() as u64, delivered.lines());
        for number in 0..20_000 {
            assert!(lines.contains(&format!("event {number}").as_str()));
        }
        assert!(delivered.late.abs_diff(200) < 60, "{delivered:?}");
        assert!(delivered.repeated.abs_diff(200) < 60, "{delivered:?}");
        assert!(!lines.is_sorted_by_key(|line| line.strip_prefix("event ")?.parse::<u64>().ok()));
    }
}
