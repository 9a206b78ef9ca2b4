//! The door, against servers on the loopback.

mod json;
