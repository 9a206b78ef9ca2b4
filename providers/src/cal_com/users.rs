//! Managed users: accounts that the platform owns for its users.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::client::Client;
use super::credential::Credential;
use super::request::Request;
use super::tokens::TokenPair;
use crate::cal_com::Error;
use crate::lenient::{FromValue, Lenient, object};

/// A managed user, or the account of a credential.
///
/// `Debug` shows no names and addresses.
#[derive(Clone, PartialEq)]
pub struct User {
    /// Cal.com's id.
    pub id: i64,
    /// In Cal.com's format, see [`plain_email`](super::plain_email).
    pub email: String,
    /// Part of public links. It is derived from the mail address and changes with it.
    pub username: Option<String>,
    /// Shown to attendees.
    pub name: Option<String>,
    /// Shown to attendees.
    pub bio: Option<String>,
    /// A URL.
    pub avatar_url: Option<String>,
    /// An IANA time zone.
    pub time_zone: Option<String>,
    /// The English name of a weekday, such as `Monday`.
    pub week_start: Option<String>,
    /// 12 or 24 hours.
    pub time_format: Option<i64>,
    /// The schedule of event types that name none. Without one there are no slots.
    pub default_schedule_id: Option<i64>,
    /// A language code, such as `en`.
    pub locale: Option<String>,
    /// When the account was created.
    pub created_at: Option<DateTime<Utc>>,
    /// Texts attached through the API. Only managed users have any.
    pub metadata: BTreeMap<String, String>,
    /// Only [`Client::get_me`] and [`Client::update_me`] return it.
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
    /// The real address; Cal.com adds the client's id to it. Upper case is kept.
    pub email: String,
    /// Shown to attendees.
    pub name: String,
    /// All other fields. Without a zone there is no schedule, and therefore no slots.
    #[serde(flatten)]
    pub profile: Profile,
    /// Up to 50 texts of up to 500 characters under names of up to 40.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

quiet_debug!(NewUser { profile });

/// The changes to an account; `None` leaves a field unchanged.
#[derive(Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UserChange {
    /// Changes the username, and with it all public links.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Shown to attendees.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The schedule of event types that name none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_schedule_id: Option<i64>,
    /// All other settings.
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

/// The profile of an account.
#[derive(Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    /// 12 or 24 hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_format: Option<i64>,
    /// The English name of a weekday, such as `Monday`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub week_start: Option<String>,
    /// An IANA time zone; others are refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// A language code, such as `en`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// A URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avatar_url: Option<String>,
    /// Shown to attendees.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bio: Option<String>,
}

quiet_debug!(Profile {
    time_format,
    week_start,
    time_zone,
    locale
});

/// A managed user and its tokens.
#[derive(Debug, Clone)]
pub struct CreatedUser {
    /// The user as Cal.com stores it.
    pub user: User,
    /// To be stored encrypted.
    pub tokens: TokenPair,
}

impl Client {
    /// Creates a managed user.
    ///
    /// # Errors
    /// See [`Client`]; `UserExists` contains the id of the user with that address. After a lost
    /// response, [`Self::list_users`] finds it by address, and [`Self::force_refresh`] returns
    /// tokens.
    pub async fn create_user(&self, user: &NewUser) -> Result<CreatedUser, Error> {
        let request = Request::once("POST /v2/oauth-clients/{client}/users")
            .fill(&self.platform()?.client_id)
            .json(user);
        self.call(&Credential::Platform, request)
            .await?
            .one("managed user with tokens")
    }

    /// Lists managed users: those with one of the addresses (real or in Cal.com's format), or all.
    /// 50 if no limit is given.
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
    /// See [`Client`]; the kind is `Conflict` when another user has the address.
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

    /// Deletes a managed user irrevocably: tokens become invalid, bookings are deleted, and no
    /// webhook is sent. Returns the deleted user.
    ///
    /// # Errors
    /// See [`Client`]; `UnknownUser` when it is already deleted.
    pub async fn delete_user(&self, id: i64) -> Result<User, Error> {
        let request = Request::idempotent("DELETE /v2/oauth-clients/{client}/users/{id}");
        let request = request.fill(&self.platform()?.client_id).fill(id);
        self.call(&Credential::Platform, request)
            .await?
            .one("managed user")
    }

    /// Reads the credential's account.
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn get_me(&self, credential: &Credential) -> Result<User, Error> {
        self.call(credential, Request::read("GET /v2/me"))
            .await?
            .one("account")
    }

    /// Changes the credential's account.
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
    id: Lenient<i64>,
    email: Lenient<String>,
    username: Lenient<String>,
    name: Lenient<String>,
    bio: Lenient<String>,
    avatar_url: Lenient<String>,
    time_zone: Lenient<String>,
    week_start: Lenient<String>,
    time_format: Lenient<i64>,
    default_schedule_id: Lenient<i64>,
    locale: Lenient<String>,
    created_date: Lenient<DateTime<Utc>>,
    metadata: Lenient<BTreeMap<String, String>>,
    organization_id: Lenient<i64>,
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
