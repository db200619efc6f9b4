//! The raw zone: every byte that arrives is kept before anything interprets it.
//!
//! A raw object's name is the hash of its bytes, so a file that comes in twice is one object, and everything made from it lies
//! under the same keys: bringing a file in again changes nothing.

use std::io;
use std::path::Path;

use chrono::NaiveDate;
use xxhash_rust::xxh3::{Xxh3Default, xxh3_128};

use crate::error::StepError;
use crate::layout;
use crate::names::Key;
use crate::ports::{self, ContentName, KeepError, Object, ObjectStore};

/// Begins the names of what capture refused.
pub(crate) const CAPTURE_REFUSED: &str = "capture";

/// An object of the raw zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RawObject {
    /// `raw/<source>/day=<arrival>/<hash>.<ending>`.
    pub(crate) key: Key,
    /// What the names of everything made of it begin with: the hash of its bytes in hexadecimal, or what stands for it.
    pub(crate) hash: String,
    /// The day it first arrived.
    pub(crate) day: NaiveDate,
    /// Its length in bytes.
    pub(crate) size: u64,
}

impl RawObject {
    /// What an object's key tells of it; `None` when it names no day of arrival. The length is not known from it.
    ///
    /// Names that Tarn gave tell objects apart wherever they lie. Of others, two days may have one each: there the whole key does.
    pub(crate) fn at(key: &Key) -> Option<Self> {
        let day = arrival_day(key)?;
        let name = key.file_name().split('.').next().unwrap_or_default();
        let hash = match is_given_by_tarn(name) {
            true => name.to_owned(),
            false => format!("{:032x}", xxh3_128(key.as_str().as_bytes())),
        };
        Some(Self { key: key.clone(), hash, day, size: 0 })
    }
}

/// Whether a name is a hash of content (ingest), or made of sequence numbers and one (capture).
fn is_given_by_tarn(name: &str) -> bool {
    let is_hash = |text: &str, length: usize| {
        text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match *name.split('-').collect::<Vec<_>>().as_slice() {
        [hash] => is_hash(hash, 32),
        [CAPTURE_REFUSED, hash] => is_hash(hash, 32),
        [first, last, hash] => is_number(first) && is_number(last) && is_hash(hash, 16),
        _ => false,
    }
}

/// Brings a file of the local disk into the raw zone; one that is there already is not copied again.
pub(crate) async fn admit(
    source: &str,
    path: &Path,
    today: NaiveDate,
    objects: &dyn ObjectStore,
) -> Result<RawObject, StepError> {
    let unreadable = |error: io::Error| {
        StepError::permanent(format!("`{}` cannot be read: {error}", path.display()))
            .with_hint("name a file that exists and that you may read")
    };
    let folder = layout::raw(source);
    let size = std::fs::metadata(path).map_err(unreadable)?.len();
    let alike: Vec<Object> = objects.list(&folder).await?.into_iter().filter(|object| object.size == size).collect();
    // Nothing of this length, nothing of these bytes: the file can be read, named and copied in one go.
    if !alike.is_empty() {
        let mut content = Content::of(path);
        ports::look_at(path, &mut content).map_err(unreadable)?;
        let name = content.name();
        for object in alike {
            if object.key.file_name() == name
                && object.size == content.size
                && let Some(day) = arrival_day(&object.key)
            {
                return Ok(RawObject { key: object.key, hash: content.hash(), day, size: content.size });
            }
        }
    }
    let mut content = Content::of(path);
    let key = objects.keep_file(&folder.join(&format!("day={today}/")), path, &mut content);
    let key = key.map_err(|error| match error {
        KeepError::Source(error) => unreadable(error),
        KeepError::Object(error) => StepError::from(error)
            .with_hint("nothing of it was interpreted; make room or mend the data folder, then bring it in again"),
    })?;
    Ok(RawObject { key, hash: content.hash(), day: today, size: content.size })
}

/// The bytes of a file, as far as they were seen.
struct Content {
    ending: String,
    hasher: Xxh3Default,
    size: u64,
}

impl Content {
    fn of(path: &Path) -> Self {
        Self { ending: ending(path), hasher: Xxh3Default::new(), size: 0 }
    }

    fn hash(&self) -> String {
        format!("{:032x}", self.hasher.digest128())
    }
}

impl ContentName for Content {
    fn look(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.size += bytes.len() as u64;
    }

    fn name(&self) -> String {
        format!("{}{}", self.hash(), self.ending)
    }
}

/// The day in a raw object's key.
fn arrival_day(key: &Key) -> Option<NaiveDate> {
    key.as_str().split('/').find_map(|part| part.strip_prefix("day=")).and_then(|day| day.parse().ok())
}

/// The ending that says how the bytes are to be read: `.ndjson`, `.json.gz`.
fn ending(path: &Path) -> String {
    let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let known = [".ndjson", ".jsonl", ".json", ".log", ".txt", ".parquet"];
    let (stem, zipped) = match name.strip_suffix(".gz") {
        Some(stem) => (stem, ".gz"),
        None => (name.as_str(), ""),
    };
    let plain = known.into_iter().find(|ending| stem.ends_with(ending)).unwrap_or(".ndjson");
    format!("{plain}{zipped}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_say_how_bytes_are_read() {
        assert_eq!(ending(Path::new("a/Events.NDJSON.gz")), ".ndjson.gz");
        assert_eq!(ending(Path::new("events.json")), ".json");
        assert_eq!(ending(Path::new("events-2026-10-01")), ".ndjson");
        assert_eq!(arrival_day(&Key::new("raw/s/day=2026-10-01/ab.ndjson")), "2026-10-01".parse().ok());
    }

    #[test]
    fn objects_that_others_named_alike_are_told_apart() {
        let hash = |key: &str| RawObject::at(&Key::new(key)).map(|raw| raw.hash);
        let content = "0123456789abcdef0123456789abcdef";
        for own in [content.to_owned(), format!("capture-{content}"), "111-0222-0123456789abcdef".to_owned()] {
            assert_eq!(hash(&format!("raw/s/day=2026-10-01/{own}.ndjson.gz")), Some(own));
        }
        let (first, second) = (hash("raw/s/day=2026-10-01/part 0.ndjson"), hash("raw/s/day=2026-10-02/part 0.ndjson"));
        assert!(first.is_some() && first != second);
        assert_eq!(hash("raw/s/part.ndjson"), None);
    }
}
