//! The ports on AWS.
//!
//! [`Aws`] holds the way to the services: configuration and clients are made when they are first needed, so that a function that
//! needs none starts as if there were none. [`Bucket`] is the object store on S3, [`Firehose`] the delivery streams.

mod aws;
mod bucket;
mod error;
mod firehose;

pub use aws::{Aws, defaults};
pub use bucket::{Bucket, BucketNames};
pub use firehose::Firehose;
