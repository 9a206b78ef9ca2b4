//! The state machine of bookings, as a table. Nothing else changes a status.

use entity::booking::Status;
use entity::booking_event::Kind;

use Event as On;
use Status as At;

/// An event in the life of a booking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// The scheduler has it.
    SchedulerAccepted,
    /// The scheduler refused it, or its hold expired.
    SchedulerRefused,
    /// Nothing is missing any more.
    Confirmed,
    /// The coach said no.
    RejectedByCoach,
    /// It has a price.
    PaymentDue,
    /// Paid; also late, for an abandoned booking whose time is still free.
    Paid,
    /// A payment failed.
    PaymentFailed,
    /// The payment is retried.
    PaymentRetried,
    /// The payment deadline has passed.
    DeadlinePassed,
    /// Cancelled by the client, the coach, staff, or in the provider's own user interface.
    Canceled,
    /// Cancelled at the scheduler before we marked it COMPLETED or EXPIRED, and reported later.
    CanceledElsewhere,
    /// The money was given back.
    Refunded,
    /// The session has ended.
    Ended,
    /// Its start passed before it was confirmed.
    StartPassed,
    /// Moved to another time.
    Moved,
    /// Moved to another time, which the coach must approve.
    MovedForApproval,
    /// The scheduler reports an ended booking as active.
    Reinstated,
    /// It is a duplicate of another booking.
    Merged,
    /// An event that changes no status.
    Noted(Kind),
}

/// All transitions: from, event, to.
pub const TRANSITIONS: &[(Status, Event, Status)] = &[
    (At::Initiated, On::SchedulerAccepted, At::Scheduled),
    (At::Initiated, On::SchedulerRefused, At::Abandoned),
    (At::Scheduled, On::Confirmed, At::Confirmed),
    (At::Scheduled, On::RejectedByCoach, At::Rejected),
    (At::Scheduled, On::PaymentDue, At::PaymentPending),
    (At::PaymentPending, On::Paid, At::Confirmed),
    (At::PaymentFailed, On::Paid, At::Confirmed),
    (At::PaymentPending, On::PaymentFailed, At::PaymentFailed),
    (At::PaymentFailed, On::PaymentRetried, At::PaymentPending),
    (At::PaymentPending, On::DeadlinePassed, At::Abandoned),
    (At::PaymentFailed, On::DeadlinePassed, At::Abandoned),
    // A late payment confirms the booking if its time is still free, else it is refunded; never
    // silently kept.
    (At::Abandoned, On::Paid, At::Confirmed),
    (At::Canceled, On::Paid, At::Confirmed),
    (At::Abandoned, On::Refunded, At::Refunded),
    (At::Canceled, On::Refunded, At::Refunded),
    (At::Rejected, On::Refunded, At::Refunded),
    (At::Expired, On::Refunded, At::Refunded),
    (At::Initiated, On::Canceled, At::Canceled),
    (At::Scheduled, On::Canceled, At::Canceled),
    (At::PaymentPending, On::Canceled, At::Canceled),
    (At::PaymentFailed, On::Canceled, At::Canceled),
    (At::Confirmed, On::Canceled, At::Canceled),
    (At::Completed, On::CanceledElsewhere, At::Canceled),
    (At::Expired, On::CanceledElsewhere, At::Canceled),
    (At::Confirmed, On::Ended, At::Completed),
    (At::Scheduled, On::StartPassed, At::Expired),
    (At::PaymentPending, On::StartPassed, At::Expired),
    (At::PaymentFailed, On::StartPassed, At::Expired),
    (At::Initiated, On::Moved, At::Initiated),
    (At::Scheduled, On::Moved, At::Scheduled),
    (At::PaymentPending, On::Moved, At::PaymentPending),
    (At::PaymentFailed, On::Moved, At::PaymentFailed),
    (At::Confirmed, On::Moved, At::Confirmed),
    (At::Scheduled, On::MovedForApproval, At::Scheduled),
    (At::Confirmed, On::MovedForApproval, At::Scheduled),
    (At::PaymentPending, On::MovedForApproval, At::Scheduled),
    (At::PaymentFailed, On::MovedForApproval, At::Scheduled),
    // Only the remote scheduler can reinstate a booking.
    (At::Abandoned, On::Reinstated, At::Scheduled),
    (At::Canceled, On::Reinstated, At::Scheduled),
    (At::Rejected, On::Reinstated, At::Scheduled),
    (At::Expired, On::Reinstated, At::Scheduled),
    // A session that has ended may be moved to the future at the scheduler.
    (At::Completed, On::Reinstated, At::Scheduled),
    (At::Initiated, On::Merged, At::Abandoned),
    (At::Scheduled, On::Merged, At::Abandoned),
    (At::PaymentPending, On::Merged, At::Abandoned),
    (At::PaymentFailed, On::Merged, At::Abandoned),
    (At::Confirmed, On::Merged, At::Abandoned),
];

/// The next status, or `None` when the event is impossible in this status.
#[must_use]
pub fn next(from: Status, event: Event) -> Option<Status> {
    if let On::Noted(_) = event {
        return Some(from);
    }
    TRANSITIONS
        .iter()
        .find(|(state, on, _)| *state == from && *on == event)
        .map(|(_, _, to)| *to)
}

impl Event {
    /// The kind of history entry for this event.
    #[must_use]
    pub fn kind(self) -> Kind {
        match self {
            On::SchedulerAccepted => Kind::Scheduled,
            On::SchedulerRefused | On::DeadlinePassed => Kind::Abandoned,
            On::Confirmed => Kind::Confirmed,
            On::RejectedByCoach => Kind::Rejected,
            On::PaymentDue | On::PaymentRetried => Kind::PaymentDue,
            On::Paid => Kind::Paid,
            On::PaymentFailed => Kind::PaymentFailed,
            On::Canceled | On::CanceledElsewhere => Kind::Canceled,
            On::Refunded => Kind::Refunded,
            On::Ended => Kind::Completed,
            On::StartPassed => Kind::Expired,
            On::Moved | On::MovedForApproval => Kind::Moved,
            On::Reinstated => Kind::Reinstated,
            On::Merged => Kind::Merged,
            On::Noted(kind) => kind,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sea_orm::Iterable;
    use std::collections::HashSet;

    const EVENTS: [Event; 18] = [
        On::SchedulerAccepted,
        On::SchedulerRefused,
        On::Confirmed,
        On::RejectedByCoach,
        On::PaymentDue,
        On::Paid,
        On::PaymentFailed,
        On::PaymentRetried,
        On::DeadlinePassed,
        On::Canceled,
        On::CanceledElsewhere,
        On::Refunded,
        On::Ended,
        On::StartPassed,
        On::Moved,
        On::MovedForApproval,
        On::Reinstated,
        On::Merged,
    ];

    /// The same transitions written a second time, in the product's terms: for each state,
    /// everything that may happen to it.
    fn allowed(state: Status) -> &'static [(Event, Status)] {
        match state {
            At::Initiated => &[
                (On::SchedulerAccepted, At::Scheduled),
                (On::SchedulerRefused, At::Abandoned),
                (On::Canceled, At::Canceled),
                (On::Moved, At::Initiated),
                (On::Merged, At::Abandoned),
            ],
            At::Scheduled => &[
                (On::Confirmed, At::Confirmed),
                (On::RejectedByCoach, At::Rejected),
                (On::PaymentDue, At::PaymentPending),
                (On::Canceled, At::Canceled),
                (On::StartPassed, At::Expired),
                (On::Moved, At::Scheduled),
                (On::MovedForApproval, At::Scheduled),
                (On::Merged, At::Abandoned),
            ],
            At::PaymentPending => &[
                (On::Paid, At::Confirmed),
                (On::PaymentFailed, At::PaymentFailed),
                (On::DeadlinePassed, At::Abandoned),
                (On::Canceled, At::Canceled),
                (On::StartPassed, At::Expired),
                (On::Moved, At::PaymentPending),
                (On::MovedForApproval, At::Scheduled),
                (On::Merged, At::Abandoned),
            ],
            At::PaymentFailed => &[
                (On::Paid, At::Confirmed),
                (On::PaymentRetried, At::PaymentPending),
                (On::DeadlinePassed, At::Abandoned),
                (On::Canceled, At::Canceled),
                (On::StartPassed, At::Expired),
                (On::Moved, At::PaymentFailed),
                (On::MovedForApproval, At::Scheduled),
                (On::Merged, At::Abandoned),
            ],
            At::Confirmed => &[
                (On::Canceled, At::Canceled),
                (On::Ended, At::Completed),
                (On::Moved, At::Confirmed),
                (On::MovedForApproval, At::Scheduled),
                (On::Merged, At::Abandoned),
            ],
            At::Completed => &[
                (On::CanceledElsewhere, At::Canceled),
                (On::Reinstated, At::Scheduled),
            ],
            At::Abandoned => &[
                (On::Paid, At::Confirmed),
                (On::Refunded, At::Refunded),
                (On::Reinstated, At::Scheduled),
            ],
            At::Canceled => &[
                (On::Paid, At::Confirmed),
                (On::Refunded, At::Refunded),
                (On::Reinstated, At::Scheduled),
            ],
            At::Refunded => &[],
            At::Rejected => &[
                (On::Refunded, At::Refunded),
                (On::Reinstated, At::Scheduled),
            ],
            At::Expired => &[
                (On::CanceledElsewhere, At::Canceled),
                (On::Refunded, At::Refunded),
                (On::Reinstated, At::Scheduled),
            ],
        }
    }

    #[test]
    fn every_pair_of_state_and_event_matches_the_specification() {
        for state in Status::iter() {
            for event in EVENTS {
                let expected = allowed(state)
                    .iter()
                    .find(|(on, _)| *on == event)
                    .map(|(_, to)| *to);
                assert_eq!(next(state, event), expected, "{state:?} + {event:?}");
            }
            assert_eq!(next(state, On::Noted(Kind::AttendanceMarked)), Some(state));
        }
    }

    #[test]
    fn no_pair_is_listed_twice() {
        let pairs: HashSet<_> = TRANSITIONS
            .iter()
            .map(|(from, event, _)| (from, event))
            .collect();
        assert_eq!(pairs.len(), TRANSITIONS.len());
    }

    #[test]
    fn refunded_is_final() {
        assert!(
            EVENTS
                .iter()
                .all(|event| next(At::Refunded, *event).is_none())
        );
    }
}
