//! The raw zone: every byte that arrives is kept before anything interprets it.
//!
//! A raw object's name is the hash of its bytes, so a file that comes in twice is one object, and everything made from it lies
//! under the same keys: bringing a file in again changes nothing.

use std::fmt::Write as _;
use std::io::Read;
use std::path::Path;

use chrono::NaiveDate;
use xxhash_rust::xxh3::Xxh3Default;

use crate::error::StepError;
use crate::layout;
use crate::names::Key;
use crate::ports::ObjectStore;

/// How much is read at a time.
const BLOCK: usize = 1 << 20;

/// An object of the raw zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RawObject {
    /// `raw/<source>/day=<arrival>/<hash>.<ending>`.
    pub(crate) key: Key,
    /// The hash of its bytes in hexadecimal.
    pub(crate) hash: String,
    /// The day it first arrived.
    pub(crate) day: NaiveDate,
    /// Its length in bytes.
    pub(crate) size: u64,
}

/// Brings a file of the local disk into the raw zone; one that is there already is not copied again.
pub(crate) async fn admit(
    source: &str,
    path: &Path,
    today: NaiveDate,
    objects: &dyn ObjectStore,
) -> Result<RawObject, StepError> {
    let unreadable = |error: std::io::Error| {
        StepError::permanent(format!("`{}` cannot be read: {error}", path.display()))
            .with_hint("name a file that exists and that you may read")
    };
    let (hash, size) = hash(path).map_err(unreadable)?;
    let name = format!("{hash}{}", ending(path));
    let folder = layout::raw(source);
    for object in objects.list(&folder).await? {
        if object.key.file_name() == name
            && object.size == size
            && let Some(day) = arrival_day(&object.key)
        {
            return Ok(RawObject { key: object.key, hash, day, size });
        }
    }
    let key = folder.join(&format!("day={today}/{name}"));
    objects.put_file(&key, path).map_err(|error| {
        StepError::from(error)
            .with_hint("nothing of it was interpreted; make room or mend the data folder, then bring it in again")
    })?;
    Ok(RawObject { key, hash, day: today, size })
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

fn hash(path: &Path) -> std::io::Result<(String, u64)> {
    let mut hasher = Xxh3Default::new();
    let mut size = 0;
    for_each_block(path, |block| {
        hasher.update(block);
        size += block.len() as u64;
        Ok(())
    })?;
    let mut text = String::with_capacity(32);
    for byte in hasher.digest128().to_be_bytes() {
        // Writing into a text cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    Ok((text, size))
}

fn for_each_block(path: &Path, mut each: impl FnMut(&[u8]) -> std::io::Result<()>) -> std::io::Result<()> {
    let mut file = std::fs::File::open(path)?;
    let mut block = vec![0; BLOCK];
    loop {
        match file.read(&mut block)? {
            0 => return Ok(()),
            length => each(block.get(..length).unwrap_or_default())?,
        }
    }
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
}
