//! What a service's answer means to a step: nothing there, try later, or mend something.

use std::error::Error;
use std::io;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use tarn_pipeline::names::Key;
use tarn_pipeline::ports::ObjectError;

/// Codes by which services say that the same call may succeed later.
const BUSY: [&str; 15] = [
    "ConcurrentRunsExceededException",
    "InternalError",
    "InternalFailure",
    "InternalServerException",
    "InternalServiceException",
    "LimitExceededException",
    "OperationAborted",
    "RequestTimeTooSkewed",
    "RequestTimeout",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
];

/// Whether a service's error code means that the same call may succeed later.
pub(crate) fn is_busy(code: &str) -> bool {
    BUSY.contains(&code)
}

/// Whether the same call may succeed later.
pub(crate) fn is_transient<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    matches!(kind(error), io::ErrorKind::TimedOut | io::ErrorKind::ConnectionReset | io::ErrorKind::WouldBlock)
}

/// The service's answer as an error of the store.
pub(crate) fn object_error<E>(key: &Key, action: &'static str, error: SdkError<E>) -> ObjectError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let status = error.raw_response().map(|response| response.status().as_u16());
    // A bucket that is not there is a mistake of the settings, not an object that is not there.
    if error.code() != Some("NoSuchBucket") && (status == Some(404) || error.code() == Some("NoSuchKey")) {
        return ObjectError::NotFound(key.clone());
    }
    ObjectError::Io { key: key.clone(), action, source: io::Error::new(kind(&error), message(&error)) }
}

fn kind<E: ProvideErrorMetadata>(error: &SdkError<E>) -> io::ErrorKind {
    match error {
        SdkError::TimeoutError(_) => io::ErrorKind::TimedOut,
        SdkError::DispatchFailure(failure) if failure.is_timeout() => io::ErrorKind::TimedOut,
        SdkError::DispatchFailure(failure) if failure.is_user() => io::ErrorKind::InvalidInput,
        SdkError::DispatchFailure(_) | SdkError::ResponseError(_) => io::ErrorKind::ConnectionReset,
        SdkError::ServiceError(service) => {
            let status = service.raw().status().as_u16();
            match service.err().code() {
                Some(code) if is_busy(code) => io::ErrorKind::WouldBlock,
                _ if status >= 500 || status == 429 => io::ErrorKind::WouldBlock,
                Some("AccessDenied" | "AccessDeniedException") => io::ErrorKind::PermissionDenied,
                _ => io::ErrorKind::Other,
            }
        }
        _ => io::ErrorKind::Other,
    }
}

/// Code and text of a service's refusal, or the chain of what broke on the way.
pub(crate) fn message<E: ProvideErrorMetadata + Error + 'static>(error: &SdkError<E>) -> String {
    if let (Some(code), text) = (error.code(), error.message()) {
        return match text {
            Some(text) => format!("{code}: {text}"),
            None => code.to_owned(),
        };
    }
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !message.ends_with(&text) {
            message = format!("{message}: {text}");
        }
        cause = error.source();
    }
    message
}
