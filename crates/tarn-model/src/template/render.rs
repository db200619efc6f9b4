//! Runs a template.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, Value};

use super::analysis::TemplateMistake;
use super::{Function, THIS};

/// What a template can see.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    /// SQL for each call of `ref`, `source` and `deduplicated` that is known.
    pub(crate) relations: Arc<HashMap<(Function, String), String>>,
    /// Values of variables; a declared variable without a value is missing.
    pub(crate) vars: HashMap<String, Value>,
    /// Values for variables that have neither a value nor a default in the call, to try a template out.
    pub(crate) samples: HashMap<String, Value>,
    /// Becomes true when a sample is handed out: with another value the template may go another way.
    pub(crate) sampled: Arc<AtomicBool>,
    /// What `this` renders as; `None`: there is no such table.
    pub(crate) this: Option<String>,
    pub(crate) incremental: bool,
}

/// What a run of a template yields.
#[derive(Debug)]
pub(crate) struct Rendered {
    pub(crate) text: String,
    /// Calls that were made, in order, each once; unknown ones too.
    pub(crate) calls: Vec<(Function, String)>,
}

/// Renders; calls of unknown names are mistakes.
pub(crate) fn render(text: &str, scope: Scope) -> Result<Rendered, TemplateMistake> {
    let calls = Arc::new(Mutex::new(Vec::new()));
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    if let Some(this) = scope.this {
        environment.add_global(THIS, Value::from(this));
    }
    let incremental = scope.incremental;
    environment.add_function(Function::IsIncremental.word(), move || incremental);
    let relations = scope.relations;
    for function in [Function::Ref, Function::Source, Function::Deduplicated] {
        let relations = relations.clone();
        let calls = calls.clone();
        environment.add_function(function.word(), move |name: String| -> Result<String, Error> {
            let call = (function, name);
            record(&calls, &call);
            relations.get(&call).cloned().ok_or_else(|| unknown_relation(&call))
        });
    }
    let (vars, samples, sampled) = (scope.vars, scope.samples, scope.sampled);
    let var_calls = calls.clone();
    environment.add_function(
        Function::Var.word(),
        move |name: String, default: Option<Value>| -> Result<Value, Error> {
            let call = (Function::Var, name);
            record(&var_calls, &call);
            let sample = || {
                let sample = samples.get(&call.1).cloned()?;
                sampled.store(true, Ordering::Relaxed);
                Some(sample)
            };
            let value = vars.get(&call.1).cloned().or(default).or_else(sample);
            value.ok_or_else(|| {
                Error::new(ErrorKind::InvalidOperation, format!("the variable `{}` has no value", call.1))
                    .with_source(NoSuchCall { code: "missing-value", call: call.clone() })
            })
        },
    );
    let rendered = environment.template_from_str(text).and_then(|template| template.render(()));
    let text = rendered.map_err(|error| mistake(text, &error))?;
    let calls = calls.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Ok(Rendered { text, calls })
}

fn record(calls: &Mutex<Vec<(Function, String)>>, call: &(Function, String)) {
    let mut calls = calls.lock().unwrap_or_else(PoisonError::into_inner);
    if !calls.contains(call) {
        calls.push(call.clone());
    }
}

/// Marks an error as one of ours, so that its code survives the way through the template engine.
#[derive(Debug, thiserror::Error)]
#[error("{code}")]
struct NoSuchCall {
    code: &'static str,
    call: (Function, String),
}

fn unknown_relation(call: &(Function, String)) -> Error {
    let message = format!("there is no relation for `{}('{}')`", call.0.word(), call.1);
    Error::new(ErrorKind::InvalidOperation, message)
        .with_source(NoSuchCall { code: "unknown-relation", call: call.clone() })
}

fn mistake(text: &str, error: &Error) -> TemplateMistake {
    let span: Range<usize> = error.range().filter(|range| range.end <= text.len()).unwrap_or(0..0);
    let own = std::error::Error::source(error).and_then(|source| source.downcast_ref::<NoSuchCall>());
    let is_this = error.kind() == ErrorKind::UndefinedError && text.get(span.clone()).is_some_and(|word| word == THIS);
    if is_this {
        return TemplateMistake::new("this-before-first-run", span, "`this` is read where the table may not exist yet")
            .with_hint("put it between `{% if is_incremental() %}` and `{% endif %}`");
    }
    let message = match (own, error.detail()) {
        (Some(_), Some(detail)) => detail.to_owned(),
        (_, Some(detail)) => format!("the template fails here: {detail}"),
        (_, None) => format!("the template fails here: {}", error.kind()),
    };
    let code = own.map_or("template-failure", |own| own.code);
    TemplateMistake { call: own.map(|own| own.call.clone()), ..TemplateMistake::new(code, span, message) }
}
