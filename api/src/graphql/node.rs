//! Anything by its global id.

use async_graphql::{Context, ID, Interface, Object};

use super::booking::Booking;
use super::coach::Coach;
use super::context::{app, caller};
use super::error::Result;
use super::event_type::EventType;
use super::id::{self, Kind};
use super::session::Session;
use crate::domain::{self, booking};

/// Anything with a global id.
#[derive(Interface)]
#[graphql(field(name = "id", ty = "ID", desc = "Global id. Opaque: do not parse it, do not build it."))]
pub enum Node {
    Booking(Box<Booking>),
    Coach(Box<Coach>),
    EventType(Box<EventType>),
    Session(Box<Session>),
}

/// Anything by its global id.
#[derive(Default)]
pub struct NodeQuery;

#[Object]
impl NodeQuery {
    /// The object with this id; null when there is none or the caller may not see it.
    async fn node(&self, ctx: &Context<'_>, #[graphql(desc = "A global id.")] id: ID) -> Result<Option<Node>> {
        let Some((kind, key)) = id::parse(&id) else { return Ok(None) };
        let found = match kind {
            Kind::Booking => {
                booking::get(app(ctx), caller(ctx), key).await.map(|row| Node::Booking(Box::new(Booking::new(row))))
            }
            _ => return Ok(None),
        };
        match found {
            Ok(node) => Ok(Some(node)),
            Err(domain::Error::NotFound(_) | domain::Error::Unauthenticated) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
