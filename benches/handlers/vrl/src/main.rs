//! The flattening of a Firehose transform written in VRL, the language of Vector, inside the idiomatic Rust handler.

use anyhow::{Result, bail};
use aws_lambda_events::firehose::{KinesisFirehoseEvent, KinesisFirehoseResponse, KinesisFirehoseResponseRecord};
use subject::Handler;
use vrl::compiler::state::RuntimeState;
use vrl::compiler::{Program, TargetValue, TimeZone, compile, runtime::Runtime};
use vrl::value::{Secrets, Value};

/// `flatten` leaves arrays alone, and drops empty objects.
const PROGRAM: &str = r#"
    . = flatten(object!(.), separator: "_")
    . = map_values(.) -> |value| { if is_array(value) { encode_json(value) } else { value } }
"#;

fn main() -> Result<()> {
    subject::serve(|name| match name {
        "vrl" => handler().ok(),
        _ => None,
    })
}

fn handler() -> Result<Handler> {
    let program = match compile(PROGRAM, &vrl::stdlib::all()) {
        Ok(compiled) => compiled.program,
        Err(errors) => bail!("the program does not compile: {errors:?}"),
    };
    let mut runtime = Runtime::new(RuntimeState::default());
    Ok(Box::new(move |event, response| {
        let event: KinesisFirehoseEvent = serde_json::from_slice(event)?;
        let mut answer = KinesisFirehoseResponse::default();
        for record in event.records {
            let mut answered = KinesisFirehoseResponseRecord::default();
            answered.record_id = record.record_id;
            match flat_line(&record.data, &program, &mut runtime) {
                Ok(line) => {
                    answered.result = Some("Ok".to_owned());
                    answered.data.0 = line;
                }
                Err(_) => {
                    answered.result = Some("ProcessingFailed".to_owned());
                    answered.data = record.data;
                }
            }
            answer.records.push(answered);
        }
        *response = serde_json::to_vec(&answer)?;
        Ok(())
    }))
}

fn flat_line(document: &[u8], program: &Program, runtime: &mut Runtime) -> Result<Vec<u8>> {
    let mut target = TargetValue {
        value: serde_json::from_slice(document)?,
        metadata: Value::Object(Default::default()),
        secrets: Secrets::default(),
    };
    let resolved = runtime.resolve(&mut target, program, &TimeZone::default());
    runtime.clear();
    if let Err(termination) = resolved {
        bail!("{termination}");
    }
    let mut line = serde_json::to_vec(&target.value)?;
    line.push(b'\n');
    Ok(line)
}
