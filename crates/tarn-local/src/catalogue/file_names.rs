//! Which file holds which entry.
//!
//! A name is its own file name where that can be: letters of every script stay. What file systems refuse is percent-encoded, and
//! a name too long for a file is cut and told apart by a hash; such a file's entry is asked for its name.

use std::fs;
use std::path::Path;

use serde::Deserialize;

const SUFFIX: &str = ".json";
/// File systems take 255 bytes; temporary names and the suffix need some of them.
const LONGEST: usize = 200;
/// Stands before the hash of a shortened name, and is percent-encoded in all others.
const SHORTENED: char = '~';

/// The file of the entry of this name.
pub(super) fn file_name(name: &str) -> String {
    let mut encoded = String::with_capacity(name.len() + SUFFIX.len());
    for (position, letter) in name.char_indices() {
        let refused = letter.is_control()
            || matches!(letter, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|' | '%' | SHORTENED)
            || (position == 0 && letter == '.');
        if refused {
            let mut bytes = [0; 4];
            letter.encode_utf8(&mut bytes).bytes().for_each(|byte| encoded.push_str(&format!("%{byte:02X}")));
        } else {
            encoded.push(letter);
        }
    }
    if encoded.len() > LONGEST {
        let start = encoded.floor_char_boundary(LONGEST - 17);
        encoded.truncate(start);
        encoded.push_str(&format!("{SHORTENED}{:016x}", fnv1a(name.as_bytes())));
    }
    encoded + SUFFIX
}

/// The name of the entry in this file; none when the file is no entry, e.g. a temporary one.
pub(super) fn name_of(file: &Path) -> Option<String> {
    let stem = file.file_name()?.to_str()?.strip_suffix(SUFFIX)?;
    if stem.starts_with('.') {
        return None;
    }
    if !stem.contains(SHORTENED) {
        return decode(stem);
    }
    #[derive(Deserialize)]
    struct Named {
        name: String,
    }
    let named: Option<Named> = fs::read(file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    // A damaged entry must not vanish from the list: its file name will do.
    Some(named.map_or_else(|| stem.to_owned(), |named| named.name))
}

fn decode(stem: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(stem.len());
    let mut rest = stem.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        if first == b'%' {
            let digits = std::str::from_utf8(after.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &after[2..];
        } else {
            bytes.push(first);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok()
}

/// The FNV-1a hash, which stays the same in every version of the program.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed test may panic")]
    use super::*;

    #[test]
    fn names_of_every_script_come_back() {
        for name in ["sessions", "名前", "a/b", ".hidden", "100%", "a~b", "été", "a:b", "tab\t"] {
            let file = file_name(name);
            assert!(!file.contains(['/', '\t']), "{file}");
            assert_eq!(name_of(Path::new(&file)).unwrap(), name);
        }
        assert_eq!(file_name("名前"), "名前.json");
    }

    #[test]
    fn long_names_fit_and_stay_apart() {
        let (one, other) = ("名".repeat(85), "名".repeat(84) + "前");
        assert!(file_name(&one).len() <= 205);
        assert_ne!(file_name(&one), file_name(&other));
    }

    #[test]
    fn other_files_are_no_entries() {
        for file in [".lock", ".new-abc", "notes.txt", ".x.json", "a%2.json"] {
            assert_eq!(name_of(Path::new(file)), None, "{file}");
        }
    }
}
