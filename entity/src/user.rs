//! An account, created with the first valid token of a person.

use sea_orm::entity::prelude::*;
use sea_orm::{Condition, QueryFilter};

/// What a person may do.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, async_graphql::Enum,
)]
#[sea_orm(
    rs_type = "String",
    db_type = "Text",
    rename_all = "SCREAMING_SNAKE_CASE"
)]
#[graphql(name = "Role")]
pub enum Role {
    /// Books sessions.
    Client,
    /// Gives sessions; may book others' too.
    Coach,
    /// Staff of the marketplace.
    Admin,
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "user")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// `iss` of the tokens this account signs in with.
    pub issuer: String,
    /// `sub` of the tokens; unique together with the issuer.
    pub subject: String,
    /// In lower case, ASCII letters only.
    pub email: Option<String>,
    /// Only a verified address claims bookings that were made for it elsewhere.
    pub email_verified: bool,
    pub display_name: String,
    /// IANA name.
    pub time_zone: String,
    pub role: Role,
    /// When it was suspended: the person can sign in but neither read nor change anything of their
    /// own.
    pub suspended_at: Option<DateTimeUtc>,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(has_one = "crate::coach::Entity")]
    Coach,
}

impl Related<crate::coach::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Coach.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// The display name of a person whose name is not known. Others see it, so it must not be an
    /// address.
    pub const NO_NAME: &'static str = "New member";

    /// Whether the name of the person is not known.
    #[must_use]
    pub fn has_no_name(&self) -> bool {
        self.display_name.is_empty()
            || self.display_name == Self::NO_NAME
            || self.email.as_ref() == Some(&self.display_name)
    }

    /// The address, if it is verified.
    #[must_use]
    pub fn verified_email(&self) -> Option<&str> {
        self.email.as_deref().filter(|_| self.email_verified)
    }
}

impl Entity {
    /// The account that signs in with this issuer and subject.
    pub fn find_by_subject(issuer: &str, subject: &str) -> Select<Self> {
        Self::find().filter(
            Condition::all()
                .add(Column::Issuer.eq(issuer))
                .add(Column::Subject.eq(subject)),
        )
    }

    /// Accounts whose verified address this is (as it is stored).
    pub fn find_by_verified_email(email: &str) -> Select<Self> {
        Self::find()
            .filter(Column::Email.eq(email))
            .filter(Column::EmailVerified.eq(true))
    }
}
