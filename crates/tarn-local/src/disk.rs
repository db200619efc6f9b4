//! What the disk must do for us: files that appear whole, stay after a power cut, and say plainly why they could not be written.
//!
//! A file is written under a temporary name in the same file system, flushed, and renamed. Renaming is the one change a file
//! system makes at once, so a reader sees the old bytes or the new ones.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use tempfile::NamedTempFile;

/// Creates the folder and those above it, so that they outlive a power cut.
pub(crate) fn create_folders(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder.parent() {
        create_folders(parent)?;
    }
    match fs::create_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    folder.parent().map_or(Ok(()), flush_folder)
}

/// Writes the folder's list of names to the disk.
#[cfg(unix)]
pub(crate) fn flush_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Other systems flush names with the file.
#[cfg(not(unix))]
pub(crate) fn flush_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

/// Puts a finished temporary file in its place, whole and durable, creating the folders it needs.
pub(crate) fn put_in_place(mut file: NamedTempFile, target: &Path) -> io::Result<()> {
    file.as_file().sync_all()?;
    let folder = target.parent().unwrap_or(Path::new("."));
    // Somebody who deletes the last file of a folder also removes the folder, perhaps just now; three times is bad luck enough.
    for _ in 0..3 {
        create_folders(folder)?;
        match file.persist(target) {
            Ok(_) => return flush_folder(folder),
            Err(refused) if refused.error.kind() == io::ErrorKind::NotFound => file = refused.file,
            Err(refused) => return Err(refused.error),
        }
    }
    Err(io::Error::new(io::ErrorKind::NotFound, format!("the folder `{}` is being removed", folder.display())))
}

/// Writes a whole file, atomically and durably; the temporary file lies beside it under a name that starts with a dot.
pub(crate) fn replace_file(target: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = target.parent().unwrap_or(Path::new("."));
    create_folders(folder)?;
    let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(folder)?;
    io::Write::write_all(&mut file, bytes)?;
    put_in_place(file, target)
}

/// The same error, with what to do about it where the system's words do not say.
pub(crate) fn explain(error: io::Error, folder: &Path) -> io::Error {
    let place = folder.display();
    let text = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            format!("no space left on the disk of `{place}`; make room and try again, nothing half-written is visible")
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            format!("the lake's data folder `{place}` cannot be written: its file system is read-only")
        }
        io::ErrorKind::PermissionDenied => {
            format!("the lake's data folder `{place}` cannot be written: permission denied; check its owner and mode")
        }
        _ => return error,
    };
    io::Error::new(error.kind(), text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed test may panic")]
    use super::*;

    #[test]
    fn a_file_is_replaced_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a/b/c.json");
        replace_file(&target, b"old").unwrap();
        replace_file(&target, b"new").unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"new");
        assert_eq!(fs::read_dir(target.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_full_disk_and_a_read_only_one_say_what_to_do() {
        let place = Path::new("/data");
        let full = explain(io::Error::from(io::ErrorKind::StorageFull), place);
        assert!(full.to_string().starts_with("no space left on the disk of `/data`"), "{full}");
        for kind in [io::ErrorKind::ReadOnlyFilesystem, io::ErrorKind::PermissionDenied] {
            let message = explain(io::Error::from(kind), place).to_string();
            assert!(message.contains("data folder `/data` cannot be written"), "{message}");
        }
    }
}
