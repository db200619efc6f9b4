//! Where things lie in the bucket. The same keys on a laptop's disk and on S3.
//!
//! ```text
//! raw/<source>/day=<arrival>/<hash>.<ext>         every byte that arrived, before it is interpreted
//! raw/<source>/day=…/<first>-<last>-<hash>.…      a batch of changes of a table, named by its sequence numbers
//! raw/aurora-exports/<cluster>/<export>/…         what RDS writes of a cluster's snapshot; the tables of its sources
//! source/<name>/day=<day>/<hash>-….parquet        records that fit their contract
//! quarantine/<source>/<hash>-….ndjson             records that did not, whole, with the reason
//! quarantine/<source>/firehose-<hash>.ndjson      the same, of one batch of a delivery stream
//! quarantine/<source>/capture-<hash>.ndjson       the same, of one batch of changes of a table
//! quarantine/<source>/given-up-<hash>.ndjson      what Firehose gave up, brought here by a replay
//! errors/<source>/processing-failed/day=<day>/…   what Firehose gave up, written by Firehose
//! made/<source>/<hash>.json                       the keys of what was made of one raw object
//! seed/<name>/<hash>.parquet                      the project's own small tables
//! model/<name>/run=<id>/…                         a version: the immutable output of one model in one run
//! model/<name>/_tarn/<id>.json                    the version's manifest; Tarn deletes a version only where this marker stands
//! model/<name>/_past/<id>.json                    the same of a version past its keep, some of whose files are still needed
//! runs/<id>.json                                  the record of a run
//! work/<run>/plan.json                            what a run on AWS is to do
//! work/<run>/<model>/journal.json                 the statements of one model in that run, and what became of them
//! work/<run>/<model>/record.json                  how far the model came
//! work/<run>/scan/<model>-<bytes>.json            what the model will read, where a run has a limit; the bytes are in the name
//! work/<backfill>/slice-<n>.json                  the run of one slice of a backfill on AWS, and how it ended
//! work/<backfill>/stopped.json                    since when slices of a backfill fail, so that no further one begins
//! mart/<run>/<rows>.tsv                           rows on their way into a mart that reads them from the bucket
//! work/shape/…                                    tables without rows, made to learn columns
//! catalogue/<table>/<hash>.json                   the parts of a table, named by its entry in Glue
//! runs/tables/<table>/<id>-….parquet              the same as rows of `tarn_runs` and `tarn_queries`
//! runs/tables/tarn_queries/day=<day>/<id>-….parquet   on AWS: one file per query, as it ended
//! costs/day=<day>/<id>-<billed>.json              what a query on AWS cost; the billed bytes are in the name
//! told/<what>/<try>.json                          a message to people that somebody has taken on himself
//! told/waiting/<what>.json                        a message that was not taken yet
//! backfills/<id>.json                             how far a backfill came
//! project/<hash>.json                             the lake's own files as they were pushed once
//! project/current.json                            which of them is the present one
//! ```
//!
//! The manifest lies beside the version and not in it, because Athena writes a table only into an empty folder.

use chrono::NaiveDate;

use crate::names::{Key, RunId};

/// The folder of all versions of all models.
pub fn models() -> Key {
    Key::new("model/")
}

/// The folder of a model's version.
pub fn version(model: &str, run: &RunId) -> Key {
    Key::new(format!("model/{model}/run={run}/"))
}

/// The folder of the rows that a merge brings, before they are merged.
pub fn delta(model: &str, run: &RunId) -> Key {
    Key::new(format!("model/{model}/delta={run}/"))
}

/// The folder of rows on their way into partitions that one statement cannot write.
pub fn passing(model: &str, run: &RunId) -> Key {
    Key::new(format!("model/{model}/passing={run}/"))
}

/// The catalogue's name of those rows.
pub fn passing_table(model: &str, run: &RunId) -> String {
    format!("{model}__{run}__passing")
}

/// The folder of the manifests of a model's versions.
pub fn manifests(model: &str) -> Key {
    Key::new(format!("model/{model}/_tarn/"))
}

/// The manifest of a version.
pub fn manifest(model: &str, run: &RunId) -> Key {
    manifests(model).join(&format!("{run}.json"))
}

/// The folder of the manifests of versions past their keep, some of whose files are still needed.
pub fn pasts(model: &str) -> Key {
    Key::new(format!("model/{model}/_past/"))
}

/// The manifest of a version past its keep.
pub fn past(model: &str, run: &RunId) -> Key {
    pasts(model).join(&format!("{run}.json"))
}

/// The catalogue's name of a version that is not published.
pub fn staging_table(model: &str, run: &RunId) -> String {
    format!("{model}__{run}")
}

/// The catalogue's name of the rows that a merge brings, before they are merged.
pub fn delta_table(model: &str, run: &RunId) -> String {
    format!("{model}__{run}__delta")
}

/// The folder of a source's raw objects.
pub fn raw(source: &str) -> Key {
    Key::new(format!("raw/{source}/"))
}

/// The folder of the exports of an Aurora cluster. No source is called so, since names have no hyphen.
pub fn exports(cluster: &str) -> Key {
    Key::new(format!("raw/aurora-exports/{cluster}/"))
}

/// The folder of a source's rows.
pub fn source(source: &str) -> Key {
    Key::new(format!("source/{source}/"))
}

/// The folder in which Firehose leaves the records of a stream that its transform did not answer.
pub fn given_up(source: &str) -> Key {
    Key::new(format!("errors/{source}/processing-failed/"))
}

/// The folder of a source's quarantine.
pub fn quarantine(source: &str) -> Key {
    Key::new(format!("quarantine/{source}/"))
}

/// The folder of the lists of what was made of a source's raw objects.
pub fn made(source: &str) -> Key {
    Key::new(format!("made/{source}/"))
}

/// The folder of a seed.
pub fn seed(seed: &str) -> Key {
    Key::new(format!("seed/{seed}/"))
}

/// The folder of the run records.
pub fn runs() -> Key {
    Key::new("runs/")
}

/// The record of a run.
pub fn run(run: &RunId) -> Key {
    runs().join(&format!("{run}.json"))
}

/// The folder of what a run on AWS needs while it goes on.
pub fn work(run: &RunId) -> Key {
    Key::new(format!("work/{run}/"))
}

/// Rows on their way into a mart that reads them from the bucket.
pub fn mart_rows(run: &RunId, name: &str) -> Key {
    Key::new(format!("mart/{run}/{name}.tsv"))
}

/// What a run on AWS is to do.
pub fn plan(run: &RunId) -> Key {
    work(run).join("plan.json")
}

/// The statements of a model in a run.
pub fn journal(run: &RunId, model: &str) -> Key {
    work(run).join(&format!("{model}/journal.json"))
}

/// How far a model came in a run.
pub fn model_record(run: &RunId, model: &str) -> Key {
    work(run).join(&format!("{model}/record.json"))
}

/// The folder of what the models of a run will read.
pub fn scans(run: &RunId) -> Key {
    work(run).join("scan/")
}

/// What a model of a run will read, in bytes.
pub fn scan(run: &RunId, model: &str, bytes: u64) -> Key {
    scans(run).join(&format!("{model}-{bytes}.json"))
}

/// The run of one slice of a backfill on AWS.
pub fn slice(backfill: &RunId, number: usize) -> Key {
    work(backfill).join(&format!("slice-{number}.json"))
}

/// That a slice of a backfill on AWS has failed.
pub fn stopped(backfill: &RunId) -> Key {
    work(backfill).join("stopped.json")
}

/// The folder of tables that are made to learn their columns.
pub fn shapes() -> Key {
    Key::new("work/shape/")
}

/// The parts of a table of Glue, by the hash of their text.
pub fn catalogued(table: &str, hash: &str) -> Key {
    catalogued_all(table).join(&format!("{hash}.json"))
}

/// The folder of the parts of a table of Glue, the present ones and older ones.
pub fn catalogued_all(table: &str) -> Key {
    Key::new(format!("catalogue/{table}/"))
}

/// The folder of a table of run records.
pub fn run_table(table: &str) -> Key {
    runs().join(&format!("tables/{table}/"))
}

/// The folder of what queries on AWS cost.
pub fn costs() -> Key {
    Key::new("costs/")
}

/// The folder of what the queries of one day cost.
pub fn costs_of(day: NaiveDate) -> Key {
    costs().join(&format!("day={day}/"))
}

/// What one try to send a message leaves, so that nobody else makes it.
pub fn told(what: &str, number: u32) -> Key {
    Key::new(format!("told/{what}/{number}.json"))
}

/// The folder of messages that were not taken yet.
pub fn waiting_messages() -> Key {
    Key::new("told/waiting/")
}

/// The folder of the records of backfills.
pub fn backfills() -> Key {
    Key::new("backfills/")
}

/// The record of a backfill.
pub fn backfill(id: &str) -> Key {
    backfills().join(&format!("{id}.json"))
}

/// The folder of the lake's own files.
pub fn projects() -> Key {
    Key::new("project/")
}

/// The lake's own files with this hash.
pub fn project(hash: &str) -> Key {
    projects().join(&format!("{hash}.json"))
}

/// What names the present files of the lake.
pub fn current_project() -> Key {
    projects().join("current.json")
}
