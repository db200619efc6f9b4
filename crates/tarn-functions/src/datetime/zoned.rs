//! Time zones as values.
//!
//! Trino keeps a zone in every value; a column here has one zone for all its rows. A constant gives
//! its zone to the type. Text in a column may name other zones than UTC only where the zone does not matter
//! (the instant is asked for) or where the wall clock of each row is asked for: a function that asks for one of them
//! makes its argument say so while the query is planned. Elsewhere such a row is refused, never shifted.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::ScalarUDF;

use super::column::{At, Instant};
use super::moment::Moment;
use super::zone::Zone;
use super::{iso, notation::joda};
use crate::call::{Call, Input, Memo, Output, map_rows};
use crate::failure::{internal, not_supported};
use crate::function::Function;

pub(crate) fn functions() -> Vec<Function> {
    vec![
        Function::new("current_timezone")
            .on("() -> varchar", |call| Ok(Arc::new(arrow::array::StringArray::from(vec!["UTC"; call.rows])))),
        Function::new("at_timezone").instant_only().computing(
            "(timestamp with time zone, varchar)",
            |types, constants| in_zone("at_timezone", types, constants),
            |call| map_rows::<(Instant,), At>(call, |(Instant(moment),)| Ok(Some(At::Instant(moment)))),
        ),
        Function::new("with_timezone").computing(
            "(timestamp, varchar)",
            |types, constants| in_zone("with_timezone", types, constants),
            |call| map_rows::<(Moment,), Moment>(call, |(moment,)| Ok(Some(moment))),
        ),
    ]
}

fn in_zone(name: &str, types: &[DataType], constants: &[Option<&ScalarValue>]) -> Result<DataType> {
    let unit = match types.first() {
        Some(DataType::Timestamp(unit, _)) => *unit,
        _ => TimeUnit::Millisecond,
    };
    let zone = constant_zone(name, constants, 1)?;
    Ok(DataType::Timestamp(unit, Some(zone.name().into())))
}

/// The text of a constant argument.
pub(crate) fn constant_text<'c>(constants: &[Option<&'c ScalarValue>], index: usize) -> Option<&'c str> {
    constants.get(index).copied().flatten()?.try_as_str()?
}

/// The zone that a constant argument names; a type cannot depend on a row's value.
pub(crate) fn constant_zone(name: &str, constants: &[Option<&ScalarValue>], index: usize) -> Result<Zone> {
    match constant_text(constants, index) {
        Some(text) => Zone::parse(text),
        None => Err(not_supported(format!("{name} with a time zone that is not a constant"))),
    }
}

/// The type `timestamp(3) with time zone` in a zone.
pub(crate) fn utc_millis(zone: Option<Zone>) -> DataType {
    let name = zone.unwrap_or(Zone::Fixed(0)).name();
    DataType::Timestamp(TimeUnit::Millisecond, Some(name.into()))
}

/// The zone of a timestamp type.
pub(crate) fn zone_of(data_type: &DataType) -> Result<Zone> {
    match data_type {
        DataType::Timestamp(_, Some(zone)) => Zone::parse(zone),
        other => Err(internal(format!("`{other}` has no time zone"))),
    }
}

/// What one row of text says: wall-clock time, and zone if it names one.
type ReadRow<'a> = (Moment, Option<Zone>, &'a str);

fn rows_of<'a>(
    call: &'a Call,
    mut read: impl FnMut((&'a str, Option<&'a str>)) -> Result<(Moment, Option<Zone>)>,
    mut put: impl FnMut(Option<ReadRow<'a>>) -> Result<()>,
) -> Result<()> {
    let readers = call.arguments.iter().map(<&str>::reader).collect::<Result<Vec<_>>>()?;
    for row in 0..call.rows {
        if call.arguments.iter().any(|argument| argument.is_null(row)) {
            put(None)?;
            continue;
        }
        let text = |index: usize| {
            let argument = call.arguments.get(index)?;
            readers.get(index).map(|reader| reader.value(argument.position(row)))
        };
        let first = text(0).ok_or_else(|| internal("a text is expected"))?;
        let (local, zone) = read((first, text(1)))?;
        put(Some((local, zone, first)))?;
    }
    Ok(())
}

/// Reads text as timestamps with zone; a row in another zone than the result's is refused.
pub(crate) fn read_zoned<'a>(
    call: &'a Call,
    read: impl FnMut((&'a str, Option<&'a str>)) -> Result<(Moment, Option<Zone>)>,
) -> Result<ArrayRef> {
    let expected = zone_of(&call.gives)?;
    let mut builder = Moment::builder(call.rows, &call.gives)?;
    rows_of(call, read, |row| {
        let Some((local, zone, text)) = row else {
            Moment::append_null(&mut builder);
            return Ok(());
        };
        let zone = zone.unwrap_or(Zone::Fixed(0));
        if zone != expected && zone.offset_of_local(local.seconds) != expected.offset_of_local(local.seconds) {
            return Err(not_supported(format!(
                "\"{text}\" has the time zone {}, and a column of timestamps has one time zone here ({}); wrap the \
                 call in at_timezone(…, 'UTC') or cast it to timestamp",
                zone.name(),
                expected.name()
            )));
        }
        Moment::append(&mut builder, local)
    })?;
    Ok(Moment::finish(builder))
}

/// Which functions give values with a zone of their own in each row.
pub(crate) fn is_carrier(name: &str) -> bool {
    matches!(name, "from_iso8601_timestamp" | "from_iso8601_timestamp_nanos" | "parse_datetime")
}

type Reader = fn(&str, Option<&str>, &mut Memo<super::pattern::DatePattern>) -> Result<(Moment, Option<Zone>)>;

fn reader_of(carrier: &str) -> Reader {
    if carrier == "parse_datetime" {
        |text, pattern, memo| {
            let read = memo.get(pattern.unwrap_or_default(), joda)?.read(text)?;
            Ok((read.local, read.zone))
        }
    } else {
        |text, _, _| iso::read_timestamp(text)
    }
}

/// A carrier that gives the instants of its rows, as UTC.
pub(crate) fn instant_variant(carrier: &str) -> Option<Arc<ScalarUDF>> {
    let function = match carrier {
        "from_iso8601_timestamp" => Function::new("from_iso8601_timestamp$instant")
            .on("(varchar) -> timestamp(3) with time zone", |call| instants(call, "iso")),
        "from_iso8601_timestamp_nanos" => Function::new("from_iso8601_timestamp_nanos$instant")
            .on("(varchar) -> timestamp(9) with time zone", |call| instants(call, "iso")),
        "parse_datetime" => Function::new("parse_datetime$instant")
            .on("(varchar, varchar) -> timestamp(3) with time zone", |call| instants(call, "parse_datetime")),
        _ => return None,
    };
    Some(function.build())
}

/// The variant of a function such as `from_iso8601_timestamp` that gives what the clocks of each row's own
/// zone show, without zone; what `cast(from_iso8601_timestamp(x) as timestamp)` means. `None` for other functions.
pub fn local_variant(carrier: &str) -> Option<Arc<ScalarUDF>> {
    let function = match carrier {
        "from_iso8601_timestamp" => {
            Function::new("from_iso8601_timestamp$local").on("(varchar) -> timestamp(3)", |call| locals(call, "iso"))
        }
        "from_iso8601_timestamp_nanos" => Function::new("from_iso8601_timestamp_nanos$local").computing(
            "(varchar)",
            |_, _| Ok(DataType::Timestamp(TimeUnit::Nanosecond, None)),
            |call| locals(call, "iso"),
        ),
        "parse_datetime" => Function::new("parse_datetime$local")
            .on("(varchar, varchar) -> timestamp(3)", |call| locals(call, "parse_datetime")),
        _ => return None,
    };
    Some(function.build())
}

fn instants(call: &Call, carrier: &str) -> Result<ArrayRef> {
    let mut builder = At::builder(call.rows, &call.gives)?;
    let (reader, mut memo) = (reader_of(carrier), Memo::new());
    rows_of(
        call,
        |(text, pattern)| reader(text, pattern, &mut memo),
        |row| match row {
            None => {
                At::append_null(&mut builder);
                Ok(())
            }
            Some((local, zone, _)) => {
                let offset = zone.map_or(0, |zone| zone.offset_of_local(local.seconds));
                At::append(&mut builder, At::Instant(local.plus_seconds(-i64::from(offset))))
            }
        },
    )?;
    Ok(At::finish(builder))
}

fn locals(call: &Call, carrier: &str) -> Result<ArrayRef> {
    let mut builder = Moment::builder(call.rows, &call.gives)?;
    let (reader, mut memo) = (reader_of(carrier), Memo::new());
    rows_of(
        call,
        |(text, pattern)| reader(text, pattern, &mut memo),
        |row| match row {
            None => {
                Moment::append_null(&mut builder);
                Ok(())
            }
            Some((local, _, _)) => Moment::append(&mut builder, local),
        },
    )?;
    Ok(Moment::finish(builder))
}
