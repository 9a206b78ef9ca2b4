//! Coaches whose time Cal.com keeps, against a stand-in for it: the two sides agree, whatever goes
//! wrong between them.

mod absence;
mod adoption;
mod audit;
mod booking;
mod burst;
mod calendars;
mod doctor;
mod faults;
mod given_up;
mod hang_up;
mod hours;
mod lab;
mod lanes;
mod migration;
mod moving;
mod page;
mod reconcile;
mod refused;
mod slots;
mod video;
mod webhooks;
