//! The payloads of webhooks. Fields and time formats differ by trigger.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use super::answers::{Style, own_answers, responses};
use super::{Cancelled, Trigger, listeners};
use crate::cal_com::old_shapes::offset_minutes;
use crate::cal_com::reply::iso;
use crate::cal_com::state::{Attendee, Booking, EventType, State, zone};

/// Created, requested and rescheduled.
pub(super) fn fresh(
    state: &State,
    booking: &Booking,
    trigger: Trigger,
    seat: Option<&str>,
) -> Value {
    let event_type = state.event_type_of(booking);
    let of_seat = |attendee: &&Attendee| {
        seat.is_none_or(|uid| attendee.seat.as_ref().is_some_and(|held| held.uid == uid))
    };
    let attendees = booking
        .attendees
        .iter()
        .filter(of_seat)
        .map(|attendee| newcomer(booking, attendee));
    let first = booking.rescheduled_from.is_none();
    let mut payload = json!({
        "title": booking.title,
        "startTime": seconds(booking.start),
        "endTime": seconds(booking.end),
        "additionalNotes": booking.notes,
        "type": event_type.slug(),
        "description": event_type.text("description"),
        "hideCalendarNotes": false,
        "hideCalendarEventDetails": false,
        "schedulingType": null,
        "seatsPerTimeSlot": event_type.seats(),
        "seatsShowAttendees": true,
        "seatsShowAvailabilityCount": true,
        "disableRescheduling": false,
        "disableCancelling": false,
        "organizer": organizer(state, booking),
        "attendees": attendees.collect::<Vec<_>>(),
        "responses": responses(state, booking, Style::Asked, seat),
        "userFieldsResponses": own_answers(event_type, booking),
        "location": place(state, booking),
        "destinationCalendar": null,
        "iCalSequence": booking.ics_sequence,
        "requiresConfirmation": event_type.needs_confirmation(),
        "oneTimePassword": booking.one_time_password,
        "hashedLink": null,
        "price": 0,
        "length": (booking.end - booking.start).num_minutes(),
        "metadata": metadata(state, booking, trigger),
        "status": if trigger == Trigger::Requested { "PENDING" } else { "ACCEPTED" },
    });
    if first {
        payload["iCalUID"] = booking.ics_uid.clone().into();
    }
    if let Some(uid) = seat {
        payload["attendeeSeatId"] = uid.into();
    }
    let object = payload.as_object_mut().expect("the literal is an object");
    object.extend(shared_fields(state, booking));
    object.extend(lineage(state, booking));
    object.extend(room(state, booking));
    if let (Some(event), true) = (recurring(event_type), trigger == Trigger::Created) {
        payload["recurringEvent"] = json!({ "freq": event["freq"], "interval": event["interval"] });
    }
    payload
}

/// Accepted or turned down after a request.
pub(super) fn decided(state: &State, booking: &Booking, trigger: Trigger) -> Value {
    let event_type = state.event_type_of(booking);
    let mut payload = json!({
        "type": event_type.slug(),
        "title": booking.title,
        "description": "",
        "userFieldsResponses": own_answers(event_type, booking),
        "responses": responses(state, booking, Style::Stored, None),
        "startTime": iso(booking.start),
        "endTime": iso(booking.end),
        "organizer": organizer(state, booking),
        "attendees": booking.attendees.iter().map(|attendee| person(booking, attendee)).collect::<Vec<_>>(),
        "location": place(state, booking),
        "destinationCalendar": [],
        "requiresConfirmation": event_type.needs_confirmation(),
        "hideCalendarNotes": false,
        "hideCalendarEventDetails": false,
        "seatsPerTimeSlot": event_type.seats(),
        "seatsShowAttendees": false,
        "arePlatformEmailsEnabled": true,
        "areCalendarEventsEnabled": true,
        "additionalNotes": booking.notes,
        "assignmentReason": null,
        "price": 0,
        "length": (booking.end - booking.start).num_minutes(),
        "status": if trigger == Trigger::Rejected { "REJECTED" } else { "ACCEPTED" },
    });
    if trigger == Trigger::Rejected {
        payload["rejectionReason"] = booking.rejection_reason.clone().unwrap_or_default().into();
    }
    payload
        .as_object_mut()
        .expect("the literal is an object")
        .extend(shared_fields(state, booking));
    payload
}

/// Called off, or one place of a group given up: then it says so of the whole booking.
pub(super) fn cancelled(state: &State, booking: &Booking, notice: &Cancelled) -> Value {
    let event_type = state.event_type_of(booking);
    let seat = notice.seat.as_deref();
    let attendees: Vec<Value> = match seat {
        None => booking
            .attendees
            .iter()
            .map(|attendee| person(booking, attendee))
            .collect(),
        Some(uid) => {
            let leaver = booking
                .attendees
                .iter()
                .filter(|attendee| attendee.seat.as_ref().is_some_and(|s| s.uid == uid));
            leaver.map(|attendee| row_of(booking, attendee)).collect()
        }
    };
    let text = |text: &str| {
        if booking.seated {
            Value::Null
        } else {
            text.into()
        }
    };
    let mut payload = json!({
        "title": booking.title,
        "length": (booking.end - booking.start).num_minutes(),
        "type": event_type.slug(),
        "additionalNotes": text(&booking.notes),
        "description": text(event_type.text("description")),
        "userFieldsResponses": own_answers(event_type, booking),
        "responses": responses(state, booking, Style::Stored, seat),
        "startTime": offset(booking.start),
        "endTime": offset(booking.end),
        "organizer": organizer(state, booking),
        "attendees": attendees,
        "location": place(state, booking),
        "destinationCalendar": [],
        "seatsPerTimeSlot": event_type.seats(),
        "seatsShowAttendees": booking.seated,
        "iCalUID": booking.ics_uid,
        "iCalSequence": booking.ics_sequence + 1,
        "schedulingType": null,
        "requiresConfirmation": event_type.needs_confirmation().then_some(true),
        "price": null,
        "status": "CANCELLED",
        "requestReschedule": notice.asks_to_rebook,
    });
    let object = payload.as_object_mut().expect("the literal is an object");
    object.extend(shared_fields(state, booking));
    if let Some(reason) = &notice.reason {
        object.insert("cancellationReason".to_owned(), reason.clone().into());
    }
    if let Some(by) = &notice.by {
        object.insert("cancelledBy".to_owned(), by.clone().into());
    }
    if let Some(event) = recurring(event_type) {
        object.insert("recurringEvent".to_owned(), event);
    }
    payload
}

pub(super) fn absent(state: &State, booking: &Booking, marked: &[Value]) -> Value {
    let words = marked.iter().map(|entry| {
        let done = if entry["noShow"] == true {
            "marked"
        } else {
            "unmarked"
        };
        format!(
            "{} {done} as no-show",
            entry["email"].as_str().unwrap_or_default()
        )
    });
    let mut payload = json!({
        "message": words.collect::<Vec<_>>().join(", "),
        "attendees": marked,
        "bookingUid": booking.uid,
        "bookingId": booking.id,
        "arePlatformEmailsEnabled": true,
        "areCalendarEventsEnabled": true,
    });
    payload
        .as_object_mut()
        .expect("the literal is an object")
        .extend(platform(state, booking));
    payload
}

/// The row at its making with those who listen then, for the meeting triggers.
pub(in crate::cal_com) fn snapshot(state: &State, booking: &Booking) -> Value {
    let host = state.host(booking);
    let subscribers: Vec<&str> = ["MEETING_STARTED", "MEETING_ENDED"]
        .iter()
        .flat_map(|trigger| listeners(state, booking, trigger))
        .map(|webhook| webhook.id.as_str())
        .collect();
    let mut row = json!({
        "id": booking.id, "uid": booking.uid, "idempotencyKey": uuid::Uuid::new_v4(), "userId": host.id,
        "userPrimaryEmail": host.email, "eventTypeId": booking.event_type, "title": booking.title,
        "description": booking.notes, "customInputs": {}, "responses": responses(state, booking, Style::Asked, None),
        "startTime": iso(booking.start), "endTime": iso(booking.end), "location": booking.location,
        "createdAt": iso(booking.created_at), "updatedAt": iso(booking.updated_at), "paid": false,
        "status": booking.status.as_str().to_uppercase(), "scheduledJobs": [], "metadata": booking.metadata,
        "isRecorded": false, "iCalUID": booking.ics_uid, "iCalSequence": booking.ics_sequence, "noShowHost": false,
        "oneTimePassword": booking.one_time_password, "fromReschedule": booking.rescheduled_from,
        "recurringEventId": booking.recurring_uid, "creationSource": "API_V2", "payment": [], "references": [],
        "userUuid": host.uuid,
    });
    let empty = [
        "destinationCalendarId",
        "cancellationReason",
        "rejectionReason",
        "reassignReason",
        "reassignById",
        "dynamicEventSlugRef",
        "dynamicGroupSlugRef",
        "rescheduled",
        "smsReminderNumber",
        "rating",
        "ratingFeedback",
        "cancelledBy",
        "rescheduledBy",
    ];
    for name in empty {
        row[name] = Value::Null;
    }
    row["user"] = json!({
        "uuid": host.uuid, "email": host.email, "name": host.name, "timeZone": host.time_zone,
        "username": host.username, "isPlatformManaged": host.managed,
    });
    let attendees = booking
        .attendees
        .iter()
        .map(|attendee| bare_row(booking, attendee));
    row["attendees"] = attendees.collect();
    json!({ "subscribers": subscribers, "row": row })
}

/// Where people will meet, once everything is written.
pub(in crate::cal_com) fn place(state: &State, booking: &Booking) -> String {
    match booking.location.strip_prefix("integrations:") {
        Some("daily") => format!("{}/video/{}", state.web_url, booking.uid),
        Some(app) => format!(
            "https://{}.example.com/j/{}",
            app.replace(':', "-"),
            booking.id
        ),
        None => booking.location.clone(),
    }
}

/// `2026-12-01T15:00:00Z`
fn seconds(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// `2026-12-01T15:00:00+00:00`
fn offset(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(SecondsFormat::Secs, false)
}

/// What every booking's payload has.
fn shared_fields(state: &State, booking: &Booking) -> Map<String, Value> {
    let event_type = state.event_type_of(booking);
    let description = event_type.text("description");
    let mut fields = platform(state, booking);
    let more = json!({
        "bookerUrl": state.web_url,
        "eventTypeId": booking.event_type,
        "hideOrganizerEmail": false,
        "customReplyToEmail": null,
        "customInputs": {},
        "organizationId": state.settings.organization_id,
        "uid": booking.uid,
        "bookingId": booking.id,
        "eventTitle": event_type.text("title"),
        "eventDescription": (!description.is_empty()).then_some(description),
        "currency": "usd",
    });
    fields.extend(more.as_object().cloned().expect("the literal is an object"));
    fields
}

fn platform(state: &State, booking: &Booking) -> Map<String, Value> {
    let client = state
        .host(booking)
        .managed
        .then_some(&state.settings.client_id);
    let mut fields = Map::from_iter([("platformClientId".to_owned(), json!(client))]);
    for name in [
        "platformRescheduleUrl",
        "platformCancelUrl",
        "platformBookingUrl",
    ] {
        fields.insert(name.to_owned(), Value::Null);
    }
    fields
}

/// What a moved booking says about the one before.
fn lineage(state: &State, booking: &Booking) -> Map<String, Value> {
    let Some(old) = booking
        .rescheduled_from
        .as_deref()
        .and_then(|uid| state.booking(uid))
    else {
        return Map::new();
    };
    let mut fields = Map::from_iter([
        ("appsStatus".to_owned(), json!([])),
        ("rescheduleId".to_owned(), old.id.into()),
        ("rescheduleUid".to_owned(), old.uid.clone().into()),
        ("rescheduleStartTime".to_owned(), seconds(old.start).into()),
        ("rescheduleEndTime".to_owned(), seconds(old.end).into()),
    ]);
    if let Some(by) = &booking.rescheduled_by {
        fields.insert("rescheduledBy".to_owned(), by.clone().into());
    }
    fields
}

/// The video room, if there is one.
fn room(state: &State, booking: &Booking) -> Map<String, Value> {
    if booking.location != "integrations:daily" {
        return Map::new();
    }
    let Value::Object(fields) = json!({
        "conferenceData": { "createRequest": { "requestId": uuid::Uuid::new_v4() } },
        "videoCallData": {
            "type": "daily_video",
            "id": format!("room-{}", booking.uid),
            "password": "a-password-of-the-room",
            "url": place(state, booking),
        },
        "appsStatus": [
            { "appName": "Cal Video", "type": "daily_video", "success": 1, "failures": 0, "errors": [] }
        ],
    }) else {
        unreachable!("the literal is an object")
    };
    fields
}

fn metadata(state: &State, booking: &Booking, trigger: Trigger) -> Map<String, Value> {
    let place = place(state, booking);
    let mut metadata = booking.metadata.clone();
    if trigger != Trigger::Requested && place.starts_with("http") {
        metadata.insert("videoCallUrl".to_owned(), place.into());
    } else if trigger == Trigger::Requested && booking.rescheduled_from.is_some() {
        metadata.insert("videoCallUrl".to_owned(), "".into());
    }
    metadata
}

fn recurring(event_type: &EventType) -> Option<Value> {
    let recurrence = event_type.recurrence()?;
    let frequency = match recurrence["frequency"].as_str() {
        Some("yearly") => 0,
        Some("monthly") => 1,
        Some("daily") => 3,
        _ => 2,
    };
    Some(
        json!({ "freq": frequency, "count": recurrence["occurrences"], "interval": recurrence["interval"] }),
    )
}

fn organizer(state: &State, booking: &Booking) -> Value {
    let host = state.host(booking);
    json!({
        "id": host.id,
        "name": host.name,
        "email": host.email,
        "username": host.username,
        "usernameInOrg": host.username,
        "timeZone": host.time_zone,
        "language": { "locale": host.locale.as_deref().unwrap_or("en") },
        "timeFormat": if host.time_format == 24 { "HH:mm" } else { "h:mma" },
        "utcOffset": offset_minutes(booking.start, zone(&host.time_zone)),
    })
}

/// An attendee of a booking that is just being made.
fn newcomer(booking: &Booking, attendee: &Attendee) -> Value {
    let mut shown = json!({
        "email": attendee.email,
        "name": attendee.name,
        "firstName": "",
        "lastName": "",
        "timeZone": attendee.time_zone,
        "language": { "locale": attendee.language },
        "utcOffset": offset_minutes(booking.start, zone(&attendee.time_zone)),
    });
    if let Some(phone) = &attendee.phone {
        shown["phoneNumber"] = phone.clone().into();
    }
    shown
}

/// An attendee out of the table.
fn person(booking: &Booking, attendee: &Attendee) -> Value {
    json!({
        "name": attendee.name,
        "email": attendee.email,
        "timeZone": attendee.time_zone,
        "phoneNumber": attendee.phone,
        "language": { "locale": attendee.language },
        "utcOffset": offset_minutes(booking.start, zone(&attendee.time_zone)),
    })
}

fn bare_row(booking: &Booking, attendee: &Attendee) -> Value {
    json!({
        "id": attendee.id,
        "email": attendee.email,
        "name": attendee.name,
        "timeZone": attendee.time_zone,
        "phoneNumber": attendee.phone,
        "locale": attendee.language,
        "bookingId": booking.id,
        "noShow": attendee.absent,
    })
}

/// Somebody who leaves a group: the whole row.
fn row_of(booking: &Booking, attendee: &Attendee) -> Value {
    let mut row = bare_row(booking, attendee);
    row["language"] = json!({ "locale": attendee.language });
    row["utcOffset"] = offset_minutes(booking.start, zone(&attendee.time_zone)).into();
    row
}
