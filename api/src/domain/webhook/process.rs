//! Processes stored deliveries, each in one transaction.
//!
//! A delivery is stored as facts, and the booking is projected from all of its facts. So order,
//! repetition and gaps do not matter: the same facts project to the same booking. Where a provider
//! sends too few messages, the gap stays until the next poll: the cancellation of a whole series,
//! for example, sends one message, for its first occurrence.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use entity::Uuid;
use entity::booking_event::{ActorKind, Source};
use entity::coach::Scheduler;
use entity::webhook_delivery::{self, ActiveModel, Entity, Model, Status};
use futures_util::{StreamExt as _, stream};
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::parsers::{Delivered, Parsers};
use crate::app::App;
use crate::db::Txn;
use crate::domain::booking::{
    self,
    remote::{
        authority::{self, Overstep},
        ingest::ingest,
        names,
    },
};
use crate::domain::scheduling::observation::{Reported, Speaker};
use crate::domain::{Cause, Conflict, Error, Result, audit};

/// Most groups of deliveries that are processed concurrently, each on its own connection of the
/// pool.
const AT_ONCE: usize = 6;
/// Maximum duration of a shared transaction: other writers wait for it.
const LONGEST: Duration = Duration::from_millis(100);
/// The label of refusals for lack of authority.
const OVERSTEP: &str = "overstep";
/// Maximum length of a stored failure.
const FAILURE: usize = 500;

/// Processes stored deliveries. On SQLite, which has one writer, deliveries of one call share a
/// transaction as long as no other writer waits. Idempotent.
///
/// # Errors
/// When the database fails; the job retries. A delivery that can never be parsed is marked DEAD
/// instead.
pub async fn process(app: &App, delivery_ids: Vec<Uuid>) -> Result<()> {
    if app.db.is_postgres() && delivery_ids.len() > 1 {
        return process_apart(app, &delivery_ids).await;
    }
    process_in_turn(app, delivery_ids).await
}

/// Processes unrelated deliveries concurrently, each in its own transaction; those about the same
/// booking, coach or client one after the other, in order of arrival.
async fn process_apart(app: &App, delivery_ids: &[Uuid]) -> Result<()> {
    let deliveries = Entity::find()
        .filter(webhook_delivery::Column::Id.is_in(delivery_ids.iter().copied()))
        .all(app.db.read())
        .await?;
    let about = |id: &Uuid| {
        let delivery = deliveries.iter().find(|delivery| delivery.id == *id)?;
        let (_, parse) = app.webhook_parsers.find(&delivery.provider)?;
        match parse(&delivery.body, delivery.sent_at).ok()? {
            Delivered::Reported(observations) => Some(names::of_observations(&observations)),
            Delivered::Ignored { .. } | Delivered::Unknown => None,
        }
    };
    let named = delivery_ids
        .iter()
        .map(|id| (*id, about(id).unwrap_or_default()));
    let groups = stream::iter(groups(named)).map(|group| async move {
        for delivery_id in group {
            process_in_turn(app, vec![delivery_id]).await?;
        }
        Ok(())
    });
    let outcomes: Vec<Result<()>> = groups.buffer_unordered(AT_ONCE).collect().await;
    outcomes.into_iter().collect()
}

/// Groups deliveries that share a name; each group keeps the given order.
fn groups(named: impl Iterator<Item = (Uuid, BTreeSet<String>)>) -> Vec<Vec<Uuid>> {
    let mut groups: Vec<(BTreeSet<String>, Vec<(usize, Uuid)>)> = Vec::new();
    for (place, (id, names)) in named.enumerate() {
        let (sharing, apart): (Vec<_>, Vec<_>) = groups
            .into_iter()
            .partition(|(known, _)| !known.is_disjoint(&names));
        groups = apart;
        let mut joined = (names, vec![(place, id)]);
        for (names, ids) in sharing {
            joined.0.extend(names);
            joined.1.extend(ids);
        }
        groups.push(joined);
    }
    groups
        .into_iter()
        .map(|(_, mut ids)| {
            ids.sort_unstable();
            ids.into_iter().map(|(_, id)| id).collect()
        })
        .collect()
}

async fn process_in_turn(app: &App, delivery_ids: Vec<Uuid>) -> Result<()> {
    let mut left = &delivery_ids[..];
    while !left.is_empty() {
        let (done, processed) = process_some(app, left.into()).await?;
        left = &left[done..];
        for delivery in processed {
            announce(app, &delivery).await;
        }
    }
    Ok(())
}

/// Processes the first of these deliveries, at least one; returns how many.
async fn process_some(app: &App, delivery_ids: Arc<[Uuid]>) -> Result<(usize, Vec<Processed>)> {
    let now = app.clock.now();
    let batch = Batch {
        delivery_ids,
        parsers: Arc::clone(&app.webhook_parsers),
        now,
        payment_deadline: now + app.deadlines.payment,
    };
    app.db.transaction(batch, process_batch).await
}

#[derive(Clone)]
struct Batch {
    delivery_ids: Arc<[Uuid]>,
    parsers: Arc<Parsers>,
    now: DateTime<Utc>,
    payment_deadline: DateTime<Utc>,
}

async fn process_batch(txn: &Txn, batch: Batch) -> Result<(usize, Vec<Processed>)> {
    let times = (batch.now, batch.payment_deadline);
    let (began, mut done, mut processed) = (Instant::now(), 0, Vec::new());
    for delivery_id in &*batch.delivery_ids {
        let delivery = process_in(txn, &batch.parsers, *delivery_id, times).await;
        processed.extend(delivery.map_err(again)?);
        done += 1;
        if txn.is_in_the_way() || began.elapsed() >= LONGEST {
            break;
        }
    }
    Ok((done, processed))
}

async fn announce(app: &App, delivery: &Processed) {
    let took = (app.clock.now() - delivery.received_at)
        .to_std()
        .unwrap_or_default();
    app.metrics
        .webhook_projected(delivery.provider, &delivery.trigger, took);
    if let Some(overstep) = delivery.overstep {
        app.metrics.webhook_refused(delivery.provider, OVERSTEP);
        tracing::warn!(
            event = "webhook_overstep",
            overstep = overstep.label(),
            provider = delivery.provider,
            delivery.id = %delivery.delivery_id,
            connection.id = delivery.connection_id.map(tracing::field::display),
            "a signed webhook is about bookings that its sender may not speak of; refused"
        );
    }
    if let Some(booking_id) = delivery.booking_id
        && let Err(error) = booking::invalidate_slots(app, booking_id).await
    {
        // The delivery is processed all the same, and cached free time expires by itself.
        tracing::warn!(%error, booking.id = %booking_id, "free time could not be invalidated");
    }
}

/// A processed delivery.
struct Processed {
    delivery_id: Uuid,
    connection_id: Option<Uuid>,
    overstep: Option<Overstep>,
    booking_id: Option<Uuid>,
    provider: &'static str,
    trigger: String,
    received_at: DateTime<Utc>,
}

/// A slot conflict becomes a lost race: the conflicting transaction has committed by now, so a
/// retry reads its booking and resolves the conflict.
fn again(error: Error) -> Error {
    match error {
        Error::Conflict(
            Conflict::SlotTaken | Conflict::ClientBusy | Conflict::VerificationExists,
        ) => Error::lost_race(),
        error => error,
    }
}

/// Returns `None` for a delivery that was processed before.
async fn process_in(
    txn: &Txn,
    parsers: &Parsers,
    delivery_id: Uuid,
    (now, deadline): (DateTime<Utc>, DateTime<Utc>),
) -> Result<Option<Processed>> {
    let delivery = Entity::find_by_id(delivery_id).one(&**txn).await?;
    let Some(delivery) = delivery.filter(|delivery| delivery.status == Status::Received) else {
        return Ok(None);
    };
    let found = parsers.find(&delivery.provider);
    let (provider, parse) =
        found.ok_or_else(|| Error::internal("a webhook", "its provider is not known"))?;
    let outcome = match parse(&delivery.body, delivery.sent_at) {
        Ok(delivered) => carry_out(txn, (provider, delivered), &delivery, (now, deadline)).await?,
        Err(error) => Outcome {
            failure: Some(error),
            ..Outcome::of(Status::Dead, None)
        },
    };
    let (booking_id, overstep) = (outcome.booking_id, outcome.overstep);
    close(txn, delivery.id, outcome, now).await?;
    Ok(Some(Processed {
        delivery_id: delivery.id,
        connection_id: delivery.connection_id,
        overstep,
        booking_id,
        provider,
        trigger: delivery.trigger,
        received_at: delivery.received_at,
    }))
}

/// The final status of a delivery.
struct Outcome {
    status: Status,
    booking_id: Option<Uuid>,
    failure: Option<String>,
    overstep: Option<Overstep>,
}

impl Outcome {
    fn of(status: Status, booking_id: Option<Uuid>) -> Self {
        Self {
            status,
            booking_id,
            failure: None,
            overstep: None,
        }
    }
}

async fn close(txn: &Txn, id: Uuid, outcome: Outcome, now: DateTime<Utc>) -> Result<()> {
    let row = ActiveModel {
        status: Set(outcome.status),
        booking_id: Set(outcome.booking_id),
        failure: Set(outcome
            .failure
            .map(|failure| failure.chars().take(FAILURE).collect())),
        processed_at: Set(Some(now)),
        ..Default::default()
    };
    Entity::update_many()
        .set(row)
        .filter(webhook_delivery::Column::Id.eq(id))
        .exec(&**txn)
        .await?;
    Ok(())
}

async fn carry_out(
    txn: &Txn,
    (provider, delivered): (&'static str, Delivered),
    delivery: &Model,
    (now, deadline): (DateTime<Utc>, DateTime<Utc>),
) -> Result<Outcome> {
    let speaker = match delivery.connection_id {
        Some(id) => Speaker::Webhook(id),
        None => Speaker::Platform,
    };
    let about = async |uid: Option<&String>| {
        let bounds = authority::bounds_of(txn, provider, speaker).await?;
        match bounds.zip(uid) {
            Some((bounds, uid)) => bounds.booking_of(txn, uid).await,
            None => Ok(None),
        }
    };
    match delivered {
        Delivered::Unknown => Ok(Outcome::of(Status::Unknown, None)),
        Delivered::Ignored { uid } => Ok(Outcome::of(Status::Ignored, about(uid.as_ref()).await?)),
        Delivered::Reported(observations) => {
            let scheduler = Scheduler::of_provider(provider)
                .ok_or_else(|| Error::internal("a webhook", "its provider has no bookings"))?;
            let reported = Reported {
                scheduler,
                speaker,
                observations,
            };
            let admitted = match authority::admit(txn, reported).await? {
                Ok(admitted) => admitted,
                Err(overstep) => return refuse(txn, delivery, overstep, now).await,
            };
            let cause = Cause {
                by: ActorKind::Provider,
                actor_id: None,
                impersonator: None,
                source: Source::Webhook,
                correlation_id: delivery.correlation_id.clone(),
                now,
            };
            let booking_id = match ingest(txn, &cause, admitted, deadline).await? {
                None => about(delivery.uid.as_ref()).await?,
                found => found,
            };
            Ok(Outcome::of(Status::Processed, booking_id))
        }
    }
}

/// Refuses a delivery whose sender may not speak of what it is about, for staff to see.
async fn refuse(
    txn: &Txn,
    delivery: &Model,
    overstep: Overstep,
    now: DateTime<Utc>,
) -> Result<Outcome> {
    let subject = format!("webhook_delivery_{}", delivery.id.simple());
    let correlation_id = &delivery.correlation_id;
    let entry = audit::Entry {
        actor_id: None,
        impersonator: None,
        action: "webhook.overstep",
        subject: &subject,
        correlation_id,
    };
    audit::record(txn, entry, now).await?;
    Ok(Outcome {
        failure: Some(overstep.explanation().to_owned()),
        overstep: Some(overstep),
        ..Outcome::of(Status::Refused, None)
    })
}

/// Marks a delivery whose job is dead.
pub async fn give_up(app: &App, delivery_id: Uuid, error: &str) -> Result<()> {
    let row = ActiveModel {
        status: Set(Status::Dead),
        failure: Set(Some(error.chars().take(FAILURE).collect())),
        processed_at: Set(Some(app.clock.now())),
        ..Default::default()
    };
    Entity::update_many()
        .set(row)
        .filter(webhook_delivery::Column::Id.eq(delivery_id))
        .filter(webhook_delivery::Column::Status.eq(Status::Received))
        .exec(app.db.write_one())
        .await?;
    Ok(())
}
