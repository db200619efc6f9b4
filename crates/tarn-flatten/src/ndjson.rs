//! Flat documents as flat NDJSON, the form that Firehose turns into Parquet by the Glue table.

use crate::escape::push_escaped;
use crate::row::{FlatRecord, FlatSink};
use crate::time::push_timestamp;

/// Writes each document as one line: scalars as they were written, arrays and empty objects as JSON text in a string.
///
/// A change record also gets `_op`, `_ttl`, `_seq` (digits in a string) and `_at`.
#[derive(Debug)]
pub struct NdjsonWriter<'a> {
    target: &'a mut String,
}

impl<'a> NdjsonWriter<'a> {
    /// A writer that appends to `target`.
    pub fn new(target: &'a mut String) -> Self {
        Self { target }
    }

    fn name(&mut self, name: &str) {
        self.target.push_str(if self.target.ends_with('{') { "\"" } else { ",\"" });
        self.target.push_str(name);
        self.target.push_str("\":");
    }
}

impl FlatSink for NdjsonWriter<'_> {
    fn flat(&mut self, flat: &FlatRecord<'_>) {
        self.target.reserve(flat.fields.iter().map(|field| field.key.len() + field.json.len() + 4).sum());
        self.target.push('{');
        for (position, field) in flat.fields.iter().enumerate() {
            if position > 0 {
                self.target.push(',');
            }
            self.target.push_str(field.key);
            if field.json.starts_with(['[', '{']) {
                self.target.push('"');
                push_escaped(field.json, self.target);
                self.target.push('"');
            } else {
                self.target.push_str(field.json);
            }
        }
        if let Some(change) = flat.change {
            self.name("_op");
            self.target.push('"');
            self.target.push_str(change.operation.as_str());
            self.target.push('"');
            self.name("_ttl");
            self.target.push_str(if change.by_ttl { "true" } else { "false" });
            self.name("_seq");
            self.target.push_str(&format!("\"{}\"", change.sequence));
            self.name("_at");
            match change.at {
                None => self.target.push_str("null"),
                Some(at) => {
                    self.target.push('"');
                    push_timestamp(at, self.target);
                    self.target.push('"');
                }
            }
        }
        self.target.push_str("}\n");
    }
}
