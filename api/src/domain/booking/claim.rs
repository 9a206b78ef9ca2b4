//! Claims bookings that were made for an address before its owner signed up.

use std::collections::BTreeSet;

use entity::booking::{Column, Conflict, Entity, Model};
use entity::booking_event::{ActorKind, Kind, Source};
use entity::{Uuid, user};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

use super::remote::conflict::priority_of;
use super::remote::conflict::{self, Resolution};
use super::remote::names;
use super::state::Event;
use super::transition::apply;
use crate::app::App;
use crate::db::Txn;
use crate::domain::lock::Parties;
use crate::domain::{Cause, Result};

/// Assigns the bookings for a person's verified address to the person. One that overlaps another of
/// theirs is assigned too, and marked as a conflict.
pub async fn claim(app: &App, user_id: Uuid) -> Result<()> {
    let cause = Cause {
        by: ActorKind::Client,
        actor_id: Some(user_id),
        impersonator: None,
        source: Source::Api,
        correlation_id: format!("claim-{}", user_id.simple()),
        now: app.clock.now(),
    };
    app.db.transaction((user_id, cause), claim_all).await
}

async fn claim_all(txn: &Txn, (user_id, cause): (Uuid, Cause)) -> Result<()> {
    let Some(user) = user::Entity::find_by_id(user_id).one(&**txn).await? else {
        return Ok(());
    };
    let Some(email) = user.verified_email() else {
        return Ok(());
    };
    // A booking that is being taken in for this address is either seen here or finds the person.
    txn.lock_names(&BTreeSet::from([names::of_email(email)]))
        .await?;
    let mut bookings = unclaimed(txn, email).await?;
    if bookings.is_empty() {
        return Ok(());
    }
    if !txn.is_sqlite() {
        let locked = sides(&bookings, user.id);
        locked.lock(txn).await?;
        bookings = unclaimed(txn, email).await?;
        sides(&bookings, user.id).lock_beyond(txn, &locked).await?;
    }
    for booking in bookings {
        take(txn, &cause, &booking, user.id).await?;
    }
    Ok(())
}

async fn unclaimed(txn: &Txn, email: &str) -> Result<Vec<Model>> {
    Ok(Entity::find_real()
        .filter(Column::ClientEmail.eq(email))
        .filter(Column::ClientId.is_null())
        .order_by_asc(Column::Id)
        .all(&**txn)
        .await?)
}

/// The coaches of these bookings, and the person who is to have them.
fn sides(bookings: &[Model], user_id: Uuid) -> Parties {
    let mut sides = Parties::default();
    for booking in bookings {
        sides.add(booking.coach_id, Some(user_id));
    }
    sides
}

async fn take(txn: &Txn, cause: &Cause, booking: &Model, user_id: Uuid) -> Result<()> {
    let claimed = Event::Noted(Kind::Claimed);
    let proposed = Model {
        client_id: Some(user_id),
        ..booking.clone()
    };
    let conflict = conflict(txn, cause, &proposed).await?;
    let booking = apply(txn, cause, booking, claimed, None, |row| {
        row.client_id = Some(user_id);
        row.conflict = conflict.or(row.conflict);
    })
    .await?;
    if let Some(conflict) = conflict.filter(|found| proposed.conflict != Some(*found)) {
        let found = Event::Noted(Kind::ConflictFound);
        apply(txn, cause, &booking, found, None, |row| {
            row.conflict = Some(conflict)
        })
        .await?;
    }
    Ok(())
}

async fn conflict(txn: &Txn, cause: &Cause, proposed: &Model) -> Result<Option<Conflict>> {
    if !proposed.status.is_active() {
        return Ok(None);
    }
    let priority = priority_of(txn, proposed.id).await?;
    match conflict::resolve(txn, proposed, priority).await? {
        Resolution::Loses(conflict) => Ok(Some(conflict)),
        Resolution::Wins { displaced } => {
            conflict::displace(txn, cause, displaced).await?;
            Ok(None)
        }
    }
}
