//! Listings of the bucket.

use std::fs;
use std::io;
use std::path::Path;

use chrono::{DateTime, Utc};
use tarn_pipeline::names::Key;
use tarn_pipeline::ports::Object;

use super::{LocalObjects, UNFINISHED};

/// A file below a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// Its path below the folder, with `/`.
    pub(crate) name: String,
    /// Its length in bytes.
    pub(crate) size: u64,
    /// When it was last written.
    pub(crate) modified: DateTime<Utc>,
}

/// All objects whose key starts with `prefix`, by key.
pub(super) fn list_objects(objects: &LocalObjects, prefix: &Key) -> io::Result<Vec<Object>> {
    // A prefix need not end at a slash: the folder is what stands before its last one.
    let (folder, start) = prefix.as_str().rsplit_once('/').unwrap_or(("", prefix.as_str()));
    let folder = if folder.is_empty() { Key::new("") } else { Key::new(format!("{folder}/")) };
    let at_root = folder.as_str().is_empty();
    let found = list_files(&objects.path(&folder)?, |name, depth| {
        depth > 0 || (name.starts_with(start) && !(at_root && name == UNFINISHED))
    })?;
    let object = |file: Found| Object { key: folder.join(&file.name), size: file.size, modified: file.modified };
    Ok(found.into_iter().map(object).collect())
}

/// All files below `folder` whose names, and whose folders' names, are wanted, sorted by name; none when there is no such folder.
pub(crate) fn list_files(folder: &Path, wanted: impl Fn(&str, usize) -> bool) -> io::Result<Vec<Found>> {
    let mut found = Vec::new();
    walk(folder, "", 0, &wanted, &mut found)?;
    found.sort_unstable_by(|left, right| left.name.cmp(&right.name));
    Ok(found)
}

fn walk(
    folder: &Path,
    above: &str,
    depth: usize,
    wanted: &impl Fn(&str, usize) -> bool,
    found: &mut Vec<Found>,
) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let file_name = entry.file_name();
        let Some(name) = file_name.to_str() else {
            tracing::warn!(file = %entry.path().display(), "a file whose name is not UTF-8 is no object and was passed over");
            continue;
        };
        if !wanted(name, depth) {
            continue;
        }
        let below = format!("{above}{name}");
        if entry.file_type()?.is_dir() {
            walk(&entry.path(), &format!("{below}/"), depth + 1, wanted, found)?;
            continue;
        }
        match fs::metadata(entry.path()) {
            Ok(metadata) if metadata.is_file() => {
                found.push(Found { name: below, size: metadata.len(), modified: metadata.modified()?.into() });
            }
            // A link to a folder is not followed: it may lead out of the bucket, or round in a circle.
            Ok(_) => {}
            // Deleted since the folder was read.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
