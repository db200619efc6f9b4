//! Variables from the command line.

/// Reads `name=value`.
pub(crate) fn read(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .filter(|(name, _)| !name.is_empty())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .ok_or_else(|| "write it as name=value".to_owned())
}
