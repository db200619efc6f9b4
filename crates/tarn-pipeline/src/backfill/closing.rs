//! The end of a backfill on AWS, for one model: its mart is loaded with what the slices published, then old versions are removed.

use tarn_model::Lake;

use crate::convert;
use crate::error::StepError;
use crate::names::RunId;
use crate::plan::Plan;
use crate::ports::{Catalogue, ObjectStore};
use crate::record::{LoadedRecord, Status};
use crate::retention;

/// What a model that is closed does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Closing {
    /// This mart is to be loaded with what this run published last.
    Load {
        /// The mart's name.
        mart: String,
        /// The run.
        run: RunId,
        /// The model's name.
        model: String,
    },
    /// It has ended.
    Ended(Status),
}

/// Closes a model; `loaded` is how the load of its mart ended, once there was one.
///
/// A mart that was not loaded keeps the old versions too: the next try may need them.
pub async fn close(
    plan: &Plan,
    number: usize,
    loaded: Option<Result<LoadedRecord, String>>,
    lake: &Lake,
    catalogue: &dyn Catalogue,
    objects: &dyn ObjectStore,
) -> Result<Closing, StepError> {
    let name = plan.model(number)?;
    let model = lake.models.get(name);
    let model = model.ok_or_else(|| StepError::permanent(format!("the project has no model `{name}`")))?;
    let mut record = convert::empty_record(model, Status::Done);
    match loaded {
        Some(Ok(loaded)) => record.loaded = Some(loaded),
        Some(Err(message)) => {
            record.status = Status::Failed;
            record.failure = Some(StepError::transient(message).at("load"));
        }
        None => {
            let target = model.mart.as_ref().filter(|_| !plan.request.no_load);
            let mart = target.filter(|target| lake.config.deployed_mart(&target.to).is_some());
            let published = catalogue.get(name).await?.and_then(|entry| entry.run);
            if let (Some(target), Some(run)) = (mart, published) {
                return Ok(Closing::Load { mart: target.to.clone(), run, model: name.to_owned() });
            }
        }
    }
    if record.status == Status::Done {
        retention::retain_unheld(name, lake.config.retention.versions as usize, catalogue, objects).await?;
    }
    record.write(&plan.run, objects).await?;
    Ok(Closing::Ended(record.status))
}
