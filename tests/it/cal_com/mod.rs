//! Coaches whose scheduler is Cal.com, against the stand-in: both sides agree after every fault
//! between them.

mod absence;
mod adoption;
mod audit;
mod booking;
mod burst;
mod calendars;
mod disconnect;
mod doctor;
mod faults;
mod fixture;
mod hours;
mod migration;
mod moving;
mod page;
mod queue;
mod reconcile;
mod refused;
mod slots;
mod speakers;
mod unanswered;
mod video;
mod webhooks;
