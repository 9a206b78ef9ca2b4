//! A coach's link to an account at a provider.

use sea_orm::QueryFilter;
use sea_orm::entity::prelude::*;

/// How well a connection works.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, async_graphql::Enum,
)]
#[sea_orm(
    rs_type = "String",
    db_type = "Text",
    rename_all = "SCREAMING_SNAKE_CASE"
)]
#[graphql(name = "ConnectionHealth")]
pub enum Health {
    /// Known from the provider's messages; we hold no credential to act with.
    Observed,
    /// Works.
    Ok,
    /// Will stop working soon.
    Expiring,
    /// Does not work.
    Broken,
}

/// How we may act for the account.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, async_graphql::Enum,
)]
#[sea_orm(
    rs_type = "String",
    db_type = "Text",
    rename_all = "SCREAMING_SNAKE_CASE"
)]
#[graphql(name = "ConnectionKind")]
pub enum Kind {
    /// Not at all: it is only known from the provider's messages.
    Observed,
    /// It was made for the coach by the platform, which holds its tokens.
    ManagedUser,
    /// The coach gave their consent at the provider.
    #[sea_orm(string_value = "OAUTH")]
    #[graphql(name = "OAUTH")]
    OAuth,
    /// The coach gave a key of their account.
    ApiKey,
}

/// Why a connection is not well. Each has one action that mends it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, async_graphql::Enum,
)]
#[sea_orm(
    rs_type = "String",
    db_type = "Text",
    rename_all = "SCREAMING_SNAKE_CASE"
)]
#[graphql(name = "ConnectionHealthReason")]
pub enum HealthReason {
    /// The consent ends soon, and could not be renewed so far.
    ConsentEnding,
    /// The consent has ended, or was taken back at the provider.
    ConsentRefused,
    /// The key was deleted or has ended.
    KeyRefused,
    /// The account is gone at the provider.
    AccountGone,
}

#[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "connection")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub coach_id: Uuid,
    /// For example `calcom`.
    pub provider: String,
    /// The account's id at the provider; unique together with it.
    pub external_id: String,
    pub external_email: Option<String>,
    pub external_username: Option<String>,
    pub health: Health,
    pub kind: Kind,
    /// Sealed. The key itself for [`Kind::ApiKey`].
    pub access_token: Option<String>,
    /// Sealed.
    pub refresh_token: Option<String>,
    /// None when it does not end by itself.
    pub access_expires_at: Option<DateTimeUtc>,
    pub refresh_expires_at: Option<DateTimeUtc>,
    /// Grows with each new pair of tokens, so that whoever holds an old one can tell.
    pub token_version: i64,
    /// Who is getting a new pair at the moment; nobody else may until `leased_until`.
    pub lease: Option<Uuid>,
    pub leased_until: Option<DateTimeUtc>,
    pub health_reason: Option<HealthReason>,
    pub broken_since: Option<DateTimeUtc>,
    /// Refusals in a row of the stored credential.
    pub failures: i32,
    /// No earlier attempt to get a new pair after a failure.
    pub retry_at: Option<DateTimeUtc>,
    /// When the provider last accepted the credential.
    pub last_ok_at: Option<DateTimeUtc>,
    /// Everything that changed at the provider before this is known here, but for what was passed
    /// over.
    pub sync_cursor: Option<DateTimeUtc>,
    /// Readings in a row of what has changed in which something could not be taken in; counted as
    /// far as it matters.
    pub sync_failures: i32,
    /// Of what changed at the provider from here on, until `passed_over_until`, something was
    /// passed over and is still to be tried again.
    pub passed_over_from: Option<DateTimeUtc>,
    /// Set together with `passed_over_from`.
    pub passed_over_until: Option<DateTimeUtc>,
    /// When its health was last looked at by itself.
    pub checked_at: Option<DateTimeUtc>,
    pub disconnected_at: Option<DateTimeUtc>,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

// The sealed texts are no secrets, but nothing is gained by showing them either; nor by showing the
// address.
impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("connection::Model")
            .field("id", &self.id)
            .field("coach_id", &self.coach_id)
            .field("provider", &self.provider)
            .field("kind", &self.kind)
            .field("health", &self.health)
            .field("token_version", &self.token_version)
            .field("disconnected_at", &self.disconnected_at)
            .finish_non_exhaustive()
    }
}

impl Model {
    /// Whether we may act through it: a credential is there, and nobody has taken it away.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.kind != Kind::Observed && self.disconnected_at.is_none()
    }
}

impl Entity {
    /// Connections through which we may act.
    pub fn find_live(provider: &str) -> Select<Self> {
        Self::find()
            .filter(Column::Provider.eq(provider))
            .filter(Column::Kind.ne(Kind::Observed))
            .filter(Column::DisconnectedAt.is_null())
    }

    /// Connections through which we may act, at whichever provider.
    pub fn find_any_live() -> Select<Self> {
        Self::find()
            .filter(Column::Kind.ne(Kind::Observed))
            .filter(Column::DisconnectedAt.is_null())
    }

    /// The connection to one account at a provider.
    pub fn find_by_external(provider: &str, external_id: &str) -> Select<Self> {
        Self::find()
            .filter(Column::Provider.eq(provider))
            .filter(Column::ExternalId.eq(external_id))
    }
}
