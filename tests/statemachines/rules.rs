//! What every state machine keeps. Each rule tells what breaks it.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use tarn_lambda::FailureKind;

use crate::machine::{Machine, Scope, matched, successors};

/// Errors of services that may pass by themselves.
const PASSING: [&str; 18] = [
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
    "Athena.TooManyRequestsException",
    "Athena.InternalServerException",
    "Athena.SdkClientException",
    "StepFunctions.ExecutionLimitExceededException",
    "StepFunctions.ServiceQuotaExceededException",
    "StepFunctions.ThrottlingException",
    "StepFunctions.SdkClientException",
    "Rds.RdsException",
    "Rds.SdkClientException",
    "LakeFormation.ConcurrentModificationException",
    "LakeFormation.InternalServiceException",
    "LakeFormation.OperationTimeoutException",
    // What the service does not name in its model: it was asked too often.
    "LakeFormation.LakeFormationException",
    "LakeFormation.SdkClientException",
];

/// What every `Retry` on a function names.
const OF_LAMBDA: [&str; 4] = [
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
];

/// What a `Retry` on a function names besides: a process that was killed, or ran out of time. Each of our steps may be repeated; twice is
/// enough to tell an accident from a step that cannot be done.
const OF_PROCESSES: [&str; 4] = ["Lambda.Unknown", "Runtime.ExitError", "Sandbox.Timedout", "States.Timeout"];

/// All rules on one machine.
pub(crate) fn broken(machine: &Machine) -> Vec<String> {
    let scopes = machine.scopes();
    let of_scopes = scopes.iter().flat_map(|scope| [unreachable(scope), dangling(scope), unrecorded(scope)].concat());
    let states = machine.states();
    let of_states = states.iter().flat_map(|(place, state)| {
        let said = [uncommented(state), untimed(state), hasty(state), unknown(state), unexplained(state)].concat();
        said.into_iter().map(move |what| format!("{place}: {what}"))
    });
    let of_machine = [uncommented(&machine.definition), machine_untimed(&machine.definition)].concat();
    let of_machine = of_machine.into_iter().map(|what| format!("{}: {what}", machine.name));
    of_machine.chain(of_scopes).chain(of_states).collect()
}

/// States that nothing leads to.
fn unreachable(scope: &Scope<'_>) -> Vec<String> {
    let mut reached = BTreeSet::new();
    let mut next = vec![scope.start];
    while let Some(name) = next.pop() {
        if reached.insert(name) {
            next.extend(scope.states.get(name).map(successors).into_iter().flatten());
        }
    }
    let left = scope.states.keys().filter(|name| !reached.contains(name.as_str()));
    left.map(|name| format!("{} / {name}: nothing leads to it", scope.place)).collect()
}

/// States that are led to and are not there.
fn dangling(scope: &Scope<'_>) -> Vec<String> {
    let named = scope.states.values().flat_map(successors).chain([scope.start]);
    let absent = named.filter(|name| !scope.states.contains_key(*name));
    absent.map(|name| format!("{}: there is no state `{name}`", scope.place)).collect()
}

fn uncommented(state: &Value) -> Vec<String> {
    let said = state["Comment"].as_str().unwrap_or_default();
    if said.trim().is_empty() { vec!["no comment says what it is for".to_owned()] } else { Vec::new() }
}

fn machine_untimed(definition: &Value) -> Vec<String> {
    if definition["TimeoutSeconds"].is_u64() { Vec::new() } else { vec!["no time-out".to_owned()] }
}

fn untimed(state: &Value) -> Vec<String> {
    if state["Type"] == "Task" { machine_untimed(state) } else { Vec::new() }
}

/// Tries that are made again for errors that do not pass, without an end, or in step with others.
fn hasty(state: &Value) -> Vec<String> {
    let mut broken = Vec::new();
    let is_function = state["Resource"].as_str().is_some_and(|resource| resource.ends_with(":::lambda:invoke"));
    let of_process = |name: &str| is_function && OF_PROCESSES.contains(&name);
    let passing = |name: &str| name == FailureKind::Retryable.name() || PASSING.contains(&name) || of_process(name);
    for name in matched(state, "Retry").into_iter().filter(|name| !passing(name)) {
        broken.push(format!("tries again on `{name}`, which does not pass by itself"));
    }
    for rule in state["Retry"].as_array().into_iter().flatten() {
        if rule["JitterStrategy"] != "FULL" {
            broken.push("tries again in step with others: no JitterStrategy".to_owned());
        }
        let names = rule["ErrorEquals"].as_array().into_iter().flatten().filter_map(Value::as_str);
        if names.into_iter().any(of_process) && rule["MaxAttempts"].as_u64().is_some_and(|times| times > 2) {
            broken.push("starts a process that is killed more than three times".to_owned());
        }
        for bound in ["MaxAttempts", "MaxDelaySeconds", "IntervalSeconds"] {
            if !rule[bound].is_u64() {
                broken.push(format!("tries again without {bound}"));
            }
        }
    }
    if is_function {
        let named = matched(state, "Retry");
        let wanted = OF_LAMBDA.into_iter().chain(OF_PROCESSES).chain([FailureKind::Retryable.name()]);
        let absent = wanted.filter(|name| !named.contains(name));
        broken.extend(absent.map(|name| format!("does not try again on `{name}`")));
    }
    broken
}

/// Errors of ours that no function answers with.
fn unknown(state: &Value) -> Vec<String> {
    let known = [FailureKind::Retryable, FailureKind::Permanent, FailureKind::Panic].map(FailureKind::name);
    let mut named: Vec<&str> = [matched(state, "Retry"), matched(state, "Catch")].concat();
    texts(&state["Choices"], &mut named);
    let ours = named.into_iter().filter(|name| name.starts_with("Tarn.") && !known.contains(name));
    ours.map(|name| format!("no function answers with `{name}`")).collect()
}

fn texts<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => found.push(text),
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Value::Object(members) => members.values().for_each(|member| texts(member, found)),
        _ => {}
    }
}

/// Ends that do not say why.
fn unexplained(state: &Value) -> Vec<String> {
    if state["Type"] != "Fail" {
        return Vec::new();
    }
    let says = |name: &str| !state[name].is_null() || !state[format!("{name}Path")].is_null();
    let absent = ["Error", "Cause"].into_iter().filter(|name| !says(name));
    absent.map(|name| format!("fails without {name}")).collect()
}

/// Caught failures after which the machine ends well though nobody has been told.
fn unrecorded(scope: &Scope<'_>) -> Vec<String> {
    let mut broken = Vec::new();
    for (name, state) in scope.states {
        for rule in state["Catch"].as_array().into_iter().flatten().filter(|rule| !is_repeated(rule)) {
            let next = rule["Next"].as_str().unwrap_or_default();
            if !is_told(scope.states, next, &scope.around, &mut BTreeSet::new()) {
                broken.push(format!("{} / {name}: what is caught can end well without a record", scope.place));
            }
        }
    }
    broken
}

/// What has been begun before goes on: that is no failure.
fn is_repeated(rule: &Value) -> bool {
    let errors: Vec<&str> = rule["ErrorEquals"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    !errors.is_empty() && errors.iter().all(|error| error.ends_with("AlreadyExistsException"))
}

/// Whether every way from this state comes past a function that keeps a record, or ends as a failure.
///
/// A way that leaves a map goes on behind it. A circle is no end.
fn is_told<'a>(
    states: &'a Map<String, Value>,
    name: &'a str,
    around: &[(&'a Map<String, Value>, &'a str)],
    seen: &mut BTreeSet<(usize, &'a str)>,
) -> bool {
    let Some(state) = states.get(name) else { return false };
    if !seen.insert((around.len(), name)) || state["Type"] == "Fail" || keeps_a_record(state) {
        return true;
    }
    if state["End"] == true || state["Type"] == "Succeed" {
        return match around.split_last() {
            None => false,
            Some(((outer, inside), around)) => after(outer, inside, around, seen),
        };
    }
    successors(state).into_iter().all(|next| is_told(states, next, around, seen))
}

/// The ways on from a map that ended well.
fn after<'a>(
    states: &'a Map<String, Value>,
    name: &'a str,
    around: &[(&'a Map<String, Value>, &'a str)],
    seen: &mut BTreeSet<(usize, &'a str)>,
) -> bool {
    match states.get(name).and_then(|state| state["Next"].as_str()) {
        Some(next) => is_told(states, next, around, seen),
        None => match around.split_last() {
            None => false,
            Some(((outer, inside), around)) => after(outer, inside, around, seen),
        },
    }
}

/// A call of a function whose work it is to note how something ended.
fn keeps_a_record(state: &Value) -> bool {
    let called = &state["Parameters"]["FunctionName"];
    let step = state["Parameters"]["Payload"]["step"].as_str().unwrap_or_default();
    match called.as_str() {
        Some("${athena_ctas}") => true,
        Some("${workflow_plan}") => ["finish", "slice_ended", "backfill_finish"].contains(&step),
        _ => false,
    }
}
