//! A note on a session.

use sea_orm::entity::prelude::*;
use sea_orm::{Condition, QueryFilter};

/// Who may read a note.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, async_graphql::Enum,
)]
#[sea_orm(
    rs_type = "String",
    db_type = "Text",
    rename_all = "SCREAMING_SNAKE_CASE"
)]
#[graphql(name = "NoteVisibility")]
pub enum Visibility {
    /// Only who wrote it.
    Private,
    /// Both sides of the session.
    Shared,
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "note")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub session_id: Uuid,
    /// The account that wrote it.
    pub author_id: Uuid,
    pub visibility: Visibility,
    /// Markdown, sealed.
    pub body: String,
    /// Id of the key that sealed the body; null in rows that were written before notes were sealed.
    pub body_key: Option<String>,
    pub version: i64,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Entity {
    /// Notes that a participant of the session may read: their own and the shared ones.
    pub fn find_readable_by(user_id: Uuid) -> Select<Self> {
        Self::find().filter(
            Condition::any()
                .add(Column::AuthorId.eq(user_id))
                .add(Column::Visibility.eq(Visibility::Shared)),
        )
    }
}
