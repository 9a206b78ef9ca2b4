//! How many sockets one person, or one address before anyone has signed in on it, may hold open.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use entity::Uuid;

/// Who holds a seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Holder {
    Person(Uuid),
    Address(IpAddr),
}

impl Holder {
    /// Many people share an address; nobody has so many windows open.
    fn most(self) -> usize {
        match self {
            Self::Person(_) => 2_000,
            Self::Address(_) => 10_000,
        }
    }
}

/// The seats that are taken.
#[derive(Clone, Default)]
pub(super) struct Seats(Arc<Mutex<HashMap<Holder, usize>>>);

/// One seat, free again when dropped.
pub(super) struct Taken {
    seats: Seats,
    holder: Holder,
}

impl Seats {
    /// A seat, unless the holder has as many as they may.
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
