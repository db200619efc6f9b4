//! What the server says, in words that tell what to do.

use mysql_async::{DriverError, Error, IoError};
use tarn_pipeline::ports::MartError;

use crate::fault::{WithHint, refused};
use crate::server::Fault;

/// Deadlock, lock wait timeouts, shutting down, too many connections, read-only after a failover, killed, idle for too long.
const PASSING: [u16; 14] = [1040, 1053, 1158, 1159, 1160, 1161, 1205, 1213, 1290, 1317, 1792, 1836, 1927, 4031];
const DENIED: [u16; 3] = [1045, 1698, 1862];
/// `local_infile` is off, as MySQL and MariaDB say it.
const BULK_FORBIDDEN: [u16; 4] = [1148, 3948, 3950, 4166];
const DISK_FULL: [u16; 4] = [3, 1021, 1026, 1114];

/// The fault behind an error of the server `name`.
pub(super) fn explain(error: Error, name: &str) -> Fault {
    match error {
        Error::Server(error) => {
            let said = format!("mart `{name}`: {} (error {})", error.message, error.code);
            let refusal = || refused(said.clone());
            match error.code {
                code if PASSING.contains(&code) => Fault::passing(said),
                code if DENIED.contains(&code) => Fault::Denied(
                    refused(format!("mart `{name}` does not accept the user and the password"))
                        .hint("look at the user in the url and where its password comes from"),
                ),
                code if BULK_FORBIDDEN.contains(&code) => Fault::BulkForbidden,
                code if DISK_FULL.contains(&code) => Fault::Refused(MartError {
                    retryable: true,
                    ..refusal().hint("free space on the server's disk; the mart is as it was")
                }),
                1044 | 1049 => Fault::Refused(refusal().hint("make the database, and grant the user all rights on it")),
                1142 | 1143 | 1227 | 1370 => Fault::Refused(
                    refusal()
                        .hint("a loader creates, alters, drops, selects, inserts, updates and deletes in its database"),
                ),
                1062 => Fault::Refused(
                    refusal().hint("make the model's rows unique by the key, and add an audit `unique` for it"),
                ),
                1146 => Fault::Refused(refusal().hint("another load of the same table may have begun since")),
                1406 | 1264 | 1265 => {
                    Fault::Refused(refusal().hint("widen the column in the mart, or cut the value in the model"))
                }
                1118 | 1071 | 1117 | 1059 => Fault::Refused(
                    refusal().hint("a table of MySQL has limits; see the table of types in docs/marts.md"),
                ),
                _ => Fault::Refused(refusal()),
            }
        }
        Error::Io(IoError::Tls(error)) => Fault::Refused(
            refused(format!("mart `{name}` could not prove who it is: {error}"))
                .hint("name its authorities with `?ca=/path/to/authorities.pem` in the url"),
        ),
        Error::Io(IoError::Io(error)) if error.kind() == std::io::ErrorKind::InvalidData => Fault::Refused(
            refused(format!("mart `{name}` could not prove who it is: {error}"))
                .hint("name its authorities with `?ca=/path/to/authorities.pem` in the url"),
        ),
        Error::Io(IoError::Io(error)) => Fault::passing(format!("mart `{name}` cannot be reached: {error}")),
        Error::Driver(DriverError::ConnectionClosed) => Fault::passing(format!("mart `{name}` ended the connection")),
        Error::Driver(DriverError::NoClientSslFlagFromServer) => Fault::Refused(
            refused(format!("mart `{name}` has no tls"))
                .hint("a connection without it is made with `?tls=off` in the url"),
        ),
        Error::Driver(DriverError::PacketTooLarge) => {
            Fault::Refused(refused(format!("mart `{name}` takes no statement as long as one row")))
        }
        Error::Driver(DriverError::UnknownAuthPlugin { name: plugin }) => {
            Fault::Refused(refused(format!("mart `{name}` wants the unknown authentication `{plugin}`")))
        }
        Error::Driver(error @ (DriverError::PacketOutOfOrder | DriverError::UnexpectedPacket { .. })) => {
            Fault::passing(format!("mart `{name}` broke off: {error}"))
        }
        other => Fault::Refused(refused(format!("mart `{name}`: {other}"))),
    }
}
