//! Transport.
pub mod metrics;
