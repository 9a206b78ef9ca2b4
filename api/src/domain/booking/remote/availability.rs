//! Which starts a coach offers, where that is for another scheduler to say.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use entity::coach::Scheduler;
use entity::{Uuid, booking, coach, event_type};
use sea_orm::EntityTrait;

use super::ingest;
use crate::app::App;
use crate::domain::booking::create::Create;
use crate::domain::scheduling::native::Interval;
use crate::domain::scheduling::{Question, read};
use crate::domain::{Error, Result, connection};

/// How long somebody who books waits for the calendar.
const PATIENCE: Duration = Duration::from_secs(6);

/// Starts on offer around the one that is wanted. Looked up before the transaction that takes one
/// of them: no transaction waits for somebody else's answer.
#[derive(Clone, Debug)]
pub(crate) enum RemoteAvailability {
    /// The hours in our own tables say so.
    ByHours,
    /// These, as the coach's calendar has just said.
    Starts(Vec<DateTime<Utc>>),
}

impl RemoteAvailability {
    /// What is on offer around a start that somebody wants to book. What cannot be booked at all is
    /// for the booking itself to refuse.
    ///
    /// # Errors
    /// `Unavailable` when the coach's calendar does not answer.
    pub(crate) async fn find(app: &Arc<App>, wanted: &Create) -> Result<Self> {
        Self::around(
            app,
            wanted.event_type_id,
            wanted.coach_id,
            wanted.starts_at,
            wanted.length_minutes,
        )
        .await
    }

    /// As [`find`](Self::find), by the parts of the wish.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub(crate) async fn around(
        app: &Arc<App>,
        event_type_id: Uuid,
        coach_id: Option<Uuid>,
        starts_at: DateTime<Utc>,
        length_minutes: Option<i32>,
    ) -> Result<Self> {
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
        let Some(coach) = coach.filter(|coach| coach.scheduler == Scheduler::CalCom) else {
            return Ok(Self::ByHours);
        };
        if !connection::is_live(db, coach.id).await? {
            // It cannot be booked, and whoever tries is told so where everything else about the
            // wish is looked at.
            return Ok(Self::Starts(Vec::new()));
        }
        let length_minutes = length_minutes.unwrap_or(event_type.length_minutes);
        Self::ask(app, coach, event_type, (starts_at, length_minutes), None).await
    }

    /// What is on offer for a booking that is to be moved: its own time counts as free.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub(crate) async fn for_move(
        app: &Arc<App>,
        booking: &booking::Model,
        starts_at: DateTime<Utc>,
    ) -> Result<Self> {
        if booking.scheduler != Scheduler::CalCom {
            return Ok(Self::ByHours);
        }
        let db = app.db.read();
        if !connection::is_live(db, booking.coach_id).await? {
            return Ok(Self::Starts(Vec::new()));
        }
        let (coach, event_type) = (
            coach::Entity::find_by_id(booking.coach_id).one(db).await?,
            event_type::Entity::find_by_id(booking.event_type_id)
                .one(db)
                .await?,
        );
        let (coach, event_type) = coach.zip(event_type).ok_or(Error::NotFound("booking"))?;
        let length = i32::try_from((booking.ends_at - booking.starts_at).num_minutes())
            .map_err(|error| Error::internal("a booking's length", error))?;
        let uid = ingest::projection_of(db, booking.id)
            .await?
            .map(|known| known.uid);
        Self::ask(app, coach, event_type, (starts_at, length), uid).await
    }

    async fn ask(
        app: &Arc<App>,
        coach: coach::Model,
        event_type: event_type::Model,
        (starts_at, length_minutes): (DateTime<Utc>, i32),
        moving: Option<String>,
    ) -> Result<Self> {
        let until = starts_at.checked_add_signed(TimeDelta::minutes(1));
        let until = until.ok_or_else(|| Error::invalid("startsAt", "out of range"))?;
        let range = Interval {
            from: starts_at,
            until,
        };
        let question = Question {
            coach,
            event_type,
            length_minutes,
            moving,
            range,
        };
        let reading = read(app, &question, PATIENCE, true).await?;
        if !reading.is_complete || !reading.is_fresh {
            return Err(Error::Unavailable(
                "the coach's calendar does not answer at present; nothing was booked",
            ));
        }
        Ok(Self::Starts(reading.starts))
    }
}
