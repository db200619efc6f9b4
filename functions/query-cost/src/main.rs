//! What queries cost, and what people should know.

use std::process::ExitCode;
use std::sync::Arc;

use query_cost::{FunctionSettings, QueryCostFunction};
use tarn_aws::Aws;
use tarn_lambda::Settings;
use tarn_pipeline::ports::SystemClock;
use tokio::runtime::Handle;

fn main() -> ExitCode {
    tarn_lambda::run(async || {
        let settings = Settings::read(FunctionSettings::read)?;
        let aws = Arc::new(Aws::new(Handle::current()));
        Ok(QueryCostFunction::new(settings, aws, Arc::new(SystemClock)))
    })
}
