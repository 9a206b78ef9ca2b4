//! Receives deliveries: verifies, stores, answers.
//!
//! The answer 200 promises durability, so it is sent after the commit. A commit waits for the disk
//! and providers send bursts, so all deliveries that wait at a moment are stored in one
//! transaction.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use entity::Uuid;
use entity::webhook_delivery::{ActiveModel, Column, Entity, Status};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ConnectionTrait, EntityTrait, QueryTrait, TryGetable};
use secrecy::SecretString;
use tokio::sync::oneshot;

use super::secrets::{Endpoint, Signer};
use crate::app::App;
use crate::db::{Db, Txn};
use crate::domain::{Error, Result};
use crate::outbox::{Job, Queue, job};

/// Most deliveries per transaction: the limit of one statement on both databases, and short enough
/// not to delay other writers.
const BATCH: usize = 256;

/// The outcome of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// It is stored, and its job is enqueued.
    Stored,
    /// It was stored before; nothing was done.
    Duplicate,
}

/// Why a delivery was refused.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The address has no secret, so no signature can be verified.
    #[error("no webhook secret belongs to this address")]
    NotConfigured,
    /// Its signature is missing or wrong; with a stable label for metrics.
    #[error("the delivery is not genuine: {0}")]
    NotGenuine(&'static str),
    /// It could not be stored; the provider must send it again.
    #[error("the delivery could not be stored: {0}")]
    NotStored(Arc<Error>),
}

impl Refusal {
    /// A stable label for metrics.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NotConfigured => "not_configured",
            Self::NotGenuine(reason) => reason,
            Self::NotStored(_) => "not_stored",
        }
    }
}

/// A delivery with a verified signature, and the fields that are read before it is stored.
#[derive(Clone, Debug)]
pub struct Opened {
    /// Equal for two deliveries of the same event through one registration.
    pub dedupe_key: String,
    /// The trigger's name as received.
    pub trigger: String,
    /// The trigger as a metrics label.
    pub label: &'static str,
    /// The provider's id of the subject.
    pub uid: Option<String>,
    pub sent_at: Option<DateTime<Utc>>,
}

/// Why a delivery could not be verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenError {
    /// No secret is configured.
    NotConfigured,
    /// The signature matches none of the secrets. A new one may have been registered by another
    /// process.
    BadSignature,
    /// The signature is missing or malformed; with a stable label for metrics.
    NotSigned(&'static str),
}

/// Stores a delivery and its job once, however many copies arrive. `open` verifies its signature
/// with the secrets that belong to the address it was sent to.
///
/// # Errors
/// See [`Refusal`]. Nothing has changed then.
pub async fn receive(
    app: &App,
    (provider, endpoint): (&'static str, Endpoint),
    open: impl Fn(&[SecretString]) -> Result<Opened, OpenError> + Sync,
    raw: Bytes,
    correlation_id: &str,
) -> Result<Receipt, Refusal> {
    let received = async {
        let (signer, opened) = opened(app, (provider, endpoint), open).await?;
        let (label, sent_at) = (opened.label, opened.sent_at);
        let row = row(app, (provider, signer), opened, &raw, correlation_id);
        let receipt = app.inbox.store(&app.db, row).await?;
        Ok((receipt, label, sent_at))
    };
    let received: Result<_, Refusal> = received.await;
    match &received {
        Ok((Receipt::Stored, label, sent_at)) => {
            let lag = sent_at.and_then(|sent_at| (app.clock.now() - sent_at).to_std().ok());
            app.metrics.webhook_accepted(provider, label, lag);
        }
        Ok((Receipt::Duplicate, label, _)) => app.metrics.webhook_duplicate(provider, label),
        Err(refusal) => app.metrics.webhook_refused(provider, refusal.reason()),
    }
    received.map(|(receipt, ..)| receipt)
}

async fn opened(
    app: &App,
    (provider, endpoint): (&str, Endpoint),
    open: impl Fn(&[SecretString]) -> Result<Opened, OpenError>,
) -> Result<(Signer, Opened), Refusal> {
    // Which secret fits decides who speaks. One address has one signer; only the platform's has
    // several, until registrations of earlier versions have moved to addresses of their own.
    let by_signer = || {
        let mut failed = OpenError::NotConfigured;
        for (signer, secrets) in app.webhook_secrets.at(provider, endpoint, app.clock.now()) {
            match open(&secrets) {
                Ok(opened) => return Ok((signer, opened)),
                Err(error) => failed = error,
            }
            if failed != OpenError::BadSignature {
                break;
            }
        }
        Err(failed)
    };
    let mut opened = by_signer();
    let is_strange = matches!(
        opened,
        Err(OpenError::BadSignature | OpenError::NotConfigured)
    );
    if is_strange && app.webhook_secrets.refresh(app).await {
        // Another process may have registered a webhook.
        opened = by_signer();
    }
    opened.map_err(|error| match error {
        OpenError::NotConfigured => Refusal::NotConfigured,
        OpenError::BadSignature => Refusal::NotGenuine("bad_signature"),
        OpenError::NotSigned(reason) => Refusal::NotGenuine(reason),
    })
}

fn row(
    app: &App,
    (provider, signer): (&str, Signer),
    opened: Opened,
    raw: &Bytes,
    correlation_id: &str,
) -> Row {
    let received_at = app.clock.now();
    // By registration, so that nobody can make another's delivery a duplicate in advance.
    let dedupe_key = match signer.registration_id {
        Some(id) => format!("{}:{}", id.simple(), opened.dedupe_key),
        None => opened.dedupe_key,
    };
    Row {
        id: entity::new_id(),
        dedupe_key: dedupe_key.clone(),
        row: ActiveModel {
            provider: Set(provider.to_owned()),
            dedupe_key: Set(dedupe_key),
            // A body may have a NUL in its trigger, which PostgreSQL's text cannot store.
            trigger: Set(opened.trigger.replace('\0', "\u{fffd}")),
            uid: Set(opened.uid),
            body: Set(raw.to_vec()),
            status: Set(Status::Received),
            booking_id: Set(None),
            failure: Set(None),
            correlation_id: Set(correlation_id.to_owned()),
            sent_at: Set(opened.sent_at),
            received_at: Set(received_at),
            processed_at: Set(None),
            registration_id: Set(signer.registration_id),
            connection_id: Set(signer.connection_id),
            ..ActiveModel::default()
        },
        received_at,
        correlation_id: correlation_id.to_owned(),
    }
}

/// A delivery to insert.
#[derive(Clone, Debug)]
struct Row {
    id: Uuid,
    dedupe_key: String,
    row: ActiveModel,
    received_at: DateTime<Utc>,
    correlation_id: String,
}

type Answer = Result<Receipt, Refusal>;

/// Deliveries that wait to be stored.
#[derive(Debug, Default)]
pub struct Inbox {
    waiting: Mutex<Vec<(Row, oneshot::Sender<Answer>)>>,
    storing: tokio::sync::Mutex<()>,
}

impl Inbox {
    /// Stores a delivery in a group commit: the first waiter stores everything that waits, and
    /// later arrivals form the next batch. Returns after the commit.
    async fn store(&self, db: &Db, row: Row) -> Answer {
        let (answer, mut answered) = oneshot::channel();
        self.waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((row, answer));
        loop {
            let turn = self.storing.lock().await;
            match answered.try_recv() {
                Ok(answer) => return answer,
                Err(oneshot::error::TryRecvError::Empty) => self.store_batch(db).await,
                // The task that was storing it has ended: nothing is known to be stored.
                Err(oneshot::error::TryRecvError::Closed) => {
                    let gone = Error::internal("a webhook", "its batch was abandoned");
                    return Err(Refusal::NotStored(Arc::new(gone)));
                }
            }
            drop(turn);
        }
    }

    async fn store_batch(&self, db: &Db) {
        let batch: Vec<_> = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            let size = waiting.len().min(BATCH);
            waiting.drain(..size).collect()
        };
        let (mut rows, answers): (Vec<Row>, Vec<_>) = batch
            .into_iter()
            .map(|(row, answer)| ((row.id, row), answer))
            .map(|((id, row), answer)| (row, (id, answer)))
            .unzip();
        // Sorted, so that two processes that insert the same rows wait for each other instead of
        // deadlocking.
        rows.sort_by(|one, other| one.dedupe_key.cmp(&other.dedupe_key));
        let rows: Arc<[Row]> = rows.into();
        let stored = db.transaction(rows, insert).await.map_err(Arc::new);
        for (id, answer) in answers {
            // A caller that has gone away misses the answer, not the effect.
            let _ = answer.send(match &stored {
                Ok(stored) if stored.contains(&id) => Ok(Receipt::Stored),
                Ok(_) => Ok(Receipt::Duplicate),
                Err(error) => Err(Refusal::NotStored(Arc::clone(error))),
            });
        }
    }
}

/// Inserts new deliveries with their jobs; returns the ids of the new ones.
async fn insert(txn: &Txn, rows: Arc<[Row]>) -> Result<HashSet<Uuid>> {
    let once = OnConflict::columns([Column::Provider, Column::DedupeKey])
        .do_nothing()
        .to_owned();
    let models = rows.iter().map(|row| ActiveModel {
        id: Set(row.id),
        ..row.row.clone()
    });
    let mut query = Entity::insert_many(models).on_conflict(once).into_query();
    query.returning_col(Column::Id);
    let new = txn.query_all(&query).await?;
    let new = new
        .iter()
        .map(|row| Uuid::try_get_by_index(row, 0))
        .collect::<Result<HashSet<_>, _>>();
    let new = new.map_err(|error| Error::internal("a webhook", sea_orm::DbErr::from(error)))?;
    let jobs: Vec<_> = rows
        .iter()
        .filter(|row| new.contains(&row.id))
        .map(|row| {
            Job::new(job::Kind::ProcessDelivery, row.id, Queue::Database)
                .at(row.received_at, &row.correlation_id)
        })
        .collect();
    job::enqueue_all(txn, &jobs).await?;
    Ok(new)
}
