//! Columns of dates and timestamps as moments, and moments as columns.
//!
//! A timestamp column without zone holds wall-clock times; one with zone holds instants, read as the wall
//! clock of the zone or as instants, as a function asks.

use std::sync::Arc;

use arrow::array::{ArrayRef, NullBufferBuilder, PrimitiveArray};
use arrow::datatypes::{
    DataType, Date32Type, Int64Type, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType,
};
use datafusion::common::Result;

use super::moment::Moment;
use super::zone::Zone;
use crate::call::{Argument, Input, Output};
use crate::failure::{internal, out_of_range};

/// Raw values of a date or timestamp column, with what they count.
#[derive(Debug)]
pub(crate) enum MomentReader<'a> {
    Days(&'a PrimitiveArray<Date32Type>),
    Ticks { values: &'a [i64], per_second: i64, zone: Option<Zone> },
}

impl<'a> Input<'a> for Moment {
    type Reader = MomentReader<'a>;

    fn reader(argument: &'a Argument) -> Result<Self::Reader> {
        let (values, per_second, zone) = match argument.array.data_type() {
            DataType::Date32 => return Ok(MomentReader::Days(argument.typed()?)),
            DataType::Timestamp(TimeUnit::Millisecond, zone) => {
                (argument.typed::<PrimitiveArray<TimestampMillisecondType>>()?.values(), 1_000, zone)
            }
            DataType::Timestamp(TimeUnit::Microsecond, zone) => {
                (argument.typed::<PrimitiveArray<TimestampMicrosecondType>>()?.values(), 1_000_000, zone)
            }
            DataType::Timestamp(TimeUnit::Nanosecond, zone) => {
                (argument.typed::<PrimitiveArray<TimestampNanosecondType>>()?.values(), 1_000_000_000, zone)
            }
            other => return Err(internal(format!("`{other}` is no moment"))),
        };
        let zone = zone.as_deref().map(Zone::parse).transpose()?;
        Ok(MomentReader::Ticks {
            values,
            per_second,
            // UTC needs no shift: the fast path.
            zone: zone.filter(|zone| !zone.is_utc()),
        })
    }

    fn read(reader: &Self::Reader, position: usize) -> Self {
        match reader {
            MomentReader::Days(days) => Moment::of_day(i64::from(days.value(position))),
            MomentReader::Ticks { values, per_second, zone } => {
                let moment = Moment::from_ticks(values[position], *per_second);
                match zone {
                    Some(zone) => moment.plus_seconds(i64::from(zone.offset_at(moment.seconds))),
                    None => moment,
                }
            }
        }
    }
}

/// An instant of a timestamp column, whatever its zone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Instant(pub(crate) Moment);

impl<'a> Input<'a> for Instant {
    type Reader = MomentReader<'a>;

    fn reader(argument: &'a Argument) -> Result<Self::Reader> {
        Ok(match Moment::reader(argument)? {
            MomentReader::Ticks { values, per_second, .. } => MomentReader::Ticks { values, per_second, zone: None },
            days => days,
        })
    }

    fn read(reader: &Self::Reader, position: usize) -> Self {
        Self(Moment::read(reader, position))
    }
}

/// A value with time zone: the instant, and what the clocks of its zone show.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Zoned {
    pub(crate) instant: Moment,
    pub(crate) local: Moment,
}

impl<'a> Input<'a> for Zoned {
    type Reader = MomentReader<'a>;

    fn reader(argument: &'a Argument) -> Result<Self::Reader> {
        Moment::reader(argument)
    }

    fn read(reader: &Self::Reader, position: usize) -> Self {
        let local = Moment::read(reader, position);
        let instant = match reader {
            MomentReader::Ticks { values, per_second, .. } => Moment::from_ticks(values[position], *per_second),
            MomentReader::Days(_) => local,
        };
        Self { instant, local }
    }
}

/// A value with time zone to be, known by its instant or by what the clocks of the zone show.
#[derive(Debug, Clone, Copy)]
pub(crate) enum At {
    Instant(Moment),
    Local(Moment),
}

/// Collects dates and timestamps of any unit and zone.
#[derive(Debug)]
pub(crate) struct MomentBuilder {
    values: Vec<i64>,
    nulls: NullBufferBuilder,
    gives: DataType,
    zone: Option<Zone>,
    per_second: i64,
}

impl MomentBuilder {
    fn push(&mut self, moment: Moment, zone: Option<&Zone>) -> Result<()> {
        let instant = match zone {
            Some(zone) => moment.plus_seconds(-i64::from(zone.offset_of_local(moment.seconds))),
            None => moment,
        };
        // What no calendar here can print is refused rather than shown as a number.
        let is_printable = chrono::DateTime::from_timestamp(instant.seconds, 0).is_some();
        let value = if !is_printable {
            None
        } else if self.per_second == 0 {
            Some(instant.days()).filter(|days| i32::try_from(*days).is_ok())
        } else {
            instant.to_ticks(self.per_second)
        };
        let value = value
            .ok_or_else(|| out_of_range(format!("a moment does not fit `{}`", crate::types::type_name(&self.gives))))?;
        self.values.push(value);
        self.nulls.append_non_null();
        Ok(())
    }
}

/// A wall-clock time: in a result with zone, the time in that zone.
impl Output for Moment {
    type Builder = MomentBuilder;

    fn builder(rows: usize, gives: &DataType) -> Result<Self::Builder> {
        let (per_second, zone) = match gives {
            DataType::Date32 => (0, None),
            DataType::Timestamp(unit, zone) => {
                let per_second = match unit {
                    TimeUnit::Second => 1,
                    TimeUnit::Millisecond => 1_000,
                    TimeUnit::Microsecond => 1_000_000,
                    TimeUnit::Nanosecond => 1_000_000_000,
                };
                (per_second, zone.as_deref().map(Zone::parse).transpose()?)
            }
            other => return Err(internal(format!("`{other}` is no moment"))),
        };
        Ok(MomentBuilder {
            values: Vec::with_capacity(rows),
            nulls: NullBufferBuilder::new(rows),
            gives: gives.clone(),
            zone: zone.filter(|zone| !zone.is_utc()),
            per_second,
        })
    }

    fn append(builder: &mut Self::Builder, value: Self) -> Result<()> {
        let zone = builder.zone.clone();
        builder.push(value, zone.as_ref())
    }

    fn append_null(builder: &mut Self::Builder) {
        builder.values.push(0);
        builder.nulls.append_null();
    }

    fn finish(mut builder: Self::Builder) -> ArrayRef {
        let nulls = builder.nulls.finish();
        if builder.per_second == 0 {
            let days = builder.values.iter().map(|days| *days as i32).collect();
            return Arc::new(PrimitiveArray::<Date32Type>::new(days, nulls));
        }
        let values = builder.values.into();
        match builder.gives {
            DataType::Timestamp(TimeUnit::Nanosecond, zone) => {
                Arc::new(PrimitiveArray::<TimestampNanosecondType>::new(values, nulls).with_timezone_opt(zone))
            }
            DataType::Timestamp(TimeUnit::Microsecond, zone) => {
                Arc::new(PrimitiveArray::<TimestampMicrosecondType>::new(values, nulls).with_timezone_opt(zone))
            }
            DataType::Timestamp(_, zone) => {
                Arc::new(PrimitiveArray::<TimestampMillisecondType>::new(values, nulls).with_timezone_opt(zone))
            }
            _ => Arc::new(PrimitiveArray::<Int64Type>::new(values, nulls)),
        }
    }
}

impl Output for At {
    type Builder = MomentBuilder;

    fn builder(rows: usize, gives: &DataType) -> Result<Self::Builder> {
        Moment::builder(rows, gives)
    }

    fn append(builder: &mut Self::Builder, value: Self) -> Result<()> {
        match value {
            At::Instant(instant) => builder.push(instant, None),
            At::Local(local) => Moment::append(builder, local),
        }
    }

    fn append_null(builder: &mut Self::Builder) {
        Moment::append_null(builder);
    }

    fn finish(builder: Self::Builder) -> ArrayRef {
        Moment::finish(builder)
    }
}
