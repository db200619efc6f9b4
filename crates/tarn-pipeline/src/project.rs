//! The lake's own files in the bucket: what is deployed of a project.
//!
//! A push writes all files of the lake as one object, named by its hash, and then the pointer that names it. Whoever reads the
//! pointer finds a project whole, the old one or the new one, and an older push is a pointer away. Functions hold a project in
//! memory and look now and then whether the pointer has moved.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use tarn_model::{Lake, LakeFiles};
use tokio::sync::Mutex;
use xxhash_rust::xxh3::xxh3_128;

use crate::error::StepError;
use crate::layout;
use crate::names::Key;
use crate::ports::{Clock, ObjectError, ObjectStore};

/// What a pushed object holds.
#[derive(Serialize, Deserialize)]
struct PushedFiles {
    /// Texts by path relative to the lake's folder.
    files: BTreeMap<String, String>,
}

/// What the pointer holds.
#[derive(Debug, Serialize, Deserialize)]
struct Pointer {
    /// The pushed object.
    project: Key,
}

/// A lake as it was pushed, checked.
#[derive(Debug)]
pub struct Project {
    /// The object it was read from; a project with the same key is the same.
    pub key: Key,
    /// The lake.
    pub lake: Arc<Lake>,
}

/// Makes these files the lake's present ones; the same files again change nothing.
///
/// # Errors
/// With the mistakes of a lake that has some: nobody reads a lake that does not load.
pub async fn push(files: &LakeFiles, objects: &dyn ObjectStore) -> Result<Key, StepError> {
    Lake::load(files)?;
    let texts = files.iter().filter(|(path, _)| LakeFiles::is_lake_file(path)).map(|(path, bytes)| {
        let text = std::str::from_utf8(bytes)
            .map_err(|error| StepError::permanent(format!("`{path}` is not UTF-8: {error}")))?;
        Ok((path.to_owned(), text.to_owned()))
    });
    let pushed = PushedFiles { files: texts.collect::<Result<_, StepError>>()? };
    let json = to_json(&pushed)?;
    let key = layout::project(&format!("{:032x}", xxh3_128(&json)));
    objects.put(&key, json).await?;
    objects.put(&layout::current_project(), to_json(&Pointer { project: key.clone() })?).await?;
    Ok(key)
}

impl Project {
    /// The present project.
    pub async fn load(objects: &dyn ObjectStore) -> Result<Self, StepError> {
        Self::read(present(objects).await?, objects).await
    }

    /// The present project, if it is another one than this; costs one small read if it is not.
    pub async fn refresh(&self, objects: &dyn ObjectStore) -> Result<Option<Self>, StepError> {
        let key = present(objects).await?;
        if key == self.key {
            return Ok(None);
        }
        Self::read(key, objects).await.map(Some)
    }

    /// The project of one push, present or not.
    pub async fn read(key: Key, objects: &dyn ObjectStore) -> Result<Self, StepError> {
        let bytes = objects.get(&key).await?;
        let pushed: PushedFiles = from_json(&key, &bytes)?;
        let files: LakeFiles = pushed.files.into_iter().collect();
        let lake = Lake::load(&files).map_err(|mistakes| {
            StepError::from(mistakes).with_hint("push a project of the version that is deployed")
        })?;
        Ok(Self { key, lake: Arc::new(lake) })
    }
}

/// How a lake's folder differs from what was pushed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Files that are new in the folder.
    pub added: Vec<String>,
    /// Files with another text.
    pub changed: Vec<String>,
    /// Files that are gone from the folder.
    pub removed: Vec<String>,
}

impl Difference {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty()
    }
}

/// Whether a project was pushed.
pub async fn is_pushed(objects: &dyn ObjectStore) -> Result<bool, StepError> {
    match objects.get(&layout::current_project()).await {
        Ok(_) => Ok(true),
        Err(ObjectError::NotFound(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Compares the lake's files with those that were pushed last.
pub async fn difference(files: &LakeFiles, objects: &dyn ObjectStore) -> Result<Difference, StepError> {
    let key = present(objects).await?;
    let pushed: PushedFiles = from_json(&key, &objects.get(&key).await?)?;
    let mut difference = Difference::default();
    let mut left = pushed.files;
    for (path, bytes) in files.iter().filter(|(path, _)| LakeFiles::is_lake_file(path)) {
        match left.remove(path) {
            None => difference.added.push(path.to_owned()),
            Some(text) if text.as_bytes() != bytes => difference.changed.push(path.to_owned()),
            Some(_) => {}
        }
    }
    difference.removed = left.into_keys().collect();
    Ok(difference)
}

async fn present(objects: &dyn ObjectStore) -> Result<Key, StepError> {
    let at = layout::current_project();
    let bytes = objects.get(&at).await.map_err(|error| match error {
        ObjectError::NotFound(_) => StepError::permanent(format!("no project has been pushed: there is no `{at}`"))
            .with_hint("push the lake's files before its functions are used"),
        error => error.into(),
    })?;
    let pointer: Pointer = from_json(&at, &bytes)?;
    if !pointer.project.is_in(&layout::projects()) {
        return Err(StepError::permanent(format!("`{at}` names `{}`, which is no project", pointer.project)));
    }
    Ok(pointer.project)
}

fn to_json(value: &impl Serialize) -> Result<Bytes, StepError> {
    let json = serde_json::to_vec(value)
        .map_err(|error| StepError::permanent(format!("the project cannot be written as json: {error}")))?;
    Ok(Bytes::from(json))
}

fn from_json<T: for<'de> Deserialize<'de>>(key: &Key, bytes: &[u8]) -> Result<T, StepError> {
    serde_json::from_slice(bytes).map_err(|error| {
        StepError::permanent(format!("`{key}` is damaged: {error}")).with_hint("push the project again")
    })
}

/// The present project, kept in memory and looked after now and then.
pub struct KeptProject {
    objects: Arc<dyn ObjectStore>,
    clock: Arc<dyn Clock>,
    every: TimeDelta,
    kept: Mutex<Option<Kept>>,
}

struct Kept {
    project: Arc<Project>,
    looked: DateTime<Utc>,
}

impl KeptProject {
    /// A project that is read when it is first asked for, and looked after at most once in `every`.
    pub fn new(objects: Arc<dyn ObjectStore>, clock: Arc<dyn Clock>, every: TimeDelta) -> Self {
        Self { objects, clock, every, kept: Mutex::new(None) }
    }

    /// The present project, or one that was present a moment ago.
    ///
    /// # Errors
    /// When there is none yet and none can be read. Later, one that cannot be read is told in the log, and the old one stays.
    pub async fn current(&self) -> Result<Arc<Project>, StepError> {
        let mut kept = self.kept.lock().await;
        let now = self.clock.now();
        let Some(held) = kept.as_mut() else {
            let project = Arc::new(Project::load(self.objects.as_ref()).await?);
            *kept = Some(Kept { project: Arc::clone(&project), looked: now });
            return Ok(project);
        };
        if now.signed_duration_since(held.looked) >= self.every {
            held.looked = now;
            match held.project.refresh(self.objects.as_ref()).await {
                Ok(None) => {}
                Ok(Some(newer)) => {
                    tracing::info!(from = %held.project.key, to = %newer.key, "the project has changed");
                    held.project = Arc::new(newer);
                }
                Err(error) => {
                    tracing::warn!(%error, project = %held.project.key, "the project could not be read anew; the old one stays");
                }
            }
        }
        Ok(Arc::clone(&held.project))
    }
}
