//! The ways in which the stand-in misbehaves, seen from the outside.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use serde_json::{Value, json};
use simulators::cal_com::{self, Booking, Limits, Options, StandIn, Status};
use simulators::{Clock, Fault, Kind, Point, Times};
use tokio::time::{sleep, timeout};

use crate::wire::{self, Answer, Subscriber};

/// A stand-in with one coach in UTC, whose `session` of an hour can be booked at once.
struct Bench {
    cal: StandIn,
    event_type: u64,
    token: String,
}

impl Bench {
    async fn set_up(limits: Limits) -> Self {
        let clock = Clock::at(at("2026-11-23T08:00:00Z"));
        let cal = cal_com::start(Options {
            clock,
            limits,
            ..Options::default()
        })
        .await
        .expect("a free port");
        let mut bench = Self {
            cal,
            event_type: 0,
            token: String::new(),
        };
        let coach = json!({ "email": "nora@example.com", "name": "Nora", "timeZone": "Etc/UTC" });
        let made = bench.platform("POST", "/users", coach).await;
        bench.token = made.body["data"]["accessToken"]
            .as_str()
            .expect("a token")
            .to_owned();
        let session = json!({
            "title": "Session", "slug": "session", "lengthInMinutes": 60, "minimumBookingNotice": 0,
            "locations": [{ "type": "link", "link": "https://meet.example.com/nora", "public": true }],
        });
        let made = bench
            .call("POST", "/v2/event-types", "2024-06-14", Some(session))
            .await
            .expect("an answer");
        bench.event_type = made.body["data"]["id"].as_u64().expect("an id");
        bench
    }

    async fn platform(&self, method: &str, path: &str, body: Value) -> Answer {
        let options = Options::default();
        let headers = [
            ("x-cal-client-id".to_owned(), options.client_id.clone()),
            ("x-cal-secret-key".to_owned(), options.client_secret),
        ];
        let path = format!("/v2/oauth-clients/{}{path}", options.client_id);
        wire::send(
            &self.cal.url(),
            method,
            &path,
            &headers,
            Some(body.to_string()),
        )
        .await
    }

    async fn call(
        &self,
        method: &str,
        path: &str,
        version: &str,
        body: Option<Value>,
    ) -> Option<Answer> {
        let headers = [
            ("authorization".to_owned(), format!("Bearer {}", self.token)),
            ("cal-api-version".to_owned(), version.to_owned()),
        ];
        wire::try_send(
            &self.cal.url(),
            method,
            path,
            &headers,
            body.map(|body| body.to_string()),
        )
        .await
    }

    async fn book(&self, start: &str) -> Option<Answer> {
        let attendee =
            json!({ "name": "Ann", "email": "ann@example.com", "timeZone": "America/Chicago" });
        let body = json!({ "eventTypeId": self.event_type, "start": start, "attendee": attendee });
        self.call("POST", "/v2/bookings", "2024-08-13", Some(body))
            .await
    }

    async fn subscribe(&self, subscriber: &Subscriber) {
        let triggers = [
            "BOOKING_CREATED",
            "BOOKING_CANCELLED",
            "BOOKING_RESCHEDULED",
        ];
        let body = json!({
            "subscriberUrl": format!("{}/hook", subscriber.url), "active": true, "triggers": triggers, "secret": "s",
        });
        assert_eq!(self.platform("POST", "/webhooks", body).await.status, 201);
    }

    fn standing(&self) -> Vec<Booking> {
        self.cal
            .bookings()
            .into_iter()
            .filter(|booking| booking.status == Status::Accepted)
            .collect()
    }
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("an instant")
}

const FREE: &str = "2026-11-24T10:00:00Z";

#[tokio::test]
async fn a_reset_does_the_work_after_the_commit_and_none_before() {
    let bench = Bench::set_up(Limits::off()).await;
    for (kind, kept) in [(Kind::ResetBefore, 0), (Kind::ResetAfterCommit, 1)] {
        bench.cal.faults().set(
            Fault::new("/v2/bookings", kind)
                .method("POST")
                .times(Times::Count(1)),
        );
        assert!(bench.book(FREE).await.is_none(), "{kind:?}: an answer came");
        assert_eq!(bench.standing().len(), kept, "{kind:?}");
    }
}

#[tokio::test]
async fn each_fault_spoils_the_answer_in_its_own_way() {
    let bench = Bench::set_up(Limits::off()).await;
    let spoilt = async |kind| {
        bench
            .cal
            .faults()
            .set(Fault::new("/v2/me", kind).times(Times::Count(1)));
        bench
            .call("GET", "/v2/me", "2024-08-13", None)
            .await
            .expect("an answer")
    };
    let limited = spoilt(Kind::TooManyRequests {
        retry_after: Some(7),
    })
    .await;
    assert_eq!(
        (limited.status, limited.headers["retry-after"].to_str().ok()),
        (429, Some("7"))
    );
    let bare = spoilt(Kind::TooManyRequests { retry_after: None }).await;
    assert_eq!(
        (bare.status, bare.headers.contains_key("retry-after")),
        (429, false)
    );
    assert_eq!(
        spoilt(Kind::ServerError).await.body["error"]["code"],
        "INTERNAL_SERVER_ERROR"
    );
    let html = spoilt(Kind::Html).await;
    assert!(
        html.status == 502 && html.text.starts_with("<html>"),
        "{}",
        html.text
    );
    let cut = spoilt(Kind::Truncated).await;
    assert!(
        cut.status == 200 && cut.text.starts_with('{') && cut.body.is_null(),
        "{}",
        cut.text
    );
    let mistyped = spoilt(Kind::WrongContentType).await;
    assert!(
        mistyped.headers["content-type"]
            .to_str()
            .expect("text")
            .starts_with("text/plain")
    );
    assert_eq!(mistyped.body["status"], "success");
    let untrue = spoilt(Kind::OkWithError).await;
    assert_eq!(
        (untrue.status, &untrue.body["status"]),
        (200, &json!("error"))
    );
    let normal = bench
        .call("GET", "/v2/me", "2024-08-13", None)
        .await
        .expect("an answer");
    assert_eq!(normal.body["status"], "success");
}

#[tokio::test]
async fn hanging_requests_end_when_the_faults_are_cleared() {
    let bench = Bench::set_up(Limits::off()).await;
    bench.cal.faults().set(Fault::new("/v2/me", Kind::Hang));
    let hanging = bench.call("GET", "/v2/me", "2024-08-13", None);
    tokio::pin!(hanging);
    assert!(
        timeout(Duration::from_millis(100), &mut hanging)
            .await
            .is_err(),
        "it answered"
    );
    bench.cal.faults().clear();
    assert!(hanging.await.is_none());
    bench
        .cal
        .faults()
        .set(Fault::new("/v2/me", Kind::Slow(Duration::from_millis(80))));
    let begun = std::time::Instant::now();
    assert_eq!(
        bench
            .call("GET", "/v2/me", "2024-08-13", None)
            .await
            .map(|answer| answer.status),
        Some(200)
    );
    assert!(begun.elapsed() >= Duration::from_millis(80));
}

#[tokio::test]
async fn a_booking_is_made_although_its_caller_disconnects() {
    let bench = Bench::set_up(Limits::off()).await;
    let hold = bench.cal.hold(Point::BeforeCommit, "/v2/bookings");
    assert!(
        timeout(Duration::from_millis(50), bench.book(FREE))
            .await
            .is_err()
    );
    hold.reached(1).await;
    assert_eq!(bench.standing().len(), 0);
    hold.release();
    for _ in 0..100 {
        sleep(Duration::from_millis(5)).await;
        if !bench.standing().is_empty() {
            return;
        }
    }
    panic!("the booking was dropped with the connection");
}

#[tokio::test]
async fn overlapping_bookings_at_the_same_moment_are_all_accepted_and_equal_ones_are_not() {
    let bench = Bench::set_up(Limits::off()).await;
    let starts = [
        "2026-11-24T10:00:00Z",
        "2026-11-24T10:15:00Z",
        "2026-11-24T10:30:00Z",
        "2026-11-24T10:30:00Z",
    ];
    let hold = bench.cal.hold(Point::BeforeCommit, "/v2/bookings");
    let booking = join_all(starts.map(|start| bench.book(start)));
    let letting_go = async {
        hold.reached(4).await;
        hold.release();
    };
    let (answers, ()) = tokio::join!(booking, letting_go);
    let mut statuses: Vec<u16> = answers
        .iter()
        .map(|answer| answer.as_ref().expect("an answer").status)
        .collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 201, 201, 409]);
    assert_eq!(
        bench.book(FREE).await.expect("an answer").status,
        400,
        "one after the other they are refused"
    );
}

#[tokio::test]
async fn a_duplicate_is_done_twice_and_answered_once() {
    let bench = Bench::set_up(Limits::off()).await;
    bench
        .cal
        .faults()
        .set(Fault::new("/v2/bookings", Kind::Duplicate).times(Times::Count(1)));
    let answer = bench.book(FREE).await.expect("an answer");
    let standing = bench.standing();
    assert_eq!((answer.status, standing.len()), (201, 2));
    assert_eq!(answer.body["data"]["uid"], standing[0].uid.as_str());
}

#[tokio::test]
async fn a_failing_video_service_leaves_an_accepted_booking_without_a_webhook() {
    let bench = Bench::set_up(Limits::off()).await;
    let subscriber = Subscriber::listen().await;
    bench.subscribe(&subscriber).await;
    bench
        .cal
        .faults()
        .set(Fault::new("/v2/bookings", Kind::ProviderFailure).times(Times::Count(1)));
    assert_eq!(bench.book(FREE).await.expect("an answer").status, 400);
    assert_eq!((bench.standing().len(), subscriber.take().len()), (1, 0));
}

#[tokio::test]
async fn webhooks_are_dropped_duplicated_and_reordered() {
    let bench = Bench::set_up(Limits::off()).await;
    let subscriber = Subscriber::listen().await;
    bench.subscribe(&subscriber).await;
    let starts = async |start: &str| {
        bench.book(start).await.expect("an answer");
        let read = |body: &[u8]| serde_json::from_slice::<Value>(body).expect("JSON");
        let all = subscriber.take();
        all.iter()
            .map(|one| {
                read(&one.body)["payload"]["startTime"]
                    .as_str()
                    .expect("text")[8..13]
                    .to_owned()
            })
            .collect::<Vec<_>>()
    };
    bench
        .cal
        .faults()
        .set(Fault::new("BOOKING_CREATED", Kind::DropWebhooks).times(Times::Count(1)));
    assert_eq!(starts("2026-11-24T10:00:00Z").await, [""; 0]);
    bench
        .cal
        .faults()
        .set(Fault::new("*", Kind::DuplicateWebhooks).times(Times::Count(1)));
    assert_eq!(starts("2026-11-24T11:00:00Z").await, ["24T11", "24T11"]);
    bench
        .cal
        .faults()
        .set(Fault::new("*", Kind::ReorderWebhooks).times(Times::Count(1)));
    assert_eq!(starts("2026-11-24T12:00:00Z").await, [""; 0]);
    assert_eq!(starts("2026-11-24T13:00:00Z").await, ["24T13", "24T12"]);
}

#[tokio::test]
async fn faults_can_be_set_over_http() {
    let bench = Bench::set_up(Limits::off()).await;
    let dial = async |method: &str, body: Option<Value>| {
        let body = body.map(|body| body.to_string());
        wire::send(&bench.cal.url(), method, "/_faults", &[], body).await
    };
    let fault = json!({ "route": "/v2/me", "kind": "429", "count": 1, "retry_after": 3 });
    assert_eq!(
        dial("POST", Some(json!({ "seed": 7, "faults": [fault] })))
            .await
            .status,
        200
    );
    assert_eq!(
        bench
            .call("GET", "/v2/me", "2024-08-13", None)
            .await
            .expect("an answer")
            .status,
        429
    );
    assert_eq!(
        bench
            .call("GET", "/v2/me", "2024-08-13", None)
            .await
            .expect("an answer")
            .status,
        200
    );
    assert_eq!(
        dial("POST", Some(json!({ "kind": "no such thing" })))
            .await
            .status,
        400
    );
    assert_eq!(dial("DELETE", None).await.status, 200);
    assert_eq!(dial("GET", None).await.body["data"], json!([]));
    bench
        .cal
        .page_book(json!({
            "eventTypeId": bench.event_type, "start": FREE,
            "attendee": { "name": "Ann", "email": "ann@example.com", "timeZone": "America/Chicago" },
        }))
        .await
        .expect("the time is free");
    let state = wire::send(&bench.cal.url(), "GET", "/_state", &[], None).await;
    assert_eq!(
        state.body["data"]["bookings"].as_array().map(Vec::len),
        Some(1)
    );
    assert!(
        !state.text.contains("sandbox-platform-secret"),
        "a secret is in the tables"
    );
}

#[tokio::test]
async fn a_quota_is_refused_above_its_limit_and_opens_again() {
    let bench = Bench::set_up(Limits {
        identified: 5,
        ..Limits::real()
    })
    .await;
    let mut statuses = Vec::new();
    for _ in 0..6 {
        statuses.push(
            bench
                .call("GET", "/v2/me", "2024-08-13", None)
                .await
                .expect("an answer")
                .status,
        );
    }
    // One call of this token made the event type.
    assert_eq!(statuses, [200, 200, 200, 200, 429, 429]);
    bench.cal.clock().advance(TimeDelta::seconds(61));
    assert_eq!(
        bench
            .call("GET", "/v2/me", "2024-08-13", None)
            .await
            .expect("an answer")
            .status,
        200
    );
}

#[tokio::test]
async fn webhooks_precede_the_answer_and_the_write_of_a_cancellation() {
    let bench = Bench::set_up(Limits::off()).await;
    let subscriber = Subscriber::listen().await;
    bench.subscribe(&subscriber).await;
    let booked = bench.book(FREE).await.expect("an answer");
    assert_eq!(
        subscriber.take().len(),
        1,
        "the webhook of a creation comes before its answer"
    );
    let uid = booked.body["data"]["uid"].as_str().expect("a uid");
    subscriber.busy.send_replace(true);
    let path = format!("/v2/bookings/{uid}/cancel");
    let cancelling = bench.call("POST", &path, "2024-08-13", Some(json!({})));
    tokio::pin!(cancelling);
    assert!(
        timeout(Duration::from_millis(100), &mut cancelling)
            .await
            .is_err(),
        "it did not wait for the subscriber"
    );
    assert_eq!(subscriber.take().len(), 1);
    assert_eq!(
        bench.standing().len(),
        1,
        "the row changed before the subscriber answered"
    );
    subscriber.busy.send_replace(false);
    assert_eq!(cancelling.await.expect("an answer").status, 200);
    assert_eq!(bench.standing().len(), 0);
}
