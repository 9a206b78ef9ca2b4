//! Input objects of bookings.

use async_graphql::{ID, InputObject};
use entity::booking::Status;

use crate::domain::{self, booking};
use crate::graphql::id::Kind;
use crate::graphql::scalars::{DateTime, EmailAddress, IdempotencyKey, TimeZone};

/// Which bookings. All given conditions must hold.
#[derive(Clone, Debug, Default, InputObject)]
pub struct BookingFilter {
    /// Any of these.
    pub statuses: Option<Vec<Status>>,
    /// Starts at or after.
    pub starts_from: Option<DateTime>,
    /// Starts before.
    pub starts_before: Option<DateTime>,
    /// Changed at or after; to catch up after an outage.
    pub updated_from: Option<DateTime>,
    /// With this coach.
    pub coach_id: Option<ID>,
    /// Of this client.
    pub client_id: Option<ID>,
    /// Made for this address, claimed or not.
    pub client_email: Option<EmailAddress>,
    /// Of this event type.
    pub event_type_id: Option<ID>,
    /// Only those that a scheduler accepted and that cannot stand here.
    #[graphql(default)]
    pub in_conflict: bool,
}

impl BookingFilter {
    pub(super) fn read(self) -> domain::Result<booking::BookingFilter> {
        Ok(booking::BookingFilter {
            statuses: self.statuses,
            starts_from: self.starts_from.map(|instant| instant.0),
            starts_before: self.starts_before.map(|instant| instant.0),
            updated_from: self.updated_from.map(|instant| instant.0),
            coach_id: Kind::Coach.find_key("filter.coachId", self.coach_id.as_ref())?,
            client_id: Kind::User.find_key("filter.clientId", self.client_id.as_ref())?,
            client_email: self.client_email.map(|email| email.0),
            event_type_id: Kind::EventType
                .find_key("filter.eventTypeId", self.event_type_id.as_ref())?,
            in_conflict: self.in_conflict,
        })
    }
}

/// An answer to a question of the event type.
#[derive(Clone, Debug, InputObject)]
pub struct AnswerInput {
    /// The question.
    pub key: String,
    /// The answer; one value, unless the question allows several choices.
    pub values: Vec<String>,
}

/// Input of addBookingGuests.
#[derive(Clone, Debug, InputObject)]
pub struct AddBookingGuestsInput {
    /// The booking.
    pub booking_id: ID,
    /// Whom to invite. A booking has at most 10 guests.
    pub guests: Vec<EmailAddress>,
}

/// Input of createBooking.
#[derive(Clone, Debug, InputObject)]
pub struct CreateBookingInput {
    /// Makes sending it again safe.
    pub idempotency_key: IdempotencyKey,
    /// What to book.
    pub event_type_id: ID,
    /// One of the event type's hosts; the coach who offers it when left out.
    pub coach_id: Option<ID>,
    /// A start that slots offers.
    pub starts_at: DateTime,
    /// One of the event type's lengths; the default when left out.
    pub length_minutes: Option<i32>,
    /// The zone in which the client sees times.
    pub time_zone: TimeZone,
    /// Answers to the event type's questions.
    #[graphql(default)]
    pub answers: Vec<AnswerInput>,
    /// Others to invite, at most 10.
    #[graphql(default)]
    pub guests: Vec<EmailAddress>,
    /// The caller's own hold on the slot.
    pub hold_id: Option<ID>,
}

impl CreateBookingInput {
    pub(super) fn read(self) -> domain::Result<(String, booking::Create)> {
        let answers = self.answers.into_iter();
        let create = booking::Create {
            event_type_id: Kind::EventType.key("eventTypeId", &self.event_type_id)?,
            coach_id: Kind::Coach.find_key("coachId", self.coach_id.as_ref())?,
            starts_at: self.starts_at.0,
            length_minutes: self.length_minutes,
            time_zone: self.time_zone.0,
            answers: answers
                .map(|answer| booking::AnswerInput {
                    key: answer.key,
                    values: answer.values,
                })
                .collect(),
            guests: self.guests.into_iter().map(|guest| guest.0).collect(),
            hold_id: Kind::Hold.find_key("holdId", self.hold_id.as_ref())?,
        };
        Ok((self.idempotency_key.0, create))
    }
}

/// Input of rescheduleBooking.
#[derive(Clone, Debug, InputObject)]
pub struct RescheduleBookingInput {
    /// Makes sending it again safe.
    pub idempotency_key: IdempotencyKey,
    /// What to move.
    pub booking_id: ID,
    /// The new start, one that slots offers; the length stays.
    pub starts_at: DateTime,
    /// Why, for the other side; at most 500 characters.
    pub reason: Option<String>,
    /// The version the caller has seen: refuses to move a booking that has changed since.
    pub version: Option<i64>,
}

impl RescheduleBookingInput {
    pub(super) fn read(self) -> domain::Result<(String, booking::Reschedule)> {
        let reschedule = booking::Reschedule {
            booking_id: Kind::Booking.key("bookingId", &self.booking_id)?,
            starts_at: self.starts_at.0,
            reason: self.reason,
            version: self.version,
        };
        Ok((self.idempotency_key.0, reschedule))
    }
}

/// Input of cancelBooking.
#[derive(Clone, Debug, InputObject)]
pub struct CancelBookingInput {
    /// Makes sending it again safe.
    pub idempotency_key: IdempotencyKey,
    /// What to cancel.
    pub booking_id: ID,
    /// Why, for the other side; at most 500 characters.
    pub reason: Option<String>,
    /// The version the caller has seen: refuses to cancel a booking that has changed since.
    pub version: Option<i64>,
}

impl CancelBookingInput {
    pub(super) fn read(self) -> domain::Result<(String, booking::Cancel)> {
        let cancel = booking::Cancel {
            booking_id: Kind::Booking.key("bookingId", &self.booking_id)?,
            reason: self.reason,
            version: self.version,
        };
        Ok((self.idempotency_key.0, cancel))
    }
}

/// Input of recordPayment.
#[derive(Clone, Debug, InputObject)]
pub struct RecordPaymentInput {
    /// A booking for which a payment is due.
    pub booking_id: ID,
}

/// Input of approveBooking.
#[derive(Clone, Debug, InputObject)]
pub struct ApproveBookingInput {
    /// A booking that waits for the coach.
    pub booking_id: ID,
}

/// Input of rejectBooking.
#[derive(Clone, Debug, InputObject)]
pub struct RejectBookingInput {
    /// A booking that waits for the coach.
    pub booking_id: ID,
    /// Why, for the client; at most 500 characters.
    pub reason: Option<String>,
}
