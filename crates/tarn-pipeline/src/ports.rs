//! What the steps need from the world, as narrow as they use it.
//!
//! On a laptop the ports are files, an embedded catalogue and an embedded engine (`tarn-local`); on AWS they are S3, Glue and
//! Athena. The steps see no difference: the same statements, keys and catalogue changes go through both.

mod catalogue;
mod delivery_stream;
mod engine;
mod mart;
mod notifier;
mod objects;
mod observer;
mod passwords;
mod query_log;
mod query_service;

pub use catalogue::{Catalogue, CatalogueError, Column, ICEBERG_METADATA, Part, TableEntry, TableKind};
pub use delivery_stream::{DeliveryError, DeliveryStream};
pub use engine::{Attribution, EngineError, NewTable, PendingQuery, QueryEngine, QueryOutcome, QueryRequest, QueryTry};
pub use mart::{
    Drift, GoneRows, Load, LoadMode, LoadOutcome, Mart, MartError, PartOutcome, StagedMart, TableOptions, VersionFile,
};
pub use notifier::{Message, Notifier, NotifierError, Passage};
pub use objects::{ContentName, KeepError, Object, ObjectError, ObjectReader, ObjectStore, ObjectWriter};
pub(crate) use objects::{look_at, may_pass};
pub use observer::{Event, Observer, Silent};
pub use passwords::{Credentials, Passwords};
pub use query_log::{EndedQuery, QueryLog};
pub use query_service::{QueryService, QueryState};

use chrono::{DateTime, Utc};

/// The time, as a port so that a run can be repeated at the time it was meant for.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> DateTime<Utc>;
}

/// The machine's own clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place where the clock is read")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}
