//! Managed users: accounts that the platform owns for its coaches.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::client::Client;
use super::credential::Credential;
use super::lax::{FromValue, Lax, object};
use super::request::Request;
use super::tokens::TokenPair;
use crate::error::Error;

/// What a managed user, or the account behind a credential, says about itself.
///
/// `Debug` shows no names and addresses.
#[derive(Clone, PartialEq)]
pub struct User {
    /// Theirs.
    pub id: i64,
    /// In their spelling: see [`plain_email`](super::plain_email).
    pub email: String,
    /// Part of public links. It is made from the address and changes with it.
    pub username: Option<String>,
    /// As shown to attendees.
    pub name: Option<String>,
    /// As shown to attendees.
    pub bio: Option<String>,
    /// A URL.
    pub avatar_url: Option<String>,
    /// IANA.
    pub time_zone: Option<String>,
    /// In English, such as `Monday`.
    pub week_start: Option<String>,
    /// 12 or 24.
    pub time_format: Option<i64>,
    /// The hours that event types have unless they name others. Without one there are no slots.
    pub default_schedule_id: Option<i64>,
    /// Such as `en`.
    pub locale: Option<String>,
    /// When the account was made.
    pub created_at: Option<DateTime<Utc>>,
    /// Texts that were put there. Only managed users have any.
    pub metadata: BTreeMap<String, String>,
    /// Only [`Client::get_me`] and [`Client::update_me`] tell it.
    pub organization_id: Option<i64>,
}

quiet_debug!(User {
    id,
    time_zone,
    default_schedule_id,
    created_at,
    organization_id
});

/// A managed user to create.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct NewUser {
    /// The plain one; they put the client's id into it. Upper case is kept.
    pub email: String,
    /// As shown to attendees.
    pub name: String,
    /// The rest. Without a zone there is no schedule, and therefore no slots.
    #[serde(flatten)]
    pub profile: Profile,
    /// Up to 50 texts of up to 500 characters under names of up to 40.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

quiet_debug!(NewUser { profile });

/// What is changed of an account; `None` stays as it is.
#[derive(Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UserChange {
    /// It changes the username, and so all public links.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// As shown to attendees.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The hours that event types have unless they name others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_schedule_id: Option<i64>,
    /// The rest.
    #[serde(flatten)]
    pub profile: Profile,
    /// Replaces all texts; only of managed users.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<BTreeMap<String, String>>,
}

quiet_debug!(UserChange {
    default_schedule_id,
    profile
});

/// What may be said about an account.
#[derive(Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    /// 12 or 24.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_format: Option<i64>,
    /// In English, such as `Monday`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub week_start: Option<String>,
    /// IANA; others are refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// Such as `en`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// A URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avatar_url: Option<String>,
    /// As shown to attendees.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bio: Option<String>,
}

quiet_debug!(Profile {
    time_format,
    week_start,
    time_zone,
    locale
});

/// A managed user and the tokens that stand for them.
#[derive(Debug, Clone)]
pub struct CreatedUser {
    /// As they keep it.
    pub user: User,
    /// To be stored encrypted.
    pub tokens: TokenPair,
}

impl Client {
    /// Creates a managed user.
    ///
    /// # Errors
    /// See [`Client`]; `UserExists` tells the id of the one that has the address. After a lost
    /// answer [`Self::list_users`] by address finds it, and [`Self::force_refresh`] gives tokens.
    pub async fn create_user(&self, user: &NewUser) -> Result<CreatedUser, Error> {
        let request = Request::once("POST /v2/oauth-clients/{client}/users")
            .fill(&self.platform()?.client_id)
            .json(user);
        self.call(&Credential::Platform, request)
            .await?
            .one("managed user with tokens")
    }

    /// Lists managed users: those with one of the addresses (plain or theirs), or all. 50 if no
    /// limit is given.
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn list_users(
        &self,
        emails: &[String],
        limit: Option<u32>,
        offset: Option<u32>,
    ) -> Result<Vec<User>, Error> {
        let request =
            Request::read("GET /v2/oauth-clients/{client}/users").fill(&self.platform()?.client_id);
        let request = request
            .list("emails", emails)
            .maybe("limit", limit)
            .maybe("offset", offset);
        self.call(&Credential::Platform, request)
            .await?
            .all("managed user")
    }

    /// # Errors
    /// See [`Client`].
    pub async fn get_user(&self, id: i64) -> Result<User, Error> {
        let request = Request::read("GET /v2/oauth-clients/{client}/users/{id}");
        let request = request.fill(&self.platform()?.client_id).fill(id);
        self.call(&Credential::Platform, request)
            .await?
            .one("managed user")
    }

    /// # Errors
    /// See [`Client`]; the kind is `Conflict` when somebody has the address.
    pub async fn update_user(&self, id: i64, change: &UserChange) -> Result<User, Error> {
        let request = Request::idempotent("PATCH /v2/oauth-clients/{client}/users/{id}");
        let request = request
            .fill(&self.platform()?.client_id)
            .fill(id)
            .json(change);
        self.call(&Credential::Platform, request)
            .await?
            .one("managed user")
    }

    /// Deletes a managed user at once and for good: tokens die, bookings vanish, and no webhook
    /// tells of it. The answer is what they were.
    ///
    /// # Errors
    /// See [`Client`]; `UnknownUser` when there is nothing left to do.
    pub async fn delete_user(&self, id: i64) -> Result<User, Error> {
        let request = Request::idempotent("DELETE /v2/oauth-clients/{client}/users/{id}");
        let request = request.fill(&self.platform()?.client_id).fill(id);
        self.call(&Credential::Platform, request)
            .await?
            .one("managed user")
    }

    /// The account that a credential stands for.
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn get_me(&self, credential: &Credential) -> Result<User, Error> {
        self.call(credential, Request::read("GET /v2/me"))
            .await?
            .one("account")
    }

    /// Changes the account that a credential stands for.
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn update_me(
        &self,
        credential: &Credential,
        change: &UserChange,
    ) -> Result<User, Error> {
        self.call(credential, Request::idempotent("PATCH /v2/me").json(change))
            .await?
            .one("account")
    }
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Wire {
    id: Lax<i64>,
    email: Lax<String>,
    username: Lax<String>,
    name: Lax<String>,
    bio: Lax<String>,
    avatar_url: Lax<String>,
    time_zone: Lax<String>,
    week_start: Lax<String>,
    time_format: Lax<i64>,
    default_schedule_id: Lax<i64>,
    locale: Lax<String>,
    created_date: Lax<DateTime<Utc>>,
    metadata: Lax<BTreeMap<String, String>>,
    organization_id: Lax<i64>,
}

impl FromValue for User {
    fn from_value(value: Value) -> Option<Self> {
        let wire: Wire = object(value)?;
        Some(Self {
            id: wire.id.0?,
            email: wire.email.filled()?,
            username: wire.username.filled(),
            name: wire.name.filled(),
            bio: wire.bio.filled(),
            avatar_url: wire.avatar_url.filled(),
            time_zone: wire.time_zone.filled(),
            week_start: wire.week_start.filled(),
            time_format: wire.time_format.0,
            default_schedule_id: wire.default_schedule_id.0,
            locale: wire.locale.filled(),
            created_at: wire.created_date.0,
            metadata: wire.metadata.0.unwrap_or_default(),
            organization_id: wire.organization_id.0,
        })
    }
}

impl FromValue for CreatedUser {
    fn from_value(mut value: Value) -> Option<Self> {
        let user = User::from_value(value.get_mut("user")?.take())?;
        Some(Self {
            user,
            tokens: TokenPair::from_value(value)?,
        })
    }
}
