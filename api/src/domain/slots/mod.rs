//! Free time.

mod free;

pub use free::{FreeCoach, FreeCoaches, FreeFilter, free_coaches};

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use entity::coach::Scheduler;
use entity::event_type::Visibility;
use entity::{Uuid, coach, event_type, event_type_host, user};
use sea_orm::{ConnectionTrait, EntityTrait, JoinType, QuerySelect};

use super::coach::{is_suspended, require};
use super::scheduling::native::{Interval, Slot, Terms};
use super::scheduling::remote::FreeTime;
use super::scheduling::{self, Availability, Except, Freshness, Question, Source};
use super::text::Problems;
use super::{Caller, Conflict, Error, Result, booking};
use crate::app::App;

/// How long an answer may take. What is not known by then is not waited for, and the answer says
/// so.
const PATIENCE: Duration = Duration::from_millis(400);
/// Longest stretch that is searched at once.
const LONGEST: TimeDelta = TimeDelta::days(62);

/// Which slots.
#[derive(Clone, Copy, Debug)]
pub struct Query {
    pub event_type_id: Uuid,
    /// One of the type's hosts; its owner when left out.
    pub coach_id: Option<Uuid>,
    /// Slots start in the stretch; at most 62 days.
    pub range: Interval,
    /// One of the type's lengths; its default when left out.
    pub length_minutes: Option<i32>,
    /// A booking that is to be moved: its own time counts as free, and its length is kept.
    pub moving: Option<Uuid>,
}

/// An answer about free time.
#[derive(Clone, Debug)]
pub struct Slots {
    pub coach: coach::Model,
    pub event_type: event_type::Model,
    /// Earliest first.
    pub slots: Vec<Slot>,
    /// When the answer was true.
    pub verified_at: DateTime<Utc>,
    pub source: Source,
    pub freshness: Freshness,
}

/// The free slots of an event type. Visitors may ask. The caller's own hold on the coach's time
/// counts as free.
///
/// # Errors
/// `NotFound` for what cannot be booked and for somebody else's booking; `Invalid` for a stretch or
/// a length that makes no sense; `InvalidState` for a coach who takes no bookings or whose calendar
/// cannot be read, `Unavailable` when it does not answer and nothing is known of it: never an empty
/// list instead of an error.
pub async fn slots(app: &Arc<App>, caller: &Caller, query: Query) -> Result<Slots> {
    let now = app.clock.now();
    let db = app.db.read();
    let (event_type, owner, account) = offer(db, query.event_type_id)
        .await?
        .filter(|(found, ..)| found.visibility != Visibility::Archived || query.moving.is_some())
        .ok_or(Error::NotFound("event type"))?;
    let moving = match query.moving {
        Some(id) => Some(moving(app, caller, id, &event_type).await?),
        None => None,
    };
    let wanted = moving
        .as_ref()
        .map(|booking| booking.coach_id)
        .or(query.coach_id);
    let (coach, is_suspended) = match wanted {
        Some(id) if id != owner.id => {
            let host = host(db, &event_type, id).await?;
            let is_suspended = is_suspended(db, &host).await?;
            (host, is_suspended)
        }
        _ => (
            owner,
            account.is_some_and(|account| account.suspended_at.is_some()),
        ),
    };
    if moving.is_none() && (!coach.accepts_bookings || is_suspended) {
        return Err(
            Conflict::InvalidState("this coach takes no bookings at present".to_owned()).into(),
        );
    }
    scheduling::require_readable(db, &coach).await?;

    let length = match &moving {
        Some(booking) => i32::try_from((booking.ends_at - booking.starts_at).num_minutes())
            .map_err(|error| Error::internal("a booking's length", error))?,
        None => query.length_minutes.unwrap_or(event_type.length_minutes),
    };
    check(&query, length, &event_type, moving.is_some())?;
    let terms = scheduling::terms(&event_type, length)?;
    let user_id = caller.find_person().map(|person| person.user_id);
    let except = Except {
        booking_id: moving.as_ref().map(|booking| booking.id),
        user_id,
    };
    let availability = scheduling::load(db, &coach, &event_type, query.range, except, now).await?;
    let scheduler = moving
        .as_ref()
        .map_or(coach.scheduler, |booking| booking.scheduler);
    if scheduler == Scheduler::Native {
        let slots = availability.slots(&terms, query.range, now);
        return Ok(Slots {
            coach,
            event_type,
            slots,
            verified_at: now,
            source: Source::Native,
            freshness: Freshness::Fresh,
        });
    }
    let uid = match &moving {
        Some(booking) => booking::find_uid(app, booking.id).await?,
        None => None,
    };
    let question = Question {
        scheduler,
        coach,
        event_type,
        length_minutes: length,
        moving: uid,
        range: query.range,
    };
    let reading = scheduling::read(app, &question, PATIENCE, false).await?;
    let Question {
        coach, event_type, ..
    } = question;
    let Some(verified_at) = reading.verified_at else {
        return Err(Error::Unavailable(
            "the coach's calendar does not answer at present",
        ));
    };
    let freshness = reading.freshness();
    let slots = still_free(reading.free, availability, &terms, query.range, now);
    Ok(Slots {
        coach,
        event_type,
        slots,
        verified_at,
        source: scheduler.into(),
        freshness,
    })
}

/// The slots in what a calendar says is free, less what is taken or held here since it was read and
/// the days on which the coach is away.
fn still_free(
    free: FreeTime,
    mut availability: Availability,
    terms: &Terms,
    range: Interval,
    now: DateTime<Utc>,
) -> Vec<Slot> {
    let starts = match free {
        FreeTime::Starts(starts) => starts,
        FreeTime::Busy(busy) => {
            availability.busy.extend(busy);
            return availability.slots(terms, range, now);
        }
    };
    let is_free = |start: &DateTime<Utc>| {
        *start > now
            && terms
                .claim(*start)
                .is_some_and(|claim| !availability.is_busy(claim))
            && !availability.is_away(*start, *start + terms.length)
    };
    let slot = |start: DateTime<Utc>| Slot {
        starts_at: start,
        ends_at: start + terms.length,
    };
    starts.into_iter().filter(is_free).map(slot).collect()
}

fn check(query: &Query, length: i32, event_type: &event_type::Model, is_move: bool) -> Result<()> {
    let mut problems = Problems::default();
    check_range(&mut problems, "range", query.range, LONGEST);
    if !is_move && !event_type.lengths.0.contains(&length) {
        let lengths: Vec<_> = event_type
            .lengths
            .0
            .iter()
            .map(ToString::to_string)
            .collect();
        problems.add(
            "lengthMinutes",
            format!("must be one of: {}", lengths.join(", ")),
        );
    }
    problems.finish()
}

/// Notes what is wrong with a stretch of time.
fn check_range(problems: &mut Problems, path: &str, range: Interval, longest: TimeDelta) {
    let until = format!("{path}.until");
    problems.require(
        range.from < range.until,
        &until,
        "must be after the start of the stretch",
    );
    let is_short = range.until - range.from <= longest;
    problems.require(
        is_short,
        &until,
        format!(
            "must be at most {} days after the start",
            longest.num_days()
        ),
    );
}

/// The booking to be moved, when it is the caller's and of this type.
async fn moving(
    app: &App,
    caller: &Caller,
    id: Uuid,
    event_type: &event_type::Model,
) -> Result<entity::booking::Model> {
    // A visitor has no bookings; asking for one is asking for somebody else's.
    let booking = match booking::get(app, caller, id).await {
        Err(Error::Unauthenticated) => return Err(Error::NotFound("booking")),
        found => found?,
    };
    if booking.event_type_id != event_type.id {
        return Err(Error::invalid(
            "bookingId",
            "this booking is of another event type",
        ));
    }
    Ok(booking)
}

/// An event type with its owner, and the owner's account.
async fn offer(db: &impl ConnectionTrait, id: Uuid) -> Result<Option<Offer>> {
    let its_owner = event_type::Entity::belongs_to(coach::Entity)
        .from(event_type::Column::CoachId)
        .to(coach::Column::Id)
        .into();
    let owned = event_type::Entity::find_by_id(id)
        .join(JoinType::InnerJoin, its_owner)
        .select_also(coach::Entity);
    let found = owned.find_also(coach::Entity, user::Entity).one(db).await?;
    Ok(found.and_then(|(event_type, owner, account)| Some((event_type, owner?, account))))
}

type Offer = (event_type::Model, coach::Model, Option<user::Model>);

/// One of the other hosts.
async fn host(
    db: &impl ConnectionTrait,
    event_type: &event_type::Model,
    coach_id: Uuid,
) -> Result<coach::Model> {
    let host = event_type_host::Entity::find_by_id((event_type.id, coach_id))
        .one(db)
        .await?;
    host.ok_or_else(|| {
        Error::invalid("coachId", "this coach does not give sessions of this type")
    })?;
    require(db, coach_id).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong_with(from: &str, until: &str) -> Vec<String> {
        let instant = |text: &str| text.parse::<DateTime<Utc>>().expect("a literal instant");
        let mut problems = Problems::default();
        check_range(
            &mut problems,
            "range",
            Interval {
                from: instant(from),
                until: instant(until),
            },
            LONGEST,
        );
        problems.paths()
    }

    #[test]
    fn a_stretch_has_a_length_up_to_62_days() {
        assert!(wrong_with("2026-12-01T00:00:00Z", "2026-12-01T00:00:00.001Z").is_empty());
        assert!(wrong_with("2026-12-01T00:00:00Z", "2027-02-01T00:00:00Z").is_empty());
        assert_eq!(
            wrong_with("2026-12-01T00:00:00Z", "2027-02-01T00:00:00.001Z"),
            ["range.until"]
        );
        assert_eq!(
            wrong_with("2026-12-01T00:00:00Z", "2026-12-01T00:00:00Z"),
            ["range.until"]
        );
        assert_eq!(
            wrong_with("2026-12-02T00:00:00Z", "2026-12-01T00:00:00Z"),
            ["range.until"]
        );
    }
}
