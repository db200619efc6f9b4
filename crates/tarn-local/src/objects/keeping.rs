//! A file of the disk kept as an object whose name is found in its bytes: read once, looked at and written on the way.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::mpsc;

use tarn_pipeline::ports::ContentName;

use super::direct::{AlignedBlock, DirectFile};

/// Bytes of a block: large enough that the disk, not the calls, sets the pace.
const BLOCK: usize = 4 << 20;
/// One is read into while another is looked at and written.
const BLOCKS: usize = 3;

/// Which side a copy failed on.
pub(super) enum CopyError {
    Reading(io::Error),
    Writing(io::Error),
}

/// Copies all of `source` into the empty file `target` and shows every byte to `name`.
///
/// File systems that share bytes between files do so. The name is always of the bytes in the copy, also if somebody writes to
/// the source meanwhile.
pub(super) fn copy(source: &Path, target: &File, name: &mut dyn ContentName) -> Result<(), CopyError> {
    let source = File::open(source).map_err(CopyError::Reading)?;
    let again = || target.try_clone().map_err(CopyError::Writing);
    if share(&source, target) {
        return each_block(again()?, |block, _| {
            name.look(block);
            Ok(())
        });
    }
    let target = DirectFile::writing(again()?);
    each_block(source, |block, offset| {
        name.look(block);
        target.write_all_at(block, offset).map_err(CopyError::Writing)
    })
}

/// Makes `target` share the bytes of `source`, which few file systems can.
#[cfg(target_os = "linux")]
fn share(source: &File, target: &File) -> bool {
    rustix::fs::ioctl_ficlone(target, source).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn share(_source: &File, _target: &File) -> bool {
    false
}

/// Reads the file block by block, ahead of what is done with them.
fn each_block(file: File, mut each: impl FnMut(&[u8], u64) -> Result<(), CopyError>) -> Result<(), CopyError> {
    let length = file.metadata().map_err(CopyError::Reading)?.len();
    let file = DirectFile::reading(file);
    // A small file needs no memory for large blocks.
    let block_length = usize::try_from(length).unwrap_or(BLOCK).clamp(1, BLOCK);
    let (free, freed) = mpsc::channel();
    let (full, filled) = mpsc::channel();
    for _ in 0..BLOCKS {
        // The receiver is just above.
        let _ = free.send(AlignedBlock::new(block_length));
    }
    // What the closure owns ends with it, so that neither side waits for the other.
    std::thread::scope(move |scope| {
        scope.spawn(move || {
            let mut offset = 0;
            for mut block in freed {
                let read = file.read_at(block.bytes_mut(), offset);
                let ends = read.as_ref().map_or(true, |length| *length == 0);
                offset += *read.as_ref().unwrap_or(&0) as u64;
                // Nobody listens any more when writing has failed.
                if full.send((block, read)).is_err() || ends {
                    return;
                }
            }
        });
        let mut offset = 0;
        for (block, read) in filled {
            let length = read.map_err(CopyError::Reading)?;
            each(block.bytes(length), offset)?;
            offset += length as u64;
            let _ = free.send(block);
        }
        Ok(())
    })
}
