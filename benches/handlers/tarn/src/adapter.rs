//! The envelope around [`Flattener::ndjson`]: event bytes in, response bytes out.

use anyhow::Result;
use base64_simd::STANDARD;
use serde::Deserialize;
use serde_json::value::RawValue;
use subject::Handler;
use tarn_flatten::{Flattener, Input, Settings};

#[derive(Deserialize)]
struct FirehoseEvent<'a> {
    #[serde(borrow)]
    records: Vec<FirehoseRecord<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FirehoseRecord<'a> {
    record_id: &'a str,
    data: &'a str,
}

#[derive(Deserialize)]
struct StreamEvent<'a> {
    #[serde(rename = "Records", borrow)]
    records: Vec<&'a RawValue>,
}

/// A Firehose transform.
pub(crate) fn firehose() -> Handler {
    let mut flattener = Flattener::new(Settings::default());
    let (mut document, mut lines) = (Vec::new(), String::new());
    Box::new(move |event, response| {
        let event: FirehoseEvent<'_> = serde_json::from_slice(event)?;
        response.clear();
        response.extend_from_slice(b"{\"records\":[");
        for (position, record) in event.records.iter().enumerate() {
            document.clear();
            lines.clear();
            let decoded = STANDARD.decode_append(record.data, &mut document).is_ok();
            let taken = decoded && flattener.ndjson(&document, &mut lines).is_ok();
            response.extend_from_slice(if position == 0 { b"{\"recordId\":\"" } else { b",{\"recordId\":\"" });
            response.extend_from_slice(record.record_id.as_bytes());
            if taken {
                response.extend_from_slice(b"\",\"result\":\"Ok\",\"data\":\"");
                STANDARD.encode_append(lines.as_bytes(), response);
            } else {
                response.extend_from_slice(b"\",\"result\":\"ProcessingFailed\",\"data\":\"");
                response.extend_from_slice(record.data.as_bytes());
            }
            response.extend_from_slice(b"\"}");
        }
        response.extend_from_slice(b"]}");
        Ok(())
    })
}

/// The changes of a DynamoDB stream event as flat lines.
pub(crate) fn changes() -> Handler {
    let mut flattener = Flattener::new(Settings { input: Input::DynamoDb, ..Settings::default() });
    let mut lines = String::new();
    Box::new(move |event, response| {
        let event: StreamEvent<'_> = serde_json::from_slice(event)?;
        lines.clear();
        for record in event.records {
            flattener.ndjson(record.get().as_bytes(), &mut lines)?;
        }
        response.clear();
        response.extend_from_slice(lines.as_bytes());
        Ok(())
    })
}
