//! What the server says, in words that tell what to do.

use std::error::Error as _;

use tarn_pipeline::ports::MartError;
use tokio_postgres::Error;

use crate::fault::{WithHint, refused};
use crate::server::Fault;

/// Serialisation, deadlock, locks not to be had, shutting down or starting, too many connections, read-only after a failover.
const PASSING: [&str; 9] = ["40001", "40P01", "55P03", "57P01", "57P02", "57P03", "57P05", "53300", "25006"];

/// The fault behind an error of the server `name`.
pub(super) fn explain(error: &Error, name: &str) -> Fault {
    let Some(said) = error.as_db_error() else {
        return without_code(error, name);
    };
    let code = said.code().code();
    let detail = said.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
    let place = said.where_().filter(|place| place.starts_with("COPY")).map(|place| format!(", {place}"));
    let message = format!("mart `{name}`: {}{detail}{} ({code})", said.message(), place.unwrap_or_default());
    let refusal = || refused(message.clone());
    match code {
        code if PASSING.contains(&code) || code.starts_with("08") => Fault::passing(message),
        "28P01" | "28000" => Fault::Denied(
            refused(format!("mart `{name}` does not accept the user and the password"))
                .hint("look at the user in the url and where its password comes from"),
        ),
        "53100" | "53200" => Fault::Refused(MartError {
            retryable: true,
            ..refusal().hint("free space on the server's disk; the mart is as it was")
        }),
        "42501" => {
            Fault::Refused(refusal().hint("the user needs the right to create tables in the schema, and its tables"))
        }
        "3D000" => Fault::Refused(refusal().hint("make the database, and grant the user all rights on it")),
        "23505" | "21000" => {
            Fault::Refused(refusal().hint("make the model's rows unique by the key, and add an audit `unique` for it"))
        }
        "42P01" => Fault::Refused(refusal().hint("another load of the same table may have begun since")),
        "22001" | "22003" => {
            Fault::Refused(refusal().hint("widen the column in the mart, or change the value in the model"))
        }
        "2BP01" | "0A000" => {
            Fault::Refused(refusal().hint("something in the mart depends on the table as it is: change that first"))
        }
        _ => Fault::Refused(refusal()),
    }
}

/// An error of the connection itself.
fn without_code(error: &Error, name: &str) -> Fault {
    let mut causes = vec![error.to_string()];
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if !causes.contains(&text) {
            causes.push(text);
        }
        next = cause.source();
    }
    let text = causes.join(": ");
    if text.contains("certificate") || text.contains("handshake") || text.contains("TLS") {
        let hint = if text.contains("does not support TLS") {
            "a connection without it is made with `?tls=off` in the url"
        } else {
            "name its authorities with `?ca=/path/to/authorities.pem` in the url"
        };
        return Fault::Refused(refused(format!("mart `{name}` could not prove who it is: {text}")).hint(hint));
    }
    if text.contains("password") || text.contains("authentication") {
        return Fault::Denied(
            refused(format!("mart `{name}` wants a password in a way that is not met: {text}"))
                .hint("look at the user in the url and where its password comes from"),
        );
    }
    Fault::passing(format!("mart `{name}` cannot be reached: {text}"))
}
