//! The files of a lake: what its user wrote, read once, checked whole.
//!
//! [`Lake::load`] takes the text of every file and answers with the lake or with *all* mistakes at once, each with
//! file, line, column, the offending text and a hint. From a loaded lake come the graph ([`Lake::graph`]), selections
//! ([`Lake::select`]), the SQL of a model ([`Lake::compile`]), audits as SQL ([`Audit::sql`]), unit tests as one
//! statement each ([`unit_test_sql`]) and the plan of a run ([`Lake::plan`]).
//!
//! Nothing here reads a file, a clock or the environment: the caller hands texts and times in, so that laptop and
//! cloud, tests and editors see the same lake.

mod access;
mod audit;
mod column_type;
mod compile;
mod config;
mod cron;
mod csv;
mod deployment;
mod diagnostic;
mod graph;
mod header;
mod lake;
mod model;
mod name;
mod names;
mod plan;
mod query_shape;
mod resolve;
mod schema;
mod seed;
mod selection;
mod source;
mod sql_text;
mod storage;
mod template;
mod unit_test;
mod value;
mod variable;
mod yaml;

pub use access::{AccessConfig, AccessTag, Layer};
pub use audit::{AcceptedValue, Audit, AuditCheck};
pub use column_type::{ColumnType, TypedColumns};
pub use compile::{CompileContext, CompiledModel, QuotedNames, Relation, RelationKind, RelationNames};
pub use config::{
    AthenaConfig, BackfillConfig, FlattenArrays, FlattenConfig, FlattenOverrides, LakeConfig, MartConfig, Retention,
    RunConfig, Schedule,
};
pub use cron::Cron;
pub use deployment::{AlertsConfig, AwsConfig, DeployedMart, DeployedSource, SlackConfig};
pub use diagnostic::{Diagnostic, Diagnostics, Related, Severity};
pub use graph::{Graph, NodeKind};
pub use lake::{Lake, LakeFiles};
pub use model::{
    Bucketing, Compression, Dependency, DependencyKind, Drift, Format, GoneRows, MartMode, MartTarget, Materialization,
    MergeOrder, Model, OnEmpty, SchemaChange, Strategy, TableType,
};
pub use name::suggestion;
pub use plan::{Plan, PlannedModel};
pub use schema::schemas;
pub use seed::{Seed, SeedColumn, SeedTable};
pub use selection::Selected;
pub use source::{PartitionRule, Source, SourceColumn, SourceKind};
pub use unit_test::statement::unit_test_sql;
pub use unit_test::{Expectation, Row, RowValue, UnitTest};
pub use variable::{VarDeclaration, VarType, VarValue};
