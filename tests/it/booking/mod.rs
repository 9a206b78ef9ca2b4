//! The life of a booking.

mod approval;
mod ending;
mod guests;
mod idempotency;
mod life;
mod race;
mod refusal;
mod unmoved;
mod verification;

use serde_json::{Value, json};
use tests::{Actor, Answer};

/// The fields selected of a booking throughout.
pub(crate) const BOOKING: &str =
    "booking { id status version startsAt endsAt allowedActions moves }";

/// Everything that happens to the caller's bookings.
pub(crate) const MINE: &str = "subscription($after: EventCursor) { bookingEvents(mine: true, after: $after) {
    cursor kind booking { id status startsAt version } bookings { id status } change { kind statusAfter version } } }";

pub(crate) async fn create(actor: &Actor<'_>, order: &Value) -> Answer {
    actor.mutate("createBooking", order.clone(), BOOKING).await
}

pub(crate) async fn reschedule(actor: &Actor<'_>, id: &str, starts_at: &str) -> Answer {
    let input = json!({ "idempotencyKey": tests::key(), "bookingId": id, "startsAt": starts_at });
    actor.mutate("rescheduleBooking", input, BOOKING).await
}

pub(crate) async fn cancel(actor: &Actor<'_>, id: &str) -> Answer {
    let input =
        json!({ "idempotencyKey": tests::key(), "bookingId": id, "reason": "Something came up" });
    actor.mutate("cancelBooking", input, BOOKING).await
}

/// The id in the answer to createBooking.
pub(crate) fn id_of(answer: &Answer) -> String {
    assert_eq!(answer.user_errors(), Vec::<&str>::new(), "{}", answer.data);
    answer.text("/createBooking/booking/id")
}
