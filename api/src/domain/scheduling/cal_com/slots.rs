//! When a coach can be booked at Cal.com.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use entity::{coach, event_type};
use providers::cal_com::{SlotQuery, SlotTarget};
use tokio::sync::watch;
use tokio::time::Instant;

use super::cache::{self, Key, Known, WINDOW};
use super::calendar::{Calendar, their_id};
use crate::app::App;
use crate::domain::connection::Purpose;
use crate::domain::scheduling::Freshness;
use crate::domain::scheduling::native::Interval;
use crate::domain::{Conflict, Error, Result};

/// How long the fetch of a week may take; nobody waits for it that long.
const FETCH: Duration = Duration::from_secs(15);

/// Which free time is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) coach: coach::Model,
    pub(crate) event_type: event_type::Model,
    pub(crate) length_minutes: i32,
    /// The uid of a booking that is to be moved.
    pub(crate) moving: Option<String>,
    pub(crate) range: Interval,
}

/// What is known about it.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    /// Earliest first.
    pub(crate) starts: Vec<DateTime<Utc>>,
    /// The oldest of the answers that it is made of; none when nothing is known.
    pub(crate) verified_at: Option<DateTime<Utc>>,
    /// All of it is new enough to rely on.
    pub(crate) is_fresh: bool,
    /// Something is known of all of it.
    pub(crate) is_complete: bool,
}

impl Reading {
    /// How far it may be relied on.
    pub(crate) fn freshness(&self) -> Freshness {
        match (self.is_complete, self.is_fresh) {
            (false, _) => Freshness::Partial,
            (true, false) => Freshness::Stale,
            (true, true) => Freshness::Fresh,
        }
    }
}

/// What is known of free time, waiting no longer than `patience` for what is not known. With `reliable` it also waits for what may be
/// out of date.
///
/// # Errors
/// When the coach's calendar cannot be reached at all: not connected, or not for this event type.
pub(crate) async fn read(app: &Arc<App>, question: &Question, patience: Duration, reliable: bool) -> Result<Reading> {
    let until = Instant::now() + patience;
    let weeks = weeks(question)?;
    let looks = weeks.into_iter().map(|key| one(app, question, key, until, reliable));
    let answers = futures_util::future::join_all(looks).await;
    let mut reading = Reading { starts: Vec::new(), verified_at: None, is_fresh: true, is_complete: true };
    for (known, is_fresh) in answers {
        reading.is_fresh &= is_fresh;
        let Some(known) = known else {
            reading.is_complete = false;
            continue;
        };
        let range = question.range;
        reading.starts.extend(known.starts.iter().filter(|start| (range.from..range.until).contains(*start)));
        reading.verified_at = Some(reading.verified_at.map_or(known.read_at, |oldest| oldest.min(known.read_at)));
    }
    Ok(reading)
}

fn weeks(question: &Question) -> Result<Vec<Key>> {
    let not_there = |_| Conflict::InvalidState("this is not in the coach's calendar yet".to_owned());
    let event_type = their_id(&question.event_type).map_err(not_there)?;
    let length = (question.event_type.lengths.0.len() > 1).then_some(i64::from(question.length_minutes));
    let week = |instant: DateTime<Utc>| instant.timestamp().div_euclid(WINDOW.num_seconds());
    let last = question.range.until - TimeDelta::milliseconds(1);
    Ok((week(question.range.from)..=week(last))
        .map(|week| Key { event_type, length, moving: question.moving.clone(), week })
        .collect())
}

async fn one(app: &Arc<App>, question: &Question, key: Key, until: Instant, reliable: bool) -> (Option<Known>, bool) {
    loop {
        let look = app.slots.look(&key, question.coach.id, app.clock.now());
        if let Some(done) = look.to_fetch {
            let (app, question, key) = (Arc::clone(app), question.clone(), key.clone());
            app.clone().tasks.spawn(fetch(app, question, key, done));
        }
        let is_enough = look.is_fresh || (look.known.is_some() && !reliable);
        let left = until.saturating_duration_since(Instant::now());
        let Some(fetching) = look.fetching.filter(|_| !is_enough && !left.is_zero()) else {
            return (look.known, look.is_fresh);
        };
        // What comes of it may be in doubt already: then the next look fetches again, as long as there is time.
        cache::wait(fetching, left).await;
    }
}

async fn fetch(app: Arc<App>, question: Question, key: Key, done: watch::Sender<()>) {
    let read_at = app.clock.now();
    match ask(&app, &question, &key).await {
        Ok(starts) => app.slots.store(&key, Known { starts: starts.into(), read_at }),
        Err(error) => {
            tracing::info!(coach.id = %question.coach.id, %error, "free time could not be read; what was known is kept");
            app.slots.fail(&key, app.clock.now());
        }
    }
    drop(done);
}

async fn ask(app: &App, question: &Question, key: &Key) -> Result<Vec<DateTime<Utc>>> {
    let calendar = Calendar::of_coach(app, question.coach.id, Purpose::Slots).await?;
    let calendar = calendar.ok_or_else(|| Error::internal("free time", "the calendar is not connected"))?;
    let at = |week: i64| {
        DateTime::from_timestamp(week * WINDOW.num_seconds(), 0)
            .ok_or_else(|| Error::internal("free time", "a week out of range"))
    };
    let mut query = SlotQuery::new(SlotTarget::EventType(key.event_type), at(key.week)?, at(key.week + 1)?);
    query.length_in_minutes = key.length;
    query.reschedule_uid.clone_from(&key.moving);
    let slots = calendar.slots(&query, FETCH).await.map_err(|error| Error::internal("free time", error))?;
    Ok(slots.into_iter().map(|slot| slot.starts_at).collect())
}
