//! Published versions into a mart: a Lambda, or a container with the event as its argument.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use mart_load::{FunctionSettings, MartLoad};
use tarn_aws::{Aws, Bucket};
use tarn_lambda::{Failure, Settings};
use tarn_pipeline::ports::SystemClock;
use tokio::runtime::Handle;

/// A container ends when it is done.
const NO_DEADLINE: Duration = Duration::from_secs(365 * 24 * 60 * 60);

fn function() -> Result<MartLoad, Failure> {
    let settings = Settings::read(FunctionSettings::read)?;
    let aws = Arc::new(Aws::new(Handle::current()));
    let bucket = Arc::new(Bucket::new(Arc::clone(&aws), settings.buckets.clone()));
    let passwords = settings.passwords(aws)?;
    MartLoad::new(settings, bucket, Arc::new(SystemClock), passwords)
}

fn main() -> ExitCode {
    match std::env::args().nth(1) {
        Some(event) => tarn_lambda::run_once(async || {
            let answer = function()?.step(&event.into(), SystemTime::now() + NO_DEADLINE).await?;
            Ok(answer.body)
        }),
        None => tarn_lambda::run(async || function()),
    }
}
