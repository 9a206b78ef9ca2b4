//! What somebody wants to book, and whether they may.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};
use zones::Zone;

use crate::cal_com::call::Call;
use crate::cal_com::hours::Span;
use crate::cal_com::reply::Failure;
use crate::cal_com::state::{EventType, State, Status, string};

/// A booking that passed its checks and is not written yet.
#[derive(Clone)]
pub(super) struct Order {
    pub(super) event_type: u64,
    pub(super) span: Span,
    pub(super) name: String,
    pub(super) email: String,
    pub(super) time_zone: String,
    pub(super) language: String,
    pub(super) phone: Option<String>,
    pub(super) guests: Vec<String>,
    pub(super) responses: Map<String, Value>,
    pub(super) metadata: Map<String, Value>,
    pub(super) place: Place,
    /// How many times, for a recurring type.
    pub(super) count: Option<u64>,
}

/// Where it happens.
#[derive(Clone)]
pub(super) struct Place {
    /// As stored; `integrations:..` until the video room exists.
    pub(super) stored: String,
    /// What the attendee answered, if they were asked.
    pub(super) response: Option<Value>,
}

const TAKEN: &str = "User either already has booking at this time or is not available";
const NOT_OFFERED: &str = "The event type can't be booked at the \"start\" time provided. This could be because it's too \
    soon (violating the minimum booking notice) or too far in the future (outside the event's scheduling window). Try \
    fetching available slots first using the GET /v2/slots endpoint and then make a booking with \"start\" time equal to \
    one of the available slots: https://cal.com/docs/api-reference/v2/slots";

impl Order {
    /// Reads and checks the body of a new booking.
    pub(super) fn read(state: &mut State, call: &Call) -> Result<Self, Failure> {
        let body = call.json()?;
        check_form(body)?;
        let signed_in = state.visitor(call).is_some();
        let event_type = wanted(state, body)?;
        if event_type.fields["bookingRequiresAuthentication"] == true && !signed_in {
            return Err(Failure::unauthorized(
                "This event type requires authentication to be booked.",
            ));
        }
        let length = length(event_type, body)?;
        let count = recurrences(event_type, body)?;
        check_answers(event_type, body)?;
        let start = start_of(body)?;
        let attendee = &body["attendee"];
        let phone = string(attendee, "phoneNumber");
        let email = string(attendee, "email").or_else(|| {
            let digits: String = phone
                .clone()?
                .chars()
                .filter(char::is_ascii_digit)
                .collect();
            Some(format!("{digits}@sms.cal.com"))
        });
        let order = Self {
            event_type: event_type.id,
            span: Span {
                start,
                end: start + TimeDelta::minutes(length),
            },
            name: string(attendee, "name").unwrap_or_default(),
            email: email.unwrap_or_default(),
            time_zone: string(attendee, "timeZone").unwrap_or_default(),
            language: string(attendee, "language").unwrap_or_else(|| "en".to_owned()),
            place: place(event_type, &body["location"], phone.as_deref()),
            phone,
            guests: texts(&body["guests"]),
            responses: body["bookingFieldsResponses"]
                .as_object()
                .cloned()
                .unwrap_or_default(),
            metadata: body["metadata"].as_object().cloned().unwrap_or_default(),
            count,
        };
        if !call.again {
            check_time(state, event_type, order.span, None, call.now)?;
            check_active(state, event_type, &order.email, call.now)?;
        }
        Ok(order)
    }
}

/// Whether a booking may start there: not in the past, on offer, and free.
pub(super) fn check_time(
    state: &State,
    event_type: &EventType,
    span: Span,
    moved: Option<&str>,
    now: DateTime<Utc>,
) -> Result<(), Failure> {
    if span.start < now {
        return Err(Failure::bad_request(
            "Attempting to book a meeting in the past.",
        ));
    }
    let bookable = state.bookable(event_type, now, Zone::UTC);
    if span.start < bookable.start || span.start >= bookable.end {
        return Err(Failure::bad_request(NOT_OFFERED));
    }
    let joins = event_type.seats().is_some() && state.group(event_type.id, span.start).is_some();
    if !joins && !state.is_free(event_type, span, moved) {
        return Err(Failure::bad_request(TAKEN));
    }
    Ok(())
}

impl State {
    /// The group booking of a seated type at a start.
    pub(super) fn group(&self, event_type: u64, start: DateTime<Utc>) -> Option<u64> {
        let mut bookings = self.bookings.values();
        let group = bookings.find(|booking| {
            booking.event_type == event_type
                && booking.start == start
                && booking.seated
                && booking.status == Status::Accepted
        });
        group.map(|group| group.id)
    }
}

pub(super) fn start_of(body: &Value) -> Result<DateTime<Utc>, Failure> {
    let start = body["start"]
        .as_str()
        .and_then(|text| text.parse::<DateTime<Utc>>().ok());
    let message = "start property is wrong,start must be a valid ISO 8601 date string ";
    start.ok_or_else(|| Failure::bad_request(message))
}

fn wanted<'s>(state: &'s State, body: &Value) -> Result<&'s EventType, Failure> {
    if let Some(id) = body["eventTypeId"].as_u64() {
        let found = state.event_types.get(&id);
        return found
            .ok_or_else(|| Failure::not_found(format!("Event type with id {id} not found.")));
    }
    let (slug, username) = (string(body, "eventTypeSlug"), string(body, "username"));
    let (Some(slug), Some(username)) = (slug, username) else {
        let message = "Either eventTypeId or eventTypeSlug and username or eventTypeSlug and teamSlug must be provided";
        return Err(Failure::bad_request(message));
    };
    let found = state.event_type_by_slug(&username, &slug);
    found.ok_or_else(|| Failure::not_found(format!("Event type with slug {slug} not found.")))
}

fn check_form(body: &Value) -> Result<(), Failure> {
    let attendee = &body["attendee"];
    if attendee["timeZone"]
        .as_str()
        .is_none_or(|zone| zone.parse::<Zone>().is_err())
    {
        let message = "attendee property is wrong, timeZone property is wrong,timeZone must be a valid IANA time-zone ";
        return Err(Failure::bad_request(message));
    }
    if !attendee["email"].is_string() && !attendee["phoneNumber"].is_string() {
        let message = "attendee property is wrong, attendee email or phone property is wrong,Attendee must have at least \
                       one contact method (email or phone number) ";
        return Err(Failure::bad_request(message));
    }
    let metadata = body["metadata"].as_object();
    let sound = metadata.is_none_or(|metadata| {
        metadata.len() <= 50
            && metadata.iter().all(|(key, value)| {
                key.len() <= 40
                    && value
                        .as_str()
                        .is_some_and(|text| text.chars().count() <= 500)
            })
    });
    if !sound {
        let message = "metadata property is wrong,Metadata must have at most 50 keys, each key up to 40 characters, and \
                       string values up to 500 characters. ";
        return Err(Failure::bad_request(message));
    }
    Ok(())
}

fn length(event_type: &EventType, body: &Value) -> Result<i64, Failure> {
    match (body["lengthInMinutes"].as_i64(), event_type.lengths()) {
        (None, _) => Ok(event_type.length()),
        (Some(_), None) => Err(Failure::bad_request(
            "Can't specify 'lengthInMinutes' because event type does not have multiple possible lengths. Please, remove \
             the 'lengthInMinutes' field from the request.",
        )),
        (Some(length), Some(lengths)) if lengths.contains(&length) => Ok(length),
        (Some(_), Some(lengths)) => {
            let lengths: Vec<String> = lengths.iter().map(i64::to_string).collect();
            let message = format!(
                "Provided 'lengthInMinutes' is not one of the possible lengths: {}",
                lengths.join(", ")
            );
            Err(Failure::bad_request(message))
        }
    }
}

fn recurrences(event_type: &EventType, body: &Value) -> Result<Option<u64>, Failure> {
    let Some(recurrence) = event_type.recurrence() else {
        return Ok(None);
    };
    let most = recurrence["occurrences"].as_u64().unwrap_or(1);
    let count = body["recurrenceCount"].as_u64().unwrap_or(most);
    if count > most {
        let message =
            "Provided recurrence count is higher than the event type's recurring event count.";
        return Err(Failure::bad_request(message));
    }
    Ok(Some(count))
}

/// Required questions must be answered; answers to questions nobody asked are kept.
fn check_answers(event_type: &EventType, body: &Value) -> Result<(), Failure> {
    let fields = event_type.fields["bookingFields"]
        .as_array()
        .into_iter()
        .flatten();
    for field in fields.filter(|field| field["required"] == true && field["hidden"] != true) {
        let slug = field["slug"].as_str().unwrap_or_default();
        if slug == "email" && !body["attendee"]["email"].is_string() {
            return Err(Failure::bare(
                400,
                "BAD_REQUEST",
                "responses - {email}error_required_field, ",
            ));
        }
        if field["isDefault"] != true && body["bookingFieldsResponses"].get(slug).is_none() {
            return Err(Failure::bad_request(format!(
                "Missing required booking field response: {slug} - it is required by the event type booking fields, but \
                 missing in the bookingFieldsResponses. You can fetch the event type with ID {} to see the required \
                 fields.",
                event_type.id
            )));
        }
    }
    Ok(())
}

fn check_active(
    state: &State,
    event_type: &EventType,
    email: &str,
    now: DateTime<Utc>,
) -> Result<(), Failure> {
    let Some(most) =
        event_type.fields["bookerActiveBookingsLimit"]["maximumActiveBookings"].as_u64()
    else {
        return Ok(());
    };
    let active = state.bookings.values().filter(|booking| {
        let theirs = booking
            .attendees
            .iter()
            .any(|attendee| attendee.email == email);
        booking.event_type == event_type.id
            && booking.status == Status::Accepted
            && booking.end > now
            && theirs
    });
    if active.count() as u64 >= most {
        let message = "Attendee with this email can't book because the maximum number of active bookings has been reached.";
        return Err(Failure::bad_request(message));
    }
    Ok(())
}

/// Where a booking happens, by the type's first location or the one that was chosen.
pub(super) fn place(event_type: &EventType, chosen: &Value, phone: Option<&str>) -> Place {
    let locations = event_type.fields["locations"].as_array();
    let kind = chosen["type"].as_str();
    let named = locations
        .into_iter()
        .flatten()
        .find(|location| kind.is_none_or(|kind| location["type"] == kind));
    let location = named
        .cloned()
        .unwrap_or_else(|| json!({ "type": "integration", "integration": "cal-video" }));
    let text = |of: &Value, name: &str| string(of, name);
    let (internal, stored) = match location["type"].as_str().unwrap_or_default() {
        "link" => ("link", text(&location, "link")),
        "address" => ("inPerson", text(&location, "address")),
        "phone" => ("userPhone", text(&location, "phone")),
        "attendeePhone" => ("phone", text(chosen, "phone").or(phone.map(str::to_owned))),
        "attendeeAddress" => ("attendeeInPerson", text(chosen, "address")),
        "attendeeDefined" => ("somewhereElse", text(chosen, "location")),
        _ => ("integrations:daily", Some(integration(&location))),
    };
    let stored = stored.unwrap_or_else(|| internal.to_owned());
    let response = kind.map(|_| {
        let given = ["phone", "address", "location"]
            .iter()
            .find_map(|name| text(chosen, name));
        json!({ "value": internal, "optionValue": given.unwrap_or_default() })
    });
    Place { stored, response }
}

fn integration(location: &Value) -> String {
    match location["integration"].as_str() {
        Some("cal-video") | None => "integrations:daily".to_owned(),
        Some("google-meet") => "integrations:google:meet".to_owned(),
        Some(other) => format!("integrations:{other}"),
    }
}

/// The texts of a list.
pub(super) fn texts(list: &Value) -> Vec<String> {
    list.as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}
