//! Names of sources, seeds, models, columns and variables: what is allowed, and what was probably meant.

/// Longest name in bytes (Glue: table and column names have at most 255 bytes of UTF-8).
pub(crate) const LONGEST_NAME: usize = 255;

/// Why a name of a source, seed or model cannot be used; `None` when it can.
///
/// Lower-case letters, digits and `_` in any script, starting with a letter or `_`: the rule of Glue and Athena for
/// names that never need care about case. A letter without case (`名`) counts as lower case.
pub(crate) fn problem(name: &str) -> Option<String> {
    if name.is_empty() {
        return Some("a name cannot be empty".to_owned());
    }
    if name.len() > LONGEST_NAME {
        return Some(format!("a name has at most {LONGEST_NAME} bytes, this one has {}", name.len()));
    }
    if let Some(character) = name.chars().find(|character| !is_allowed(*character)) {
        return Some(format!("`{}` cannot stand in a name", character.escape_debug()));
    }
    if name.starts_with(|character: char| character.is_numeric()) {
        return Some("a name cannot start with a digit".to_owned());
    }
    None
}

fn is_allowed(character: char) -> bool {
    character == '_' || (character.is_alphanumeric() && character.to_lowercase().eq([character]))
}

/// The nearest name that would be allowed.
pub(crate) fn allowed_form(name: &str) -> Option<String> {
    let mut allowed: String =
        name.to_lowercase().chars().map(|character| if is_allowed(character) { character } else { '_' }).collect();
    if allowed.starts_with(|character: char| character.is_numeric()) {
        allowed.insert(0, '_');
    }
    (problem(&allowed).is_none() && allowed.chars().any(|character| character != '_')).then_some(allowed)
}

/// What was probably meant, of what exists: the nearest by edit distance, if it is near enough to be worth saying.
pub(crate) fn nearest<'a>(wanted: &str, existing: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = wanted.to_lowercase();
    existing
        .into_iter()
        .filter(|candidate| *candidate != wanted)
        .map(|candidate| (similarity(&folded, candidate), candidate))
        .filter(|(similarity, _)| *similarity >= 0.6)
        // The first of equals wins, so that the answer follows the order of the files.
        .fold(None, |best: Option<(f64, &str)>, next| match best {
            Some(best) if best.0 >= next.0 => Some(best),
            _ => Some(next),
        })
        .map(|(_, candidate)| candidate)
}

fn similarity(wanted: &str, candidate: &str) -> f64 {
    strsim::normalized_damerau_levenshtein(wanted, &candidate.to_lowercase())
}

/// `did you mean …?`, or the list of what exists when nothing is near and the list is short.
pub fn suggestion<'a>(wanted: &str, existing: impl IntoIterator<Item = &'a str>, plural: &str) -> Option<String> {
    let existing: Vec<&str> = existing.into_iter().collect();
    if let Some(nearest) = nearest(wanted, existing.iter().copied()) {
        return Some(format!("did you mean `{nearest}`?"));
    }
    match existing.len() {
        0 => Some(format!("there are no {plural}")),
        1..=12 => Some(format!("{plural}: {}", backticked(&existing))),
        _ => None,
    }
}

/// `` `a`, `b`, `c` ``
pub(crate) fn backticked<S: AsRef<str>>(names: &[S]) -> String {
    names.iter().map(|name| format!("`{}`", name.as_ref())).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_any_script_are_allowed_and_capitals_are_not() {
        assert_eq!(problem("daily_kpi"), None);
        assert_eq!(problem("注文"), None);
        assert_eq!(problem("_staging2"), None);
        assert_eq!(problem("Orders"), Some("`O` cannot stand in a name".to_owned()));
        assert_eq!(problem("daily-kpi"), Some("`-` cannot stand in a name".to_owned()));
        assert_eq!(problem("2fast"), Some("a name cannot start with a digit".to_owned()));
        assert_eq!(problem(""), Some("a name cannot be empty".to_owned()));
        assert!(problem(&"名".repeat(86)).is_some_and(|problem| problem.contains("this one has 258")));
        assert_eq!(problem(&"名".repeat(85)), None);
    }

    #[test]
    fn the_allowed_form_of_a_refused_name_is_allowed() {
        assert_eq!(allowed_form("Daily-KPI").as_deref(), Some("daily_kpi"));
        assert_eq!(allowed_form("2fast").as_deref(), Some("_2fast"));
        assert_eq!(allowed_form("--"), None);
    }

    #[test]
    fn the_nearest_name_is_suggested_only_when_it_is_near() {
        assert_eq!(nearest("sesions", ["orders", "sessions"]), Some("sessions"));
        assert_eq!(nearest("xyz", ["orders", "sessions"]), None);
        assert_eq!(
            suggestion("xyz", ["orders", "sessions"], "models").as_deref(),
            Some("models: `orders`, `sessions`")
        );
        assert_eq!(suggestion("xyz", [], "models").as_deref(), Some("there are no models"));
    }
}
