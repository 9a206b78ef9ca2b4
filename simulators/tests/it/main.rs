//! The stand-ins, seen from the outside.

mod clerk;
mod faults;
mod recording;
mod shape;
mod story;
mod wire;
