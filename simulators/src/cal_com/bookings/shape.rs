//! A booking as the API shows it.

use serde_json::{Map, Value, json};

use crate::cal_com::reply::iso;
use crate::cal_com::state::{Attendee, Booking, State};

/// What everybody sees who knows the uid.
pub(in crate::cal_com) fn shown(state: &State, booking: &Booking) -> Value {
    let mut shown = common(state, booking);
    let reader = Reader { state, booking };
    shown["attendees"] = booking
        .attendees
        .iter()
        .map(|attendee| reader.attendee(attendee))
        .collect();
    if booking.seated {
        shown["description"] = Value::Null;
        shown["rescheduledByEmail"] = booking.rescheduled_by.clone().into();
        return shown;
    }
    shown["description"] = booking.notes.clone().into();
    shown["cancelledByEmail"] = "".into();
    shown["metadata"] = booking.metadata.clone().into();
    shown["bookingFieldsResponses"] = reader.responses();
    if !booking.guests.is_empty() {
        shown["guests"] = json!(booking.guests);
    }
    match &booking.recurring_uid {
        Some(uid) => {
            shown["recurringBookingUid"] = uid.clone().into();
            // One of a series does not say where it went.
            shown
                .as_object_mut()
                .expect("a booking is an object")
                .remove("rescheduledToUid");
        }
        None => shown["rescheduledByEmail"] = booking.rescheduled_by.clone().into(),
    }
    shown
}

/// The same as the answer to a call that made it.
pub(super) fn made(state: &State, booking: &Booking) -> Value {
    let mut shown = shown(state, booking);
    shown["isPlatformManagedUserBooking"] = state.host(booking).managed.into();
    shown
}

fn common(state: &State, booking: &Booking) -> Value {
    let host = state.host(booking);
    let event_type = state.event_type_of(booking);
    let place = booking.video_url.as_ref().unwrap_or(&booking.location);
    let mut shown = json!({
        "id": booking.id,
        "uid": booking.uid,
        "title": booking.title,
        "hosts": [{
            "id": host.id,
            "name": host.name,
            "email": host.email,
            "displayEmail": state.plain_email(&host.email),
            "username": host.username,
            "timeZone": host.time_zone,
        }],
        "status": booking.status.as_str(),
        "cancellationReason": booking.cancellation_reason,
        "start": iso(booking.start),
        "end": iso(booking.end),
        "duration": (booking.end - booking.start).num_minutes(),
        "eventTypeId": booking.event_type,
        "eventType": { "id": booking.event_type, "slug": event_type.slug() },
        "meetingUrl": place,
        "location": place,
        "absentHost": booking.absent_host,
        "createdAt": iso(booking.created_at),
        "updatedAt": iso(booking.updated_at),
        "rating": null,
        "icsUid": booking.ics_uid,
    });
    let optional = [
        ("reschedulingReason", &booking.rescheduling_reason),
        ("rescheduledFromUid", &booking.rescheduled_from),
        ("rescheduledToUid", &booking.rescheduled_to),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            shown[name] = value.clone().into();
        }
    }
    shown
}

struct Reader<'s> {
    state: &'s State,
    booking: &'s Booking,
}

impl Reader<'_> {
    fn attendee(&self, attendee: &Attendee) -> Value {
        let mut shown = json!({
            "name": attendee.name,
            "email": attendee.email,
            "displayEmail": self.state.plain_email(&attendee.email),
            "timeZone": attendee.time_zone,
            "language": attendee.language,
            "absent": attendee.absent,
        });
        if let Some(phone) = &attendee.phone {
            shown["phoneNumber"] = phone.clone().into();
        }
        if let Some(seat) = &attendee.seat {
            shown["seatUid"] = seat.uid.clone().into();
            shown["bookingFieldsResponses"] = seat.responses.clone().into();
            shown["metadata"] = seat.metadata.clone().into();
        }
        shown
    }

    /// What was asked and answered, with the addresses once more as people know them.
    fn responses(&self) -> Value {
        let mut responses: Map<String, Value> = self.booking.responses.clone();
        if let Some(email) = responses.get("email").and_then(Value::as_str) {
            let plain = self.state.plain_email(email);
            responses.insert("displayEmail".to_owned(), plain.into());
        }
        if let Some(guests) = responses.get("guests").and_then(Value::as_array) {
            let plain = guests
                .iter()
                .filter_map(Value::as_str)
                .map(|guest| self.state.plain_email(guest));
            let plain: Vec<String> = plain.collect();
            responses.insert("displayGuests".to_owned(), json!(plain));
        }
        responses.into()
    }
}
