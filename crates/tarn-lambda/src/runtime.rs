//! The loop: poll, handle, answer, close with a line.
//!
//! `lambda_runtime` polls and keeps Lambda's protocol; the service below takes the place of the one that would parse the event.

use std::cell::Cell;
use std::convert::Infallible;
use std::io::Write as _;
use std::pin::Pin;
use std::process::ExitCode;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Instant, SystemTime};

use bytes::Bytes;
use lambda_runtime::tower::Layer;
use lambda_runtime::{LambdaEvent, LambdaInvocation, Runtime, Service, service_fn};

use crate::api::{INVOCATION_ID, RuntimeApi};
use crate::current::{self, Current};
use crate::failure::Failure;
use crate::handler::{Answer, Handler, Invocation};
use crate::log;
use crate::panics;
use crate::report::{Closing, Report};

type Error = lambda_runtime::Error;

/// Where Lambda is asked and told.
const RUNTIME_API: &str = "AWS_LAMBDA_RUNTIME_API";
/// What Lambda sets for every function; without them there is nobody to poll.
const LAMBDA: [&str; 4] =
    [RUNTIME_API, "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION"];

/// Runs a function until Lambda ends it: `start` makes the handler once, then every event goes through it.
///
/// All of it runs on one thread, since a Lambda of usual size has one processor or less.
pub fn run<H: Handler + 'static>(start: impl AsyncFnOnce() -> Result<H, Failure>) -> ExitCode {
    log::start();
    panics::end_the_process(std::env::var(RUNTIME_API).ok());
    if let Some(missing) = LAMBDA.iter().find(|name| std::env::var_os(name).is_none()) {
        tracing::error!("`{missing}` is not set: this program is started by AWS Lambda");
        return ExitCode::FAILURE;
    }
    match on_one_thread(serve(start)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the function ended");
            ExitCode::FAILURE
        }
    }
}

/// Does one piece of a function's work outside of Lambda, as a container does, and prints its answer.
pub fn run_once(work: impl AsyncFnOnce() -> Result<Bytes, Failure>) -> ExitCode {
    log::start();
    panics::end_the_process(None);
    let answered = on_one_thread(async { work().await.map_err(Error::from) });
    let printed = answered.and_then(|answer| {
        let mut out = std::io::stdout().lock();
        out.write_all(&answer)?;
        Ok(out.write_all(b"\n")?)
    });
    match printed {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the work failed");
            ExitCode::FAILURE
        }
    }
}

pub(crate) fn on_one_thread<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}

async fn serve<H: Handler + 'static>(start: impl AsyncFnOnce() -> Result<H, Failure>) -> Result<(), Error> {
    let api = RuntimeApi::new(&std::env::var(RUNTIME_API)?)?;
    let handler = match start().await {
        Ok(handler) => handler,
        Err(failure) => {
            api.fail_to_start(&failure).await?;
            return Err(failure.into());
        }
    };
    let function = std::env::var("AWS_LAMBDA_FUNCTION_NAME")?;
    let service = Raw(Rc::new(Loop { handler, api, function, is_first: Cell::new(true) }));
    // The innermost service is never called: the layer stands in its place.
    let unused = service_fn(async |_: LambdaEvent<serde::de::IgnoredAny>| Ok::<(), Infallible>(()));
    Runtime::new(unused).layer(service).run().await
}

struct Loop<H> {
    handler: H,
    api: RuntimeApi,
    function: String,
    is_first: Cell<bool>,
}

impl<H: Handler> Loop<H> {
    async fn answer(&self, event: LambdaInvocation) -> Result<(), Error> {
        let LambdaInvocation { parts, body, context } = event;
        let current = Current {
            function: self.function.clone(),
            request_id: context.request_id.clone(),
            invocation_id: parts.headers.get(INVOCATION_ID).cloned(),
            bytes_in: body.len(),
            started: Instant::now(),
            is_first: self.is_first.replace(false),
        };
        let current = current.begin();
        let invocation = Invocation {
            body,
            request_id: context.request_id.clone(),
            function_arn: context.invoked_function_arn.clone(),
            deadline: context.deadline(),
        };
        let outcome = self.handler.handle(invocation).await;
        let taken = current.started.elapsed();
        let (report, failure, bytes_out) = match outcome {
            Ok(Answer { body, report }) => {
                let bytes_out = body.len();
                self.api.respond(&current, body).await?;
                (report, None, bytes_out)
            }
            Err(failure) => {
                self.api.fail(&current, &failure).await?;
                (Report::default(), Some(failure), 0)
            }
        };
        let closing = Closing { current: &current, report: &report, failure: failure.as_ref(), bytes_out, taken };
        log::write_line(&closing.line(SystemTime::now()));
        current::end();
        Ok(())
    }
}

/// The service that takes an invocation's bytes as they are; as a layer, it takes the place of what it is laid on.
struct Raw<H>(Rc<Loop<H>>);

impl<H, S> Layer<S> for Raw<H> {
    type Service = Raw<H>;

    fn layer(&self, _: S) -> Raw<H> {
        Raw(Rc::clone(&self.0))
    }
}

impl<H: Handler + 'static> Service<LambdaInvocation> for Raw<H> {
    type Response = ();
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<(), Error>>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, event: LambdaInvocation) -> Self::Future {
        let this = Rc::clone(&self.0);
        Box::pin(async move { this.answer(event).await })
    }
}
