//! Who owns a coach's time. The one place that chooses by scheduler; nothing above it knows which one it is.

pub mod native;
mod source;

pub use source::{Availability, Except, Source, load, load_many, require_readable, terms};
