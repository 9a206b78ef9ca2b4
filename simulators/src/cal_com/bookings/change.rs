//! A booking moves: a new row with a new uid, and the old one is cancelled and points to it.

use std::sync::Arc;

use serde_json::Value;

use super::order::{Order, check_time, place, start_of};
use super::shape::made;
use crate::cal_com::announce::{self, Trigger};
use crate::cal_com::call::Call;
use crate::cal_com::hours::Span;
use crate::cal_com::reply::{Answer, Failure, created};
use crate::cal_com::server::Shared;
use crate::cal_com::state::{Booking, State, Status, string};

/// Open to everybody who knows the uid.
pub(in crate::cal_com) async fn reschedule(shared: &Arc<Shared>, call: &Call, uid: &str) -> Answer {
    let body = call.json()?;
    let span = {
        let state = shared.state();
        let booking = movable(&state, uid)?;
        let start = start_of(body)?;
        let span = Span {
            start,
            end: start + (booking.end - booking.start),
        };
        if !call.again {
            check_time(
                &state,
                state.event_type_of(booking),
                span,
                Some(uid),
                call.now,
            )?;
        }
        span
    };
    shared.window(call).await;
    if let Some(seat) = string(body, "seatUid") {
        return move_seat(shared, call, uid, &seat, span).await;
    }
    let id = shared.state().write_move(call, uid, span, body)?;
    let pending = shared.state().bookings[&id].status == Status::Pending;
    // A move that asks for a new confirmation looks like a new request.
    let trigger = if pending {
        Trigger::Requested
    } else {
        Trigger::Rescheduled
    };
    announce::of_booking(shared, trigger, id, None).await;
    let mut state = shared.state();
    state.settle(id, call);
    created(made(&state, &state.bookings[&id]))
}

fn movable<'s>(state: &'s State, uid: &str) -> Result<&'s Booking, Failure> {
    let booking = state.booking(uid);
    let booking =
        booking.ok_or_else(|| Failure::not_found(format!("Booking with uid={uid} not found")))?;
    match (&booking.status, &booking.rescheduled_to) {
        (Status::Cancelled, Some(to)) => Err(Failure::bad_request(format!(
            "Can't reschedule booking with uid={uid} because it has been cancelled and rescheduled already to booking with \
             uid={to}. You probably want to reschedule {to} instead by passing it within the request URL."
        ))),
        (Status::Cancelled | Status::Rejected, _) => Err(Failure::bad_request(format!(
            "Can't reschedule booking with uid={uid} because it has been cancelled. Please provide uid of a booking that is \
             not cancelled."
        ))),
        _ => Ok(booking),
    }
}

impl State {
    fn write_move(
        &mut self,
        call: &Call,
        uid: &str,
        span: Span,
        body: &Value,
    ) -> Result<u64, Failure> {
        let old = self.booking(uid).cloned();
        let old =
            old.ok_or_else(|| Failure::not_found(format!("Booking with uid={uid} not found")))?;
        let by = string(body, "rescheduledBy").map(|by| self.as_platform_knows(&old, by));
        let owner = by.as_deref() == Some(self.host(&old).email.as_str());
        let row = self.moved(&old, span, call);
        let reason = string(body, "reschedulingReason");
        let mut row = Booking {
            rescheduling_reason: reason.clone(),
            rescheduled_by: by.clone(),
            ..row
        };
        row.responses.remove("rescheduledReason");
        row.responses
            .extend(reason.map(|reason| ("rescheduledReason".to_owned(), reason.into())));
        if self.event_type_of(&old).needs_confirmation() {
            row.status = if owner {
                Status::Accepted
            } else {
                Status::Pending
            };
        }
        if !call.again {
            self.refuse_same(&row, Some(uid))?;
        }
        let to = row.uid.clone();
        let before = self.booking_mut(uid).expect("it was there a line ago");
        before.status = Status::Cancelled;
        before.rescheduled_to = Some(to);
        before.rescheduled_by = by;
        before.updated_at = call.now;
        Ok(self.add(row))
    }

    /// The platform's people are known under their rewritten addresses, and so is whoever moves
    /// their bookings.
    fn as_platform_knows(&self, booking: &Booking, email: String) -> String {
        let rewritten = email.contains(&format!("+{}@", self.settings.client_id));
        if self.host(booking).managed && !rewritten {
            self.platform_email(&email)
        } else {
            email
        }
    }

    /// A copy at another time, with the lineage; guests lose their names.
    fn moved(&mut self, old: &Booking, span: Span, call: &Call) -> Booking {
        let uid = self.short_uid();
        let mut attendees = Vec::new();
        for (index, attendee) in old.attendees.iter().enumerate() {
            let guest = index > 0 && attendee.seat.is_none();
            let mut copy = attendee.clone();
            copy.absent = false;
            if guest {
                copy.name.clear();
                copy.time_zone.clone_from(&old.attendees[0].time_zone);
            }
            attendees.push(copy);
        }
        let event_type = self.event_type_of(old);
        let location = if old.video_url.is_some() {
            place(event_type, &Value::Null, None).stored
        } else {
            old.location.clone()
        };
        Booking {
            id: 0,
            uid,
            start: span.start,
            end: span.end,
            status: Status::Accepted,
            attendees,
            location,
            video_url: None,
            rescheduled_from: Some(old.uid.clone()),
            rescheduled_to: None,
            cancellation_reason: String::new(),
            created_at: call.now,
            updated_at: call.now,
            ics_sequence: old.ics_sequence + 1,
            absent_host: false,
            references: Vec::new(),
            started_sent: false,
            ended_sent: false,
            one_time_password: old.one_time_password.as_ref().map(|_| self.uuid()),
            ..old.clone()
        }
    }

    /// One person changes groups, with a new seat.
    fn write_seat_move(
        &mut self,
        call: &Call,
        uid: &str,
        seat: &str,
        span: Span,
    ) -> Result<(u64, String), Failure> {
        let not_found = || Failure::not_found(format!("Seat with uid={seat} not found"));
        let group = self.booking_mut(uid).ok_or_else(not_found)?;
        let at = group
            .attendees
            .iter()
            .position(|attendee| attendee.seat.as_ref().is_some_and(|held| held.uid == seat));
        let leaver = group.attendees.remove(at.ok_or_else(not_found)?);
        if group.attendees.is_empty() {
            group.status = Status::Cancelled;
            group.updated_at = call.now;
        }
        let old = group.clone();
        let order = Order {
            event_type: old.event_type,
            span,
            name: leaver.name.clone(),
            email: leaver.email.clone(),
            time_zone: leaver.time_zone.clone(),
            language: leaver.language.clone(),
            phone: leaver.phone.clone(),
            guests: Vec::new(),
            responses: serde_json::Map::new(),
            metadata: leaver.seat.map(|held| held.metadata).unwrap_or_default(),
            place: place(
                self.event_type_of(&old),
                &Value::Null,
                leaver.phone.as_deref(),
            ),
            count: None,
        };
        let newcomer = self.seat(&order);
        let new_seat = newcomer
            .seat
            .as_ref()
            .map(|held| held.uid.clone())
            .unwrap_or_default();
        if let Some(id) = self.group(old.event_type, span.start) {
            self.bookings
                .get_mut(&id)
                .expect("the group was found")
                .attendees
                .push(newcomer);
            return Ok((id, new_seat));
        }
        let mut row = self.row(&order, call);
        row.seated = true;
        row.ics_uid = format!("{}@Cal.com", self.short_uid());
        row.attendees = vec![newcomer];
        Ok((self.add(row), new_seat))
    }
}

async fn move_seat(shared: &Arc<Shared>, call: &Call, uid: &str, seat: &str, span: Span) -> Answer {
    let (id, new_seat) = shared.state().write_seat_move(call, uid, seat, span)?;
    announce::of_booking(shared, Trigger::Rescheduled, id, Some(&new_seat)).await;
    let mut state = shared.state();
    state.settle(id, call);
    let mut answer = made(&state, &state.bookings[&id]);
    answer["seatUid"] = new_seat.into();
    created(answer)
}
