//! Courtside driven over its own wire, as its users do. One binary, a file for each noun.

mod architecture;
mod booking;
mod database;
mod event_stream;
mod identity;
mod process;
mod rules;
mod schema;
mod statements;
