//! What is done about a panic, a fault of ours: the invocation is answered, its closing line is written, and the process ends.
//!
//! Nothing unwinds: what that takes would be carried by every program, and Lambda starts the next process afresh.

use std::panic;
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::SystemTime;

use crate::api::RuntimeApi;
use crate::current;
use crate::failure::Failure;
use crate::log;
use crate::report::{Closing, Report};
use crate::runtime::on_one_thread;

/// How programs end that panicked.
const PANICKED: i32 = 101;

/// From now on a panic of any thread ends the process; Lambda is told before, where there is an address of its Runtime API.
pub(crate) fn end_the_process(api: Option<String>) {
    let is_told = AtomicBool::new(false);
    panic::set_hook(Box::new(move |panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "a panic ends the process");
        // One that comes while the first is told has nothing to add to it.
        if !is_told.swap(true, Ordering::AcqRel) {
            if let Some(address) = &api {
                tell(address, &Failure::panic(panic.payload()));
            }
            process::exit(PANICKED);
        }
    }));
}

/// Answers the invocation, or says that there is none because the function cannot start.
fn tell(address: &str, failure: &Failure) {
    let current = current::get();
    let answer = async || {
        let api = RuntimeApi::new(address)?;
        match &current {
            Some(current) => api.fail(current, failure).await,
            None => api.fail_to_start(failure).await,
        }
    };
    // The thread that panicked may be in the middle of a runtime, in which no other one is let work.
    let told = thread::scope(|scope| scope.spawn(|| on_one_thread(answer())).join());
    if let Ok(Err(error)) = told {
        tracing::error!(%error, "lambda could not be told");
    }
    if let Some(current) = &current {
        let closing = Closing {
            taken: current.started.elapsed(),
            current,
            report: &Report::default(),
            failure: Some(failure),
            bytes_out: 0,
        };
        log::write_line(&closing.line(SystemTime::now()));
    }
}
