//! The steps of a load, for any kind of server.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tarn_pipeline::names::RunId;
use tarn_pipeline::ports::{
    Load, LoadMode, LoadOutcome, Mart, MartError, ObjectStore, PartOutcome, Passwords, StagedMart,
};
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

use super::fault::Fault;
use super::feed::Feed;
use super::session::{Direct, Plan, Server, Session, stage_prefix};
use super::table::{Change, ExistingColumn, changes};
use crate::fault::{WithHint, broken_off, refused};
use crate::ledger::{self, Decision};
use crate::rows::{Slice, SliceSize};
use crate::version::Version;

/// What is sent again when a connection is lost; also what one invocation of a function does at least.
const SLICE: SliceSize = SliceSize { rows: 1_000_000, bytes: 256 * 1024 * 1024 };
/// The most rows that go straight into a table: a connection that is lost takes all of them with it.
const DIRECT_ROWS: u64 = 5_000_000;
/// Tries of a load that was on its way.
const TRIES: u32 = 8;
/// Waits between them: the first, which doubles, and the longest. Together long enough for a server that starts again.
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// A mart on a server.
pub(crate) struct ServerMart<S> {
    server: S,
    passwords: Option<Arc<dyn Passwords>>,
    /// Whether a password was given before, so that a refusal may mean that it was changed.
    has_connected: Mutex<bool>,
}

/// What a load brings, read once whatever the number of tries.
struct Source {
    load: Arc<Load>,
    objects: Arc<dyn ObjectStore>,
    slices: Vec<(String, Slice)>,
}

impl Source {
    async fn of(load: &Load, objects: Arc<dyn ObjectStore>) -> Result<Self, MartError> {
        let load = Arc::new(load.clone());
        let (shared, store) = (Arc::clone(&load), Arc::clone(&objects));
        let slices = spawn_blocking(move || {
            let version = Version::of(&shared)?;
            version.rows(store.as_ref()).slices(SLICE)
        });
        let slices = slices.await.unwrap_or_else(|error| Err(broken_off(error)))?;
        let slices = slices.into_iter().map(|slice| (slice.name(&load.files), slice)).collect();
        Ok(Self { load, objects, slices })
    }

    /// All slices as one.
    fn all(&self) -> Slice {
        let pieces = self.slices.iter().flat_map(|(_, slice)| slice.pieces.iter().cloned()).collect();
        Slice { pieces, rows: self.rows() }
    }

    fn rows(&self) -> u64 {
        self.slices.iter().map(|(_, slice)| slice.rows).sum()
    }
}

/// A session that holds the table, and what it found there.
struct Held<C> {
    session: C,
    plan: Plan,
    existing: Option<Vec<ExistingColumn>>,
    changes: Vec<Change>,
    decision: Decision,
}

impl<S: Server> ServerMart<S> {
    pub(crate) fn new(server: S, passwords: Option<Arc<dyn Passwords>>) -> Self {
        Self { server, passwords, has_connected: Mutex::new(false) }
    }

    async fn connect(&self) -> Result<S::Session, Fault> {
        let Some(passwords) = &self.passwords else {
            return self.server.connect(None).await;
        };
        match self.server.connect(Some(passwords.credentials(false).await?)).await {
            // It may have been changed since it was kept.
            Err(Fault::Denied(_)) => self.server.connect(Some(passwords.credentials(true).await?)).await,
            other => other,
        }
    }

    /// Does a step, again and again while what is in its way passes.
    async fn with_retries<T, F>(&self, mut step: impl FnMut(u32) -> F) -> Result<T, MartError>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        let mut wait = FIRST_WAIT;
        for attempt in 0.. {
            match step(attempt).await {
                Ok(done) => return Ok(done),
                // A server that was never reached is told at once: the address may be wrong.
                Err(Fault::Passing(error)) if attempt + 1 < TRIES && *self.has_connected.lock().await => {
                    tracing::warn!(mart = %self.server.name(), %error, attempt, "the load is tried again");
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(LONGEST_WAIT);
                }
                Err(fault) => return Err(fault.into_error()),
            }
        }
        Err(refused("the load was not tried"))
    }

    /// Takes the table for a load, and finds out whether there is anything to do.
    async fn hold(&self, load: &Arc<Load>) -> Result<Held<S::Session>, Fault> {
        let version = Version::of(load)?;
        let mut plan = plan(load, &version)?;
        let mut session = self.connect().await?;
        *self.has_connected.lock().await = true;
        session.stored(&mut plan)?;
        session.lock(&load.table).await?;
        session.prepare().await?;
        let existing = session.existing(&load.table).await?;
        plan.becomes_table |= existing.is_none();
        let last = if existing.is_some() { session.last_load(&load.table).await? } else { None };
        let decision = ledger::decide(&load.run, &load.table, &load.mode, load.force, last.as_deref())?;
        let changes = match &existing {
            Some(existing) if decision == Decision::Load && !plan.replaces() => {
                changes(&load.table, existing, &plan.columns, load.options.drift)?
            }
            // Its rows are changed in place in the end: what will not fit then is told before they come.
            Some(existing) if decision == Decision::Load && session.is_bound(&load.table).await? => {
                changes(&load.table, existing, &plan.columns, load.options.drift)?
            }
            _ => Vec::new(),
        };
        Ok(Held { session, plan, existing, changes, decision })
    }

    /// One try of a whole load.
    async fn attempt(
        &self,
        source: &Source,
        attempt: u32,
        progress: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<LoadOutcome, Fault> {
        let load = &source.load;
        let mut held = self.hold(load).await?;
        if held.decision == Decision::Repeated {
            held.session.drop_stages(&load.table, None).await?;
            // A commit whose answer was lost is found in the ledger.
            let repeated = attempt == 0;
            return Ok(LoadOutcome { rows: if repeated { 0 } else { source.rows() }, repeated, milliseconds: 0 });
        }
        // What an earlier process left is of no use: it may have come from other files.
        let kept = (attempt > 0).then_some(held.plan.stage.as_str());
        held.session.drop_stages(&load.table, kept).await?;
        let staged = held.session.staged(&held.plan.stage).await?.unwrap_or_default();
        if staged.is_empty() && self.load_directly(&mut held, source, progress).await? == Direct::Done {
            return Ok(LoadOutcome { rows: source.rows(), repeated: false, milliseconds: 0 });
        }
        held.session.make_stage(&held.plan).await?;
        let slices: Vec<_> = source.slices.iter().collect();
        load_slices(&mut held.session, &held.plan, source, &slices, staged, &|| true, progress).await?;
        self.publish(held, source).await
    }

    /// Loads without a stage, where that is possible and little would have to be repeated.
    async fn load_directly(
        &self,
        held: &mut Held<S::Session>,
        source: &Source,
        progress: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<Direct, Fault> {
        if source.rows() > DIRECT_ROWS {
            return Ok(Direct::Impossible);
        }
        let Held { session, plan, existing, changes, .. } = held;
        let feed = |form| Feed::start(&source.load, &source.all(), &source.objects, form);
        session.load_directly(plan, existing.as_deref(), changes, source.rows(), &feed, progress).await
    }

    async fn publish(&self, mut held: Held<S::Session>, source: &Source) -> Result<LoadOutcome, Fault> {
        let Held { session, plan, existing, changes, .. } = &mut held;
        let staged = session.staged(&plan.stage).await?.ok_or_else(superseded)?;
        let missing = source.slices.iter().filter(|(name, slice)| staged.get(name) != Some(&slice.rows)).count();
        let foreign = (staged.len() + missing).saturating_sub(source.slices.len());
        if missing > 0 || foreign > 0 {
            let message = format!(
                "{missing} of {} slices of table `{}` are not in the mart, and {foreign} of another version are",
                source.slices.len(),
                plan.table()
            );
            let hint = if foreign > 0 {
                "a file was changed while it was loaded: begin the load anew"
            } else {
                "load every part before the load is ended"
            };
            return Err(refused(message).hint(hint).into());
        }
        session.publish(plan, existing.as_deref(), changes, source.rows()).await?;
        // The load is done: what is left over is removed by the next one.
        let table = plan.table().to_owned();
        let _ = session.drop_stages(&table, None).await;
        Ok(LoadOutcome { rows: source.rows(), repeated: false, milliseconds: 0 })
    }
}

/// Puts those slices into the stage that are not there; returns the rows of those that are, and whether all are.
async fn load_slices<C: Session>(
    session: &mut C,
    plan: &Plan,
    source: &Source,
    slices: &[&(String, Slice)],
    staged: BTreeMap<String, u64>,
    may_begin: &(dyn Fn() -> bool + Send + Sync),
    progress: &(dyn Fn(u64) + Send + Sync),
) -> Result<PartOutcome, Fault> {
    let mut rows = 0;
    for (name, slice) in slices {
        if let Some(staged) = staged.get(name) {
            rows += staged;
            continue;
        }
        if !may_begin() {
            return Ok(PartOutcome { rows, done: false });
        }
        // Another process may have been told to load the same, and be at it.
        session.hold_slice(&plan.stage, name).await?;
        let loaded = match session.staged(&plan.stage).await?.ok_or_else(superseded)?.get(name) {
            Some(staged) => *staged,
            None => {
                let feed = |form| Feed::start(&source.load, slice, &source.objects, form);
                let before = rows;
                session.load_slice(plan, name, &feed, &|rows| progress(before + rows)).await?
            }
        };
        session.let_go(&plan.stage, name).await?;
        rows += loaded;
        progress(rows);
    }
    Ok(PartOutcome { rows, done: true })
}

fn plan(load: &Arc<Load>, version: &Version<'_>) -> Result<Plan, MartError> {
    let run = xxhash_rust::xxh3::xxh3_64(load.run.as_str().as_bytes());
    Ok(Plan {
        load: Arc::clone(load),
        columns: version.columns().to_vec(),
        comments: load.columns.iter().chain(&load.partition_keys).map(|column| column.comment.clone()).collect(),
        key: version.key()?,
        indexes: version.indexes()?,
        stage: format!("{}{run:016x}", stage_prefix(&load.table)),
        becomes_table: load.mode == LoadMode::Replace,
    })
}

fn superseded() -> Fault {
    refused("the load was given up: another one of the same table has begun since").into()
}

fn timed(started: Instant, outcome: LoadOutcome) -> LoadOutcome {
    LoadOutcome { milliseconds: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX), ..outcome }
}

#[async_trait]
impl<S: Server> Mart for ServerMart<S> {
    async fn loaded(&self, table: &str) -> Result<Option<RunId>, MartError> {
        let last = self.with_retries(|_| async {
            let mut session = self.connect().await?;
            *self.has_connected.lock().await = true;
            let is_there = session.existing(table).await?.is_some() && session.existing(ledger::TABLE).await?.is_some();
            if is_there { session.last_load(table).await } else { Ok(None) }
        });
        let damaged = |error| refused(format!("the ledger of the mart is damaged: {error}"));
        last.await?.map(|run| RunId::try_from(run).map_err(damaged)).transpose()
    }

    async fn load(
        &self,
        load: &Load,
        objects: Arc<dyn ObjectStore>,
        progress: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<LoadOutcome, MartError> {
        let started = Instant::now();
        let source = Source::of(load, objects).await?;
        // After a lost connection the rows that are there are counted first, which need not be seen.
        let furthest = AtomicU64::new(0);
        let progress = |rows: u64| progress(furthest.fetch_max(rows, Ordering::Relaxed).max(rows));
        let outcome = self.with_retries(|attempt| self.attempt(&source, attempt, &progress)).await?;
        progress(outcome.rows);
        Ok(timed(started, outcome))
    }
}

#[async_trait]
impl<S: Server> StagedMart for ServerMart<S> {
    async fn begin(&self, load: &Load, objects: Arc<dyn ObjectStore>) -> Result<Option<usize>, MartError> {
        let source = Source::of(load, objects).await?;
        let begin = |_| async {
            let mut held = self.hold(&source.load).await?;
            if held.decision == Decision::Repeated {
                held.session.drop_stages(&load.table, None).await?;
                return Ok(None);
            }
            // A stage of this very load is kept: its slices are named by what is in them.
            held.session.drop_stages(&load.table, Some(&held.plan.stage)).await?;
            let staged = held.session.staged(&held.plan.stage).await?.unwrap_or_default();
            let is_foreign = |name: &String| !source.slices.iter().any(|(known, _)| known == name);
            if staged.keys().any(is_foreign) {
                held.session.drop_stages(&load.table, None).await?;
            }
            held.session.make_stage(&held.plan).await?;
            Ok(Some(source.slices.len()))
        };
        self.with_retries(begin).await
    }

    async fn part(
        &self,
        load: &Load,
        (part, parts): (usize, usize),
        objects: Arc<dyn ObjectStore>,
        until: &(dyn Fn() -> bool + Send + Sync),
    ) -> Result<PartOutcome, MartError> {
        if parts == 0 || part >= parts {
            return Err(refused(format!("there is no part {part} of {parts}")));
        }
        let source = Source::of(load, objects).await?;
        let slices: Vec<_> = source.slices.iter().skip(part).step_by(parts).collect();
        let (source, slices) = (&source, &slices);
        let step = |_| async move {
            let version = Version::of(&source.load)?;
            let mut plan = plan(&source.load, &version)?;
            let mut session = self.connect().await?;
            *self.has_connected.lock().await = true;
            session.stored(&mut plan)?;
            let staged = session.staged(&plan.stage).await?.ok_or_else(superseded)?;
            load_slices(&mut session, &plan, source, slices, staged, &|| !until(), &|_| {}).await
        };
        self.with_retries(step).await
    }

    async fn commit(&self, load: &Load, objects: Arc<dyn ObjectStore>) -> Result<LoadOutcome, MartError> {
        let started = Instant::now();
        let source = Source::of(load, objects).await?;
        let source = &source;
        let step = |attempt| async move {
            let mut held = self.hold(&source.load).await?;
            if held.decision == Decision::Repeated {
                held.session.drop_stages(&source.load.table, None).await?;
                let repeated = attempt == 0;
                return Ok(LoadOutcome { rows: if repeated { 0 } else { source.rows() }, repeated, milliseconds: 0 });
            }
            self.publish(held, source).await
        };
        self.with_retries(step).await.map(|outcome| timed(started, outcome))
    }
}
