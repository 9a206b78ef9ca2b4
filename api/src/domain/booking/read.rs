//! Reads bookings, for those who may see them.

use chrono::{DateTime, Utc};
use entity::Uuid;
use entity::booking::{Column, Entity, Model, Status};
use entity::booking_event::{self, ActorKind};
use entity::event_type::Kind;
use providers::normalised_email;
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, Select};

use super::remote::projections;
use super::rows::require;
use crate::app::App;
use crate::domain::page::{self, Direction, List, Page, PageInput};
use crate::domain::{Caller, Error, Listed, Person, Result};
use crate::outbox::sequence;

/// Which bookings. All given conditions must hold.
#[derive(Clone, Debug, Default)]
pub struct BookingFilter {
    pub statuses: Option<Vec<Status>>,
    pub starts_from: Option<DateTime<Utc>>,
    pub starts_before: Option<DateTime<Utc>>,
    pub updated_from: Option<DateTime<Utc>>,
    pub coach_id: Option<Uuid>,
    pub client_id: Option<Uuid>,
    pub client_email: Option<String>,
    pub event_type_id: Option<Uuid>,
    /// Only bookings that an admin must resolve.
    pub in_conflict: bool,
}

/// As which side a person takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, async_graphql::Enum)]
#[graphql(name = "BookingRole")]
pub enum Side {
    /// Who booked.
    Client,
    /// Who gives the session.
    Coach,
}

/// The side of the caller; `None` when they do not take part in the booking.
#[must_use]
pub fn side_of(caller: &Caller, booking: &Model) -> Option<ActorKind> {
    caller
        .find_person()
        .and_then(|person| super::side(person, booking).ok())
}

/// A booking that the caller may see.
///
/// # Errors
/// `NotFound` when it does not exist or the caller may not see it.
pub async fn get(app: &App, caller: &Caller, id: Uuid) -> Result<Model> {
    let person = caller.require_person()?;
    let booking = require(app.db.read(), id).await?;
    super::side(person, &booking)?;
    Ok(booking)
}

/// Invalidates the cached remote slots of a booking's coach, after a change of the booking.
pub(crate) async fn invalidate_slots(app: &App, id: Uuid) -> Result<()> {
    if !app.schedulers.is_empty()
        && let Some(booking) = Entity::find_by_id(id).one(app.db.read()).await?
    {
        app.slots.invalidate(booking.coach_id);
    }
    Ok(())
}

/// The uid of a booking at its scheduler, if it has one.
pub(crate) async fn find_uid(app: &App, id: Uuid) -> Result<Option<String>> {
    Ok(projections::projection_of(app.db.read(), id)
        .await?
        .map(|known| known.uid))
}

/// Filters the bookings that the caller may see.
pub async fn find_many(app: &App, caller: &Caller, ids: &[Uuid]) -> Result<Vec<Model>> {
    let Some(person) = caller.find_person() else {
        return Ok(Vec::new());
    };
    let found = Entity::find()
        .filter(Column::Id.is_in(ids.iter().copied()))
        .all(app.db.read())
        .await?;
    Ok(found
        .into_iter()
        .filter(|booking| super::side(person, booking).is_ok())
        .collect())
}

/// Sort order of lists of bookings.
const ORDER: [Column; 2] = [Column::StartsAt, Column::Id];

/// The bookings of [`list`], to be read as a whole.
///
/// # Errors
/// `Unauthenticated`, `Forbidden`.
pub(crate) fn listed(caller: &Caller, scope: Scope, filter: &BookingFilter) -> Result<Listed> {
    Ok(Listed::new(query(caller, scope, filter)?, ORDER))
}

fn query(caller: &Caller, scope: Scope, filter: &BookingFilter) -> Result<Select<Entity>> {
    let person = caller.require_person()?;
    Ok(Entity::find_real()
        .filter(scope.condition(person)?)
        .filter(filter.condition()))
}

/// The bookings in which the caller takes part, by start; with [`Scope::Everyone`], for staff, all.
///
/// # Errors
/// `Unauthenticated`, `Forbidden`, `Invalid` for an invalid cursor.
pub async fn list(
    app: &App,
    caller: &Caller,
    scope: Scope,
    filter: &BookingFilter,
    page: &PageInput,
) -> Result<Page<Model>> {
    let order = (List::Bookings, (ORDER[0], ORDER[1]), Direction::Ascending);
    page::cut(
        app.db.read(),
        query(caller, scope, filter)?,
        page,
        order,
        |row: &Model| (row.starts_at, row.id),
    )
    .await
}

/// Which bookings to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The caller's, on one side or on both.
    Own(Option<Side>),
    /// All bookings; only for staff.
    Everyone,
}

impl Scope {
    pub(crate) fn condition(self, person: &Person) -> Result<Condition> {
        let as_client = Column::ClientId.eq(person.user_id);
        let as_coach = person.coach_id.map(|id| Column::CoachId.eq(id));
        match (self, as_coach) {
            (Self::Everyone, _) if person.is_admin() => Ok(Condition::all()),
            (Self::Everyone, _) => Err(Error::Forbidden("only staff may do this")),
            (Self::Own(Some(Side::Client)), _) | (Self::Own(None), None) => {
                Ok(Condition::all().add(as_client))
            }
            (Self::Own(Some(Side::Coach)), Some(as_coach)) => Ok(Condition::all().add(as_coach)),
            (Self::Own(Some(Side::Coach)), None) => {
                Err(Error::Forbidden("only coaches may do this"))
            }
            (Self::Own(None), Some(as_coach)) => Ok(Condition::any().add(as_client).add(as_coach)),
        }
    }
}

impl BookingFilter {
    fn condition(&self) -> Condition {
        let is = Condition::all()
            .add_option(
                self.statuses
                    .as_ref()
                    .map(|statuses| Column::Status.is_in(statuses.iter().copied())),
            )
            .add_option(self.starts_from.map(|from| Column::StartsAt.gte(from)))
            .add_option(self.starts_before.map(|before| Column::StartsAt.lt(before)))
            .add_option(self.updated_from.map(|from| Column::UpdatedAt.gte(from)))
            .add_option(self.coach_id.map(|id| Column::CoachId.eq(id)))
            .add_option(self.client_id.map(|id| Column::ClientId.eq(id)))
            .add_option(
                self.client_email
                    .as_ref()
                    .map(|email| Column::ClientEmail.eq(normalised_email(email))),
            )
            .add_option(self.event_type_id.map(|id| Column::EventTypeId.eq(id)));
        if self.in_conflict {
            is.add(Column::Conflict.is_not_null())
        } else {
            is
        }
    }
}

/// The caller's active verification booking, unless it is in conflict.
///
/// # Errors
/// `Unauthenticated`.
pub async fn verification(app: &App, caller: &Caller) -> Result<Option<Model>> {
    let person = caller.require_person()?;
    let latest = Entity::find_real()
        .filter(Column::ClientId.eq(person.user_id))
        .filter(Column::Kind.eq(Kind::Verification))
        .filter(Column::Status.is_in(Status::ACTIVE))
        .filter(Column::Conflict.is_null())
        .one(app.db.read())
        .await?;
    Ok(latest)
}

/// The history of a booking that the caller may see, newest first.
///
/// # Errors
/// `NotFound`, as [`get`]; `Invalid` for an invalid cursor.
pub async fn history(
    app: &App,
    booking: &Model,
    page: &PageInput,
) -> Result<Page<booking_event::Model>> {
    sequence::place_of(&app.db, booking.id).await?;
    let query = booking_event::Entity::find_by_booking(booking.id);
    let order = (
        List::History,
        booking_event::Column::Seq,
        Direction::Descending,
    );
    page::cut(
        app.db.read(),
        query,
        page,
        order,
        |row: &booking_event::Model| row.seq,
    )
    .await
}
