//! Every rule of the marketplace.

pub mod scheduling;
