//! The ways in over HTTP.

pub mod graphql;
