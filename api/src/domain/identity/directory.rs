//! The identity provider's directory of persons.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use entity::Uuid;
use providers::Error as ProviderError;
use providers::clerk::{self, Listing};

/// Reads persons from the identity provider's directory, and remembers whom it has read.
#[derive(Debug)]
pub struct Directory {
    client: clerk::Directory,
    read: Mutex<HashMap<Uuid, DateTime<Utc>>>,
}

/// How long a person is not read again. A person without a verified address is read each time: they
/// wait for it.
const REMEMBERED: TimeDelta = TimeDelta::minutes(10);
/// Maximum number of remembered persons.
const MAX_REMEMBERED: usize = 10_000;

impl Directory {
    /// A directory that has read nobody.
    #[must_use]
    pub fn new(client: clerk::Directory) -> Self {
        Self {
            client,
            read: Mutex::default(),
        }
    }

    /// Why the directory does not accept the secret key, for the operator; `None` when it does.
    pub async fn refusal(&self) -> Option<String> {
        let nobody = self.client.find("user_0").await;
        nobody.err().map(|error| error.to_string())
    }

    /// A person, as the directory has them now.
    pub(super) async fn find(&self, subject: &str) -> Result<Option<Listing>, ProviderError> {
        self.client.find(subject).await
    }

    pub(super) fn is_fresh(&self, user_id: Uuid, now: DateTime<Utc>) -> bool {
        let read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        read.get(&user_id)
            .is_some_and(|at| (now - *at).abs() < REMEMBERED)
    }

    pub(super) fn remember(&self, user_id: Uuid, now: DateTime<Utc>) {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if read.len() >= MAX_REMEMBERED {
            read.retain(|_, at| (now - *at).abs() < REMEMBERED);
        }
        if read.len() < MAX_REMEMBERED {
            read.insert(user_id, now);
        }
    }
}
