//! Coaches whose time Cal.com keeps, against a stand-in for it: the two sides agree, whatever goes wrong between them.

mod absence;
mod booking;
mod calendars;
mod faults;
mod lab;
mod migration;
mod reconcile;
mod slots;
mod video;
mod webhooks;
