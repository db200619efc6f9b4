//! Variables of the environment in a mart's URL.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tarn_pipeline::ports::MartError;

use crate::fault::{WithHint, refused};

/// Puts values in place of `${NAME}`.
///
/// A URL that is one variable is replaced as it stands; inside of a URL a value is encoded, so that a password may hold any
/// character.
///
/// # Errors
/// A variable that is not set, by its name; a reference that does not end.
pub fn with_variables(url: &str, lookup: impl Fn(&str) -> Option<String>) -> Result<String, MartError> {
    let mut whole = String::new();
    let mut rest = url;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, behind)) = after.split_once('}') else {
            return Err(refused("the url of the mart has a `${` without a `}`"));
        };
        let value = lookup(name).ok_or_else(|| {
            refused(format!("the url of the mart needs the variable `{name}`, which is not set"))
                .hint("set it in the environment; it is read nowhere else")
        })?;
        whole.push_str(before);
        if whole.is_empty() {
            whole.push_str(&value);
        } else {
            whole.extend(utf8_percent_encode(&value, NON_ALPHANUMERIC));
        }
        rest = behind;
    }
    whole.push_str(rest);
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(name: &str) -> Option<String> {
        match name {
            "PASSWORD" => Some("p@ss/${x}".to_owned()),
            "URL" => Some("mysql://a:b@c/d".to_owned()),
            _ => None,
        }
    }

    #[test]
    fn values_are_encoded_unless_they_are_the_url() {
        let url = with_variables("mysql://tarn:${PASSWORD}@db/reporting", lookup).unwrap();
        assert_eq!(url, "mysql://tarn:p%40ss%2F%24%7Bx%7D@db/reporting");
        assert_eq!(with_variables("${URL}?tls=off", lookup).unwrap(), "mysql://a:b@c/d?tls=off");
        assert_eq!(with_variables("sqlite:a.db", lookup).unwrap(), "sqlite:a.db");
        let message = with_variables("mysql://tarn:${NOPE}@db/reporting", lookup).unwrap_err().message;
        assert_eq!(message, "the url of the mart needs the variable `NOPE`, which is not set");
        assert!(with_variables("mysql://${NOPE", lookup).is_err());
    }
}
