//! Passwords of marts: from Secrets Manager, or tokens of RDS in place of one.
//!
//! A secret is read once and kept; it is read again when the database refuses what was kept, because a secret may be rotated while
//! a function is warm. A token is signed here, for nobody is asked for one, and is good for fifteen minutes.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_sdk_secretsmanager::error::DisplayErrorContext;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign};
use aws_sigv4::sign::v4;
use serde::Deserialize;
use tarn_pipeline::ports::{Credentials, MartError, Passwords};
use tokio::sync::Mutex;

use crate::Aws;

/// How long RDS accepts a token.
const TOKEN: Duration = Duration::from_secs(900);

/// A secret of Secrets Manager, by name or ARN.
///
/// It holds the password, or JSON as RDS writes it: `{"username": …, "password": …}`.
pub struct Secret {
    aws: Arc<Aws>,
    id: String,
    kept: Mutex<Option<Credentials>>,
}

impl Secret {
    /// Nothing is read yet.
    pub fn new(aws: Arc<Aws>, id: impl Into<String>) -> Self {
        Self { aws, id: id.into(), kept: Mutex::new(None) }
    }

    async fn read(&self) -> Result<Credentials, MartError> {
        self.credentials_in(secret_text(&self.aws, &self.id).await?)
    }

    fn credentials_in(&self, text: String) -> Result<Credentials, MartError> {
        #[derive(Deserialize)]
        struct Written {
            username: Option<String>,
            password: String,
        }
        if !text.trim_start().starts_with('{') {
            return Ok(Credentials { user: None, password: text });
        }
        // The parser's own words may hold a piece of the secret.
        let Written { username, password } =
            serde_json::from_str(&text).map_err(|_| self.unusable("it is json without a `password`"))?;
        Ok(Credentials { user: username, password })
    }

    fn unusable(&self, what: &str) -> MartError {
        MartError { message: format!("secret `{}` is of no use: {what}", self.id), hint: None, retryable: false }
    }
}

/// The text of a secret, by name or ARN.
pub(crate) async fn secret_text(aws: &Aws, id: &str) -> Result<String, MartError> {
    let client = aws_sdk_secretsmanager::Client::new(aws.config().await);
    let answer = client.get_secret_value().secret_id(id).send().await.map_err(|error| {
        let is_refused = error.as_service_error().is_some();
        MartError {
            message: format!("secret `{id}` cannot be read: {}", DisplayErrorContext(&error)),
            hint: Some("the function's role needs `secretsmanager:GetSecretValue` on it".to_owned()),
            retryable: !is_refused,
        }
    })?;
    answer.secret_string.ok_or_else(|| MartError {
        message: format!("secret `{id}` is of no use: it holds no text"),
        hint: None,
        retryable: false,
    })
}

#[async_trait]
impl Passwords for Secret {
    async fn credentials(&self, anew: bool) -> Result<Credentials, MartError> {
        let mut kept = self.kept.lock().await;
        if let Some(kept) = kept.as_ref().filter(|_| !anew) {
            return Ok(kept.clone());
        }
        let read = self.read().await?;
        *kept = Some(read.clone());
        Ok(read)
    }
}

/// Tokens that RDS takes in place of a password, for a user that may log in by IAM.
pub struct RdsToken {
    aws: Arc<Aws>,
    host: String,
    port: u16,
    user: String,
}

impl RdsToken {
    /// For a database server and one of its users.
    pub fn new(aws: Arc<Aws>, host: impl Into<String>, port: u16, user: impl Into<String>) -> Self {
        Self { aws, host: host.into(), port, user: user.into() }
    }

    async fn sign(&self, now: SystemTime) -> Result<String, MartError> {
        let failed = |what: String| MartError {
            message: format!("no token for the database can be signed: {what}"),
            hint: Some("the function needs a region, credentials and the right `rds-db:connect`".to_owned()),
            retryable: false,
        };
        let config = self.aws.config().await;
        let region = config.region().ok_or_else(|| failed("there is no region".to_owned()))?.to_string();
        let provider = config.credentials_provider().ok_or_else(|| failed("there are no credentials".to_owned()))?;
        let credentials = provider.provide_credentials().await.map_err(|error| failed(error.to_string()))?;
        token(&self.host, self.port, &self.user, &region, credentials, now).map_err(|error| failed(error.to_string()))
    }
}

/// `host:port/?Action=connect&DBUser=…&X-Amz-…`, the URL of a request that is never sent.
fn token(
    host: &str,
    port: u16,
    user: &str,
    region: &str,
    credentials: aws_credential_types::Credentials,
    now: SystemTime,
) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    let identity = credentials.into();
    let mut settings = SigningSettings::default();
    settings.expires_in = Some(TOKEN);
    settings.signature_location = SignatureLocation::QueryParams;
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("rds-db")
        .time(now)
        .settings(settings)
        .build()?
        .into();
    let mut url = url::Url::parse(&format!("https://{host}:{port}/"))?;
    url.query_pairs_mut().append_pair("Action", "connect").append_pair("DBUser", user);
    let request = SignableRequest::new("GET", url.as_str(), std::iter::empty(), SignableBody::Bytes(&[]))?;
    let (instructions, _) = sign(request, &parameters)?.into_parts();
    for (name, value) in instructions.params() {
        url.query_pairs_mut().append_pair(name, value);
    }
    Ok(url.as_str().trim_start_matches("https://").to_owned())
}

#[async_trait]
impl Passwords for RdsToken {
    async fn credentials(&self, _anew: bool) -> Result<Credentials, MartError> {
        let password = self.sign(SystemTime::now()).await?;
        Ok(Credentials { user: Some(self.user.clone()), password })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_a_signed_url() {
        let credentials =
            aws_credential_types::Credentials::new("AKIDEXAMPLE", "secret", Some("session".into()), None, "test");
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000);
        let token = token("db.example.com", 3306, "tarn loader", "ap-northeast-1", credentials, now).unwrap();
        assert!(token.starts_with("db.example.com:3306/?Action=connect&DBUser=tarn+loader&"), "{token}");
        for part in [
            "X-Amz-Credential=AKIDEXAMPLE%2F20260921%2Fap-northeast-1%2Frds-db%2Faws4_request",
            "X-Amz-Date=20260921T",
            "X-Amz-Expires=900",
            "X-Amz-SignedHeaders=host",
            "X-Amz-Security-Token=session",
            "X-Amz-Signature=",
        ] {
            assert!(token.contains(part), "{part} is not in {token}");
        }
        assert!(!token.contains("secret"));
    }
}
