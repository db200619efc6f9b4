//! Tarn's handlers, as a program that `handlers.py` measures.

mod adapter;

use anyhow::Result;

fn main() -> Result<()> {
    subject::serve(|name| match name {
        "firehose" => Some(adapter::firehose()),
        "changes" => Some(adapter::changes()),
        _ => None,
    })
}
