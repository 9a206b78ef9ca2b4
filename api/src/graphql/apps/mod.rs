//! Calendars and video apps that coaches have connected at their scheduler. Read live from the
//! provider, never stored.

pub mod calendar;
pub mod calendar_mutation;
pub mod video;
pub mod video_mutation;

use async_graphql::{Enum, ID};

pub use calendar::CoachCalendars;
pub use calendar_mutation::CalendarMutation;
pub use video::CoachVideoApps;
pub use video_mutation::VideoMutation;

use super::id::Kind;
use crate::domain::{self, Error};

/// Whether something in the coach's account could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum AccountReading {
    /// This is what is there now.
    Read,
    /// It cannot be read before `action` is taken. What is there is not known.
    NeedsAction,
    /// It cannot be read at present; ask again later. What is there is not known.
    Unavailable,
}

/// Decodes an optional coach id.
fn coach_id(id: Option<&ID>) -> domain::Result<Option<entity::Uuid>, Error> {
    Kind::Coach.find_key("coachId", id)
}
