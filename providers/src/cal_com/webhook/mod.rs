//! What Cal.com tells us by itself.
//!
//! [`open`] is the only way in: it checks the signature over the exact bytes before anything is
//! read, and returns just enough to store the delivery once. [`parse()`] reads the stored bytes
//! later, in a job, into an [`Event`].
//!
//! What Cal.com does not promise, and the caller must therefore not assume:
//!
//! - **No order and no completeness.** There may be no retry at all, and a change made while we
//!   were down is lost. A delivery is a reason to look, not the truth; `CANCELLED` is even sent
//!   before their own row says so.
//! - **No delivery id and no signed time.** A delivery can be replayed by whoever saw it, for ever.
//!   [`Delivery`] carries a key that recognises the same statement; effects must be idempotent all
//!   the same, because an event that matches two registrations (user, client, event type) is sent
//!   twice with times some milliseconds apart.
//! - **No fixed shape.** A coach may replace the body by a template of their own. Such a body is
//!   signed and accepted, and means nothing: [`Trigger::Unknown`].

mod delivery;
mod event;
mod parse;
mod signature;
mod trigger;
mod wire;

pub use delivery::{Delivery, open};
pub use event::{
    Answer, AnswerValue, Attendee, AttendeeNoShow, Booking, BookingTrigger, Event, EventType,
    MeetingSnapshot, MeetingTrigger, Organizer, OutOfOffice, Status,
};
pub use parse::parse;
pub use signature::OpenError;
pub use trigger::Trigger;

#[cfg(test)]
mod tests;
