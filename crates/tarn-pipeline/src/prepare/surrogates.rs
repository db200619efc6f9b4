//! Partition values that Athena cannot write into a folder's name.
//!
//! Its writer takes printable ASCII only, and fails at the first other value, after the query was paid for (Trino,
//! `HIVE_INVALID_PARTITION_VALUE`). Readers have no such limit: where a partition lies and what its value is are two things in the
//! catalogue, and Tarn says both. So a key with such values is written under the hexadecimal digits of its bytes, as a column of
//! its own, and the version's entry gets the key back with the values as they are.
//!
//! The empty text cannot be told from null there at all: both go into one folder, and are read as null. It is refused.

use std::fmt::Write;

use crate::error::StepError;
use crate::ports::{Column, Part, TableEntry, TableKind};

use super::{Rows, identifier};

/// What names of the columns that stand for keys begin with; their place among the keys follows.
const STANDS_FOR: &str = "_tarn_key_";
/// Bytes of a value that stand in a folder's name with two digits each; a key of S3 has 1,024 bytes in all.
const LONGEST_VALUE: usize = 350;

/// The partition keys of a version as they are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenKeys {
    /// The names of the columns that partitions are made by.
    pub names: Vec<String>,
    /// Whether each stands for another.
    stands: Vec<bool>,
}

impl WrittenKeys {
    /// Keys with these values: those stand for themselves whose every value can be written.
    ///
    /// # Errors
    /// When a value is the empty text, or too long for a folder's name.
    pub fn of(keys: &[Column], values: &[Vec<Option<String>>]) -> Result<Self, StepError> {
        let mut written = Self { names: Vec::new(), stands: Vec::new() };
        for (place, key) in keys.iter().enumerate() {
            let of_key = || values.iter().filter_map(move |combination| combination.get(place)?.as_deref());
            let stands = !of_key().all(is_writable);
            for value in of_key() {
                refuse(key, value, stands)?;
            }
            written.names.push(if stands { format!("{STANDS_FOR}{place}") } else { key.name.clone() });
            written.stands.push(stands);
        }
        Ok(written)
    }

    /// The query with the columns that stand for keys; `columns` are all of its own, the keys last.
    pub fn rows(&self, rows: &Rows, columns: &[Column]) -> Rows {
        if !self.stands.contains(&true) {
            return rows.clone();
        }
        Rows::selected(self.expressions(columns).into_iter(), &rows.sql).around(rows)
    }

    /// What is selected: keys that something stands for first, as columns of the files, and then the keys as they are written.
    fn expressions(&self, columns: &[Column]) -> Vec<String> {
        let (of_files, keys) = columns.split_at(columns.len().saturating_sub(self.names.len()));
        let name = |column: &Column| identifier(&column.name);
        let kept = keys.iter().zip(&self.stands).filter(|(_, stands)| **stands).map(|(key, _)| name(key));
        let written = keys.iter().zip(&self.stands).zip(&self.names).map(|((key, stands), written)| match stands {
            true => format!("to_hex(to_utf8(cast({} as varchar))) as {}", name(key), identifier(written)),
            false => name(key),
        });
        of_files.iter().map(name).chain(kept).chain(written).collect()
    }

    /// A partition as its folder is named: the keys and its values there.
    pub fn folder(&self, values: &[Option<String>]) -> String {
        let keys: Vec<Column> = self.names.iter().map(|name| Column::new(name.as_str(), "string")).collect();
        let values: Vec<Option<String>> = values
            .iter()
            .zip(&self.stands)
            .map(|(value, stands)| match (value, stands) {
                (Some(value), true) => Some(hexadecimal(value)),
                (value, _) => value.clone(),
            })
            .collect();
        crate::hive::folder(&keys, &values)
    }
}

/// The entry of a version with its keys as the model names them, and their values as they are.
///
/// # Errors
/// When a folder is named by something that stands for no text.
pub fn with_own_keys(mut entry: TableEntry, partitioned_by: &[String]) -> Result<TableEntry, StepError> {
    let mut stands = Vec::new();
    for (place, name) in partitioned_by.iter().enumerate() {
        let Some(key) = entry.partition_keys.get_mut(place) else { continue };
        if key.name != format!("{STANDS_FOR}{place}") {
            continue;
        }
        let found = entry.columns.iter().position(|column| &column.name == name);
        let found = found.ok_or_else(|| StepError::permanent(format!("the version has no column `{name}`")))?;
        *key = entry.columns.remove(found);
        stands.push(place);
    }
    if let TableKind::Table { parts } = &mut entry.kind {
        for part in parts {
            stands.iter().try_for_each(|place| restore(part, *place))?;
        }
    }
    Ok(entry)
}

fn restore(part: &mut Part, place: usize) -> Result<(), StepError> {
    if let Some(Some(value)) = part.values.get_mut(place) {
        let text = of_hexadecimal(value);
        *value = text.ok_or_else(|| StepError::permanent(format!("`{}` stands for no value", part.location)))?;
    }
    Ok(())
}

fn is_writable(value: &str) -> bool {
    value.bytes().all(|byte| (0x20..=0x7e).contains(&byte))
}

fn refuse(key: &Column, value: &str, stands: bool) -> Result<(), StepError> {
    let name = &key.name;
    if value.is_empty() {
        return Err(StepError::permanent(format!(
            "a row has the empty text in the partition column `{name}`, which Athena would keep as null"
        ))
        .with_hint(format!("write `nullif({name}, '')`, partition by another column, or say `table_type: iceberg`")));
    }
    if stands && value.len() > LONGEST_VALUE {
        let begin: String = value.chars().take(20).collect();
        return Err(StepError::permanent(format!(
            "the value `{begin}…` of the partition column `{name}` is too long for the name of a folder"
        ))
        .with_hint("partition by another column, or say `table_type: iceberg`"));
    }
    Ok(())
}

fn hexadecimal(value: &str) -> String {
    value.bytes().fold(String::with_capacity(value.len() * 2), |mut digits, byte| {
        // Writing to a text does not fail.
        let _ = write!(digits, "{byte:02X}");
        digits
    })
}

fn of_hexadecimal(digits: &str) -> Option<String> {
    let pairs = digits.as_bytes().chunks(2).map(|pair| {
        let pair = std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?;
        u8::from_str_radix(pair, 16).ok()
    });
    String::from_utf8(pairs.collect::<Option<Vec<u8>>>()?).ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::names::Key;

    fn keys() -> [Column; 2] {
        [Column::new("day", "date"), Column::new("place", "string")]
    }

    #[test]
    fn what_can_be_written_stands_for_itself() {
        let some = |value: &str| Some(value.to_owned());
        let plain = [vec![some("2026-10-01"), some("a/b %")], vec![some("2026-10-02"), None]];
        let written = WrittenKeys::of(&keys(), &plain).unwrap();
        assert_eq!(written.names, ["day", "place"]);
        assert_eq!(written.rows(&Rows::of("select 1"), &keys()), Rows::of("select 1"));
        let odd = [plain[0].clone(), vec![some("2026-10-02"), some("東")]];
        let written = WrittenKeys::of(&keys(), &odd).unwrap();
        assert_eq!(written.names, ["day", "_tarn_key_1"]);
        assert_eq!(written.folder(&odd[1]), "day=2026-10-02/_tarn_key_1=E69DB1/");
        let columns = [Column::new("n", "int"), keys()[0].clone(), keys()[1].clone()];
        assert_eq!(
            written.rows(&Rows::of("select 1"), &columns).sql,
            "with version as (\nselect 1\n)\nselect\n  n,\n  place,\n  day,\n  to_hex(to_utf8(cast(place as varchar))) as \"_tarn_key_1\"\nfrom version"
        );
        let empty = WrittenKeys::of(&keys(), &[vec![some("2026-10-01"), some("")]]).unwrap_err();
        assert!(empty.message.contains("`place`") && empty.hint.unwrap().contains("nullif(place, '')"));
        let long = WrittenKeys::of(&keys(), &[vec![None, Some("東".repeat(200))]]).unwrap_err();
        assert!(long.message.contains("too long"), "{long}");
    }

    proptest! {
        #[test]
        fn every_value_comes_back(values in proptest::collection::vec(proptest::option::of("\\PC{1,40}|[\u{0}-\u{7f}]{1,9}"), 1..9)) {
            let values: Vec<Vec<Option<String>>> = values.into_iter().map(|value| vec![None, value]).collect();
            let written = WrittenKeys::of(&keys(), &values).unwrap();
            let stands = written.names[1] == "_tarn_key_1";
            let parts = values.iter().map(|value| {
                let digits = |value: &String| if stands { hexadecimal(value) } else { value.clone() };
                let kept = vec![None, value[1].as_ref().map(digits)];
                prop_assert!(kept.iter().flatten().all(|value| is_writable(value)));
                Ok(Part { values: kept, location: Key::new("model/m/"), run: None })
            });
            let parts = parts.collect::<Result<Vec<_>, TestCaseError>>()?;
            let key = |name: &String| Column::new(name.as_str(), "string");
            let mut columns = vec![Column::new("n", "int")];
            columns.extend(stands.then(|| keys()[1].clone()));
            let entry = TableEntry {
                name: "m".to_owned(),
                kind: TableKind::Table { parts },
                columns,
                partition_keys: written.names.iter().map(key).collect(),
                description: None,
                run: None,
                parameters: BTreeMap::new(),
                version: 0,
            };
            let own = with_own_keys(entry, &["day".to_owned(), "place".to_owned()]).unwrap();
            prop_assert_eq!(&own.columns, &[Column::new("n", "int")]);
            prop_assert_eq!(&own.partition_keys[1].name, "place");
            let back: Vec<_> = own.parts().iter().map(|part| part.values.clone()).collect();
            prop_assert_eq!(back, values);
        }
    }
}
