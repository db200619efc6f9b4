//! The `WITH (…)` of a `CREATE TABLE … AS`.
//!
//! Athena has more ways to keep a table than the laptop: ORC, buckets, Iceberg. They change how rows are found and not which rows
//! there are, so the laptop takes them and keeps Parquet.

use std::collections::BTreeMap;

use tarn_dialect::PropertyValue;
use tarn_pipeline::ports::EngineError;

use super::errors::with_hint;
use crate::writing::Compression;

/// ZSTD's fastest level; higher ones cost far more time than they save space.
const ZSTD_LEVEL: i32 = 1;

/// How the new table is stored.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Properties {
    pub(super) external_location: Option<String>,
    pub(super) partitioned_by: Vec<String>,
    pub(super) compression: Compression,
}

/// Reads the properties.
///
/// # Errors
/// When one is unknown, has a value of the wrong kind, or asks for what only Athena can do.
pub(super) fn read(written: BTreeMap<String, PropertyValue>) -> Result<Properties, EngineError> {
    let mut properties = Properties { compression: Compression::Zstd(ZSTD_LEVEL), ..Properties::default() };
    let mut level = None;
    for (name, value) in written {
        match (name.as_str(), value) {
            ("format", PropertyValue::Text(format)) if is_one_of(&format, &["parquet", "orc"]) => {}
            ("format", PropertyValue::Text(format)) => {
                return Err(with_hint(
                    format!("the laptop does not write the format `{format}`"),
                    "use `format = 'PARQUET'`",
                ));
            }
            ("external_location" | "location", PropertyValue::Text(location)) => {
                properties.external_location = Some(location);
            }
            ("partitioning", PropertyValue::Array(keys)) => {
                if let Some(computed) = keys.iter().find(|key| key.contains('(')) {
                    return Err(with_hint(
                        format!("the laptop does not partition by `{computed}`"),
                        "compute it in a column of its own, and partition by that",
                    ));
                }
                properties.partitioned_by = keys.iter().map(|key| key.to_lowercase()).collect();
            }
            ("partitioned_by", PropertyValue::Array(keys)) => {
                properties.partitioned_by = keys.iter().map(|key| key.to_lowercase()).collect();
            }
            ("write_compression" | "parquet_compression", PropertyValue::Text(codec)) => {
                properties.compression = compression(&codec)?;
            }
            ("compression_level", PropertyValue::Number(number)) => level = Some(read_level(&number)?),
            ("table_type", PropertyValue::Text(kind)) if is_one_of(&kind, &["hive", "iceberg"]) => {}
            ("is_external", PropertyValue::Boolean(_))
            | ("bucketed_by", PropertyValue::Array(_))
            | ("bucket_count", PropertyValue::Number(_)) => {}
            _ => {
                return Err(with_hint(
                    format!("table property `{name}` does not exist, or has a value of another kind"),
                    "known are `format`, `external_location`, `partitioned_by`, `write_compression`, `compression_level`, \
                     and for Athena's sake `table_type`, `is_external`, `location`, `partitioning`, `bucketed_by`, \
                     `bucket_count`",
                ));
            }
        }
    }
    if let (Compression::Zstd(chosen), Some(level)) = (&mut properties.compression, level) {
        *chosen = level;
    }
    Ok(properties)
}

fn is_one_of(word: &str, known: &[&str]) -> bool {
    known.iter().any(|known| word.eq_ignore_ascii_case(known))
}

fn compression(codec: &str) -> Result<Compression, EngineError> {
    match codec.to_ascii_lowercase().as_str() {
        "zstd" => Ok(Compression::Zstd(ZSTD_LEVEL)),
        "snappy" => Ok(Compression::Snappy),
        "none" | "uncompressed" => Ok(Compression::None),
        _ => Err(with_hint(format!("the laptop does not write the compression `{codec}`"), "use `ZSTD` or `SNAPPY`")),
    }
}

fn read_level(number: &str) -> Result<i32, EngineError> {
    let level = number.parse().ok().filter(|level| (1..=22).contains(level));
    level.ok_or_else(|| EngineError::permanent(format!("`compression_level` is a number from 1 to 22, not `{number}`")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed test may panic")]
    use super::*;

    fn text(value: &str) -> PropertyValue {
        PropertyValue::Text(value.to_owned())
    }

    fn read_one(name: &str, value: PropertyValue) -> Result<Properties, EngineError> {
        read(BTreeMap::from([(name.to_owned(), value)]))
    }

    #[test]
    fn what_tarn_writes_is_read() {
        let properties = read(BTreeMap::from([
            ("format".to_owned(), text("PARQUET")),
            ("external_location".to_owned(), text("/x/")),
            ("partitioned_by".to_owned(), PropertyValue::Array(vec!["Day".to_owned()])),
            ("write_compression".to_owned(), text("ZSTD")),
            ("compression_level".to_owned(), PropertyValue::Number("3".to_owned())),
        ]));
        let expected = Properties {
            external_location: Some("/x/".to_owned()),
            partitioned_by: vec!["day".to_owned()],
            compression: Compression::Zstd(3),
        };
        assert_eq!(properties.unwrap(), expected);
    }

    #[test]
    fn what_only_athena_does_changes_no_row() {
        let properties = read(BTreeMap::from([
            ("format".to_owned(), text("ORC")),
            ("table_type".to_owned(), text("ICEBERG")),
            ("is_external".to_owned(), PropertyValue::Boolean(false)),
            ("location".to_owned(), text("/x/")),
            ("partitioning".to_owned(), PropertyValue::Array(vec!["day".to_owned()])),
            ("bucketed_by".to_owned(), PropertyValue::Array(vec!["id".to_owned()])),
            ("bucket_count".to_owned(), PropertyValue::Number("8".to_owned())),
        ]));
        let properties = properties.unwrap();
        assert_eq!(properties.external_location.as_deref(), Some("/x/"));
        assert_eq!(properties.partitioned_by, ["day"]);
    }

    #[test]
    fn what_the_laptop_cannot_do_is_refused_by_name() {
        for (name, value, word) in [
            ("format", text("AVRO"), "AVRO"),
            ("write_compression", text("GZIP"), "GZIP"),
            ("bucketed_by", text("id"), "bucketed_by"),
            ("table_type", text("DELTA"), "table_type"),
            ("partitioning", PropertyValue::Array(vec!["bucket(id, 4)".to_owned()]), "bucket(id, 4)"),
            ("partitioned_by", text("day"), "partitioned_by"),
            ("colour", text("red"), "colour"),
            ("compression_level", PropertyValue::Number("99".to_owned()), "99"),
        ] {
            let message = read_one(name, value).unwrap_err().message;
            assert!(message.contains(&format!("`{word}`")), "{message}");
        }
    }
}
