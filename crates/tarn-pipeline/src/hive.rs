//! How Hive names the folders of partitions; Athena writes and reads them so.

use crate::ports::Column;

/// Stands for null in a folder's name and among registered values (Hive, `hive.exec.default.partition.name`).
pub const NULL_PARTITION: &str = "__HIVE_DEFAULT_PARTITION__";

/// The folder of a partition below its table's: `day=2026-10-01/device=app/`.
pub fn folder(keys: &[Column], values: &[Option<String>]) -> String {
    let levels = keys.iter().zip(values).map(|(key, value)| format!("{}/", folder_name(&key.name, value.as_deref())));
    levels.collect()
}

/// A folder's name for a value: `day=2026-10-01`.
pub fn folder_name(key: &str, value: Option<&str>) -> String {
    format!("{}={}", escape(key), value.map_or_else(|| NULL_PARTITION.to_owned(), escape))
}

/// Hive's escaping of folder names (`FileUtils.escapePathName`): letters of all scripts and spaces stay.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        let special = letter.is_ascii_control()
            || matches!(letter, '"' | '#' | '%' | '\'' | '*' | '/' | ':' | '=' | '?' | '\\' | '{' | '[' | ']' | '^');
        if special {
            escaped.push_str(&format!("%{:02X}", u32::from(letter)));
        } else {
            escaped.push(letter);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_named_as_hive_names_them() {
        assert_eq!(folder_name("day", Some("2026-10-01")), "day=2026-10-01");
        assert_eq!(folder_name("区", Some("a b/c:d=e%")), "区=a b%2Fc%3Ad%3De%25");
        assert_eq!(folder_name("day", None), "day=__HIVE_DEFAULT_PARTITION__");
    }
}
