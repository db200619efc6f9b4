//! Messages to people.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

/// What people are told. It says what is to be read, not how it looks: that is for whoever sends it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Message {
    /// One line; all that a phone shows.
    pub title: String,
    /// Short values with a name each.
    pub facts: Vec<(String, String)>,
    /// Longer texts.
    pub passages: Vec<Passage>,
    /// Where to see more: what it is called, and its address.
    pub link: Option<(String, String)>,
}

/// A longer text of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passage {
    /// What it is.
    pub heading: String,
    /// The text, of any length.
    pub text: String,
    /// Whether it is code, or a table whose columns stand below each other.
    pub is_code: bool,
}

/// Why a message did not go out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotifierError {
    /// It was not taken; later it may be.
    #[error("the message was not taken: {0}")]
    Refused(String),
    /// The connection broke after the message was on its way: nobody knows.
    #[error("whether the message was taken is not known: {0}")]
    Unknown(String),
}

/// A place where people read messages.
#[async_trait]
pub trait Notifier: Send + Sync {
    /// Sends a message; it is there when this returns.
    async fn send(&self, message: &Message) -> Result<(), NotifierError>;
}
