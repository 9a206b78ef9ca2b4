//! Requests that book slots known to be free.

use std::sync::atomic::{AtomicU32, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use entity::user::Role;
use serde_json::json;

use crate::Failure;
use crate::http::Target;
use crate::limit::CLIENT;
use crate::load::RequestSource;
use crate::queries::{self, BOOK};
use crate::seed::{CLIENTS, COACHES, client_subject, ids};
use crate::tokens::Issuer;

/// Each coach has clients of their own, so that a client's bookings never overlap.
const CLIENTS_PER_COACH: u32 = CLIENTS / COACHES;
/// Length of the offer that is booked.
const SLOT: TimeDelta = TimeDelta::minutes(20);

/// The headers by which a server knows the caller.
pub(super) struct Client {
    bearer: String,
    id: String,
}

/// Signs a token for every client.
pub(super) fn clients(issuer: &Issuer) -> Result<Vec<Client>, Failure> {
    let client = |number| {
        Ok(Client {
            bearer: format!(
                "Bearer {}",
                issuer.token(&client_subject(number), Role::Client)?
            ),
            id: ids::client(number).to_string(),
        })
    };
    (0..CLIENTS).map(client).collect()
}

/// Books the next free slot of a coach chosen at random.
pub(super) struct BookingRequests {
    pub(super) target: Target,
    pub(super) path: &'static str,
    pub(super) clients: std::sync::Arc<[Client]>,
    pub(super) first_start: DateTime<Utc>,
    /// How many slots of each coach were requested.
    pub(super) taken: Vec<AtomicU32>,
}

impl RequestSource for BookingRequests {
    fn next<'r>(&'r self, buffer: &'r mut Vec<u8>) -> &'r [u8] {
        let coach = rand::random_range(0..self.taken.len());
        let slot = self.taken[coach].fetch_add(1, Ordering::Relaxed);
        let coach = coach as u32;
        let client = coach * CLIENTS_PER_COACH + slot % CLIENTS_PER_COACH;
        let client = &self.clients[client as usize];
        let starts_at = self.first_start + SLOT * slot as i32;
        let variables = queries::booking(ids::short_offer(coach), starts_at);
        let body = json!({ "query": BOOK, "variables": variables }).to_string();
        let headers = [
            ("authorization", client.bearer.as_str()),
            (CLIENT, client.id.as_str()),
        ];
        *buffer = self
            .target
            .request("POST", self.path, &headers, body.as_bytes());
        buffer
    }

    fn is_constant(&self) -> bool {
        false
    }

    fn accepts(&self, status: u16, body: &[u8]) -> bool {
        let Ok(body) = std::str::from_utf8(body) else {
            return false;
        };
        status == 200
            && body.starts_with("{\"data\":{\"createBooking\":{\"booking\":{\"id\":\"booking_")
            && body.contains("\"status\":\"CONFIRMED\"},\"userErrors\":[]}}")
            && !body.contains("\"errors\":[")
    }
}
