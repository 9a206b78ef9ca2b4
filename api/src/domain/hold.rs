//! Keeping a slot for a client while they fill in a form or pay.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use entity::Uuid;
use entity::slot_hold::{ActiveModel, Column, Entity, Model};
use sea_orm::ActiveValue::Set;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, EntityTrait, ExprTrait, PaginatorTrait, QueryFilter,
};

use super::booking::{BookingRequest, Offer, RemoteAvailability, SlotRequest, require_free};
use super::scheduling::{self, Except};
use super::{Caller, Conflict, Error, Result, check};
use crate::app::App;
use crate::db::Txn;

/// Most slots that one person holds at a time: holding all of a coach's day must not be for free.
const MOST: u64 = 3;

/// Which slot.
#[derive(Clone, Copy, Debug)]
pub struct Create {
    pub event_type_id: Uuid,
    /// One of the type's hosts; its owner when left out.
    pub coach_id: Option<Uuid>,
    pub starts_at: DateTime<Utc>,
    /// One of the type's lengths; its default when left out.
    pub length_minutes: Option<i32>,
}

/// Holds a free slot for the caller: for a while nobody else can book or hold it. A person holds
/// one slot of each coach; a new hold takes the place of the one before.
///
/// # Errors
/// `SlotTaken` or `SlotNotOffered`; `NotFound` for what cannot be booked; `InvalidState` for a
/// coach who takes no bookings, for oneself, and beyond three slots at a time; `Invalid` for values
/// that cannot stand.
pub async fn create(app: &Arc<App>, caller: &Caller, input: Create) -> Result<Model> {
    let user_id = caller.require_person()?.user_id;
    let Create {
        event_type_id,
        coach_id,
        starts_at,
        length_minutes,
    } = input;
    let offered =
        RemoteAvailability::around(app, event_type_id, coach_id, starts_at, length_minutes).await?;
    let now = app.clock.now();
    let (id, expires_at) = (entity::new_id(), now + app.deadlines.hold);
    app.db
        .write(move |txn| {
            let offered = offered.clone();
            Box::pin(async move {
                // This locks the person's row: their holds are counted one after the other.
                let wanted = BookingRequest {
                    event_type_id,
                    coach_id,
                    starts_at,
                    length_minutes,
                };
                let (offer, violations) = wanted.find(txn, user_id, now).await?;
                check(violations)?;
                make_room(txn, user_id, offer.coach.id, now).await?;
                place(
                    txn,
                    offer,
                    &offered,
                    (starts_at, user_id),
                    (id, now, expires_at),
                )
                .await
            })
        })
        .await
}

/// Drops what the new hold replaces, and refuses one too many.
async fn make_room(txn: &Txn, user_id: Uuid, coach_id: Uuid, now: DateTime<Utc>) -> Result<()> {
    let own = Condition::all()
        .add(Column::UserId.eq(user_id))
        .add(Column::Id.not_in_subquery(Entity::of_moves()));
    let replaced = Condition::any()
        .add(Column::CoachId.eq(coach_id))
        .add(Column::ExpiresAt.lte(now));
    Entity::delete_many()
        .filter(own.clone())
        .filter(replaced)
        .exec(&**txn)
        .await?;
    if Entity::find().filter(own).count(&**txn).await? >= MOST {
        let message = format!("you already hold {MOST} slots; book or release one first");
        return Err(Conflict::InvalidState(message).into());
    }
    Ok(())
}

async fn place(
    txn: &Txn,
    offer: Offer,
    offered: &RemoteAvailability,
    (starts_at, user_id): (DateTime<Utc>, Uuid),
    (id, now, expires_at): (Uuid, DateTime<Utc>, DateTime<Utc>),
) -> Result<Model> {
    let terms = scheduling::terms(&offer.event_type, offer.length)?;
    let scheduler = offer.coach.scheduler;
    let wanted = SlotRequest {
        coach: &offer.coach,
        event_type: &offer.event_type,
        terms: &terms,
        scheduler,
    };
    require_free(txn, wanted, offered, starts_at, Except::default(), now).await?;
    let claim = terms
        .claim(starts_at)
        .ok_or_else(|| Error::invalid("startsAt", "out of range"))?;
    let row = ActiveModel {
        id: Set(id),
        coach_id: Set(offer.coach.id),
        event_type_id: Set(offer.event_type.id),
        user_id: Set(user_id),
        starts_at: Set(starts_at),
        ends_at: Set(starts_at + terms.length),
        busy_from: Set(claim.from),
        busy_until: Set(claim.until),
        expires_at: Set(expires_at),
        created_at: Set(now),
    };
    Ok(row.insert(&**txn).await?)
}

/// Gives a held slot back before its time.
///
/// # Errors
/// `NotFound` for anyone else's hold and for one that is gone; `InvalidState` for one that keeps
/// the new time of a booking while the coach's calendar is asked to move it.
pub async fn release(app: &App, caller: &Caller, hold_id: Uuid) -> Result<Uuid> {
    let user_id = caller.require_person()?.user_id;
    app.db
        .write(move |txn| {
            Box::pin(async move {
                let own = Column::Id.eq(hold_id).and(Column::UserId.eq(user_id));
                let free = own
                    .clone()
                    .and(Column::Id.not_in_subquery(Entity::of_moves()));
                if Entity::delete_many()
                    .filter(free)
                    .exec(&**txn)
                    .await?
                    .rows_affected
                    == 1
                {
                    return Ok(hold_id);
                }
                match Entity::find().filter(own).one(&**txn).await? {
                    Some(_) => Err(kept_for_a_move()),
                    None => Err(no_hold()),
                }
            })
        })
        .await
}

/// The caller's own hold, while it lasts.
///
/// # Errors
/// `NotFound`.
pub async fn get(app: &App, caller: &Caller, hold_id: Uuid) -> Result<Model> {
    let user_id = caller.require_person()?.user_id;
    let own = Entity::find_by_id(hold_id)
        .filter(Column::UserId.eq(user_id))
        .filter(Column::ExpiresAt.gt(app.clock.now()));
    own.one(app.db.read()).await?.ok_or_else(no_hold)
}

/// The slots that the caller holds, earliest first; also those that are kept for bookings of theirs
/// which are being moved.
///
/// # Errors
/// When the database fails.
pub async fn list(app: &App, caller: &Caller) -> Result<Vec<Model>> {
    let user_id = caller.require_person()?.user_id;
    let live = Entity::find()
        .filter(Column::UserId.eq(user_id))
        .filter(Column::ExpiresAt.gt(app.clock.now()));
    let mut holds = live.all(app.db.read()).await?;
    holds.sort_by_key(|hold| (hold.starts_at, hold.id));
    Ok(holds)
}

/// Why a hold that a move has made is not for its owner to use.
pub(super) fn kept_for_a_move() -> Error {
    Conflict::InvalidState("this time is kept for a booking that is being moved there".to_owned())
        .into()
}

fn no_hold() -> Error {
    Error::NotFound("hold")
}
