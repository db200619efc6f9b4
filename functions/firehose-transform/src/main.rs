//! Firehose records in, flat rows out.

use std::process::ExitCode;
use std::sync::Arc;

use firehose_transform::{FirehoseTransform, TransformSettings};
use tarn_aws::{Aws, Bucket, Firehose};
use tarn_lambda::Settings;
use tarn_pipeline::ports::SystemClock;
use tokio::runtime::Handle;

fn main() -> ExitCode {
    tarn_lambda::run(async || {
        let settings = Settings::read(TransformSettings::read)?;
        let aws = Arc::new(Aws::new(Handle::current()));
        let bucket = Arc::new(Bucket::new(Arc::clone(&aws), settings.buckets.clone()));
        let function = FirehoseTransform::new(settings, bucket, Arc::new(Firehose::new(aws)), Arc::new(SystemClock));
        function.read_ahead();
        Ok(function)
    })
}
