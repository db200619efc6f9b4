//! A lake on moto: two buckets, a project, and the ways to look into them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Result;
use aws_config::Region;
use aws_sdk_s3::config::Credentials;
use tarn_aws::{Aws, Bucket, BucketNames};
use tarn_model::LakeFiles;
use tarn_pipeline::names::Key;
use tarn_pipeline::project;
use tarn_testkit::{Moto, REGION, RuntimeApi};
use tokio::runtime::Runtime;

const LAKE: &str = "name: scratch\ntimezone: Asia/Tokyo\n";

/// Buckets of one test's own, and the ports on them.
pub(crate) struct World {
    pub(crate) moto: Arc<Moto>,
    pub(crate) names: BucketNames,
    pub(crate) aws: Arc<Aws>,
    pub(crate) runtime: Runtime,
}

impl World {
    pub(crate) fn new() -> Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let moto = Moto::shared()?;
        let names = BucketNames { lake: format!("lake-{number}"), raw: format!("raw-{number}") };
        moto.create_bucket(&names.lake)?;
        moto.create_bucket(&names.raw)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let loader = tarn_aws::defaults()
            .region(Region::new(REGION))
            .endpoint_url(moto.endpoint())
            .credentials_provider(Credentials::new("test", "test", None, None, "test"));
        let config = runtime.block_on(loader.load());
        let aws = Arc::new(Aws::with_config(runtime.handle().clone(), config));
        Ok(Self { moto, names, aws, runtime })
    }

    pub(crate) fn bucket(&self) -> Bucket {
        Bucket::new(Arc::clone(&self.aws), self.names.clone())
    }

    /// Pushes a lake with one source.
    pub(crate) fn push(&self, source: &str, yaml: &str) -> Result<Key> {
        let files: LakeFiles =
            [("tarn.yaml".to_owned(), LAKE.to_owned()), (format!("sources/{source}.yaml"), yaml.to_owned())]
                .into_iter()
                .collect();
        Ok(self.runtime.block_on(project::push(&files, &self.bucket()))?)
    }

    /// Starts a function of the workspace with these settings beside those that every function needs.
    pub(crate) fn start(&self, function: &str, settings: &[(&str, &str)]) -> Result<RuntimeApi> {
        let endpoint = self.moto.endpoint();
        let mut all = vec![
            ("AWS_ENDPOINT_URL", endpoint.as_str()),
            ("TARN_BUCKET", self.names.lake.as_str()),
            ("TARN_RAW_BUCKET", self.names.raw.as_str()),
        ];
        all.extend_from_slice(settings);
        RuntimeApi::start(function, &all)
    }
}
