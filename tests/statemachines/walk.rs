//! One way through a state machine: what passes between its states, and the events that its history would hold.
//!
//! It knows what the machines here use of the language; what it does not know it refuses.

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};

/// What stands behind tasks: the resource, the parameters, and the answer.
pub(crate) type Call<'a> = dyn FnMut(&str, &Value) -> Result<Value> + 'a;

/// A way through a machine.
pub(crate) struct Walk<'a> {
    call: &'a mut Call<'a>,
    /// Events of the history so far.
    pub(crate) events: usize,
    /// Bytes of the largest input, output or payload so far.
    pub(crate) largest: usize,
}

impl<'a> Walk<'a> {
    /// Begins; an execution that begins and ends has two events.
    pub(crate) fn new(call: &'a mut Call<'a>) -> Self {
        Self { call, events: 2, largest: 0 }
    }

    /// Goes from a machine's first state to its end, or to that of a map's item.
    pub(crate) fn go(&mut self, machine: &Value, input: Value, context: &Value) -> Result<Value> {
        let mut name = machine["StartAt"].as_str().context("no StartAt")?.to_owned();
        let mut data = input;
        loop {
            let state = &machine["States"][&name];
            self.see(&data);
            // Entered and exited.
            self.events += 2;
            let next = match state["Type"].as_str().unwrap_or_default() {
                "Task" => {
                    let said = self.task(state, &data, context)?;
                    data = placed(state, data, said)?;
                    state["Next"].as_str()
                }
                "Map" => {
                    let said = self.map(state, &data, context)?;
                    data = placed(state, data, said)?;
                    state["Next"].as_str()
                }
                "Pass" => {
                    if let Some(made) = state.get("Parameters") {
                        let made = filled(made, &data, context)?;
                        data = placed(state, data, made)?;
                    }
                    state["Next"].as_str()
                }
                "Choice" => Some(choice(state, &data)?),
                "Succeed" => {
                    let path = state["OutputPath"].as_str().unwrap_or("$");
                    data = at(path, &data, context)?;
                    None
                }
                "Fail" => bail!("the machine failed at `{name}`: {data}"),
                other => bail!("a walk does not know states of type `{other}`"),
            };
            self.see(&data);
            match next {
                Some(next) => name = next.to_owned(),
                None => return Ok(data),
            }
        }
    }

    fn see(&mut self, data: &Value) {
        self.largest = self.largest.max(data.to_string().len());
    }

    fn task(&mut self, state: &Value, data: &Value, context: &Value) -> Result<Value> {
        let resource = state["Resource"].as_str().context("no Resource")?;
        let parameters = filled(&state["Parameters"], data, context)?;
        self.see(&parameters);
        // Scheduled, started, succeeded; and submitted where it is waited for.
        self.events += if resource.contains(".sync") { 4 } else { 3 };
        let said = (self.call)(resource, &parameters)?;
        self.see(&said);
        match state.get("ResultSelector") {
            Some(selector) => filled(selector, &said, context),
            None => Ok(said),
        }
    }

    fn map(&mut self, state: &Value, data: &Value, context: &Value) -> Result<Value> {
        let items = at(state["ItemsPath"].as_str().unwrap_or("$"), data, context)?;
        let mut results = Vec::new();
        // Started and succeeded, and as much for each item.
        self.events += 2;
        for item in items.as_array().context("a map over no list")? {
            self.events += 2;
            let mut inside = context.clone();
            inside["Map"] = json!({"Item": {"Value": item}});
            let input = filled(&state["ItemSelector"], data, &inside)?;
            results.push(self.go(&state["ItemProcessor"], input, &inside)?);
        }
        let results = Value::Array(results);
        self.see(&results);
        Ok(results)
    }
}

/// A state's data after its result has been put where it belongs.
fn placed(state: &Value, data: Value, result: Value) -> Result<Value> {
    match state.get("ResultPath") {
        None => Ok(result),
        Some(Value::Null) => Ok(data),
        Some(path) => {
            let name = path.as_str().and_then(|path| path.strip_prefix("$.")).context("a ResultPath of one name")?;
            let mut data = data;
            data.as_object_mut().context("no object")?.insert(name.to_owned(), result);
            Ok(data)
        }
    }
}

fn choice<'a>(state: &'a Value, data: &Value) -> Result<&'a str> {
    for rule in state["Choices"].as_array().into_iter().flatten() {
        let path = rule["Variable"].as_str().context("a rule with a variable")?;
        let holds = match (rule.get("StringEquals"), rule.get("IsPresent")) {
            (Some(wanted), _) => at(path, data, &Value::Null)? == *wanted,
            (_, Some(wanted)) => json!(at(path, data, &Value::Null).is_ok()) == *wanted,
            _ => bail!("a walk does not know this rule: {rule}"),
        };
        if holds {
            return rule["Next"].as_str().context("no Next");
        }
    }
    state["Default"].as_str().context("no Default")
}

/// A template with its paths replaced by what is there.
fn filled(template: &Value, data: &Value, context: &Value) -> Result<Value> {
    let Some(members) = template.as_object() else { return Ok(template.clone()) };
    let mut object = Map::new();
    for (name, value) in members {
        match name.strip_suffix(".$") {
            Some(name) => {
                let path = value.as_str().context("a path is a text")?;
                object.insert(name.to_owned(), at(path, data, context)?);
            }
            None => {
                object.insert(name.clone(), filled(value, data, context)?);
            }
        }
    }
    Ok(Value::Object(object))
}

fn at(path: &str, data: &Value, context: &Value) -> Result<Value> {
    if path.starts_with("States.") {
        // What is made of it is about as long.
        return Ok(json!(path));
    }
    let (root, path) = match path.strip_prefix("$$") {
        Some(path) => (context, path),
        None => (data, path.strip_prefix('$').context("a path begins with $")?),
    };
    let mut found = root;
    for name in path.split('.').filter(|name| !name.is_empty()) {
        found = found.get(name).with_context(|| format!("there is no `{path}`"))?;
    }
    Ok(found.clone())
}
