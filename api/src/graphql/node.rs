//! `node`: reads any object by its global id.

use async_graphql::{Context, ID, Interface, Object};

use super::absence::Absence;
use super::booking::Booking;
use super::coach::Coach;
use super::context::{app, caller};
use super::error::Result;
use super::event_type::EventType;
use super::id::{self, Kind};
use super::note::Note;
use super::schedule::Schedule;
use super::session::Session;
use super::slot::Hold;
use crate::domain::coach::{self, Key};
use crate::domain::{self, absence, booking, event_type, hold, note, schedule, session};

/// Anything with a global id.
#[derive(Interface)]
#[graphql(field(
    name = "id",
    ty = "ID",
    desc = "Global id. Opaque: do not parse it, do not build it."
))]
pub enum Node {
    Absence(Box<Absence>),
    Booking(Box<Booking>),
    Coach(Box<Coach>),
    EventType(Box<EventType>),
    Hold(Box<Hold>),
    Note(Box<Note>),
    Schedule(Box<Schedule>),
    Session(Box<Session>),
}

/// Query of any object by its global id.
#[derive(Default)]
pub struct NodeQuery;

#[Object]
impl NodeQuery {
    /// The object with this id; null when there is none or the caller may not see it.
    async fn node(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "A global id.")] id: ID,
    ) -> Result<Option<Node>> {
        let Some((kind, key)) = id::parse(&id) else {
            return Ok(None);
        };
        let (app, caller) = (app(ctx), caller(ctx));
        let found = match kind {
            Kind::Absence => absence::get(app, caller, key)
                .await
                .map(|row| Node::Absence(Box::new(Absence::new(row)))),
            Kind::Booking => booking::get(app, caller, key)
                .await
                .map(|row| Node::Booking(Box::new(Booking::new(row)))),
            Kind::Coach => coach::get(app, caller, &Key::Id(key))
                .await
                .map(|row| Node::Coach(Box::new(Coach::new(row)))),
            Kind::EventType => event_type::get(app, caller, key)
                .await
                .map(|row| Node::EventType(Box::new(EventType::new(row)))),
            Kind::Hold => hold::get(app, caller, key)
                .await
                .map(|row| Node::Hold(Box::new(Hold::new(row)))),
            Kind::Note => note::get(app, caller, key)
                .await
                .map(|row| Node::Note(Box::new(Note::new(row)))),
            Kind::Schedule => schedule::get(app, caller, key)
                .await
                .map(|row| Node::Schedule(Box::new(Schedule::new(row)))),
            Kind::Session => session::get(app, caller, key)
                .await
                .map(|found| Node::Session(Box::new(Session::of(found)))),
            _ => return Ok(None),
        };
        match found {
            Ok(node) => Ok(Some(node)),
            Err(domain::Error::NotFound(_) | domain::Error::Unauthenticated) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
