//! Firehose's transformation: an event of records in, flat JSON lines out. Pure: what has to be stored or sent is handed to
//! the caller.
//!
//! [`Transform::batch`] reads an event and answers each of its records:
//!
//! | answer | when |
//! | --- | --- |
//! | `Ok` | its rows, as [`tarn_flatten::Lines`] writes them |
//! | `Dropped` | it holds no row: nothing but white space, or a control message of CloudWatch Logs |
//! | `Dropped`, once it lies in quarantine | it is refused: broken, or not what the contract promises |
//! | `Dropped`, once it is back on the stream | its rows do not fit in this answer any more, and it was put to the stream directly |
//! | `ProcessingFailed` | else; Firehose then delivers the record itself to its error prefix |
//!
//! The caller writes [`Batch::quarantined`] and puts [`Batch::put_backs`] back, and then [`Batch::response`] is the answer.
//!
//! **Size.** Lambda takes 6,291,556 bytes of answer, all included. Before a record is answered with its rows, room for the
//! shortest answer to every later one is set aside, so that no event is too much. A record whose rows would not fit in an
//! answer of their own is refused: it would come back forever.
//!
//! **Partitions.** Where a source is partitioned by a column of its own, each answer carries the day of its rows as
//! `partitionKeys`; rows without a day go to `__HIVE_DEFAULT_PARTITION__`. Firehose delivers a record to one prefix, whole,
//! so rows of several days in one record are refused. In quarantine nothing of it is lost, and `tarn replay` lays each row
//! into its own day, under the id it would have had. To split such a record over several put back would give its rows other
//! ids than ingest of the raw backup gives them; to go by the first row would hide the others from every query by day.

mod answer;
mod batch;
mod days;
mod event;

use std::sync::Arc;

use base64_simd::{AsOut as _, STANDARD};
use tarn_columnar::PartitionRule;
use tarn_flatten::{Contract, Flattener, PaddedBuffer, RecordError, RecordErrorKind, Settings};
use tarn_model::{Lake, Source};

pub use self::batch::{Batch, Outcome, PutBack, Refused};
pub use self::event::EventError;

use self::answer::Answers;
use self::batch::Left;
use self::days::Days;
use self::event::{Event, Record};
use crate::error::StepError;
use crate::ingest::{contract, interpret};

/// The largest answer that Lambda takes from a function that is called synchronously, in bytes.
pub const LARGEST_RESPONSE: usize = 6_291_556;
/// The largest record after unpacking, in bytes.
const LARGEST_RECORD: usize = 16 << 20;
/// What is left free of it.
const MARGIN: usize = 4 << 10;

/// Transforms the events of one source. Its buffers, and what it learns of the source's records, stay from event to event.
#[derive(Debug)]
pub struct Transform {
    flattener: Flattener,
    days: Option<Days>,
    decoded: PaddedBuffer,
    records: Vec<Record>,
    answers: Answers,
}

/// What becomes of a record that is not answered with rows.
enum Instead {
    Dropped,
    Refused { reason: String, at: usize },
    PutBack,
}

impl Transform {
    /// A transformation for a source of a lake.
    ///
    /// # Errors
    ///
    /// When the source's contract contradicts itself.
    pub fn new(lake: &Lake, source: &Source) -> Result<Self, StepError> {
        let rule = interpret::partition_rule(lake, source)?;
        let name = source.partition_name().unwrap_or("day");
        Ok(Self::with(contract::settings(lake, source), contract::contract(source)?, &rule, name, LARGEST_RESPONSE))
    }

    /// A transformation with these settings, for answers of at most `largest_response` bytes; rows are partitioned by the
    /// rule under the name.
    #[must_use]
    pub fn with(
        settings: Settings,
        contract: Option<Arc<Contract>>,
        rule: &PartitionRule,
        partition_name: &str,
        largest_response: usize,
    ) -> Self {
        let limit = largest_response.saturating_sub(MARGIN);
        // More lines than that fit in no answer; and a record that unpacks to more is one of a few kilobytes that were made to.
        let max_record_bytes = settings.max_record_bytes.min(LARGEST_RECORD);
        let settings = Settings { max_line_bytes: limit / 4 * 3, max_record_bytes, ..settings };
        let flattener = match contract {
            Some(contract) => Flattener::with_contract(settings, contract),
            None => Flattener::new(settings),
        };
        let days = Days::new(rule, partition_name);
        Self {
            flattener: match &days {
                Some(days) => flattener.with_moments(days.moment_of()),
                None => flattener,
            },
            days,
            decoded: PaddedBuffer::default(),
            records: Vec::new(),
            answers: Answers::new(limit),
        }
    }

    /// Transforms the records of an event.
    ///
    /// # Errors
    ///
    /// When the event is no event of Firehose, or has a record without an id. A record that cannot be taken is no error.
    pub fn batch<'t>(&'t mut self, event: &'t [u8]) -> Result<Batch<'t>, EventError> {
        let read = Event::read(event, &mut self.records)?;
        self.answers.begin(event, &self.records)?;
        let mut left = Left::default();
        for (position, record) in self.records.iter().enumerate() {
            let id = record.id_text(event);
            let Some(data) = record.data_text(event) else {
                left.refuse(position, "the record has no data".to_owned(), 0, Vec::new());
                self.answers.undecided(id);
                continue;
            };
            let decoded = match decode(data, &mut self.decoded) {
                true => Some(self.decoded.padded()),
                false => decode(&record.data(event), &mut self.decoded).then(|| self.decoded.padded()),
            };
            let Some(decoded) = decoded else {
                left.refuse(position, "the data is not base64".to_owned(), 0, record.data(event).into_owned());
                self.answers.undecided(id);
                continue;
            };
            let instead = match self.flattener.lines(decoded) {
                Ok(lines) if lines.rows == 0 => Some(Instead::Dropped),
                Ok(lines) => match self.days.as_mut().map(|days| days.metadata(lines.moments)) {
                    Some(None) => Some(several_days()),
                    metadata => self.answers.rows(id, lines.text, metadata.flatten().unwrap_or_default()),
                },
                Err(error) => Some(refused(&error)),
            };
            match instead {
                None => {}
                Some(Instead::Dropped) => {
                    left.empty += 1;
                    self.answers.dropped(id);
                }
                Some(Instead::Refused { reason, at }) => {
                    left.refuse(position, reason, at, decoded.record().to_vec());
                    self.answers.undecided(id);
                }
                Some(Instead::PutBack) => {
                    left.put_back(position, decoded.record(), read.is_direct_put());
                    self.answers.undecided(id);
                }
            }
        }
        Ok(Batch { event, read, left, answers: &mut self.answers, records: self.records.len() })
    }
}

/// Decodes base64 into the buffer; `false` if it is none.
fn decode(data: &[u8], buffer: &mut PaddedBuffer) -> bool {
    let room = STANDARD.estimated_decoded_length(data.len());
    buffer.fill(room, |room| STANDARD.decode(data, room.as_out()).map(|decoded| decoded.len())).is_ok()
}

#[cold]
fn refused(error: &RecordError) -> Instead {
    let reason = match error.kind {
        RecordErrorKind::OutputTooLarge { .. } => answer::TOO_LARGE.to_owned(),
        _ => error.kind.to_string(),
    };
    Instead::Refused { reason, at: error.offset }
}

#[cold]
fn several_days() -> Instead {
    Instead::Refused { reason: "the rows of the record belong to several days".to_owned(), at: 0 }
}
