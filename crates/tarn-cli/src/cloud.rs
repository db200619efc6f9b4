//! The lake as it is deployed on AWS.

use std::sync::Arc;

use tarn_aws::{Aws, Bucket, BucketNames};
use tarn_model::LakeConfig;
use tarn_pipeline::ports::ObjectStore;
use tokio::runtime::Handle;

use crate::outcome::Refusal;

/// The deployed lake's buckets; nobody is called yet.
///
/// Region, credentials and `AWS_ENDPOINT_URL` are found as every AWS tool finds them.
pub(crate) fn buckets(config: &LakeConfig) -> Result<Arc<dyn ObjectStore>, Refusal> {
    let lake = config.aws.bucket.clone().ok_or_else(|| {
        Refusal::new("`tarn.yaml` does not say where the lake is deployed").with_hint("add `aws: {bucket: …}` to it")
    })?;
    let names = BucketNames { raw: config.aws.raw_bucket.clone().unwrap_or_else(|| lake.clone()), lake };
    Ok(Arc::new(Bucket::new(Arc::new(Aws::new(Handle::current())), names)))
}
