//! What clients see: one file per noun, each with its object and its part of the roots. Thin: an id or an input is read, one function of
//! the domain is called, and its answer is shown.

pub mod booking;
mod coach;
mod connection;
mod context;
pub mod document;
pub mod engine;
pub mod error;
mod event_type;
pub mod id;
pub mod loaders;
mod money;
mod node;
mod note;
mod payload;
pub mod rules;
pub mod scalars;
mod schedule;
pub mod schema;
mod session;
mod slot;
mod user;
mod viewer;

pub use schema::{Schema, schema, sdl};
