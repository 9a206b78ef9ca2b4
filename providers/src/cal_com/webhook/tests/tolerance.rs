//! Triggers that were not captured (shapes from Cal.com's source), and unusual or hostile bodies.

use serde_json::{Value, json};

use super::*;
use crate::Kind;

fn read(body: &Value) -> Event {
    parse(body.to_string().as_bytes()).expect("this can be read")
}

fn envelope(trigger: &str, payload: Value) -> Value {
    json!({ "triggerEvent": trigger, "createdAt": "2026-11-21T01:27:27.280Z", "payload": payload })
}

/// A booking with only the required fields.
fn bare() -> Value {
    json!({ "uid": "u1", "startTime": "2026-12-01T14:00:00Z", "endTime": "2026-12-01T15:00:00Z" })
}

fn booking(change: impl FnOnce(&mut Value)) -> Result<Booking, crate::cal_com::Error> {
    let mut payload = bare();
    change(&mut payload);
    match parse(envelope("BOOKING_CREATED", payload).to_string().as_bytes())? {
        Event::Booking { booking, .. } => Ok(*booking),
        other => panic!("not a booking but {other:?}"),
    }
}

#[test]
fn every_trigger_has_its_event() {
    let other = |trigger| Event::OtherBooking {
        trigger,
        booking_uid: Some("u1".into()),
    };
    for trigger in Trigger::ALL {
        let payload = json!({ "uid": "u1", "bookingUid": "u1", "startTime": "2026-12-01T14:00:00Z",
            "endTime": "2026-12-01T15:00:00Z", "formId": "f1", "formName": "Intake" });
        let mut body = envelope(trigger.as_str(), payload.clone());
        if trigger.is_flat() {
            body.as_object_mut()
                .expect("an object")
                .extend(payload.as_object().expect("an object").clone());
        }
        let event = read(&body);
        let fits = match trigger {
            Trigger::BookingNoShowUpdated => {
                matches!(&event, Event::NoShow { booking_uid, .. } if booking_uid == "u1")
            }
            Trigger::MeetingStarted => matches!(
                event,
                Event::Meeting {
                    kind: MeetingTrigger::Started,
                    ..
                }
            ),
            Trigger::MeetingEnded => matches!(
                event,
                Event::Meeting {
                    kind: MeetingTrigger::Ended,
                    ..
                }
            ),
            Trigger::OooCreated => matches!(event, Event::OutOfOffice(_)),
            Trigger::FormSubmitted => matches!(
                event,
                Event::Form {
                    without_booking: false,
                    ..
                }
            ),
            Trigger::FormSubmittedNoEvent => matches!(
                event,
                Event::Form {
                    without_booking: true,
                    ..
                }
            ),
            Trigger::DelegationCredentialError => event == Event::DelegationError,
            Trigger::RecordingReady
            | Trigger::RecordingTranscriptionGenerated
            | Trigger::InstantMeeting
            | Trigger::AfterHostsCalVideoNoShow
            | Trigger::AfterGuestsCalVideoNoShow
            | Trigger::WrongAssignmentReport => event == other(trigger),
            _ => matches!(&event, Event::Booking { booking, .. } if booking.uid == "u1"),
        };
        assert!(fits, "{trigger:?} became {event:?}");
    }
    assert_eq!(
        read(&envelope("PING", json!({ "type": "Test" }))),
        Event::Ping
    );
    assert_eq!(
        read(&envelope("BOOKING_FROZEN", json!({}))),
        Event::Unknown {
            name: "BOOKING_FROZEN".into()
        }
    );
}

#[test]
fn rarer_payloads() {
    let wrong = envelope(
        "WRONG_ASSIGNMENT_REPORT",
        json!({ "booking": { "uid": "u7", "id": 7 }, "report": {} }),
    );
    let expected = Event::OtherBooking {
        trigger: Trigger::WrongAssignmentReport,
        booking_uid: Some("u7".into()),
    };
    assert_eq!(read(&wrong), expected);
    let raw = wrong.to_string();
    let delivery =
        open(&["s".into()], &signed("s", raw.as_bytes()), raw.as_bytes()).expect("genuine");
    assert_eq!(delivery.uid.as_deref(), Some("u7"));

    let away = envelope(
        "OOO_CREATED",
        json!({ "oooEntry": { "id": 4, "uuid": "o1", "start": "2026-12-24T00:00:00+01:00",
        "end": "2026-12-26T23:59:59+01:00", "reason": { "emoji": "x", "reason": "vacation" }, "toUser": null,
        "user": { "id": 2, "email": "coach@example.com" } } }),
    );
    let expected = OutOfOffice {
        uuid: Some("o1".into()),
        user_id: Some(2),
        user_email: Some("coach@example.com".into()),
        starts_at: "2026-12-23T23:00:00Z".parse().ok(),
        ends_at: "2026-12-26T22:59:59Z".parse().ok(),
        reason: Some("vacation".into()),
    };
    assert_eq!(read(&away), Event::OutOfOffice(expected));

    let mut form = envelope(
        "FORM_SUBMITTED",
        json!({ "formId": "f1", "formName": " Intake ", "teamId": null }),
    );
    form["uid"] = json!({ "label": "an answer spread over the root", "value": 1 });
    let expected = Event::Form {
        form_id: Some("f1".into()),
        form_name: Some("Intake".into()),
        without_booking: false,
    };
    assert_eq!(read(&form), expected);

    let paid = envelope("BOOKING_PAID", {
        let mut payload = bare();
        payload["paymentId"] = json!(12);
        payload["price"] = json!(15000);
        payload["metadata"] =
            json!({ "identifier": "cal.com", "bookingId": 5, "bookerEmail": "a@example.com" });
        payload
    });
    let Event::Booking {
        kind: BookingTrigger::Paid,
        booking,
    } = read(&paid)
    else {
        panic!("not paid")
    };
    assert_eq!(
        (booking.payment_id, booking.event_type.price_minor),
        (Some(12), Some(15000))
    );
    assert_eq!(booking.metadata["bookingId"], "5");
}

#[test]
fn a_field_of_an_unexpected_type_is_dropped_alone() {
    let odd = [
        json!(null),
        json!([]),
        json!({}),
        json!([[]]),
        json!({ "a": 1 }),
        json!("x"),
        json!(1.5),
        json!(-1),
    ];
    let fields = [
        "bookingId",
        "title",
        "status",
        "organizer",
        "attendees",
        "iCalUID",
        "iCalSequence",
        "location",
        "metadata",
        "responses",
        "videoCallData",
        "seatsPerTimeSlot",
        "attendeeSeatId",
        "recurringEvent",
        "price",
        "currency",
        "length",
        "requiresConfirmation",
        "requestReschedule",
        "rescheduleUid",
        "rescheduleStartTime",
        "type",
    ];
    for field in fields {
        for value in &odd {
            let read = booking(|payload| payload[field] = value.clone());
            assert!(
                read.is_ok_and(|booking| booking.uid == "u1"),
                "{field}: {value}"
            );
        }
    }
}

#[test]
fn numbers_in_strings_and_unknown_values_are_read() {
    let read = booking(|payload| {
        payload["bookingId"] = json!("91");
        payload["length"] = json!(60.0);
        payload["currency"] = json!("eur");
        payload["status"] = json!("AWAITING_HOST");
        payload["startTime"] = json!(1_796_126_400_000_i64);
        payload["endTime"] = json!(1_796_130_000);
        payload["attendees"] =
            json!([null, { "name": "No Address" }, { "email": " Ann@Example.com " }]);
        payload["title"] = json!("nul\u{0}byte");
        payload["somethingNew"] = json!({ "deep": [1] });
    })
    .expect("odd but usable");
    assert_eq!(
        (read.id, read.event_type.length_minutes),
        (Some(91), Some(60))
    );
    assert_eq!(read.event_type.currency.as_deref(), Some("EUR"));
    assert_eq!(read.status, Some(Status::Other("AWAITING_HOST".into())));
    assert_eq!(read.starts_at.to_rfc3339(), "2026-12-01T12:00:00+00:00");
    assert_eq!((read.ends_at - read.starts_at).num_minutes(), 60);
    assert_eq!(read.attendees.len(), 1);
    assert_eq!(
        read.attendees[0].email, "Ann@Example.com",
        "trimmed, spelling kept"
    );
    assert_eq!(
        read.title.as_deref(),
        Some("nulbyte"),
        "PostgreSQL has no NUL"
    );
}

#[test]
fn only_http_urls_are_links() {
    for link in [
        "javascript:alert(1)",
        "data:text/html,x",
        "//evil.example.com",
        "integrations:daily",
        "",
    ] {
        let read = booking(|payload| {
            payload["location"] = json!(link);
            payload["metadata"] = json!({ "videoCallUrl": link });
        });
        assert_eq!(read.expect("usable").video_url, None, "{link}");
    }
    let read = booking(|payload| {
        payload["videoCallData"] = json!({ "url": "HTTPS://meet.example.com/a" })
    });
    assert_eq!(
        read.expect("usable").video_url.as_deref(),
        Some("HTTPS://meet.example.com/a")
    );
}

#[test]
fn a_booking_without_uid_or_time_is_an_error_without_quotes() {
    let cases: [(&str, Value); 8] = [
        ("uid", json!(null)),
        ("uid", json!(" ")),
        ("uid", json!({ "secret": "hush" })),
        ("startTime", json!("hush")),
        ("startTime", json!("2026-12-01T14:00:00")),
        ("endTime", json!(null)),
        ("endTime", json!("2026-12-01T14:00:00Z")),
        ("endTime", json!("2026-12-01T13:00:00Z")),
    ];
    for (field, value) in cases {
        let error = booking(|payload| payload[field] = value.clone()).expect_err("unusable");
        assert_eq!(error.kind, Kind::Malformed);
        assert_eq!(
            error.to_string(),
            format!("calcom: malformed: BOOKING_CREATED without a usable {field}"),
            "{value}"
        );
    }
    for payload in [json!(null), json!([]), json!("hush"), json!({})] {
        for trigger in [
            "BOOKING_CREATED",
            "BOOKING_PAID",
            "BOOKING_NO_SHOW_UPDATED",
            "MEETING_STARTED",
        ] {
            let error = parse(envelope(trigger, payload.clone()).to_string().as_bytes())
                .expect_err("unusable");
            assert!(
                error.kind == Kind::Malformed && !error.to_string().contains("hush"),
                "{error}"
            );
        }
    }
}

#[test]
fn foreign_bodies_are_unknown() {
    let deep = "[".repeat(100_000);
    for body in [
        "",
        "{",
        "null",
        "[]",
        "7",
        "{}",
        r#"{"triggerEvent":7}"#,
        r#"{"triggerEvent":""}"#,
        r#"{"content":"A new event"}"#,
        "custom=true&trigger=BOOKING_CREATED&uid=u1",
        &deep,
    ] {
        let event = parse(body.as_bytes()).expect("not an error");
        assert_eq!(
            event,
            Event::Unknown {
                name: "UNKNOWN".into()
            },
            "{body:.40}"
        );
        let delivery = open(
            &["s".into()],
            &signed("s", body.as_bytes()),
            body.as_bytes(),
        )
        .expect("genuine");
        assert_eq!(
            (delivery.trigger, delivery.trigger_name.as_str()),
            (Trigger::Unknown, "UNKNOWN"),
            "{body:.40}"
        );
    }
    assert_eq!(
        parse(b"\xff\xfe"),
        Ok(Event::Unknown {
            name: "UNKNOWN".into()
        })
    );
}

#[test]
fn invalid_ids_are_not_stored() {
    for uid in [
        json!("u".repeat(201)),
        json!("u\n1"),
        json!(""),
        json!(7),
        json!(null),
    ] {
        let body = envelope("BOOKING_CREATED", json!({ "uid": uid, "iCalUID": uid })).to_string();
        let delivery = open(
            &["s".into()],
            &signed("s", body.as_bytes()),
            body.as_bytes(),
        )
        .expect("genuine");
        assert_eq!((delivery.uid, delivery.ical_uid), (None, None), "{uid:.20}");
        assert!(
            delivery.dedupe_key.starts_with("BOOKING_CREATED:body:"),
            "{}",
            delivery.dedupe_key
        );
    }
    let name = "N".repeat(1000);
    let body = envelope(&name, json!({ "uid": "u1" })).to_string();
    let delivery = open(
        &["s".into()],
        &signed("s", body.as_bytes()),
        body.as_bytes(),
    )
    .expect("genuine");
    assert_eq!(
        (delivery.trigger, delivery.trigger_name.len()),
        (Trigger::Unknown, 64)
    );
}
