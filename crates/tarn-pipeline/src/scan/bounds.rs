//! Which partitions a statement may read, by the plain conditions on partition keys that stand in it.
//!
//! Read are `key = value`, `<`, `<=`, `>`, `>=`, `between … and …` and `in (…)`, where a value is a literal, a day perhaps with
//! `+` or `-` an interval of days. Conditions on one key that are joined by `and` narrow each other; others add to each other. A key
//! that no condition names is not narrowed.

use chrono::{Days, NaiveDate};

use super::words::{Word, Words};
use crate::ports::TableEntry;

/// A value of a partition key, in the order that the key's type has.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum KeyValue {
    Number(i128),
    Day(NaiveDate),
    Text(String),
}

impl KeyValue {
    /// The value of a part.
    fn of_part(text: &str, column_type: &str) -> Option<Self> {
        match column_type {
            "date" => text.parse().ok().map(Self::Day),
            "tinyint" | "smallint" | "int" | "bigint" => text.parse().ok().map(Self::Number),
            _ => Some(Self::Text(text.to_owned())),
        }
    }
}

/// Values from one to another, both included; open where there is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Range {
    least: Option<KeyValue>,
    most: Option<KeyValue>,
}

impl Range {
    fn holds(&self, value: &KeyValue) -> bool {
        self.least.as_ref().is_none_or(|least| least <= value) && self.most.as_ref().is_none_or(|most| value <= most)
    }

    fn narrowed(self, other: Self) -> Self {
        let least = match (self.least, other.least) {
            (Some(left), Some(right)) => Some(left.max(right)),
            (left, right) => left.or(right),
        };
        let most = match (self.most, other.most) {
            (Some(left), Some(right)) => Some(left.min(right)),
            (left, right) => left.or(right),
        };
        Self { least, most }
    }
}

/// The partitions of a table that a statement may read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounds {
    /// For each partition key its type, and the ranges that are read; none for a key that is not narrowed.
    keys: Vec<(String, Vec<Range>)>,
}

impl Bounds {
    /// The partitions of a table that a statement may read.
    pub fn of_statement(entry: &TableEntry, sql: &str) -> Self {
        Self::of(entry, &Words::of(sql))
    }

    pub(super) fn of(entry: &TableEntry, words: &Words) -> Self {
        let keys = entry.partition_keys.iter();
        Self { keys: keys.map(|key| (key.column_type.clone(), ranges(&key.name, &words.0))).collect() }
    }

    /// Whether a part with these values may be read.
    pub fn may_hold(&self, values: &[Option<String>]) -> bool {
        self.keys.iter().zip(values).all(|((column_type, ranges), value)| {
            if ranges.is_empty() {
                return true;
            }
            // Null is in no range; a value that is none of its type is read, to be on the safe side.
            value.as_deref().is_some_and(|value| {
                KeyValue::of_part(value, column_type).is_none_or(|value| ranges.iter().any(|range| range.holds(&value)))
            })
        })
    }
}

fn ranges(key: &str, words: &[Word]) -> Vec<Range> {
    let mut found: Vec<Range> = Vec::new();
    let mut place = 0;
    // Where the last condition ended, when an `and` follows it.
    let mut joined = None;
    while let Some(word) = words.get(place) {
        let Some((mut ranges, end)) = word.is(key).then(|| condition(&words[place + 1..])).flatten() else {
            place += 1;
            continue;
        };
        let end = place + 1 + end;
        match (joined, found.pop()) {
            (Some(at), Some(last)) if at == start(words, place) && ranges.len() == 1 => {
                found.push(ranges.pop().unwrap_or_default().narrowed(last));
            }
            (_, last) => {
                found.extend(last);
                found.append(&mut ranges);
            }
        }
        joined = words.get(end).filter(|word| word.is("and")).map(|_| end + 1);
        place = end;
    }
    found
}

/// Where a name with its qualifiers begins: `a.b.key`.
fn start(words: &[Word], place: usize) -> usize {
    match place.checked_sub(2) {
        Some(before) if words.get(place - 1).is_some_and(|word| word.is_sign(".")) => start(words, before),
        _ => place,
    }
}

/// The ranges of a condition after its key, and how many words it has.
fn condition(words: &[Word]) -> Option<(Vec<Range>, usize)> {
    match words.first()? {
        Word::Name(name) if name == "between" => {
            let (least, length) = value(&words[1..])?;
            let and = 1 + length;
            words.get(and).filter(|word| word.is("and"))?;
            let (most, length) = value(&words[and + 1..])?;
            Some((vec![Range { least: Some(least), most: Some(most) }], and + 1 + length))
        }
        Word::Name(name) if name == "in" => {
            words.get(1).filter(|word| word.is_sign("("))?;
            let (mut ranges, mut place) = (Vec::new(), 2);
            loop {
                let (one, length) = value(&words[place..])?;
                ranges.push(Range { least: Some(one.clone()), most: Some(one) });
                place += length;
                match words.get(place)? {
                    sign if sign.is_sign(",") => place += 1,
                    sign if sign.is_sign(")") => return Some((ranges, place + 1)),
                    _ => return None,
                }
            }
        }
        Word::Sign(sign) => {
            let (value, length) = value(&words[1..])?;
            let range = match sign.as_str() {
                "=" => Range { least: Some(value.clone()), most: Some(value) },
                ">=" => Range { least: Some(value), most: None },
                "<=" => Range { least: None, most: Some(value) },
                ">" => Range { least: Some(next(value)), most: None },
                "<" => Range { least: None, most: Some(previous(value)) },
                _ => return None,
            };
            Some((vec![range], 1 + length))
        }
        _ => None,
    }
}

/// The next value of a key whose values can be counted; another key keeps its value.
fn next(value: KeyValue) -> KeyValue {
    match value {
        KeyValue::Number(number) => KeyValue::Number(number.saturating_add(1)),
        KeyValue::Day(day) => KeyValue::Day(day.succ_opt().unwrap_or(day)),
        text @ KeyValue::Text(_) => text,
    }
}

fn previous(value: KeyValue) -> KeyValue {
    match value {
        KeyValue::Number(number) => KeyValue::Number(number.saturating_sub(1)),
        KeyValue::Day(day) => KeyValue::Day(day.pred_opt().unwrap_or(day)),
        text @ KeyValue::Text(_) => text,
    }
}

/// A literal and how many words it has.
fn value(words: &[Word]) -> Option<(KeyValue, usize)> {
    match (words.first()?, words.get(1)) {
        (Word::Name(name), Some(Word::Text(text))) if name == "date" => {
            let mut day: NaiveDate = text.parse().ok()?;
            let mut place = 2;
            while let Some((after, length)) = shifted(day, &words[place..]) {
                day = after;
                place += length;
            }
            // An arithmetic that is not understood says nothing about the day.
            let goes_on =
                words.get(place).is_some_and(|word| ["+", "-", "*", "/"].iter().any(|sign| word.is_sign(sign)));
            (!goes_on).then_some((KeyValue::Day(day), place))
        }
        (Word::Text(text), _) => Some((KeyValue::Text(text.clone()), 1)),
        (Word::Number(number), _) => number.parse().ok().map(|number| (KeyValue::Number(number), 1)),
        (Word::Sign(sign), Some(Word::Number(number))) if sign == "-" => {
            number.parse().ok().map(|number: i128| (KeyValue::Number(-number), 2))
        }
        _ => None,
    }
}

/// `+ interval '2' day`, `- interval '1' day`.
fn shifted(day: NaiveDate, words: &[Word]) -> Option<(NaiveDate, usize)> {
    let [Word::Sign(sign), interval, Word::Text(count), unit, ..] = words else { return None };
    if !interval.is("interval") || !unit.is("day") {
        return None;
    }
    let days = Days::new(count.parse().ok()?);
    let after = match sign.as_str() {
        "+" => day.checked_add_days(days),
        "-" => day.checked_sub_days(days),
        _ => None,
    };
    after.map(|day| (day, 4))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::ports::{Column, TableKind};

    fn read(sql: &str) -> Vec<u32> {
        let entry = TableEntry {
            name: "t".into(),
            kind: TableKind::Table { parts: vec![] },
            columns: vec![],
            partition_keys: vec![Column::new("day", "date"), Column::new("n", "int")],
            description: None,
            run: None,
            parameters: BTreeMap::new(),
            version: 0,
        };
        let bounds = Bounds::of_statement(&entry, sql);
        (1..=9).filter(|day| bounds.may_hold(&[Some(format!("2026-01-0{day}")), Some(day.to_string())])).collect()
    }

    #[test]
    fn plain_conditions_choose_partitions() {
        let all = [1, 2, 3, 4, 5, 6, 7, 8, 9];
        for (condition, days) in [
            ("day = date '2026-01-03'", &[3][..]),
            ("t.day = date '2026-01-03' and n = 3", &[3]),
            ("day between date '2026-01-05' - interval '2' day and date '2026-01-05'", &[3, 4, 5]),
            ("day >= date '2026-01-05' and t.day < date '2026-01-07'", &[5, 6]),
            ("day in (date '2026-01-01', date '2026-01-09')", &[1, 9]),
            ("n > 7", &[8, 9]),
            ("n > -7", &all),
            // Two places that read add to each other.
            ("day = date '2026-01-01' union select day = date '2026-01-02'", &[1, 2]),
            ("day = date '2026-01-01' or day = date '2026-01-02'", &[1, 2]),
            // What is not understood narrows nothing.
            ("day = current_date", &all),
            ("day >= date '2026-01-05' - interval '1' month", &all),
            ("date_trunc('week', day) = date '2026-01-05'", &all),
            ("'day = date ''2026-01-03''' = ''", &all),
            ("", &all),
        ] {
            assert_eq!(read(&format!("select * from t where {condition}")), days, "{condition}");
        }
    }
}
