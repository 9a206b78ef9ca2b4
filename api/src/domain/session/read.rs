//! Reads sessions, for those who may see them.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use entity::booking::Model as Booking;
use entity::session::{Column, Entity, Model, Status};
use entity::{Uuid, booking};
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter};

use super::no_session;
use crate::app::App;
use crate::domain::booking::{Scope, side};
use crate::domain::page::{self, Direction, List, Page, PageInput};
use crate::domain::{Caller, Error, Result};

/// Which sessions. All given conditions must hold.
#[derive(Clone, Debug, Default)]
pub struct SessionFilter {
    pub statuses: Option<Vec<Status>>,
    /// Booked to start at or after.
    pub starts_from: Option<DateTime<Utc>>,
    /// Booked to start before.
    pub starts_before: Option<DateTime<Utc>>,
}

/// A session with its booking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionWithBooking {
    pub session: Model,
    pub booking: Booking,
}

/// The sessions in which the caller takes part, by booked start; with [`Scope::Everyone`], all, for
/// staff.
///
/// # Errors
/// `Unauthenticated`, `Forbidden`, `Invalid` for an invalid cursor.
pub async fn list(
    app: &App,
    caller: &Caller,
    scope: Scope,
    filter: &SessionFilter,
    page: &PageInput,
) -> Result<Page<SessionWithBooking>> {
    use booking::Column as B;

    let person = caller.require_person()?;
    let statuses = filter
        .statuses
        .as_ref()
        .map(|statuses| Column::Status.is_in(statuses.iter().copied()));
    let sessions = Query::select()
        .expr(Expr::val(1))
        .from(Entity)
        // As a correlated subquery: otherwise SQLite reads all sessions before the first row of a
        // list.
        .cond_where(
            Condition::all()
                .add(Expr::col((Entity, Column::BookingId)).equals((booking::Entity, B::Id)))
                .add_option(statuses),
        )
        .to_owned();
    let times = Condition::all()
        .add_option(filter.starts_from.map(|from| B::StartsAt.gte(from)))
        .add_option(filter.starts_before.map(|before| B::StartsAt.lt(before)));
    let query = booking::Entity::find_real()
        .filter(scope.condition(person)?)
        .filter(times)
        .filter(Expr::exists(sessions));
    let order = (List::Sessions, (B::StartsAt, B::Id), Direction::Ascending);
    let bookings = page::cut(app.db.read(), query, page, order, |row: &Booking| {
        (row.starts_at, row.id)
    })
    .await?;
    let ids: Vec<Uuid> = bookings
        .edges
        .iter()
        .map(|(_, booking)| booking.id)
        .collect();
    let mut sessions = find_by_bookings(app, &ids).await?;
    bookings.try_map(|booking| {
        let session = sessions.remove(&booking.id);
        let session = session.ok_or_else(|| {
            Error::internal("a list of sessions", "one is gone, and none ever goes")
        })?;
        Ok(SessionWithBooking { session, booking })
    })
}

/// A session in which the caller takes part; staff see all.
///
/// # Errors
/// `NotFound` when it does not exist or the caller may not see it.
pub async fn get(app: &App, caller: &Caller, id: Uuid) -> Result<SessionWithBooking> {
    let person = caller.require_person()?;
    let session = Entity::find_by_id(id)
        .one(app.db.read())
        .await?
        .ok_or_else(no_session)?;
    let booking = booking::Entity::find_by_id(session.booking_id)
        .one(app.db.read())
        .await?;
    let booking = booking.ok_or_else(no_session)?;
    side(person, &booking).map_err(|_| no_session())?;
    Ok(SessionWithBooking { session, booking })
}

/// What the caller may see of these sessions.
pub async fn find_many(
    app: &App,
    caller: &Caller,
    ids: &[Uuid],
) -> Result<Vec<SessionWithBooking>> {
    let sessions = Entity::find()
        .filter(Column::Id.is_in(ids.iter().copied()))
        .all(app.db.read())
        .await?;
    let booking_ids: Vec<Uuid> = sessions.iter().map(|session| session.booking_id).collect();
    let bookings = crate::domain::booking::find_many(app, caller, &booking_ids).await?;
    let mut bookings: HashMap<Uuid, Booking> = bookings
        .into_iter()
        .map(|booking| (booking.id, booking))
        .collect();
    Ok(sessions
        .into_iter()
        .filter_map(|session| {
            Some(SessionWithBooking {
                booking: bookings.remove(&session.booking_id)?,
                session,
            })
        })
        .collect())
}

/// The sessions of these bookings, by booking: for whoever may see the bookings.
pub async fn find_by_bookings(app: &App, booking_ids: &[Uuid]) -> Result<HashMap<Uuid, Model>> {
    let rows = Entity::find()
        .filter(Column::BookingId.is_in(booking_ids.iter().copied()))
        .all(app.db.read())
        .await?;
    Ok(rows
        .into_iter()
        .map(|session| (session.booking_id, session))
        .collect())
}
