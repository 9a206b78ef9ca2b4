//! The public profile of a coach.

use sea_orm::QueryFilter;
use sea_orm::entity::prelude::*;

use crate::Provider;

/// Who owns a coach's time.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, async_graphql::Enum,
)]
#[sea_orm(
    rs_type = "String",
    db_type = "Text",
    rename_all = "SCREAMING_SNAKE_CASE"
)]
pub enum Scheduler {
    /// Courtside itself: weekly hours, overrides, bookings and holds.
    Native,
    /// Cal.com.
    #[sea_orm(string_value = "CALCOM")]
    #[graphql(name = "CALCOM")]
    CalCom,
    /// Google Calendar.
    Google,
    /// Calendly.
    Calendly,
}

impl Scheduler {
    /// The schedulers of others.
    pub const REMOTE: [Self; 3] = [Self::CalCom, Self::Google, Self::Calendly];

    /// Whether somebody else's service keeps the time.
    #[must_use]
    pub const fn is_remote(self) -> bool {
        self.provider().is_some()
    }

    /// The provider of the connections through which it is called, as the tables name it.
    #[must_use]
    pub const fn provider(self) -> Option<&'static str> {
        match self {
            Self::Native => None,
            Self::CalCom => Some(Provider::CalCom.as_str()),
            Self::Google => Some(Provider::Google.as_str()),
            Self::Calendly => Some(Provider::Calendly.as_str()),
        }
    }

    /// Its name for people.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Native => "Courtside",
            Self::CalCom => "Cal.com",
            Self::Google => "Google Calendar",
            Self::Calendly => "Calendly",
        }
    }

    /// The scheduler that a provider is.
    #[must_use]
    pub fn of_provider(provider: &str) -> Option<Self> {
        Self::REMOTE
            .into_iter()
            .find(|scheduler| scheduler.provider() == Some(provider))
    }
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "coach")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The account; null for a coach imported from a provider who has not signed up yet.
    pub user_id: Option<Uuid>,
    /// Part of the public address, unique.
    pub handle: String,
    pub display_name: String,
    pub headline: Option<String>,
    /// Markdown.
    pub biography: Option<String>,
    pub avatar_url: Option<String>,
    /// IANA zone the coach lives in.
    pub time_zone: String,
    pub scheduler: Scheduler,
    /// Whether the directory shows the profile.
    pub listed: bool,
    pub accepts_bookings: bool,
    /// Schedule of event types without one of their own.
    pub default_schedule_id: Option<Uuid>,
    /// Incremented by each change.
    pub version: i64,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "crate::user::Entity",
        from = "Column::UserId",
        to = "crate::user::Column::Id"
    )]
    User,
}

impl Related<crate::user::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::User.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}

impl Entity {
    /// Profiles that anyone may see.
    pub fn find_listed() -> Select<Self> {
        Self::find().filter(Column::Listed.eq(true))
    }

    /// The profile of an account.
    pub fn find_by_user(user_id: Uuid) -> Select<Self> {
        Self::find().filter(Column::UserId.eq(user_id))
    }
}
