//! Bookable slots, and reservations of them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::client::Client;
use super::credential::Credential;
use super::request::{Request, rfc3339};
use crate::cal_com::Error;
use crate::lenient::{FromValue, Lenient, object};

/// A query for slots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotQuery {
    /// The event type or the people.
    pub target: SlotTarget,
    /// The earliest start.
    pub from: DateTime<Utc>,
    /// Starts are before this.
    pub to: DateTime<Utc>,
    /// Only for an event type with several lengths; with any other the response is wrong instead of
    /// an error.
    pub length_in_minutes: Option<i64>,
    /// The booking to be moved, whose own time then counts as free. Without it the whole day may
    /// look full.
    pub reschedule_uid: Option<String>,
    /// An IANA time zone. It only changes the grouping by days, which is dropped here; the response
    /// then starts a day too early.
    pub time_zone: Option<String>,
    /// Also requests the ends.
    pub with_ends: bool,
}

impl SlotQuery {
    /// All starts from `from` to before `to`.
    #[must_use]
    pub const fn new(target: SlotTarget, from: DateTime<Utc>, to: DateTime<Utc>) -> Self {
        Self {
            target,
            from,
            to,
            length_in_minutes: None,
            reschedule_uid: None,
            time_zone: None,
            with_ends: false,
        }
    }
}

/// The event type or the people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SlotTarget {
    /// An event type by its number.
    EventType(i64),
    /// An event type by a person's public link.
    OfUser {
        /// The event type's slug.
        event_type_slug: String,
        /// The person's username.
        username: String,
        /// For a person in an organization.
        organization_slug: Option<String>,
    },
    /// An event type by a team's public link.
    OfTeam {
        /// The event type's slug.
        event_type_slug: String,
        /// The team's slug.
        team_slug: String,
        /// For a team in an organization.
        organization_slug: Option<String>,
    },
    /// The times at which all of these people are free.
    Together {
        /// Two or more.
        usernames: Vec<String>,
        /// For people in an organization.
        organization_slug: Option<String>,
    },
}

/// A bookable time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// The start.
    pub starts_at: DateTime<Utc>,
    /// The end, if requested.
    pub ends_at: Option<DateTime<Utc>>,
    /// The number of seats, of an event type that has them.
    pub seats_total: Option<i64>,
    /// Seats taken.
    pub seats_booked: Option<i64>,
    /// Seats left.
    pub seats_remaining: Option<i64>,
    /// The existing booking that seats are added to. Whoever knows it may act on it.
    pub booking_uid: Option<String>,
}

/// A reservation to create.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewReservation {
    /// The event type or the people.
    pub event_type_id: i64,
    /// The start. It need not be an offered slot.
    #[serde(rename = "slotStart")]
    pub starts_at: DateTime<Utc>,
    /// Only for an event type with several lengths; any other refuses it.
    #[serde(rename = "slotDuration", skip_serializing_if = "Option::is_none")]
    pub length_in_minutes: Option<i64>,
    /// The duration of the reservation; 5 minutes if not given. It requires a credential.
    #[serde(
        rename = "reservationDuration",
        skip_serializing_if = "Option::is_none"
    )]
    pub for_minutes: Option<i64>,
}

/// A reserved time: the slots do not offer it. It can still be booked by anyone, which does not end
/// the reservation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reservation {
    /// Whoever knows it may change and delete the reservation.
    pub uid: String,
    /// The event type or the people.
    pub event_type_id: Option<i64>,
    /// The start.
    pub starts_at: DateTime<Utc>,
    /// The end.
    pub ends_at: Option<DateTime<Utc>>,
    /// When the reservation expires.
    pub until: DateTime<Utc>,
}

impl Client {
    /// Lists the starts within the range, in order and without duplicates. Public.
    ///
    /// Cal.com returns more than was requested (the day before, slots before the first instant,
    /// slots for a range that ends before it begins); these are removed here.
    ///
    /// # Errors
    /// See [`Client`]. An empty list is not an error.
    pub async fn list_slots(
        &self,
        credential: &Credential,
        query: &SlotQuery,
    ) -> Result<Vec<Slot>, Error> {
        let request = Request::read("GET /v2/slots")
            .query("start", rfc3339(query.from))
            .query("end", rfc3339(query.to));
        let request = target(request, &query.target)
            .maybe("duration", query.length_in_minutes)
            .maybe("bookingUidToReschedule", query.reschedule_uid.as_ref())
            .maybe("timeZone", query.time_zone.as_ref())
            .maybe("format", query.with_ends.then_some("range"));
        let days: Days = self
            .call(credential, request)
            .await?
            .one("days with slots")?;
        let mut slots = days.0;
        slots.retain(|slot| (query.from..query.to).contains(&slot.starts_at));
        slots.sort_by_key(|slot| slot.starts_at);
        slots.dedup_by_key(|slot| slot.starts_at);
        Ok(slots)
    }

    /// Reserves a time. Public, except with `for_minutes`.
    ///
    /// # Errors
    /// See [`Client`]; `SlotTaken` when it is reserved or booked, `CredentialMissing` for
    /// `for_minutes` without a credential.
    pub async fn reserve_slot(
        &self,
        credential: &Credential,
        slot: &NewReservation,
    ) -> Result<Reservation, Error> {
        let request = Request::once("POST /v2/slots/reservations").json(slot);
        self.call(credential, request).await?.one("reservation")
    }

    /// Reads a reservation; `None` when it expired, was deleted or never existed. Public: the uid
    /// is the capability.
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn find_reservation(
        &self,
        credential: &Credential,
        uid: &str,
    ) -> Result<Option<Reservation>, Error> {
        let request = Request::read("GET /v2/slots/reservations/{uid}").fill(uid);
        self.call(credential, request)
            .await?
            .optional("reservation")
    }

    /// Changes the time of a reservation. Public, except with `for_minutes`.
    ///
    /// # Errors
    /// See [`Client`]; `SlotTaken` also when the new time overlaps the reservation's own.
    pub async fn update_reservation(
        &self,
        credential: &Credential,
        uid: &str,
        slot: &NewReservation,
    ) -> Result<Reservation, Error> {
        // Cal.com's check includes the reservation itself, so a repeated change is refused.
        let request = Request::once("PATCH /v2/slots/reservations/{uid}")
            .fill(uid)
            .json(slot);
        self.call(credential, request).await?.one("reservation")
    }

    /// Deletes a reservation. Public.
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn delete_reservation(
        &self,
        credential: &Credential,
        uid: &str,
    ) -> Result<(), Error> {
        let request = Request::idempotent("DELETE /v2/slots/reservations/{uid}").fill(uid);
        self.call(credential, request).await.map(drop)
    }
}

fn target(request: Request, target: &SlotTarget) -> Request {
    match target {
        SlotTarget::EventType(id) => request.query("eventTypeId", id),
        SlotTarget::OfUser {
            event_type_slug,
            username,
            organization_slug,
        } => request
            .query("eventTypeSlug", event_type_slug)
            .query("username", username)
            .maybe("organizationSlug", organization_slug.as_ref()),
        SlotTarget::OfTeam {
            event_type_slug,
            team_slug,
            organization_slug,
        } => request
            .query("eventTypeSlug", event_type_slug)
            .query("teamSlug", team_slug)
            .maybe("organizationSlug", organization_slug.as_ref()),
        SlotTarget::Together {
            usernames,
            organization_slug,
        } => request
            .list("usernames", usernames)
            .maybe("organizationSlug", organization_slug.as_ref()),
    }
}

/// The slots of all days. Reading is strict: an incomplete list would look like a busy coach.
struct Days(Vec<Slot>);

impl FromValue for Days {
    fn from_value(value: Value) -> Option<Self> {
        let days: BTreeMap<String, Vec<Value>> = serde_json::from_value(value).ok()?;
        days.into_values()
            .flatten()
            .map(Slot::from_value)
            .collect::<Option<Vec<_>>>()
            .map(Self)
    }
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Wire {
    start: Lenient<DateTime<Utc>>,
    end: Lenient<DateTime<Utc>>,
    seats_total: Lenient<i64>,
    seats_booked: Lenient<i64>,
    attendees: Lenient<i64>,
    seats_remaining: Lenient<i64>,
    booking_uid: Lenient<String>,
}

impl FromValue for Slot {
    fn from_value(value: Value) -> Option<Self> {
        // Without seats and ends some versions return the bare start.
        if value.is_string() {
            let starts_at = DateTime::from_value(value)?;
            let (ends_at, booking_uid) = (None, None);
            let (seats_total, seats_booked, seats_remaining) = (None, None, None);
            return Some(Self {
                starts_at,
                ends_at,
                seats_total,
                seats_booked,
                seats_remaining,
                booking_uid,
            });
        }
        let wire: Wire = object(value)?;
        Some(Self {
            starts_at: wire.start.0?,
            ends_at: wire.end.0,
            seats_total: wire.seats_total.0,
            seats_booked: wire.seats_booked.0.or(wire.attendees.0),
            seats_remaining: wire.seats_remaining.0,
            booking_uid: wire.booking_uid.filled(),
        })
    }
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct ReservationWire {
    reservation_uid: Lenient<String>,
    event_type_id: Lenient<i64>,
    slot_start: Lenient<DateTime<Utc>>,
    slot_end: Lenient<DateTime<Utc>>,
    reservation_until: Lenient<DateTime<Utc>>,
}

impl FromValue for Reservation {
    fn from_value(value: Value) -> Option<Self> {
        let held: ReservationWire = object(value)?;
        Some(Self {
            uid: held.reservation_uid.filled()?,
            event_type_id: held.event_type_id.0,
            starts_at: held.slot_start.0?,
            ends_at: held.slot_end.0,
            until: held.reservation_until.0?,
        })
    }
}
