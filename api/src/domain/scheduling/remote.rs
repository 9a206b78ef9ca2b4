//! The port to remote schedulers: what the machinery around bookings, free time and settings calls,
//! whichever service keeps a coach's time.
//!
//! A scheduler is added by a folder with an implementation of [`RemoteScheduler`] and a line in
//! start-up. A trait and not an enum, so that one can be written outside of this crate, as the tests
//! do. Implementations translate; they decide nothing.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use entity::coach::Scheduler;
use entity::scheduler_request::Model as Request;
use entity::{Uuid, booking, connection, event_type};

use super::native::Interval;
use super::observation::Observation;
use crate::app::App;
use crate::domain::connection::{self as link, Purpose, Reason};
use crate::domain::{Error, Result};

/// A failed call, whichever provider it was made to.
pub type Fault = providers::Error;

/// What a scheduler cannot do, or does otherwise, as data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Whether a place in a group can be booked through its API.
    pub books_seats: bool,
    /// Whether event types, hours and absences are kept there as well and pushed to it.
    pub keeps_settings: bool,
    /// Whether it says what is taken, and the hours here say the rest.
    pub gives_busy_times: bool,
    /// Most guests that one call invites.
    pub max_guests_per_call: usize,
}

/// What each scheduler can do.
#[must_use]
pub const fn capabilities(scheduler: Scheduler) -> Capabilities {
    let (books_seats, keeps_settings, gives_busy_times, max_guests_per_call) = match scheduler {
        Scheduler::Native => (true, false, false, usize::MAX),
        Scheduler::CalCom => (false, true, false, 10),
        Scheduler::Google => (false, false, true, 10),
        Scheduler::Calendly => (false, false, false, 10),
    };
    Capabilities {
        books_seats,
        keeps_settings,
        gives_busy_times,
        max_guests_per_call,
    }
}

/// Whether a scheduler keeps coaches' event types, hours and absences as well.
#[must_use]
pub(crate) const fn keeps_settings(scheduler: Scheduler) -> bool {
    capabilities(scheduler).keeps_settings
}

/// A service that keeps coaches' time.
#[async_trait]
pub trait RemoteScheduler: Send + Sync {
    /// Free time in a stretch.
    ///
    /// # Errors
    /// When it cannot be read in time.
    async fn free_time(
        &self,
        calendar: &Calendar<'_>,
        query: &FreeTimeQuery,
    ) -> Result<FreeTime, Fault>;

    /// Makes or moves a booking.
    async fn request(&self, calendar: &Calendar<'_>, request: &RemoteRequest) -> Outcome;

    /// What a request has led to, from the scheduler's own records; nothing if it has led to
    /// nothing.
    ///
    /// # Errors
    /// When the records cannot be read.
    async fn find(
        &self,
        calendar: &Calendar<'_>,
        request: &RemoteRequest,
    ) -> Result<Vec<Observation>, Fault>;

    /// Carries out what was decided here.
    ///
    /// # Errors
    /// When it is not certain that it was done; a repetition is harmless.
    async fn run(&self, calendar: &Calendar<'_>, command: &Command)
    -> Result<CommandResult, Fault>;

    /// Cancels a booking, whatever its state; `Ok` as well when it has ended before.
    ///
    /// # Errors
    /// When that is not certain.
    async fn cancel(&self, calendar: &Calendar<'_>, uid: &str) -> Result<(), Fault>;

    /// One booking; `None` when the scheduler knows none of that uid.
    ///
    /// # Errors
    /// When it cannot be read.
    async fn read(&self, calendar: &Calendar<'_>, uid: &str) -> Result<Option<Record>, Fault>;

    /// A page of the calendar's records. `after` is the `next` of the page before.
    ///
    /// # Errors
    /// When it cannot be read.
    async fn list(
        &self,
        calendar: &Calendar<'_>,
        query: &RecordQuery,
        after: Option<&str>,
    ) -> Result<Page, Fault>;

    /// Pushes an event type as it is now.
    ///
    /// # Errors
    /// When a later attempt may succeed.
    async fn push_event_type(&self, _app: &App, _event_type_id: Uuid) -> Result<()> {
        Ok(())
    }

    /// Pushes hours as they are now.
    ///
    /// # Errors
    /// When a later attempt may succeed.
    async fn push_schedule(&self, _app: &App, _schedule_id: Uuid) -> Result<()> {
        Ok(())
    }

    /// Pushes a coach's absences as they are now.
    ///
    /// # Errors
    /// When a later attempt may succeed.
    async fn push_absences(&self, _app: &App, _coach_id: Uuid) -> Result<()> {
        Ok(())
    }

    /// Pulls event types and hours that were changed there.
    ///
    /// # Errors
    /// When a later attempt may succeed.
    async fn pull_settings(&self, _app: &App, _link: connection::Model) -> Result<()> {
        Ok(())
    }

    /// Whether webhooks can be registered there that reach this server.
    fn registers_webhooks(&self, _app: &App) -> bool {
        false
    }

    /// Checks that the webhook of an account is registered, and registers or repairs it.
    ///
    /// # Errors
    /// When a later attempt may succeed.
    async fn ensure_webhook(&self, _app: &App, _link: &connection::Model) -> Result<()> {
        Ok(())
    }

    /// Deletes the webhook of an account that is about to be disconnected, as far as the scheduler
    /// answers.
    async fn withdraw_webhook(&self, _app: &App, _link: &connection::Model) {}
}

/// The remote schedulers that this server can call.
#[derive(Clone, Default)]
pub struct Schedulers(HashMap<Scheduler, Arc<dyn RemoteScheduler>>);

impl Schedulers {
    /// Adds the implementation for a scheduler, in place of the one before.
    #[must_use]
    pub fn with(mut self, scheduler: Scheduler, implementation: Arc<dyn RemoteScheduler>) -> Self {
        self.0.insert(scheduler, implementation);
        self
    }

    /// The implementation for a scheduler; `None` when this server cannot call it.
    #[must_use]
    pub fn find(&self, scheduler: Scheduler) -> Option<&dyn RemoteScheduler> {
        self.0.get(&scheduler).map(|found| &**found)
    }

    /// The implementation for the scheduler that a provider is.
    #[must_use]
    pub fn find_by_provider(&self, provider: &str) -> Option<&dyn RemoteScheduler> {
        self.find(Scheduler::of_provider(provider)?)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// One coach's calendar at a remote scheduler, and why it is called.
#[derive(Clone, Copy)]
pub struct Calendar<'a> {
    pub app: &'a App,
    pub scheduler: Scheduler,
    pub coach_id: Uuid,
    pub reason: Reason,
    remote: &'a dyn RemoteScheduler,
}

impl<'a> Calendar<'a> {
    /// The calendar that a booking is in, called for a person where one asked; `None` where we have
    /// no access to it.
    pub(crate) async fn of(
        app: &'a App,
        booking: &booking::Model,
        actor_id: Option<Uuid>,
    ) -> Result<Option<Self>> {
        let reason = Purpose::Booking.asked_by(actor_id);
        Self::of_coach(app, booking.scheduler, booking.coach_id, reason).await
    }

    /// A coach's calendar at a scheduler; `None` where we have no access to it.
    pub(crate) async fn of_coach(
        app: &'a App,
        scheduler: Scheduler,
        coach_id: Uuid,
        reason: impl Into<Reason>,
    ) -> Result<Option<Self>> {
        let Some(remote) = app.schedulers.find(scheduler) else {
            return Ok(None);
        };
        if !link::is_live(app.db.write_one(), scheduler, coach_id).await? {
            return Ok(None);
        }
        Ok(Some(Self {
            app,
            scheduler,
            coach_id,
            reason: reason.into(),
            remote,
        }))
    }

    /// See [`RemoteScheduler::free_time`].
    pub(crate) async fn free_time(&self, query: &FreeTimeQuery) -> Result<FreeTime, Fault> {
        self.remote.free_time(self, query).await
    }

    /// See [`RemoteScheduler::request`].
    pub(crate) async fn request(&self, request: &RemoteRequest) -> Outcome {
        self.remote.request(self, request).await
    }

    /// See [`RemoteScheduler::find`].
    pub(crate) async fn find(&self, request: &RemoteRequest) -> Result<Vec<Observation>, Fault> {
        self.remote.find(self, request).await
    }

    /// See [`RemoteScheduler::run`].
    pub(crate) async fn run(&self, command: &Command) -> Result<CommandResult, Fault> {
        self.remote.run(self, command).await
    }

    /// See [`RemoteScheduler::cancel`].
    pub(crate) async fn cancel(&self, uid: &str) -> Result<(), Fault> {
        self.remote.cancel(self, uid).await
    }

    /// See [`RemoteScheduler::read`].
    pub(crate) async fn read(&self, uid: &str) -> Result<Option<Record>, Fault> {
        self.remote.read(self, uid).await
    }

    /// See [`RemoteScheduler::list`].
    pub(crate) async fn list(
        &self,
        query: &RecordQuery,
        after: Option<&str>,
    ) -> Result<Page, Fault> {
        self.remote.list(self, query, after).await
    }

    /// A booking and what it was moved to, at most eight records: the rest comes with the next
    /// reading.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(crate) async fn read_moves(&self, uid: &str) -> Result<Vec<Record>, Fault> {
        const MAX_RECORDS: usize = 8;
        let (mut records, mut next) = (Vec::new(), Some(uid.to_owned()));
        while let Some(uid) = next.take_if(|_| records.len() < MAX_RECORDS) {
            if let Some(record) = self.read(&uid).await? {
                next.clone_from(&record.moved_to);
                records.push(record);
            }
        }
        Ok(records)
    }
}

/// The calendar that a coach's connection gives access to, at the scheduler that its provider is.
///
/// # Errors
/// `Internal` for a connection that is no scheduler's.
pub(crate) fn scheduler_of(link: &connection::Model) -> Result<Scheduler> {
    Scheduler::of_provider(&link.provider)
        .ok_or_else(|| Error::internal("a connection", "its provider keeps no calendars"))
}

/// Which free time is wanted.
#[derive(Clone, Debug)]
pub struct FreeTimeQuery {
    /// The scheduler's id of the event type.
    pub event_type: String,
    /// In minutes, where the event type has several lengths.
    pub length: Option<i64>,
    /// The uid of a booking whose own time counts as free.
    pub moving: Option<String>,
    pub range: Interval,
    /// How long the call may take.
    pub budget: Duration,
}

/// Free time as a scheduler knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FreeTime {
    /// The starts that can be booked.
    Starts(Vec<DateTime<Utc>>),
    /// What is taken; what is left of the coach's hours here can be booked.
    Busy(Vec<Interval>),
}

/// A booking that is to be made or moved.
pub struct RemoteRequest {
    pub request: Request,
    pub booking: booking::Model,
    pub event_type: event_type::Model,
}

/// The outcome of a request.
pub enum Outcome {
    Done(Vec<Observation>),
    Refused {
        /// Stored with the request; see `booking::remote::outcome`.
        code: String,
        /// It may have been done nevertheless, now or by an earlier attempt.
        may_exist: bool,
    },
    /// It certainly was not done.
    NotSent(Fault),
    /// Whether it was done is unknown.
    Unknown(Fault),
}

/// A decision made here that is to be carried out at the scheduler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    Cancel {
        uid: String,
        reason: Option<String>,
    },
    Confirm {
        uid: String,
    },
    Decline {
        uid: String,
        reason: Option<String>,
    },
    MarkAbsent {
        uid: String,
        email: String,
        absent: bool,
    },
    Invite {
        uid: String,
        guests: Vec<String>,
    },
}

impl Command {
    /// For logs.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Cancel { .. } => "cancel",
            Self::Confirm { .. } => "confirm",
            Self::Decline { .. } => "decline",
            Self::MarkAbsent { .. } => "mark_absent",
            Self::Invite { .. } => "invite",
        }
    }
}

/// The outcome of a command.
pub enum CommandResult {
    /// The booking as it is there now.
    Done(Vec<Observation>),
    /// As much of it as will ever be done; the booking as it is there now.
    Partly(Vec<Observation>, &'static str),
    /// It can never be done.
    Impossible(&'static str),
}

/// Which records of a calendar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordQuery {
    /// What has changed, the earliest change first.
    Changed {
        since: DateTime<Utc>,
        until: Option<DateTime<Utc>>,
    },
    /// Everything that is to come, by start.
    Upcoming,
    /// What lies between two instants, by start.
    Between {
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    },
}

/// A page of records.
pub struct Page {
    pub records: Vec<Record>,
    /// Records that could not be read.
    pub unreadable: usize,
    /// Where the next page begins; `None` at the end.
    pub next: Option<String>,
}

/// A booking as the scheduler has it.
pub struct Record {
    pub uid: String,
    pub changed_at: Option<DateTime<Utc>>,
    /// The uid that took its place when it was moved.
    pub moved_to: Option<String>,
    /// Whether it says more than that the session was to take place: somebody was absent, or it was
    /// moved, canceled or declined.
    pub has_outcome: bool,
    pub observations: Vec<Observation>,
}
