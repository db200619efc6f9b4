//! Where a mart's password comes from when it is not in its URL.

use async_trait::async_trait;

use crate::ports::MartError;

/// A user and a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user; the URL's when there is none.
    pub user: Option<String>,
    /// The password; never shown.
    pub password: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Credentials").finish_non_exhaustive()
    }
}

/// A place where passwords are kept.
#[async_trait]
pub trait Passwords: Send + Sync {
    /// The credentials; `anew` when those given before were refused, because they were changed meanwhile.
    ///
    /// # Errors
    /// When there are none to be had; the message holds nothing secret.
    async fn credentials(&self, anew: bool) -> Result<Credentials, MartError>;
}
