//! Sends the webhooks of meetings that began and ended, as the web application does every minute.

use std::sync::Arc;

use chrono::TimeDelta;

use super::announce;
use super::server::Shared;
use super::state::Status;

/// Sends what is due of every meeting, at most once and at most a day late.
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
