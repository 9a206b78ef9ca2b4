//! Signed webhook deliveries of Cal.com, derived from a recorded one: each about a new booking at a
//! different time.

use chrono::{DateTime, DurationRound, SecondsFormat, TimeDelta, Utc};
use hmac::{Hmac, KeyInit, Mac};
use rand::distr::{Alphanumeric, SampleString};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::http::Target;
use crate::{Failure, tokens};

const RECORDED: &str = include_str!(
    "../../providers/fixtures/calcom/webhooks/006-step516-BOOKING_CREATED-user-coach1.json"
);

/// Number of Cal.com accounts that the bookings are spread over, one booking an hour in each.
const ORGANIZERS: u32 = 64;

/// A series of deliveries whose ids differ from those of every other run.
pub(crate) struct Deliveries {
    recorded: Value,
    /// Prefix of all uids of the series: lower-case letters and digits.
    pub(crate) prefix: String,
    /// First of the numeric ids of accounts, event types and bookings at Cal.com.
    first_number: u64,
    first_start: DateTime<Utc>,
    secret: String,
    /// Email address of the only organizer; many organizers when left out.
    organizer: Option<String>,
    /// Where they are sent.
    path: String,
}

/// A delivery, ready to be sent.
#[derive(Clone)]
pub(crate) struct Delivery {
    pub(crate) uid: String,
    pub(crate) starts_at: DateTime<Utc>,
    pub(crate) request: Vec<u8>,
}

impl Deliveries {
    pub(crate) fn new(secret: &str) -> Result<Self, Failure> {
        let recorded: Value = serde_json::from_str(RECORDED)?;
        Ok(Self {
            recorded: recorded["body_json"].clone(),
            prefix: format!(
                "b{}",
                Alphanumeric
                    .sample_string(&mut rand::rng(), 11)
                    .to_lowercase()
            ),
            first_number: rand::random_range(1_000_000..1_000_000_000),
            first_start: tokens::now().duration_trunc(TimeDelta::hours(1))? + TimeDelta::days(3),
            secret: secret.to_owned(),
            organizer: None,
            path: "/webhooks/calcom".to_owned(),
        })
    }

    /// Sends to another address of the server.
    pub(crate) fn to(mut self, path: String) -> Self {
        self.path = path;
        self
    }

    /// Puts all bookings into the calendar of the coach with this address.
    pub(crate) fn for_coach(mut self, email: String) -> Self {
        self.organizer = Some(email);
        self
    }

    /// The delivery with that number, with the present time as the time of sending.
    pub(crate) fn get(&self, target: Target, number: u32) -> Delivery {
        let (organizer_number, row) = if self.organizer.is_some() {
            (0, number)
        } else {
            (number % ORGANIZERS, number / ORGANIZERS)
        };
        let account = self.first_number + u64::from(organizer_number);
        let uid = format!("{}{number:010}", self.prefix);
        let starts_at = self.first_start + TimeDelta::hours(i64::from(row));
        let name = format!("{}-{organizer_number}", self.prefix);
        let organizer = self
            .organizer
            .clone()
            .unwrap_or_else(|| tokens::email(&name));
        let attendee = tokens::email(&uid);
        let at = |instant: DateTime<Utc>| instant.to_rfc3339_opts(SecondsFormat::Secs, true);

        let mut body = self.recorded.clone();
        body["createdAt"] = tokens::now()
            .to_rfc3339_opts(SecondsFormat::Millis, true)
            .into();
        let payload = &mut body["payload"];
        for (member, value) in [
            ("uid", json!(uid)),
            ("bookingId", json!(self.first_number + u64::from(number))),
            ("iCalUID", json!(format!("{uid}@Cal.com"))),
            ("startTime", json!(at(starts_at))),
            ("endTime", json!(at(starts_at + TimeDelta::hours(1)))),
            ("eventTypeId", json!(account)),
        ] {
            payload[member] = value;
        }
        payload["organizer"]["id"] = account.into();
        payload["organizer"]["email"] = organizer.into();
        payload["organizer"]["username"] = name.into();
        payload["attendees"][0]["email"] = attendee.clone().into();
        payload["responses"]["email"]["value"] = attendee.into();
        Delivery {
            uid,
            starts_at,
            request: self.sign(target, body.to_string().as_bytes()),
        }
    }

    fn sign(&self, target: Target, body: &[u8]) -> Vec<u8> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.as_bytes())
            .expect("a MAC takes keys of any length");
        mac.update(body);
        let signature = hex::encode(mac.finalize().into_bytes());
        let headers = [
            ("x-cal-signature-256", signature.as_str()),
            ("x-cal-webhook-version", "2021-10-20"),
        ];
        target.request("POST", &self.path, &headers, body)
    }
}
