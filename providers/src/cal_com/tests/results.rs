//! Compares the client's results with the recorded JSON, whose fields are read independently here.

use chrono::{DateTime, Utc};
use secrecy::ExposeSecret;
use serde_json::Value;

use super::inputs::{instant, number, text};
use crate::cal_com::*;

/// Empty texts count as missing.
fn filled(value: &Value, name: &str) -> Option<String> {
    text(value, name)
        .filter(|text| !text.trim().is_empty())
        .map(|text| text.trim().to_owned())
}

fn count(value: &Value) -> usize {
    value.as_array().map_or(0, Vec::len)
}

pub(super) fn booking(read: &Booking, said: &Value) {
    assert_eq!(Some(&read.uid), text(said, "uid").as_ref());
    assert_eq!(read.id, number(said, "id"));
    assert_eq!(read.title, filled(said, "title"));
    let status = match said["status"].as_str().expect("a status") {
        "accepted" => BookingStatus::Accepted,
        "pending" => BookingStatus::Pending,
        "cancelled" => BookingStatus::Canceled,
        "rejected" => BookingStatus::Rejected,
        other => panic!("no recording has {other}"),
    };
    assert_eq!(read.status, status);
    assert_eq!(Some(read.starts_at), instant(said, "start"));
    assert_eq!(Some(read.ends_at), instant(said, "end"));
    assert_eq!(
        read.ends_at - read.starts_at,
        chrono::TimeDelta::minutes(number(said, "duration").expect("a length"))
    );
    assert_eq!(read.event_type_id, number(&said["eventType"], "id"));
    assert_eq!(read.event_type_slug, filled(&said["eventType"], "slug"));
    assert_eq!(read.location, filled(said, "location"));
    assert_eq!(
        (read.created_at, read.updated_at),
        (instant(said, "createdAt"), instant(said, "updatedAt"))
    );
    assert_eq!(
        read.rescheduled_from_uid,
        filled(said, "rescheduledFromUid")
    );
    assert_eq!(read.rescheduled_to_uid, filled(said, "rescheduledToUid"));
    assert_eq!(read.rescheduled_by, filled(said, "rescheduledByEmail"));
    assert_eq!(read.rescheduling_reason, filled(said, "reschedulingReason"));
    assert_eq!(read.cancellation_reason, filled(said, "cancellationReason"));
    assert_eq!(read.canceled_by, filled(said, "cancelledByEmail"));
    assert_eq!(read.ics_uid, filled(said, "icsUid"));
    assert_eq!(Some(read.host_absent), said["absentHost"].as_bool());
    assert_eq!(read.seat_uid, filled(said, "seatUid"));
    assert_eq!(read.recurring_uid, filled(said, "recurringBookingUid"));
    assert_eq!(
        serde_json::to_value(&read.metadata).expect("a map"),
        said.get("metadata")
            .cloned()
            .unwrap_or_else(|| serde_json::json!({}))
    );
    let answers = said
        .get("bookingFieldsResponses")
        .cloned()
        .unwrap_or_else(|| serde_json::json!({}));
    assert_eq!(serde_json::to_value(&read.answers).expect("a map"), answers);
    assert_eq!(read.guests.len(), count(&said["guests"]));
    let hosts: Vec<_> = read
        .hosts
        .iter()
        .map(|host| (host.id, host.email.clone(), host.time_zone.clone()))
        .collect();
    let said_host = |host: &Value| {
        (
            number(host, "id"),
            text(host, "displayEmail"),
            text(host, "timeZone"),
        )
    };
    assert_eq!(
        hosts,
        said["hosts"]
            .as_array()
            .expect("hosts")
            .iter()
            .map(said_host)
            .collect::<Vec<_>>()
    );
    assert_eq!(read.attendees.len(), count(&said["attendees"]));
    for (read, said) in read
        .attendees
        .iter()
        .zip(said["attendees"].as_array().expect("attendees"))
    {
        assert_eq!(Some(&read.name), text(said, "name").as_ref());
        assert_eq!(read.email, text(said, "displayEmail"));
        assert_eq!(Some(read.absent), said["absent"].as_bool());
        assert_eq!(read.seat_uid, text(said, "seatUid"));
        assert_eq!(read.phone_number, text(said, "phoneNumber"));
    }
    assert!(!format!("{read:?}").contains('@'), "an address in Debug");
    assert!(!format!("{read:?}").contains(&read.uid), "a uid in Debug");
}

pub(super) fn bookings(read: &Bookings, said: &Value) {
    let Value::Array(all) = said else {
        return booking(read.first(), said);
    };
    assert_eq!(read.iter().len(), all.len());
    read.iter()
        .zip(all)
        .for_each(|(read, said)| booking(read, said));
}

pub(super) fn page(read: &Page, answer: &Value) {
    assert_eq!(
        (read.bookings.len(), read.unreadable),
        (count(&answer["data"]), 0)
    );
    read.bookings
        .iter()
        .zip(answer["data"].as_array().expect("a list"))
        .for_each(|(read, said)| booking(read, said));
    let pagination = &answer["pagination"];
    assert_eq!(read.total, number(pagination, "totalItems"));
    assert_eq!(Some(read.has_next), pagination["hasNextPage"].as_bool());
}

/// The recorded slots within the requested range.
pub(super) fn slots(read: &[Slot], query: &SlotQuery, said: &Value) {
    let all = said
        .as_object()
        .expect("days")
        .values()
        .flat_map(|day| day.as_array().expect("slots"));
    let mut expected: Vec<(
        DateTime<Utc>,
        Option<DateTime<Utc>>,
        Option<i64>,
        Option<String>,
    )> = all
        .map(|slot| {
            let start = instant(slot, "start").expect("a start");
            (
                start,
                instant(slot, "end"),
                number(slot, "seatsRemaining"),
                text(slot, "bookingUid"),
            )
        })
        .filter(|(start, ..)| query.from <= *start && *start < query.to)
        .collect();
    expected.sort();
    let read: Vec<_> = read
        .iter()
        .map(|slot| {
            (
                slot.starts_at,
                slot.ends_at,
                slot.seats_remaining,
                slot.booking_uid.clone(),
            )
        })
        .collect();
    assert_eq!(read, expected);
}

pub(super) fn reservation(read: &Reservation, said: &Value) {
    assert_eq!(Some(&read.uid), text(said, "reservationUid").as_ref());
    assert_eq!(Some(read.starts_at), instant(said, "slotStart"));
    assert_eq!(read.ends_at, instant(said, "slotEnd"));
    assert_eq!(Some(read.until), instant(said, "reservationUntil"));
}

pub(super) fn user(read: &User, said: &Value) {
    assert_eq!(Some(read.id), number(said, "id"));
    assert_eq!(Some(&read.email), text(said, "email").as_ref());
    assert_eq!(read.username, text(said, "username"));
    assert_eq!(read.name, text(said, "name"));
    assert_eq!(read.time_zone, text(said, "timeZone"));
    assert_eq!(read.default_schedule_id, number(said, "defaultScheduleId"));
    assert_eq!(read.created_at, instant(said, "createdDate"));
    assert_eq!(read.organization_id, number(said, "organizationId"));
    assert!(!format!("{read:?}").contains('@'), "an address in Debug");
}

pub(super) fn tokens(read: &TokenPair, said: &Value) {
    assert_eq!(
        Some(read.access.expose_secret()),
        said["accessToken"].as_str()
    );
    assert_eq!(
        Some(read.refresh.expose_secret()),
        said["refreshToken"].as_str()
    );
    assert_eq!(
        Some(read.access_expires_at.timestamp_millis()),
        number(said, "accessTokenExpiresAt")
    );
    assert_eq!(
        read.refresh_expires_at.map(|at| at.timestamp_millis()),
        number(said, "refreshTokenExpiresAt")
    );
    assert!(
        !format!("{read:?}").contains(read.access.expose_secret()),
        "a token in Debug"
    );
}

pub(super) fn oauth(read: &OAuthTokens, said: &Value) {
    assert_eq!(
        Some(read.access.expose_secret()),
        said["access_token"].as_str()
    );
    assert_eq!(
        read.refresh.as_ref().map(ExposeSecret::expose_secret),
        said["refresh_token"].as_str()
    );
    assert_eq!(Some(read.expires_in.as_secs()), said["expires_in"].as_u64());
}

pub(super) fn webhook(read: &WebhookRegistration, said: &Value) {
    assert_eq!(Some(&read.id), text(said, "id").as_ref());
    assert_eq!(
        Some(&read.subscriber_url),
        text(said, "subscriberUrl").as_ref()
    );
    assert_eq!(Some(read.active), said["active"].as_bool());
    assert_eq!(read.triggers.len(), count(&said["triggers"]));
    assert_eq!(
        read.secret.as_ref().map(ExposeSecret::expose_secret),
        said["secret"].as_str()
    );
    assert_eq!(read.payload_template, text(said, "payloadTemplate"));
    assert!(!format!("{read:?}").contains("whsec"), "a secret in Debug");
}

pub(super) fn schedule(read: &Schedule, said: &Value) {
    assert_eq!(Some(read.id), number(said, "id"));
    assert_eq!(read.owner_id, number(said, "ownerId"));
    assert_eq!(Some(&read.name), text(said, "name").as_ref());
    assert_eq!(Some(read.is_default), said["isDefault"].as_bool());
    assert_eq!(
        serde_json::to_value(&read.availability).expect("hours"),
        said["availability"]
    );
    assert_eq!(
        serde_json::to_value(&read.overrides).expect("days"),
        said["overrides"]
    );
}

pub(super) fn event_type(read: &EventType, said: &Value) {
    assert_eq!(Some(read.id), number(said, "id"));
    assert_eq!(read.owner_id, number(said, "ownerId"));
    assert_eq!(Some(&read.title), text(said, "title").as_ref());
    assert_eq!(Some(&read.slug), text(said, "slug").as_ref());
    assert_eq!(
        Some(read.length_in_minutes),
        number(said, "lengthInMinutes")
    );
    assert_eq!(Some(read.price), number(said, "price"));
    assert_eq!(read.booking_url, filled(said, "bookingUrl"));
    assert_eq!(read.users.len(), count(&said["users"]));
    // Serialised again, every setting equals the recording.
    let written = serde_json::to_value(&read.settings).expect("settings");
    for (name, value) in written.as_object().expect("a map") {
        let mut said = said[name].clone();
        if name == "bookingFields" {
            for field in said.as_array_mut().expect("questions") {
                field
                    .as_object_mut()
                    .expect("a question")
                    .remove("isDefault");
            }
        } else if said.get("disabled") == Some(&Value::Bool(false)) && !name.starts_with("disable")
        {
            said.as_object_mut().expect("a toggle").remove("disabled");
        }
        assert_eq!(value, &said, "{name}");
    }
    let unset = said
        .as_object()
        .expect("a map")
        .iter()
        .filter(|(name, value)| {
            let ours = [
                "id",
                "ownerId",
                "lengthInMinutes",
                "title",
                "slug",
                "price",
                "currency",
                "users",
                "bookingUrl",
            ];
            let theirs = ["metadata", "forwardParamsSuccessRedirect", "isInstantEvent"];
            !ours.contains(&name.as_str())
                && !theirs.contains(&name.as_str())
                && !value.is_null()
                && written.get(*name).is_none()
        });
    assert_eq!(
        unset.map(|(name, _)| name).collect::<Vec<_>>(),
        Vec::<&String>::new(),
        "settings that are not read"
    );
}

pub(super) fn absence(read: &Absence, said: &Value) {
    assert_eq!(Some(read.id), number(said, "id"));
    assert_eq!(read.user_id, number(said, "userId"));
    assert_eq!(Some(read.starts_at), instant(said, "start"));
    assert_eq!(Some(read.ends_at), instant(said, "end"));
    assert_eq!(
        (read.reason.clone(), read.notes.clone()),
        (text(said, "reason"), text(said, "notes"))
    );
}

pub(super) fn private_link(read: &PrivateLink, said: &Value) {
    assert_eq!(Some(&read.id), text(said, "linkId").as_ref());
    assert_eq!(Some(&read.booking_url), text(said, "bookingUrl").as_ref());
    assert_eq!(read.max_usage_count, number(said, "maxUsageCount"));
}

pub(super) fn connect(read: &ConnectUrl, said: &Value) {
    let expected = said
        .get("authUrl")
        .or(said.get("url"))
        .and_then(Value::as_str);
    assert_eq!(Some(read.url().as_str()), expected);
    assert!(!format!("{read:?}").contains("state"), "a token in Debug");
}

/// Compares each item of a list.
pub(super) fn each<T>(read: &[T], said: &Value, check: fn(&T, &Value)) {
    let said = said.as_array().expect("a list");
    assert_eq!(read.len(), said.len());
    read.iter()
        .zip(said)
        .for_each(|(read, said)| check(read, said));
}
