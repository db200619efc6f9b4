//! What became of the records of an event, and what its caller still has to do.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::answer::Answers;
use super::event::Event;
use crate::ingest::quarantine::Quarantined;
use crate::names::Key;

/// A record that could not be taken, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Its place in the event, from 0.
    pub position: usize,
    /// Why.
    pub reason: String,
    /// The byte of the record at which the reason stands.
    pub at: usize,
    /// The record's bytes; the text of its data where that is not base64.
    pub record: Vec<u8>,
}

/// A record that should be put back on its stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutBack {
    /// Its place in the event, from 0.
    pub position: usize,
    /// The record's bytes.
    pub record: Vec<u8>,
}

/// What came of the work that a batch left to its caller.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome {
    /// Whether [`Batch::quarantined`] was written.
    pub quarantined: bool,
    /// For each of [`Batch::put_backs`], in order, whether it is on the stream; what is missing is not.
    pub put_back: Vec<bool>,
}

/// What the records of an event leave to do.
#[derive(Debug, Default)]
pub(super) struct Left {
    refused: Vec<Refused>,
    put_backs: Vec<PutBack>,
    /// For each answer that is open, in order, what it depends on.
    open: Vec<Open>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    Quarantine,
    PutBack(usize),
    Nothing,
}

impl Left {
    #[cold]
    pub(super) fn refuse(&mut self, position: usize, reason: String, at: usize, record: Vec<u8>) {
        self.refused.push(Refused { position, reason, at, record });
        self.open.push(Open::Quarantine);
    }

    /// Only what was put to the stream directly can be put back: a Kinesis stream would give it to its other readers again.
    #[cold]
    pub(super) fn put_back(&mut self, position: usize, record: &[u8], direct: bool) {
        if direct {
            self.open.push(Open::PutBack(self.put_backs.len()));
            self.put_backs.push(PutBack { position, record: record.to_vec() });
        } else {
            self.open.push(Open::Nothing);
        }
    }
}

/// The transformed records of an event.
#[derive(Debug)]
pub struct Batch<'t> {
    pub(super) event: &'t [u8],
    pub(super) read: Event,
    pub(super) left: Left,
    pub(super) answers: &'t mut Answers,
    pub(super) records: usize,
}

impl<'t> Batch<'t> {
    /// The invocation that the event says it is; the same when the event comes again.
    #[must_use]
    pub fn invocation_id(&self) -> Cow<'t, str> {
        self.read.invocation_id(self.event)
    }

    /// The ARN of the Firehose stream that the records came from.
    #[must_use]
    pub fn delivery_stream(&self) -> Cow<'t, str> {
        self.read.delivery_stream(self.event)
    }

    /// How many records the event holds.
    #[must_use]
    pub fn records(&self) -> usize {
        self.records
    }

    /// The records that could not be taken.
    #[must_use]
    pub fn refused(&self) -> &[Refused] {
        &self.left.refused
    }

    /// The same as quarantine keeps them; `origin` says where the event came from.
    #[must_use]
    pub fn quarantined(&self, origin: &Key) -> Vec<Quarantined> {
        let quarantined = |refused: &Refused| Quarantined {
            origin: origin.clone(),
            offset: refused.position as u64,
            reason: refused.reason.clone(),
            at: refused.at as u64,
            record: STANDARD.encode(&refused.record),
        };
        self.left.refused.iter().map(quarantined).collect()
    }

    /// The records to be put back on the Firehose stream, since their rows do not fit in this answer.
    #[must_use]
    pub fn put_backs(&self) -> &[PutBack] {
        &self.left.put_backs
    }

    /// The answer to the event, as JSON.
    #[must_use]
    pub fn response(self, outcome: &Outcome) -> &'t [u8] {
        let decided = self.left.open.iter().map(|open| match open {
            Open::Quarantine => outcome.quarantined,
            Open::PutBack(position) => outcome.put_back.get(*position).copied().unwrap_or(false),
            Open::Nothing => false,
        });
        self.answers.finish(decided)
    }
}
