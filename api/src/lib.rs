//! Courtside.

pub mod config;
