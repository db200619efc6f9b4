//! An export of Aurora into the lake's catalogue.

use std::process::ExitCode;
use std::sync::Arc;

use snapshot_register::{FunctionSettings, SnapshotRegister};
use tarn_aws::{Aws, Bucket, Glue};
use tarn_lambda::Settings;
use tarn_pipeline::ports::ObjectStore;
use tokio::runtime::Handle;

fn main() -> ExitCode {
    tarn_lambda::run(async || {
        let settings = Settings::read(FunctionSettings::read)?;
        let aws = Arc::new(Aws::new(Handle::current()));
        let objects: Arc<dyn ObjectStore> = Arc::new(Bucket::new(Arc::clone(&aws), settings.buckets));
        let catalogue = Arc::new(Glue::new(aws, Arc::clone(&objects), &settings.database));
        Ok(SnapshotRegister::new(objects, catalogue))
    })
}
