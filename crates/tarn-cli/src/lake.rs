//! The lake a command works on: its folder, its files, its data.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use indexmap::IndexMap;
use tarn_local::{LakeLock, Local, LocalSettings, LockError};
use tarn_model::{Lake, LakeFiles};
use tarn_pipeline::context::Ports;
use tarn_pipeline::names::RunId;
use tarn_pipeline::ports::{Clock, Load, LoadOutcome, Mart, MartError, ObjectStore, Observer, SystemClock};

use crate::args::{GlobalArguments, Target};
use crate::cloud::Cloud;
use crate::outcome::{Mistakes, Refusal};
use crate::terminal::Terminal;

/// The file that makes a folder a lake.
pub(crate) const LAKE_FILE: &str = "tarn.yaml";
/// The folder of a lake's data, in the lake's folder.
const DATA_FOLDER: &str = ".tarn";
/// How long `--wait` waits.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);
/// Folders of a lake that hold files of the project.
const PROJECT_FOLDERS: [&str; 4] = ["sources", "seeds", "models", "tests"];
/// Endings of the files that are read; others are left alone.
const PROJECT_ENDINGS: [&str; 4] = ["yaml", "yml", "sql", "csv"];

/// A lake's folder and where its data is kept.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) folder: PathBuf,
    pub(crate) data: PathBuf,
}

impl Place {
    /// The lake that is meant: the one named, else the nearest one upwards from here.
    pub(crate) fn find(global: &GlobalArguments) -> anyhow::Result<Self> {
        let folder = match &global.lake {
            Some(folder) => named(folder)?,
            None => nearest(&std::env::current_dir()?)?,
        };
        let data = global.data.clone().unwrap_or_else(|| folder.join(DATA_FOLDER));
        Ok(Self { folder, data })
    }

    /// The lake's files, read and checked.
    pub(crate) fn read(&self) -> anyhow::Result<Lake> {
        let files = self.files()?;
        Ok(Lake::load(&files).map_err(Mistakes)?)
    }

    /// The lake's files as they are.
    pub(crate) fn files(&self) -> anyhow::Result<LakeFiles> {
        let mut files = LakeFiles::new();
        insert(&mut files, &self.folder, &self.folder.join(LAKE_FILE))?;
        for folder in PROJECT_FOLDERS {
            collect(&mut files, &self.folder, &self.folder.join(folder))?;
        }
        Ok(files)
    }

    /// Opens the lake's data, making its folder at the first time.
    pub(crate) fn open(&self, observer: Arc<dyn Observer>, lake: &Lake) -> anyhow::Result<Opened> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let local =
            Local::open(&self.data, LocalSettings::at(clock.now())).map_err(|error| Refusal::new(error.to_string()))?;
        let marts = self.marts(lake)?;
        let ports = Ports {
            objects: Arc::clone(&local.objects) as Arc<_>,
            catalogue: Arc::clone(&local.catalogue) as Arc<_>,
            engine: Arc::clone(&local.engine) as Arc<_>,
            marts,
            clock,
            observer,
        };
        Ok(Opened { local, ports })
    }

    /// The lake's ports where the command is to work: on this machine, or on AWS.
    pub(crate) fn ports(&self, target: Target, observer: Arc<dyn Observer>, lake: &Lake) -> anyhow::Result<Ports> {
        Ok(match target {
            Target::Local => self.open(observer, lake)?.ports,
            Target::Aws => Cloud::of(&lake.config)?.ports(&lake.config, None, self.marts(lake)?, observer),
        })
    }

    /// The lake's marts by name.
    pub(crate) fn marts(&self, lake: &Lake) -> Result<IndexMap<String, Arc<dyn Mart>>, Refusal> {
        let open = |(name, mart): (&String, &tarn_model::MartConfig)| {
            let opened: Arc<dyn Mart> = match mart_url(&mart.url) {
                Ok(url) => Arc::from(tarn_mart::open(&url, &self.data).map_err(|error| of_mart(name, error))?),
                // Most commands do not need the mart, and so not its password.
                Err(error) => Arc::new(Unreachable { error: of_mart(name, error) }),
            };
            Ok((name.clone(), opened))
        };
        lake.config.marts.iter().map(open).collect()
    }

    /// Takes the lake for a command that writes; a second one is told who holds it, or waits.
    pub(crate) async fn lock(&self, command: &str, wait: bool, terminal: Terminal) -> anyhow::Result<LakeLock> {
        let now = SystemClock.now();
        match LakeLock::try_acquire(&self.data, command, now) {
            Ok(lock) => Ok(lock),
            Err(held @ LockError::Held(_)) if wait => {
                terminal.say(&format!("{held}; waiting for it to end"));
                Ok(LakeLock::acquire(&self.data, command, now, LONGEST_WAIT).await.map_err(refused)?)
            }
            Err(error) => Err(refused(error).into()),
        }
    }
}

/// The URL of a mart, with the variables of the environment that it names.
pub(crate) fn mart_url(written: &str) -> Result<String, MartError> {
    tarn_mart::with_variables(written, |name| std::env::var(name).ok())
}

fn of_mart(name: &str, error: MartError) -> Refusal {
    Refusal { message: format!("mart `{name}`: {}", error.message), hint: error.hint }
}

/// A mart whose URL needs a variable that is not set.
struct Unreachable {
    error: Refusal,
}

impl Unreachable {
    fn error(&self) -> MartError {
        MartError { message: self.error.message.clone(), hint: self.error.hint.clone(), retryable: false }
    }
}

#[async_trait]
impl Mart for Unreachable {
    async fn loaded(&self, _table: &str) -> Result<Option<RunId>, MartError> {
        Err(self.error())
    }

    async fn load(
        &self,
        _load: &Load,
        _objects: Arc<dyn ObjectStore>,
        _progress: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<LoadOutcome, MartError> {
        Err(self.error())
    }
}

fn refused(error: LockError) -> Refusal {
    let refusal = Refusal::new(error.to_string());
    match error {
        LockError::Held(_) => refusal.with_hint("let it end, or start this one with `--wait`"),
        LockError::Io(_) => refusal,
    }
}

/// A lake's data, and the ports over it.
pub(crate) struct Opened {
    pub(crate) local: Local,
    pub(crate) ports: Ports,
}

fn named(folder: &Path) -> anyhow::Result<PathBuf> {
    if folder.join(LAKE_FILE).is_file() {
        return Ok(folder.to_owned());
    }
    Err(Refusal::new(format!("`{}` is not a lake: it holds no `{LAKE_FILE}`", folder.display()))
        .with_hint("make one with `tarn init DIR`")
        .into())
}

fn nearest(from: &Path) -> anyhow::Result<PathBuf> {
    let found = from.ancestors().find(|folder| folder.join(LAKE_FILE).is_file());
    found.map(Path::to_owned).ok_or_else(|| {
        Refusal::new(format!("no `{LAKE_FILE}` in `{}` nor in a folder above it", from.display()))
            .with_hint("go into a lake, name it with `--lake DIR`, or make one with `tarn init DIR`")
            .into()
    })
}

/// Reads the project's files below a folder, in the order of their names.
fn collect(files: &mut LakeFiles, root: &Path, folder: &Path) -> anyhow::Result<()> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(unreadable(folder, &error)),
    };
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()
        .map_err(|error| unreadable(folder, &error))?;
    paths.sort();
    for path in paths {
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if hidden {
            continue;
        }
        if path.is_dir() {
            collect(files, root, &path)?;
        } else if path.extension().is_some_and(|ending| PROJECT_ENDINGS.iter().any(|known| ending == *known)) {
            insert(files, root, &path)?;
        }
    }
    Ok(())
}

fn insert(files: &mut LakeFiles, root: &Path, path: &Path) -> anyhow::Result<()> {
    let bytes = std::fs::read(path).map_err(|error| unreadable(path, &error))?;
    let relative = path.strip_prefix(root).unwrap_or(path);
    let name = relative.to_string_lossy().replace('\\', "/");
    files.insert(name, bytes);
    Ok(())
}

fn unreadable(path: &Path, error: &std::io::Error) -> anyhow::Error {
    Refusal::new(format!("`{}` cannot be read: {error}", path.display())).into()
}
