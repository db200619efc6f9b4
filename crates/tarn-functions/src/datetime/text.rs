//! Dates and times to and from text, by pattern or as ISO 8601.

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::{Result, ScalarValue};

use super::column::Zoned;
use super::iso;
use super::moment::Moment;
use super::notation::{joda, mysql};
use super::pattern::DatePattern;
use super::zone::{Zone, offset_text};
use super::zoned::{constant_text, read_zoned, utc_millis, zone_of};
use crate::call::{Call, Memo, map_rows};
use crate::failure::{internal, invalid_argument, invalid_cast};
use crate::function::Function;

/// Compiles a pattern in one of the two notations.
type Notation = fn(&str) -> Result<DatePattern>;

pub(crate) fn functions() -> Vec<Function> {
    vec![
        Function::new("date_parse").on("(varchar, varchar) -> timestamp(3)", date_parse),
        Function::new("date_format")
            .wall_clock()
            .on("(timestamp, varchar) -> varchar", |call| print(call, mysql))
            .on("(timestamp with time zone, varchar) -> varchar", |call| print_zoned(call, mysql)),
        Function::new("format_datetime")
            .on("(timestamp, varchar) -> varchar", |call| print(call, joda))
            .on("(timestamp with time zone, varchar) -> varchar", |call| print_zoned(call, joda)),
        parse_datetime("parse_datetime"),
        from_iso8601_timestamp("from_iso8601_timestamp"),
        Function::new("from_iso8601_timestamp_nanos").computing(
            "(varchar)",
            |types, constants| iso_type(types, constants, TimeUnit::Nanosecond),
            |call| read_zoned(call, |(text, _)| iso::read_timestamp(text)),
        ),
        Function::new("from_iso8601_date").on("(varchar) -> date", |call| {
            map_rows::<(&str,), Moment>(call, |(text,)| Ok(Some(Moment::of_day(iso::read_date(text)?))))
        }),
        Function::new("to_iso8601")
            .on("(date) -> varchar", |call| {
                map_rows::<(Moment,), String>(call, |(moment,)| Ok(Some(date_text(moment))))
            })
            .on("(timestamp) -> varchar", to_iso8601)
            .on("(timestamp with time zone) -> varchar", to_iso8601),
        Function::new("date")
            .wall_clock()
            .on("(varchar) -> date", |call| map_rows::<(&str,), Moment>(call, |(text,)| cast_to_date(text).map(Some)))
            .on("(date) -> date", to_date)
            .on("(timestamp) -> date", to_date)
            .on("(timestamp with time zone) -> date", to_date),
    ]
}

fn date_parse(call: &Call) -> Result<ArrayRef> {
    let mut patterns = Memo::new();
    map_rows::<(&str, &str), Moment>(call, |(text, pattern)| Ok(Some(patterns.get(pattern, mysql)?.read(text)?.local)))
}

fn print(call: &Call, notation: Notation) -> Result<ArrayRef> {
    let mut patterns = Memo::new();
    let zone = Zone::Fixed(0);
    map_rows::<(Moment, &str), String>(call, |(moment, pattern)| {
        let mut text = String::with_capacity(24);
        patterns.get(pattern, notation)?.print(moment, &zone, &mut text);
        Ok(Some(text))
    })
}

fn print_zoned(call: &Call, notation: Notation) -> Result<ArrayRef> {
    let mut patterns = Memo::new();
    let zone = zone_of(call.argument(0)?.array.data_type())?;
    map_rows::<(Moment, &str), String>(call, |(moment, pattern)| {
        let mut text = String::with_capacity(24);
        patterns.get(pattern, notation)?.print(moment, &zone, &mut text);
        Ok(Some(text))
    })
}

fn parse_datetime(name: &'static str) -> Function {
    Function::new(name).computing(
        "(varchar, varchar)",
        |_, constants| match (constant_text(constants, 0), constant_text(constants, 1)) {
            (Some(text), Some(pattern)) => Ok(utc_millis(joda(pattern)?.read(text)?.zone)),
            _ => Ok(utc_millis(None)),
        },
        |call| {
            let mut patterns = Memo::new();
            read_zoned(call, |(text, pattern)| {
                let read = patterns.get(pattern.unwrap_or_default(), joda)?.read(text)?;
                Ok((read.local, read.zone))
            })
        },
    )
}

fn from_iso8601_timestamp(name: &'static str) -> Function {
    Function::new(name).computing(
        "(varchar)",
        |types, constants| iso_type(types, constants, TimeUnit::Millisecond),
        |call| read_zoned(call, |(text, _)| iso::read_timestamp(text)),
    )
}

fn iso_type(_: &[DataType], constants: &[Option<&ScalarValue>], unit: TimeUnit) -> Result<DataType> {
    let zone = match constant_text(constants, 0) {
        Some(text) => iso::read_timestamp(text)?.1,
        None => None,
    };
    let zone = zone.unwrap_or(Zone::Fixed(0)).name();
    Ok(DataType::Timestamp(unit, Some(zone.into())))
}

fn date_text(moment: Moment) -> String {
    let day = moment.day();
    let sign = if day.year < 0 { "-" } else { "" };
    format!("{sign}{:04}-{:02}-{:02}", day.year.abs(), day.month, day.day)
}

fn to_iso8601(call: &Call) -> Result<ArrayRef> {
    let data_type = call.argument(0)?.array.data_type();
    let DataType::Timestamp(unit, zone) = data_type else {
        return Err(internal("to_iso8601 takes timestamps"));
    };
    let digits = match unit {
        TimeUnit::Second => 0,
        TimeUnit::Millisecond => 3,
        TimeUnit::Microsecond => 6,
        TimeUnit::Nanosecond => 9,
    };
    let zoned = zone.is_some();
    map_rows::<(Zoned,), String>(call, |(value,)| {
        let local = value.local;
        let mut text = format!("{}T{:02}:{:02}:{:02}", date_text(local), local.hour(), local.minute(), local.second());
        if digits > 0 {
            let nanos = format!("{:09}", local.nanos);
            text.push('.');
            text.push_str(&nanos[..digits]);
        }
        if zoned {
            match (local.seconds - value.instant.seconds) as i32 {
                0 => text.push('Z'),
                offset => text.push_str(&offset_text(offset, true)),
            }
        }
        Ok(Some(text))
    })
}

fn to_date(call: &Call) -> Result<ArrayRef> {
    map_rows::<(Moment,), Moment>(call, |(moment,)| Ok(Some(Moment::of_day(moment.days()))))
}

/// Casts text to a date, as `cast(x as date)` does: `2020-01-05`, also `2020-1-5`, spaces around allowed.
pub fn cast_text_to_date(text: &str) -> Result<i32> {
    let days = cast_to_date(text)?.days();
    i32::try_from(days).map_err(|_| invalid_argument(format!("date is out of range: {text}")))
}

fn cast_to_date(text: &str) -> Result<Moment> {
    let trimmed = text.trim_matches(' ');
    let complete = trimmed.trim_start_matches(['+', '-']).split('-').count() == 3;
    iso::read_date(trimmed)
        .ok()
        .filter(|_| complete && !trimmed.contains('W'))
        .map(Moment::of_day)
        .ok_or_else(|| invalid_cast(format!("Value cannot be cast to date: {text}")))
}
