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
    fn most(self) -> usize {
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
pub(super) struct Taken {
    seats: Seats,
    holder: Holder,
}

impl Seats {
    /// Takes a seat unless the holder is at the limit.
    pub(super) fn take(&self, holder: Holder) -> Option<Taken> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(holder).or_insert(0);
        if *count >= holder.most() {
            return None;
        }
        *count += 1;
        Some(Taken {
            seats: self.clone(),
            holder,
        })
    }
}

impl Drop for Taken {
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
    fn a_seat_is_free_again_when_it_is_left() {
        let seats = Seats::default();
        let holder = Holder::Person(Uuid::nil());
        let mut taken: Vec<_> = (0..holder.most())
            .map(|_| seats.take(holder).expect("there is room"))
            .collect();
        assert!(seats.take(holder).is_none());
        taken.pop();
        assert!(seats.take(holder).is_some());
        drop(taken);
        assert!(seats.0.lock().expect("nobody panicked").is_empty());
    }
}
