//! Courtside.

pub mod domain;
