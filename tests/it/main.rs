//! Courtside driven over its own wire, as its users do. One binary, a file for each noun.

#![expect(
    clippy::disallowed_methods,
    reason = "tests are callers from outside: they send requests and read the environment"
)]

mod absence;
mod address;
mod architecture;
mod booking;
mod cal_com;
mod coach;
mod connection;
mod database;
mod event_stream;
mod event_type;
mod hold;
mod identity;
mod impersonation;
mod job;
mod limits;
mod note;
mod process;
mod remote_scheduler;
mod rules;
mod schedule;
mod schema;
mod session;
mod slot;
mod statements;
mod webhook;
mod whole_list;
