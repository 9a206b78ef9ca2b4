//! The path through the transition table from a booking's status to the state its scheduler
//! reports.

use entity::booking::{Approval, Model, Status};
use entity::booking_event::Kind;

use super::project::{Projection, Target};
use crate::domain::booking::state::Event;

/// The events to apply, in order. Empty if the booking is already there, or if the clock has moved
/// it further.
///
/// `moved`: the time changes on the way. `is_over`: the new time is in the past.
pub(crate) fn transition_path(
    from: Status,
    target: Target,
    moved: bool,
    is_over: bool,
) -> Vec<Event> {
    use Event as E;
    use Status as S;

    // A refund is final; the scheduler cannot undo it.
    if from == S::Refunded {
        return Vec::new();
    }
    let to_scheduled = |again: Event| match from {
        S::Initiated => vec![E::SchedulerAccepted],
        S::Scheduled | S::PaymentPending | S::PaymentFailed if moved => vec![E::Moved],
        S::Scheduled | S::PaymentPending | S::PaymentFailed => Vec::new(),
        S::Confirmed => vec![again],
        _ => vec![E::Reinstated],
    };
    let confirm = if matches!(from, S::PaymentPending | S::PaymentFailed) {
        E::Paid
    } else {
        E::Confirmed
    };
    let then = |mut transition_path: Vec<Event>, event: Event| {
        transition_path.push(event);
        transition_path
    };
    match (from, target) {
        // The sweeper uses the same clock: a booking that it expired is not reopened.
        (S::Expired, Target::Requested | Target::Unpaid) if is_over => Vec::new(),
        (_, Target::Requested | Target::Unpaid) => to_scheduled(E::MovedForApproval),
        (S::Completed, Target::Confirmed | Target::Completed) if !moved => Vec::new(),
        (S::Confirmed, Target::Confirmed) if moved => vec![E::Moved],
        (S::Confirmed, Target::Confirmed) => Vec::new(),
        (_, Target::Confirmed) => then(to_scheduled(E::Moved), confirm),
        (S::Confirmed, Target::Completed) if moved => vec![E::Moved, E::Ended],
        (S::Confirmed, Target::Completed) => vec![E::Ended],
        (_, Target::Completed) => then(then(to_scheduled(E::Moved), confirm), E::Ended),
        (S::Canceled, Target::Canceled) | (S::Rejected, Target::Rejected) => Vec::new(),
        (S::Completed | S::Expired, Target::Canceled) => vec![E::CanceledElsewhere],
        (S::Rejected | S::Abandoned, Target::Canceled) => vec![E::Reinstated, E::Canceled],
        (_, Target::Canceled) => vec![E::Canceled],
        // A booking whose price is due here cannot be rejected; it is canceled instead.
        (S::PaymentPending | S::PaymentFailed, Target::Rejected) => vec![E::Canceled],
        (_, Target::Rejected) => then(to_scheduled(E::MovedForApproval), E::RejectedByCoach),
    }
}

/// Adds the events that say that the coach has approved, or still must.
pub(crate) fn with_approval(
    mut events: Vec<Event>,
    booking: &Model,
    proposed: &Model,
    after: &Projection,
) -> Vec<Event> {
    if booking.approval == Approval::Pending && proposed.approval == Approval::Given {
        let at = events
            .iter()
            .position(|event| matches!(event, Event::Confirmed | Event::PaymentDue));
        at.into_iter()
            .for_each(|at| events.insert(at, Event::Noted(Kind::Approved)));
    }
    if after.target == Target::Requested && !events.is_empty() {
        events.push(Event::Noted(Kind::ApprovalRequested));
    }
    events
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::booking::state;
    use sea_orm::Iterable;

    const TARGETS: [Target; 6] = [
        Target::Requested,
        Target::Unpaid,
        Target::Confirmed,
        Target::Completed,
        Target::Canceled,
        Target::Rejected,
    ];

    fn end(target: Target) -> Status {
        match target {
            Target::Requested | Target::Unpaid => Status::Scheduled,
            Target::Confirmed => Status::Confirmed,
            Target::Completed => Status::Completed,
            Target::Canceled => Status::Canceled,
            Target::Rejected => Status::Rejected,
        }
    }

    #[test]
    fn every_road_runs_along_the_table_and_arrives() {
        for from in Status::iter() {
            for target in TARGETS {
                for (moved, is_over) in [(false, false), (false, true), (true, false), (true, true)]
                {
                    let arrived = transition_path(from, target, moved, is_over)
                        .into_iter()
                        .fold(from, |at, event| {
                            state::next(at, event).unwrap_or_else(|| {
                                panic!("{at:?} + {event:?} on the way to {target:?}")
                            })
                        });
                    let stays = from == Status::Refunded
                        || (from == Status::Completed && target == Target::Confirmed && !moved)
                        || (from == Status::Expired && end(target) == Status::Scheduled && is_over)
                        || (end(target) == Status::Scheduled
                            && matches!(from, Status::PaymentPending | Status::PaymentFailed))
                        || (target == Target::Rejected
                            && matches!(from, Status::PaymentPending | Status::PaymentFailed));
                    if !stays {
                        assert_eq!(
                            arrived,
                            end(target),
                            "{from:?} to {target:?}, moved {moved}, over {is_over}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn a_booking_that_is_there_stays_untouched() {
        for (from, target) in [
            (Status::Scheduled, Target::Requested),
            (Status::Confirmed, Target::Confirmed),
            (Status::Completed, Target::Completed),
            (Status::Completed, Target::Confirmed),
            (Status::Canceled, Target::Canceled),
            (Status::Rejected, Target::Rejected),
        ] {
            assert_eq!(
                transition_path(from, target, false, false),
                [],
                "{from:?} to {target:?}"
            );
        }
    }
}
