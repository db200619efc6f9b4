//! Where a database server is and how it is reached, from a URL.
//!
//! No message repeats a user, a password or a value of a setting.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use tarn_pipeline::ports::MartError;

use crate::fault::{WithHint, refused};

/// How long a connection may take, from the first packet to the accepted password.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a server may take no rows while there are some for it.
const STALL: Duration = Duration::from_secs(300);
const FORM: &str = "write `mysql://user@host:3306/database` or `postgresql://user@host:5432/database`";

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(pub(crate) String);

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("<secret>")
    }
}

/// How a connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tls {
    /// TLS, with a certificate that was issued for the host by an authority that is trusted.
    Verified,
    /// None.
    Off,
}

/// Which way rows take to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// The connection.
    Connection,
    /// An object of the lake's bucket, which Aurora MySQL reads by itself.
    S3,
}

/// A database on a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) host: String,
    pub(crate) port: u16,
    /// A socket of this machine, in place of host and port.
    pub(crate) socket: Option<PathBuf>,
    pub(crate) user: String,
    pub(crate) password: Option<Secret>,
    pub(crate) database: String,
    /// Where tables are made, in PostgreSQL; the first of the search path otherwise.
    pub(crate) schema: Option<String>,
    pub(crate) tls: Tls,
    /// Authorities to trust in place of the system's, as a PEM file.
    pub(crate) authorities: Option<PathBuf>,
    pub(crate) connect_timeout: Duration,
    pub(crate) stall_timeout: Duration,
    pub(crate) way: Way,
}

impl Address {
    /// Reads `scheme://user:password@host:port/database?settings`.
    pub(crate) fn parse(text: &str, default_port: u16) -> Result<Self, MartError> {
        // The parser's own words may hold a piece of the password.
        let url = url::Url::parse(text).map_err(|_| {
            refused("the url of the mart cannot be read").hint(format!(
                "{FORM}; characters of a password other than letters and digits are written as `%` and two digits"
            ))
        })?;
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let database = decoded(url.path().trim_start_matches('/'))?;
        let mut address = Self {
            port: url.port().unwrap_or(default_port),
            socket: None,
            user: decoded(url.username())?,
            password: url.password().map(|password| decoded(password).map(Secret)).transpose()?,
            database,
            schema: None,
            tls: if is_loopback(&host) { Tls::Off } else { Tls::Verified },
            authorities: None,
            connect_timeout: CONNECT,
            stall_timeout: STALL,
            way: Way::Connection,
            host,
        };
        for (name, value) in url.query_pairs() {
            address.set(&name, &value)?;
        }
        if address.host.is_empty() && address.socket.is_none() {
            return Err(refused("the url of the mart names no host").hint(FORM));
        }
        if address.database.is_empty() || address.database.contains(['/', '\0']) {
            return Err(refused("the url of the mart names no database").hint(FORM));
        }
        if address.user.is_empty() {
            return Err(refused("the url of the mart names no user").hint(FORM));
        }
        Ok(address)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), MartError> {
        let wrong = |allowed: &str| refused(format!("the url of the mart sets `{name}` to none of {allowed}"));
        match name {
            "tls" => {
                self.tls = match value {
                    "verify" => Tls::Verified,
                    "off" => Tls::Off,
                    _ => return Err(wrong("`verify` and `off`")),
                }
            }
            "ca" => self.authorities = Some(PathBuf::from(value)),
            "socket" => {
                self.socket = Some(PathBuf::from(value));
                self.tls = Tls::Off;
            }
            "load" => {
                self.way = match value {
                    "connection" => Way::Connection,
                    "s3" => Way::S3,
                    _ => return Err(wrong("`connection` and `s3`")),
                }
            }
            "schema" => self.schema = Some(value.to_owned()),
            "connect_timeout" | "stall_timeout" => {
                let seconds: u16 = value.parse().map_err(|_| wrong("the numbers of seconds"))?;
                let timeout = Duration::from_secs(seconds.max(1).into());
                if name == "connect_timeout" { self.connect_timeout = timeout } else { self.stall_timeout = timeout }
            }
            _ => {
                return Err(refused("the url of the mart has a setting that is not known").hint(
                    "settings are `tls`, `ca`, `socket`, `schema`, `load`, `connect_timeout` and `stall_timeout`",
                ));
            }
        }
        Ok(())
    }

    /// The server and the database as messages name them.
    pub(crate) fn name(&self) -> String {
        match &self.socket {
            Some(socket) => format!("{}/{}", socket.display(), self.database),
            None => format!("{}:{}/{}", self.host, self.port, self.database),
        }
    }
}

fn decoded(text: &str) -> Result<String, MartError> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map(|text| text.into_owned()).map_err(|_| refused("the url of the mart is not utf-8 when decoded"))
}

/// What leaves this machine is protected; what stays is not, unless the url asks for it.
fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_everything() {
        let url = "mysql://tarn:p%40ss%2Fword@db.example.com/reporting?ca=/etc/rds.pem&connect_timeout=3";
        let address = Address::parse(url, 3306).unwrap();
        assert_eq!((address.host.as_str(), address.port, address.user.as_str()), ("db.example.com", 3306, "tarn"));
        assert_eq!(address.password, Some(Secret("p@ss/word".to_owned())));
        assert_eq!((address.tls, address.connect_timeout.as_secs()), (Tls::Verified, 3));
        assert_eq!(address.name(), "db.example.com:3306/reporting");
        assert!(!format!("{address:?}").contains("p@ss"));
    }

    #[test]
    fn only_what_stays_on_the_machine_goes_without_tls() {
        let tls = |url: &str| Address::parse(url, 5432).unwrap().tls;
        assert_eq!(tls("postgres://a@localhost/d"), Tls::Off);
        assert_eq!(tls("postgres://a@[::1]/d"), Tls::Off);
        assert_eq!(tls("postgres://a@localhost/d?tls=verify"), Tls::Verified);
        assert_eq!(tls("postgres://a@10.0.0.1/d"), Tls::Verified);
        assert_eq!(tls("postgres://a@10.0.0.1/d?tls=off"), Tls::Off);
    }

    #[test]
    fn a_wrong_url_is_refused_without_its_secrets() {
        for url in [
            "mysql://tarn:hunter2@/reporting",
            "mysql://tarn:hunter2@db",
            "mysql://:hunter2@db/reporting",
            "mysql://tarn:hunter2@db:port/reporting",
            "mysql://tarn:hunter2@db/reporting?tls=hunter2",
            "mysql://tarn:hunter2@db/reporting?load=hunter2",
            "mysql://tarn:x@db/reporting?password=hunter2",
            "mysql://tarn:%ffhunter2@db/reporting",
        ] {
            let error = Address::parse(url, 3306).unwrap_err();
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
            assert!(!error.retryable);
        }
    }
}
