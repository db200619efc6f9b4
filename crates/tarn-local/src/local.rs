//! A lake's data folder, opened.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use tarn_pipeline::ports::EngineError;

use crate::catalogue::LocalCatalogue;
use crate::engine::{EngineSettings, LocalEngine};
use crate::memory;
use crate::objects::LocalObjects;
use crate::scratch::Scratch;

/// What opening a lake needs to be told.
#[derive(Debug, Clone)]
pub struct LocalSettings {
    /// The moment that `now()` tells: the logical time of the run.
    pub now: DateTime<Utc>,
    /// The zone of `current_date`; Athena's is UTC.
    pub session_zone: Tz,
    /// How many parts of a query run at once; as many as there are processors when none.
    pub partitions: Option<usize>,
    /// Bytes of memory that queries may use before they spill to disk; a share of the machine's when none.
    pub memory_limit: Option<usize>,
}

impl LocalSettings {
    /// At this moment, otherwise as Athena and the machine have it.
    pub fn at(now: DateTime<Utc>) -> Self {
        Self { now, session_zone: Tz::UTC, partitions: None, memory_limit: None }
    }
}

/// Why a lake could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// The data folder is no absolute path and the working folder is unknown.
    #[error("the data folder `{}` cannot be found: {source}", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The engine could not be started.
    #[error("the engine could not be started: {0}")]
    Engine(#[from] EngineError),
}

/// The ports of one lake.
///
/// | in the data folder | holds |
/// | --- | --- |
/// | `lake/` | the bucket: `source/…`, `model/…`, `raw/…`, `quarantine/…`, `runs/…` |
/// | `catalogue/` | one JSON file per table |
/// | `lock`, `lock.json` | who writes to the lake |
/// | `tmp/` | what queries spill |
#[derive(Debug)]
pub struct Local {
    /// The bucket.
    pub objects: Arc<LocalObjects>,
    /// The catalogue.
    pub catalogue: Arc<LocalCatalogue>,
    /// The engine.
    pub engine: Arc<LocalEngine>,
    /// Lives as long as the engine may spill.
    _spill: Option<Scratch>,
}

impl Local {
    /// Opens the lake in this folder; a folder that is not there is an empty lake, and a read-only one can be queried.
    ///
    /// # Errors
    /// When the engine cannot be started.
    pub fn open(data_folder: &Path, settings: LocalSettings) -> Result<Self, LocalError> {
        let folder = std::path::absolute(data_folder)
            .map_err(|source| LocalError::Folder { folder: data_folder.to_owned(), source })?;
        let objects = LocalObjects::new(folder.join("lake"));
        let catalogue = LocalCatalogue::new(folder.join("catalogue"));
        let spill = spill_folder(&folder);
        let engine_settings = EngineSettings {
            now: settings.now,
            session_zone: settings.session_zone,
            partitions: settings.partitions.unwrap_or_else(processors),
            memory_limit: settings.memory_limit.unwrap_or_else(memory::share_for_queries),
            spill_folder: spill.as_ref().map(|spill| spill.path().to_owned()),
        };
        let engine = LocalEngine::new(engine_settings, catalogue.clone(), objects.clone())?;
        Ok(Self { objects: Arc::new(objects), catalogue: Arc::new(catalogue), engine: Arc::new(engine), _spill: spill })
    }
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from)
}

/// A place to spill beside the data; none when there is no data folder yet or it cannot be written.
fn spill_folder(folder: &Path) -> Option<Scratch> {
    if !folder.is_dir() {
        return None;
    }
    match Scratch::open(&folder.join("tmp")) {
        Ok(spill) => Some(spill),
        Err(error) => {
            tracing::debug!(%error, "queries spill to the system's folder for temporary files");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed test may panic")]
    use tarn_pipeline::ports::{Attribution, QueryEngine, QueryRequest};

    use super::*;

    fn settings() -> LocalSettings {
        LocalSettings::at("2026-11-01T03:15:00Z".parse().unwrap())
    }

    #[tokio::test]
    async fn a_folder_that_is_not_there_is_an_empty_lake_and_stays_away() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join(".tarn");
        let local = Local::open(&data, settings()).unwrap();
        let request = QueryRequest::new("SHOW TABLES", Attribution::default());
        assert!(local.engine.execute(&request).await.unwrap().rows.is_empty());
        assert!(!data.exists());
    }

    #[tokio::test]
    async fn two_processes_may_have_the_lake_open() {
        let folder = tempfile::tempdir().unwrap();
        let first = Local::open(folder.path(), settings()).unwrap();
        let second = Local::open(folder.path(), settings()).unwrap();
        assert_eq!(std::fs::read_dir(folder.path().join("tmp")).unwrap().count(), 2);
        drop(first);
        drop(second);
        assert_eq!(std::fs::read_dir(folder.path().join("tmp")).unwrap().count(), 0);
    }
}
