//! Courtside: the back end of a coaching marketplace.
//!
//! Three ways in ([`http`], [`graphql`], [`worker`]) are thin: they translate, call one function of
//! [`domain`], and translate back. The domain holds every rule and is the only layer that opens
//! transactions or calls providers. Below it are the three ways out: rows (`entity`), facts and
//! later work ([`outbox`]), and other people's services (`providers`).

pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod db;
pub mod domain;
mod error;
pub mod graphql;
pub mod http;
pub mod metrics;
pub mod outbox;
pub mod seed;
pub mod startup;
pub mod telemetry;
pub mod vault;
pub mod worker;
