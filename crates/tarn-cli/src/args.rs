//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use tarn_pipeline::run_tables::QueryRows;

use crate::commands;

/// The environment variable that names the lake's folder.
pub(crate) const LAKE_VARIABLE: &str = "TARN_LAKE";
/// The environment variable that names the data folder.
pub(crate) const DATA_VARIABLE: &str = "TARN_DATA";

/// The environment variable that says where the lake is worked on.
pub(crate) const TARGET_VARIABLE: &str = "TARN_TARGET";

/// From events to audited tables and marts, on a laptop as on AWS.
#[derive(Debug, Parser)]
#[command(name = "tarn", version, arg_required_else_help = true, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: GlobalArguments,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
pub(crate) struct GlobalArguments {
    /// The lake's folder, which holds `tarn.yaml`; by default the nearest one upwards from here.
    #[arg(long, global = true, value_name = "DIR", env = LAKE_VARIABLE)]
    pub(crate) lake: Option<PathBuf>,
    /// The folder for the lake's data; by default `.tarn` in the lake's folder.
    #[arg(long, global = true, value_name = "DIR", env = DATA_VARIABLE)]
    pub(crate) data: Option<PathBuf>,
    /// Where the lake is worked on.
    #[arg(long, global = true, value_name = "TARGET", env = TARGET_VARIABLE, default_value = "local")]
    pub(crate) target: Target,
    /// Answers as JSON on stdout, for scripts.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Says only what is wrong.
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// When to use colours.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: ColorChoice,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    Always,
    Never,
}

/// Where a command works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Target {
    /// The data folder on this machine.
    Local,
    /// What is deployed on AWS, in the buckets that `tarn.yaml` names.
    Aws,
}

impl Target {
    /// Who writes the rows of `tarn_queries` there.
    pub(crate) fn query_rows(self) -> QueryRows {
        match self {
            Self::Local => QueryRows::OfRuns,
            Self::Aws => QueryRows::OfDays,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a new lake that runs at once.
    Init(commands::init::Args),
    /// Bring files of records into a source: NDJSON, JSON, gzip of both, or Parquet for a snapshot.
    Ingest(commands::ingest::Args),
    /// Check the lake's files and every model's SQL, without running anything.
    Check(commands::check::Args),
    /// Show the SQL that would run for models.
    Compile(commands::compile::Args),
    /// Make models: convert, audit, publish, load.
    Run(commands::run::Args),
    /// Load published models into their marts, without running them.
    Load(commands::load::Args),
    /// Run the unit tests of models.
    Test(commands::test::Args),
    /// Ask the lake, or a mart, a question in SQL.
    Query(commands::query::Args),
    /// List models, sources and seeds.
    Ls(commands::ls::Args),
    /// Show what reads what.
    Graph(commands::graph::Args),
    /// List past runs.
    Runs(commands::runs::Args),
    /// Show one run: models, audits with failing rows, errors.
    Show(commands::show::Args),
    /// Show how the lake is: schedules, runs, costs, quarantine, what is deployed.
    Status(commands::status::Args),
    /// Make models again for a range of days, slice by slice.
    Backfill(commands::backfill::Args),
    /// Tell what queries cost, by model, run, user or day.
    Cost(commands::cost::Args),
    /// Publish an older version of a model again.
    Rollback(commands::rollback::Args),
    /// Send quarantined records through the present contract again.
    Replay(commands::replay::Args),
    /// Hand the lake's files to what is deployed on AWS.
    Push(commands::push::Args),
    /// Show how the lake's files differ from what is deployed.
    Diff(commands::diff::Args),
    /// Remove versions that nothing refers to.
    Clean(commands::clean::Args),
    /// Write the JSON Schemas of the lake's YAML files, for editors.
    Schema(commands::schema::Args),
    /// Print completions for a shell.
    Completions(commands::completions::Args),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Arguments;

    #[test]
    fn no_flag_is_declared_twice() {
        Arguments::command().debug_assert();
    }
}
