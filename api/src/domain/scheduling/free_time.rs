//! Free time of coaches with a remote scheduler: from the cache, or fetched.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use entity::coach::{self, Scheduler};
use entity::event_type;
use futures_util::future::join_all;
use tokio::sync::watch;
use tokio::time::Instant;

use super::availability::Freshness;
use super::native::Interval;
use super::remote::{Calendar, FreeTime, FreeTimeQuery};
use super::slot_cache::{self, CachedWeek, Key, Lookup, WINDOW};
use crate::app::App;
use crate::domain::connection::Purpose;
use crate::domain::{Conflict, Error, Result};

/// Most weeks per call: one month.
const MOST_WEEKS: usize = 5;
/// Timeout of a fetch; callers stop waiting earlier.
const FETCH: Duration = Duration::from_secs(15);

/// A query for free time.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    /// The scheduler to call; for a move, the scheduler of the booking.
    pub(crate) scheduler: Scheduler,
    pub(crate) coach: coach::Model,
    pub(crate) event_type: event_type::Model,
    pub(crate) length_minutes: i32,
    /// The uid of a booking to move.
    pub(crate) moving: Option<String>,
    pub(crate) range: Interval,
}

/// The cached or fetched free time of a query.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    /// In order of time.
    pub(crate) free: FreeTime,
    /// The age of the oldest answer used; `None` if nothing is cached.
    pub(crate) verified_at: Option<DateTime<Utc>>,
    /// Every week is recent enough to rely on.
    pub(crate) is_fresh: bool,
    /// Every week has an answer.
    pub(crate) is_complete: bool,
}

impl Reading {
    /// The freshness of the reading.
    pub(crate) fn freshness(&self) -> Freshness {
        match (self.is_complete, self.is_fresh) {
            (false, _) => Freshness::Partial,
            (true, false) => Freshness::Stale,
            (true, true) => Freshness::Fresh,
        }
    }
}

/// Reads free time, and waits at most `patience` for weeks that are not cached. With `reliable` it
/// also waits for weeks that may be out of date.
///
/// # Errors
/// When the calendar cannot be read at all: not connected, or the event type is not linked.
pub(crate) async fn read(
    app: &Arc<App>,
    question: &Question,
    patience: Duration,
    reliable: bool,
) -> Result<Reading> {
    let until = Instant::now() + patience;
    let weeks = weeks(question)?;
    loop {
        let mut lookups = look_up(app, question, &weeks);
        let left = until.saturating_duration_since(Instant::now());
        let is_enough = |look: &Lookup| look.is_fresh || (look.known.is_some() && !reliable);
        let missing = lookups.iter_mut().filter(|look| !is_enough(look));
        let under_way: Vec<_> = missing.filter_map(|look| look.fetching.take()).collect();
        if under_way.is_empty() || left.is_zero() {
            return Ok(reading(question.range, lookups));
        }
        // An answer may be invalidated while it is fetched; the next pass fetches again if time
        // remains.
        join_all(
            under_way
                .into_iter()
                .map(|fetching| slot_cache::wait(fetching, left)),
        )
        .await;
    }
}

/// Looks up each week in the cache and starts fetches of those that need one; consecutive weeks
/// share a call.
fn look_up(app: &Arc<App>, question: &Question, weeks: &[Key]) -> Vec<Lookup> {
    let mut lookups: Vec<_> = weeks
        .iter()
        .map(|key| app.slots.look_up(key, question.coach.id, app.clock.now()))
        .collect();
    let mut to_fetch: Vec<(Key, watch::Sender<()>)> = Vec::new();
    for (key, look) in weeks.iter().zip(&mut lookups) {
        let Some(done) = look.to_fetch.take() else {
            continue;
        };
        if to_fetch.len() == MOST_WEEKS
            || to_fetch
                .last()
                .is_some_and(|(last, _)| last.week + 1 != key.week)
        {
            begin(app, question, std::mem::take(&mut to_fetch));
        }
        to_fetch.push((key.clone(), done));
    }
    begin(app, question, to_fetch);
    lookups
}

fn reading(range: Interval, lookups: Vec<Lookup>) -> Reading {
    let mut reading = Reading {
        free: FreeTime::Starts(Vec::new()),
        verified_at: None,
        is_fresh: true,
        is_complete: true,
    };
    for Lookup {
        known, is_fresh, ..
    } in lookups
    {
        reading.is_fresh &= is_fresh;
        let Some(known) = known else {
            reading.is_complete = false;
            continue;
        };
        reading.free = reading.free.and(known.free, range);
        let read_at = known.read_at;
        reading.verified_at = Some(
            reading
                .verified_at
                .map_or(read_at, |oldest| oldest.min(read_at)),
        );
    }
    reading
}

impl FreeTime {
    /// Concatenates the readings of two consecutive weeks, clipped to the range.
    fn and(self, later: Self, range: Interval) -> Self {
        match (self, later) {
            (Self::Starts(mut starts), Self::Starts(more)) => {
                let within = |start: &DateTime<Utc>| (range.from..range.until).contains(start);
                starts.extend(more.into_iter().filter(within));
                Self::Starts(starts)
            }
            (known, Self::Busy(more)) => {
                let mut busy = if let Self::Busy(busy) = known {
                    busy
                } else {
                    Vec::new()
                };
                busy.extend(more.into_iter().filter(|taken| taken.intersects(&range)));
                Self::Busy(busy)
            }
            (known @ Self::Busy(_), Self::Starts(_)) => known,
        }
    }

    /// The part that falls into a week.
    fn of_week(&self, week: i64) -> Self {
        match self {
            Self::Starts(starts) => Self::Starts(
                starts
                    .iter()
                    .copied()
                    .filter(|start| week_of(*start) == week)
                    .collect(),
            ),
            // An interval that spans two weeks is cached with both.
            Self::Busy(busy) => Self::Busy(
                busy.iter()
                    .copied()
                    .filter(|taken| (week_of(taken.from)..=week_of(taken.until)).contains(&week))
                    .collect(),
            ),
        }
    }
}

fn weeks(question: &Question) -> Result<Vec<Key>> {
    let not_there = || Conflict::InvalidState("this is not in the coach's calendar yet".to_owned());
    let event_type = &question.event_type;
    let is_there = event_type.provider.as_deref() == question.scheduler.provider();
    let id = event_type
        .provider_event_type_id
        .as_ref()
        .filter(|_| is_there);
    let id = id.ok_or_else(not_there)?;
    let length =
        (question.event_type.lengths.0.len() > 1).then_some(i64::from(question.length_minutes));
    let last = question.range.until - TimeDelta::milliseconds(1);
    Ok((week_of(question.range.from)..=week_of(last))
        .map(|week| Key {
            scheduler: question.scheduler,
            event_type: id.clone(),
            length,
            moving: question.moving.clone(),
            week,
        })
        .collect())
}

/// Fetches consecutive weeks in a background task. They succeed or fail together: separate calls
/// would only load a slow scheduler further.
fn begin(app: &Arc<App>, question: &Question, weeks: Vec<(Key, watch::Sender<()>)>) {
    if !weeks.is_empty() {
        app.tasks
            .spawn(fetch(Arc::clone(app), question.clone(), weeks));
    }
}

async fn fetch(app: Arc<App>, question: Question, weeks: Vec<(Key, watch::Sender<()>)>) {
    let read_at = app.clock.now();
    let answer = match weeks.as_slice() {
        [(first, _), ..] => ask(&app, &question, first, weeks.len()).await,
        [] => return,
    };
    if let Err(error) = &answer {
        tracing::info!(coach.id = %question.coach.id, %error, "free time could not be fetched; cached weeks stay");
    }
    for (key, _) in &weeks {
        match &answer {
            Ok(free) => {
                let free = free.of_week(key.week);
                app.slots.store(key, CachedWeek { free, read_at });
            }
            Err(_) => app.slots.fail(key, app.clock.now()),
        }
    }
}

async fn ask(app: &App, question: &Question, first: &Key, weeks: usize) -> Result<FreeTime> {
    let (scheduler, coach_id) = (question.scheduler, question.coach.id);
    let calendar = Calendar::of_coach(app, scheduler, coach_id, Purpose::Slots).await?;
    let calendar =
        calendar.ok_or_else(|| Error::internal("free time", "the calendar is not connected"))?;
    let at = |week: i64| {
        DateTime::from_timestamp(week * WINDOW.num_seconds(), 0)
            .ok_or_else(|| Error::internal("free time", "a week out of range"))
    };
    let range = Interval {
        from: at(first.week)?,
        until: at(first.week + weeks as i64)?,
    };
    let query = FreeTimeQuery {
        event_type: first.event_type.clone(),
        length: first.length,
        moving: first.moving.clone(),
        range,
        budget: FETCH,
    };
    let free = calendar.free_time(&query).await;
    free.map_err(|error| Error::provider("free time", error))
}

fn week_of(instant: DateTime<Utc>) -> i64 {
    instant.timestamp().div_euclid(WINDOW.num_seconds())
}
