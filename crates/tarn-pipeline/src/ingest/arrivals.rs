//! Notices of S3 that objects have arrived: at least once each, in any order, several at a time, keys as in an HTML form.
//!
//! What is done with an object depends on what lies there now and nothing else, so the order of notices needs no care here.

use std::borrow::Cow;
use std::collections::BTreeSet;

use percent_encoding::percent_decode;
use serde::Deserialize;

use crate::error::StepError;
use crate::names::Key;

/// The objects that an event tells of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Arrivals {
    /// Keys of objects that were created, each once, in order of the keys.
    pub created: BTreeSet<Key>,
    /// Notices of anything else: removals, restores, the message by which S3 tries a new subscription out.
    pub ignored: u64,
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "Records", borrow)]
    records: Option<Vec<Notice<'a>>>,
    /// Stands only in the message by which S3 tries out whether it may send.
    #[serde(rename = "Event", borrow)]
    test: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Notice<'a> {
    #[serde(borrow)]
    event_name: Cow<'a, str>,
    #[serde(borrow)]
    s3: Place<'a>,
}

#[derive(Deserialize)]
struct Place<'a> {
    #[serde(borrow)]
    object: Object<'a>,
}

#[derive(Deserialize)]
struct Object<'a> {
    #[serde(borrow)]
    key: Cow<'a, str>,
}

impl Arrivals {
    /// The objects that an event of S3 tells of.
    ///
    /// # Errors
    /// When it is no event of S3, or a key is no text when decoded.
    pub fn read(event: &[u8]) -> Result<Self, StepError> {
        let no_event = |reason: String| StepError::permanent(format!("this is no event of S3: {reason}"));
        let event: Event<'_> = serde_json::from_slice(event).map_err(|error| no_event(error.to_string()))?;
        let mut arrivals = Self::default();
        match (event.records, event.test) {
            (Some(notices), _) => {
                for notice in notices {
                    // `ObjectCreated:Put`; in notices of older versions `s3:ObjectCreated:Put`.
                    if notice.event_name.trim_start_matches("s3:").starts_with("ObjectCreated:") {
                        arrivals.created.insert(object_key(&notice.s3.object.key)?);
                    } else {
                        arrivals.ignored += 1;
                    }
                }
            }
            (None, Some(name)) if name == "s3:TestEvent" => arrivals.ignored = 1,
            (None, _) => return Err(no_event("`Records` is absent".to_owned())),
        }
        Ok(arrivals)
    }
}

/// The key behind the text of a notice: S3 writes `+` for a space and `%` with two digits for most other bytes.
///
/// # Errors
/// When the bytes are no UTF-8, which no key of S3 is.
pub fn object_key(encoded: &str) -> Result<Key, StepError> {
    let spaced = encoded.replace('+', " ");
    let key = percent_decode(spaced.as_bytes()).decode_utf8();
    let key = key.map_err(|_| StepError::permanent(format!("the key `{encoded}` in a notice of S3 is no text")))?;
    Ok(Key::new(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_decoded_as_s3_encodes_them() {
        for (encoded, key) in [
            ("raw/orders/day%3D2026-10-31/1-2-ab.ndjson.gz", "raw/orders/day=2026-10-31/1-2-ab.ndjson.gz"),
            ("raw/orders/day=2026-10-31/a.ndjson", "raw/orders/day=2026-10-31/a.ndjson"),
            ("raw/orders/two+words.ndjson", "raw/orders/two words.ndjson"),
            ("raw/orders/two%20words.ndjson", "raw/orders/two words.ndjson"),
            ("raw/orders/one%2Bone.ndjson", "raw/orders/one+one.ndjson"),
            ("raw/orders/100%25.ndjson", "raw/orders/100%.ndjson"),
            ("raw/orders/%2541.ndjson", "raw/orders/%41.ndjson"),
            ("raw/orders/%E6%B3%A8%E6%96%87.ndjson", "raw/orders/注文.ndjson"),
            ("raw/%E6%B3%A8%e6%96%87/%F0%9F%8D%A3+%E5%AF%BF%E5%8F%B8", "raw/注文/🍣 寿司"),
            ("raw/注文/x", "raw/注文/x"),
            ("raw/orders/%28a%29%26%2Cb%3F%23", "raw/orders/(a)&,b?#"),
            ("raw/orders/100%", "raw/orders/100%"),
        ] {
            assert_eq!(object_key(encoded).unwrap(), Key::new(key), "{encoded}");
        }
        assert!(object_key("raw/%E6%B3").is_err());
        assert!(object_key("%ff").is_err());
    }

    fn notice(name: &str, key: &str) -> String {
        format!(
            r#"{{"eventVersion":"2.1","eventSource":"aws:s3","eventTime":"2026-10-31T00:00:00.000Z","eventName":"{name}","s3":{{"bucket":{{"name":"raw"}},"object":{{"key":"{key}","size":1,"sequencer":"0A"}}}}}}"#
        )
    }

    fn read(notices: &[String]) -> Arrivals {
        Arrivals::read(format!(r#"{{"Records":[{}]}}"#, notices.join(",")).as_bytes()).unwrap()
    }

    #[test]
    fn repeated_late_and_foreign_notices() {
        let arrivals = read(&[
            notice("ObjectCreated:Put", "raw/orders/b"),
            notice("ObjectRemoved:Delete", "raw/orders/c"),
            notice("ObjectCreated:CompleteMultipartUpload", "raw/orders/a+1"),
            notice("s3:ObjectCreated:Copy", "raw/orders/b"),
        ]);
        assert_eq!(arrivals.created, BTreeSet::from([Key::new("raw/orders/a 1"), Key::new("raw/orders/b")]));
        assert_eq!(arrivals.ignored, 1);
        assert_eq!(read(&[]), Arrivals::default());
    }

    #[test]
    fn what_tells_of_no_object() {
        let test = r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Time":"2026-10-31T00:00:00.000Z","Bucket":"raw","RequestId":"1","HostId":"2"}"#;
        assert_eq!(Arrivals::read(test.as_bytes()).unwrap(), Arrivals { ignored: 1, ..Arrivals::default() });
        for event in ["", "{}", "[]", r#"{"Records":[{}]}"#, r#"{"Event":"other"}"#] {
            let error = Arrivals::read(event.as_bytes()).unwrap_err();
            assert!(error.message.starts_with("this is no event of S3"), "{event}: {error}");
        }
    }
}
