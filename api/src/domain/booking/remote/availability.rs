//! Looks up the starts that a coach offers where a remote scheduler decides that.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use entity::coach::Scheduler;
use entity::{booking, coach, event_type};
use sea_orm::EntityTrait;

use super::projections;
use crate::app::App;
use crate::domain::booking::offer::BookingRequest;
use crate::domain::scheduling::native::Interval;
use crate::domain::scheduling::remote::{FreeTime, capabilities};
use crate::domain::scheduling::{Question, read, terms};
use crate::domain::{Error, Result, connection};

/// How long a booking request waits for the calendar.
const PATIENCE: Duration = Duration::from_secs(6);

/// Available starts around the requested one. Looked up before the booking transaction, so that no
/// transaction waits for a remote answer.
#[derive(Clone, Debug)]
pub(crate) enum RemoteAvailability {
    /// Decided by the hours in our own tables.
    ByHours,
    /// The starts that the coach's calendar has just returned.
    Starts(Vec<DateTime<Utc>>),
    /// The hours in our own tables, minus the busy times of the coach's calendar.
    Busy(Vec<Interval>),
}

impl RemoteAvailability {
    /// Looks up availability around the requested start. Input that cannot be booked at all is
    /// refused later, by the booking transaction.
    ///
    /// # Errors
    /// `Unavailable` when the coach's calendar does not answer.
    pub(crate) async fn find(app: &Arc<App>, wanted: &BookingRequest) -> Result<Self> {
        let BookingRequest {
            event_type_id,
            coach_id,
            starts_at,
            length_minutes,
        } = *wanted;
        let db = app.db.read();
        let Some(event_type) = event_type::Entity::find_by_id(event_type_id)
            .one(db)
            .await?
        else {
            return Ok(Self::ByHours);
        };
        let coach = coach::Entity::find_by_id(coach_id.unwrap_or(event_type.coach_id))
            .one(db)
            .await?;
        let Some(coach) = coach.filter(|coach| coach.scheduler.is_remote()) else {
            return Ok(Self::ByHours);
        };
        let scheduler = coach.scheduler;
        if !connection::is_live(db, scheduler, coach.id).await? {
            // The input is not bookable; the booking transaction returns the precise error.
            return Ok(Self::Starts(Vec::new()));
        }
        let length_minutes = length_minutes.unwrap_or(event_type.length_minutes);
        let wanted = Wanted {
            scheduler,
            coach,
            event_type,
            starts_at,
            length_minutes,
            moving: None,
        };
        wanted.read(app).await
    }

    /// Looks up availability for a move: the booking's own time counts as free. A move to the start
    /// that the booking has needs no answer of the calendar.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub(crate) async fn for_move(
        app: &Arc<App>,
        booking: &booking::Model,
        starts_at: DateTime<Utc>,
    ) -> Result<Self> {
        let scheduler = booking.scheduler;
        if !scheduler.is_remote() {
            return Ok(Self::ByHours);
        }
        let db = app.db.read();
        if booking.starts_at == starts_at
            || !connection::is_live(db, scheduler, booking.coach_id).await?
        {
            return Ok(Self::Starts(Vec::new()));
        }
        let (coach, event_type) = (
            coach::Entity::find_by_id(booking.coach_id).one(db).await?,
            event_type::Entity::find_by_id(booking.event_type_id)
                .one(db)
                .await?,
        );
        let (coach, event_type) = coach.zip(event_type).ok_or(Error::NotFound("booking"))?;
        let length_minutes = i32::try_from((booking.ends_at - booking.starts_at).num_minutes())
            .map_err(|error| Error::internal("a booking's length", error))?;
        let known = projections::projection_of(db, booking.id).await?;
        let wanted = Wanted {
            scheduler,
            coach,
            event_type,
            starts_at,
            length_minutes,
            moving: known.map(|known| known.uid),
        };
        wanted.read(app).await
    }
}

/// The requested start, coach and event type.
struct Wanted {
    scheduler: Scheduler,
    coach: coach::Model,
    event_type: event_type::Model,
    starts_at: DateTime<Utc>,
    length_minutes: i32,
    /// The uid of the booking to move.
    moving: Option<String>,
}

impl Wanted {
    async fn read(self, app: &Arc<App>) -> Result<RemoteAvailability> {
        let range = self.range()?;
        let question = Question {
            scheduler: self.scheduler,
            coach: self.coach,
            event_type: self.event_type,
            length_minutes: self.length_minutes,
            moving: self.moving,
            range,
        };
        let reading = read(app, &question, PATIENCE, true).await?;
        if !reading.is_complete || !reading.is_fresh {
            return Err(Error::Unavailable(
                "the coach's calendar does not answer at present; nothing was booked",
            ));
        }
        Ok(match reading.free {
            FreeTime::Starts(starts) => RemoteAvailability::Starts(starts),
            FreeTime::Busy(busy) => RemoteAvailability::Busy(busy),
        })
    }

    /// The start alone, or the whole blocked interval where busy times decide.
    fn range(&self) -> Result<Interval> {
        let out_of_range = || Error::invalid("startsAt", "out of range");
        if capabilities(self.scheduler).gives_busy_times {
            let terms = terms(&self.event_type, self.length_minutes)?;
            return terms.claim(self.starts_at).ok_or_else(out_of_range);
        }
        let until = self.starts_at.checked_add_signed(TimeDelta::minutes(1));
        Ok(Interval {
            from: self.starts_at,
            until: until.ok_or_else(out_of_range)?,
        })
    }
}
