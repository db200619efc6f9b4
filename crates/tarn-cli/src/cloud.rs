//! The lake as it is deployed on AWS.

use std::sync::Arc;

use indexmap::IndexMap;
use tarn_aws::{
    Alarm, Athena, AthenaSettings, Aws, Bucket, BucketNames, DeployedSchedule, Glue, ServiceError, Workflow,
};
use tarn_model::LakeConfig;
use tarn_pipeline::context::Ports;
use tarn_pipeline::journal::{JournalPorts, JournalledEngine, Patience};
use tarn_pipeline::layout;
use tarn_pipeline::names::Key;
use tarn_pipeline::ports::{Mart, ObjectStore, Observer, SystemClock};
use tokio::runtime::Handle;

use crate::outcome::Refusal;

/// The deployed lake. Nobody is called before something is asked of it.
///
/// Region, credentials and `AWS_ENDPOINT_URL` are found as every AWS tool finds them.
pub(crate) struct Cloud {
    aws: Arc<Aws>,
    pub(crate) objects: Arc<dyn ObjectStore>,
    pub(crate) catalogue: Arc<Glue>,
}

impl Cloud {
    pub(crate) fn of(config: &LakeConfig) -> Result<Self, Refusal> {
        let lake = config.aws.bucket.clone().ok_or_else(|| {
            Refusal::new("`tarn.yaml` does not say where the lake is deployed")
                .with_hint("add `aws: {bucket: …}` to it")
        })?;
        let names = BucketNames { raw: config.aws.raw_bucket.clone().unwrap_or_else(|| lake.clone()), lake };
        let aws = Arc::new(Aws::new(Handle::current()));
        let objects: Arc<dyn ObjectStore> = Arc::new(Bucket::new(Arc::clone(&aws), names));
        let catalogue = Arc::new(Glue::new(Arc::clone(&aws), Arc::clone(&objects), &config.database()));
        Ok(Self { aws, objects, catalogue })
    }

    /// The ports of steps that are taken in this process: every query is waited for. A run that is to be taken up again after it
    /// was killed needs a journal.
    pub(crate) fn ports(
        &self,
        config: &LakeConfig,
        journal: Option<Key>,
        marts: IndexMap<String, Arc<dyn Mart>>,
        observer: Arc<dyn Observer>,
    ) -> Ports {
        let settings = AthenaSettings { database: config.database(), workgroup: config.workgroup(), results: None };
        let behind = JournalPorts {
            service: Arc::new(Athena::new(Arc::clone(&self.aws), settings)),
            objects: Arc::clone(&self.objects),
            catalogue: Arc::clone(&self.catalogue) as Arc<_>,
        };
        Ports {
            objects: Arc::clone(&self.objects),
            catalogue: Arc::clone(&self.catalogue) as Arc<_>,
            engine: Arc::new(JournalledEngine::new(behind, journal, layout::shapes(), Patience::UntilItEnds)),
            marts,
            clock: Arc::new(SystemClock),
            observer,
        }
    }

    /// The lake's alarms that ring.
    pub(crate) async fn alarms(&self, lake: &str) -> Result<Vec<Alarm>, ServiceError> {
        Alarm::ringing(&self.aws, &format!("tarn-{lake}-")).await
    }

    /// The lake's schedules as they are deployed.
    pub(crate) async fn schedules(&self, lake: &str) -> Result<Vec<DeployedSchedule>, ServiceError> {
        DeployedSchedule::of_group(&self.aws, &format!("tarn-{lake}")).await
    }

    /// The region that is worked in, where one is set.
    pub(crate) async fn region(&self) -> Option<String> {
        self.aws.region().await
    }

    /// The state machine that runs models.
    pub(crate) async fn workflow(&self, config: &LakeConfig) -> Result<Workflow, Refusal> {
        self.machine(&config.state_machine()).await
    }

    /// The state machine that runs slices of days.
    pub(crate) async fn backfill(&self, config: &LakeConfig) -> Result<Workflow, Refusal> {
        self.machine(&format!("tarn-{}-backfill", config.name)).await
    }

    /// A state machine of the lake.
    pub(crate) async fn machine(&self, name: &str) -> Result<Workflow, Refusal> {
        let found = Workflow::find(Arc::clone(&self.aws), name).await;
        found.map_err(|error| {
            Refusal::new(error.to_string())
                .with_hint("deploy the lake, or take the steps in this process with `--here`")
        })
    }
}

/// Who asks, as costs are told by: the name of the person at this machine.
pub(crate) fn user() -> Option<String> {
    ["TARN_USER", "USER", "LOGNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok())
        .filter(|name| !name.is_empty())
}
