//! Messages to a channel of Slack, through an incoming web hook.
//!
//! Slack takes one message a second and says `429` with `Retry-After` when it had enough: a wait of some seconds is waited here,
//! a longer one is for later. The hook's address is a secret: it stands in no message, no log and no error.
//! <https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks>

mod blocks;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::{Connector, ConnectorBuilder};
use aws_smithy_runtime_api::client::http::HttpConnector as _;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use serde::Deserialize;
use tarn_pipeline::ports::{Message, Notifier, NotifierError};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::Aws;
use crate::secrets::secret_text;

/// Slack's limit for one hook.
const PACE: Duration = Duration::from_secs(1);
/// How long Slack may take to answer.
const PATIENCE: Duration = Duration::from_secs(8);
/// The longest wait that is waited when Slack asks for one.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// How often a message is sent that Slack asks to send again.
const TRIES: u32 = 3;

/// A web hook of Slack whose address is a secret of Secrets Manager.
///
/// The secret holds the address, or JSON with it: `{"url": "https://hooks.slack.com/…"}`.
pub struct Slack {
    aws: Arc<Aws>,
    secret: String,
    connector: Connector,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    address: Option<String>,
    /// When the last message was sent.
    sent: Option<Instant>,
}

/// What Slack made of one request.
enum Answer {
    Taken,
    /// Later, after so long.
    Busy(Duration),
    /// The hook is not there any more; the secret may name another by now.
    Gone(String),
    Refused(String),
}

impl Slack {
    /// Nothing is read and nobody is called yet.
    pub fn new(aws: Arc<Aws>, secret: impl Into<String>) -> Self {
        let connector = ConnectorBuilder::default().tls_provider(Provider::Rustls(CryptoMode::Ring)).build();
        Self { aws, secret: secret.into(), connector, state: Mutex::default() }
    }

    async fn address(&self) -> Result<String, NotifierError> {
        let text = secret_text(&self.aws, &self.secret).await.map_err(|error| NotifierError::Refused(error.message))?;
        address_in(&text)
            .ok_or_else(|| NotifierError::Refused(format!("secret `{}` holds no address of a web hook", self.secret)))
    }

    /// One request. What is not known to have failed may have been taken.
    async fn post(&self, address: &str, body: &str) -> Result<Answer, NotifierError> {
        let mut request = HttpRequest::new(body.to_owned().into());
        // The parsers' own words would hold the address.
        let unusable = || NotifierError::Refused(format!("secret `{}` holds no address of a web hook", self.secret));
        request.set_method("POST").map_err(|_| unusable())?;
        request.set_uri(address).map_err(|_| unusable())?;
        request.headers_mut().insert("content-type", "application/json; charset=utf-8");
        match tokio::time::timeout(PATIENCE, self.connector.call(request)).await {
            Ok(Ok(response)) => Ok(read(response).await),
            Ok(Err(error)) if never_left(&error) => Err(NotifierError::Refused("Slack cannot be reached".to_owned())),
            Ok(Err(_)) => Err(NotifierError::Unknown("the connection to Slack broke".to_owned())),
            Err(_) => Err(NotifierError::Unknown(format!("Slack did not answer in {} s", PATIENCE.as_secs()))),
        }
    }
}

#[async_trait]
impl Notifier for Slack {
    async fn send(&self, message: &Message) -> Result<(), NotifierError> {
        let body = blocks::payload(message).to_string();
        // One message after another: Slack takes no more.
        let mut state = self.state.lock().await;
        let mut address = match &state.address {
            Some(address) => address.clone(),
            None => self.address().await?,
        };
        let mut said = String::new();
        for _ in 0..TRIES {
            if let Some(sent) = state.sent {
                tokio::time::sleep_until(sent + PACE).await;
            }
            let answer = self.post(&address, &body).await;
            state.sent = Some(Instant::now());
            match answer? {
                Answer::Taken => {
                    state.address = Some(address);
                    return Ok(());
                }
                Answer::Busy(wait) if wait <= LONGEST_WAIT => {
                    tracing::info!(seconds = wait.as_secs(), "Slack asks to wait");
                    said = "Slack has no time".to_owned();
                    tokio::time::sleep(wait).await;
                }
                Answer::Busy(wait) => {
                    let said = format!("Slack has no time for {} s", wait.as_secs());
                    return Err(NotifierError::Refused(said));
                }
                Answer::Gone(reason) => {
                    // A hook that was replaced while the function was warm.
                    let now = self.address().await?;
                    state.address = None;
                    if now == address {
                        return Err(NotifierError::Refused(reason));
                    }
                    (address, said) = (now, reason);
                }
                Answer::Refused(reason) => return Err(NotifierError::Refused(reason)),
            }
        }
        Err(NotifierError::Refused(said))
    }
}

/// What an answer means; Slack says what is wrong in a word, such as `no_service`.
async fn read(mut response: HttpResponse) -> Answer {
    let status = response.status().as_u16();
    if response.status().is_success() {
        return Answer::Taken;
    }
    if status == 429 {
        let wait = response.headers().get("retry-after").and_then(|text| text.trim().parse().ok());
        return Answer::Busy(wait.map_or(PACE, Duration::from_secs));
    }
    let collected = aws_smithy_types::byte_stream::ByteStream::new(response.take_body()).collect();
    let body = match tokio::time::timeout(PATIENCE, collected).await {
        Ok(Ok(body)) => body.into_bytes(),
        _ => bytes::Bytes::new(),
    };
    let word = |byte: &&u8| byte.is_ascii_lowercase() || **byte == b'_';
    let word = String::from_utf8(body.iter().take_while(word).take(60).copied().collect()).unwrap_or_default();
    let reason = format!("Slack answered {status} {word}").trim_end().to_owned();
    match status {
        403 | 404 | 410 => Answer::Gone(reason),
        _ => Answer::Refused(reason),
    }
}

/// Whether a request certainly did not reach Slack: no connection was made.
fn never_left(error: &ConnectorError) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = std::error::Error::source(error);
    let mut is_refused = error.is_user();
    while let Some(error) = cause {
        let kind = error.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        is_refused |= matches!(kind, Some(std::io::ErrorKind::ConnectionRefused | std::io::ErrorKind::NotFound));
        is_refused |= error.to_string().contains("dns error") || error.to_string().contains("resolve");
        cause = error.source();
    }
    is_refused
}

/// The address in a secret's text. It goes over TLS, but to this machine.
fn address_in(text: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Written {
        url: String,
    }
    let address = match text.trim().starts_with('{') {
        true => serde_json::from_str::<Written>(text).ok()?.url,
        false => text.trim().to_owned(),
    };
    let url = url::Url::parse(&address).ok()?;
    let is_here = matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
    (url.scheme() == "https" || (url.scheme() == "http" && is_here)).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_an_address_or_names_one() {
        let hook = "https://hooks.slack.com/services/T0/B0/x";
        assert_eq!(address_in(&format!(" {hook}\n")).as_deref(), Some(hook));
        assert_eq!(address_in(&format!(r#"{{"url": "{hook}"}}"#)).as_deref(), Some(hook));
        assert_eq!(address_in("http://127.0.0.1:1/hook").as_deref(), Some("http://127.0.0.1:1/hook"));
        for wrong in ["", "hooks.slack.com", "http://hooks.slack.com/x", r#"{"password": "x"}"#, "ftp://a/b"] {
            assert_eq!(address_in(wrong), None, "{wrong}");
        }
    }
}
