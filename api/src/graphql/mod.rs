//! What clients see: one file per noun, each with its object and its part of the roots. Thin: an id
//! or an input is read, one function of the domain is called, and its answer is shown.

pub mod absence;
pub mod apps;
pub mod booking;
pub mod coach;
pub mod connected_account;
pub mod connection;
pub mod context;
pub mod delivery;
pub mod error;
pub mod event_type;
pub mod fast_json;
pub mod id;
pub mod loaders;
pub mod money;
pub mod node;
pub mod note;
pub mod payload;
pub mod reconcile;
pub mod rules;
pub mod scalars;
pub mod schedule;
pub mod schema;
pub mod session;
pub mod slot;
pub mod sync;
pub mod user;
pub mod viewer;
pub mod webhook_registration;

pub use schema::{Schema, schema, sdl};
