//! Transport.
pub mod graphql;
pub mod metrics;
