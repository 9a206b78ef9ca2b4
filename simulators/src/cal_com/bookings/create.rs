//! A new booking. Between the check and the write there is time for others to pass the same check.

use std::sync::Arc;

use chrono::Months;
use chrono::TimeDelta;
use serde_json::{Map, Value, json};

use super::order::{Order, Place};
use super::shape::{made, shown};
use crate::cal_com::announce::{self, Trigger};
use crate::cal_com::call::Call;
use crate::cal_com::hours::Span;
use crate::cal_com::reply::{Answer, Failure, created};
use crate::cal_com::server::Shared;
use crate::cal_com::state::{Attendee, Booking, Seat, State, Status, next};

pub(in crate::cal_com) async fn create(shared: &Arc<Shared>, call: &Call) -> Answer {
    let order = Order::read(&mut shared.state(), call)?;
    shared.window(call).await;
    let Some(count) = order.count else {
        return created(place_one(shared, call, &order).await?);
    };
    let series = shared.state().uuid();
    let mut answers = Vec::new();
    for occurrence in 0..count {
        let order = Order {
            span: shared.state().occurrence(&order, occurrence),
            ..order.clone()
        };
        let id = {
            let mut state = shared.state();
            let mut row = state.row(&order, call);
            row.recurring_uid = Some(series.clone());
            state.add(row)
        };
        announce::of_booking(shared, Trigger::Created, id, None).await;
        let mut state = shared.state();
        state.settle(id, call);
        answers.push(made(&state, &state.bookings[&id]));
    }
    created(answers)
}

async fn place_one(shared: &Arc<Shared>, call: &Call, order: &Order) -> Result<Value, Failure> {
    let (id, seat, joined) = shared.state().write(order, call)?;
    if call.provider_fails {
        // The row stays, the client gets an error, and no webhook is sent.
        return Err(Failure::bare(
            400,
            "BAD_REQUEST",
            "config.enable_pip_ui - Required, ",
        ));
    }
    let pending = shared.state().bookings[&id].status == Status::Pending;
    let trigger = if pending {
        Trigger::Requested
    } else {
        Trigger::Created
    };
    announce::of_booking(shared, trigger, id, seat.as_deref()).await;
    let mut state = shared.state();
    if !joined {
        state.settle(id, call);
    }
    let Some(booking) = state.bookings.get(&id) else {
        return Err(Failure::bare(
            500,
            "INTERNAL_SERVER_ERROR",
            "Internal server error",
        ));
    };
    let mut answer = if joined {
        shown(&state, booking)
    } else {
        made(&state, booking)
    };
    if let Some(seat) = seat {
        answer["seatUid"] = seat.into();
    }
    Ok(answer)
}

impl State {
    /// Writes a booking that passed its checks a moment ago. Only the very same times are refused
    /// now.
    fn write(
        &mut self,
        order: &Order,
        call: &Call,
    ) -> Result<(u64, Option<String>, bool), Failure> {
        let seated = self
            .event_types
            .get(&order.event_type)
            .and_then(|event_type| event_type.seats());
        if let Some(seats) = seated {
            return self.write_seat(order, seats, call);
        }
        let row = self.row(order, call);
        if !call.again {
            self.refuse_same(&row, None)?;
        }
        Ok((self.add(row), None, false))
    }

    /// The database's own rule: one booking per host, start and end.
    pub(super) fn refuse_same(&self, row: &Booking, except: Option<&str>) -> Result<(), Failure> {
        let same = self.bookings.values().any(|other| {
            let stands = matches!(other.status, Status::Accepted | Status::Pending);
            let times = other.start == row.start && other.end == row.end;
            other.host == row.host && times && stands && Some(other.uid.as_str()) != except
        });
        if same {
            Err(Failure::Escaped {
                status: 409,
                message: "booking_conflict_error",
            })
        } else {
            Ok(())
        }
    }

    fn write_seat(
        &mut self,
        order: &Order,
        seats: u64,
        call: &Call,
    ) -> Result<(u64, Option<String>, bool), Failure> {
        let attendee = self.seat(order);
        let seat = attendee.seat.as_ref().map(|seat| seat.uid.clone());
        let Some(id) = self.group(order.event_type, order.span.start) else {
            let mut row = self.row(order, call);
            row.seated = true;
            row.ics_uid = format!("{}@Cal.com", self.short_uid());
            row.attendees = vec![attendee];
            return Ok((self.add(row), seat, false));
        };
        let group = self.bookings.get_mut(&id).expect("the group was found");
        if group
            .attendees
            .iter()
            .any(|other| other.email == order.email)
        {
            return Err(Failure::Escaped {
                status: 409,
                message: "already_signed_up_for_this_booking_error",
            });
        }
        if group.attendees.len() as u64 >= seats {
            return Err(Failure::conflict(
                "No more seats left at this seated booking.",
            ));
        }
        group.attendees.push(attendee);
        Ok((id, seat, true))
    }

    /// Somebody with a place in a group.
    pub(super) fn seat(&mut self, order: &Order) -> Attendee {
        let mut responses = Map::from_iter([("name".to_owned(), order.name.clone().into())]);
        responses.insert("guests".to_owned(), json!(order.guests));
        responses.extend(order.responses.clone());
        let seat = Seat {
            uid: self.uuid(),
            responses,
            metadata: order.metadata.clone(),
        };
        Attendee {
            seat: Some(seat),
            ..self.attendee(order)
        }
    }

    fn attendee(&mut self, order: &Order) -> Attendee {
        Attendee {
            id: next(&mut self.ids.attendee),
            name: order.name.clone(),
            email: order.email.clone(),
            time_zone: order.time_zone.clone(),
            language: order.language.clone(),
            phone: order.phone.clone(),
            absent: false,
            seat: None,
        }
    }

    /// Guests have no name, whatever theirs is.
    pub(super) fn guest(&mut self, email: &str, time_zone: &str) -> Attendee {
        Attendee {
            id: next(&mut self.ids.attendee),
            name: String::new(),
            email: email.to_owned(),
            time_zone: time_zone.to_owned(),
            language: "en".to_owned(),
            phone: None,
            absent: false,
            seat: None,
        }
    }

    /// The row of an order, not in the table yet.
    pub(super) fn row(&mut self, order: &Order, call: &Call) -> Booking {
        let uid = self.short_uid();
        let mut attendees = vec![self.attendee(order)];
        for guest in &order.guests {
            attendees.push(self.guest(guest, &order.time_zone));
        }
        let event_type = &self.event_types[&order.event_type];
        let host = &self.users[&event_type.owner];
        let pending = event_type.needs_confirmation();
        let title = format!(
            "{} between {} and {}",
            event_type.text("title"),
            host.name,
            order.name
        );
        let host = host.id;
        let one_time_password = if pending { Some(self.uuid()) } else { None };
        let Place { stored, .. } = &order.place;
        Booking {
            id: 0,
            ics_uid: format!("{uid}@Cal.com"),
            uid,
            host,
            event_type: order.event_type,
            title,
            status: if pending {
                Status::Pending
            } else {
                Status::Accepted
            },
            start: order.span.start,
            end: order.span.end,
            attendees,
            guests: order.guests.clone(),
            responses: responses(order),
            metadata: order.metadata.clone(),
            location: stored.clone(),
            video_url: None,
            notes: order
                .responses
                .get("notes")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned(),
            cancellation_reason: String::new(),
            rejection_reason: None,
            rescheduling_reason: None,
            rescheduled_by: None,
            rescheduled_from: None,
            rescheduled_to: None,
            absent_host: false,
            created_at: call.now,
            updated_at: call.now,
            ics_sequence: 0,
            recurring_uid: None,
            seated: false,
            references: Vec::new(),
            one_time_password,
            snapshot: Value::Null,
            started_sent: false,
            ended_sent: false,
        }
    }

    pub(super) fn add(&mut self, row: Booking) -> u64 {
        let id = next(&mut self.ids.booking);
        self.bookings.insert(id, Booking { id, ..row });
        let snapshot = announce::snapshot(self, &self.bookings[&id]);
        self.bookings.get_mut(&id).expect("just added").snapshot = snapshot;
        id
    }

    /// What is written after everybody has heard of the booking: the room, and what refers to it.
    pub(super) fn settle(&mut self, id: u64, call: &Call) {
        let Some(booking) = self.bookings.get(&id) else {
            return;
        };
        let (room, is_room) = (
            announce::place(self, booking),
            booking.location.starts_with("integrations:"),
        );
        let reference = next(&mut self.ids.reference);
        let booking = self.bookings.get_mut(&id).expect("it was there a line ago");
        booking.updated_at = call.now;
        if is_room {
            booking.location.clone_from(&room);
            booking.video_url = Some(room);
            booking.references.push(json!({
                "type": "daily_video",
                "eventUid": format!("room-{}", booking.uid),
                "id": reference,
                "destinationCalendarId": null,
            }));
        }
    }

    /// The times of the n-th booking of a series.
    fn occurrence(&self, order: &Order, n: u64) -> Span {
        let recurrence = self
            .event_types
            .get(&order.event_type)
            .and_then(|event_type| event_type.recurrence());
        let every = recurrence
            .and_then(|recurrence| recurrence["interval"].as_u64())
            .unwrap_or(1)
            * n;
        let frequency = recurrence
            .and_then(|recurrence| recurrence["frequency"].as_str())
            .unwrap_or("weekly");
        let months = |count: u64| Months::new(u32::try_from(count).unwrap_or(u32::MAX));
        let start = match frequency {
            "yearly" => order.span.start + months(12 * every),
            "monthly" => order.span.start + months(every),
            "daily" => order.span.start + TimeDelta::days(every as i64),
            _ => order.span.start + TimeDelta::weeks(every as i64),
        };
        Span {
            start,
            end: start + (order.span.end - order.span.start),
        }
    }
}

/// What is kept of the answers.
fn responses(order: &Order) -> Map<String, Value> {
    let mut responses = Map::from_iter([
        ("email".to_owned(), order.email.clone().into()),
        ("name".to_owned(), order.name.clone().into()),
    ]);
    if let Some(phone) = &order.phone {
        responses.insert("attendeePhoneNumber".to_owned(), phone.clone().into());
    }
    if !order.guests.is_empty() {
        responses.insert("guests".to_owned(), json!(order.guests));
    }
    if let Some(location) = &order.place.response {
        responses.insert("location".to_owned(), location.clone());
    }
    responses.extend(order.responses.clone());
    responses
}
