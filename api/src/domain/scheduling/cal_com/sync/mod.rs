//! Synchronizes a coach's event types, hours and absences with their Cal.com account.
//!
//! Changes here are pushed by a job; changes there are pulled once a day and on demand. Cal.com has
//! no change times, so a fingerprint of the last agreed state is stored (`entity::sync_state`). If
//! both sides have changed, ours wins if it changed after the last pull, else theirs; the coach is
//! told which.
//!
//! Absences are closed there: by an out-of-office entry if the account is in the platform's
//! organization, else by dates without hours, which a pull removes again.
//!
//! Nothing else is ever deleted there: with an event type Cal.com deletes its bookings. An event
//! type that is archived here is hidden there.

mod absences;
mod agreed;
mod event_types;
mod import;
mod out_of_office;
mod pull;
mod pull_event_types;
mod pull_hours;
mod schedules;
mod verdict;

pub use absences::push_absences;
pub use event_types::push_event_type;
pub use import::{Import, Skipped, import};
pub use pull::{pull, pull_mine};
pub use schedules::push_schedule;

pub(crate) use agreed::{How, Stopped};
pub(crate) use event_types::{mark_synced, push};
pub(crate) use schedules::push as push_schedule_to;

use providers::Kind;
use providers::cal_com::Error as Fault;

use crate::domain::Error;

/// Whether a retry cannot succeed.
fn is_final(fault: &Fault) -> bool {
    matches!(fault.kind, Kind::Rejected | Kind::Conflict | Kind::NotFound)
}

/// The message for the coach about a refusal. Without Cal.com's own text, which quotes the request.
pub(crate) fn told(fault: &Fault) -> String {
    use providers::cal_com::Refusal;

    match &fault.refusal {
        Some(Refusal::AppNotConnected { app }) => {
            format!("Cal.com refuses the location: {app} is not connected there")
        }
        Some(Refusal::DuplicateSlug) => "another event type at Cal.com has this slug".to_owned(),
        _ => match fault.kind {
            Kind::Unauthorized => {
                "Cal.com does not accept the connected account; connect it again".to_owned()
            }
            Kind::Unavailable | Kind::RateLimited { .. } | Kind::Malformed => {
                "Cal.com does not answer at present".to_owned()
            }
            _ => "Cal.com refuses it as it is".to_owned(),
        },
    }
}

/// An error that a retry may resolve.
fn again(fault: Fault) -> Error {
    Error::provider("keeping a calendar in step", fault)
}
