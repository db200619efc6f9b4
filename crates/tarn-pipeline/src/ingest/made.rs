//! What was made of one raw object: the keys of its rows and of its quarantine, written down before anybody can see them.
//!
//! An object is interpreted again when it comes in again, when a process was killed, or when its contract has changed. Most keys
//! are the same then and are overwritten; those that only the earlier contract led to are found here and removed. Looking for
//! them by listing would read the whole source, every time.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::error::StepError;
use crate::layout;
use crate::names::Key;
use crate::ports::{ObjectError, ObjectStore};

/// The list of one raw object.
pub(crate) struct Made {
    key: Key,
    objects: Arc<dyn ObjectStore>,
    before: BTreeSet<Key>,
    list: Mutex<List>,
}

struct List {
    /// What is written down, durably.
    noted: BTreeSet<Key>,
    /// Keys of files that were begun since.
    begun: BTreeSet<Key>,
}

/// The list as an object holds it.
#[derive(Serialize, Deserialize)]
struct Noted {
    made: BTreeSet<Key>,
}

impl Made {
    /// The list of what was made of the raw object with this name.
    pub(crate) async fn of(source: &str, name: &str, objects: Arc<dyn ObjectStore>) -> Result<Self, StepError> {
        let key = layout::made(source).join(&format!("{name}.json"));
        let before = match objects.get(&key).await {
            Ok(bytes) => read(&key, &bytes)?,
            Err(ObjectError::NotFound(_)) => BTreeSet::new(),
            Err(error) => return Err(error.into()),
        };
        let list = Mutex::new(List { noted: before.clone(), begun: BTreeSet::new() });
        Ok(Self { key, objects, before, list })
    }

    /// Whether anything had been made of the object before.
    pub(crate) fn is_repeated(&self) -> bool {
        !self.before.is_empty()
    }

    /// A file of this key is begun; nobody sees it before [`Made::note`].
    pub(crate) fn begin(&self, key: &Key) {
        self.list.lock().unwrap_or_else(PoisonError::into_inner).begun.insert(key.clone());
    }

    /// Writes down every file that was begun: now they may become visible. From a thread that may block.
    pub(crate) fn note(&self) -> Result<(), ObjectError> {
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        let List { noted, begun } = &mut *list;
        if begun.is_subset(noted) {
            return Ok(());
        }
        let all: BTreeSet<Key> = noted.union(begun).cloned().collect();
        let failed = |source: io::Error| ObjectError::Io { key: self.key.clone(), action: "written", source };
        let mut writer = self.objects.create(&self.key)?;
        writer.write_all(&encode(&all).map_err(failed)?).map_err(failed)?;
        writer.finish()?;
        *noted = all;
        Ok(())
    }

    /// Removes what was made before and was not made now, and forgets it.
    pub(crate) async fn settle(&self, now: &BTreeSet<Key>) -> Result<(), StepError> {
        let stale: Vec<Key> = {
            let list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
            list.noted.difference(now).cloned().collect()
        };
        if stale.is_empty() {
            return Ok(());
        }
        self.remove(&stale).await
    }

    /// Removes what an earlier attempt made under names that begin so, and this one did not.
    pub(crate) async fn settle_those_named(&self, stem: &str, now: &BTreeSet<Key>) -> Result<(), StepError> {
        let named = self.before.iter().filter(|key| key.file_name().starts_with(stem) && !now.contains(*key));
        let stale: Vec<Key> = named.cloned().collect();
        if stale.is_empty() {
            return Ok(());
        }
        self.remove(&stale).await
    }

    /// Removes first and forgets then: a kill in between removes them again.
    async fn remove(&self, stale: &[Key]) -> Result<(), StepError> {
        self.objects.delete(stale).await?;
        let kept: BTreeSet<Key> = {
            let list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
            list.noted.iter().filter(|key| !stale.contains(key)).cloned().collect()
        };
        if kept.is_empty() {
            self.objects.delete(std::slice::from_ref(&self.key)).await?;
        } else {
            let bytes = encode(&kept).map_err(|error| StepError::permanent(format!("`{}`: {error}", self.key)))?;
            self.objects.put(&self.key, bytes.into()).await?;
        }
        self.list.lock().unwrap_or_else(PoisonError::into_inner).noted = kept;
        Ok(())
    }
}

fn encode(made: &BTreeSet<Key>) -> io::Result<Vec<u8>> {
    Ok(serde_json::to_vec(&Noted { made: made.clone() })?)
}

fn read(key: &Key, bytes: &[u8]) -> Result<BTreeSet<Key>, StepError> {
    let noted: Noted = serde_json::from_slice(bytes).map_err(|error| {
        StepError::permanent(format!("the list `{key}` is damaged: {error}"))
            .with_hint("it names the files made of one raw object; mend it, or remove it with all of those files")
    })?;
    Ok(noted.made)
}
