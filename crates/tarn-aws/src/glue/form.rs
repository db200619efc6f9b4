//! What a list of parts becomes in Glue, so that one call changes all that readers see.
//!
//! | the entry | becomes | is changed by |
//! | --- | --- | --- |
//! | a view | a view | one `UpdateTable` |
//! | one folder, no partition keys | a table at that folder | one `UpdateTable` |
//! | partitions of one version, with values that a path can hold | a table with partition projection | one `UpdateTable` that carries values and paths |
//! | partitions of several versions | a table with a registered partition each | one swap of its location per partition |
//! | several folders with the same values (`append`) | a view over a hidden table whose partitions have a label | one `UpdateTable` of the view |
//! | a table of Iceberg | the same, at the metadata file that the entry names | one `UpdateTable` of the pointer to it |
//! | any other change of everything at once | the same | the same |

use std::collections::{BTreeMap, BTreeSet};

use tarn_pipeline::hive::NULL_PARTITION as NULL;
use tarn_pipeline::layout;
use tarn_pipeline::names::Key;
use tarn_pipeline::ports::{Column, ICEBERG_METADATA, Part, TableEntry, TableKind};

/// What names of hidden tables end in.
pub(super) const HIDDEN: &str = "__parts";
/// The partition key of a hidden table that holds the label.
pub(super) const LABEL: &str = "_tarn_label";
/// The first day of a source whose days are not known: nothing has come in before.
const FIRST_DAY: &str = "2015-01-01";
/// Glue takes parameters up to 512,000 bytes; a list of values stays well below.
const LONGEST_LIST: usize = 300_000;
/// Combinations of values that a projection may have: each is a listing of a folder for every query without a filter.
const MOST_COMBINATIONS: u64 = 20_000;

/// How readers find the rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Form {
    /// A stored query.
    View(String),
    /// All files below one folder.
    Folder(Key),
    /// One folder per combination of values; the values are properties of the table.
    Projected(BTreeMap<String, String>),
    /// A table of Iceberg: its folder, and the metadata file that says what is in it.
    Iceberg { folder: Key, metadata: Key },
    /// A registered partition per part.
    Registered,
    /// A view over the partitions of a hidden table that stand under these labels, or begin with these.
    Appended(BTreeSet<String>),
}

/// The simplest form that holds the parts.
pub(super) fn of(entry: &TableEntry, uri: impl Fn(&Key) -> String) -> Form {
    let parts = match &entry.kind {
        TableKind::View { sql } => return Form::View(sql.clone()),
        TableKind::Table { parts } => parts,
    };
    if let (Some(metadata), Some(part)) = (entry.parameters.get(ICEBERG_METADATA), parts.first()) {
        return Form::Iceberg { folder: part.location.clone(), metadata: Key::new(metadata) };
    }
    // The files of a source come in without Glue being told, but for those of a snapshot; so do those of what runs leave.
    let kind = entry.parameters.get("tarn.kind").map(String::as_str);
    if kind == Some("source") && (!entry.partition_keys.is_empty() || parts.is_empty()) {
        return by_day(entry, Key::new(format!("source/{}/", entry.name)), uri);
    }
    if kind == Some("runs") && !entry.partition_keys.is_empty() {
        return by_day(entry, layout::run_table(&entry.name), uri);
    }
    let distinct: BTreeSet<&Vec<Option<String>>> = parts.iter().map(|part| &part.values).collect();
    if distinct.len() < parts.len() {
        return Form::Appended(BTreeSet::new());
    }
    if entry.partition_keys.is_empty() {
        return Form::Folder(parts.first().map_or_else(|| nothing(entry), |part| part.location.clone()));
    }
    projection(entry, parts, uri).map_or(Form::Registered, Form::Projected)
}

/// A folder in which nothing ever is: what an empty table reads.
pub(super) fn nothing(entry: &TableEntry) -> Key {
    Key::new(format!("work/nothing/{}/", entry.name))
}

/// All days up to today are looked for; where the lake is it may be tomorrow already.
fn by_day(entry: &TableEntry, folder: Key, uri: impl Fn(&Key) -> String) -> Form {
    let Some(key) = entry.partition_keys.first() else { return Form::Folder(folder) };
    let mut properties = enabled(&format!("{}{1}=${{{1}}}/", uri(&folder), key.name));
    properties.extend(dates(&key.name, FIRST_DAY, "NOW+1DAYS"));
    Form::Projected(properties)
}

fn enabled(template: &str) -> BTreeMap<String, String> {
    BTreeMap::from([
        ("projection.enabled".to_owned(), "true".to_owned()),
        ("storage.location.template".to_owned(), template.to_owned()),
    ])
}

fn dates(column: &str, first: &str, last: &str) -> [(String, String); 5] {
    [
        (format!("projection.{column}.type"), "date".to_owned()),
        (format!("projection.{column}.range"), format!("{first},{last}")),
        (format!("projection.{column}.format"), "yyyy-MM-dd".to_owned()),
        (format!("projection.{column}.interval"), "1".to_owned()),
        (format!("projection.{column}.interval.unit"), "DAYS".to_owned()),
    ]
}

/// The properties of a projection, if all parts are where one template finds them.
fn projection(entry: &TableEntry, parts: &[Part], uri: impl Fn(&Key) -> String) -> Option<BTreeMap<String, String>> {
    let keys = &entry.partition_keys;
    let Some(first) = parts.first() else { return empty_projection(entry, uri) };
    let root = root(first, keys)?;
    let mut combinations = 1_u64;
    let template: String = keys.iter().map(|key| format!("{0}=${{{0}}}/", key.name)).collect();
    let mut properties = enabled(&format!("{}{template}", uri(&root)));
    for (position, key) in keys.iter().enumerate() {
        let values: BTreeSet<&str> = parts
            .iter()
            .map(|part| part.values.get(position).and_then(|value| value.as_deref()))
            .collect::<Option<_>>()?;
        let (of_key, count) = values_of(key, &values)?;
        combinations = combinations.checked_mul(count)?;
        properties.extend(of_key);
    }
    let in_place = |part: &Part| self::root(part, keys).as_ref() == Some(&root);
    (combinations <= MOST_COMBINATIONS && parts.iter().all(in_place)).then_some(properties)
}

/// A table without partitions that no registered one can shine through.
fn empty_projection(entry: &TableEntry, uri: impl Fn(&Key) -> String) -> Option<BTreeMap<String, String>> {
    let keys = &entry.partition_keys;
    let template: String = keys.iter().map(|key| format!("{0}=${{{0}}}/", key.name)).collect();
    let mut properties = enabled(&format!("{}{template}", uri(&nothing(entry))));
    for key in keys {
        let value = match key.column_type.as_str() {
            "date" => FIRST_DAY,
            "string" => "none",
            _ => "0",
        };
        properties.extend(values_of(key, &BTreeSet::from([value]))?.0);
    }
    Some(properties)
}

/// The folder above `key=value/…` of a part, if its path is what the template makes of its values.
fn root(part: &Part, keys: &[Column]) -> Option<Key> {
    let mut path = String::new();
    for (key, value) in keys.iter().zip(&part.values) {
        path.push_str(&format!("{}={}/", key.name, value.as_deref()?));
    }
    part.location.as_str().strip_suffix(path.as_str()).map(Key::new)
}

/// The projection of one key: its properties, and how many values it has.
fn values_of(key: &Column, values: &BTreeSet<&str>) -> Option<(Vec<(String, String)>, u64)> {
    let name = &key.name;
    let (first, last) = (values.first()?, values.last()?);
    match key.column_type.as_str() {
        "date" => {
            let day = |text: &str| chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
            let days = (day(last)? - day(first)?).num_days();
            Some((dates(name, first, last).into(), u64::try_from(days).ok()? + 1))
        }
        "int" | "bigint" | "smallint" | "tinyint" => {
            let numbers: BTreeSet<i64> = values.iter().map(|value| value.parse().ok()).collect::<Option<_>>()?;
            // A value such as `007` would be looked for under another path.
            let is_plain =
                values.iter().all(|value| value.parse().is_ok_and(|number: i64| number.to_string() == **value));
            let (first, last) = (numbers.first()?, numbers.last()?);
            let properties = vec![
                (format!("projection.{name}.type"), "integer".to_owned()),
                (format!("projection.{name}.range"), format!("{first},{last}")),
            ];
            let count = u64::try_from(last.checked_sub(*first)?).ok()?.checked_add(1)?;
            is_plain.then_some((properties, count))
        }
        "string" => {
            let list = values.iter().copied().collect::<Vec<_>>().join(",");
            let fits = list.len() <= LONGEST_LIST && values.iter().all(|value| is_projectable(value));
            let properties = vec![
                (format!("projection.{name}.type"), "enum".to_owned()),
                (format!("projection.{name}.values"), list),
            ];
            fits.then_some((properties, values.len() as u64))
        }
        _ => None,
    }
}

/// Whether a value stands in a path as it is, and in a list of values too.
fn is_projectable(value: &str) -> bool {
    let escaped = |character: char| character.is_control() || "\"#%'*/:=?\\{[]^,$}\u{7f}".contains(character);
    !value.is_empty() && value != NULL && value.trim() == value && !value.contains(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(key: &str, values: &[Option<&str>], root: &str) -> TableEntry {
        let parts = values.iter().map(|value| Part {
            values: vec![value.map(str::to_owned)],
            location: Key::new(format!("{root}k={}/", value.unwrap_or(NULL).replace('/', "%2F"))),
            run: None,
        });
        TableEntry {
            name: "t".to_owned(),
            kind: TableKind::Table { parts: parts.collect() },
            columns: vec![Column::new("a", "int")],
            partition_keys: vec![Column::new("k", key)],
            description: None,
            run: None,
            parameters: BTreeMap::new(),
            version: 0,
        }
    }

    fn form(entry: &TableEntry) -> Form {
        of(entry, |key| format!("s3://lake/{key}"))
    }

    #[test]
    fn a_whole_version_is_one_projection() {
        let Form::Projected(properties) = form(&entry("date", &[Some("2026-10-01"), Some("2026-10-31")], "m/run=1/"))
        else {
            panic!("not projected")
        };
        assert_eq!(properties["storage.location.template"], "s3://lake/m/run=1/k=${k}/");
        assert_eq!(properties["projection.k.range"], "2026-10-01,2026-10-31");
        let Form::Projected(properties) = form(&entry("string", &[Some("東京"), Some("a b")], "m/run=1/")) else {
            panic!("not projected")
        };
        assert_eq!(properties["projection.k.values"], "a b,東京");
    }

    #[test]
    fn values_that_a_path_cannot_hold_are_registered() {
        for value in [None, Some("a/b"), Some("50%"), Some("a,b"), Some(" a"), Some(""), Some("a:b")] {
            assert_eq!(form(&entry("string", &[value], "m/run=1/")), Form::Registered, "{value:?}");
        }
        assert_eq!(form(&entry("int", &[Some("007")], "m/run=1/")), Form::Registered);
        assert_eq!(form(&entry("int", &[Some("0"), Some("9000000")], "m/run=1/")), Form::Registered);
        assert_eq!(form(&entry("decimal(3,1)", &[Some("1.5")], "m/run=1/")), Form::Registered);
    }

    #[test]
    fn parts_of_two_runs_are_registered_and_two_folders_of_one_value_appended() {
        let mut mixed = entry("string", &[Some("a")], "m/run=1/");
        let other = entry("string", &[Some("b")], "m/run=2/");
        let TableKind::Table { parts } = &mut mixed.kind else { panic!() };
        parts.extend(other.parts().to_vec());
        assert_eq!(form(&mixed), Form::Registered);
        let mut twice = entry("string", &[Some("a")], "m/run=1/");
        let TableKind::Table { parts } = &mut twice.kind else { panic!() };
        parts.extend(entry("string", &[Some("a")], "m/run=2/").parts().to_vec());
        assert_eq!(form(&twice), Form::Appended(BTreeSet::new()));
    }

    #[test]
    fn an_empty_table_reads_a_folder_in_which_nothing_is() {
        let Form::Projected(properties) = form(&entry("date", &[], "")) else { panic!("not projected") };
        assert!(properties["storage.location.template"].starts_with("s3://lake/work/nothing/t/"));
    }
}
