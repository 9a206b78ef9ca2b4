//! What the web application's clock does every minute: say that meetings began and ended.

use std::sync::Arc;

use chrono::TimeDelta;

use super::announce;
use super::server::Shared;
use super::state::Status;

/// Says of every meeting what is due, at most once and at most a day late.
pub(super) async fn tick(shared: &Arc<Shared>) {
    let now = shared.clock.now();
    let oldest = now - TimeDelta::days(1);
    let mut due = Vec::new();
    for booking in shared.state().bookings.values_mut() {
        if booking.status != Status::Accepted {
            continue;
        }
        if booking.start <= now && !booking.started_sent {
            booking.started_sent = true;
            if booking.start >= oldest {
                due.push((booking.id, "MEETING_STARTED"));
            }
        }
        if booking.end <= now && !booking.ended_sent {
            booking.ended_sent = true;
            if booking.end >= oldest {
                due.push((booking.id, "MEETING_ENDED"));
            }
        }
    }
    for (id, trigger) in due {
        announce::of_meeting(shared, id, trigger).await;
    }
}
