//! The ports on AWS.
//!
//! [`Aws`] holds the way to the services: configuration and clients are made when they are first needed, so that a function that
//! needs none starts as if there were none. [`Bucket`] is the object store on S3, [`Glue`] the catalogue, [`Athena`] runs queries,
//! [`Firehose`] are the delivery streams, [`Workflow`] is a state machine, [`Secret`] and [`RdsToken`] are passwords of marts,
//! [`Slack`] takes messages to people; [`Alarm`]s and [`DeployedSchedule`]s are looked at by whoever operates a lake.

mod alarms;
mod athena;
mod aws;
mod bucket;
mod error;
mod firehose;
mod glue;
mod schedules;
mod secrets;
mod signed;
mod slack;
mod waiting;
mod workflow;

pub use alarms::Alarm;
pub use athena::{Athena, AthenaSettings};
pub use aws::{Aws, defaults};
pub use bucket::{Bucket, BucketNames};
pub use firehose::Firehose;
pub use glue::Glue;
pub use schedules::DeployedSchedule;
pub use secrets::{RdsToken, Secret};
pub use signed::ServiceError;
pub use slack::Slack;
pub use workflow::{Execution, Workflow, WorkflowError};
