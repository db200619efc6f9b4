//! What every measured Rust program does beside its handler: it loads events and runs the handler over them, as the
//! driver asks on standard input.
//!
//! - `load FOLDER` keeps the events of a corpus in memory, answers `loaded COUNT`;
//! - `run PASSES` handles each event so many times, answers `ran RESPONSE_BYTES`;
//! - `write FOLDER` writes the response of each event to a file of the event's name, answers `written`.
//!
//! The driver reads the CPU clock of this process before and after a `run`: no program measures itself.

use std::fs;
use std::io::{self, BufRead as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

/// Handles one event: overwrites `response` with the bytes that answer it.
pub type Handler = Box<dyn FnMut(&[u8], &mut Vec<u8>) -> Result<()>>;

/// Does what the driver asks until it closes standard input. The program's first argument names the handler.
///
/// # Errors
///
/// When there is no such handler, a command is unknown, a file cannot be read or written, or an event is refused.
pub fn serve(handler: impl FnOnce(&str) -> Option<Handler>) -> Result<()> {
    let name = std::env::args().nth(1).context("the name of a handler is wanted")?;
    let mut handle = handler(&name).with_context(|| format!("no handler is called `{name}`"))?;
    let mut events = Vec::new();
    let mut response = Vec::new();
    for line in io::stdin().lock().lines() {
        let line = line?;
        let (command, argument) = line.split_once(' ').context("a command and its argument are wanted")?;
        let answer = match command {
            "load" => {
                events = load(Path::new(argument))?;
                format!("loaded {}", events.len())
            }
            "run" => {
                let passes: usize = argument.parse()?;
                let mut bytes = 0;
                for _ in 0..passes {
                    for (_, event) in &events {
                        handle(event, &mut response)?;
                        bytes += response.len();
                    }
                }
                format!("ran {bytes}")
            }
            "write" => {
                for (name, event) in &events {
                    handle(event, &mut response)?;
                    fs::write(Path::new(argument).join(name), &response)?;
                }
                "written".to_owned()
            }
            _ => bail!("`{command}` is no command"),
        };
        let mut output = io::stdout().lock();
        writeln!(output, "{answer}")?;
        output.flush()?;
    }
    Ok(())
}

/// The events of a corpus with the names of their files, in the order of the names.
fn load(folder: &Path) -> Result<Vec<(PathBuf, Vec<u8>)>> {
    let mut events = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read `{}`", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "event") {
            let name = path.file_name().context("a file has a name")?;
            events.push((PathBuf::from(name), fs::read(&path)?));
        }
    }
    events.sort();
    Ok(events)
}
