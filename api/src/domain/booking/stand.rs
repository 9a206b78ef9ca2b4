//! Which of several bookings that want the same time may have it.
//!
//! A scheduler may have accepted what our database must refuse. Such a booking is kept, visible to
//! staff, and takes no time. Who stands does not depend on the order in which messages came: what
//! was booked here always stands, and among a scheduler's bookings the one with the lower number,
//! which the scheduler gave its time first.

use std::cmp::Ordering;
use std::collections::HashMap;

use entity::booking::{Column, Conflict, Entity, Model, Status};
use entity::booking_event::{Kind as Line, Source};
use entity::event_type::Kind;
use entity::{Uuid, provider_booking};
use sea_orm::sea_query::{Alias, Expr, ExprTrait, Query};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QuerySelect};

use super::change::apply;
use super::state::Event;
use crate::app::App;
use crate::db::Txn;
use crate::domain::{Act, Result};

/// Smaller goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    /// Booked here.
    Ours,
    /// The scheduler's number.
    Numbered(i64),
    /// A scheduler's booking whose number nobody has said.
    Unnumbered,
}

impl Rank {
    pub(super) fn of_number(number: Option<i64>) -> Self {
        number.map_or(Self::Unnumbered, Self::Numbered)
    }
}

/// Whether a booking may have its time.
pub(super) enum Verdict {
    /// It may, once these have given way.
    Stands { giving_way: Vec<(Model, Conflict)> },
    /// It may not.
    Yields(Conflict),
}

/// Looks who else wants the time of `booking`, as it is to be.
pub(super) async fn judge(txn: &Txn, booking: &Model, rank: Rank) -> Result<Verdict> {
    let rivals = rivals(txn, booking).await?;
    let ranks = ranks(txn, rivals.iter().map(|(rival, _)| rival.id)).await?;
    let goes_first = |rival: &Model| match rank_in(&ranks, rival.id).cmp(&rank) {
        Ordering::Equal => (rival.created_at, rival.id) < (booking.created_at, booking.id),
        order => order == Ordering::Less,
    };
    let lost_to = rivals
        .iter()
        .filter(|(rival, _)| goes_first(rival))
        .map(|(_, conflict)| *conflict);
    Ok(match lost_to.min_by_key(|conflict| weight(*conflict)) {
        Some(conflict) => Verdict::Yields(conflict),
        None => Verdict::Stands { giving_way: rivals },
    })
}

/// Of several reasons the same one is always told.
fn weight(conflict: Conflict) -> u8 {
    match conflict {
        Conflict::CoachOverlap => 0,
        Conflict::ClientOverlap => 1,
        Conflict::SecondVerification => 2,
    }
}

/// The bookings that the database would not let stand beside this one.
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

async fn ranks(txn: &Txn, ids: impl Iterator<Item = Uuid>) -> Result<HashMap<Uuid, Rank>> {
    use provider_booking::Column as C;

    let ids: Vec<Uuid> = ids.collect();
    let mut ranks = HashMap::new();
    if ids.is_empty() {
        return Ok(ranks);
    }
    let numbers = provider_booking::Entity::find()
        .filter(C::BookingId.is_in(ids))
        .select_only()
        .columns([C::BookingId, C::Number])
        .into_tuple::<(Uuid, Option<i64>)>()
        .all(&**txn)
        .await?;
    // The end of the chain has the greatest number: it is the one that has the time now.
    for (id, number) in numbers {
        let known = ranks.entry(id).or_insert(Rank::Unnumbered);
        *known = match (*known, number) {
            (Rank::Numbered(known), Some(number)) => Rank::Numbered(Ord::max(known, number)),
            (Rank::Numbered(known), None) => Rank::Numbered(known),
            (_, number) => Rank::of_number(number),
        };
    }
    Ok(ranks)
}

fn rank_in(ranks: &HashMap<Uuid, Rank>, id: Uuid) -> Rank {
    ranks.get(&id).copied().unwrap_or(Rank::Ours)
}

/// Lets bookings give way to one that goes first.
pub(super) async fn give_way(
    txn: &Txn,
    act: &Act,
    giving_way: Vec<(Model, Conflict)>,
) -> Result<()> {
    for (rival, conflict) in giving_way {
        apply(
            txn,
            act,
            &rival,
            Event::Noted(Line::ConflictFound),
            None,
            |row| row.conflict = Some(conflict),
        )
        .await?;
    }
    Ok(())
}

/// Sees again whether bookings in conflict with a coach's, or with those of the coach's clients,
/// may stand now; the first in line first.
///
/// # Errors
/// When the database fails.
pub async fn settle_conflicts(app: &App, coach_id: Uuid) -> Result<()> {
    let act = Act::system(
        Source::Sweeper,
        &format!("settle-{}", coach_id.simple()),
        app.clock.now(),
    );
    app.db
        .write(move |txn| {
            let act = act.clone();
            Box::pin(async move {
                crate::outbox::enter(txn).await?;
                settle(txn, &act, coach_id).await
            })
        })
        .await
}

/// As [`settle_conflicts`], inside a transaction that has entered the history.
pub(super) async fn settle(txn: &Txn, act: &Act, coach_id: Uuid) -> Result<()> {
    // Bookings in conflict are few, and have an index of their own; a coach's bookings and clients
    // may be many. Whether they are active is not asked of the database: SQLite would then go
    // through all active bookings instead.
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
    if waiting.is_empty() {
        return Ok(());
    }
    let ranks = ranks(txn, waiting.iter().map(|booking| booking.id)).await?;
    let mut waiting: Vec<_> = waiting
        .into_iter()
        .map(|booking| (rank_in(&ranks, booking.id), booking))
        .collect();
    waiting.sort_by_key(|(rank, booking)| (*rank, booking.created_at, booking.id));
    for (rank, booking) in waiting {
        reconsider(txn, act, &booking, rank).await?;
    }
    Ok(())
}

async fn reconsider(txn: &Txn, act: &Act, booking: &Model, rank: Rank) -> Result<()> {
    match judge(txn, booking, rank).await? {
        Verdict::Yields(conflict) if booking.conflict == Some(conflict) => {}
        Verdict::Yields(conflict) => {
            let found = Event::Noted(Line::ConflictFound);
            apply(txn, act, booking, found, None, |row| {
                row.conflict = Some(conflict)
            })
            .await?;
        }
        Verdict::Stands { giving_way } => {
            give_way(txn, act, giving_way).await?;
            apply(
                txn,
                act,
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

/// A booking's place in line.
pub(super) async fn rank_of(txn: &Txn, id: Uuid) -> Result<Rank> {
    Ok(rank_in(&ranks(txn, std::iter::once(id)).await?, id))
}
