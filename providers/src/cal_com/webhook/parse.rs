//! Reads Cal.com's JSON into an [`Event`].

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::event::{
    Answer, AnswerValue, Attendee, AttendeeNoShow, Booking, BookingTrigger, Event, EventType,
    MeetingSnapshot, MeetingTrigger, Organizer, OutOfOffice, Status,
};
use super::trigger::Trigger;
use super::wire;
use crate::cal_com::Error;
use crate::lenient::{FromValue, Lenient, object};
use crate::provider::Provider;

/// Reads a delivery that [`super::open`] has accepted.
///
/// # Errors
/// `Malformed` when a known trigger lacks a required field: the booking's uid, or its time.
/// `detail` names the trigger and the field. A body that is not Cal.com's is not an error but
/// [`Event::Unknown`].
pub fn parse(raw: &[u8]) -> Result<Event, Error> {
    let unknown = |name: &str| {
        Ok(Event::Unknown {
            name: name.to_owned(),
        })
    };
    let Ok(Value::Object(mut root)) = serde_json::from_slice(raw) else {
        return unknown(Trigger::Unknown.as_str());
    };
    let Some(Value::String(name)) = root.get("triggerEvent").filter(|name| **name != "") else {
        return unknown(Trigger::Unknown.as_str());
    };
    let name = name.clone();
    let trigger = Trigger::from_name(&name);
    if let Some(kind) = booking_trigger(trigger) {
        let created_at = Lenient::<DateTime<Utc>>(take(&mut root, "createdAt"));
        let booking = booking(trigger, payload(&mut root), created_at)?;
        return Ok(Event::Booking {
            kind,
            booking: Box::new(booking),
        });
    }
    match trigger {
        Trigger::MeetingStarted => meeting(trigger, MeetingTrigger::Started, root),
        Trigger::MeetingEnded => meeting(trigger, MeetingTrigger::Ended, root),
        Trigger::BookingNoShowUpdated => no_show(payload(&mut root)),
        Trigger::OooCreated => Ok(Event::OutOfOffice(out_of_office(payload(&mut root)))),
        Trigger::FormSubmitted | Trigger::FormSubmittedNoEvent => {
            let form: wire::Form = payload(&mut root);
            Ok(Event::Form {
                form_id: form.form_id.filled(),
                form_name: form.form_name.filled(),
                without_booking: trigger == Trigger::FormSubmittedNoEvent,
            })
        }
        Trigger::DelegationCredentialError => Ok(Event::DelegationError),
        Trigger::Ping => Ok(Event::Ping),
        Trigger::Unknown => unknown(&name),
        _ => {
            let mention: wire::Mention = payload(&mut root);
            Ok(Event::OtherBooking {
                trigger,
                booking_uid: mentioned(mention),
            })
        }
    }
}

const fn booking_trigger(trigger: Trigger) -> Option<BookingTrigger> {
    Some(match trigger {
        Trigger::BookingCreated => BookingTrigger::Created,
        Trigger::BookingRequested => BookingTrigger::Requested,
        Trigger::BookingRescheduled => BookingTrigger::Rescheduled,
        Trigger::BookingCancelled => BookingTrigger::Cancelled,
        Trigger::BookingRejected => BookingTrigger::Rejected,
        Trigger::BookingPaymentInitiated => BookingTrigger::PaymentInitiated,
        Trigger::BookingPaid => BookingTrigger::Paid,
        _ => return None,
    })
}

fn take<T: FromValue>(root: &mut Map<String, Value>, name: &str) -> Option<T> {
    root.remove(name).and_then(T::from_value)
}

/// The payload; the default if it is not an object.
fn payload<T: DeserializeOwned + Default>(root: &mut Map<String, Value>) -> T {
    root.remove("payload").and_then(object).unwrap_or_default()
}

fn missing_field(trigger: Trigger, field: &str) -> Error {
    Error::malformed(
        Provider::CalCom,
        format!("{} without a usable {field}", trigger.as_str()),
    )
}

fn booking(
    trigger: Trigger,
    wire: wire::Booking,
    created_at: Lenient<DateTime<Utc>>,
) -> Result<Booking, Error> {
    let metadata = wire.metadata.0.unwrap_or_default();
    let location = wire.location.filled();
    let video = wire.video_call_data.0.unwrap_or_default().url.filled();
    let video_url = [
        metadata.get("videoCallUrl").cloned(),
        video,
        location.clone(),
    ]
    .into_iter()
    .flatten()
    .find(|link| is_web(link));
    let (starts_at, ends_at) = times(trigger, wire.start_time, wire.end_time)?;
    Ok(Booking {
        uid: wire
            .uid
            .filled()
            .ok_or_else(|| missing_field(trigger, "uid"))?,
        id: wire.booking_id.0,
        created_at: created_at.0,
        reschedule_uid: wire.reschedule_uid.filled(),
        reschedule_starts_at: wire.reschedule_start_time.0,
        reschedule_ends_at: wire.reschedule_end_time.0,
        rescheduled_by: wire.rescheduled_by.filled(),
        starts_at,
        ends_at,
        title: wire.title.filled(),
        status: wire.status.filled().map(status),
        event_type: EventType {
            id: wire.event_type_id.0,
            slug: wire.slug.filled(),
            title: wire.event_title.filled(),
            length_minutes: wire.length.0,
            price_minor: wire.price.0,
            currency: wire
                .currency
                .filled()
                .map(|currency| currency.to_ascii_uppercase()),
            requires_confirmation: wire.requires_confirmation.0,
        },
        organizer: organizer(wire.organizer.0.unwrap_or_default()),
        attendees: attendees(wire.attendees),
        ical_uid: wire.ical_uid.filled(),
        ical_sequence: wire.ical_sequence.0,
        location,
        video_url,
        metadata,
        seats_per_slot: wire.seats_per_time_slot.0,
        attendee_seat_id: wire.attendee_seat_id.filled(),
        recurring: wire
            .recurring_event
            .0
            .is_some_and(|series| series.is_object()),
        responses: answers(wire.responses),
        cancellation_reason: wire.cancellation_reason.filled(),
        cancelled_by: wire.cancelled_by.filled(),
        rejection_reason: wire.rejection_reason.filled(),
        request_reschedule: wire.request_reschedule.0.unwrap_or(false),
        payment_id: wire.payment_id.0,
        platform_client_id: wire.platform_client_id.filled(),
    })
}

fn times(
    trigger: Trigger,
    start: Lenient<DateTime<Utc>>,
    end: Lenient<DateTime<Utc>>,
) -> Result<(DateTime<Utc>, DateTime<Utc>), Error> {
    let starts_at = start.0.ok_or_else(|| missing_field(trigger, "startTime"))?;
    let ends_at = end
        .0
        .filter(|end| *end > starts_at)
        .ok_or_else(|| missing_field(trigger, "endTime"))?;
    Ok((starts_at, ends_at))
}

/// An http(s) URL; never `javascript:` and the like.
fn is_web(link: &str) -> bool {
    let scheme = link
        .split_once("://")
        .map(|(scheme, _)| scheme.to_ascii_lowercase());
    matches!(scheme.as_deref(), Some("http" | "https"))
}

fn status(word: String) -> Status {
    match word.to_ascii_uppercase().as_str() {
        "ACCEPTED" => Status::Accepted,
        "PENDING" => Status::Pending,
        "CANCELLED" => Status::Cancelled,
        "REJECTED" => Status::Rejected,
        _ => Status::Other(word),
    }
}

fn organizer(person: wire::Person) -> Organizer {
    Organizer {
        id: person.id.0,
        name: person.name.filled(),
        email: person.email.filled(),
        username: person.username.filled(),
        time_zone: person.time_zone.filled(),
    }
}

/// Attendees without an address are left out, since they cannot be matched or mailed.
fn attendees(people: Lenient<Vec<wire::Person>>) -> Vec<Attendee> {
    let attendee = |person: wire::Person| {
        let language = person.language.0.unwrap_or_default().locale.filled();
        Some(Attendee {
            email: person.email.filled()?,
            name: person.name.filled(),
            time_zone: person.time_zone.filled(),
            phone: person.phone_number.filled(),
            locale: language.or_else(|| person.locale.filled()),
        })
    };
    people
        .0
        .unwrap_or_default()
        .into_iter()
        .filter_map(attendee)
        .collect()
}

fn answers(responses: Lenient<BTreeMap<String, wire::Response>>) -> Vec<Answer> {
    let answer = |(slug, response): (String, wire::Response)| {
        Some(Answer {
            slug,
            label: response.label.filled(),
            value: answer(response.value.0?)?,
        })
    };
    responses
        .0
        .unwrap_or_default()
        .into_iter()
        .filter_map(answer)
        .collect()
}

fn answer(value: Value) -> Option<AnswerValue> {
    match value {
        Value::Array(_) => Vec::from_value(value)
            .filter(|choices| !choices.is_empty())
            .map(AnswerValue::Many),
        // For a choice with details, as in {"value": "phone", "optionValue": "+1202"}, the details
        // are the answer.
        Value::Object(mut choice) => {
            let detail = Lenient(take(&mut choice, "optionValue")).filled();
            detail
                .or_else(|| Lenient(take(&mut choice, "value")).filled())
                .map(AnswerValue::One)
        }
        scalar => Lenient(String::from_value(scalar))
            .filled()
            .map(AnswerValue::One),
    }
}

fn meeting(
    trigger: Trigger,
    kind: MeetingTrigger,
    root: Map<String, Value>,
) -> Result<Event, Error> {
    let wire: wire::Meeting = object(Value::Object(root)).unwrap_or_default();
    let (starts_at, ends_at) = times(trigger, wire.start_time, wire.end_time)?;
    let mut organizer = organizer(wire.user.0.unwrap_or_default());
    organizer.id = organizer.id.or(wire.user_id.0);
    organizer.email = organizer.email.or_else(|| wire.user_primary_email.filled());
    let booking = MeetingSnapshot {
        uid: wire
            .uid
            .filled()
            .ok_or_else(|| missing_field(trigger, "uid"))?,
        id: wire.id.0,
        starts_at,
        ends_at,
        status: wire.status.filled().map(status),
        ical_uid: wire.ical_uid.filled(),
        ical_sequence: wire.ical_sequence.0,
        event_type_id: wire.event_type_id.0,
        organizer,
        attendees: attendees(wire.attendees),
        metadata: wire.metadata.0.unwrap_or_default(),
        created_at: wire.created_at.0,
    };
    Ok(Event::Meeting {
        kind,
        booking: Box::new(booking),
    })
}

fn no_show(mut wire: wire::Mention) -> Result<Event, Error> {
    let people = wire.attendees.0.take().unwrap_or_default();
    let attendee = |person: wire::Person| {
        // An entry without the flag has no information.
        Some(AttendeeNoShow {
            email: person.email.filled()?,
            no_show: person.no_show.0?,
        })
    };
    Ok(Event::NoShow {
        attendees: people.into_iter().filter_map(attendee).collect(),
        booking_id: wire.booking_id.0,
        booking_uid: mentioned(wire)
            .ok_or_else(|| missing_field(Trigger::BookingNoShowUpdated, "bookingUid"))?,
    })
}

fn mentioned(wire: wire::Mention) -> Option<String> {
    let nested = || wire.booking.0?.uid.filled();
    wire.uid
        .filled()
        .or_else(|| wire.booking_uid.filled())
        .or_else(nested)
}

fn out_of_office(wire: wire::OutOfOffice) -> OutOfOffice {
    let entry = wire.ooo_entry.0.unwrap_or_default();
    let user = entry.user.0.unwrap_or_default();
    OutOfOffice {
        uuid: entry.uuid.filled(),
        user_id: user.id.0,
        user_email: user.email.filled(),
        starts_at: entry.start.0,
        ends_at: entry.end.0,
        reason: entry.reason.0.unwrap_or_default().reason.filled(),
    }
}
