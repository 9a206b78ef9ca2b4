//! Courtside driven over its own wire, as its users do. One binary, a file for each noun.

#![expect(
    clippy::disallowed_methods,
    reason = "tests are callers from outside: they send requests and read the environment"
)]

mod architecture;
mod booking;
mod database;
mod event_stream;
mod identity;
mod process;
mod schema;
mod statements;
