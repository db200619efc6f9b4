//! Any text as an item in DynamoDB JSON: read in one pass or decoded first, it gives the same leaves.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tarn_flatten::{Arrays, Flattener, Input, PaddedBuffer, Settings, plain_json};

fn lines(input: Input, arrays: Arrays, record: &str) -> Result<String, String> {
    let mut buffer = PaddedBuffer::default();
    let mut flattener = Flattener::new(Settings { input, arrays, ..Settings::default() });
    let lines = flattener.lines(buffer.copy(record.as_bytes())).map_err(|error| error.kind.to_string())?;
    Ok(String::from_utf8_lossy(lines.text).into_owned())
}

/// A line without the columns that are added to it.
fn own(line: &str, added: &str) -> String {
    line.rfind(added).and_then(|at| line.get(..at)).unwrap_or_default().trim_end_matches(['{', ',']).to_owned()
}

fuzz_target!(|item: &str| {
    let change =
        format!(r#"{{"eventName":"INSERT","dynamodb":{{"NewImage":{item},"Keys":{{}},"SequenceNumber":"1"}}}}"#);
    for arrays in [Arrays::Json, Arrays::Index] {
        let typed = lines(Input::DynamoDb, arrays, &change);
        // An item can end early and go on as another member of the change: then it is no item.
        let Ok(plain) = plain_json(item) else { continue };
        let plain = lines(Input::Json, arrays, &plain);
        match (typed, plain) {
            (Ok(typed), Ok(plain)) => assert_eq!(own(&typed, "\"_op\":"), own(&plain, "\"_id\":")),
            (typed, plain) => panic!("{typed:?} {plain:?}"),
        }
    }
    let _ = lines(Input::DynamoDb, Arrays::Json, item);
});
