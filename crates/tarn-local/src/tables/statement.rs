//! What belongs to one statement while it is planned.
//!
//! A statement sees one version of each table, however often it names it and whatever is published meanwhile; so the tables it has
//! looked up are kept for it. The lookups happen deep inside of the planner, which hands nothing through: they find their
//! statement by the task they run in.

use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::catalog::TableProvider;

use super::reader::BytesScanned;

tokio::task_local! {
    static STATEMENT: Arc<Statement>;
}

/// One statement, or one view inside of it.
#[derive(Debug, Default)]
pub(crate) struct Statement {
    /// Bytes read for the statement.
    pub(crate) scanned: BytesScanned,
    tables: Arc<Mutex<HashMap<String, Arc<dyn TableProvider>>>>,
    /// The views that are being opened, outermost first.
    views: Vec<String>,
    /// Whether a view was looked up that was being opened already.
    recursive: Arc<AtomicBool>,
}

impl Statement {
    /// The statement being planned in this task; a new one when there is none.
    pub(crate) fn current() -> Arc<Self> {
        STATEMENT.try_with(Arc::clone).unwrap_or_default()
    }

    /// Plans as this statement.
    pub(crate) async fn plan<T>(self: &Arc<Self>, planning: impl Future<Output = T>) -> T {
        STATEMENT.scope(Arc::clone(self), planning).await
    }

    /// The same statement inside of a view; none when that view is being opened already.
    pub(crate) fn inside(&self, view: &str) -> Option<Arc<Self>> {
        if self.views.iter().any(|open| open == view) {
            self.recursive.store(true, Ordering::Relaxed);
            return None;
        }
        let views = self.views.iter().cloned().chain([view.to_owned()]).collect();
        let (scanned, tables) = (self.scanned.clone(), Arc::clone(&self.tables));
        Some(Arc::new(Self { scanned, tables, views, recursive: Arc::default() }))
    }

    /// Whether a view inside of this one is one that is being opened already.
    pub(crate) fn is_recursive(&self) -> bool {
        self.recursive.load(Ordering::Relaxed)
    }

    /// A table that was looked up before.
    pub(crate) fn known(&self, table: &str) -> Option<Arc<dyn TableProvider>> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner).get(table).cloned()
    }

    /// Keeps a table that was looked up.
    pub(crate) fn keep(&self, table: &str, found: Arc<dyn TableProvider>) {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner).insert(table.to_owned(), found);
    }
}
