//! Verifies and reads Cal.com's webhook deliveries.
//!
//! [`open`] is the only entry: it verifies the signature over the exact bytes before anything is
//! parsed, and returns what is needed to store the delivery once. [`parse()`] reads the stored
//! bytes later, in a job, into an [`Event`].
//!
//! What Cal.com does not guarantee, and the caller must not assume:
//!
//! - **No order and no completeness.** There may be no retry, and a change made while we were down
//!   is lost. A delivery is a hint, not the truth; `CANCELLED` is even sent before Cal.com's own
//!   row is updated.
//! - **No delivery id and no signed time.** Whoever saw a delivery can replay it forever.
//!   [`Delivery`] has a deduplication key; effects must be idempotent nevertheless, because an
//!   event that matches two registrations (user, client, event type) is sent twice with times some
//!   milliseconds apart.
//! - **No fixed shape.** A user may replace the body by a template. Such a body is signed and
//!   accepted, and read as [`Trigger::Unknown`].

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
