//! The built-in scheduler's view of the database: hours, terms and what is taken.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc, Weekday};
use chrono_tz::Tz;
use entity::coach::Scheduler;
use entity::event_type::WindowKind;
use entity::{Uuid, booking, coach, event_type, schedule, schedule_override, slot_hold};
use sea_orm::sea_query::{Expr, ExprTrait, Func, SimpleExpr};
use sea_orm::{ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QuerySelect};

use super::native::{Hours, Interval, Minute, Override, Slot, Terms, WeeklyRule, Window, offers, slots, upcoming};
use crate::domain::{Conflict, Error, Result, absence, connection};

/// Where an answer about free time comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, async_graphql::Enum)]
#[graphql(name = "AvailabilitySource")]
pub enum Source {
    /// The built-in scheduler.
    Native,
    /// The coach's calendar at Cal.com.
    CalCom,
    /// Several of these.
    Mixed,
}

/// How far an answer about free time may be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, async_graphql::Enum)]
#[graphql(name = "AvailabilityFreshness")]
pub enum Freshness {
    /// It was true a moment ago.
    Fresh,
    /// The calendar has not answered lately: this is its last answer, given at `verifiedAt`.
    Stale,
    /// As STALE, and for a part of the stretch nothing is known at all: there may be more free time than is shown.
    Partial,
}

/// The open and the taken time of one coach over a stretch, for one event type.
#[derive(Clone, Debug)]
pub struct Availability {
    pub hours: Hours,
    pub busy: Vec<Interval>,
    /// When the coach is away: closed, whatever the hours say.
    pub away: Vec<Interval>,
}

impl Availability {
    /// Free slots that start in the stretch.
    #[must_use]
    pub fn slots(&self, terms: &Terms, range: Interval, now: DateTime<Utc>) -> Vec<Slot> {
        let mut found = slots(&self.hours, terms, &self.busy, range, now);
        found.retain(|slot| !self.is_away(slot.starts_at, slot.ends_at));
        found
    }

    /// The same, one after the other.
    pub fn upcoming(&self, terms: &Terms, range: Interval, now: DateTime<Utc>) -> impl Iterator<Item = Slot> {
        let found = upcoming(&self.hours, terms, &self.busy, range, now);
        found.filter(|slot| !self.is_away(slot.starts_at, slot.ends_at))
    }

    /// Whether the coach is away in any of the time.
    #[must_use]
    pub fn is_away(&self, from: DateTime<Utc>, until: DateTime<Utc>) -> bool {
        self.away.iter().any(|away| away.intersects(&Interval { from, until }))
    }

    /// Whether a session may start then.
    #[must_use]
    pub fn offers(&self, terms: &Terms, start: DateTime<Utc>, now: DateTime<Utc>) -> bool {
        offers(&self.hours, terms, &self.busy, start, now) && !self.is_away(start, start + terms.length)
    }

    /// Whether something of ours takes any of the stretch.
    #[must_use]
    pub fn is_busy(&self, stretch: Interval) -> bool {
        self.busy.iter().any(|busy| busy.from < stretch.until && busy.until > stretch.from)
    }

    /// Whether it could start then if nothing else were booked: tells "taken" from "not offered".
    #[must_use]
    pub fn would_offer(&self, terms: &Terms, start: DateTime<Utc>, now: DateTime<Utc>) -> bool {
        offers(&self.hours, terms, &[], start, now) && !self.is_away(start, start + terms.length)
    }
}

/// Refuses a coach whose time is kept by a scheduler that cannot be asked: no free time is ever made up.
///
/// # Errors
/// `InvalidState` for a scheduler that cannot be asked, or that we have no access to.
pub async fn require_readable(db: &impl ConnectionTrait, coach: &coach::Model) -> Result<()> {
    match coach.scheduler {
        Scheduler::Native => Ok(()),
        Scheduler::CalCom if connection::is_live(db, coach.id).await? => Ok(()),
        Scheduler::CalCom | Scheduler::Google | Scheduler::Calendly => {
            Err(Conflict::InvalidState("this coach's calendar cannot be read yet".to_owned()).into())
        }
    }
}

/// What an event type asks of a slot of the given length.
///
/// # Errors
/// `Internal` when the stored terms make no sense.
pub fn terms(event_type: &event_type::Model, length_minutes: i32) -> Result<Terms> {
    let minutes = |minutes: i32| TimeDelta::minutes(i64::from(minutes));
    let window = match (event_type.window_kind, event_type.window_days, event_type.window_from, event_type.window_until)
    {
        (WindowKind::Unlimited, ..) => Window::Unlimited,
        (WindowKind::Days, Some(days), ..) => Window::Days(days.unsigned_abs()),
        (WindowKind::Range, _, Some(from), Some(until)) => Window::Range { from, until },
        _ => return Err(Error::internal("an event type", "its booking window is incomplete")),
    };
    Ok(Terms {
        length: minutes(length_minutes),
        interval: minutes(event_type.slot_interval_minutes.unwrap_or(length_minutes)),
        buffer_before: minutes(event_type.buffer_before_minutes),
        buffer_after: minutes(event_type.buffer_after_minutes),
        minimum_notice: minutes(event_type.minimum_notice_minutes),
        window,
    })
}

/// Whose bookings and holds do not count as taken time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Except {
    /// A booking that is being moved.
    pub booking_id: Option<Uuid>,
    /// Holds of this person, but for those that a move has made.
    pub user_id: Option<Uuid>,
}

/// The availability of one coach for one event type.
///
/// # Errors
/// When the database fails or the stored hours make no sense.
pub async fn load(
    db: &impl ConnectionTrait,
    coach: &coach::Model,
    event_type: &event_type::Model,
    range: Interval,
    except: Except,
    now: DateTime<Utc>,
) -> Result<Availability> {
    let mut found = load_many(db, &[(coach, event_type)], range, except, now).await?;
    found.pop().ok_or_else(|| Error::internal("availability", "one was asked for and none came back"))
}

/// The availability of several coaches, each for one event type, in the same order: five statements, however many there are.
///
/// # Errors
/// When the database fails or stored hours make no sense.
pub async fn load_many(
    db: &impl ConnectionTrait,
    offers: &[(&coach::Model, &event_type::Model)],
    range: Interval,
    except: Except,
    now: DateTime<Utc>,
) -> Result<Vec<Availability>> {
    let schedule_of = |(coach, event_type): &(&coach::Model, &event_type::Model)| {
        event_type.schedule_id.or(coach.default_schedule_id)
    };
    let schedule_ids: Vec<Uuid> = offers.iter().filter_map(schedule_of).collect();
    let coach_ids: Vec<Uuid> = offers.iter().map(|(coach, _)| coach.id).collect();
    // A session may reach out of the stretch, and a taken time into it.
    let around = Interval { from: widen(range.from, -WIDEST), until: widen(range.until, WIDEST) };

    let coaches: Vec<_> = offers.iter().map(|(coach, _)| *coach).collect();
    let (hours, busy, away) = tokio::try_join!(
        hours(db, &schedule_ids, around),
        busy(db, &coach_ids, around, except, now),
        absence::away_of_all(db, &coaches, around)
    )?;
    Ok(offers
        .iter()
        .map(|offer| Availability {
            hours: schedule_of(offer).and_then(|id| hours.get(&id).cloned()).unwrap_or_else(|| closed(offer.0)),
            busy: busy.get(&offer.0.id).cloned().unwrap_or_default(),
            away: away.get(&offer.0.id).cloned().unwrap_or_default(),
        })
        .collect())
}

const WIDEST: TimeDelta = TimeDelta::days(2);

fn widen(instant: DateTime<Utc>, by: TimeDelta) -> DateTime<Utc> {
    instant.checked_add_signed(by).unwrap_or(instant)
}

/// A coach without a schedule has no open hours.
fn closed(coach: &coach::Model) -> Hours {
    Hours { zone: coach.time_zone.parse().unwrap_or(Tz::UTC), weekly: Vec::new(), overrides: Vec::new() }
}

async fn hours(db: &impl ConnectionTrait, ids: &[Uuid], around: Interval) -> Result<HashMap<Uuid, Hours>> {
    use schedule_override::Column;

    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let schedules = schedule::Entity::find().filter(schedule::Column::Id.is_in(ids.iter().copied())).all(db).await?;
    let overrides = schedule_override::Entity::find()
        .filter(Column::ScheduleId.is_in(ids.iter().copied()))
        .filter(Column::Date.between(around.from.date_naive(), around.until.date_naive()))
        .all(db)
        .await?;
    let mut hours = HashMap::new();
    for schedule in schedules {
        hours.insert(schedule.id, weekly_hours(&schedule)?);
    }
    for dated in overrides {
        let ranges = dated.hours.0.iter().map(|&(from, until)| Ok((minute(from)?, minute(until)?)));
        let ranges = ranges.collect::<Result<Vec<_>>>()?;
        if let Some(hours) = hours.get_mut(&dated.schedule_id) {
            hours.overrides.push(Override { date: dated.date, hours: ranges });
        }
    }
    Ok(hours)
}

/// The weekly hours of a schedule, without its overrides.
fn weekly_hours(schedule: &schedule::Model) -> Result<Hours> {
    let zone = schedule.time_zone.parse::<Tz>().map_err(|error| Error::internal("a schedule's zone", error))?;
    let rules = schedule.weekly.0.iter().map(|rule| {
        let weekday = Weekday::try_from(rule.weekday.wrapping_sub(1))
            .map_err(|error| Error::internal("a schedule's weekday", error))?;
        Ok(WeeklyRule { weekday, from: minute(rule.from)?, until: minute(rule.until)? })
    });
    Ok(Hours { zone, weekly: rules.collect::<Result<_>>()?, overrides: Vec::new() })
}

fn minute(minute: u16) -> Result<Minute> {
    Minute::new(minute).ok_or_else(|| Error::internal("a schedule", "a minute after the end of the day"))
}

async fn busy(
    db: &impl ConnectionTrait,
    coach_ids: &[Uuid],
    around: Interval,
    except: Except,
    now: DateTime<Utc>,
) -> Result<HashMap<Uuid, Vec<Interval>>> {
    use booking::Column as B;
    use slot_hold::Column as H;

    let mut bookings = booking::Entity::find()
        .filter(B::CoachId.is_in(coach_ids.iter().copied()))
        .filter(B::BusyUntil.gt(around.from))
        .filter(B::BusyFrom.lt(around.until))
        .filter(B::Status.is_in(booking::Status::ACTIVE))
        .filter(B::Conflict.is_null());
    if let Some(id) = except.booking_id {
        bookings = bookings.filter(B::Id.ne(id));
    }
    let bookings =
        bookings.select_only().column(B::CoachId).expr(stretches(db, B::BusyFrom, B::BusyUntil)).group_by(B::CoachId);
    let mut holds = slot_hold::Entity::find()
        .filter(H::CoachId.is_in(coach_ids.iter().copied()))
        .filter(H::BusyUntil.gt(around.from))
        .filter(H::BusyFrom.lt(around.until))
        .filter(H::ExpiresAt.gt(now));
    if let Some(id) = except.user_id {
        // A time that a booking is being moved to is not free for anything else, whoever moves it.
        holds = holds.filter(H::UserId.ne(id).or(H::Id.in_subquery(slot_hold::Entity::of_moves())));
    }
    let holds =
        holds.select_only().column(H::CoachId).expr(stretches(db, H::BusyFrom, H::BusyUntil)).group_by(H::CoachId);

    let (bookings, holds) = tokio::try_join!(
        bookings.into_tuple::<(Uuid, String)>().all(db),
        holds.into_tuple::<(Uuid, String)>().all(db)
    )?;
    let mut taken: HashMap<Uuid, Vec<Interval>> = HashMap::new();
    for (coach_id, stretches) in bookings.into_iter().chain(holds) {
        let stretches: Vec<(DateTime<Utc>, DateTime<Utc>)> =
            serde_json::from_str(&stretches).map_err(|error| Error::internal("taken time", error))?;
        taken.entry(coach_id).or_default().extend(stretches.into_iter().map(|(from, until)| Interval { from, until }));
    }
    Ok(taken)
}

/// All stretches of a group of rows as one value: a row of its own for each of hundreds costs far more than what is in it.
fn stretches(db: &impl ConnectionTrait, from: impl ColumnTrait, until: impl ColumnTrait) -> SimpleExpr {
    let [list, pair] = match db.get_database_backend() {
        DbBackend::Sqlite => ["json_group_array", "json_array"],
        _ => ["json_agg", "json_build_array"],
    };
    let pair = Func::cust(pair).arg(from.into_expr()).arg(until.into_expr());
    Expr::from(Func::cust(list).arg(pair)).cast_as("text")
}
