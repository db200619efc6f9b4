//! Commands that try again what failed, as they are typed.

use crate::record::{RunRecord, Status};
use crate::tell::{FailedExecution, KnownRun};

/// Models that are named one by one; of more, what reads them is selected with them.
const NAMED: usize = 20;
/// The longest input that is repeated in a command.
const LONGEST_INPUT: usize = 1_000;

/// The command that tries again what did not succeed.
///
/// A run that was cut off goes on where it stopped. One that failed is made up for by a new one of the models that are not done, with the same
/// variables and for the same time, and with the project of then. Other machines are started again with their input.
pub(super) fn to_try_again(execution: &FailedExecution, known: Option<&KnownRun>) -> Option<String> {
    match known {
        Some(known) => run_again(known),
        None => start_again(execution),
    }
}

fn run_again(known: &KnownRun) -> Option<String> {
    let KnownRun { record, plan } = known;
    let planned = plan.as_ref().map(|plan| plan.models.as_slice()).unwrap_or_default();
    let models = unfinished(record, planned);
    if models.is_empty() {
        return None;
    }
    if plan.is_some() && record.status.is_none() {
        return Some(format!("tarn run --run-id {} --target aws", record.run));
    }
    let mut words = vec!["tarn".to_owned(), "run".to_owned()];
    let failed = || record.models.iter().filter(|model| model.status == Status::Failed).map(|model| &model.model);
    match models.len() > NAMED && failed().next().is_some() {
        true => words.extend(failed().map(|model| quoted(&format!("{model}+")))),
        false => words.extend(models.iter().map(|model| quoted(model))),
    }
    words.extend(["--target".to_owned(), "aws".to_owned()]);
    for (name, value) in &record.vars {
        words.extend(["--var".to_owned(), quoted(&format!("{name}={value}"))]);
    }
    if record.full_refresh {
        words.push("--full-refresh".to_owned());
    }
    if let Some(plan) = plan {
        if plan.request.no_load {
            words.push("--no-load".to_owned());
        }
        // A schedule's variables are in the record as they were written: `today` is counted from this time.
        words.extend(["--at".to_owned(), plan.time.format("%Y-%m-%dT%H:%M:%SZ").to_string()]);
    }
    Some(words.join(" "))
}

/// The models that are not done, in the order of the plan.
fn unfinished<'a>(record: &'a RunRecord, planned: &'a [String]) -> Vec<&'a str> {
    let is_done = |name: &str| record.models.iter().any(|model| model.model == name && model.is_published());
    let recorded = record.models.iter().map(|model| model.model.as_str());
    let all: Vec<&str> =
        if planned.is_empty() { recorded.collect() } else { planned.iter().map(String::as_str).collect() };
    all.into_iter().filter(|name| !is_done(name)).collect()
}

fn start_again(execution: &FailedExecution) -> Option<String> {
    let input = execution.input.as_deref().filter(|input| input.len() <= LONGEST_INPUT)?;
    Some(format!(
        "aws stepfunctions start-execution --state-machine-arn {} --input {}",
        quoted(&execution.state_machine_arn),
        quoted(input)
    ))
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-+=:./,@".contains(&byte);
    if !word.is_empty() && word.bytes().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_gets_the_words_as_they_are() {
        for (word, typed) in
            [("day=2026-11-20", "day=2026-11-20"), ("a b", "'a b'"), ("it's", r"'it'\''s'"), ("", "''"), ("$x", "'$x'")]
        {
            assert_eq!(quoted(word), typed);
        }
    }
}
