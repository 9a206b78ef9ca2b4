//! Slot holds: reserve a slot for a client while they fill in a form or pay.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use entity::Uuid;
use entity::slot_hold::{ActiveModel, Column, Entity, Model};
use sea_orm::ActiveValue::Set;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, EntityTrait, ExprTrait, PaginatorTrait, QueryFilter,
};

use super::booking::{
    BookingRequest, Offer, RemoteAvailability, SlotRequest, require_free, reserved_for_move,
};
use super::scheduling::{self, Except};
use super::{Caller, Command, Conflict, Error, Result, check};
use crate::app::App;
use crate::db::Txn;

/// Maximum number of concurrent holds per person, so that nobody can block a coach's whole day.
const MAX_HOLDS: u64 = 3;

/// Which slot.
#[derive(Clone, Copy, Debug)]
pub struct Create {
    pub event_type_id: Uuid,
    /// One of the type's hosts; its owner when `None`.
    pub coach_id: Option<Uuid>,
    pub starts_at: DateTime<Utc>,
    /// One of the type's lengths; its default when `None`.
    pub length_minutes: Option<i32>,
}

impl Create {
    fn request(&self) -> BookingRequest {
        BookingRequest {
            event_type_id: self.event_type_id,
            coach_id: self.coach_id,
            starts_at: self.starts_at,
            length_minutes: self.length_minutes,
        }
    }
}

/// Holds a free slot for the caller: until the hold expires nobody else can book or hold it. A
/// person has one hold per coach; a new one replaces it.
///
/// # Errors
/// `SlotTaken` or `SlotNotOffered`; `NotFound` for what cannot be booked; `InvalidState` for a
/// coach who takes no bookings, for oneself, and beyond three holds; `Invalid` for invalid values.
pub async fn create(app: &Arc<App>, caller: &Caller, input: Create) -> Result<Model> {
    let user_id = caller.require_person()?.user_id;
    let offered = RemoteAvailability::find(app, &input.request()).await?;
    let now = app.clock.now();
    let new = NewHold {
        user_id,
        input,
        offered,
        now,
        expires_at: now + app.deadlines.hold,
    };
    app.db.transaction(new, insert).await
}

#[derive(Clone)]
struct NewHold {
    user_id: Uuid,
    input: Create,
    offered: RemoteAvailability,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
}

async fn insert(txn: &Txn, new: NewHold) -> Result<Model> {
    let (user_id, now) = (new.user_id, new.now);
    // This locks the person's row: their holds are counted one after the other.
    let wanted = new.input.request();
    let (offer, violations) = wanted.find(txn, user_id, now).await?;
    check(violations)?;
    make_room(txn, user_id, offer.coach.id, now).await?;
    place(txn, offer, new).await
}

/// Deletes the hold that the new one replaces; refuses holds beyond the maximum.
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
    if Entity::find().filter(own).count(&**txn).await? >= MAX_HOLDS {
        let message = format!("you already hold {MAX_HOLDS} slots; book or release one first");
        return Err(Conflict::InvalidState(message).into());
    }
    Ok(())
}

async fn place(txn: &Txn, offer: Offer, new: NewHold) -> Result<Model> {
    let terms = scheduling::terms(&offer.event_type, offer.length)?;
    let scheduler = offer.coach.scheduler;
    let request = SlotRequest {
        coach: &offer.coach,
        event_type: &offer.event_type,
        terms: &terms,
        scheduler,
    };
    let (starts_at, now) = (new.input.starts_at, new.now);
    let except = Except::default();
    require_free(txn, request, &new.offered, starts_at, except, now).await?;
    let claim = terms
        .claim(starts_at)
        .ok_or_else(|| Error::invalid("startsAt", "out of range"))?;
    let row = ActiveModel {
        id: Set(entity::new_id()),
        coach_id: Set(offer.coach.id),
        event_type_id: Set(offer.event_type.id),
        user_id: Set(new.user_id),
        starts_at: Set(starts_at),
        ends_at: Set(starts_at + terms.length),
        busy_from: Set(claim.from),
        busy_until: Set(claim.until),
        expires_at: Set(new.expires_at),
        created_at: Set(now),
    };
    Ok(row.insert(&**txn).await?)
}

/// Releases a hold before it expires.
///
/// # Errors
/// `NotFound` for another person's or expired hold; `InvalidState` for one that reserves the new
/// time of a booking while the remote scheduler is asked to move it.
pub async fn release(app: &App, caller: &Caller, hold_id: Uuid) -> Result<Uuid> {
    app.db
        .transaction(Command::new(app, caller, hold_id)?, delete)
        .await
}

async fn delete(txn: &Txn, command: Command<Uuid>) -> Result<Uuid> {
    let (hold_id, user_id) = (command.input, command.author.person.user_id);
    let own = Column::Id.eq(hold_id).and(Column::UserId.eq(user_id));
    let free = own
        .clone()
        .and(Column::Id.not_in_subquery(Entity::of_moves()));
    let deleted = Entity::delete_many().filter(free).exec(&**txn).await?;
    if deleted.rows_affected == 1 {
        return Ok(hold_id);
    }
    match Entity::find().filter(own).one(&**txn).await? {
        Some(_) => Err(reserved_for_move()),
        None => Err(no_hold()),
    }
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
pub async fn list(app: &App, caller: &Caller) -> Result<Vec<Model>> {
    let user_id = caller.require_person()?.user_id;
    let live = Entity::find()
        .filter(Column::UserId.eq(user_id))
        .filter(Column::ExpiresAt.gt(app.clock.now()));
    let mut holds = live.all(app.db.read()).await?;
    holds.sort_by_key(|hold| (hold.starts_at, hold.id));
    Ok(holds)
}

fn no_hold() -> Error {
    Error::NotFound("hold")
}
