//! Coaches.
use super::id::Kind;
use async_graphql::{ID, Object};
use entity::coach::Model;

/// The public profile of a coach.
#[derive(Clone)]
pub struct Coach {
    pub(crate) row: Model,
}
impl Coach {
    pub(crate) fn new(row: Model) -> Self {
        Self { row }
    }
}
#[Object]
impl Coach {
    /// Global id.
    pub(crate) async fn id(&self) -> ID {
        Kind::Coach.id(self.row.id)
    }
}
