//! Courtside.

pub mod graphql;
pub mod http;
