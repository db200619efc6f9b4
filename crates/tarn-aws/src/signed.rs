//! Single questions to services, signed here: JSON goes there and comes back.
//!
//! Some services are asked one thing, by the program of whoever operates a lake. A client of each would be built into every
//! function, and bring protocols of its own.

use std::time::{Duration, SystemTime};

use aws_credential_types::provider::ProvideCredentials as _;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_http_client::ConnectorBuilder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_runtime_api::client::http::HttpConnector as _;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use serde_json::Value;

use crate::aws::Aws;

/// How long a service may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a service did not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ServiceError {
    message: String,
    /// HTTP's word for it, where the service answered at all.
    pub(crate) status: Option<u16>,
}

impl ServiceError {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), status: None }
    }

    /// An answer that is not of the form it should have.
    pub(crate) fn unreadable(service: &str, error: &serde_json::Error) -> Self {
        Self::new(format!("{service} answered what cannot be read: {error}"))
    }
}

/// A question.
pub(crate) enum Question<'a> {
    /// An operation of the JSON protocol, by its target, with its input.
    Call(&'a str, Value),
    /// What lies at a path with its query, which are percent-encoded already.
    Look(&'a str),
}

/// Asks a service by its name, which is that of its host and of its signatures.
pub(crate) async fn ask(aws: &Aws, service: &str, question: Question<'_>) -> Result<Value, ServiceError> {
    let config = aws.config().await;
    let region = config.region().ok_or_else(|| ServiceError::new("no region is set"))?.to_string();
    let provider = config.credentials_provider().ok_or_else(|| ServiceError::new("there are no credentials"))?;
    let identity = provider.provide_credentials().await.map_err(|error| ServiceError::new(error.to_string()))?.into();
    let host =
        format!("https://{service}.{region}.amazonaws.com{}", if region.starts_with("cn-") { ".cn" } else { "" });
    let endpoint = config.endpoint_url().map_or(host, |url| url.trim_end_matches('/').to_owned());
    let (method, path, headers, body) = match question {
        Question::Call(target, input) => {
            let headers = vec![("content-type", "application/x-amz-json-1.0"), ("x-amz-target", target)];
            ("POST", "/", headers, input.to_string())
        }
        Question::Look(path) => ("GET", path, Vec::new(), String::new()),
    };
    let url = format!("{endpoint}{path}");
    let failed = |error: &dyn std::error::Error| ServiceError::new(format!("{service} cannot be asked: {error}"));
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(&region)
        .name(service)
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()
        .map_err(|error| failed(&error))?
        .into();
    let signable = SignableRequest::new(method, &url, headers.iter().copied(), SignableBody::Bytes(body.as_bytes()));
    let (instructions, _) =
        signable.and_then(|request| sign(request, &parameters)).map_err(|error| failed(&error))?.into_parts();
    let mut request = HttpRequest::new(body.into());
    request.set_method(method).map_err(|error| failed(&error))?;
    request.set_uri(url.as_str()).map_err(|error| failed(&error))?;
    for (name, value) in headers.into_iter().chain(instructions.headers()) {
        request.headers_mut().insert(name.to_owned(), value.to_owned());
    }
    let connector = ConnectorBuilder::default().tls_provider(Provider::Rustls(CryptoMode::Ring)).build();
    let asked = async {
        let mut response = connector.call(request).await.map_err(|error| failed(&error))?;
        let status = response.status().as_u16();
        let body = aws_smithy_types::byte_stream::ByteStream::new(response.take_body()).collect().await;
        Ok::<_, ServiceError>((status, body.map_err(|error| failed(&error))?.into_bytes()))
    };
    let answered = tokio::time::timeout(PATIENCE, asked).await;
    let (status, body) = answered.map_err(|_| ServiceError::new(format!("{service} did not answer")))??;
    let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
    if (200..300).contains(&status) {
        return Ok(answer);
    }
    let said = ["message", "Message", "__type"].iter().find_map(|key| answer.get(key)?.as_str()).unwrap_or_default();
    let message = format!("{service} answered {status} {said}").trim_end().to_owned();
    Err(ServiceError { message, status: Some(status) })
}
