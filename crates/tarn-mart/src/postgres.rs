//! PostgreSQL and Aurora PostgreSQL.
//!
//! Rows come by `COPY` in its text form. Tables change in transactions here, so the last step is one: the table, its rows and the
//! ledger's row, or none of them.

mod fault;
mod publish;
mod query;
mod schema;
mod session;
mod tls;

use std::time::Duration;

use async_trait::async_trait;
use tarn_pipeline::ports::{Credentials, MartError};
use tokio_postgres::config::SslMode;
use tokio_postgres::{Config, NoTls};

use self::fault::explain;
pub(crate) use self::query::query;
use self::session::PostgresSession;
use self::tls::Rustls;
use crate::fault::{WithHint, refused};
use crate::server::{Address, Fault, GivenUp, Server, Tls, Way, client_configuration};

pub(crate) const PORT: u16 = 5432;

/// How soon a connection that says nothing is asked whether it is still there, how often, and how many times without an answer.
const KEEPALIVE: Duration = Duration::from_secs(30);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVES: u32 = 6;

/// Sent when connected. A table that somebody reads is waited for for seconds only, as other readers queue behind.
const SETTINGS: &str = "SET TIME ZONE 'UTC'; SET DATESTYLE = 'ISO, YMD'; SET lock_timeout = '5s'; SET statement_timeout = 0; \
    SET idle_in_transaction_session_timeout = 0; SET standard_conforming_strings = on; SET client_min_messages = warning";

/// A PostgreSQL server.
pub(crate) struct PostgresServer {
    address: Address,
    tls: Option<Rustls>,
    given_up: GivenUp,
}

impl PostgresServer {
    /// A server at an address.
    ///
    /// # Errors
    /// Authorities that cannot be read, a way for rows that the server does not know.
    pub(crate) fn new(address: Address) -> Result<Self, MartError> {
        if address.way == Way::S3 {
            return Err(refused("the url of the mart sets `load=s3`, by which only Aurora MySQL takes rows")
                .hint("take the setting out of the url: PostgreSQL takes rows by `COPY`"));
        }
        let tls = match address.tls {
            Tls::Verified => Some(Rustls::new(client_configuration(address.authorities.as_deref())?)),
            Tls::Off => None,
        };
        Ok(Self { address, tls, given_up: GivenUp::default() })
    }

    fn configuration(&self, credentials: Option<Credentials>) -> Config {
        let address = &self.address;
        let mut configuration = Config::new();
        match &address.socket {
            Some(folder) => configuration.host_path(folder),
            None => configuration.host(&address.host),
        };
        configuration
            .port(address.port)
            .user(&address.user)
            .dbname(&address.database)
            .application_name("tarn")
            .connect_timeout(address.connect_timeout)
            .keepalives_idle(KEEPALIVE)
            .keepalives_interval(KEEPALIVE_INTERVAL)
            .keepalives_retries(KEEPALIVES)
            .tcp_user_timeout(address.stall_timeout)
            .ssl_mode(if self.tls.is_some() { SslMode::Require } else { SslMode::Disable });
        if let Some(given) = credentials {
            configuration.password(given.password);
            if let Some(user) = given.user {
                configuration.user(user);
            }
        } else if let Some(password) = &address.password {
            configuration.password(&password.0);
        }
        configuration
    }

    async fn connected(&self, credentials: Option<Credentials>) -> Result<PostgresSession, Fault> {
        let (configuration, name) = (self.configuration(credentials), self.name());
        let wrong = |error| explain(&error, &name);
        let client = match &self.tls {
            Some(tls) => {
                let (client, connection) = configuration.connect(tls.clone()).await.map_err(wrong)?;
                session::drive(connection);
                client
            }
            None => {
                let (client, connection) = configuration.connect(NoTls).await.map_err(wrong)?;
                session::drive(connection);
                client
            }
        };
        let (stall_timeout, given_up) = (self.address.stall_timeout, self.given_up.clone());
        let session = PostgresSession::start(client, name, stall_timeout, given_up).await?;
        if let Some(schema) = &self.address.schema {
            session.run(format!("SET search_path TO {}", schema::quoted(schema))).await?;
        }
        Ok(session)
    }
}

#[async_trait]
impl Server for PostgresServer {
    type Session = PostgresSession;

    async fn connect(&self, credentials: Option<Credentials>) -> Result<PostgresSession, Fault> {
        match tokio::time::timeout(self.address.connect_timeout, self.connected(credentials)).await {
            Ok(connected) => connected,
            Err(_) => {
                let seconds = self.address.connect_timeout.as_secs();
                Err(Fault::passing(format!("mart `{}` did not answer within {seconds} s", self.name())))
            }
        }
    }

    fn name(&self) -> String {
        self.address.name()
    }
}
