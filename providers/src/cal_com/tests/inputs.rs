//! Reconstructs the arguments of a call from a recorded request.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use serde_json::Value;

use super::exchange::Exchange;
use crate::cal_com::*;
use crate::lenient::FromValue;

pub(super) fn text(value: &Value, name: &str) -> Option<String> {
    value.get(name)?.as_str().map(str::to_owned)
}

pub(super) fn number(value: &Value, name: &str) -> Option<i64> {
    value.get(name)?.as_i64()
}

pub(super) fn instant(value: &Value, name: &str) -> Option<DateTime<Utc>> {
    text(value, name)?
        .parse::<DateTime<chrono::FixedOffset>>()
        .ok()
        .map(|instant| instant.to_utc())
}

fn texts(value: &Value, name: &str) -> Option<Vec<String>> {
    let items = value.get(name)?.as_array()?;
    Some(
        items
            .iter()
            .map(|item| item.as_str().expect("a text").to_owned())
            .collect(),
    )
}

pub(super) fn new_booking(body: &Value) -> NewBooking {
    let event_type = match number(body, "eventTypeId") {
        Some(id) => EventTypeKey::id(id),
        None => EventTypeKey::OfUser {
            event_type_slug: text(body, "eventTypeSlug").expect("a slug"),
            username: text(body, "username").expect("a name"),
            organization_slug: text(body, "organizationSlug"),
        },
    };
    let attendee = &body["attendee"];
    let attendee = NewAttendee {
        name: text(attendee, "name").expect("a name"),
        time_zone: text(attendee, "timeZone").expect("a zone"),
        email: text(attendee, "email"),
        phone_number: text(attendee, "phoneNumber"),
        language: text(attendee, "language"),
    };
    let mut booking = NewBooking::new(
        event_type,
        instant(body, "start").expect("a start"),
        attendee,
    );
    booking.guests = texts(body, "guests").unwrap_or_default();
    if let Some(answers) = body["bookingFieldsResponses"].as_object() {
        booking.answers = answers
            .iter()
            .map(|(slug, answer)| (slug.clone(), answer.clone()))
            .collect();
    }
    if let Some(metadata) = body["metadata"].as_object() {
        let entry = |(name, value): (&String, &Value)| {
            (name.clone(), value.as_str().expect("a text").to_owned())
        };
        booking.metadata = metadata.iter().map(entry).collect();
    }
    booking.location = body.get("location").map(location);
    booking.length_in_minutes = number(body, "lengthInMinutes");
    booking.recurrence_count = number(body, "recurrenceCount");
    booking
}

pub(super) fn location(value: &Value) -> Location {
    match value["type"].as_str() {
        Some("attendeePhone") => Location::AttendeePhone {
            phone: text(value, "phone").expect("a number"),
        },
        Some("link") => Location::Link {
            link: text(value, "link"),
        },
        other => panic!("no recording has {other:?}"),
    }
}

pub(super) fn reschedule(body: &Value) -> Reschedule {
    Reschedule {
        start: instant(body, "start").expect("a start"),
        rescheduled_by: text(body, "rescheduledBy"),
        reason: text(body, "reschedulingReason"),
        seat_uid: text(body, "seatUid"),
        email_verification_code: None,
    }
}

pub(super) fn cancel(body: &Value) -> Cancel {
    Cancel {
        reason: text(body, "cancellationReason"),
        and_following: body
            .get("cancelSubsequentBookings")
            .and_then(Value::as_bool),
        seat_uid: text(body, "seatUid"),
    }
}

pub(super) fn absent(body: &Value) -> MarkAbsent {
    let attendee = |value: &Value| AttendeeAbsence {
        email: text(value, "email").expect("an address"),
        absent: value["absent"].as_bool().expect("a flag"),
    };
    let attendees = body["attendees"]
        .as_array()
        .map(|all| all.iter().map(attendee).collect())
        .unwrap_or_default();
    MarkAbsent {
        host: body.get("host").and_then(Value::as_bool),
        attendees,
    }
}

pub(super) fn guests(body: &Value) -> Vec<NewGuest> {
    let guest = |value: &Value| NewGuest {
        email: text(value, "email").expect("an address"),
        name: text(value, "name"),
        time_zone: None,
        phone_number: None,
        language: None,
    };
    body["guests"]
        .as_array()
        .expect("guests")
        .iter()
        .map(guest)
        .collect()
}

pub(super) fn filter(exchange: &Exchange) -> BookingFilter {
    let at = |name: &str| {
        exchange
            .query(name)
            .map(|text| text.parse().expect("an instant"))
    };
    let status = |name: &str| match name {
        "upcoming" => ListStatus::Upcoming,
        "unconfirmed" => ListStatus::Unconfirmed,
        other => panic!("no recording has {other}"),
    };
    let order = |text: String| {
        if text == "asc" {
            SortOrder::Ascending
        } else {
            SortOrder::Descending
        }
    };
    let by_start = exchange
        .query("sortStart")
        .map(|text| (BookingSort::Start, order(text)));
    let by_update = exchange
        .query("sortUpdatedAt")
        .map(|text| (BookingSort::Updated, order(text)));
    BookingFilter {
        statuses: exchange
            .query("status")
            .map(|all| all.split(',').map(status).collect())
            .unwrap_or_default(),
        attendee_email: exchange.query("attendeeEmail"),
        attendee_name: None,
        uid: exchange.query("bookingUid"),
        event_type_ids: exchange
            .query("eventTypeId")
            .map(|id| id.parse().expect("an id"))
            .into_iter()
            .collect(),
        team_ids: Vec::new(),
        user_ids: Vec::new(),
        window: BookingWindow {
            starts_after: at("afterStart"),
            ends_before: at("beforeEnd"),
            updated_after: at("afterUpdatedAt"),
            updated_before: at("beforeUpdatedAt"),
            ..BookingWindow::default()
        },
        sort: by_start.or(by_update),
        take: whole(exchange, "take"),
        skip: whole(exchange, "skip"),
    }
}

pub(super) fn whole(exchange: &Exchange, name: &str) -> Option<u32> {
    exchange
        .query(name)
        .map(|text| text.parse().expect("a number"))
}

pub(super) fn slots(exchange: &Exchange) -> SlotQuery {
    let day = |name: &str| {
        exchange
            .query(name)
            .expect("a bound")
            .parse::<NaiveDate>()
            .expect("a day")
    };
    let midnight = |day: NaiveDate| day.and_time(NaiveTime::MIN).and_utc();
    let target = match exchange.query("eventTypeId") {
        Some(id) => SlotTarget::EventType(id.parse().expect("an id")),
        None => SlotTarget::OfUser {
            event_type_slug: exchange.query("eventTypeSlug").expect("a slug"),
            username: exchange.query("username").expect("a name"),
            organization_slug: exchange.query("organizationSlug"),
        },
    };
    let mut query = SlotQuery::new(
        target,
        midnight(day("start")),
        midnight(day("end").succ_opt().expect("a day")),
    );
    query.length_in_minutes = exchange
        .query("duration")
        .map(|text| text.parse().expect("a number"));
    query.reschedule_uid = exchange.query("bookingUidToReschedule");
    query.time_zone = exchange.query("timeZone");
    query.with_ends = exchange.query("format").is_some();
    query
}

pub(super) fn reservation(body: &Value) -> NewReservation {
    NewReservation {
        event_type_id: number(body, "eventTypeId").expect("an id"),
        starts_at: instant(body, "slotStart").expect("a start"),
        length_in_minutes: number(body, "slotDuration"),
        for_minutes: number(body, "reservationDuration"),
    }
}

fn profile(body: &Value) -> Profile {
    Profile {
        time_format: number(body, "timeFormat"),
        week_start: text(body, "weekStart"),
        time_zone: text(body, "timeZone"),
        locale: text(body, "locale"),
        avatar_url: text(body, "avatarUrl"),
        bio: text(body, "bio"),
    }
}

pub(super) fn new_user(body: &Value) -> NewUser {
    let entry = |(name, value): (&String, &Value)| {
        (name.clone(), value.as_str().expect("a text").to_owned())
    };
    NewUser {
        email: text(body, "email").expect("an address"),
        name: text(body, "name").expect("a name"),
        profile: profile(body),
        metadata: body["metadata"]
            .as_object()
            .map(|all| all.iter().map(entry).collect())
            .unwrap_or_default(),
    }
}

pub(super) fn user_change(body: &Value) -> UserChange {
    UserChange {
        email: text(body, "email"),
        name: text(body, "name"),
        default_schedule_id: number(body, "defaultScheduleId"),
        profile: profile(body),
        metadata: None,
    }
}

pub(super) fn webhook(body: &Value) -> WebhookChange {
    WebhookChange {
        subscriber_url: text(body, "subscriberUrl"),
        active: body.get("active").and_then(Value::as_bool),
        triggers: texts(body, "triggers"),
        secret: text(body, "secret").map(Into::into),
        payload_template: text(body, "payloadTemplate"),
        version: text(body, "version"),
    }
}

pub(super) fn event_type(body: &Value) -> EventTypeChange {
    EventTypeChange {
        title: text(body, "title"),
        slug: text(body, "slug"),
        length_in_minutes: number(body, "lengthInMinutes"),
        settings: EventTypeSettings::from_value(body.clone()).expect("settings"),
    }
}

pub(super) fn event_types(exchange: &Exchange) -> EventTypeFilter {
    EventTypeFilter {
        username: exchange.query("username"),
        slug: exchange.query("eventSlug"),
        usernames: Vec::new(),
        organization_slug: None,
        organization_id: exchange.query("orgId").map(|id| id.parse().expect("an id")),
    }
}

pub(super) fn schedule(body: &Value) -> ScheduleChange {
    let time = |part: &Value, name: &str| {
        NaiveTime::parse_from_str(part[name].as_str().expect("a time"), "%H:%M").expect("a time")
    };
    let hours = |part: &Value| Hours {
        days: texts(part, "days")
            .expect("days")
            .iter()
            .map(|day| day.parse().expect("a day"))
            .collect(),
        starts: time(part, "startTime"),
        ends: time(part, "endTime"),
    };
    let day = |part: &Value| DayOverride {
        date: part["date"]
            .as_str()
            .expect("a day")
            .parse()
            .expect("a day"),
        starts: time(part, "startTime"),
        ends: time(part, "endTime"),
    };
    ScheduleChange {
        name: text(body, "name"),
        time_zone: text(body, "timeZone"),
        is_default: body.get("isDefault").and_then(Value::as_bool),
        availability: body["availability"]
            .as_array()
            .map(|parts| parts.iter().map(hours).collect()),
        overrides: body["overrides"]
            .as_array()
            .map(|parts| parts.iter().map(day).collect()),
    }
}

pub(super) fn absence(body: &Value) -> AbsenceChange {
    AbsenceChange {
        starts_at: instant(body, "start"),
        ends_at: instant(body, "end"),
        reason: text(body, "reason"),
        notes: text(body, "notes"),
        to_user_id: None,
    }
}
