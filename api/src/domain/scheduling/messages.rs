//! What is asked of a remote scheduler, and what it answers.

use std::time::Duration;

use chrono::{DateTime, Utc};
use entity::scheduler_request::Model as Request;
use entity::{booking, event_type};

use super::native::Interval;
use super::observation::Observation;

/// A failed call to any provider.
pub type Fault = providers::Error;

/// A query for free time.
#[derive(Clone, Debug)]
pub struct FreeTimeQuery {
    /// The scheduler's id of the event type.
    pub event_type: String,
    /// In minutes, where the event type has several lengths.
    pub length: Option<i64>,
    /// The uid of a booking whose own time counts as free.
    pub moving: Option<String>,
    pub range: Interval,
    /// Timeout of the call.
    pub budget: Duration,
}

/// Free time in the form that the scheduler returns it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FreeTime {
    /// The bookable starts.
    Starts(Vec<DateTime<Utc>>),
    /// Busy intervals, to be subtracted from the hours stored here.
    Busy(Vec<Interval>),
}

/// A request to make or move a booking.
pub struct RemoteRequest {
    pub request: Request,
    pub booking: booking::Model,
    /// The client's answers, in plain text.
    pub answers: Vec<booking::Answer>,
    pub event_type: event_type::Model,
}

/// The outcome of a request.
pub enum Outcome {
    Done(Vec<Observation>),
    Refused {
        /// Stored with the request; see `booking::remote::outcome`.
        code: String,
        /// It may have taken effect anyway, now or in an earlier attempt.
        may_exist: bool,
    },
    /// It certainly had no effect.
    NotSent(Fault),
    /// Its effect is unknown.
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
    /// Its name in logs.
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
    /// Done; the booking as it is there now.
    Done(Vec<Observation>),
    /// Done as far as the scheduler supports it; the booking as it is there now.
    Partly(Vec<Observation>, &'static str),
    /// The scheduler does not support it.
    Impossible(&'static str),
}

/// Selects records of a calendar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordQuery {
    /// Changed records, the earliest change first.
    Changed {
        since: DateTime<Utc>,
        until: Option<DateTime<Utc>>,
    },
    /// Future records, by start.
    Upcoming,
    /// Records between two instants, by start.
    Between {
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    },
}

/// A page of records.
pub struct Page {
    pub records: Vec<Record>,
    /// The number of records that could not be parsed.
    pub unreadable: usize,
    /// The cursor of the next page; `None` at the end.
    pub next: Option<String>,
}

/// A booking as the scheduler has it.
pub struct Record {
    pub uid: String,
    pub changed_at: Option<DateTime<Utc>>,
    /// The uid that replaced it when it was moved.
    pub moved_to: Option<String>,
    /// Whether it has an outcome beyond a planned session: somebody was absent, or it was moved,
    /// canceled or declined.
    pub has_outcome: bool,
    pub observations: Vec<Observation>,
}
