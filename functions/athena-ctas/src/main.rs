//! One model of a run, a stretch at a time.

use std::process::ExitCode;
use std::sync::Arc;

use athena_ctas::{AthenaCtas, FunctionSettings};
use tarn_aws::{Aws, Bucket};
use tarn_lambda::Settings;
use tokio::runtime::Handle;

fn main() -> ExitCode {
    tarn_lambda::run(async || {
        let settings = Settings::read(FunctionSettings::read)?;
        let aws = Arc::new(Aws::new(Handle::current()));
        let bucket = Arc::new(Bucket::new(Arc::clone(&aws), settings.buckets.clone()));
        Ok(AthenaCtas::new(settings, aws, bucket))
    })
}
