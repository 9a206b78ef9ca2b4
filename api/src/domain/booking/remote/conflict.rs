//! Decides which of several bookings for the same time keeps it.
//!
//! A scheduler may accept a booking that our database must refuse. Such a booking is stored,
//! visible to staff, and reserves no time. The winner does not depend on the order of messages: a
//! booking made here wins over a remote one, and among remote bookings the lower number (the order
//! in which the scheduler assigned times) wins. Only a client's booking with another coach is not
//! displaced by the number that a coach's own account states.

use std::cmp::Ordering;
use std::collections::HashMap;

use entity::booking::{Column, Conflict, Entity, Model, Status};
use entity::booking_event::{Kind as Line, Source};
use entity::event_type::Kind;
use entity::{Uuid, provider_booking};
use sea_orm::sea_query::{Alias, Expr, ExprTrait, Query};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QuerySelect};

use super::bounds::is_bounded;
use crate::app::App;
use crate::db::Txn;
use crate::domain::booking::state::Event;
use crate::domain::booking::transition::apply;
use crate::domain::lock::Parties;
use crate::domain::{Cause, Result};

/// Smaller wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Priority {
    /// Made here.
    Ours,
    /// The scheduler's booking number.
    Numbered(i64),
    /// A remote booking whose number is unknown.
    Unnumbered,
}

impl Priority {
    pub(crate) fn of_number(number: Option<i64>) -> Self {
        number.map_or(Self::Unnumbered, Self::Numbered)
    }
}

/// Whether a booking may reserve its time.
pub(crate) enum Resolution {
    /// It may, once these are displaced.
    Wins { displaced: Vec<(Model, Conflict)> },
    /// It may not.
    Loses(Conflict),
}

/// Finds the rivals of `booking` in its proposed state, and decides.
pub(crate) async fn resolve(txn: &Txn, booking: &Model, priority: Priority) -> Result<Resolution> {
    let rivals = rivals(txn, booking).await?;
    let priorities = priorities(txn, rivals.iter().map(|(rival, _)| rival.id)).await?;
    let is_elsewhere = |rival: &Model| rival.coach_id != booking.coach_id;
    let is_bounded = rivals.iter().any(|(rival, _)| is_elsewhere(rival))
        && is_bounded(txn, booking.scheduler, booking.coach_id).await?;
    let goes_first = |rival: &Model| match priority_in(&priorities, rival.id).cmp(&priority) {
        // Numbers that an account states of itself displace nobody else's bookings.
        _ if is_bounded && is_elsewhere(rival) => true,
        Ordering::Equal => (rival.created_at, rival.id) < (booking.created_at, booking.id),
        order => order == Ordering::Less,
    };
    let lost_to = rivals
        .iter()
        .filter(|(rival, _)| goes_first(rival))
        .map(|(_, conflict)| *conflict);
    Ok(match lost_to.min_by_key(|conflict| weight(*conflict)) {
        Some(conflict) => Resolution::Loses(conflict),
        None => Resolution::Wins { displaced: rivals },
    })
}

/// A fixed order, so that of several reasons always the same one is reported.
fn weight(conflict: Conflict) -> u8 {
    match conflict {
        Conflict::CoachOverlap => 0,
        Conflict::ClientOverlap => 1,
        Conflict::SecondVerification => 2,
    }
}

/// The bookings that a database constraint would refuse beside this one.
async fn rivals(txn: &Txn, booking: &Model) -> Result<Vec<(Model, Conflict)>> {
    let coach = Condition::all()
        .add(Column::CoachId.eq(booking.coach_id))
        .add(Column::SeatGroup.ne(booking.seat_group))
        .add(Column::BusyFrom.lt(booking.busy_until))
        .add(Column::BusyUntil.gt(booking.busy_from));
    let mut any = Condition::any().add(coach);
    if let Some(client_id) = booking.client_id {
        any = any.add(
            Condition::all()
                .add(Column::ClientId.eq(client_id))
                .add(Column::StartsAt.lt(booking.ends_at))
                .add(Column::EndsAt.gt(booking.starts_at)),
        );
        if booking.kind == Kind::Verification {
            any = any.add(
                Condition::all()
                    .add(Column::ClientId.eq(client_id))
                    .add(Column::Kind.eq(Kind::Verification)),
            );
        }
    }
    let found = Entity::find_real()
        .filter(Column::Status.is_in(Status::ACTIVE))
        .filter(Column::Conflict.is_null())
        .filter(Column::Id.ne(booking.id))
        .filter(any)
        .all(&**txn)
        .await?;
    Ok(found
        .into_iter()
        .map(|rival| {
            let why = clash(booking, &rival);
            (rival, why)
        })
        .collect())
}

fn clash(booking: &Model, rival: &Model) -> Conflict {
    let same_client = rival.client_id == booking.client_id;
    if rival.coach_id == booking.coach_id
        && rival.seat_group != booking.seat_group
        && rival.busy_from < booking.busy_until
        && rival.busy_until > booking.busy_from
    {
        Conflict::CoachOverlap
    } else if same_client && rival.starts_at < booking.ends_at && rival.ends_at > booking.starts_at
    {
        Conflict::ClientOverlap
    } else {
        Conflict::SecondVerification
    }
}

async fn priorities(txn: &Txn, ids: impl Iterator<Item = Uuid>) -> Result<HashMap<Uuid, Priority>> {
    use provider_booking::Column as C;

    let ids: Vec<Uuid> = ids.collect();
    let mut priorities = HashMap::new();
    if ids.is_empty() {
        return Ok(priorities);
    }
    let numbers = provider_booking::Entity::find()
        .filter(C::BookingId.is_in(ids))
        .select_only()
        .columns([C::BookingId, C::Number])
        .into_tuple::<(Uuid, Option<i64>)>()
        .all(&**txn)
        .await?;
    // The last uid of the lineage has the greatest number; that one owns the time now.
    for (id, number) in numbers {
        let known = priorities.entry(id).or_insert(Priority::Unnumbered);
        *known = match (*known, number) {
            (Priority::Numbered(known), Some(number)) => {
                Priority::Numbered(Ord::max(known, number))
            }
            (Priority::Numbered(known), None) => Priority::Numbered(known),
            (_, number) => Priority::of_number(number),
        };
    }
    Ok(priorities)
}

fn priority_in(priorities: &HashMap<Uuid, Priority>, id: Uuid) -> Priority {
    priorities.get(&id).copied().unwrap_or(Priority::Ours)
}

/// Marks bookings as in conflict and releases their time.
pub(crate) async fn displace(
    txn: &Txn,
    cause: &Cause,
    displaced: Vec<(Model, Conflict)>,
) -> Result<()> {
    for (rival, conflict) in displaced {
        apply(
            txn,
            cause,
            &rival,
            Event::Noted(Line::ConflictFound),
            None,
            |row| row.conflict = Some(conflict),
        )
        .await?;
    }
    Ok(())
}

/// Resolves again the conflicts of a coach's bookings and of those of the coach's clients, in order
/// of priority.
pub async fn settle_conflicts(app: &App, coach_id: Uuid) -> Result<()> {
    let cause = Cause::system(
        Source::Sweeper,
        &format!("settle-{}", coach_id.simple()),
        app.clock.now(),
    );
    app.db.transaction((coach_id, cause), settle_in).await
}

async fn settle_in(txn: &Txn, (coach_id, cause): (Uuid, Cause)) -> Result<()> {
    let waiting = waiting(txn, coach_id).await?;
    if waiting.is_empty() {
        return Ok(());
    }
    parties(&waiting).lock(txn).await?;
    settle(txn, &cause, coach_id).await
}

/// As [`settle_conflicts`], inside a transaction. Locks the parties first, and fails instead of
/// waiting for a lock.
pub(crate) async fn settle(txn: &Txn, cause: &Cause, coach_id: Uuid) -> Result<()> {
    let mut waiting = waiting(txn, coach_id).await?;
    if waiting.is_empty() {
        return Ok(());
    }
    if !txn.is_sqlite() {
        let locked = parties(&waiting);
        locked.clone().lock_beyond(txn, &Parties::default()).await?;
        waiting = self::waiting(txn, coach_id).await?;
        parties(&waiting).lock_beyond(txn, &locked).await?;
    }
    let priorities = priorities(txn, waiting.iter().map(|booking| booking.id)).await?;
    let mut waiting: Vec<_> = waiting
        .into_iter()
        .map(|booking| (priority_in(&priorities, booking.id), booking))
        .collect();
    waiting.sort_by_key(|(priority, booking)| (*priority, booking.created_at, booking.id));
    for (priority, booking) in waiting {
        reconsider(txn, cause, &booking, priority).await?;
    }
    Ok(())
}

/// The coaches and clients of these bookings.
fn parties(bookings: &[Model]) -> Parties {
    let mut parties = Parties::default();
    for booking in bookings {
        parties.add(booking.coach_id, booking.client_id);
    }
    parties
}

/// The active bookings in conflict with those of a coach, or of the coach's clients.
async fn waiting(txn: &Txn, coach_id: Uuid) -> Result<Vec<Model>> {
    // Starts at the conflicting bookings, which are few and indexed; a coach's bookings may be
    // many. Status is filtered afterwards: with it in the query, SQLite would scan all active
    // bookings.
    let other = Alias::new("other");
    let shares_a_client = Query::select()
        .expr(Expr::val(1))
        .from_as(Entity, other.clone())
        .and_where(Expr::col((other.clone(), Column::CoachId)).eq(coach_id))
        .and_where(Expr::col((other, Column::ClientId)).equals((Entity, Column::ClientId)))
        .to_owned();
    let mut waiting = Entity::find_real()
        .filter(Column::Conflict.is_not_null())
        .filter(
            Condition::any()
                .add(Column::CoachId.eq(coach_id))
                .add(Expr::exists(shares_a_client)),
        )
        .all(&**txn)
        .await?;
    waiting.retain(|booking| booking.status.is_active());
    Ok(waiting)
}

async fn reconsider(txn: &Txn, cause: &Cause, booking: &Model, priority: Priority) -> Result<()> {
    match resolve(txn, booking, priority).await? {
        Resolution::Loses(conflict) if booking.conflict == Some(conflict) => {}
        Resolution::Loses(conflict) => {
            let found = Event::Noted(Line::ConflictFound);
            apply(txn, cause, booking, found, None, |row| {
                row.conflict = Some(conflict)
            })
            .await?;
        }
        Resolution::Wins { displaced } => {
            displace(txn, cause, displaced).await?;
            apply(
                txn,
                cause,
                booking,
                Event::Noted(Line::ConflictResolved),
                None,
                |row| row.conflict = None,
            )
            .await?;
        }
    }
    Ok(())
}

/// A booking's priority in a conflict.
pub(crate) async fn priority_of(txn: &Txn, id: Uuid) -> Result<Priority> {
    Ok(priority_in(
        &priorities(txn, std::iter::once(id)).await?,
        id,
    ))
}
