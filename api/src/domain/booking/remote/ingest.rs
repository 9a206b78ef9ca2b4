//! Ingests what a scheduler reports about bookings: webhooks, answers to our requests, polls.
//!
//! Observations are stored as facts about uids, and a booking is projected from all of its facts.
//! So order, repetition and gaps do not matter: the same facts project to the same booking.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use entity::Uuid;
use entity::coach::Scheduler;

use super::apply::{Origin, apply_remote};
use super::authority::{Admitted, admit};
use super::bounds::Bounds;
use super::lineage::{Earlier, Key, Lineage};
use super::merge::{merge_into, redirect};
use super::project::project;
use super::{conflict, names, next_command, origin, parties, request, store};
use crate::app::App;
use crate::db::Txn;
use crate::domain::booking::payment::is_paid;
use crate::domain::lock::{self, Parties as Locked};
use crate::domain::scheduling::observation::Reported;
use crate::domain::{Cause, Result};

/// Stores facts and applies what changed. Returns the booking they belong to, once enough is known.
/// `payment_deadline` applies to a booking whose price becomes due by this.
pub(crate) async fn ingest(
    txn: &Txn,
    cause: &Cause,
    admitted: Admitted,
    payment_deadline: DateTime<Utc>,
) -> Result<Option<Uuid>> {
    let (scheduler, bounds) = (admitted.scheduler, admitted.bounds.clone());
    let (touched, earlier) = store::store(txn, admitted, cause.now).await?;
    let (mut booking_id, mut locked) = (None, Locked::default());
    for key in touched {
        let within = (scheduler, &bounds, &key);
        booking_id = settle(
            txn,
            cause,
            within,
            &earlier,
            (payment_deadline, &mut locked),
        )
        .await?
        .or(booking_id);
    }
    Ok(booking_id)
}

/// [`ingest`] in its own transaction, of what the report may be about.
pub(crate) async fn ingest_observations(
    app: &App,
    cause: Cause,
    reported: Reported,
) -> Result<Option<Uuid>> {
    let deadline = cause.now + app.deadlines.payment;
    app.db
        .transaction((cause, Arc::new(reported), deadline), ingest_in)
        .await
}

async fn ingest_in(
    txn: &Txn,
    (cause, reported, payment_deadline): (Cause, Arc<Reported>, DateTime<Utc>),
) -> Result<Option<Uuid>> {
    match admit(txn, Arc::unwrap_or_clone(reported)).await? {
        Ok(admitted) => ingest(txn, &cause, admitted, payment_deadline).await,
        Err(overstep) => {
            tracing::warn!(
                event = "scheduler_overstep",
                overstep = overstep.label(),
                correlation_id = cause.correlation_id,
                "the answer of a calendar is about bookings of another host"
            );
            Ok(None)
        }
    }
}

/// Applies the facts of one lineage to its booking. Returns `None` while they are too few.
async fn settle(
    txn: &Txn,
    cause: &Cause,
    (scheduler, bounds, key): (Scheduler, &Bounds, &Key),
    earlier: &Earlier,
    (payment_deadline, locked): (DateTime<Utc>, &mut Locked),
) -> Result<Option<Uuid>> {
    let mut lineage = Lineage::load(txn, bounds, key, cause.now).await?;
    if !origin::trace(txn, cause, &mut lineage, bounds).await? {
        return Ok(None);
    }
    let mut records = lineage.bookings(txn).await?.into_iter();
    let eldest = records.next();
    let before = eldest
        .as_ref()
        .and_then(|booking| project(&lineage.before(earlier, booking.id)));
    let Some(after) = project(&lineage.now()) else {
        return Ok(None);
    };
    txn.lock_more_names(&names::of_projection(&after)).await?;
    let is_ours = match &eldest {
        Some(booking) => request::was_made_here(txn, booking.id).await?,
        None => false,
    };
    let parties = match &eldest {
        Some(booking) if is_ours => Some(parties::known(txn, booking).await?),
        _ => parties::find_or_import(txn, scheduler, &after, bounds, cause.now).await?,
    };
    let Some(parties) = parties else {
        return Ok(None);
    };
    let mut involved = Locked::of(parties.coach.id, parties.client_id);
    if let Some(booking) = &eldest {
        involved.add(booking.coach_id, booking.client_id);
    }
    locked.extend(txn, involved).await?;
    if let Some(booking) = &eldest {
        lock::require_unchanged(txn, booking).await?;
    }

    if let Some(eldest) = &eldest {
        for second in records {
            merge_into(txn, cause, &second, eldest.id).await?;
            redirect(txn, cause, second.id, eldest.id).await?;
        }
        lineage.belongs_to(txn, eldest.id, cause.now).await?;
    }
    let answered = match &eldest {
        Some(booking) => origin::answered(txn, booking.id, &after).await?,
        None => None,
    };
    let cause = &answered.as_ref().map_or_else(
        || cause.clone(),
        |asked| Cause {
            now: cause.now,
            ..Cause::from(asked)
        },
    );
    let origin = match &eldest {
        Some(booking) if is_ours => Origin::Here {
            is_paid: is_paid(&**txn, booking.id).await?,
            payment_deadline,
        },
        _ => Origin::Scheduler,
    };
    let was = eldest.as_ref().map(|booking| booking.version);
    let booking = apply_remote(
        txn,
        cause,
        eldest,
        before.as_ref(),
        &after,
        &parties,
        origin,
    )
    .await?;
    lineage.belongs_to(txn, booking.id, cause.now).await?;
    if let Some(account) = after.organizer.as_ref().and_then(parties::account) {
        lineage.follows(txn, &account).await?;
    }
    if let Some(request) = answered {
        origin::close(txn, &request, &booking, &after).await?;
    }
    if was != Some(booking.version) {
        conflict::settle(txn, cause, booking.coach_id).await?;
    }
    next_command::enqueue_push_if_needed(txn, cause, &booking, &after).await?;
    Ok(Some(booking.id))
}
