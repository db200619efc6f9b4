//! The verbs.

pub(crate) mod backfill;
pub(crate) mod check;
pub(crate) mod clean;
pub(crate) mod compile;
pub(crate) mod completions;
pub(crate) mod cost;
pub(crate) mod diff;
pub(crate) mod graph;
pub(crate) mod ingest;
pub(crate) mod init;
pub(crate) mod load;
pub(crate) mod ls;
pub(crate) mod push;
pub(crate) mod query;
pub(crate) mod replay;
pub(crate) mod rollback;
pub(crate) mod run;
pub(crate) mod runs;
pub(crate) mod schema;
pub(crate) mod show;
pub(crate) mod status;
pub(crate) mod test;

use crate::args::{Arguments, Command};
use crate::outcome::Outcome;
use crate::terminal::Terminal;

/// Does what the command line says.
pub(crate) async fn run(arguments: Arguments, terminal: &Terminal) -> anyhow::Result<Outcome> {
    let Arguments { global, command } = arguments;
    match command {
        Command::Init(args) => init::run(&args, *terminal),
        Command::Ingest(args) => ingest::run(&args, &global, *terminal).await,
        Command::Check(args) => check::run(&args, &global, *terminal).await,
        Command::Compile(args) => compile::run(&args, &global, *terminal).await,
        Command::Run(args) => run::run(&args, &global, *terminal).await,
        Command::Load(args) => load::run(&args, &global, *terminal).await,
        Command::Test(args) => test::run(&args, &global, *terminal).await,
        Command::Query(args) => query::run(&args, &global, *terminal).await,
        Command::Ls(args) => ls::run(&args, &global, *terminal),
        Command::Graph(args) => graph::run(&args, &global, *terminal),
        Command::Runs(args) => runs::run(&args, &global, *terminal).await,
        Command::Show(args) => show::run(&args, &global, *terminal).await,
        Command::Status(args) => status::run(&args, &global, *terminal).await,
        Command::Backfill(args) => backfill::run(&args, &global, *terminal).await,
        Command::Cost(args) => cost::run(&args, &global, *terminal).await,
        Command::Rollback(args) => rollback::run(&args, &global, *terminal).await,
        Command::Replay(args) => replay::run(&args, &global, *terminal).await,
        Command::Push(args) => push::run(&args, &global, *terminal).await,
        Command::Diff(args) => diff::run(&args, &global, *terminal).await,
        Command::Clean(args) => clean::run(&args, &global, *terminal).await,
        Command::Schema(args) => schema::run(&args, *terminal),
        Command::Completions(args) => completions::run(&args),
    }
}
