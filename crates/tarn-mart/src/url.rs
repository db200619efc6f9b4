//! Which database a URL names.
//!
//! A URL may hold a password, so no message repeats more of it than the scheme; a SQLite path is no secret.

use std::path::{Path, PathBuf};

use tarn_pipeline::ports::MartError;

use crate::fault::{WithHint, refused};
use crate::server::Address;
use crate::{mysql, postgres};

/// A database that can be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Location {
    /// A SQLite database file.
    Sqlite(PathBuf),
    /// A database of MySQL or MariaDB.
    Mysql(Address),
    /// A database of PostgreSQL.
    Postgres(Address),
}

/// Reads a URL; the relative path in `sqlite:path` starts at `base`. `sqlite://path` is the same, `sqlite:///path` is absolute.
pub(crate) fn parse(url: &str, base: &Path) -> Result<Location, MartError> {
    const FORM: &str =
        "write `sqlite:reporting.db`, `mysql://user@host:3306/database` or `postgresql://user@host:5432/database`";
    let Some((scheme, rest)) = url.trim().split_once(':') else {
        return Err(refused("the url of the mart has no scheme").hint(FORM));
    };
    match scheme {
        "sqlite" => {
            let path = rest.strip_prefix("//").unwrap_or(rest);
            if path.is_empty() || path.ends_with('/') || path.contains('\0') {
                return Err(refused("the url of the mart names no database file").hint(FORM));
            }
            if path.starts_with(":memory:") {
                return Err(refused("a mart in memory would be gone when the load ends").hint(FORM));
            }
            Ok(Location::Sqlite(base.join(path)))
        }
        "mysql" | "mariadb" => Ok(Location::Mysql(Address::parse(url, mysql::PORT)?)),
        "postgres" | "postgresql" => Ok(Location::Postgres(Address::parse(url, postgres::PORT)?)),
        _ if is_scheme(scheme) => Err(refused(format!("`{scheme}:` is no kind of mart")).hint(FORM)),
        _ => Err(refused("the url of the mart has no known scheme").hint(FORM)),
    }
}

/// Whether a text is a scheme, and not the beginning of something that may be secret.
fn is_scheme(text: &str) -> bool {
    text.len() <= 16 && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'+')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(url: &str) -> PathBuf {
        match parse(url, Path::new("/lake/.tarn")).unwrap() {
            Location::Sqlite(path) => path,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn relative_paths_start_at_the_lake() {
        assert_eq!(path("sqlite:reporting.db"), Path::new("/lake/.tarn/reporting.db"));
        assert_eq!(path("sqlite://marts/a b.db"), Path::new("/lake/.tarn/marts/a b.db"));
        assert_eq!(path("sqlite:///var/reporting.db"), Path::new("/var/reporting.db"));
        assert_eq!(path("sqlite:/var/reporting.db"), Path::new("/var/reporting.db"));
    }

    #[test]
    fn what_cannot_be_opened_is_refused_without_its_secret() {
        for url in [
            "mysql:tarn:hunter2@db/reporting",
            "postgres://tarn:hunter2@/reporting",
            "oracle://tarn:hunter2@db/reporting",
            "tarn hunter2:x",
            "hunter2",
            "sqlite:",
            "sqlite::memory:",
            "sqlite:folder/",
        ] {
            let error = parse(url, Path::new("/lake")).unwrap_err();
            let hint = error.hint.unwrap();
            assert!(!error.message.contains("hunter2") && !hint.contains("hunter2"), "{}", error.message);
            assert!(hint.contains("sqlite:") || hint.contains("database"), "{hint}");
            assert!(!error.retryable);
        }
    }
}
