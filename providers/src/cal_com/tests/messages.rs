//! Refusals known from Cal.com's source, without a recording.

use serde_json::{Value, json};

use super::exchange::Exchange;
use crate::Kind;
use crate::cal_com::Error;
use crate::cal_com::Refusal;
use crate::cal_com::response::read;

fn refused(status: u16, document: Value) -> Error {
    read(
        "POST /v2/bookings",
        Exchange::invented(status, document).response(),
    )
    .map(drop)
    .expect_err("a refusal")
}

fn said(status: u16, message: &str) -> (Kind, Option<Refusal>) {
    let error = refused(
        status,
        json!({ "status": "error", "error": { "code": "X", "message": message } }),
    );
    assert!(
        !error.to_string().contains(message),
        "their words in an error"
    );
    (error.kind, error.refusal)
}

#[test]
fn messages_are_matched_by_their_beginning() {
    for (status, message, refusal) in [
        (
            400,
            "One of the hosts either already has booking at this time or is not available",
            Refusal::SlotTaken,
        ),
        (400, "no_available_users_found_error", Refusal::SlotTaken),
        (
            400,
            "Attendee with this email can't book because the maximum number of bookings",
            Refusal::AttendeeLimit,
        ),
        (400, "booking_limit_reached", Refusal::BookingLimit),
        (
            400,
            "Cannot cancel a booking that has already ended",
            Refusal::Ended,
        ),
        (409, "booking_seats_full_error", Refusal::SeatsFull),
        (401, "ACCESS_TOKEN_IS_EXPIRED", Refusal::TokenExpired),
    ] {
        assert_eq!(
            said(status, message),
            (refusal.kind(), Some(refusal)),
            "{message}"
        );
    }
    let scope =
        "insufficient_scope: token does not have the required scopes. Required: BOOKING_WRITE";
    let refusal = Refusal::InsufficientScope {
        required: Some("BOOKING_WRITE".to_owned()),
    };
    assert_eq!(said(403, scope), (Kind::Unauthorized, Some(refusal)));
    let refusal = Refusal::InvalidAnswer {
        slug: "phone".to_owned(),
    };
    assert_eq!(
        said(400, "responses - {phone}invalid_number, "),
        (Kind::Rejected, Some(refusal))
    );
    let refusal = Refusal::MissingAnswer {
        slug: String::new(),
    };
    let odd = "Missing required booking field response: <ann@example.com> - it is required";
    assert_eq!(
        said(400, odd),
        (Kind::Rejected, Some(refusal)),
        "what is no name is not kept"
    );
}

#[test]
fn unknown_messages_are_classified_by_the_status() {
    for (status, kind) in [
        (400, Kind::Rejected),
        (401, Kind::Rejected),
        (404, Kind::NotFound),
        (408, Kind::Unavailable),
        (409, Kind::Conflict),
        (422, Kind::Rejected),
        (500, Kind::Unavailable),
        (503, Kind::Unavailable),
    ] {
        assert_eq!(said(status, "Something new."), (kind, None), "{status}");
    }
    assert_eq!(
        said(401, "ApiAuthStrategy - something new"),
        (Kind::Unauthorized, None)
    );
    assert_eq!(
        said(498, "Something new."),
        (Kind::Unauthorized, Some(Refusal::TokenExpired))
    );
    assert_eq!(
        said(403, "Something new."),
        (Kind::Unauthorized, Some(Refusal::Forbidden))
    );
}

#[test]
fn all_error_envelopes_are_read() {
    let error = refused(
        401,
        json!({ "statusCode": 401, "message": "HTTP Error 401" }),
    );
    assert_eq!((error.kind, error.refusal), (Kind::Rejected, None));
    let lines = json!({ "statusCode": 400, "message": ["take must be a number", "skip must be"], "error": "Bad Request" });
    assert_eq!(refused(400, lines).kind, Kind::Rejected);
    assert_eq!(
        refused(400, json!({ "status": "error" })).kind,
        Kind::Malformed,
        "it says nothing"
    );
}

#[test]
fn debug_omits_uids() {
    let (_, refusal) = said(
        400,
        "Can't reschedule booking with uid=a1 because it has been cancelled and rescheduled already to booking with uid=b2. You probably",
    );
    let refusal = refusal.expect("a refusal");
    assert_eq!(
        refusal,
        Refusal::AlreadyRescheduled {
            to_uid: Some("b2".to_owned())
        }
    );
    assert_eq!(format!("{refusal:?}"), "already_rescheduled");
}

#[test]
fn a_refused_retry_keeps_the_outcome_of_the_first_attempt_unknown() {
    let document = json!({ "status": "error", "error": { "code": "X", "message": "Schedule with ID=1 does not exist." } });
    for unknown in [false, true] {
        let mut answer = Exchange::invented(404, document.clone()).response();
        answer.earlier_attempt_unknown = unknown;
        let error = read("DELETE /v2/schedules/{id}", answer)
            .map(drop)
            .expect_err("a refusal");
        assert_eq!(
            (error.kind, error.outcome_unknown()),
            (Kind::NotFound, unknown)
        );
    }
}
