//! What a coach offers and when they work, kept in step with their own calendar.
//!
//! What changes here is pushed there by a job; what changes there is looked for once a day and
//! whenever the coach asks. Cal.com does not say when something was changed, so a fingerprint of
//! what it was when both sides last agreed is kept (`entity::sync_state`). Where both have changed,
//! ours stands when it was changed after we last looked there, else theirs; the coach is told
//! which.
//!
//! Days on which a coach is away are closed there: by an entry of its own where the account is one
//! of the platform's organization, else by dates without hours. Hours that are read back are
//! cleared of those.
//!
//! Nothing else is ever deleted there: with an event type Cal.com deletes its bookings. What is
//! archived here is hidden there.

mod absences;
mod event_types;
mod import;
mod pull;
mod schedules;

pub use absences::push_absences;
pub use event_types::push_event_type;
pub use import::{Import, Skipped, import};
pub use pull::{pull, pull_mine};
pub use schedules::push_schedule;

pub(crate) use event_types::{How, Stopped, mark_synced, push};
pub(crate) use schedules::push as push_schedule_to;

use providers::Kind;
use providers::cal_com::Error as Fault;

use crate::domain::Error;

/// Whether asking again can help.
fn is_final(fault: &Fault) -> bool {
    matches!(fault.kind, Kind::Rejected | Kind::Conflict | Kind::NotFound)
}

/// What a coach is told of a refusal. Their own words are not passed on: they quote what was sent.
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

/// A failure that another try may mend.
fn again(fault: Fault) -> Error {
    Error::provider("keeping a calendar in step", fault)
}
