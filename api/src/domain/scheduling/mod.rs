//! Who owns a coach's time.

pub mod native;
