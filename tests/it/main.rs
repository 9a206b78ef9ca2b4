//! Courtside driven over its own wire, as its users do. One binary, a file for each noun.

mod booking;
mod coach;
mod event_type;
mod hold;
mod note;
mod schedule;
mod session;
mod slot;
