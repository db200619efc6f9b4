//! Messages that go out once.
//!
//! A message is known by what it is about. To send it, a try is claimed: an object that can be made once. A message that was
//! certainly not taken is kept and sent later, by another try with a claim of its own. A try that nobody knows the end of (the
//! connection broke, the process was killed) is not made again: rather no message than two.

use std::hash::{BuildHasher, RandomState};

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::TellPorts;
use crate::layout;
use crate::names::Key;
use crate::ports::{Message, NotifierError};
use crate::stored;

/// How often a message is tried to be sent.
const TRIES: u32 = 20;
/// Messages of earlier times that are sent at one go.
const AT_ONE_GO: usize = 10;
/// How long a message is worth being sent late.
const WORTH: TimeDelta = TimeDelta::days(3);

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// It was sent.
    Sent,
    /// Somebody sends it, or has sent it.
    ByOthers,
    /// It was not taken; it is kept and sent later.
    Waiting,
    /// It may have been taken or not.
    Unknown,
    /// It is not worth another try.
    GivenUp,
    /// There is nobody to tell.
    Nobody,
}

/// A message that was not taken yet.
#[derive(Debug, Serialize, Deserialize)]
struct Waiting {
    what: String,
    /// The tries so far.
    tries: u32,
    since: DateTime<Utc>,
    reason: String,
    message: Message,
}

/// What a claim holds.
#[derive(Serialize)]
struct Claim {
    at: DateTime<Utc>,
    /// Tells this claim from any other.
    nonce: String,
}

/// Sends messages once.
pub struct Outbox {
    ports: TellPorts,
}

impl Outbox {
    pub(super) fn new(ports: TellPorts) -> Self {
        Self { ports }
    }

    /// Tells something, unless that was done before. What it is about names it: `query/<id>`.
    pub async fn tell(&self, what: &str, message: &Message) -> Told {
        if self.ports.notifier.is_none() {
            tracing::debug!(what, "there is nobody to tell");
            return Told::Nobody;
        }
        let since = self.ports.clock.now();
        let waiting =
            Waiting { what: what.to_owned(), tries: 0, since, reason: String::new(), message: message.clone() };
        self.attempt(waiting).await
    }

    /// Sends messages that were not taken when they were new.
    pub async fn send_waiting(&self) -> Vec<Told> {
        if self.ports.notifier.is_none() {
            return Vec::new();
        }
        let listed = match self.ports.objects.list(&layout::waiting_messages()).await {
            Ok(listed) => listed,
            Err(error) => {
                tracing::warn!(%error, "messages of earlier times could not be looked for");
                return Vec::new();
            }
        };
        let mut told = Vec::new();
        for object in listed.into_iter().take(AT_ONE_GO) {
            match stored::find::<Waiting>(&object.key, "the message", self.ports.objects.as_ref()).await {
                Ok(Some(waiting)) => told.push(self.attempt(waiting).await),
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, key = %object.key, "a message of earlier times could not be read"),
            }
            // Slack said no a moment ago: it would say so to the others.
            if told.last() == Some(&Told::Waiting) {
                break;
            }
        }
        told
    }

    /// The next try of a message.
    async fn attempt(&self, waiting: Waiting) -> Told {
        let Waiting { what, tries, since, .. } = &waiting;
        let number = tries + 1;
        let is_stale = self.ports.clock.now() - *since > WORTH;
        if number > TRIES || is_stale {
            tracing::error!(what, tries, reason = waiting.reason, "a message is given up");
            self.forget(what).await;
            return Told::GivenUp;
        }
        match self.claim(what, number).await {
            Ok(true) => {}
            Ok(false) => {
                tracing::info!(what, number, "somebody else sends this message, or has sent it");
                return Told::ByOthers;
            }
            Err(error) => {
                tracing::warn!(what, %error, "a message could not be claimed and is not sent");
                return if number > 1 { Told::Waiting } else { self.keep(waiting, &error).await };
            }
        }
        let Some(notifier) = &self.ports.notifier else { return Told::Nobody };
        match notifier.send(&waiting.message).await {
            Ok(()) => {
                tracing::info!(what, number, "a message was sent");
                if number > 1 {
                    self.forget(what).await;
                }
                Told::Sent
            }
            Err(error @ NotifierError::Refused(_)) => {
                tracing::warn!(what, number, %error, "a message waits to be sent later");
                self.keep(Waiting { tries: number, ..waiting }, &error.to_string()).await
            }
            Err(error @ NotifierError::Unknown(_)) => {
                tracing::warn!(what, number, %error, "a message may not have arrived and is not sent again");
                if number > 1 {
                    self.forget(what).await;
                }
                Told::Unknown
            }
        }
    }

    async fn claim(&self, what: &str, number: u32) -> Result<bool, String> {
        let at = self.ports.clock.now();
        let nonce = format!("{:016x}", RandomState::new().hash_one((what, at)));
        let json = serde_json::to_vec(&Claim { at, nonce }).map_err(|error| error.to_string())?;
        let claimed = self.ports.objects.put_new(&layout::told(what, number), Bytes::from(json)).await;
        claimed.map_err(|error| error.to_string())
    }

    /// Keeps a message for later.
    async fn keep(&self, waiting: Waiting, reason: &str) -> Told {
        let waiting = Waiting { reason: reason.to_owned(), ..waiting };
        let kept = match serde_json::to_vec(&waiting) {
            Ok(json) => {
                self.ports.objects.put(&key(&waiting.what), Bytes::from(json)).await.map_err(|error| error.to_string())
            }
            Err(error) => Err(error.to_string()),
        };
        match kept {
            Ok(()) => Told::Waiting,
            Err(error) => {
                tracing::error!(what = waiting.what, error, "a message could not be kept and is lost");
                Told::GivenUp
            }
        }
    }

    async fn forget(&self, what: &str) {
        if let Err(error) = self.ports.objects.delete(&[key(what)]).await {
            // Its try stays claimed, so nobody sends it once more.
            tracing::warn!(what, %error, "a message that is done could not be taken off the list");
        }
    }
}

fn key(what: &str) -> Key {
    layout::waiting_messages().join(&format!("{what}.json"))
}
