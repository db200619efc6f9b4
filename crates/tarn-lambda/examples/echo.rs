//! A function that answers with its event, or does what the event says: for the tests of the loop.

use std::process::ExitCode;

use tarn_lambda::{Answer, Failure, Handler, Invocation, Report, Settings};

struct Echo;

impl Handler for Echo {
    #[allow(clippy::panic, reason = "that is what is tried here")]
    async fn handle(&self, invocation: Invocation) -> Result<Answer, Failure> {
        match invocation.body.as_ref() {
            b"panic" => panic!("as it was asked to"),
            b"panic beside" => {
                let beside = std::thread::spawn(|| panic!("as it was asked to"));
                Err(Failure::permanent(format!("it came to its end: {:?}", beside.join())))
            }
            b"retryable" => Err(Failure::retryable("the bucket is busy")),
            b"permanent" => Err(Failure::permanent("no such thing")),
            b"remaining" => {
                Ok(Answer { body: invocation.remaining().as_secs().to_string().into(), report: Report::default() })
            }
            b"log" => {
                tracing::info!(answer = 42, "asked to log");
                Ok(Answer::default())
            }
            _ => Ok(Answer { body: invocation.body, report: Report::of_source("echo").with("Records", 1) }),
        }
    }
}

fn main() -> ExitCode {
    tarn_lambda::run(async || {
        let echo = Settings::read(|settings| settings.required("ECHO", "anything; it is asked for to be missed"))?;
        assert_ne!(echo, "panic", "as it was asked to");
        Ok(Echo)
    })
}
