//! Taking in what a scheduler has said about bookings, whichever way it came: a webhook, the answer
//! to a request of ours, a reading.
//!
//! What was said is kept as facts about uids, and a booking is derived from all the facts there
//! are. That is why order, repetition and gaps do not matter: the same facts give the same booking.

mod chain;
mod origin;
mod parties;

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use entity::{Uuid, booking};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use self::chain::{Chain, Earlier, Key};
use super::adopt::{Origin, adopt, merge_into, settle_around};
use super::align;
use super::derive::{Derived, derive};
use super::payment::is_paid;
use super::request;
use crate::app::App;
use crate::db::Txn;
use crate::domain::scheduling::statement::Telling;
use crate::domain::{Act, Result};
use crate::outbox;

/// Takes statements in and carries out what is new about them. Gives the booking they are about,
/// once enough is known for one. The transaction must have entered the history ([`outbox::enter`]).
/// `payment_deadline` is until when a booking whose price becomes due by it is to be paid.
///
/// # Errors
/// When the database fails.
pub(crate) async fn learn(
    txn: &Txn,
    act: &Act,
    tellings: Vec<Telling>,
    payment_deadline: DateTime<Utc>,
) -> Result<Option<Uuid>> {
    let (touched, earlier) = chain::take_in(txn, tellings, act.now).await?;
    let mut booking_id = None;
    for key in touched {
        booking_id = settle(txn, act, &key, &earlier, payment_deadline)
            .await?
            .or(booking_id);
    }
    Ok(booking_id)
}

/// [`learn`] in a transaction of its own.
///
/// # Errors
/// When the database fails.
pub(super) async fn take_in(app: &App, act: Act, tellings: Vec<Telling>) -> Result<Option<Uuid>> {
    let (tellings, deadline) = (Arc::new(tellings), act.now + app.deadlines.payment);
    app.db
        .write(move |txn| {
            let (act, tellings) = (act.clone(), Arc::clone(&tellings));
            Box::pin(async move {
                outbox::enter(txn).await?;
                learn(txn, &act, tellings.to_vec(), deadline).await
            })
        })
        .await
}

/// What everything that a scheduler has said about a booking means.
///
/// # Errors
/// When the database fails.
pub(crate) async fn known(db: &impl ConnectionTrait, booking_id: Uuid) -> Result<Option<Derived>> {
    Ok(known_of(db, &[booking_id]).await?.remove(&booking_id))
}

/// The same of several bookings at once; those of which too little is known are left out.
///
/// # Errors
/// When the database fails.
pub(crate) async fn known_of(
    db: &impl ConnectionTrait,
    booking_ids: &[Uuid],
) -> Result<HashMap<Uuid, Derived>> {
    let nodes = chain::nodes_of(db, booking_ids).await?;
    Ok(nodes
        .into_iter()
        .filter_map(|(id, nodes)| Some((id, derive(&nodes)?)))
        .collect())
}

/// Brings the booking of one chain where its facts say. Gives `None` while they say too little.
async fn settle(
    txn: &Txn,
    act: &Act,
    key: &Key,
    earlier: &Earlier,
    payment_deadline: DateTime<Utc>,
) -> Result<Option<Uuid>> {
    let mut chain = Chain::load(txn, key, act.now).await?;
    if !origin::trace(txn, act, &mut chain).await? {
        return Ok(None);
    }
    let mut records = chain.bookings(txn).await?.into_iter();
    let eldest = records.next();
    let before = eldest
        .as_ref()
        .and_then(|booking| derive(&chain.before(earlier, booking.id)));
    let Some(after) = derive(&chain.now()) else {
        return Ok(None);
    };
    let is_ours = match &eldest {
        Some(booking) => request::was_made_here(txn, booking.id).await?,
        None => false,
    };
    let parties = match &eldest {
        Some(booking) if is_ours => Some(parties::known(txn, booking).await?),
        _ => parties::find_or_import(txn, &after, act.now).await?,
    };
    let Some(parties) = parties else {
        return Ok(None);
    };

    if let Some(eldest) = &eldest {
        for second in records {
            merge_into(txn, act, &second, eldest.id).await?;
            redirect(txn, act, second.id, eldest.id).await?;
        }
        chain.belongs_to(txn, eldest.id, act.now).await?;
    }
    let answered = match &eldest {
        Some(booking) => origin::answered(txn, booking.id, &after).await?,
        None => None,
    };
    let act = &answered.as_ref().map_or_else(
        || act.clone(),
        |asked| Act {
            now: act.now,
            ..Act::from(asked)
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
    let booking = adopt(txn, act, eldest, before.as_ref(), &after, &parties, origin).await?;
    chain.belongs_to(txn, booking.id, act.now).await?;
    if let Some(request) = answered {
        origin::close(txn, &request, &booking, &after).await?;
    }
    if was != Some(booking.version) {
        settle_around(txn, act, &booking).await?;
    }
    align::ask(txn, act, &booking, &after).await?;
    Ok(Some(booking.id))
}

/// Whatever was merged into a booking that is itself merged now follows it.
async fn redirect(txn: &Txn, act: &Act, from: Uuid, to: Uuid) -> Result<()> {
    let followers = booking::Entity::find()
        .filter(booking::Column::MergedInto.eq(from))
        .all(&**txn)
        .await?;
    for follower in followers {
        merge_into(txn, act, &follower, to).await?;
    }
    Ok(())
}
