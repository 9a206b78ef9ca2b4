//! Everything a Cal.com server would keep in its database.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Map, Value};
use zones::Zone;

use super::Options;
use super::tokens::Tokens;

/// A person with an account, managed by the platform or on their own.
#[derive(Clone, Debug)]
pub struct User {
    pub id: u64,
    pub uuid: String,
    /// As stored: a managed user's is rewritten to `local+clientId@domain`.
    pub email: String,
    pub username: String,
    pub name: String,
    pub bio: Option<String>,
    pub time_zone: String,
    pub week_start: String,
    pub created_at: DateTime<Utc>,
    pub time_format: u64,
    pub default_schedule_id: Option<u64>,
    pub locale: Option<String>,
    pub avatar_url: Option<String>,
    pub metadata: Option<Map<String, Value>>,
    /// Belongs to the platform client.
    pub managed: bool,
    /// Apps and calendars that are connected, by slug.
    pub apps: Vec<String>,
    /// The app that video defaults to.
    pub default_app: Option<String>,
}

#[derive(Clone, Debug)]
pub(super) struct Schedule {
    pub(super) id: u64,
    pub(super) owner: u64,
    pub(super) name: String,
    pub(super) time_zone: String,
    /// `{days, startTime, endTime}` as given.
    pub(super) availability: Vec<Value>,
    /// `{date, startTime, endTime}` as given.
    pub(super) overrides: Vec<Value>,
}

/// What can be booked. The fields are kept in the shape the API shows.
#[derive(Clone, Debug)]
pub(super) struct EventType {
    pub(super) id: u64,
    pub(super) owner: u64,
    pub(super) fields: Map<String, Value>,
    pub(super) links: Vec<Value>,
}

/// A booking's row.
#[derive(Clone, Debug)]
pub struct Booking {
    pub id: u64,
    pub uid: String,
    pub host: u64,
    pub event_type: u64,
    pub title: String,
    pub status: Status,
    pub start: DateTime<Utc>,
    pub end: DateTime<Utc>,
    pub attendees: Vec<Attendee>,
    pub guests: Vec<String>,
    pub responses: Map<String, Value>,
    pub metadata: Map<String, Value>,
    pub location: String,
    pub video_url: Option<String>,
    pub notes: String,
    pub cancellation_reason: String,
    pub rejection_reason: Option<String>,
    pub rescheduling_reason: Option<String>,
    pub rescheduled_by: Option<String>,
    pub rescheduled_from: Option<String>,
    pub rescheduled_to: Option<String>,
    pub absent_host: bool,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub ics_uid: String,
    pub ics_sequence: u64,
    pub recurring_uid: Option<String>,
    pub seated: bool,
    pub references: Vec<Value>,
    pub one_time_password: Option<String>,
    /// The row as it was when it was made, for the meeting triggers.
    pub(super) snapshot: Value,
    pub(super) started_sent: bool,
    pub(super) ended_sent: bool,
}

/// The states of a booking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Accepted,
    Pending,
    Cancelled,
    Rejected,
}

impl Status {
    /// As the API writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Pending => "pending",
            Self::Cancelled => "cancelled",
            Self::Rejected => "rejected",
        }
    }
}

/// Somebody who comes.
#[derive(Clone, Debug)]
pub struct Attendee {
    pub id: u64,
    pub name: String,
    pub email: String,
    pub time_zone: String,
    pub language: String,
    pub phone: Option<String>,
    pub absent: bool,
    pub seat: Option<Seat>,
}

/// A place in a group.
#[derive(Clone, Debug)]
pub struct Seat {
    pub uid: String,
    pub responses: Map<String, Value>,
    pub metadata: Map<String, Value>,
}

/// Who hears of what.
#[derive(Clone, Debug)]
pub struct Webhook {
    pub id: String,
    pub scope: Scope,
    pub url: String,
    pub active: bool,
    pub triggers: Vec<String>,
    pub secret: Option<String>,
    pub template: Option<String>,
}

/// Whose events a webhook is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    Client(String),
    User(u64),
    EventType(u64),
    Organization(u64),
}

#[derive(Clone, Debug)]
pub(super) struct Reservation {
    pub(super) uid: String,
    pub(super) event_type: u64,
    pub(super) host: u64,
    pub(super) start: DateTime<Utc>,
    pub(super) end: DateTime<Utc>,
    pub(super) until: DateTime<Utc>,
}

#[derive(Clone, Debug)]
pub(super) struct OutOfOffice {
    pub(super) id: u64,
    pub(super) uuid: String,
    pub(super) user: u64,
    pub(super) start: DateTime<Utc>,
    pub(super) end: DateTime<Utc>,
    pub(super) notes: Option<String>,
    pub(super) reason: String,
}

/// What a person has chosen about the calendars that they connected.
#[derive(Clone, Debug, Default)]
pub(super) struct Choices {
    /// By integration and id: whether it counts. The main calendar of an account does unless
    /// something else is said.
    pub(super) selected: BTreeMap<(String, String), bool>,
    /// Where events are written.
    pub(super) destination: Option<(String, String)>,
    /// The addresses of feeds.
    pub(super) feeds: Vec<String>,
    /// Integrations whose other side takes the credential no longer.
    pub(super) broken: BTreeSet<String>,
    /// What is entered in them.
    pub(super) busy: Vec<Busy>,
}

/// An entry in a calendar.
#[derive(Clone, Debug)]
pub(super) struct Busy {
    pub(super) integration: String,
    pub(super) external_id: String,
    pub(super) start: DateTime<Utc>,
    pub(super) end: DateTime<Utc>,
}

/// The last id of each table.
#[derive(Default)]
pub(super) struct Ids {
    pub(super) user: u64,
    pub(super) schedule: u64,
    pub(super) event_type: u64,
    pub(super) booking: u64,
    pub(super) attendee: u64,
    pub(super) out_of_office: u64,
    pub(super) reference: u64,
}

pub(super) struct State {
    pub(super) settings: Options,
    pub(super) ids: Ids,
    pub(super) users: BTreeMap<u64, User>,
    pub(super) tokens: Tokens,
    pub(super) schedules: BTreeMap<u64, Schedule>,
    pub(super) event_types: BTreeMap<u64, EventType>,
    pub(super) bookings: BTreeMap<u64, Booking>,
    pub(super) webhooks: Vec<Webhook>,
    pub(super) reservations: Vec<Reservation>,
    pub(super) out_of_office: Vec<OutOfOffice>,
    /// By user.
    pub(super) choices: BTreeMap<u64, Choices>,
    pub(super) web_url: String,
    /// Who is signed in where the authorization page is opened.
    pub(super) signed_in: u64,
    pub(super) dice: StdRng,
}

/// The next number of a table.
pub(super) fn next(id: &mut u64) -> u64 {
    *id += 1;
    *id
}

impl State {
    pub(super) fn new(settings: Options, now: DateTime<Utc>, web_url: String) -> Self {
        let dice = StdRng::seed_from_u64(settings.seed);
        let mut state = Self {
            settings,
            ids: Ids::default(),
            users: BTreeMap::new(),
            tokens: Tokens::default(),
            schedules: BTreeMap::new(),
            event_types: BTreeMap::new(),
            bookings: BTreeMap::new(),
            webhooks: Vec::new(),
            reservations: Vec::new(),
            out_of_office: Vec::new(),
            choices: BTreeMap::new(),
            web_url,
            signed_in: 1,
            dice,
        };
        state.add_owner(now);
        state
    }

    /// The person who owns the platform's organization: user 1, with the API key of the settings.
    fn add_owner(&mut self, now: DateTime<Utc>) {
        let uuid = self.uuid();
        let id = next(&mut self.ids.user);
        let owner = User {
            id,
            uuid,
            email: "platform-owner@example.com".to_owned(),
            username: "platform-owner".to_owned(),
            name: "Platform Owner".to_owned(),
            bio: None,
            time_zone: "America/New_York".to_owned(),
            week_start: "Sunday".to_owned(),
            created_at: now,
            time_format: 12,
            default_schedule_id: None,
            locale: Some("en".to_owned()),
            avatar_url: None,
            metadata: None,
            managed: false,
            apps: Vec::new(),
            default_app: None,
        };
        self.users.insert(id, owner);
        let key = self.settings.api_key.clone();
        self.tokens.add_key(key, id);
    }

    /// 22 characters of the alphabet without look-alikes, as booking uids have.
    pub(super) fn short_uid(&mut self) -> String {
        const ALPHABET: &[u8] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
        (0..22)
            .map(|_| char::from(ALPHABET[self.dice.random_range(0..ALPHABET.len())]))
            .collect()
    }

    pub(super) fn uuid(&mut self) -> String {
        uuid::Builder::from_random_bytes(self.dice.random())
            .into_uuid()
            .to_string()
    }

    pub(super) fn booking(&self, uid: &str) -> Option<&Booking> {
        self.bookings.values().find(|booking| booking.uid == uid)
    }

    pub(super) fn booking_mut(&mut self, uid: &str) -> Option<&mut Booking> {
        self.bookings
            .values_mut()
            .find(|booking| booking.uid == uid)
    }

    pub(super) fn host(&self, booking: &Booking) -> &User {
        self.users
            .get(&booking.host)
            .expect("a user's bookings go with the user")
    }

    pub(super) fn event_type_of(&self, booking: &Booking) -> &EventType {
        self.event_types
            .get(&booking.event_type)
            .expect("an event type's bookings go with it")
    }

    /// The schedule an event type follows: its own or its owner's default.
    pub(super) fn schedule_for(&self, event_type: &EventType) -> Option<&Schedule> {
        let own = event_type.fields.get("scheduleId").and_then(Value::as_u64);
        let owner = self.users.get(&event_type.owner)?;
        self.schedules.get(&own.or(owner.default_schedule_id)?)
    }

    /// What a person's mail was before the platform rewrote it.
    pub(super) fn plain_email(&self, email: &str) -> String {
        email.replacen(&format!("+{}@", self.settings.client_id), "@", 1)
    }

    /// What the platform makes of a mail address.
    pub(super) fn platform_email(&self, email: &str) -> String {
        let (local, domain) = email.split_once('@').unwrap_or((email, "undefined"));
        format!("{local}+{}@{domain}", self.settings.client_id)
    }
}

/// A zone by name; UTC for one that is none, which no stored row has.
pub(super) fn zone(name: &str) -> Zone {
    name.parse().unwrap_or(Zone::UTC)
}

/// A text of an object, if it is there and a text.
pub(super) fn string(value: &Value, name: &str) -> Option<String> {
    value.get(name)?.as_str().map(str::to_owned)
}
