//! The ledger: which run loaded which table, written in the transaction that loads it.
//!
//! It is why a repeated load changes nothing and an older one is refused. One table, `tarn_loads`, beside the loaded ones; a row
//! for each load, the last one counts. It says when and how many rows too, for people who wonder how fresh a table is.

use tarn_pipeline::names::RunId;
use tarn_pipeline::ports::{LoadMode, MartError};

use crate::fault::{WithHint, refused};

/// The name of the ledger's table; no version can be loaded under it.
pub(crate) const TABLE: &str = "tarn_loads";

/// What is to be done about a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Load it.
    Load,
    /// It is loaded.
    Repeated,
}

/// Compares a load with the last one of the table, none for a table that is not there.
///
/// A forced replace is always done: it comes to the same rows however often.
///
/// # Errors
/// A newer run was loaded, and nobody forces; or rows would be appended a second time.
pub(crate) fn decide(
    run: &RunId,
    table: &str,
    mode: &LoadMode,
    force: bool,
    last: Option<&str>,
) -> Result<Decision, MartError> {
    let Some(last) = last else {
        return Ok(Decision::Load);
    };
    if force && *mode == LoadMode::Replace {
        return Ok(Decision::Load);
    }
    if last == run.as_str() {
        return Ok(Decision::Repeated);
    }
    if last < run.as_str() {
        return Ok(Decision::Load);
    }
    let refusal = refused(format!("table `{table}` holds run `{last}`, which is newer than run `{run}`"));
    match (force, mode) {
        (true, LoadMode::Append) => Err(refusal.hint("appending cannot be taken back; load with mode `replace`")),
        (true, _) => Ok(Decision::Load),
        (false, _) => Err(refusal.hint("to go back to an older version, use `tarn rollback`")),
    }
}

/// How the ledger names a mode.
pub(crate) fn mode_name(mode: &LoadMode) -> &'static str {
    match mode {
        LoadMode::Replace => "replace",
        LoadMode::Merge { .. } => "merge",
        LoadMode::Append => "append",
        LoadMode::Partition { .. } => "partition",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decide_on(run: &str, mode: &LoadMode, force: bool, last: Option<&str>) -> Result<Decision, String> {
        let run = RunId::try_from(run.to_owned()).unwrap();
        decide(&run, "kpi", mode, force, last).map_err(|error| error.message)
    }

    #[test]
    fn a_run_is_loaded_once_and_in_order() {
        let append = LoadMode::Append;
        assert_eq!(decide_on("r2", &append, false, None), Ok(Decision::Load));
        assert_eq!(decide_on("r2", &append, false, Some("r1")), Ok(Decision::Load));
        assert_eq!(decide_on("r2", &append, false, Some("r2")), Ok(Decision::Repeated));
        assert_eq!(decide_on("r2", &append, true, Some("r2")), Ok(Decision::Repeated));
        let refusal = decide_on("r1", &append, false, Some("r2")).unwrap_err();
        assert_eq!(refusal, "table `kpi` holds run `r2`, which is newer than run `r1`");
    }

    #[test]
    fn force_goes_back_but_never_doubles() {
        assert_eq!(decide_on("r1", &LoadMode::Replace, true, Some("r2")), Ok(Decision::Load));
        assert_eq!(decide_on("r2", &LoadMode::Replace, true, Some("r2")), Ok(Decision::Load));
        let key = vec!["id".to_owned()];
        assert_eq!(decide_on("r1", &LoadMode::Merge { key }, true, Some("r2")), Ok(Decision::Load));
        assert!(decide_on("r1", &LoadMode::Append, true, Some("r2")).is_err());
    }
}
