//! Courtside.
