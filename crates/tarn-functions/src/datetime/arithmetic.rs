//! `date_trunc`, `date_add`, `date_diff`, `last_day_of_month`.

use arrow::array::ArrayRef;
use datafusion::common::Result;

use super::column::{At, Zoned};
use super::moment::Moment;
use super::unit::{Unit, last_day_of_month};
use super::zoned::zone_of;
use crate::call::{Call, Memo, map_rows};
use crate::function::Function;

pub(crate) fn functions() -> Vec<Function> {
    vec![
        Function::new("date_trunc")
            .on("(varchar, date) -> date", |call| truncate(call, Unit::of_date))
            .on("(varchar, M) -> M", |call| truncate(call, Unit::of_timestamp))
            .on("(varchar, Z) -> Z", truncate_zoned),
        Function::new("date_add")
            .on("(varchar, bigint, date) -> date", |call| add(call, Unit::of_date))
            .on("(varchar, bigint, M) -> M", |call| add(call, Unit::of_timestamp))
            .on("(varchar, bigint, Z) -> Z", add_zoned),
        Function::new("date_diff")
            .on("(varchar, date, date) -> bigint", |call| difference(call, Unit::of_date))
            .on("(varchar, timestamp, timestamp) -> bigint", |call| difference(call, Unit::of_timestamp))
            .on("(varchar, timestamp with time zone, timestamp with time zone) -> bigint", difference_zoned),
        Function::new("last_day_of_month")
            .on("(date) -> date", last_day)
            .on("(timestamp) -> date", last_day)
            .on("(timestamp with time zone) -> date", last_day),
    ]
}

type ReadUnit = fn(&str) -> Result<Unit>;

fn truncate(call: &Call, read: ReadUnit) -> Result<ArrayRef> {
    let mut units = Memo::new();
    map_rows::<(&str, Moment), Moment>(call, |(unit, moment)| Ok(Some(units.get(unit, read)?.truncate(moment))))
}

fn truncate_zoned(call: &Call) -> Result<ArrayRef> {
    let mut units = Memo::new();
    map_rows::<(&str, Zoned), At>(call, |(unit, value)| {
        let unit = *units.get(unit, Unit::of_timestamp)?;
        let local = unit.truncate(value.local);
        // Below a day the offset stays, also in an hour that happens twice.
        Ok(Some(if unit < Unit::Day {
            let seconds = local.seconds - value.local.seconds + value.instant.seconds;
            At::Instant(Moment { seconds, ..local })
        } else {
            At::Local(local)
        }))
    })
}

fn add(call: &Call, read: ReadUnit) -> Result<ArrayRef> {
    let mut units = Memo::new();
    map_rows::<(&str, i64, Moment), Moment>(call, |(unit, count, moment)| {
        units.get(unit, read)?.add(moment, count).map(Some)
    })
}

fn add_zoned(call: &Call) -> Result<ArrayRef> {
    let mut units = Memo::new();
    map_rows::<(&str, i64, Zoned), At>(call, |(unit, count, value)| {
        let unit = *units.get(unit, Unit::of_timestamp)?;
        Ok(Some(if unit < Unit::Day {
            At::Instant(unit.add(value.instant, count)?)
        } else {
            At::Local(unit.add(value.local, count)?)
        }))
    })
}

fn difference(call: &Call, read: ReadUnit) -> Result<ArrayRef> {
    let mut units = Memo::new();
    map_rows::<(&str, Moment, Moment), i64>(call, |(unit, start, end)| {
        Ok(Some(units.get(unit, read)?.difference(start, end)))
    })
}

fn difference_zoned(call: &Call) -> Result<ArrayRef> {
    let mut units = Memo::new();
    let zone = zone_of(call.argument(1)?.array.data_type())?;
    map_rows::<(&str, Zoned, Zoned), i64>(call, |(unit, start, end)| {
        let unit = *units.get(unit, Unit::of_timestamp)?;
        Ok(Some(if unit < Unit::Day {
            unit.difference(start.instant, end.instant)
        } else {
            // What the clocks of the first one's zone show at either end, also where they were changed in between.
            let shift = i64::from(zone.offset_at(end.instant.seconds));
            unit.difference(start.local, end.instant.plus_seconds(shift))
        }))
    })
}

fn last_day(call: &Call) -> Result<ArrayRef> {
    map_rows::<(Moment,), Moment>(call, |(moment,)| Ok(Some(Moment::of_day(last_day_of_month(moment.days())))))
}
