//! The records of a batch as they lie in the event, and the little that capture reads of each.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::StepError;

/// Numbers from here on are milliseconds, and from there on microseconds; as seconds they lie past the year 5138.
const SMALLEST_MILLISECONDS: i128 = 100_000_000_000;
const SMALLEST_MICROSECONDS: i128 = 100_000_000_000_000;
/// Digits of the longest sequence number; DynamoDB's have 21 to 40.
const LONGEST_SEQUENCE_NUMBER: usize = 64;

/// One record of a batch.
pub(super) struct BatchRecord<'e> {
    /// The record, letter for letter.
    pub(super) text: &'e str,
    /// The byte of the event at which it begins.
    pub(super) offset: u64,
    /// What could be read of it.
    pub(super) head: Head,
    /// Why it cannot be captured.
    pub(super) refusal: Option<String>,
}

/// What capture reads of a record; all of it is there in a record that is not refused, but for the time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Head {
    /// The name of the stream.
    pub(super) stream: String,
    /// The name of the table.
    pub(super) table: Option<String>,
    /// Decimal digits.
    pub(super) sequence_number: Option<String>,
    /// When the change happened, to the second.
    pub(super) at: Option<DateTime<Utc>>,
}

#[derive(Deserialize)]
struct Event<'e> {
    #[serde(rename = "Records", borrow)]
    records: Vec<&'e RawValue>,
}

#[derive(Deserialize)]
struct Record<'r> {
    #[serde(rename = "eventSourceARN", borrow)]
    stream: Option<Cow<'r, str>>,
    #[serde(borrow)]
    dynamodb: Option<Change<'r>>,
}

#[derive(Deserialize, Default)]
struct Change<'r> {
    #[serde(rename = "SequenceNumber", borrow)]
    sequence_number: Option<Cow<'r, str>>,
    #[serde(rename = "ApproximateCreationDateTime", borrow)]
    at: Option<&'r RawValue>,
}

/// The records of a batch; those larger than `largest` bytes are refused.
pub(super) fn records(event: &[u8], largest: usize) -> Result<Vec<BatchRecord<'_>>, StepError> {
    let batch: Event<'_> = serde_json::from_slice(event)
        .map_err(|error| StepError::permanent(format!("this is no batch of a DynamoDB stream: {error}")))?;
    Ok(batch.records.into_iter().map(|raw| record(event, raw.get(), largest)).collect())
}

fn record<'e>(event: &[u8], text: &'e str, largest: usize) -> BatchRecord<'e> {
    // The text is a piece of the event.
    let offset = (text.as_ptr() as usize).saturating_sub(event.as_ptr() as usize) as u64;
    let (head, mut refusal) = head(text);
    if text.len() > largest {
        refusal = Some(format!("the record is larger than {largest} bytes"));
    }
    BatchRecord { text, offset, head, refusal }
}

/// What can be read of a record, and the first thing that cannot.
fn head(text: &str) -> (Head, Option<String>) {
    let record: Record<'_> = match serde_json::from_str(text) {
        Ok(record) => record,
        Err(error) => return (Head::default(), Some(format!("not a dynamodb change record: {error}"))),
    };
    let change = record.dynamodb.unwrap_or_default();
    let stream = record.stream.unwrap_or_default().into_owned();
    let table = table(&stream).map(str::to_owned);
    let sequence_number = change.sequence_number.filter(|number| {
        (1..=LONGEST_SEQUENCE_NUMBER).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit())
    });
    let time = change.at.map(RawValue::get);
    let at = time.and_then(instant);
    let refusal = match () {
        () if table.is_none() => Some(format!("`eventSourceARN` is no stream of a dynamodb table: `{stream}`")),
        () if sequence_number.is_none() => Some("`dynamodb.SequenceNumber` is no text of digits".to_owned()),
        () if time.is_some_and(|time| time != "null") && at.is_none() => {
            Some("`dynamodb.ApproximateCreationDateTime` is no time".to_owned())
        }
        () => None,
    };
    (Head { stream, table, sequence_number: sequence_number.map(Cow::into_owned), at }, refusal)
}

/// The table in `arn:aws:dynamodb:<region>:<account>:table/<table>/stream/<label>`.
fn table(stream: &str) -> Option<&str> {
    let resource = stream.strip_prefix("arn:")?.splitn(5, ':').nth(4)?;
    let (table, _) = resource.strip_prefix("table/")?.split_once("/stream/")?;
    (!table.is_empty()).then_some(table)
}

/// The second of a number of seconds, milliseconds or microseconds since 1970, without passing through a float.
fn instant(number: &str) -> Option<DateTime<Utc>> {
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let exponent: i32 = exponent.strip_prefix('+').unwrap_or(exponent).parse().ok()?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = usize::try_from(exponent.checked_add(i32::try_from(whole.len()).ok()?)?).unwrap_or(0);
    if digits > 30 {
        return None;
    }
    let all = format!("{whole}{fraction:0<30}");
    let number: i128 = match all.get(..digits) {
        Some("" | "-") | None => 0,
        Some(digits) => digits.parse().ok()?,
    };
    let seconds = match number.abs() {
        SMALLEST_MICROSECONDS.. => number.div_euclid(1_000_000),
        SMALLEST_MILLISECONDS.. => number.div_euclid(1_000),
        _ => number,
    };
    DateTime::from_timestamp(i64::try_from(seconds).ok()?, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_of_streams() {
        for (stream, expected) in [
            ("arn:aws:dynamodb:us-east-1:1:table/orders/stream/2026-01-01T00:00:00.000", Some("orders")),
            ("arn:aws-cn:dynamodb:cn-north-1:1:table/Prod.Orders-1/stream/x", Some("Prod.Orders-1")),
            ("arn:aws:dynamodb:us-east-1:1:table/orders", None),
            ("arn:aws:kinesis:us-east-1:1:stream/orders", None),
            ("arn:aws:dynamodb:us-east-1:1:table//stream/x", None),
            ("orders", None),
        ] {
            assert_eq!(table(stream), expected, "{stream}");
        }
    }

    #[test]
    fn instants_of_every_notation() {
        for (number, expected) in [
            ("1479499740", Some(1_479_499_740)),
            ("1479499740.99999999999999999", Some(1_479_499_740)),
            ("1.47949974E9", Some(1_479_499_740)),
            ("1.479499740999e+9", Some(1_479_499_740)),
            ("14794997400e-1", Some(1_479_499_740)),
            ("1479499740123", Some(1_479_499_740)),
            ("1479499740123456", Some(1_479_499_740)),
            ("0", Some(0)),
            ("0.5", Some(0)),
            ("5e-7", Some(0)),
            ("-1", Some(-1)),
            ("1e99", None),
            ("1e2147483647", None),
            ("1e29", None),
            ("\"x\"", None),
            ("true", None),
        ] {
            assert_eq!(instant(number).map(|at| at.timestamp()), expected, "{number}");
        }
    }

    #[test]
    fn records_that_cannot_be_captured_say_why_and_what_they_can() {
        let stream = r#""eventSourceARN":"arn:aws:dynamodb:us-east-1:1:table/orders/stream/x""#;
        let orders = Some("orders");
        for (text, table, reason) in [
            ("null", None, "not a dynamodb change record: invalid type: null"),
            ("{}", None, "`eventSourceARN` is no stream of a dynamodb table: ``"),
            (r#"{"eventSourceARN":7}"#, None, "not a dynamodb change record: invalid type: integer `7`"),
            (&format!("{{{stream},{stream}}}"), None, "not a dynamodb change record: duplicate field"),
            (&format!("{{{stream}}}"), orders, "`dynamodb.SequenceNumber` is no text of digits"),
            (&format!(r#"{{{stream},"dynamodb":{{}}}}"#), orders, "`dynamodb.SequenceNumber` is no text"),
            (&format!(r#"{{{stream},"dynamodb":{{"SequenceNumber":"1/../2"}}}}"#), orders, "is no text of digits"),
            (
                &format!(r#"{{{stream},"dynamodb":{{"SequenceNumber":"1","ApproximateCreationDateTime":"noon"}}}}"#),
                orders,
                "`dynamodb.ApproximateCreationDateTime` is no time",
            ),
        ] {
            let (head, refusal) = head(text);
            assert_eq!(head.table.as_deref(), table, "{text}");
            assert!(refusal.as_deref().is_some_and(|refusal| refusal.contains(reason)), "{text}: {refusal:?}");
        }
        let whole = format!(r#"{{{stream},"dynamodb":{{"SequenceNumber":"1","ApproximateCreationDateTime":null}}}}"#);
        let (found, refusal) = head(&whole);
        assert_eq!((found.sequence_number.as_deref(), found.at, refusal), (Some("1"), None, None));
    }

    #[test]
    fn records_know_where_they_lie() {
        let event = br#"{"Records": [ {"a": 1} , 7]}"#;
        let records = records(event, 100).unwrap();
        let found: Vec<_> = records.iter().map(|record| (record.offset, record.text)).collect();
        assert_eq!(found, [(14, r#"{"a": 1}"#), (25, "7")]);
        for no_batch in ["", "{}", "[]", r#"{"Records":7}"#, r#"{"Records":[{]}"#] {
            assert!(super::records(no_batch.as_bytes(), 100).is_err(), "{no_batch}");
        }
    }
}
