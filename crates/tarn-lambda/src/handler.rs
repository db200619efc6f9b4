//! What a function does with one invocation.

use std::time::{Duration, SystemTime};

use bytes::Bytes;

use crate::failure::Failure;
use crate::report::Report;

/// One invocation: the event as it came, and what Lambda says about it.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// The event's bytes.
    pub body: Bytes,
    /// Lambda's id of the invocation; a retry of an asynchronous one has the same.
    pub request_id: String,
    /// The ARN by which the function was invoked.
    pub function_arn: String,
    /// When Lambda ends the function.
    pub deadline: SystemTime,
}

impl Invocation {
    /// The time that is left; zero when it is over.
    pub fn remaining(&self) -> Duration {
        self.deadline.duration_since(SystemTime::now()).unwrap_or_default()
    }
}

/// The response of an invocation, and what is told of it.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// The response's bytes, JSON; at most 6 MB.
    pub body: Bytes,
    /// Counts for the closing line and the metrics.
    pub report: Report,
}

/// A function's work.
///
/// Lambda hands one event at a time to a process, so a handler need not be prepared for two at once. Work that blocks belongs on
/// a thread of its own (`tokio::task::spawn_blocking`): the ports need this one for their connections.
pub trait Handler {
    /// Answers one event. A panic is answered as an error and ends the process: the next event finds a new handler.
    fn handle(&self, invocation: Invocation) -> impl Future<Output = Result<Answer, Failure>>;
}
