//! Captured DynamoDB changes into flat Parquet.

use std::process::ExitCode;
use std::sync::Arc;

use dynamodb_flatten::{DynamodbFlatten, FunctionSettings};
use tarn_aws::{Aws, Bucket};
use tarn_lambda::Settings;
use tarn_pipeline::ports::SystemClock;
use tokio::runtime::Handle;

fn main() -> ExitCode {
    tarn_lambda::run(async || {
        let settings = Settings::read(FunctionSettings::read)?;
        let aws = Arc::new(Aws::new(Handle::current()));
        let bucket = Arc::new(Bucket::new(aws, settings.buckets.clone()));
        let function = DynamodbFlatten::new(&settings, bucket, Arc::new(SystemClock));
        function.read_ahead();
        Ok(function)
    })
}
