//! The port to remote schedulers: what bookings, free time and settings call, whichever service
//! manages a coach's time.
//!
//! To add a scheduler, implement [`RemoteScheduler`] in a new folder and register it at start-up. A
//! trait and not an enum, so that tests can implement one outside of this crate. Implementations
//! translate and make no decisions.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use entity::coach::Scheduler;
use entity::{Uuid, booking, connection};

pub use super::messages::{
    Command, CommandResult, Fault, FreeTime, FreeTimeQuery, Outcome, Page, Record, RecordQuery,
    RemoteRequest,
};
use super::observation::{Observation, Reported, Speaker};
use crate::app::App;
use crate::domain::connection::{self as link, Purpose, Reason};
use crate::domain::{Error, Result};

/// The capabilities of a scheduler, as data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Whether a seat of a group can be booked through its API.
    pub books_seats: bool,
    /// Whether event types, hours and absences are stored there too and pushed to it.
    pub keeps_settings: bool,
    /// Whether it returns busy times, to be subtracted from the hours stored here.
    pub gives_busy_times: bool,
    /// Most guests that one call can invite.
    pub max_guests_per_call: usize,
}

/// The capabilities of each scheduler.
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

/// Whether a scheduler stores coaches' event types, hours and absences too.
#[must_use]
pub(crate) const fn keeps_settings(scheduler: Scheduler) -> bool {
    capabilities(scheduler).keeps_settings
}

/// A service that manages coaches' time.
#[async_trait]
pub trait RemoteScheduler: Send + Sync {
    /// Free time in a range.
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

    /// The records that a request has created or changed at the scheduler; empty if it had no
    /// effect.
    ///
    /// # Errors
    /// When the records cannot be read.
    async fn find(
        &self,
        calendar: &Calendar<'_>,
        request: &RemoteRequest,
    ) -> Result<Vec<Observation>, Fault>;

    /// Carries out a command.
    ///
    /// # Errors
    /// When its effect is not certain; a retry is harmless.
    async fn run(&self, calendar: &Calendar<'_>, command: &Command)
    -> Result<CommandResult, Fault>;

    /// Cancels a booking in any status; `Ok` too if it ended before.
    ///
    /// # Errors
    /// When its effect is not certain.
    async fn cancel(&self, calendar: &Calendar<'_>, uid: &str) -> Result<(), Fault>;

    /// Reads one booking; `None` if the scheduler has none with that uid.
    ///
    /// # Errors
    /// When it cannot be read.
    async fn read(&self, calendar: &Calendar<'_>, uid: &str) -> Result<Option<Record>, Fault>;

    /// Reads a page of the calendar's records. `after` is the `next` of the previous page.
    ///
    /// # Errors
    /// When it cannot be read.
    async fn list(
        &self,
        calendar: &Calendar<'_>,
        query: &RecordQuery,
        after: Option<&str>,
    ) -> Result<Page, Fault>;

    /// Pushes the current state of an event type.
    ///
    /// # Errors
    /// When a later attempt may succeed.
    async fn push_event_type(&self, _app: &App, _event_type_id: Uuid) -> Result<()> {
        Ok(())
    }

    /// Pushes the current state of a schedule.
    ///
    /// # Errors
    /// When a later attempt may succeed.
    async fn push_schedule(&self, _app: &App, _schedule_id: Uuid) -> Result<()> {
        Ok(())
    }

    /// Pushes the current absences of a coach.
    ///
    /// # Errors
    /// When a later attempt may succeed.
    async fn push_absences(&self, _app: &App, _coach_id: Uuid) -> Result<()> {
        Ok(())
    }

    /// Pulls event types and hours that were changed at the scheduler.
    ///
    /// # Errors
    /// When a later attempt may succeed.
    async fn pull_settings(&self, _app: &App, _link: connection::Model) -> Result<()> {
        Ok(())
    }

    /// Whether webhooks can be registered there, which requires that this server is reachable.
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

    /// Deletes the webhook of an account before it is disconnected; best effort.
    async fn withdraw_webhook(&self, _app: &App, _link: &connection::Model) {}
}

/// The remote schedulers that this server can call.
#[derive(Clone, Default)]
pub struct Schedulers(HashMap<Scheduler, Arc<dyn RemoteScheduler>>);

impl Schedulers {
    /// Registers the implementation of a scheduler, replacing an earlier one.
    #[must_use]
    pub fn with(mut self, scheduler: Scheduler, implementation: Arc<dyn RemoteScheduler>) -> Self {
        self.0.insert(scheduler, implementation);
        self
    }

    /// The implementation of a scheduler; `None` if this server cannot call it.
    #[must_use]
    pub fn find(&self, scheduler: Scheduler) -> Option<&dyn RemoteScheduler> {
        self.0.get(&scheduler).map(|found| &**found)
    }

    /// The implementation of the scheduler with this provider name.
    #[must_use]
    pub fn find_by_provider(&self, provider: &str) -> Option<&dyn RemoteScheduler> {
        self.find(Scheduler::of_provider(provider)?)
    }

    /// Whether none is registered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// One coach's calendar at a remote scheduler, and the purpose of the calls.
#[derive(Clone, Copy)]
pub struct Calendar<'a> {
    pub app: &'a App,
    pub scheduler: Scheduler,
    pub coach_id: Uuid,
    pub reason: Reason,
    connection_id: Uuid,
    remote: &'a dyn RemoteScheduler,
}

impl<'a> Calendar<'a> {
    /// The calendar of a booking, with the person on whose behalf it is called; `None` without a
    /// live connection.
    pub(crate) async fn of(
        app: &'a App,
        booking: &booking::Model,
        actor_id: Option<Uuid>,
    ) -> Result<Option<Self>> {
        let reason = Purpose::Booking.asked_by(actor_id);
        Self::of_coach(app, booking.scheduler, booking.coach_id, reason).await
    }

    /// A coach's calendar at a scheduler; `None` without a live connection.
    pub(crate) async fn of_coach(
        app: &'a App,
        scheduler: Scheduler,
        coach_id: Uuid,
        reason: impl Into<Reason>,
    ) -> Result<Option<Self>> {
        let Some(remote) = app.schedulers.find(scheduler) else {
            return Ok(None);
        };
        let connection_id = link::live_id(app.db.write_one(), scheduler, coach_id).await?;
        Ok(connection_id.map(|connection_id| Self {
            app,
            scheduler,
            coach_id,
            reason: reason.into(),
            connection_id,
            remote,
        }))
    }

    /// What an answer of this calendar reports.
    pub(crate) fn reported(&self, observations: Vec<Observation>) -> Reported {
        Reported {
            scheduler: self.scheduler,
            speaker: Speaker::Calendar(self.connection_id),
            observations,
        }
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

    /// Reads a booking and the records it was moved to, at most eight; the next poll reads the
    /// rest.
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

/// The scheduler that the provider of a connection is.
///
/// # Errors
/// `Internal` for a connection to a provider that is no scheduler.
pub(crate) fn scheduler_of(link: &connection::Model) -> Result<Scheduler> {
    Scheduler::of_provider(&link.provider)
        .ok_or_else(|| Error::internal("a connection", "its provider keeps no calendars"))
}
