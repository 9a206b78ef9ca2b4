//! Everything a request or a job may need, in one place.

use std::sync::Arc;

use chrono::TimeDelta;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::db::Db;
use crate::domain::connection::{AccountProviders, Credentials, Redirects};
use crate::domain::identity::{Directory, Recent, TokenVerifier};
use crate::domain::scheduling::Schedulers;
use crate::domain::webhook::{Parsers, WebhookSecrets};
use crate::metrics::Metrics;
use crate::outbox::listen::Live;
use crate::vault::Vault;

/// Deadlines that an operator may set.
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    /// How long a client may take to pay.
    pub payment: TimeDelta,
    /// How long after its end a session counts as over.
    pub completion_grace: TimeDelta,
    /// How long a slot is held.
    pub hold: TimeDelta,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            payment: TimeDelta::minutes(30),
            completion_grace: TimeDelta::minutes(15),
            hold: TimeDelta::minutes(10),
        }
    }
}

/// The application.
pub struct App {
    pub db: Db,
    pub clock: Clock,
    pub deadlines: Deadlines,
    /// What is known of free time in calendars elsewhere.
    pub slots: crate::domain::scheduling::SlotCache,
    pub live: Arc<Live>,
    pub tokens: TokenVerifier,
    /// What the identity provider knows of persons beyond their tokens; none without its key.
    pub directory: Option<Directory>,
    /// Callers who were looked up a moment ago.
    pub recent: Recent,
    /// Seals what must not be readable in the database.
    pub vault: Arc<Vault>,
    /// Cal.com's API; none where a coach's tokens could not be kept safe.
    pub cal_com: Option<providers::cal_com::Client>,
    /// Schedulers of others that can be called.
    pub schedulers: Schedulers,
    /// Providers where coaches have accounts.
    pub accounts: AccountProviders,
    /// Credentials in use, and whose turn it is to renew one.
    pub credentials: Credentials,
    /// Where browsers may be sent back to.
    pub redirects: Redirects,
    /// Where the server is reached from outside, without a slash at its end.
    pub public_url: String,
    /// What providers may sign their webhooks with.
    pub webhook_secrets: WebhookSecrets,
    /// What stored deliveries say.
    pub webhook_parsers: Arc<Parsers>,
    /// Deliveries on their way into the database.
    pub inbox: crate::domain::webhook::Inbox,
    pub metrics: Arc<Metrics>,
    /// Work that must not be cut off by a client that goes away; a shutdown waits for it.
    pub tasks: TaskTracker,
}
