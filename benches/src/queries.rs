//! GraphQL documents and the requests made of them.

use std::sync::atomic::{AtomicU32, Ordering};

use chrono::{DateTime, DurationRound, SecondsFormat, TimeDelta, Utc};
use courtside::graphql::id::Kind;
use entity::Uuid;
use serde_json::{Value, json};

use crate::http::Target;
use crate::load::RequestSource;
use crate::seed::ids;
use crate::tokens;

/// The directory: 20 coaches with what they offer.
pub(crate) const Q1: &str = "{ coaches(first:20) { nodes { id handle displayName headline timeZone eventTypes(first:10) { nodes \
    { id slug title lengthMinutes price { amount currency } } } } } }";

/// A client's 20 bookings with coach, session and the last three notes.
pub(crate) const Q2: &str = "{ viewer { bookings(first:20) { nodes { id reference status startsAt endsAt coach { id displayName } \
    session { id status notes(first:3) { nodes { id body visibility createdAt } } } } } } }";

/// One coach.
const Q3: &str =
    "query($id: ID!) { coach(by: { id: $id }) { id handle displayName headline timeZone } }";

/// Free slots of an event type.
const SLOTS: &str = "query($id: ID!, $from: DateTime!, $until: DateTime!) { slots(eventTypeId: $id, \
    range: { from: $from, until: $until }) { slots { startsAt endsAt } } }";

/// Books a slot.
pub(crate) const BOOK: &str = "mutation($input: CreateBookingInput!) { createBooking(input: $input) \
    { booking { id status } userErrors { code message } } }";

/// An instant as it is sent in variables.
pub(crate) fn instant(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Courtside's GraphQL endpoint.
pub(crate) const GRAPHQL: &str = "/graphql";

/// The bytes of a GraphQL request to Courtside.
pub(crate) fn request(
    target: Target,
    token: Option<&str>,
    query: &str,
    variables: &Value,
) -> Vec<u8> {
    request_at(target, GRAPHQL, token, query, variables)
}

fn request_at(
    target: Target,
    path: &str,
    token: Option<&str>,
    query: &str,
    variables: &Value,
) -> Vec<u8> {
    let body = json!({ "query": query, "variables": variables }).to_string();
    let bearer = token.map(|token| format!("Bearer {token}"));
    let headers: Vec<(&str, &str)> = bearer
        .iter()
        .map(|bearer| ("authorization", bearer.as_str()))
        .collect();
    target.request("POST", path, &headers, body.as_bytes())
}

/// Variables of [`BOOK`].
pub(crate) fn booking(event_type_id: Uuid, starts_at: DateTime<Utc>) -> Value {
    json!({ "input": {
        "idempotencyKey": Uuid::new_v4(),
        "eventTypeId": Kind::EventType.id(event_type_id),
        "startsAt": instant(starts_at),
        "timeZone": "America/Chicago",
    } })
}

/// A kind of request to measure with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Query {
    /// 20 coaches with what they offer.
    Q1,
    /// The caller's 20 bookings with coach, session and the last three notes.
    Q2,
    /// One coach.
    Q3,
    /// Free slots of the coach with 500 bookings, 14 days.
    Slots,
    /// Bookings of consecutive slots of one event type.
    Mutation,
}

/// Makes the requests of a measurement.
pub(crate) struct Requests {
    target: Target,
    token: Option<String>,
    query: Query,
    /// The request, unless it is a mutation.
    fixed: Vec<u8>,
    /// Start of the first booking of a mutation, and how many were requested.
    first_start: DateTime<Utc>,
    made: AtomicU32,
}

impl Requests {
    /// `path` is [`GRAPHQL`], or the path of the same answer at the limit.
    pub(crate) fn new(target: Target, path: &str, token: Option<String>, query: Query) -> Self {
        let today = tokens::now()
            .duration_trunc(TimeDelta::days(1))
            .expect("a day divides the range of instants");
        let until = today + TimeDelta::days(14);
        let (document, variables) = match query {
            Query::Q1 => (Q1, json!({})),
            Query::Q2 => (Q2, json!({})),
            Query::Q3 => (Q3, json!({ "id": Kind::Coach.id(ids::coach(7)) })),
            Query::Slots => (
                SLOTS,
                json!({ "id": Kind::EventType.id(ids::short_offer(0)), "from": instant(today), "until": instant(until) }),
            ),
            Query::Mutation => (BOOK, json!({})),
        };
        Self {
            fixed: request_at(target, path, token.as_deref(), document, &variables),
            target,
            token,
            query,
            // A random day, which an earlier run is not likely to have booked.
            first_start: today + TimeDelta::days(rand::random_range(30..3_000)),
            made: AtomicU32::new(0),
        }
    }
}

impl RequestSource for Requests {
    fn next<'r>(&'r self, buffer: &'r mut Vec<u8>) -> &'r [u8] {
        if self.query != Query::Mutation {
            return &self.fixed;
        }
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let starts_at =
            self.first_start + TimeDelta::minutes(20) * i32::try_from(number).unwrap_or(i32::MAX);
        *buffer = request(
            self.target,
            self.token.as_deref(),
            BOOK,
            &booking(ids::short_offer(1), starts_at),
        );
        buffer
    }

    fn is_constant(&self) -> bool {
        matches!(self.query, Query::Q1 | Query::Q2 | Query::Q3)
    }

    fn accepts(&self, status: u16, body: &[u8]) -> bool {
        let has = |text: &str| std::str::from_utf8(body).is_ok_and(|body| body.contains(text));
        status == 200
            && body.starts_with(b"{\"data\":{")
            && !has("\"errors\":[")
            && (self.query != Query::Mutation || has("\"userErrors\":[]"))
    }
}
