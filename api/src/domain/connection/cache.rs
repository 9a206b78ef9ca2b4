//! Decrypted tokens that are current, and the turns to renew one.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use entity::Uuid;
use entity::connection::Model;
use secrecy::SecretString;
use tokio::sync::Mutex as Flight;

use super::lease::Reason;

/// Most reasons that are remembered per token.
const MOST_TOLD: usize = 1_000;

/// Caches decrypted tokens while they are current, and runs one renewal per connection at a time.
/// Writes one audit entry per credential, purpose and person, not one per request.
#[derive(Default)]
pub struct Credentials {
    held: Mutex<HashMap<Uuid, Held>>,
    flights: Mutex<HashMap<Uuid, Weak<Flight<()>>>>,
}

struct Held {
    version: i64,
    token: SecretString,
    told: BTreeSet<Reason>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials")
    }
}

impl Credentials {
    pub(super) fn find(&self, row: &Model, reason: Reason) -> Option<SecretString> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = held
            .get(&row.id)
            .filter(|entry| entry.version == row.token_version)?;
        entry.told.contains(&reason).then(|| entry.token.clone())
    }

    pub(super) fn keep(&self, row: &Model, reason: Reason, token: &SecretString) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = || Held {
            version: row.token_version,
            token: token.clone(),
            told: BTreeSet::new(),
        };
        let entry = held.entry(row.id).or_insert_with(fresh);
        if entry.version != row.token_version {
            *entry = fresh();
        }
        if entry.told.len() >= MOST_TOLD {
            // Forgotten reasons are written to the audit log once more.
            entry.told.clear();
        }
        entry.told.insert(reason);
    }

    pub(super) fn forget(&self, connection_id: Uuid) {
        self.held
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&connection_id);
    }

    /// The single flight of a connection in this process: one caller reads the database and calls
    /// the provider, the others wait for its result.
    pub(in crate::domain) fn single_flight(&self, connection_id: Uuid) -> Arc<Flight<()>> {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = flights.get(&connection_id).and_then(Weak::upgrade) {
            return flight;
        }
        flights.retain(|_, flight| flight.strong_count() > 0);
        let flight = Arc::new(Flight::new(()));
        flights.insert(connection_id, Arc::downgrade(&flight));
        flight
    }
}
