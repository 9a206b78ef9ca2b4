//! Where deliveries come in: opened, stored, answered.
//!
//! An answer of 200 is a promise, so it is given after the commit and not before. A commit waits
//! for the disk, and a provider sends many deliveries at once; therefore everything that waits at
//! that moment is stored in one transaction.

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

use crate::app::App;
use crate::db::{Db, Txn};
use crate::domain::{Error, Result};
use crate::outbox::{Job, Queue, job};

/// Most deliveries in one transaction: what fits into one statement on both databases, and into a
/// moment.
const BATCH: usize = 256;

/// What became of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// It is stored, and its work is waiting.
    Stored,
    /// The same was stored before; nothing was done.
    Duplicate,
}

/// Why a delivery was not taken.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// No secret is configured, so nothing can be told from a forgery.
    #[error("no webhook secret is configured")]
    NotConfigured,
    /// Nothing shows that the provider sent it; with a stable label for metrics.
    #[error("the delivery is not genuine: {0}")]
    NotGenuine(&'static str),
    /// It could not be stored; it is to be sent again.
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

/// A delivery whose signature was checked, as far as it is read before it is stored.
#[derive(Clone, Debug)]
pub struct Opened {
    /// Equal for two deliveries of the same event.
    pub dedupe_key: String,
    /// The trigger's name as received.
    pub trigger: String,
    /// The trigger as a label of metrics.
    pub label: &'static str,
    /// The provider's id of what it is about.
    pub uid: Option<String>,
    pub sent_at: Option<DateTime<Utc>>,
}

/// Why a delivery was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenError {
    /// No secret was given.
    NotConfigured,
    /// The signature matches none of the secrets. One more may have been registered meanwhile.
    BadSignature,
    /// It is not signed as the provider signs; with a stable label for metrics.
    NotSigned(&'static str),
}

/// Stores a delivery and its job, once, however often and in how many copies it comes. `open`
/// checks its signature against the provider's secrets.
///
/// # Errors
/// See [`Refusal`]. Nothing has changed then.
pub async fn receive(
    app: &App,
    provider: &'static str,
    open: impl Fn(&[SecretString]) -> Result<Opened, OpenError> + Sync,
    raw: Bytes,
    correlation_id: &str,
) -> Result<Receipt, Refusal> {
    let received = async {
        let opened = opened(app, provider, open).await?;
        let (label, sent_at) = (opened.label, opened.sent_at);
        let row = row(app, provider, opened, &raw, correlation_id);
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
    provider: &str,
    open: impl Fn(&[SecretString]) -> Result<Opened, OpenError>,
) -> Result<Opened, Refusal> {
    let mut opened = open(&app.webhook_secrets.known(provider));
    let is_strange = matches!(
        opened,
        Err(OpenError::BadSignature | OpenError::NotConfigured)
    );
    if is_strange && app.webhook_secrets.refresh(app).await {
        // Another process may have registered a webhook.
        opened = open(&app.webhook_secrets.known(provider));
    }
    opened.map_err(|error| match error {
        OpenError::NotConfigured => Refusal::NotConfigured,
        OpenError::BadSignature => Refusal::NotGenuine("bad_signature"),
        OpenError::NotSigned(reason) => Refusal::NotGenuine(reason),
    })
}

fn row(app: &App, provider: &str, opened: Opened, raw: &Bytes, correlation_id: &str) -> Row {
    let received_at = app.clock.now();
    Row {
        id: entity::new_id(),
        dedupe_key: opened.dedupe_key.clone(),
        row: ActiveModel {
            provider: Set(provider.to_owned()),
            dedupe_key: Set(opened.dedupe_key),
            // A body may name its trigger with a NUL, which PostgreSQL's text cannot hold.
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
            ..ActiveModel::default()
        },
        received_at,
        correlation_id: correlation_id.to_owned(),
    }
}

/// A delivery on its way into the table.
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
    /// Stores a delivery together with whatever else is waiting. Whoever comes first stores for all
    /// that have come by then; those who come meanwhile are the next batch. The answer comes after
    /// the commit.
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
                // Whoever was storing it is gone: nothing is known to be stored.
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
        // Two processes that store the same rows in the same order wait for each other, in another
        // order they may lock each other out.
        rows.sort_by(|one, other| one.dedupe_key.cmp(&other.dedupe_key));
        let rows: Arc<[Row]> = rows.into();
        let stored = db.transaction(rows, insert).await.map_err(Arc::new);
        for (id, answer) in answers {
            // A sender that has gone away misses the answer, not the effect.
            let _ = answer.send(match &stored {
                Ok(stored) if stored.contains(&id) => Ok(Receipt::Stored),
                Ok(_) => Ok(Receipt::Duplicate),
                Err(error) => Err(Refusal::NotStored(Arc::clone(error))),
            });
        }
    }
}

/// Stores what is new, with its jobs; gives the ids of what was new.
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
