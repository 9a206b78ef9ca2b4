//! Event types.
use super::id::Kind;
use async_graphql::{ID, Object};
use entity::event_type::Model;

/// Something that can be booked.
#[derive(Clone)]
pub struct EventType {
    pub(crate) row: Model,
}
impl EventType {
    pub(crate) fn new(row: Model) -> Self {
        Self { row }
    }
}
#[Object]
impl EventType {
    /// Global id.
    pub(crate) async fn id(&self) -> ID {
        Kind::EventType.id(self.row.id)
    }
}
