//! Every captured trigger, field by field.

use chrono::{DateTime, Utc};

use super::*;

const CLIENT: &str = "cltestclientlab0000000000";

fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("an instant")
}

#[test]
fn captured_deliveries_are_read_and_consistent() {
    let mut read = 0;
    for capture in Capture::all() {
        let name = &capture.name;
        let text = format!("{:?}", capture.event());
        assert!(
            !text.contains('@') && !text.contains("Ann"),
            "{name}: personal data in Debug output: {text}"
        );
        if capture.is_template() {
            assert_eq!(
                capture.event(),
                Event::Unknown {
                    name: "UNKNOWN".into()
                },
                "{name}"
            );
            continue;
        }
        let (uid, starts_at, ends_at, attendees) = match capture.event() {
            Event::Booking { kind, booking } => {
                check_booking(name, kind, &booking);
                (
                    booking.uid,
                    booking.starts_at,
                    booking.ends_at,
                    booking.attendees.len(),
                )
            }
            Event::Meeting { booking, .. } => (
                booking.uid,
                booking.starts_at,
                booking.ends_at,
                booking.attendees.len(),
            ),
            Event::NoShow {
                booking_uid,
                attendees,
                ..
            } => {
                assert!(!booking_uid.is_empty() && !attendees.is_empty(), "{name}");
                continue;
            }
            other => panic!("{name}: unexpected {other:?}"),
        };
        assert!(uid.len() >= 20 && attendees >= 1, "{name}");
        assert!(
            (30..=60).contains(&(ends_at - starts_at).num_minutes()),
            "{name}"
        );
        read += 1;
    }
    assert_eq!(read, 77);
}

fn check_booking(name: &str, kind: BookingTrigger, booking: &Booking) {
    let (word, status) = match kind {
        BookingTrigger::Created => ("CREATED", Status::Accepted),
        BookingTrigger::Requested => ("REQUESTED", Status::Pending),
        BookingTrigger::Rescheduled => ("RESCHEDULED", Status::Accepted),
        BookingTrigger::Cancelled => ("CANCELLED", Status::Cancelled),
        BookingTrigger::Rejected => ("REJECTED", Status::Rejected),
        BookingTrigger::PaymentInitiated | BookingTrigger::Paid => panic!("{name}: not captured"),
    };
    assert!(
        name.contains(&format!("BOOKING_{word}-")),
        "{name}: {kind:?}"
    );
    assert_eq!(booking.status, Some(status), "{name}");
    assert!(
        booking.id.is_some() && booking.created_at.is_some() && booking.event_type.id.is_some(),
        "{name}"
    );
    let minutes = booking.event_type.length_minutes;
    assert_eq!(
        minutes,
        Some((booking.ends_at - booking.starts_at).num_minutes()),
        "{name}"
    );
    assert_eq!(
        booking.event_type.currency.as_deref(),
        Some("USD"),
        "{name}"
    );
    assert_eq!(
        booking.platform_client_id.as_deref(),
        Some(CLIENT),
        "{name}"
    );
    let email = booking.organizer_email().expect("an organizer");
    assert!(
        email.starts_with("coach.") && !email.contains(CLIENT),
        "{name}: {email}"
    );
    assert_eq!(
        booking.reschedule_uid.is_some(),
        booking.reschedule_starts_at.is_some(),
        "{name}"
    );
    if kind == BookingTrigger::Rescheduled {
        assert!(
            booking
                .reschedule_uid
                .as_ref()
                .is_some_and(|old| *old != booking.uid),
            "{name}"
        );
    }
}

#[test]
fn created() {
    let (kind, booking) = Capture::numbered("001").booking();
    assert_eq!(kind, BookingTrigger::Created);
    assert_eq!(booking.uid, "eNxkNSFRSsLkT7gZm36iA9");
    assert_eq!(booking.id, Some(1));
    assert_eq!(booking.created_at, Some(at("2026-11-21T01:25:24.212Z")));
    assert_eq!(
        (booking.starts_at, booking.ends_at),
        (at("2026-11-30T15:00:00Z"), at("2026-11-30T16:00:00Z"))
    );
    assert_eq!(
        booking.title.as_deref(),
        Some("Coaching session 60 between Coach One Renamed and Agent Ann")
    );
    let expected = EventType {
        id: Some(1),
        slug: Some("coaching-60".into()),
        title: Some("Coaching session 60".into()),
        length_minutes: Some(60),
        price_minor: Some(0),
        currency: Some("USD".into()),
        requires_confirmation: Some(false),
    };
    assert_eq!(booking.event_type, expected);
    let expected = Organizer {
        id: Some(2),
        name: Some("Coach One Renamed".into()),
        email: Some("coach.one+cltestclientlab0000000000@example.com".into()),
        username: Some("coach.one-cltestclientlab0000000000-example-com".into()),
        time_zone: Some("America/New_York".into()),
    };
    assert_eq!(booking.organizer, expected);
    assert_eq!(
        booking.organizer_email().as_deref(),
        Some("coach.one@example.com")
    );
    let ann = Attendee {
        email: "ann.agent@example.com".into(),
        name: Some("Agent Ann".into()),
        time_zone: Some("America/Chicago".into()),
        phone: None,
        locale: Some("en".into()),
    };
    let guest = Attendee {
        email: "assistant@example.com".into(),
        name: None,
        ..ann.clone()
    };
    assert_eq!(booking.attendees, [ann, guest]);
    assert_eq!(
        booking.ical_uid.as_deref(),
        Some("eNxkNSFRSsLkT7gZm36iA9@Cal.com")
    );
    assert_eq!(booking.ical_sequence, Some(0));
    assert_eq!(
        booking.location.as_deref(),
        Some("https://meet.example.com/coach-one")
    );
    assert_eq!(booking.video_url, booking.location);
    assert_eq!(booking.metadata["marketplaceBookingId"], "mb_1");
    assert!(!booking.recurring && !booking.request_reschedule && booking.seats_per_slot.is_none());
}

#[test]
fn unanswered_questions_are_left_out() {
    let (_, booking) = Capture::numbered("001").booking();
    let slugs: Vec<_> = booking
        .responses
        .iter()
        .map(|answer| answer.slug.as_str())
        .collect();
    assert_eq!(slugs, ["email", "guests", "location", "name", "topic"]);
    let value = |slug: &str| {
        let answer = booking
            .responses
            .iter()
            .find(|answer| answer.slug == slug)
            .expect("an answer");
        match &answer.value {
            AnswerValue::One(text) => vec![text.clone()],
            AnswerValue::Many(texts) => texts.clone(),
        }
    };
    assert_eq!(value("topic"), ["Listing presentations"]);
    assert_eq!(value("location"), ["https://meet.example.com/coach-one"]);
    assert_eq!(value("guests"), ["assistant@example.com"]);
    assert_eq!(
        booking.responses[4].label.as_deref(),
        Some("What do you want to work on?")
    );
    let (_, rejected) = Capture::numbered("045").booking();
    let location = rejected
        .responses
        .iter()
        .find(|answer| answer.slug == "location")
        .expect("an answer");
    assert!(
        location.value == AnswerValue::One("+12025550123".into()),
        "the detail of a choice is the answer"
    );
}

#[test]
fn created_by_confirmation_has_fewer_fields() {
    let (kind, booking) = Capture::numbered("040").booking();
    assert_eq!(
        (kind, booking.status),
        (BookingTrigger::Created, Some(Status::Accepted))
    );
    assert_eq!(booking.uid, "euST6pSWUMbSrAT1XH4gSE");
    assert_eq!(booking.starts_at, at("2026-12-08T15:00:00Z"));
    assert_eq!((booking.ical_uid, booking.ical_sequence), (None, None));
    assert!(booking.metadata.is_empty());
}

#[test]
fn rescheduled_has_the_new_and_the_old_uid() {
    let (kind, booking) = Capture::numbered("013").booking();
    assert_eq!(kind, BookingTrigger::Rescheduled);
    assert_eq!(booking.uid, "eGpW4N8geo3ukJBDdeXqKY");
    assert_eq!(booking.id, Some(4));
    assert_eq!(
        booking.reschedule_uid.as_deref(),
        Some("eNxkNSFRSsLkT7gZm36iA9")
    );
    assert_eq!(
        booking.reschedule_starts_at,
        Some(at("2026-11-30T15:00:00Z"))
    );
    assert_eq!(booking.reschedule_ends_at, Some(at("2026-11-30T16:00:00Z")));
    assert_eq!(booking.starts_at, at("2026-12-01T15:00:00Z"));
    assert_eq!(
        (booking.ical_uid.as_deref(), booking.ical_sequence),
        (None, Some(1))
    );
    assert_eq!(booking.metadata["marketplaceBookingId"], "mb_1");
    let by = booking.rescheduled_by.expect("who moved it");
    let by = crate::cal_com::plain_email(&by, booking.platform_client_id.as_deref());
    assert_eq!(by, "ann.agent@example.com");
}

#[test]
fn cancelled() {
    let (kind, booking) = Capture::numbered("022").booking();
    assert_eq!(kind, BookingTrigger::Cancelled);
    assert_eq!(booking.uid, "arwBFFNef8dunCHnVnsxA7");
    assert_eq!(
        booking.starts_at,
        at("2026-12-01T14:00:00Z"),
        "written with an offset"
    );
    assert_eq!(
        booking.cancellation_reason.as_deref(),
        Some("Deal fell through")
    );
    assert_eq!(
        (booking.cancelled_by, booking.request_reschedule),
        (None, false)
    );
    assert_eq!(
        booking.ical_uid.as_deref(),
        Some("eNxkNSFRSsLkT7gZm36iA9@Cal.com"),
        "that of the first booking"
    );
    assert_eq!(booking.ical_sequence, Some(4));
    assert_eq!(
        (
            booking.event_type.price_minor,
            booking.event_type.requires_confirmation
        ),
        (None, None)
    );
    assert!(booking.metadata.is_empty());
    assert_eq!(
        booking.video_url.as_deref(),
        Some("https://meet.example.com/coach-one"),
        "from the location"
    );
}

#[test]
fn a_cancelled_series_and_a_cancelled_seat_are_distinguished() {
    let (_, series) = Capture::numbered("084").booking();
    assert!(series.recurring && series.seats_per_slot.is_none());
    assert_eq!(series.video_url, None, "a street is no link");
    let (_, seat) = Capture::numbered("110").booking();
    assert_eq!(
        (seat.recurring, seat.seats_per_slot, seat.attendee_seat_id),
        (false, Some(3), None)
    );
    assert_eq!(seat.attendees.len(), 1);
    assert_eq!(
        (
            seat.attendees[0].email.as_str(),
            seat.attendees[0].locale.as_deref()
        ),
        ("seat2@example.com", Some("en"))
    );
    let (_, booked) = Capture::numbered("099").booking();
    assert_eq!(booked.uid, seat.uid, "seats share the booking");
    assert_eq!(
        booked.attendee_seat_id.as_deref(),
        Some("5457203b-65a3-422d-9af4-5f6bfd23be68")
    );
}

#[test]
fn requested_moved_and_rejected() {
    let (kind, booking) = Capture::numbered("038").booking();
    assert_eq!(
        (kind, booking.status),
        (BookingTrigger::Requested, Some(Status::Pending))
    );
    assert_eq!(booking.event_type.requires_confirmation, Some(true));
    assert_eq!(booking.attendees[0].phone.as_deref(), Some("+12025550123"));
    assert_eq!(
        (booking.location.as_deref(), booking.video_url),
        (Some("+12025550123"), None)
    );
    let (kind, moved) = Capture::numbered("147").booking();
    assert_eq!(
        kind,
        BookingTrigger::Requested,
        "moving what needs consent is a request"
    );
    assert_eq!(moved.reschedule_uid, Some(booking.uid));
    assert_eq!(moved.video_url, None, "an empty link is none");
    let (kind, booking) = Capture::numbered("045").booking();
    assert_eq!(
        (kind, booking.status),
        (BookingTrigger::Rejected, Some(Status::Rejected))
    );
    assert_eq!(booking.rejection_reason.as_deref(), Some("Not a fit"));
    assert_eq!(
        booking.starts_at,
        at("2026-12-08T16:00:00Z"),
        "written with milliseconds"
    );
}

#[test]
fn video() {
    let (_, booking) = Capture::numbered("116").booking();
    assert_eq!(
        booking.video_url.as_deref(),
        Some("http://127.0.0.1:3000/video/xtX84xXHhFrhq38MPSidu6")
    );
    assert_eq!(booking.event_type.length_minutes, Some(30));
}

#[test]
fn no_show() {
    let expected = Event::NoShow {
        booking_uid: "sxXRrVig5Udbp6kXv9mQUd".into(),
        booking_id: Some(8),
        attendees: vec![AttendeeNoShow {
            email: "ann.agent@example.com".into(),
            no_show: true,
        }],
    };
    assert_eq!(Capture::numbered("049").event(), expected);
}

#[test]
fn meetings_are_flat_snapshots() {
    let Event::Meeting { kind, booking } = Capture::numbered("151").event() else {
        panic!("not a meeting")
    };
    assert_eq!(kind, MeetingTrigger::Started);
    let expected = MeetingSnapshot {
        uid: "1S3D7aNh76y7BcNaqYA1Mg".into(),
        id: Some(2),
        starts_at: at("2026-11-30T18:00:00Z"),
        ends_at: at("2026-11-30T19:00:00Z"),
        status: Some(Status::Accepted),
        ical_uid: Some("1S3D7aNh76y7BcNaqYA1Mg@Cal.com".into()),
        ical_sequence: Some(0),
        event_type_id: Some(1),
        organizer: Organizer {
            id: Some(2),
            name: Some("Coach One Renamed".into()),
            email: Some("coach.one+cltestclientlab0000000000@example.com".into()),
            username: Some("coach.one-cltestclientlab0000000000-example-com".into()),
            time_zone: Some("America/New_York".into()),
        },
        attendees: vec![Attendee {
            email: "ann.agent@example.com".into(),
            name: Some("Agent Ann".into()),
            time_zone: Some("America/Chicago".into()),
            phone: None,
            locale: Some("en".into()),
        }],
        metadata: [].into(),
        created_at: Some(at("2026-11-21T01:25:37.601Z")),
    };
    assert!(*booking == expected);
    let Event::Meeting { kind, booking } = Capture::numbered("152").event() else {
        panic!("not a meeting")
    };
    assert_eq!((kind, booking.uid), (MeetingTrigger::Ended, expected.uid));
}
