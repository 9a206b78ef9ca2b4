//! Transport.
pub mod gate;
pub mod graphql;
pub mod metrics;
pub mod page;
