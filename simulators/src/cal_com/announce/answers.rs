//! The questions of a booking with their labels and answers, as webhooks repeat them.

use serde_json::{Map, Value, json};

use crate::cal_com::state::{Attendee, Booking, EventType, State};

/// Whether answers are those of the form or those of the table.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Asked,
    Stored,
}

/// Answers with their labels.
pub(super) fn responses(
    state: &State,
    booking: &Booking,
    style: Style,
    seat: Option<&str>,
) -> Value {
    let event_type = state.event_type_of(booking);
    let of_seat = |attendee: &&Attendee| {
        attendee
            .seat
            .as_ref()
            .is_some_and(|held| Some(held.uid.as_str()) == seat)
    };
    let attendee = booking
        .attendees
        .iter()
        .find(of_seat)
        .or(booking.attendees.first());
    let answer = |slug: &str| -> Option<Value> {
        match slug {
            "name" => attendee.map(|attendee| attendee.name.clone().into()),
            "email" => attendee.map(|attendee| attendee.email.clone().into()),
            "location" if style == Style::Asked => {
                Some(json!({ "value": booking.location, "optionValue": "" }))
            }
            "location" if seat.is_some() => {
                Some(json!({ "value": booking.location, "optionValue": booking.location }))
            }
            "guests" if booking.seated && style == Style::Asked => Some(json!(booking.guests)),
            "guests" if booking.seated => {
                let own = attendee.map(|attendee| attendee.id);
                let others = booking
                    .attendees
                    .iter()
                    .filter(|other| Some(other.id) != own);
                Some(
                    others
                        .map(|other| Value::from(other.email.as_str()))
                        .collect(),
                )
            }
            "notes" if booking.seated && style == Style::Stored => Some("".into()),
            "rescheduleReason" | "title" => None,
            slug => booking.responses.get(slug).cloned(),
        }
    };
    let mut responses = Map::new();
    if style == Style::Asked {
        let phone = attendee.and_then(|attendee| attendee.phone.clone());
        responses.insert(
            "attendeePhoneNumber".to_owned(),
            labelled("phone_number", true, phone.map(Value::from)),
        );
    }
    for field in event_type.fields["bookingFields"]
        .as_array()
        .into_iter()
        .flatten()
    {
        let slug = field["slug"].as_str().unwrap_or_default();
        responses.insert(
            slug.to_owned(),
            labelled(label(field), field["hidden"] == true, answer(slug)),
        );
    }
    responses.into()
}

pub(super) fn own_answers(event_type: &EventType, booking: &Booking) -> Value {
    let fields = event_type.fields["bookingFields"]
        .as_array()
        .into_iter()
        .flatten();
    let own = fields.filter(|field| field["isDefault"] != true);
    let answers = own.map(|field| {
        let slug = field["slug"].as_str().unwrap_or_default();
        let answer = booking.responses.get(slug).cloned();
        (
            slug.to_owned(),
            labelled(label(field), field["hidden"] == true, answer),
        )
    });
    answers.collect::<Map<_, _>>().into()
}

fn labelled(label: &str, hidden: bool, value: Option<Value>) -> Value {
    let mut field = json!({ "label": label, "isHidden": hidden });
    if let Some(value) = value {
        field["value"] = value;
    }
    field
}

fn label(field: &Value) -> &str {
    match field["slug"].as_str().unwrap_or_default() {
        "name" => "your_name",
        "email" => "email_address",
        "location" => "location",
        "title" => "what_is_this_meeting_about",
        "notes" => "additional_notes",
        "guests" => "additional_guests",
        "rescheduleReason" => "reason_for_reschedule",
        slug => field["label"].as_str().unwrap_or(slug),
    }
}
