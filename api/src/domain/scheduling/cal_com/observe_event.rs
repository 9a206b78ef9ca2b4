//! Converts Cal.com's webhook events to observations.

use std::collections::BTreeMap;

use chrono::{DateTime, SubsecRound, Utc};
use entity::booking::Answer;
use entity::event_type::AnswerKind;
use providers::cal_com::plain_email;
use providers::cal_com::webhook::{
    self as wire, AnswerValue, Booking, BookingTrigger, Event, MeetingSnapshot, MeetingTrigger,
};
use providers::normalised_email;

use crate::domain::scheduling::observation::{
    self as kind, Attendee, Fact, Observation, Offer, Organizer, Standing, absent,
};

/// Slugs of Cal.com's own questions, whose answers are stored in columns or concern other people.
const OWN_QUESTIONS: [&str; 7] = [
    "name",
    "email",
    "attendeePhoneNumber",
    "location",
    "title",
    "guests",
    "rescheduleReason",
];

/// The observations in an event; empty for events about other things. `sent_at` is when Cal.com
/// sent it.
pub(crate) fn observe_event(event: Event, sent_at: Option<DateTime<Utc>>) -> Vec<Observation> {
    match event {
        Event::Booking { kind, booking } => about_booking(kind, &booking),
        Event::Meeting { kind, booking } => vec![about_meeting(kind, &booking)],
        Event::NoShow {
            booking_uid,
            booking_id,
            attendees,
        } => attendees
            .into_iter()
            .map(|attendee| Observation {
                uid: booking_uid.clone(),
                seat: String::new(),
                kind: absent(&normalised_email(&attendee.email)),
                fact: Fact {
                    at: sent_at,
                    number: booking_id,
                    no_show: Some(attendee.no_show),
                    ..Fact::default()
                },
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// Instants are stored to the millisecond.
fn stored(instant: DateTime<Utc>) -> DateTime<Utc> {
    instant.trunc_subsecs(3)
}

const fn kind_of(trigger: BookingTrigger) -> &'static str {
    match trigger {
        BookingTrigger::Created => kind::CREATED,
        BookingTrigger::Requested => kind::REQUESTED,
        BookingTrigger::Rescheduled => kind::MOVED,
        BookingTrigger::Cancelled => kind::CANCELED,
        BookingTrigger::Rejected => kind::DECLINED,
        BookingTrigger::PaymentInitiated => kind::PAYMENT_STARTED,
        BookingTrigger::Paid => kind::PAID,
    }
}

fn about_booking(trigger: BookingTrigger, booking: &Booking) -> Vec<Observation> {
    let people: Vec<Attendee> = booking
        .attendees
        .iter()
        .map(|attendee| person(attendee, booking.platform_client_id.as_deref()))
        .collect();
    let booker = booker(booking, &people);
    let observation = |seat: String, attendee: Option<Attendee>| Observation {
        uid: booking.uid.clone(),
        seat,
        kind: kind_of(trigger).to_owned(),
        fact: fact(booking, attendee, booker.as_ref()),
    };
    let is_seated = booking.seats_per_slot.is_some_and(|seats| seats > 0);
    if !is_seated || people.is_empty() {
        let mut observations = vec![observation(String::new(), booker.clone())];
        observations.extend(
            guests(booking)
                .iter()
                .map(|guest| Observation::guest(&booking.uid, guest)),
        );
        return observations;
    }
    // A message with a seat's id is about that seat only; one without is about every seat in it.
    let seats = if booking.attendee_seat_id.is_some() {
        booker.clone().into_iter().collect()
    } else {
        people
    };
    seats
        .into_iter()
        .map(|attendee| observation(attendee.email.clone(), Some(attendee)))
        .collect()
}

fn person(attendee: &wire::Attendee, client_id: Option<&str>) -> Attendee {
    Attendee {
        email: normalised_email(&plain_email(&attendee.email, client_id)),
        name: attendee.name.clone(),
        time_zone: attendee.time_zone.clone(),
    }
}

/// The attendee who booked; not always the first in the list.
fn booker(booking: &Booking, people: &[Attendee]) -> Option<Attendee> {
    let given = booking
        .responses
        .iter()
        .find(|answer| answer.slug == "email");
    let email = given.and_then(|answer| match &answer.value {
        AnswerValue::One(email) => Some(normalised_email(&plain_email(
            email,
            booking.platform_client_id.as_deref(),
        ))),
        AnswerValue::Many(_) => None,
    });
    let listed = people
        .iter()
        .find(|person| Some(&person.email) == email.as_ref());
    listed.or_else(|| people.first()).cloned()
}

fn fact(booking: &Booking, attendee: Option<Attendee>, booker: Option<&Attendee>) -> Fact {
    let plain = |email: &String| {
        normalised_email(&plain_email(email, booking.platform_client_id.as_deref()))
    };
    let is_booker =
        attendee.as_ref().map(|attendee| &attendee.email) == booker.map(|booker| &booker.email);
    let price = booking.event_type.price_minor;
    Fact {
        at: booking.created_at.map(stored),
        number: booking.id,
        previous_uid: booking
            .reschedule_uid
            .clone()
            .filter(|uid| *uid != booking.uid),
        // Occurrences of a series may share one calendar id, but each is a booking of its own.
        lineage_key: booking.ical_uid.clone().filter(|_| !booking.recurring),
        sequence: booking.ical_sequence,
        standing: booking.status.as_ref().and_then(standing),
        starts_at: Some(stored(booking.starts_at)),
        ends_at: Some(stored(booking.ends_at)),
        offer: Some(Offer {
            id: booking.event_type.id.map(|id| id.to_string()),
            slug: booking.event_type.slug.clone(),
            title: booking.event_type.title.clone(),
            length_minutes: booking.event_type.length_minutes,
        }),
        organizer: Some(Organizer {
            id: booking.organizer.id.map(|id| id.to_string()),
            name: booking.organizer.name.clone(),
            email: booking.organizer_email().as_deref().map(normalised_email),
            username: booking.organizer.username.clone(),
            time_zone: booking.organizer.time_zone.clone(),
        }),
        co_hosts: Vec::new(),
        attendee,
        location: booking.location.clone(),
        video_url: booking.video_url.clone(),
        price_minor: price,
        currency: booking
            .event_type
            .currency
            .clone()
            .filter(|_| price.is_some()),
        requires_approval: booking.event_type.requires_confirmation,
        seats: booking.seats_per_slot.filter(|seats| *seats > 0),
        answers: if is_booker {
            answers(booking)
        } else {
            Vec::new()
        },
        reason: booking
            .cancellation_reason
            .clone()
            .or_else(|| booking.rejection_reason.clone()),
        by: booking
            .cancelled_by
            .as_ref()
            .or(booking.rescheduled_by.as_ref())
            .map(plain),
        no_show: None,
        request_id: super::request_id(&booking.metadata),
    }
}

fn standing(status: &wire::Status) -> Option<Standing> {
    Some(match status {
        wire::Status::Accepted => Standing::Accepted,
        wire::Status::Pending => Standing::Pending,
        wire::Status::Cancelled => Standing::Canceled,
        wire::Status::Rejected => Standing::Rejected,
        wire::Status::Other(_) => return None,
    })
}

fn guests(booking: &Booking) -> Vec<String> {
    let given = booking
        .responses
        .iter()
        .find(|answer| answer.slug == "guests")
        .map(|answer| &answer.value);
    match given {
        Some(AnswerValue::Many(guests)) => {
            let plain = |guest: &String| {
                normalised_email(&plain_email(guest, booking.platform_client_id.as_deref()))
            };
            guests.iter().map(plain).collect()
        }
        _ => Vec::new(),
    }
}

fn answers(booking: &Booking) -> Vec<Answer> {
    let asked: BTreeMap<&str, &wire::Answer> = booking
        .responses
        .iter()
        .map(|answer| (answer.slug.as_str(), answer))
        .collect();
    let own = |slug: &&str| !OWN_QUESTIONS.contains(slug);
    asked
        .into_iter()
        .filter(|(slug, _)| own(slug))
        .map(|(slug, answer)| {
            let (kind, values) = match &answer.value {
                AnswerValue::Many(values) => (AnswerKind::MultipleChoice, values.clone()),
                AnswerValue::One(text) if text.len() > 500 || text.contains('\n') => {
                    (AnswerKind::LongText, vec![text.clone()])
                }
                AnswerValue::One(text) => (AnswerKind::ShortText, vec![text.clone()]),
            };
            Answer {
                key: slug.to_owned(),
                label: answer.label.clone().unwrap_or_else(|| slug.to_owned()),
                kind,
                values,
            }
        })
        .collect()
}

/// The message has a snapshot of the booking from when it was made; only the passing of its start
/// or end is used.
fn about_meeting(trigger: MeetingTrigger, booking: &MeetingSnapshot) -> Observation {
    let kind = match trigger {
        MeetingTrigger::Started => kind::STARTED,
        MeetingTrigger::Ended => kind::ENDED,
    };
    Observation {
        uid: booking.uid.clone(),
        seat: String::new(),
        kind: kind.to_owned(),
        fact: Fact {
            at: booking.created_at.map(stored),
            number: booking.id,
            standing: booking.status.as_ref().and_then(standing),
            starts_at: Some(stored(booking.starts_at)),
            ends_at: Some(stored(booking.ends_at)),
            ..Fact::default()
        },
    }
}
