//! Loads of marts that are deployed: the mart's own state machine does them, for the database is where nobody else can reach it.

use std::time::Duration;

use serde_json::json;
use tarn_aws::Execution;
use tarn_model::{Lake, Model};
use tarn_pipeline::names::RunId;
use tarn_pipeline::ports::{Catalogue, Clock, SystemClock};
use tarn_pipeline::record::LoadedRecord;

use crate::args::Target;
use crate::cloud::Cloud;
use crate::commands::run::distinction;
use crate::outcome::Refusal;

/// How often is looked.
const LOOK: Duration = Duration::from_secs(1);

/// A deployed mart, and the model that goes into it.
pub(crate) struct DeployedLoad {
    cloud: Cloud,
    machine: String,
    model: String,
}

impl DeployedLoad {
    /// The load of a model whose mart is loaded by what is deployed; none where it is loaded from here.
    pub(crate) fn of(lake: &Lake, model: &Model, target: Target) -> Result<Option<Self>, Refusal> {
        let mart = model.mart.as_ref().map(|mart| &mart.to).filter(|_| target == Target::Aws);
        let Some(mart) = mart.filter(|mart| lake.config.deployed_mart(mart).is_some()) else { return Ok(None) };
        let machine = format!("tarn-{}-mart-load-{mart}", lake.config.name);
        Ok(Some(Self { cloud: Cloud::of(&lake.config)?, machine, model: model.name.clone() }))
    }

    /// Loads what is published.
    pub(crate) async fn published(&self, anew: bool) -> anyhow::Result<LoadedRecord> {
        let entry = self.cloud.catalogue.get(&self.model).await?;
        let run = entry.and_then(|entry| entry.run);
        let never = || Refusal::new(format!("model `{}` was never published", self.model));
        self.load(&run.ok_or_else(|| never().with_hint("make it with `tarn run`"))?, anew).await
    }

    /// Loads what a run has published.
    pub(crate) async fn load(&self, run: &RunId, anew: bool) -> anyhow::Result<LoadedRecord> {
        let machine = self.cloud.machine(&self.machine).await?;
        let name = format!("by-hand-{}", RunId::at(SystemClock.now(), distinction()?));
        machine.start(&name, &json!({"run": run, "model": self.model, "anew": anew}).to_string()).await?;
        loop {
            match machine.look(&name).await? {
                Execution::Running => tokio::time::sleep(LOOK).await,
                Execution::Succeeded => return Ok(serde_json::from_str(&machine.output(&name).await?)?),
                Execution::Failed(reason) => {
                    let refusal = Refusal::new(format!("`{}` was not loaded: {reason}", self.model));
                    return Err(refusal
                        .with_hint("the mart has the rows from before; the same command tries again")
                        .into());
                }
            }
        }
    }
}
