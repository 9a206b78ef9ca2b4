//! Unusual and unreadable responses.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::exchange::{all, answer, client, json as json_answer, serve_once};
use crate::Kind;
use crate::cal_com::Error;
use crate::cal_com::*;
use crate::lenient::FromValue;

fn recorded(name: &str) -> Value {
    let exchange = all()
        .into_iter()
        .find(|exchange| exchange.name.starts_with(name))
        .expect("a recording");
    exchange.data().clone()
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("an instant")
}

async fn create(answer: Vec<u8>) -> Result<Bookings, Error> {
    let (url, server) = serve_once(answer).await;
    let attendee = NewAttendee {
        name: "Ann".to_owned(),
        time_zone: "UTC".to_owned(),
        email: Some("ann@example.com".to_owned()),
        phone_number: None,
        language: None,
    };
    let booking = NewBooking::new(EventTypeKey::id(1), at("2026-12-01T15:00:00Z"), attendee);
    let result = client(url, None, None)
        .create_booking(&Credential::Public, &booking)
        .await;
    server.await.expect("the server saw the request");
    result
}

fn with_type(content_type: &str, status: u16, body: &str) -> Vec<u8> {
    answer(
        status,
        &[("content-type".to_owned(), content_type.to_owned())],
        body.as_bytes(),
    )
}

#[tokio::test]
async fn after_an_unreadable_response_the_outcome_is_unknown() {
    let good = json!({ "status": "success", "data": recorded("500-") }).to_string();
    create(json_answer(201, &good))
        .await
        .expect("a good answer is read");
    let refusal = r#"{"status":"error","error":{"code":"BadRequestException","message":"Attempting to book a meeting in the past."}}"#;
    for (what, answer) in [
        ("an empty body", json_answer(201, "")),
        (
            "a page",
            with_type("text/html", 200, "<html>maintenance</html>"),
        ),
        (
            "the right body as a page",
            with_type("text/html", 201, &good),
        ),
        (
            "half of the answer",
            json_answer(201, &good[..good.len() / 2]),
        ),
        (
            "two answers in one",
            json_answer(201, &format!("{good}{good}")),
        ),
        ("a list", json_answer(201, "[]")),
        ("null", json_answer(201, "null")),
        ("no data", json_answer(201, r#"{"status":"success"}"#)),
        (
            "null for data",
            json_answer(201, r#"{"status":"success","data":null}"#),
        ),
        (
            "an empty series",
            json_answer(201, r#"{"status":"success","data":[]}"#),
        ),
        (
            "a booking without a uid",
            json_answer(201, r#"{"status":"success","data":{"id":1}}"#),
        ),
        (
            "a refusal that calls itself a success",
            json_answer(200, refusal),
        ),
        (
            "a refusal of the other shape as a success",
            json_answer(
                200,
                r#"{"statusCode":409,"message":"booking_conflict_error"}"#,
            ),
        ),
        (
            "a redirect",
            answer(
                302,
                &[("location".to_owned(), "http://127.0.0.1:9/".to_owned())],
                b"",
            ),
        ),
        (
            "a page of a gateway",
            with_type("text/html", 403, "<html>blocked</html>"),
        ),
        ("a refusal that says nothing", json_answer(400, "{}")),
        (
            "a missing page",
            with_type("text/html", 404, "<html></html>"),
        ),
    ] {
        let error = create(answer).await.expect_err(what);
        assert_eq!(error.kind, Kind::Malformed, "{what}: {error}");
        assert!(error.outcome_unknown() && error.refusal.is_none(), "{what}");
    }
    for status in [500, 502, 503, 504] {
        let error = create(with_type("text/html", status, "<html></html>"))
            .await
            .expect_err("a failure");
        assert_eq!(
            (error.kind, error.outcome_unknown()),
            (Kind::Unavailable, true),
            "{status}"
        );
    }
    let error = create(json_answer(400, refusal))
        .await
        .expect_err("a refusal");
    assert!(!error.outcome_unknown(), "a refusal is an outcome");
}

#[test]
fn a_booking_requires_only_uid_status_and_time() {
    let whole = recorded("500-");
    let read = Booking::from_value(whole.clone()).expect("a booking");
    for name in whole.as_object().expect("a map").keys() {
        let required = matches!(name.as_str(), "uid" | "status" | "start");
        let mut missing = whole.clone();
        missing.as_object_mut().expect("a map").remove(name);
        assert_eq!(
            Booking::from_value(missing).is_none(),
            required,
            "without {name}"
        );
        for odd in [json!(null), json!({ "odd": [1] }), json!([[]])] {
            let mut changed = whole.clone();
            changed[name] = odd.clone();
            assert_eq!(
                Booking::from_value(changed).is_none(),
                required,
                "{name}: {odd}"
            );
        }
    }
    let mut more = whole.clone();
    more["somethingNew"] = json!({ "of": "theirs" });
    more["id"] = json!("1");
    more["start"] = json!("2026-11-30T10:00:00-05:00");
    more["end"] = json!(null);
    assert_eq!(
        Booking::from_value(more),
        Some(read),
        "rfc3339 in another way"
    );
}

#[test]
fn unknown_enum_values_are_kept() {
    let mut value = recorded("500-");
    value["status"] = json!("awaiting_host");
    let read = Booking::from_value(value).expect("a booking");
    assert_eq!(
        read.status,
        BookingStatus::Other("awaiting_host".to_owned())
    );
    let mut value = recorded("210-");
    value["locations"] =
        json!([{ "type": "hologram", "where": "here" }, { "type": "attendeePhone" }]);
    let read = EventType::from_value(value)
        .expect("an event type")
        .settings
        .locations
        .expect("locations");
    let hologram = EventLocation::Other(json!({ "type": "hologram", "where": "here" }));
    assert_eq!(read, [hologram, EventLocation::AttendeePhone]);
}

#[tokio::test]
async fn unreadable_bookings_are_counted_and_skipped() {
    let data = json!([recorded("500-"), { "id": 2 }]);
    for (pagination, take, has_next) in [
        (json!({ "hasNextPage": true, "totalItems": "9" }), 5, true),
        (json!({ "remainingItems": 0 }), 2, false),
        (json!(null), 2, true),
        (json!(null), 3, false),
    ] {
        let body =
            json!({ "status": "success", "data": data, "pagination": pagination }).to_string();
        let (url, server) = serve_once(json_answer(200, &body)).await;
        let filter = BookingFilter {
            take: Some(take),
            ..BookingFilter::default()
        };
        let page = client(url, None, None)
            .list_bookings(&Credential::Public, &filter)
            .await
            .expect("a page");
        server.await.expect("the server saw the request");
        assert_eq!(
            (page.bookings.len(), page.unreadable, page.has_next),
            (1, 1, has_next),
            "{pagination}"
        );
    }
}

#[tokio::test]
async fn slots_are_filtered_sorted_and_deduplicated() {
    let data = json!({
        "2026-12-04": [{ "start": "2026-12-04T09:00:00.000-05:00" }],
        "2026-12-03": ["2026-12-03T15:00:00Z", { "start": "2026-12-03T10:00:00.000-05:00" }, { "start": "2026-12-03T00:00:00Z" }],
        "2026-12-02": [{ "start": "2026-12-02T09:00:00.000-05:00" }],
    });
    let ask = |data: Value| async move {
        let (url, server) = serve_once(json_answer(
            200,
            &json!({ "data": data, "status": "success" }).to_string(),
        ))
        .await;
        let query = SlotQuery::new(
            SlotTarget::EventType(1),
            at("2026-12-03T00:00:00Z"),
            at("2026-12-04T14:00:00Z"),
        );
        let result = client(url, None, None)
            .list_slots(&Credential::Public, &query)
            .await;
        server.await.expect("the server saw the request");
        result
            .map(|slots| {
                slots
                    .into_iter()
                    .map(|slot| slot.starts_at)
                    .collect::<Vec<_>>()
            })
            .map_err(|error| error.kind)
    };
    assert_eq!(
        ask(data).await,
        Ok(vec![at("2026-12-03T00:00:00Z"), at("2026-12-03T15:00:00Z")])
    );
    assert_eq!(
        ask(json!({})).await,
        Ok(Vec::new()),
        "no slots is an answer"
    );
    for odd in [
        json!(null),
        json!([]),
        json!({ "slots": {} }),
        json!({ "2026-12-03": [{}] }),
        json!({ "2026-12-03": null }),
    ] {
        assert_eq!(
            ask(odd.clone()).await,
            Err(Kind::Malformed),
            "{odd}: half of an answer is not a busy coach"
        );
    }
}

#[tokio::test]
async fn public_calls_send_the_client_id() {
    let platform = PlatformClient {
        client_id: "cl1".to_owned(),
        client_secret: "whisper".into(),
    };
    let (url, server) = serve_once(json_answer(200, r#"{"status":"success","data":{}}"#)).await;
    let client = client(url, Some(platform), None);
    let query = SlotQuery::new(
        SlotTarget::EventType(1),
        at("2026-12-03T00:00:00Z"),
        at("2026-12-04T00:00:00Z"),
    );
    client
        .list_slots(&Credential::Public, &query)
        .await
        .expect("no slots");
    let seen = server.await.expect("the server saw the request");
    assert_eq!(
        (
            seen.header("x-cal-client-id"),
            seen.header("x-cal-secret-key")
        ),
        (Some("cl1"), None)
    );
    assert!(
        !format!("{client:?}").contains("whisper"),
        "a secret in Debug"
    );
}
