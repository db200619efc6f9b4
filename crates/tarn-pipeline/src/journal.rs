//! A model's statements on an engine that is elsewhere, and what became of them.
//!
//! A step that asks such an engine is taken again and again: each time it goes through the same statements from the first, those
//! that have ended are answered from the journal, and at the one that goes on it stops with [`EngineError::pending`]. So the
//! steps are written as if every query were answered at once, whoever waits need not be paid for waiting, and a step that is
//! killed is taken again like any other.
//!
//! A statement is known by its text and by the run and model that ask, so the same step of the same run sends nothing twice, not
//! even when the journal is lost: the token that goes with the statement makes it the same query for the service.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, MutexGuard};
use xxhash_rust::xxh3::xxh3_128;

use crate::error::StepError;
use crate::names::Key;
use crate::ports::{
    Attribution, Catalogue, CatalogueError, Column, EngineError, NewTable, ObjectError, ObjectStore, PendingQuery,
    QueryEngine, QueryOutcome, QueryRequest, QueryService, QueryState, QueryTry,
};
use crate::prepare;
use crate::stored;

/// How often a statement is sent that fails for a reason that may pass.
const TRIES: usize = 3;
/// How often a statement is sent anew because what it made before was removed.
const OUTLIVED: usize = 3;
/// The first wait for a query that is waited for here; it doubles.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// The longest wait between two looks.
const LONGEST_WAIT: Duration = Duration::from_secs(3);

/// Whether a query is waited for where it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// Until it ends: a person at a terminal.
    UntilItEnds,
    /// Not at all: the step is taken again later.
    None,
}

/// What became of the statements of one model in one run.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Journal {
    /// By the hash of run, model and statement.
    statements: BTreeMap<String, Entry>,
}

/// One statement.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
struct Entry {
    /// The query under way, or the last one.
    id: Option<String>,
    /// The execution that has started it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    /// Whether what an earlier try left was removed, so that what is there now is of the present one.
    #[serde(default)]
    cleared: bool,
    /// Queries that have ended badly before it.
    #[serde(default)]
    failed: Vec<QueryTry>,
    /// How often the service answered with a query of before, whose work was removed since: each has used up a token.
    #[serde(default)]
    outlived: usize,
    /// How the last one ended.
    #[serde(default)]
    ended: Option<Ended>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Ended {
    Done(Box<QueryOutcome>),
    Failed(Box<EngineError>),
}

/// Where a journal is kept and what its statements work on.
pub struct JournalPorts {
    /// Runs the statements.
    pub service: Arc<dyn QueryService>,
    /// Keeps the journal.
    pub objects: Arc<dyn ObjectStore>,
    /// Has the tables that statements make.
    pub catalogue: Arc<dyn Catalogue>,
}

/// The engine of one model in one run, or of one person's queries.
pub struct JournalledEngine {
    ports: JournalPorts,
    /// The object that holds the journal; none for queries that nobody asks twice.
    key: Option<Key>,
    /// The folder for tables that are made to learn their columns.
    scratch: Key,
    patience: Patience,
    /// Who asks, when that can be stopped with its queries and go on as another.
    execution: Option<String>,
    journal: Mutex<Option<Journal>>,
    /// Tells questions apart that no run asks: the same words an hour later are another question.
    questions: AtomicU64,
}

impl JournalledEngine {
    /// An engine whose statements are noted under `key`.
    pub fn new(ports: JournalPorts, key: Option<Key>, scratch: Key, patience: Patience) -> Self {
        let questions = AtomicU64::new(RandomState::new().hash_one(0_u8));
        Self { ports, key, scratch, patience, execution: None, journal: Mutex::new(None), questions }
    }

    /// The same engine for an execution of a state machine. When one is stopped its queries are cancelled with it; the next one, which goes on
    /// with the run, sends them again.
    #[must_use]
    pub fn in_execution(self, execution: Option<String>) -> Self {
        Self { execution, ..self }
    }

    /// The journal, read when it is first needed.
    async fn read(&self) -> Result<MutexGuard<'_, Option<Journal>>, EngineError> {
        let mut held = self.journal.lock().await;
        if held.is_none() {
            *held = Some(match &self.key {
                Some(key) => read(key, self.ports.objects.as_ref()).await?,
                None => Journal::default(),
            });
        }
        Ok(held)
    }

    async fn entry(&self, name: &str) -> Result<Entry, EngineError> {
        let held = self.read().await?;
        // It stays in the journal: models of one run may share one, and what another one notes meanwhile is written with it.
        let found = held.as_ref().and_then(|journal| journal.statements.get(name).cloned());
        Ok(found.unwrap_or_default())
    }

    /// Notes an entry: statements of one model go one after another, so nobody else changes the object.
    async fn note(&self, name: &str, entry: Entry) -> Result<(), EngineError> {
        let mut held = self.read().await?;
        let journal = held.get_or_insert_default();
        journal.statements.insert(name.to_owned(), entry);
        let Some(key) = &self.key else { return Ok(()) };
        let json = serde_json::to_vec(journal).map_err(|error| EngineError::permanent(error.to_string()))?;
        self.ports.objects.put(key, Bytes::from(json)).await.map_err(from_objects)
    }

    /// Sends the statement, unless it has been sent; returns how it ended.
    async fn settle(&self, request: &QueryRequest, name: &str, entry: &mut Entry) -> Result<Ended, EngineError> {
        let statement = prepare::attributed(&request.statement, &request.attribution);
        loop {
            if let Some(ended) = &entry.ended {
                return Ok(ended.clone());
            }
            let token = token(name, entry.failed.len() + entry.outlived);
            let id = match &entry.id {
                Some(id) => id.clone(),
                None => {
                    if !entry.cleared {
                        self.clear_for(request, !entry.failed.is_empty() || entry.outlived > 0).await?;
                        // Noted before the start: from then on what lies there may be of a query that goes on.
                        entry.cleared = true;
                        self.note_copy(name, entry).await?;
                    }
                    let id = self.ports.service.start(&statement, &token).await?;
                    (entry.id, entry.by) = (Some(id.clone()), self.execution.clone());
                    self.note_copy(name, entry).await?;
                    id
                }
            };
            match self.look(&id).await? {
                QueryState::Running => return Err(EngineError::pending(PendingQuery { id, token, statement })),
                QueryState::Done(_) if entry.outlived < OUTLIVED && !self.is_made(request).await? => {
                    entry.outlived += 1;
                    (entry.id, entry.cleared) = (None, false);
                }
                QueryState::Done(outcome) => {
                    let outcome = self.weighed(request, *outcome).await?;
                    entry.ended = Some(Ended::Done(Box::new(outcome)));
                }
                QueryState::Failed(error) => {
                    let is_stopped = error.cancelled && self.execution.is_some() && entry.by != self.execution;
                    let again = is_stopped || (error.retryable && entry.failed.len() + 1 < TRIES);
                    entry.failed.extend(error.tries.iter().cloned());
                    match again {
                        true => (entry.id, entry.cleared) = (None, false),
                        // It has been sent often enough: the same statement is not to be sent again in this run.
                        false => entry.ended = Some(Ended::Failed(Box::new(EngineError { retryable: false, ..error }))),
                    }
                }
            }
        }
    }

    /// The outcome with the files of the table that was made.
    async fn weighed(&self, request: &QueryRequest, outcome: QueryOutcome) -> Result<QueryOutcome, EngineError> {
        let Some(table) = &request.makes else { return Ok(outcome) };
        let files = self.ports.objects.list(&table.folder).await.map_err(from_objects)?;
        let bytes_written = files.iter().map(|file| file.size).sum();
        Ok(QueryOutcome { files_written: files.len() as u64, bytes_written, ..outcome })
    }

    /// Whether what a query made is there. It is not when the journal was lost: what lay there was removed before the start, as
    /// that of an unknown try, and the token was answered with that very try, which had ended well.
    async fn is_made(&self, request: &QueryRequest) -> Result<bool, EngineError> {
        if let Some(table) = &request.makes
            && self.ports.catalogue.get(&table.name).await.map_err(from_catalogue)?.is_none()
        {
            return Ok(false);
        }
        for folder in &request.writes_to {
            if !self.ports.objects.list(folder).await.map_err(from_objects)?.is_empty() {
                return Ok(true);
            }
        }
        Ok(request.writes_to.is_empty())
    }

    /// Removes what earlier tries left.
    async fn clear_for(&self, request: &QueryRequest, has_failed: bool) -> Result<(), EngineError> {
        if let Some(table) = &request.makes {
            clear(table, self.ports.catalogue.as_ref(), self.ports.objects.as_ref()).await?;
        }
        for folder in request.writes_to.iter().filter(|_| has_failed) {
            empty(folder, self.ports.objects.as_ref()).await?;
        }
        Ok(())
    }

    /// How far a query is; waits for its end if there is patience for it.
    async fn look(&self, id: &str) -> Result<QueryState, EngineError> {
        let mut wait = FIRST_WAIT;
        loop {
            match self.ports.service.look(id).await? {
                QueryState::Running if self.patience == Patience::UntilItEnds => {
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(LONGEST_WAIT);
                }
                state => return Ok(state),
            }
        }
    }

    async fn note_copy(&self, name: &str, entry: &Entry) -> Result<(), EngineError> {
        self.note(name, entry.clone()).await
    }
}

#[async_trait]
impl QueryEngine for JournalledEngine {
    async fn execute(&self, request: &QueryRequest) -> Result<QueryOutcome, EngineError> {
        let name = match &request.attribution.run {
            Some(_) => name(request),
            None => format!("{:032x}", xxh3_128(&self.questions.fetch_add(1, Ordering::Relaxed).to_le_bytes())),
        };
        let mut entry = self.entry(&name).await?;
        let settled = self.settle(request, &name, &mut entry).await;
        self.note_copy(&name, &entry).await?;
        match settled? {
            Ended::Done(outcome) => {
                let mut tries = entry.failed;
                tries.extend(outcome.tries.iter().cloned());
                Ok(QueryOutcome { tries, ..*outcome })
            }
            Ended::Failed(error) => Err(EngineError { tries: entry.failed, ..*error }),
        }
    }

    /// A table without rows is made of the query, and its columns are those that the catalogue has of it: that costs nothing,
    /// tells the types as they will be stored, and refuses whatever the real statement would be refused for.
    async fn columns(&self, query: &str, attribution: &Attribution) -> Result<Vec<Column>, EngineError> {
        let table = shape_table(query, &self.scratch, attribution);
        let uri = self.ports.objects.uri(&table.folder);
        let attribution = Attribution { purpose: "prepare".to_owned(), ..attribution.clone() };
        let statement = prepare::shape(&table.name, &uri, query);
        let request = QueryRequest { makes: Some(table.clone()), ..QueryRequest::new(statement, attribution) };
        let mut outcome = self.execute(&request).await.map_err(|error| before_query(error, prepare::SHAPE_LINES))?;
        if outcome.columns.is_empty() {
            let entry = self.ports.catalogue.get(&table.name).await.map_err(from_catalogue)?;
            let entry = entry.ok_or_else(|| EngineError::transient("the columns of the query could not be learnt"))?;
            outcome.columns = entry.all_columns().cloned().collect();
            let ended = Some(Ended::Done(Box::new(outcome.clone())));
            let name = name(&request);
            let entry = self.entry(&name).await?;
            self.note(&name, Entry { ended, ..entry }).await?;
        }
        self.ports.catalogue.remove(&table.name).await.map_err(from_catalogue)?;
        Ok(outcome.columns)
    }

    fn writers(&self) -> Option<usize> {
        Some(self.ports.service.writers())
    }
}

/// Removes what an earlier try of a statement left of the table it makes.
///
/// # Errors
/// As catalogue and store have them.
pub async fn clear(table: &NewTable, catalogue: &dyn Catalogue, objects: &dyn ObjectStore) -> Result<(), EngineError> {
    catalogue.remove(&table.name).await.map_err(from_catalogue)?;
    empty(&table.folder, objects).await
}

async fn empty(folder: &Key, objects: &dyn ObjectStore) -> Result<(), EngineError> {
    let left = objects.list(folder).await.map_err(from_objects)?;
    let keys: Vec<Key> = left.into_iter().map(|object| object.key).collect();
    if keys.is_empty() {
        return Ok(());
    }
    objects.delete(&keys).await.map_err(from_objects)
}

/// What a statement is known by.
fn name(request: &QueryRequest) -> String {
    digest(&request.attribution, &request.statement)
}

/// A text of one model of one run: two models of a run may have the same.
fn digest(attribution: &Attribution, text: &str) -> String {
    let run = attribution.run.as_ref().map_or("", |run| run.as_str());
    let model = attribution.model.as_deref().unwrap_or_default();
    format!("{:032x}", xxh3_128(format!("{run}\n{model}\n{text}").as_bytes()))
}

/// The token of the try after `spent` others: 32 to 128 characters, as Athena wants them.
fn token(name: &str, spent: usize) -> String {
    format!("tarn-{name}-{spent}")
}

/// The table that is made to learn a query's columns.
fn shape_table(query: &str, scratch: &Key, attribution: &Attribution) -> NewTable {
    let name = format!("tarn_shape_{}", digest(attribution, query));
    NewTable { folder: scratch.join(&name).join(""), name }
}

/// The error with its position in the query instead of in the statement around it.
fn before_query(error: EngineError, lines: usize) -> EngineError {
    EngineError { line: error.line.and_then(|line| line.checked_sub(lines)), ..error }
}

async fn read(key: &Key, objects: &dyn ObjectStore) -> Result<Journal, EngineError> {
    stored::find(key, "the journal", objects).await.map(Option::unwrap_or_default).map_err(from_step)
}

fn from_objects(error: ObjectError) -> EngineError {
    from_step(error.into())
}

fn from_catalogue(error: CatalogueError) -> EngineError {
    from_step(error.into())
}

fn from_step(error: StepError) -> EngineError {
    EngineError { hint: error.hint, retryable: error.retryable, ..EngineError::permanent(error.message) }
}
