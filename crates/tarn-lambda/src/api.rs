//! The half of Lambda's Runtime API that answers; `lambda_runtime` asks.
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use bytes::Bytes;
use http::{Method, Request};
use lambda_runtime_api_client::body::Body;
use lambda_runtime_api_client::{BoxError, PooledClient, build_request};

use crate::current::Current;
use crate::failure::Failure;

/// The header of [`Current::invocation_id`].
pub(crate) const INVOCATION_ID: &str = "lambda-runtime-invocation-id";
const ERROR_TYPE: &str = "lambda-runtime-function-error-type";

/// Sends answers.
pub(crate) struct RuntimeApi {
    client: PooledClient,
}

impl RuntimeApi {
    /// The API at `AWS_LAMBDA_RUNTIME_API`, e.g. `127.0.0.1:9001`.
    pub(crate) fn new(address: &str) -> Result<Self, BoxError> {
        // One answer at a time.
        Ok(Self { client: PooledClient::builder().with_endpoint(address.parse()?).with_pool_size(1).build() })
    }

    /// Hands in the response of an invocation, byte for byte.
    pub(crate) async fn respond(&self, to: &Current, body: Bytes) -> Result<(), BoxError> {
        let path = format!("/2018-06-01/runtime/invocation/{}/response", to.request_id);
        self.send(request(&path, Some(to), None, body)?).await
    }

    /// Says that an invocation failed.
    pub(crate) async fn fail(&self, to: &Current, failure: &Failure) -> Result<(), BoxError> {
        let path = format!("/2018-06-01/runtime/invocation/{}/error", to.request_id);
        self.send(request(&path, Some(to), Some(failure), serde_json::to_vec(failure)?.into())?).await
    }

    /// Says that the function cannot start.
    pub(crate) async fn fail_to_start(&self, failure: &Failure) -> Result<(), BoxError> {
        let path = "/2018-06-01/runtime/init/error";
        self.send(request(path, None, Some(failure), serde_json::to_vec(failure)?.into())?).await
    }

    async fn send(&self, request: Request<Body>) -> Result<(), BoxError> {
        let answer = self.client.call(request).await?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        let meaning = match status.as_u16() {
            410 => ", it came after the deadline",
            413 => ", it is larger than 6 MB",
            _ => "",
        };
        // Not an error of this process: Lambda has made up its mind, and the next event is waiting.
        tracing::error!(status = status.as_u16(), "lambda did not take the answer{meaning}");
        Ok(())
    }
}

fn request(
    path: &str,
    to: Option<&Current>,
    failure: Option<&Failure>,
    body: Bytes,
) -> Result<Request<Body>, BoxError> {
    let mut builder =
        build_request().method(Method::POST).uri(path).header(http::header::CONTENT_TYPE, "application/json");
    if let Some(id) = to.and_then(|to| to.invocation_id.as_ref()) {
        builder = builder.header(INVOCATION_ID, id);
    }
    if let Some(failure) = failure {
        builder = builder.header(ERROR_TYPE, failure.kind.name());
    }
    Ok(builder.body(Body::from(body))?)
}
