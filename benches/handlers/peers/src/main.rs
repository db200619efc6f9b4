//! The handlers that Tarn is measured beside, in Rust, and the floor below all of them.

mod envelope;
mod floor;
mod idiomatic;
mod streaming;

use anyhow::Result;
use envelope::Envelope;
use subject::Handler;

fn main() -> Result<()> {
    subject::serve(handler)
}

fn handler(name: &str) -> Option<Handler> {
    let mut envelope = Envelope::default();
    let mut flattener = streaming::Flattener::default();
    Some(match name {
        "floor" => Box::new(move |event, response| floor::firehose(event, response, &mut envelope)),
        "floor_changes" => Box::new(floor::changes),
        "serde_json" => Box::new(idiomatic::firehose),
        "serde_dynamo" => Box::new(idiomatic::changes),
        "serde_json_streaming" => Box::new(move |event, response| {
            envelope.answer(event, response, |document, line| {
                let mut deserializer = serde_json::Deserializer::from_slice(document);
                flattener.flatten(&mut deserializer, line).is_ok() && deserializer.end().is_ok()
            })
        }),
        "sonic_rs_streaming" => Box::new(move |event, response| {
            envelope.answer(event, response, |document, line| {
                let mut deserializer = sonic_rs::Deserializer::from_slice(document);
                flattener.flatten(&mut deserializer, line).is_ok() && deserializer.end().is_ok()
            })
        }),
        _ => return None,
    })
}
