//! Change records of a DynamoDB stream, as Lambda (`dynamodb.SequenceNumber`, seconds) and Kinesis (milliseconds) deliver
//! them: what happened, and the item it leaves.
//!
//! The item is the new image; of a removed item the old image, or its keys if the stream carries no old image. A stream
//! without new images gives the keys. The key attributes are always there. All images are checked, also those not used.

use crate::dynamodb::{Item, decode};
use crate::error::{RecordError, RecordErrorKind};
use crate::escape::plain_text;
use crate::nested::nested;
use crate::row::{Change, Operation};
use crate::scan::{byte, expected, literal, long_number, skip_space, string};
use crate::simd::{Level, Portable};

/// Room for the images of a change record.
#[derive(Debug, Default)]
pub(crate) struct Images {
    new: Item,
    old: Item,
    keys: Item,
}

/// A change record that was read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ChangeRecord {
    pub(crate) change: Change,
    /// Where the image stands that the row is made of.
    pub(crate) image_at: usize,
    chosen: Image,
    /// The position after the record.
    pub(crate) end: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Image {
    New,
    Old,
    Keys,
}

/// Epoch values from here on are milliseconds, and from there on microseconds; as seconds they lie past the year 5138.
const SMALLEST_MILLISECONDS: i128 = 100_000_000_000;
const SMALLEST_MICROSECONDS: i128 = 100_000_000_000_000;

impl Images {
    /// The plain JSON of the item that the record leaves.
    pub(crate) fn item(&self, record: &ChangeRecord) -> &str {
        match record.chosen {
            Image::New => &self.new.json,
            Image::Old => &self.old.json,
            Image::Keys => &self.keys.json,
        }
    }

    /// Adds the key attributes that the chosen image lacks.
    fn complete(&mut self, chosen: Image) {
        let image = match chosen {
            Image::New => &mut self.new,
            Image::Old => &mut self.old,
            Image::Keys => return,
        };
        for key in &self.keys.attributes {
            let name = self.keys.json.get(key.key.clone()).unwrap_or_default();
            let found = image.attributes.iter().any(|attribute| same_key(&image.json, attribute.key.clone(), name));
            if !found && image.json.pop().is_some() {
                if image.json.len() > 1 {
                    image.json.push(',');
                }
                image.json.push_str(name);
                image.json.push(':');
                image.json.push_str(self.keys.json.get(key.value.clone()).unwrap_or_default());
                image.json.push('}');
            }
        }
    }
}

fn same_key(json: &str, key: std::ops::Range<usize>, name: &str) -> bool {
    let key = json.get(key).unwrap_or_default();
    key == name || plain_text(key, &mut String::new()) == plain_text(name, &mut String::new())
}

/// What is known of a change record so far.
#[derive(Debug, Default)]
struct Parts {
    operation: Option<Operation>,
    by_ttl: bool,
    sequence: Option<i128>,
    at: Option<i64>,
    new: Option<usize>,
    old: Option<usize>,
    keys: Option<usize>,
    body: bool,
}

/// Reads the change record at `at`.
pub(crate) fn read(level: Level, text: &str, at: usize, images: &mut Images) -> Result<ChangeRecord, RecordError> {
    let bytes = text.as_bytes();
    let mut parts = Parts::default();
    let end = members(text, at, |key, value| match key {
        "eventName" => {
            let (name, end) = text_value(text, value)?;
            let operation = match name {
                "INSERT" => Operation::Insert,
                "MODIFY" => Operation::Modify,
                "REMOVE" => Operation::Remove,
                _ => return Err(not_a_change(value, "`eventName` is INSERT, MODIFY or REMOVE")),
            };
            once(&mut parts.operation, operation, value)?;
            Ok(end)
        }
        "userIdentity" if byte(bytes, value) == b'{' => {
            let (by_ttl, end) = is_time_to_live(text, value)?;
            parts.by_ttl = by_ttl;
            Ok(end)
        }
        "dynamodb" => {
            if std::mem::replace(&mut parts.body, true) {
                return Err(not_a_change(value, "a member stands twice"));
            }
            body(level, text, value, images, &mut parts)
        }
        _ => skip(bytes, value),
    })?;
    let operation = parts.operation.ok_or_else(|| not_a_change(at, "`eventName` is absent"))?;
    let sequence = parts.sequence.ok_or_else(|| not_a_change(at, "`dynamodb.SequenceNumber` is absent"))?;
    let keys_at = parts.keys.ok_or_else(|| not_a_change(at, "`dynamodb.Keys` is absent"))?;
    let (chosen, image_at) = match (operation, parts.new, parts.old) {
        (Operation::Remove, _, Some(old)) => (Image::Old, old),
        (Operation::Insert | Operation::Modify, Some(new), _) => (Image::New, new),
        _ => (Image::Keys, keys_at),
    };
    images.complete(chosen);
    let by_ttl = parts.by_ttl && operation == Operation::Remove;
    let change = Change { operation, by_ttl, sequence, at: parts.at };
    Ok(ChangeRecord { change, image_at, chosen, end })
}

/// Reads the member `dynamodb`.
fn body(level: Level, text: &str, at: usize, images: &mut Images, parts: &mut Parts) -> Result<usize, RecordError> {
    let bytes = text.as_bytes();
    members(text, at, |key, value| match key {
        // Kinesis writes images that a change does not have as null.
        "NewImage" | "OldImage" | "Keys" if byte(bytes, value) == b'n' => literal(bytes, value),
        "NewImage" => {
            once(&mut parts.new, value, value)?;
            decode(level, text, value, &mut images.new)
        }
        "OldImage" => {
            once(&mut parts.old, value, value)?;
            decode(level, text, value, &mut images.old)
        }
        "Keys" => {
            once(&mut parts.keys, value, value)?;
            decode(level, text, value, &mut images.keys)
        }
        "SequenceNumber" => {
            let (digits, end) = text_value(text, value)?;
            let whole = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
            let sequence = if whole { crate::decimal::decimal(digits, 38, 0) } else { None };
            let sequence =
                sequence.ok_or_else(|| not_a_change(value, "`SequenceNumber` is a string of at most 38 digits"))?;
            once(&mut parts.sequence, sequence, value)?;
            Ok(end)
        }
        "ApproximateCreationDateTime" if byte(bytes, value) != b'n' => {
            let end = match byte(bytes, value) {
                b'-' | b'0'..=b'9' => long_number(bytes, value)?,
                _ => return Err(expected(bytes, value, "a number of seconds or milliseconds")),
            };
            let at = instant(text.get(value..end).unwrap_or_default());
            let at = at.ok_or_else(|| not_a_change(value, "`ApproximateCreationDateTime` is out of range"))?;
            once(&mut parts.at, at, value)?;
            Ok(end)
        }
        _ => skip(bytes, value),
    })
}

/// Microseconds of an epoch in seconds, milliseconds or microseconds; finer digits are cut.
fn instant(number: &str) -> Option<i64> {
    // Twelve decimals are more than any writer of this field has; digits past them are cut.
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let fraction = fraction.get(..fraction.len().min(20)).unwrap_or_default();
    let exact = crate::decimal::decimal(&format!("{whole}.{fraction}e{exponent}"), 38, 20)?;
    let unit = 10i128.pow(20);
    let micros = match (exact / unit).abs() {
        SMALLEST_MICROSECONDS.. => exact / unit,
        SMALLEST_MILLISECONDS.. => exact / (unit / 1_000),
        _ => exact / (unit / 1_000_000),
    };
    i64::try_from(micros).ok()
}

/// Whether the identity is the service that removes items whose time has come.
fn is_time_to_live(text: &str, at: usize) -> Result<(bool, usize), RecordError> {
    let bytes = text.as_bytes();
    let (mut service, mut dynamodb) = (false, false);
    let end = members(text, at, |key, value| {
        // Lambda writes the keys in lower case at the front, other readers of the stream in upper case.
        let target = match key {
            "type" | "Type" => (&mut service, "Service"),
            "principalId" | "PrincipalId" => (&mut dynamodb, "dynamodb.amazonaws.com"),
            _ => return skip(bytes, value),
        };
        let end = skip(bytes, value)?;
        *target.0 = text.get(value + 1..end - 1) == Some(target.1);
        Ok(end)
    })?;
    Ok((service && dynamodb, end))
}

fn once<T>(target: &mut Option<T>, value: T, at: usize) -> Result<(), RecordError> {
    match target.replace(value) {
        None => Ok(()),
        Some(_) => Err(not_a_change(at, "a member stands twice")),
    }
}

#[cold]
fn not_a_change(at: usize, reason: &'static str) -> RecordError {
    RecordError::new(at, RecordErrorKind::NotAChange(reason))
}

/// Reads the object at `at`: calls `member` with each key as written and the position of its value, and goes on at the
/// position it gives. Gives the position after the object.
fn members(
    text: &str,
    at: usize,
    mut member: impl FnMut(&str, usize) -> Result<usize, RecordError>,
) -> Result<usize, RecordError> {
    let bytes = text.as_bytes();
    if byte(bytes, at) != b'{' {
        return Err(expected(bytes, at, "`{`"));
    }
    let mut position = skip_space(bytes, at + 1);
    if byte(bytes, position) == b'}' {
        return Ok(position + 1);
    }
    loop {
        if byte(bytes, position) != b'"' {
            return Err(expected(bytes, position, "a key in quotes"));
        }
        let key_end = string::<Portable>(bytes, position)?.end;
        let colon = skip_space(bytes, key_end);
        if byte(bytes, colon) != b':' {
            return Err(expected(bytes, colon, "`:`"));
        }
        let key = text.get(position + 1..key_end - 1).unwrap_or_default();
        let after = member(key, skip_space(bytes, colon + 1))?;
        position = skip_space(bytes, after);
        match byte(bytes, position) {
            b',' => position = skip_space(bytes, position + 1),
            b'}' => return Ok(position + 1),
            _ => return Err(expected(bytes, position, "`,` or `}`")),
        }
    }
}

/// The body of the string at `at`, as written, and the position after it.
fn text_value(text: &str, at: usize) -> Result<(&str, usize), RecordError> {
    let bytes = text.as_bytes();
    if byte(bytes, at) != b'"' {
        return Err(expected(bytes, at, "a string"));
    }
    let end = string::<Portable>(bytes, at)?.end;
    Ok((text.get(at + 1..end - 1).unwrap_or_default(), end))
}

/// The end of any value.
fn skip(bytes: &[u8], at: usize) -> Result<usize, RecordError> {
    match byte(bytes, at) {
        b'"' => Ok(string::<Portable>(bytes, at)?.end),
        b'{' | b'[' => Ok(nested::<Portable>(bytes, at)?.end),
        b'-' | b'0'..=b'9' => long_number(bytes, at),
        _ => literal(bytes, at),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed test may panic")]
    use super::*;

    #[test]
    fn instants_of_every_unit() {
        for (number, expected) in [
            ("1479499740", 1_479_499_740_000_000),
            ("1479499740.0", 1_479_499_740_000_000),
            ("1.47949974E9", 1_479_499_740_000_000),
            ("1479499740.1234567", 1_479_499_740_123_456),
            ("1479499740123", 1_479_499_740_123_000),
            ("1479499740123456", 1_479_499_740_123_456),
            ("0", 0),
        ] {
            assert_eq!(instant(number), Some(expected), "{number}");
        }
        assert_eq!(instant("1e30"), None);
    }

    fn read_one(text: &str) -> (ChangeRecord, String) {
        let mut images = Images::default();
        let record = read(Level::detect(), text, 0, &mut images).unwrap();
        let item = images.item(&record).to_owned();
        (record, item)
    }

    #[test]
    fn the_image_follows_the_operation() {
        let record = |operation: &str, images: &str| {
            format!(
                r#"{{"eventName":"{operation}","dynamodb":{{{images}"Keys":{{"id":{{"N":"1"}}}},"SequenceNumber":"111"}}}}"#
            )
        };
        let new = r#""NewImage":{"id":{"N":"1"},"v":{"S":"new"}},"#;
        let old = r#""OldImage":{"v":{"S":"old"}},"#;
        let both = format!("{old}{new}");
        for (operation, images, expected) in [
            ("INSERT", new, r#"{"id":1,"v":"new"}"#),
            ("MODIFY", both.as_str(), r#"{"id":1,"v":"new"}"#),
            ("MODIFY", old, r#"{"id":1}"#),
            ("REMOVE", old, r#"{"v":"old","id":1}"#),
            ("REMOVE", "", r#"{"id":1}"#),
            ("REMOVE", r#""OldImage":{},"#, r#"{"id":1}"#),
        ] {
            assert_eq!(read_one(&record(operation, images)).1, expected, "{operation} {images}");
        }
    }

    #[test]
    fn records_that_are_no_changes_are_refused() {
        for (text, kind) in [
            ("{}", "`eventName` is absent"),
            (r#"{"eventName":"DROP"}"#, "`eventName` is INSERT, MODIFY or REMOVE"),
            (r#"{"eventName":"INSERT","dynamodb":{}}"#, "`dynamodb.SequenceNumber` is absent"),
            (r#"{"eventName":"INSERT","dynamodb":{"SequenceNumber":"1"}}"#, "`dynamodb.Keys` is absent"),
            (r#"{"eventName":"INSERT","eventName":"INSERT"}"#, "a member stands twice"),
            (r#"{"dynamodb":{"SequenceNumber":"1e3"}}"#, "`SequenceNumber` is a string of at most 38 digits"),
        ] {
            let error = read(Level::detect(), text, 0, &mut Images::default()).unwrap_err();
            assert_eq!(error.kind, RecordErrorKind::NotAChange(kind), "{text}");
        }
    }

    #[test]
    fn an_unused_old_image_is_checked_too() {
        let text = r#"{"eventName":"MODIFY","dynamodb":{"OldImage":{"a":{"N":"x"}},"NewImage":{},"Keys":{},"SequenceNumber":"1"}}"#;
        let error = read(Level::detect(), text, 0, &mut Images::default()).unwrap_err();
        assert_eq!(error.kind, RecordErrorKind::InvalidNumber);
    }
}
