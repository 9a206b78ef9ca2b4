//! Courtside.

pub mod graphql;
