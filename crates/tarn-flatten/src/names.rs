//! The name of a leaf.
//!
//! - The keys of the path are folded one by one (full Unicode lowercase; what is neither alphanumeric in some script,
//!   nor a combining mark, nor `_`, becomes `_`) and joined by the separator. An empty name becomes `_`.
//! - A name over 255 bytes, which the Glue Data Catalog refuses, is cut at a character boundary and ends in `_` and 16
//!   hex digits of the hash of the full, unfolded path.
//! - Within one document a name is taken by the first leaf, in document order, that wants it. Each later leaf that
//!   wants it too (another path that folds to the same name, or the same path once more) gets the name, `__` and 8 hex
//!   digits of the hash of its path and of how often that path stood before it in the document. If that is taken as
//!   well, 16 digits and then further hashes are tried. So every leaf survives, and the same document always gives the
//!   same names, whatever was read before it.
//! - The names of the columns that Tarn adds, and the one that the settings reserve, are taken before the first leaf.

use unicode_normalization::char::is_combining_mark;
use xxhash_rust::xxh3::{xxh3_64_with_seed, xxh3_128};

/// The longest name that the Glue Data Catalog takes, in bytes.
pub const MAXIMUM_NAME_BYTES: usize = 255;

/// Names of the columns that Tarn adds to a source; no leaf gets one of them.
pub const RESERVED_NAMES: [&str; 6] = ["_id", "_extra", "_op", "_ttl", "_seq", "_at"];

/// Bytes of `_` and 16 hex digits.
const SHORTENED_BYTES: usize = 17;

/// Folds one key: lowercase, and `_` for what a column name cannot hold.
#[must_use]
pub fn fold(key: &str) -> String {
    // Lowercase first: a few capitals fold to a letter and a mark.
    key.to_lowercase()
        .chars()
        .map(|character| {
            let kept = character == '_' || character.is_alphanumeric() || is_combining_mark(character);
            if kept { character } else { '_' }
        })
        .collect()
}

/// The hash of a path of keys, grown key by key.
///
/// Each step hashes the 16 bytes of the parent's hash and the key, so no two lists of keys share an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PathHash(u128);

impl PathHash {
    pub(crate) const ROOT: Self = Self(0);

    pub(crate) fn child(self, key: &str) -> Self {
        let mut bytes = Vec::with_capacity(16 + key.len());
        bytes.extend_from_slice(&self.0.to_le_bytes());
        bytes.extend_from_slice(key.as_bytes());
        Self(xxh3_128(&bytes))
    }

    fn with_occurrence(self, occurrence: u64) -> u64 {
        xxh3_64_with_seed(&self.0.to_le_bytes(), occurrence)
    }

    #[allow(clippy::cast_possible_truncation, reason = "the lower half of the hash is wanted")]
    fn digits(self) -> u64 {
        self.0 as u64
    }
}

/// The joined, folded keys of a path, only as far as a name can show them.
///
/// Keeping no more bounds what a record with long keys can make the flattener remember.
#[derive(Debug, Clone, Default)]
pub(crate) struct FoldedPath {
    text: String,
    cut: bool,
}

impl FoldedPath {
    pub(crate) fn child(&self, key: &str, separator: &str, top: bool) -> Self {
        let mut path = self.clone();
        if path.cut {
            return path;
        }
        if !top {
            path.text.push_str(separator);
        }
        path.text.push_str(&fold(key));
        if path.text.len() > MAXIMUM_NAME_BYTES {
            truncate(&mut path.text, MAXIMUM_NAME_BYTES - SHORTENED_BYTES);
            path.cut = true;
        }
        path
    }

    /// What every name below this path begins with.
    pub(crate) fn prefix(&self) -> &str {
        let end = boundary(&self.text, MAXIMUM_NAME_BYTES - SHORTENED_BYTES);
        self.text.get(..end).unwrap_or_default()
    }

    pub(crate) fn name(&self, hash: PathHash) -> String {
        if self.cut {
            format!("{}_{:016x}", self.text, hash.digits())
        } else if self.text.is_empty() {
            "_".to_owned()
        } else {
            self.text.clone()
        }
    }
}

/// The `attempt`-th name for a leaf whose own name is taken.
pub(crate) fn colliding_name(name: &str, hash: PathHash, occurrence: u32, attempt: u32) -> String {
    // Attempts 0 and 1 show 8 and 16 digits of one hash; later ones take further hashes.
    let seed = (u64::from(attempt.saturating_sub(1)) << 32) | u64::from(occurrence);
    let digits = hash.with_occurrence(seed);
    let suffix = if attempt == 0 { format!("__{:08x}", digits >> 32) } else { format!("__{digits:016x}") };
    let mut name = name.to_owned();
    truncate(&mut name, MAXIMUM_NAME_BYTES - suffix.len());
    name + &suffix
}

fn truncate(text: &mut String, bytes: usize) {
    text.truncate(boundary(text, bytes));
}

/// The last character boundary at or before `bytes`.
fn boundary(text: &str, bytes: usize) -> usize {
    if text.len() <= bytes {
        return text.len();
    }
    (0..=bytes).rev().find(|position| text.is_char_boundary(*position)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name_of(keys: &[&str]) -> String {
        let (mut path, mut hash) = (FoldedPath::default(), PathHash::ROOT);
        for (level, key) in keys.iter().enumerate() {
            path = path.child(key, "_", level == 0);
            hash = hash.child(key);
        }
        path.name(hash)
    }

    #[test]
    fn names_are_folded_and_keep_every_script() {
        assert_eq!(name_of(&["userName"]), "username");
        assert_eq!(name_of(&["名前", "姓"]), "名前_姓");
        assert_eq!(name_of(&["ÀÉ", "ΟΔΟΣ"]), "àé_οδος");
        assert_eq!(name_of(&["a\u{301}"]), "a\u{301}");
        assert_eq!(name_of(&["नमस्ते"]), "नमस्ते");
        assert_eq!(name_of(&["a.b,c;d e{f}(g)=h'i\"j`k/l\\m\u{1}n"]), "a_b_c_d_e_f__g__h_i_j_k_l_m_n");
        assert_eq!(name_of(&["İ"]), "i\u{307}");
        assert_eq!(name_of(&[""]), "_");
        assert_eq!(name_of(&["", ""]), "_");
    }

    #[test]
    fn long_names_are_cut_at_a_character_and_told_apart() {
        let long = "名".repeat(100);
        let (one, other) = (name_of(&[&long, "a"]), name_of(&[&long, "b"]));
        assert!(one.len() <= MAXIMUM_NAME_BYTES && other.len() <= MAXIMUM_NAME_BYTES);
        assert!(one.starts_with(&"名".repeat(79)), "{one}");
        assert_ne!(one, other);
        assert_eq!(name_of(&["x".repeat(255).as_str()]), "x".repeat(255));
        let cut = name_of(&["X".repeat(256).as_str()]);
        assert_eq!(cut.len(), MAXIMUM_NAME_BYTES);
        assert_ne!(cut, name_of(&["x".repeat(256).as_str()]));
    }

    #[test]
    fn paths_that_join_to_one_text_hash_apart() {
        let hash = |keys: &[&str]| keys.iter().fold(PathHash::ROOT, |hash, key| hash.child(key));
        assert_ne!(hash(&["a", "b"]), hash(&["ab"]));
        assert_ne!(hash(&["a", ""]), hash(&["a"]));
        assert_ne!(hash(&["", "a"]), hash(&["a", ""]));
    }

    #[test]
    fn colliding_names_stay_within_the_limit() {
        let hash = PathHash::ROOT.child("x");
        for attempt in 0..4 {
            let name = colliding_name(&"x".repeat(255), hash, 0, attempt);
            assert_eq!(name.len(), MAXIMUM_NAME_BYTES);
        }
        assert_ne!(colliding_name("a", hash, 0, 0), colliding_name("a", hash, 1, 0));
        assert_ne!(colliding_name("a", hash, 0, 1), colliding_name("a", hash, 0, 2));
    }
}
