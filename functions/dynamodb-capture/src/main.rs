//! Batches of a DynamoDB stream into the raw zone.

use std::process::ExitCode;
use std::sync::Arc;

use dynamodb_capture::{DynamodbCapture, FunctionSettings};
use tarn_aws::{Aws, Bucket};
use tarn_lambda::Settings;
use tokio::runtime::Handle;

fn main() -> ExitCode {
    tarn_lambda::run(async || {
        let settings = Settings::read(FunctionSettings::read)??;
        let aws = Arc::new(Aws::new(Handle::current()));
        Ok(DynamodbCapture::new(settings.capture, Arc::new(Bucket::new(aws, settings.buckets))))
    })
}
