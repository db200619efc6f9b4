//! The day of a record's rows, as Firehose wants to be told it.

use tarn_columnar::{DayOf, LastDay, PartitionRule, PartitionSource};
use tarn_flatten::{Moment, MomentOf};

use crate::ingest::files;

/// Gives records their partition.
pub(super) struct Days {
    moment_of: MomentOf,
    day_of: DayOf,
    last: LastDay,
    /// `,"metadata":{"partitionKeys":{"day":"`
    head: Vec<u8>,
    /// The metadata of this day, the last that was asked for.
    written: Option<Option<i32>>,
    metadata: Vec<u8>,
}

impl std::fmt::Debug for Days {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Days").field("moment_of", &self.moment_of).finish_non_exhaustive()
    }
}

impl Days {
    /// What a partition rule gives; `None` if all rows share one partition.
    pub(super) fn new(rule: &PartitionRule, name: &str) -> Option<Self> {
        let PartitionRule::DateOf { source, day_of } = rule else { return None };
        let name = serde_json::Value::from(name);
        Some(Self {
            moment_of: match source {
                PartitionSource::Column(position) => MomentOf::Column(*position),
                PartitionSource::ChangeTime => MomentOf::ChangeTime,
            },
            day_of: DayOf::clone(day_of),
            last: LastDay::default(),
            head: format!(",\"metadata\":{{\"partitionKeys\":{{{name}:\"").into_bytes(),
            written: None,
            metadata: Vec::new(),
        })
    }

    pub(super) fn moment_of(&self) -> MomentOf {
        self.moment_of
    }

    /// The metadata of a record whose rows have these moments; `None` if they belong to several days.
    pub(super) fn metadata(&mut self, moments: &[Option<Moment>]) -> Option<&[u8]> {
        let mut days = moments.iter().map(|moment| match moment {
            None => None,
            Some(Moment::Date(day)) => Some(*day),
            Some(Moment::Timestamp(instant)) => Some(self.last.day(*instant, &self.day_of)),
        });
        let day = days.next()?;
        if !days.all(|other| other == day) {
            return None;
        }
        if self.written != Some(day) {
            self.written = Some(day);
            self.metadata.clear();
            self.metadata.extend_from_slice(&self.head);
            let day = day.and_then(files::date).map_or_else(|| files::NO_VALUE.to_owned(), |day| day.to_string());
            self.metadata.extend_from_slice(day.as_bytes());
            self.metadata.extend_from_slice(b"\"}}");
        }
        Some(&self.metadata)
    }
}
