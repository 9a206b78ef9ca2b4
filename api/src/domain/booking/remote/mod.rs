//! Bookings whose time a remote scheduler keeps. Written once for all of them; no provider is named.
//!
//! [`request`] and [`dispatch`] ask for what only the scheduler can grant; [`ingest`] stores what it
//! says as facts, [`project`] reduces the facts to one meaning, [`apply`] turns a changed meaning
//! into transitions, [`conflict`] decides who keeps a time that two bookings want, and [`push`]
//! carries out there what was decided here.

mod apply;
mod attendance;
pub(super) mod availability;
pub(super) mod conflict;
pub(super) mod dispatch;
pub(crate) mod ingest;
mod lineage;
pub(crate) mod names;
mod origin;
pub(super) mod outcome;
mod ownership;
mod parties;
pub(crate) mod project;
pub(super) mod push;
pub(crate) mod request;
mod transition_path;
