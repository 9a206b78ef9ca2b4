//! Limits concurrent sockets per person, or per address while not signed in.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use entity::Uuid;

/// The subject of the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Holder {
    Person(Uuid),
    Address(IpAddr),
}

impl Holder {
    /// Addresses have a higher limit, as many people share one; no person has so many windows open.
    fn limit(self) -> usize {
        match self {
            Self::Person(_) => 2_000,
            Self::Address(_) => 10_000,
        }
    }
}

/// Open sockets per holder.
#[derive(Clone, Default)]
pub(super) struct Seats(Arc<Mutex<HashMap<Holder, usize>>>);

/// One open socket; releases its seat when dropped.
pub(super) struct Seat {
    seats: Seats,
    holder: Holder,
}

impl Seats {
    /// Takes a seat unless the holder is at the limit.
    pub(super) fn take(&self, holder: Holder) -> Option<Seat> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(holder).or_insert(0);
        if *count >= holder.limit() {
            return None;
        }
        *count += 1;
        Some(Seat {
            seats: self.clone(),
            holder,
        })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.holder) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.holder);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_seat_is_free_again() {
        let seats = Seats::default();
        let holder = Holder::Person(Uuid::nil());
        let mut taken: Vec<_> = (0..holder.limit())
            .map(|_| seats.take(holder).expect("there is room"))
            .collect();
        assert!(seats.take(holder).is_none());
        taken.pop();
        assert!(seats.take(holder).is_some());
        drop(taken);
        assert!(seats.0.lock().expect("nobody panicked").is_empty());
    }
}
