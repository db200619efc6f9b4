//! What every Lambda function of Tarn shares: the runtime loop, settings, logs and metrics.
//!
//! A function is a [`Handler`]: bytes of an event in, bytes of the response out. [`run`] does the rest: it polls, answers for panics,
//! tells errors that a retry may mend from those it does not, and closes every invocation with one line of counts.
//!
//! Bodies stay bytes on their way through. Lambda's usual path parses every event into a value and serialises every response, and
//! for events of a megabyte that takes longer than the work itself; a function that wants a value parses it where it needs one.

mod api;
mod current;
mod failure;
mod handler;
mod log;
mod panics;
mod report;
mod runtime;
mod settings;

pub use failure::{Failure, FailureKind};
pub use handler::{Answer, Handler, Invocation};
pub use report::Report;
pub use runtime::{run, run_once};
pub use settings::{Settings, SettingsError};
