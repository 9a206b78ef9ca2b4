//! Courtside driven over its own wire, as its users do. One binary, a file for each noun.

mod architecture;
mod booking;
mod coach;
mod database;
mod event_stream;
mod event_type;
mod hold;
mod identity;
mod note;
mod process;
mod schedule;
mod schema;
mod session;
mod slot;
mod statements;
