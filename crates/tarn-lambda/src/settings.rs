//! Settings of a function: environment variables, read once at the start.
//!
//! A function that lacks three settings says so of all three at once, by name and what each is for. Secrets are no settings:
//! they are read from where they are kept, by a name that is one.

use std::collections::BTreeMap;
use std::str::FromStr;

/// What is wrong with the settings, all of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the settings of the function are not complete: {}", .mistakes.join("; "))]
pub struct SettingsError {
    /// One line per setting.
    pub mistakes: Vec<String>,
}

/// Environment variables while they are read.
#[derive(Debug, Default)]
pub struct Settings {
    variables: BTreeMap<String, String>,
    mistakes: Vec<String>,
}

impl Settings {
    /// Reads a function's settings from the environment.
    ///
    /// # Errors
    /// With every setting that is missing or cannot be read.
    pub fn read<T>(read: impl FnOnce(&mut Settings) -> T) -> Result<T, SettingsError> {
        Self::read_from(
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))),
            read,
        )
    }

    /// Reads a function's settings from these variables.
    ///
    /// # Errors
    /// With every setting that is missing or cannot be read.
    pub fn read_from<T>(
        variables: impl IntoIterator<Item = (String, String)>,
        read: impl FnOnce(&mut Settings) -> T,
    ) -> Result<T, SettingsError> {
        let mut settings = Self { variables: variables.into_iter().collect(), mistakes: Vec::new() };
        let value = read(&mut settings);
        if settings.mistakes.is_empty() { Ok(value) } else { Err(SettingsError { mistakes: settings.mistakes }) }
    }

    /// A setting that must be there and not be empty.
    pub fn required(&mut self, name: &str, purpose: &str) -> String {
        self.optional(name).unwrap_or_else(|| {
            self.mistakes.push(format!("`{name}` is not set: {purpose}"));
            String::new()
        })
    }

    /// A setting that may be absent; an empty one is absent.
    pub fn optional(&self, name: &str) -> Option<String> {
        self.variables.get(name).map(|value| value.trim()).filter(|value| !value.is_empty()).map(str::to_owned)
    }

    /// A setting that may be absent, of a type of its own: a number, `true` or `false`.
    pub fn parsed_or<T: FromStr>(&mut self, name: &str, purpose: &str, default: T) -> T {
        let Some(text) = self.optional(name) else { return default };
        text.parse().unwrap_or_else(|_| {
            let wanted = std::any::type_name::<T>();
            self.mistakes.push(format!("`{name}` is `{text}`, which is no {wanted}: {purpose}"));
            default
        })
    }

    /// Notes what is wrong with a setting, in words that hold nothing secret.
    pub fn mistake(&mut self, mistake: impl Into<String>) {
        self.mistakes.push(mistake.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let given = variables(&[("TARN_BUCKET", " "), ("TARN_SECONDS", "soon")]);
        let error = Settings::read_from(given, |settings| {
            settings.required("TARN_SOURCE", "the source whose records come in");
            settings.required("TARN_BUCKET", "the lake's bucket");
            settings.parsed_or("TARN_SECONDS", "how long a project is kept", 60_u64)
        })
        .unwrap_err();
        assert_eq!(
            error.mistakes,
            [
                "`TARN_SOURCE` is not set: the source whose records come in",
                "`TARN_BUCKET` is not set: the lake's bucket",
                "`TARN_SECONDS` is `soon`, which is no u64: how long a project is kept",
            ]
        );
    }

    #[test]
    fn what_is_set_is_read() {
        let given = variables(&[("TARN_SOURCE", "clicks"), ("TARN_PUT_BACK", "false")]);
        let read = Settings::read_from(given, |settings| {
            let source = settings.required("TARN_SOURCE", "the source");
            (
                source,
                settings.parsed_or("TARN_PUT_BACK", "whether", true),
                settings.parsed_or("TARN_SECONDS", "how", 60_u64),
            )
        });
        assert_eq!(read, Ok(("clicks".to_owned(), false, 60)));
    }
}
