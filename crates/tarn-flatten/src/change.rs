//! Change records of a DynamoDB stream, as Lambda (`dynamodb.SequenceNumber`, seconds) and Kinesis (milliseconds) deliver
//! them: what happened, and the item it leaves.
//!
//! The item is the new image; of a removed item the old image, or its keys if the stream carries no old image. A stream
//! without new images gives the keys. The key attributes are always there. All images are checked, also those not used.

use crate::error::{RecordError, RecordErrorKind};
use crate::nested::nested;
use crate::paths::{NodeId, Paths};
use crate::row::{Change, Operation};
use crate::scan::{byte, expected, literal, long_number, skip_space, string};
use crate::simd::{Level, Portable, Scan};
use crate::typed::ItemWalk;
use crate::walk::{Frame, Leaf, Opening, Reach, Visitor};

/// Room for what is remembered of a change record's images.
#[derive(Debug, Default)]
pub(crate) struct ImageRoom {
    decoded: String,
    /// The key attributes.
    keys: Vec<NodeId>,
    /// The attributes of the image that was read last.
    attributes: Vec<NodeId>,
    /// The attributes of the image that the row is made of.
    shown: Vec<NodeId>,
}

/// Epoch values from here on are milliseconds, and from there on microseconds; as seconds they lie past the year 5138.
const SMALLEST_MILLISECONDS: i128 = 100_000_000_000;
const SMALLEST_MICROSECONDS: i128 = 100_000_000_000_000;

/// Which image a row is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Image {
    New,
    Old,
}

/// Takes nothing: what it is shown is only checked.
struct Checked;

impl Visitor for Checked {
    #[inline(always)]
    fn opening(&mut self, _: &Paths, _: NodeId) -> Opening {
        Opening::Open
    }

    #[inline(always)]
    fn leaf<S: Scan>(&mut self, _: &mut Paths, _: NodeId, _: Leaf<'_>) -> Result<(), RecordErrorKind> {
        Ok(())
    }

    fn mute(&mut self, _: bool) {}
}

/// Reads one change record and shows the leaves of the item that it leaves.
pub(crate) struct ChangeReader<'a, V> {
    pub(crate) text: &'a str,
    pub(crate) level: Level,
    pub(crate) reach: Reach,
    pub(crate) paths: &'a mut Paths,
    pub(crate) stack: &'a mut Vec<Frame>,
    pub(crate) room: &'a mut ImageRoom,
    pub(crate) visitor: &'a mut V,
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
    /// The image that was shown while it was read.
    shown: Option<Image>,
}

impl Parts {
    /// The image that the operation asks for, once it is known.
    fn wanted(&self) -> Option<Image> {
        self.operation.map(|operation| if operation == Operation::Remove { Image::Old } else { Image::New })
    }
}

impl<V: Visitor> ChangeReader<'_, V> {
    /// Reads the change record at `at`; gives the position after it.
    pub(crate) fn read(mut self, at: usize) -> Result<(Change, usize), RecordError> {
        let text = self.text;
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
                self.body(value, &mut parts)
            }
            _ => skip(bytes, value),
        })?;
        let operation = parts.operation.ok_or_else(|| not_a_change(at, "`eventName` is absent"))?;
        let sequence = parts.sequence.ok_or_else(|| not_a_change(at, "`dynamodb.SequenceNumber` is absent"))?;
        let keys_at = parts.keys.ok_or_else(|| not_a_change(at, "`dynamodb.Keys` is absent"))?;
        self.item(&parts, keys_at)?;
        let by_ttl = parts.by_ttl && operation == Operation::Remove;
        Ok((Change { operation, by_ttl, sequence, at: parts.at }, end))
    }

    /// Reads the member `dynamodb`.
    fn body(&mut self, at: usize, parts: &mut Parts) -> Result<usize, RecordError> {
        let text = self.text;
        let bytes = text.as_bytes();
        members(text, at, |key, value| match key {
            // Kinesis writes images that a change does not have as null.
            "NewImage" | "OldImage" | "Keys" if byte(bytes, value) == b'n' => literal(bytes, value),
            "NewImage" => {
                once(&mut parts.new, value, value)?;
                self.image(value, Image::New, parts)
            }
            "OldImage" => {
                once(&mut parts.old, value, value)?;
                self.image(value, Image::Old, parts)
            }
            "Keys" => {
                once(&mut parts.keys, value, value)?;
                let end = self.check(value)?;
                std::mem::swap(&mut self.room.keys, &mut self.room.attributes);
                Ok(end)
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

    /// Shows an image if it is the one that the row is made of, and checks it if it is not, or if that is not known yet.
    fn image(&mut self, at: usize, image: Image, parts: &mut Parts) -> Result<usize, RecordError> {
        if parts.wanted() != Some(image) {
            return self.check(at);
        }
        parts.shown = Some(image);
        self.show(at)
    }

    /// Shows what was not shown on the way: the image, if its operation came after it, and the keys that it lacks.
    fn item(&mut self, parts: &Parts, keys_at: usize) -> Result<(), RecordError> {
        let image_at = match parts.wanted() {
            Some(Image::Old) => parts.old,
            _ => parts.new,
        };
        match image_at {
            Some(at) if parts.shown.is_none() => {
                self.show(at)?;
            }
            Some(_) => {}
            None => self.room.shown.clear(),
        }
        let ImageRoom { keys, shown, .. } = &*self.room;
        if keys.iter().any(|key| !shown.contains(key)) {
            let mut shown = std::mem::take(&mut self.room.shown);
            let mut attributes = std::mem::take(&mut self.room.attributes);
            let walked = self.level.run(ItemWalk {
                text: self.text,
                at: keys_at,
                reach: self.reach,
                paths: self.paths,
                stack: self.stack,
                decoded: &mut self.room.decoded,
                passed_over: &shown,
                attributes: &mut attributes,
                visitor: self.visitor,
            });
            std::mem::swap(&mut self.room.shown, &mut shown);
            std::mem::swap(&mut self.room.attributes, &mut attributes);
            walked?;
        }
        Ok(())
    }

    fn show(&mut self, at: usize) -> Result<usize, RecordError> {
        self.level.run(ItemWalk {
            text: self.text,
            at,
            reach: self.reach,
            paths: self.paths,
            stack: self.stack,
            decoded: &mut self.room.decoded,
            passed_over: &[],
            attributes: &mut self.room.shown,
            visitor: self.visitor,
        })
    }

    fn check(&mut self, at: usize) -> Result<usize, RecordError> {
        self.level.run(ItemWalk {
            text: self.text,
            at,
            reach: self.reach,
            paths: self.paths,
            stack: self.stack,
            decoded: &mut self.room.decoded,
            passed_over: &[],
            attributes: &mut self.room.attributes,
            visitor: &mut Checked,
        })
    }
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
pub(crate) fn members(
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
pub(crate) fn skip(bytes: &[u8], at: usize) -> Result<usize, RecordError> {
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

    /// The change of a record and its item as fields.
    fn read_one(text: &str) -> Result<(Change, String), RecordError> {
        struct Fields(String);
        impl Visitor for Fields {
            fn opening(&mut self, _: &Paths, _: NodeId) -> Opening {
                Opening::Open
            }
            fn leaf<S: Scan>(
                &mut self,
                paths: &mut Paths,
                node: NodeId,
                leaf: Leaf<'_>,
            ) -> Result<(), RecordErrorKind> {
                let name = paths.claim(node);
                self.0 += &format!("{}{} ", paths.rendered(name), leaf.json());
                Ok(())
            }
            fn mute(&mut self, _: bool) {}
        }
        let mut fields = Fields(String::new());
        let mut paths = Paths::new("_", None, None);
        paths.begin_document();
        let reader = ChangeReader {
            text,
            level: Level::detect(),
            reach: Reach { depth: 64, arrays: false },
            paths: &mut paths,
            stack: &mut Vec::new(),
            room: &mut ImageRoom::default(),
            visitor: &mut fields,
        };
        let (change, _) = reader.read(0)?;
        Ok((change, fields.0.trim_end().to_owned()))
    }

    #[test]
    fn the_image_follows_the_operation() {
        let new = r#""NewImage":{"id":{"N":"1"},"v":{"S":"new"}},"#;
        let old = r#""OldImage":{"v":{"S":"old"}},"#;
        let both = format!("{old}{new}");
        for (operation, images, expected) in [
            ("INSERT", new, r#""id":1 "v":"new""#),
            ("MODIFY", both.as_str(), r#""id":1 "v":"new""#),
            ("MODIFY", old, r#""id":1"#),
            ("REMOVE", old, r#""v":"old" "id":1"#),
            ("REMOVE", &both, r#""v":"old" "id":1"#),
            ("REMOVE", "", r#""id":1"#),
            ("REMOVE", r#""OldImage":{},"#, r#""id":1"#),
        ] {
            let body = format!(r#""dynamodb":{{{images}"Keys":{{"id":{{"N":"1"}}}},"SequenceNumber":"111"}}"#);
            // The operation may stand before or after what it is about.
            for record in
                [format!(r#"{{"eventName":"{operation}",{body}}}"#), format!(r#"{{{body},"eventName":"{operation}"}}"#)]
            {
                assert_eq!(read_one(&record).unwrap().1, expected, "{record}");
            }
        }
    }

    #[test]
    fn a_key_is_known_by_its_text_not_by_its_spelling() {
        let record = r#"{"eventName":"INSERT","dynamodb":{"Keys":{"\u0069d":{"N":"1"},"b":{"S":"k"}},"NewImage":{"id":{"N":"1"},"m":{"M":{"b":{"N":"2"}}}},"SequenceNumber":"1"}}"#;
        assert_eq!(read_one(record).unwrap().1, r#""id":1 "m_b":2 "b":"k""#);
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
            assert_eq!(read_one(text).unwrap_err().kind, RecordErrorKind::NotAChange(kind), "{text}");
        }
    }

    #[test]
    fn an_unused_old_image_is_checked_too() {
        let text = r#"{"eventName":"MODIFY","dynamodb":{"OldImage":{"a":{"N":"x"}},"NewImage":{},"Keys":{},"SequenceNumber":"1"}}"#;
        assert_eq!(read_one(text).unwrap_err().kind, RecordErrorKind::InvalidNumber);
    }
}
