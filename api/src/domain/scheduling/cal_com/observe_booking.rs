//! Converts a booking of Cal.com's API to observations.

use chrono::SubsecRound;
use providers::cal_com::{self as wire, BookingStatus};
use providers::normalised_email;

use crate::domain::scheduling::observation::{
    Attendee, Fact, Observation, Offer, Organizer, READ, SUCCEEDED, Standing, absent,
};

/// The observations in a booking that was read; for a booking with seats, one per seat.
pub(crate) fn observe_booking(booking: &wire::Booking) -> Vec<Observation> {
    let seats: Vec<&wire::Attendee> = booking
        .attendees
        .iter()
        .filter(|attendee| attendee.seat_uid.is_some())
        .collect();
    let mut observations: Vec<Observation> = if seats.is_empty() {
        let guests = guests_of(booking);
        // Guests of an active booking only: an invitation to a time that was given up must be
        // repeated.
        let stands =
            booking.rescheduled_to_uid.is_none() && booking.status != BookingStatus::Canceled;
        let guests = guests
            .iter()
            .filter(|_| stands)
            .map(|guest| Observation::guest(&booking.uid, guest));
        std::iter::once(read(
            booking,
            String::new(),
            booking.attendees.first(),
            false,
        ))
        .chain(guests)
        .collect()
    } else {
        let seat = |attendee: &&wire::Attendee| {
            Some(read(booking, address(attendee)?, Some(*attendee), true))
        };
        seats.iter().filter_map(seat).collect()
    };
    observations.extend(
        booking
            .attendees
            .iter()
            .filter(|attendee| attendee.absent)
            .filter_map(|attendee| {
                let fact = Fact {
                    at: changed_at(booking),
                    number: booking.id,
                    no_show: Some(true),
                    ..Fact::default()
                };
                Some(Observation {
                    uid: booking.uid.clone(),
                    seat: String::new(),
                    kind: absent(&address(attendee)?),
                    fact,
                })
            }),
    );
    observations.extend(
        booking
            .rescheduled_to_uid
            .iter()
            .map(|successor| Observation {
                uid: successor.clone(),
                seat: String::new(),
                kind: SUCCEEDED.to_owned(),
                fact: Fact {
                    previous_uid: Some(booking.uid.clone()),
                    ..Fact::default()
                },
            }),
    );
    observations
}

/// The guests' own addresses, without Cal.com's internal aliases for people of the platform.
pub(super) fn guests_of(booking: &wire::Booking) -> Vec<String> {
    let shown = booking
        .answers
        .get("displayGuests")
        .and_then(serde_json::Value::as_array);
    let shown = shown.map(|guests| {
        guests
            .iter()
            .filter_map(serde_json::Value::as_str)
            .map(normalised_email)
            .collect()
    });
    shown.unwrap_or_else(|| {
        booking
            .guests
            .iter()
            .map(|guest| normalised_email(guest))
            .collect()
    })
}

fn address(attendee: &wire::Attendee) -> Option<String> {
    attendee.email.as_deref().map(normalised_email)
}

/// When the record last changed, by Cal.com's clock: of two reads the one with the later change
/// wins.
fn changed_at(booking: &wire::Booking) -> Option<chrono::DateTime<chrono::Utc>> {
    booking
        .updated_at
        .or(booking.created_at)
        .map(|instant| instant.trunc_subsecs(3))
}

fn read(
    booking: &wire::Booking,
    seat: String,
    attendee: Option<&wire::Attendee>,
    seated: bool,
) -> Observation {
    let mut hosts = booking.hosts.iter().map(|host| Organizer {
        id: host.id.map(|id| id.to_string()),
        name: host.name.clone(),
        email: host.email.as_deref().map(normalised_email),
        username: host.username.clone(),
        time_zone: host.time_zone.clone(),
    });
    let video_url = booking
        .metadata
        .get("videoCallUrl")
        .filter(|url| url.starts_with("http"));
    let is_video = |place: &&String| Some(*place) == video_url;
    let length = (booking.ends_at - booking.starts_at).num_minutes();
    let fact = Fact {
        at: changed_at(booking),
        number: booking.id,
        previous_uid: booking
            .rescheduled_from_uid
            .clone()
            .filter(|uid| *uid != booking.uid),
        lineage_key: booking
            .ics_uid
            .clone()
            .filter(|_| booking.recurring_uid.is_none()),
        standing: standing(booking),
        starts_at: Some(booking.starts_at.trunc_subsecs(3)),
        ends_at: Some(booking.ends_at.trunc_subsecs(3)),
        offer: Some(Offer {
            id: booking.event_type_id.map(|id| id.to_string()),
            slug: booking.event_type_slug.clone(),
            title: None,
            length_minutes: Some(length),
        }),
        organizer: hosts.next(),
        co_hosts: hosts.collect(),
        attendee: attendee.and_then(|attendee| {
            Some(Attendee {
                email: address(attendee)?,
                name: Some(attendee.name.clone()).filter(|name| !name.is_empty()),
                time_zone: attendee.time_zone.clone(),
            })
        }),
        location: booking.location.clone().filter(|place| !is_video(&place)),
        video_url: video_url.cloned(),
        seats: seated.then_some(1),
        reason: booking.cancellation_reason.clone(),
        by: booking
            .canceled_by
            .as_deref()
            .or(booking.rescheduled_by.as_deref())
            .map(normalised_email),
        request_id: super::request_id(&booking.metadata),
        ..Fact::default()
    };
    Observation {
        uid: booking.uid.clone(),
        seat,
        kind: READ.to_owned(),
        fact,
    }
}

/// The status; `None` for a booking that was moved, which reads as canceled: its successor has the
/// status.
fn standing(booking: &wire::Booking) -> Option<Standing> {
    match &booking.status {
        _ if booking.rescheduled_to_uid.is_some() => None,
        BookingStatus::Accepted => Some(Standing::Accepted),
        BookingStatus::Pending => Some(Standing::Pending),
        BookingStatus::Canceled => Some(Standing::Canceled),
        BookingStatus::Rejected => Some(Standing::Rejected),
        BookingStatus::Other(_) => None,
    }
}
