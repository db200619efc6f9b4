//! What a table of Iceberg tells of its last change.

use serde::Deserialize;

/// A metadata file, as far as it is read here. <https://iceberg.apache.org/spec/#table-metadata-fields>
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Metadata {
    current_snapshot_id: Option<i64>,
    #[serde(default)]
    snapshots: Vec<Snapshot>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Snapshot {
    snapshot_id: i64,
    #[serde(default)]
    summary: Summary,
}

/// Numbers stand there as text.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct Summary {
    added_data_files: Option<String>,
    added_files_size: Option<String>,
}

/// How many files the last change added, and their bytes; `None` when the metadata does not tell.
pub(crate) fn added_files(metadata: &[u8]) -> Option<(u64, u64)> {
    let metadata: Metadata = serde_json::from_slice(metadata).ok()?;
    let last = metadata.snapshots.iter().find(|snapshot| Some(snapshot.snapshot_id) == metadata.current_snapshot_id)?;
    let files = last.summary.added_data_files.as_ref()?.parse().ok()?;
    let bytes = last.summary.added_files_size.as_ref()?.parse().ok()?;
    Some((files, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_change_is_told() {
        let metadata = br#"{
            "format-version": 2, "table-uuid": "9c12d441-03fe-4693-9a96-a0705ddf69c1", "location": "s3://lake/model/m/run=1",
            "current-snapshot-id": 3055729675574597004,
            "snapshots": [
                {"snapshot-id": 3051729675574597004, "timestamp-ms": 1515100955770,
                 "summary": {"operation": "append", "added-data-files": "9", "added-files-size": "900"}},
                {"snapshot-id": 3055729675574597004, "timestamp-ms": 1555100955770, "sequence-number": 1,
                 "summary": {"operation": "overwrite", "added-data-files": "2", "added-files-size": "1024", "deleted-data-files": "1"}}
            ]
        }"#;
        assert_eq!(added_files(metadata), Some((2, 1_024)));
        for other in ["", "{}", r#"{"current-snapshot-id": -1, "snapshots": []}"#, r#"{"files": []}"#] {
            assert_eq!(added_files(other.as_bytes()), None, "{other}");
        }
    }
}
