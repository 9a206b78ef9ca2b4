//! Keys that measurements know without a query: UUIDs of version 7 that sort by their number.

use entity::Uuid;

fn id(kind: u8, number: u32) -> Uuid {
    const SHAPE: u128 = 0x0192_0000_0000_7000_8000_0000_0000_0000;
    Uuid::from_u128(SHAPE | u128::from(kind) << 40 | u128::from(number))
}

pub(crate) fn client(number: u32) -> Uuid {
    id(1, number)
}

pub(crate) fn coach_account(number: u32) -> Uuid {
    id(2, number)
}

pub(crate) fn coach(number: u32) -> Uuid {
    id(3, number)
}

pub(crate) fn schedule(number: u32) -> Uuid {
    id(4, number)
}

/// Twenty minutes, free.
pub(crate) fn short_offer(coach: u32) -> Uuid {
    id(5, coach)
}

/// An hour, for money.
pub(crate) fn long_offer(coach: u32) -> Uuid {
    id(6, coach)
}

pub(crate) fn booking(number: u32) -> Uuid {
    id(7, number)
}

pub(crate) fn session(booking: u32) -> Uuid {
    id(8, booking)
}

pub(crate) fn note(number: u32) -> Uuid {
    id(9, number)
}
