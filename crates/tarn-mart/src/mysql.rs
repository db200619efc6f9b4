//! MySQL, Aurora MySQL and MariaDB.
//!
//! Rows come by `LOAD DATA LOCAL INFILE`, straight from memory. With `LOCAL`, a server takes what does not fit as well as it can, also
//! in strict mode: numbers are cut, duplicates skipped, all with a mere warning. So each slice is a transaction that is committed only
//! when the server took every row without a warning. Where the server forbids it, rows come as `INSERT`s. Aurora can be told to read them
//! from the bucket instead: `s3`.
//!
//! Changes of tables commit by themselves in MySQL. A replaced table therefore names its load in its comment: the ledger's row is
//! there before, and counts from the moment on at which `RENAME TABLE` makes the comment, and with it the rows, visible.

mod bulk;
mod direct;
mod fault;
mod indexes;
mod publish;
mod query;
mod rebuild;
mod s3;
mod schema;
mod session;
mod work;

use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use mysql_async::{Conn, OptsBuilder, SslOpts};
use tarn_pipeline::ports::{Credentials, MartError};

use self::fault::explain;
pub(crate) use self::query::query;
use self::session::MysqlSession;
use crate::server::{Address, Fault, GivenUp, Server, Tls, authorities};

pub(crate) const PORT: u16 = 3306;

/// How often an idle connection is asked whether it is still there: a load may wait minutes for one statement.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// Sent when connected. The waits for locks are short where other readers would queue behind; the server waits for rows longer than
/// its default, as they may come from far away.
pub(crate) const SETTINGS: &str = "SET SESSION \
    sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION', \
    time_zone = '+00:00', autocommit = 1, foreign_key_checks = 1, unique_checks = 1, \
    lock_wait_timeout = 5, innodb_lock_wait_timeout = 50, net_read_timeout = 600, net_write_timeout = 600";

/// A MySQL or MariaDB server.
pub(crate) struct MysqlServer {
    address: Address,
    authorities: Vec<u8>,
    given_up: GivenUp,
}

impl MysqlServer {
    /// A server at an address.
    ///
    /// # Errors
    /// Authorities that cannot be read.
    pub(crate) fn new(address: Address) -> Result<Self, MartError> {
        let mut pem = Vec::new();
        if address.tls == Tls::Verified {
            for certificate in authorities(address.authorities.as_deref())? {
                pem.extend_from_slice(pem_of(&certificate).as_bytes());
            }
        }
        Ok(Self { address, authorities: pem, given_up: GivenUp::default() })
    }

    fn options(&self, credentials: Option<Credentials>) -> OptsBuilder {
        let address = &self.address;
        let (user, password) = match credentials {
            Some(given) => (given.user.unwrap_or_else(|| address.user.clone()), Some(given.password)),
            None => (address.user.clone(), address.password.as_ref().map(|secret| secret.0.clone())),
        };
        let tls = (address.tls == Tls::Verified).then(|| {
            SslOpts::default().with_disable_built_in_roots(true).with_root_certs(vec![self.authorities.clone().into()])
        });
        OptsBuilder::default()
            .ip_or_hostname(address.host.clone())
            .tcp_port(address.port)
            .socket(address.socket.as_ref().map(|path| path.to_string_lossy().into_owned()))
            .prefer_socket(address.socket.is_some())
            .user(Some(user))
            .pass(password)
            .db_name(Some(address.database.clone()))
            // A token of RDS is sent as it is: only where nobody else can read it.
            .enable_cleartext_plugin(tls.is_some())
            .ssl_opts(tls)
            .tcp_keepalive(Some(KEEPALIVE))
            .tcp_nodelay(true)
            .stmt_cache_size(0)
    }
}

#[async_trait]
impl Server for MysqlServer {
    type Session = MysqlSession;

    async fn connect(&self, credentials: Option<Credentials>) -> Result<MysqlSession, Fault> {
        let connecting = Conn::new(self.options(credentials));
        let connection = match tokio::time::timeout(self.address.connect_timeout, connecting).await {
            Ok(Ok(connection)) => connection,
            Ok(Err(error)) => return Err(explain(error, &self.name())),
            Err(_) => {
                let seconds = self.address.connect_timeout.as_secs();
                return Err(Fault::passing(format!("mart `{}` did not answer within {seconds} s", self.name())));
            }
        };
        let (stall_timeout, given_up) = (self.address.stall_timeout, self.given_up.clone());
        MysqlSession::start(connection, self.name(), stall_timeout, self.address.way, given_up).await
    }

    fn name(&self) -> String {
        self.address.name()
    }
}

/// One certificate as PEM, of which a file may hold several.
fn pem_of(certificate: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(certificate);
    format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
}
