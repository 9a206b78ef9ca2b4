//! What else can be asked of a booking. None of it makes a webhook.

use chrono::SecondsFormat;
use serde_json::{Value, json};

use super::shape::shown;
use crate::cal_com::call::{Call, encode};
use crate::cal_com::reply::{Answer, Failure, ok};
use crate::cal_com::state::{Booking, State, string};

pub(super) fn route(state: &mut State, call: &Call, parts: &[&str]) -> Option<Answer> {
    let known = matches!(
        (call.method.as_str(), parts),
        (
            "GET",
            [
                _,
                "calendar-links"
                    | "references"
                    | "recordings"
                    | "transcripts"
                    | "conferencing-sessions"
            ]
        ) | ("PATCH", [_, "location"])
            | ("POST", [_, "guests" | "reassign"])
            | ("POST", [_, "reassign", _])
    );
    if !known {
        return None;
    }
    let user = match state.permitted(call) {
        Ok(caller) => caller.user(),
        Err(refused) => return Some(Err(refused)),
    };
    let [uid, what, ..] = parts else { return None };
    let Some(booking) = state.booking(uid) else {
        return Some(Err(Failure::not_found(format!(
            "Booking with uid={uid} was not found in the database"
        ))));
    };
    let host = booking.host;
    Some(match *what {
        "calendar-links" => ok(links(state, booking)),
        "references" => ok(booking.references.clone()),
        "recordings" | "transcripts" | "conferencing-sessions" if host == user => ok(json!([])),
        "location" if host == user => relocate(state, call, uid),
        "guests" => invite(state, call, uid),
        "reassign" => Err(Failure::bad_request(
            "Can't reassign the booking because no other host is available at that time.",
        )),
        _ => Err(Failure::forbidden(format!(
            "User with ID={user} does not have access to booking with uid={uid}"
        ))),
    })
}

/// The room of a video booking is shown whatever the location says.
fn relocate(state: &mut State, call: &Call, uid: &str) -> Answer {
    let location = call.json()?["location"].clone();
    let text = ["link", "address", "phone", "location"]
        .iter()
        .find_map(|name| string(&location, name));
    let kind = match location["type"].as_str() {
        Some("address") => "inPerson",
        Some("phone") => "userPhone",
        Some("attendeePhone") => "phone",
        Some("attendeeAddress") => "attendeeInPerson",
        Some("attendeeDefined") => "somewhereElse",
        Some("integration") => "integrations:daily",
        _ => "link",
    };
    let booking = state.booking_mut(uid).expect("it was found");
    booking.location = text.unwrap_or_else(|| kind.to_owned());
    booking.responses.insert(
        "location".to_owned(),
        json!({ "value": kind, "optionValue": "" }),
    );
    booking.updated_at = call.now;
    ok(shown(state, state.booking(uid).expect("it was found")))
}

fn invite(state: &mut State, call: &Call, uid: &str) -> Answer {
    let body = call.json()?;
    let guests = body["guests"].as_array().cloned().unwrap_or_default();
    if guests.is_empty() || guests.len() > 10 {
        return Err(Failure::bad_request(
            "guests must contain between 1 and 10 elements",
        ));
    }
    let zone = state
        .booking(uid)
        .map(|booking| state.host(booking).time_zone.clone())
        .expect("it was found");
    for guest in guests {
        let email = string(&guest, "email").unwrap_or_default();
        let mut attendee = state.guest(
            &email,
            &string(&guest, "timeZone").unwrap_or_else(|| zone.clone()),
        );
        attendee.name = string(&guest, "name").unwrap_or_default();
        let booking = state.booking_mut(uid).expect("it was found");
        booking.attendees.push(attendee);
        booking.guests.push(email);
        booking
            .responses
            .insert("guests".to_owned(), json!(booking.guests));
        booking.updated_at = call.now;
    }
    ok(shown(state, state.booking(uid).expect("it was found")))
}

/// Links as the server builds them: titles are not encoded, and the calendar file has a uid of its
/// own.
fn links(state: &State, booking: &Booking) -> Value {
    let event_type = state.event_type_of(booking);
    let compact =
        |instant: chrono::DateTime<chrono::Utc>| instant.format("%Y%m%dT%H%M%SZ").to_string();
    let plain =
        |instant: chrono::DateTime<chrono::Utc>| instant.to_rfc3339_opts(SecondsFormat::Secs, true);
    let (title, details) = (&booking.title, event_type.text("description"));
    let place = encode(booking.video_url.as_ref().unwrap_or(&booking.location));
    let (start, end) = (plain(booking.start), plain(booking.end));
    let compose = |path: &str, subject: &str| {
        format!(
            "compose?body={details}&enddt={end}&path={path}&rru=addevent&startdt={start}&subject={subject}&location={place}"
        )
    };
    let file = format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nCALSCALE:GREGORIAN\r\nMETHOD:PUBLISH\r\nBEGIN:VEVENT\r\nUID:{}\r\nSUMMARY:{title}\
         \r\nDTSTART:{}\r\nDURATION:PT{}M\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
        uuid::Uuid::new_v4(),
        compact(booking.start),
        (booking.end - booking.start).num_minutes()
    );
    let google = format!(
        "https://calendar.google.com/calendar/r/eventedit?dates={}/{}&text={title}&details={details}&location={place}",
        compact(booking.start),
        compact(booking.end)
    );
    let office = compose("%2Fcalendar%2Faction%2Fcompose", title);
    let outlook = compose("%252Fcalendar%252Faction%252Fcompose", &encode(title));
    json!([
        { "label": "Google Calendar", "id": "googleCalendar", "link": google },
        { "label": "Microsoft Office", "id": "microsoftOffice",
          "link": format!("https://outlook.office.com/calendar/0/deeplink/{office}") },
        { "label": "Microsoft Outlook", "id": "microsoftOutlook",
          "link": format!("https://outlook.live.com/calendar/0/deeplink/{outlook}") },
        { "label": "ICS", "id": "ics", "link": format!("data:text/calendar,{}", encode(&file)) },
    ])
}
