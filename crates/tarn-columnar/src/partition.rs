//! Which partition a row belongs to.

use std::fmt;
use std::sync::Arc;

use tarn_flatten::{Row, Value};

/// The day (since 1970-01-01) of a point in time (microseconds since then, UTC), in the lake's time zone.
///
/// A function, so that time zone data stays with the caller.
pub type DayOf = Arc<dyn Fn(i64) -> i32 + Send + Sync>;

/// The partition that a file belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Partition {
    /// The table has no partitions, or the caller put all rows in one.
    Whole,
    /// A day since 1970-01-01; `None` if the row has none, which Hive calls `__HIVE_DEFAULT_PARTITION__`.
    Day(Option<i32>),
}

/// What gives the day of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartitionSource {
    /// A `date` or `timestamp` column, by its position in the contract.
    Column(usize),
    /// The time of the change, column `_at`.
    ChangeTime,
}

/// How rows are split into partitions. The partition column itself is not in the files (Hive layout).
#[derive(Clone)]
pub enum PartitionRule {
    /// All rows in one partition.
    None,
    /// By day.
    DateOf {
        /// What gives the day.
        source: PartitionSource,
        /// The day of a timestamp.
        day_of: DayOf,
    },
}

impl fmt::Debug for PartitionRule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => formatter.write_str("None"),
            Self::DateOf { source, .. } => {
                formatter.debug_struct("DateOf").field("source", source).finish_non_exhaustive()
            }
        }
    }
}

impl PartitionRule {
    /// The partition of a row. `last` is the answer for the previous timestamp, which is often that of this one.
    pub(crate) fn partition(&self, row: &Row<'_>, last: &mut LastDay) -> Partition {
        let Self::DateOf { source, day_of } = self else { return Partition::Whole };
        let instant = match source {
            PartitionSource::Column(position) => match row.values.get(*position) {
                Some(Value::Date(day)) => return Partition::Day(Some(*day)),
                Some(Value::Timestamp(instant)) => *instant,
                _ => return Partition::Day(None),
            },
            PartitionSource::ChangeTime => match row.change.and_then(|change| change.at) {
                Some(instant) => instant,
                None => return Partition::Day(None),
            },
        };
        Partition::Day(Some(last.day(instant, day_of)))
    }
}

/// Remembers the day of a quarter of an hour: no time zone changes its day or its offset within one.
#[derive(Debug, Default)]
pub struct LastDay {
    quarter: Option<i64>,
    day: i32,
}

impl LastDay {
    /// The day of a point in time.
    pub fn day(&mut self, instant: i64, day_of: &DayOf) -> i32 {
        const QUARTER: i64 = 15 * 60 * 1_000_000;
        let quarter = instant.div_euclid(QUARTER);
        if self.quarter != Some(quarter) {
            self.quarter = Some(quarter);
            self.day = day_of(instant);
        }
        self.day
    }
}
