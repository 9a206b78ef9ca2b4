//! Against what Cal.com really sent, in every order.

mod captures;
mod conflicts;
mod flows;
mod intake;
mod lab;
mod meaning;
mod people;
mod staff;

pub(crate) use captures::{Capture, numbered};
pub(crate) use lab::Lab;
