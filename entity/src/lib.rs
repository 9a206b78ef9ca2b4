//! The tables: one file per table, with types and scoped finders, no other logic.
//!
//! Enums are stored as text under their GraphQL names: one name per concept in SQL, Rust, GraphQL
//! and logs. So they derive the GraphQL enum here.
//!
//! Instants are UTC with millisecond precision. SQLite stores them as RFC 3339 text, always written
//! by the same encoder with the offset `+00:00`, so that comparing the text compares the instants.
//! The current time never comes from a database: it is an argument.

pub mod absence;
pub mod audit_log;
pub mod booking;
pub mod booking_event;
pub mod coach;
pub mod coach_specialty;
pub mod connection;
pub mod event_type;
pub mod event_type_host;
pub mod idempotency_key;
pub mod job;
mod named;
pub mod note;
pub mod oauth_attempt;
pub mod payment;
mod provider;
pub mod provider_booking;
pub mod refund;
pub mod schedule;
pub mod schedule_override;
pub mod scheduler_request;
pub mod session;
pub mod setting;
pub mod slot_hold;
pub mod sync_state;
pub mod user;
pub mod webhook_delivery;
pub mod webhook_registration;
pub mod worker_beat;

pub use provider::Provider;
pub use sea_orm::entity::prelude::{Date, DateTimeUtc, Json, Uuid};

/// The name of an enum's value in SQL, GraphQL and logs.
#[must_use]
pub fn name_of(value: impl sea_orm::ActiveEnum<Value = String>) -> String {
    value.to_value()
}

/// A new primary key. Version 7 sorts by creation time, so indexes grow at their end.
#[must_use]
pub fn new_id() -> Uuid {
    Uuid::now_v7()
}
