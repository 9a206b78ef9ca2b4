//! Bookings whose time a remote scheduler manages. Generic over schedulers; no provider is named.
//!
//! [`request`] and [`dispatch`] request what only the scheduler can grant; [`authority`] bounds
//! whose bookings a report may be about, [`ingest`] stores the reports as facts, [`project`]
//! reduces the facts to one state, [`apply`] turns a changed state into transitions, [`conflict`]
//! resolves two bookings for the same time, [`merge`] joins two records of one booking, and
//! [`push`] sends decisions made here to the scheduler.

mod apply;
mod attendance;
pub(crate) mod authority;
pub(super) mod availability;
mod bounds;
mod change;
pub(super) mod conflict;
pub(super) mod dispatch;
pub(crate) mod ingest;
mod lineage;
mod merge;
pub(crate) mod names;
mod next_command;
mod origin;
pub(super) mod outcome;
mod ownership;
mod parties;
pub(crate) mod project;
pub(crate) mod projections;
mod proposal;
pub(super) mod push;
pub(crate) mod request;
mod store;
mod transition_path;
