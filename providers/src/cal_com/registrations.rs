//! Webhook registrations of a user, an event type or a whole platform client.
//!
//! An event that matches several registrations is sent once for each, so register at one level
//! only.

use secrecy::{ExposeSecret, SecretString};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::client::Client;
use super::credential::Credential;
use super::request::Request;
use crate::cal_com::Error;
use crate::error::Kind;
use crate::lenient::{FromValue, Lenient, object};
use crate::provider::Provider;

/// The events that a webhook receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WebhookScope {
    /// Events of the credential's account.
    User,
    /// Bookings of one event type.
    EventType(i64),
    /// Events of all managed users of the platform client, without recordings, absences and forms.
    Client,
}

/// A registered webhook. `Debug` shows neither its secret nor its URL.
#[derive(Clone)]
pub struct WebhookRegistration {
    /// A UUID.
    pub id: String,
    /// The target URL.
    pub subscriber_url: String,
    /// Whether deliveries are sent.
    pub active: bool,
    /// The names of the triggers, see [`webhook::Trigger`](super::webhook::Trigger).
    pub triggers: Vec<String>,
    /// The secret that signs deliveries. Cal.com shows it to anyone who may list webhooks. Without
    /// one, deliveries are not authenticated.
    pub secret: Option<SecretString>,
    /// Replaces the body of deliveries, which [`parse()`](super::webhook::parse()) then cannot
    /// read.
    pub payload_template: Option<String>,
    /// The version of the body's format.
    pub version: Option<String>,
}

quiet_debug!(WebhookRegistration {
    id,
    active,
    triggers,
    version
});

/// A webhook to register, or the changes to one; `None` leaves a field unchanged. To register,
/// `subscriber_url`, `active` and `triggers` are required.
#[derive(Clone, Default)]
pub struct WebhookChange {
    /// The target URL. Newer servers accept public https addresses only.
    pub subscriber_url: Option<String>,
    /// Whether deliveries are sent.
    pub active: Option<bool>,
    /// The names of the triggers. Unknown ones are refused.
    pub triggers: Option<Vec<String>>,
    /// The secret that signs deliveries.
    pub secret: Option<SecretString>,
    /// Replaces the body of deliveries.
    pub payload_template: Option<String>,
    /// The version of the body's format; `2021-10-20` is the only one.
    pub version: Option<String>,
}

quiet_debug!(WebhookChange {
    active,
    triggers,
    version
});

impl Serialize for WebhookChange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(url) = &self.subscriber_url {
            map.serialize_entry("subscriberUrl", url)?;
        }
        if let Some(active) = &self.active {
            map.serialize_entry("active", active)?;
        }
        if let Some(triggers) = &self.triggers {
            map.serialize_entry("triggers", triggers)?;
        }
        if let Some(secret) = &self.secret {
            map.serialize_entry("secret", secret.expose_secret())?;
        }
        if let Some(template) = &self.payload_template {
            map.serialize_entry("payloadTemplate", template)?;
        }
        if let Some(version) = &self.version {
            map.serialize_entry("version", version)?;
        }
        map.end()
    }
}

/// The routes of one level.
struct Routes {
    create: &'static str,
    list: &'static str,
    delete_all: Option<&'static str>,
    get: &'static str,
    update: &'static str,
    delete: &'static str,
}

const USER: Routes = Routes {
    create: "POST /v2/webhooks",
    list: "GET /v2/webhooks",
    delete_all: None,
    get: "GET /v2/webhooks/{id}",
    update: "PATCH /v2/webhooks/{id}",
    delete: "DELETE /v2/webhooks/{id}",
};

const EVENT_TYPE: Routes = Routes {
    create: "POST /v2/event-types/{type}/webhooks",
    list: "GET /v2/event-types/{type}/webhooks",
    delete_all: Some("DELETE /v2/event-types/{type}/webhooks"),
    get: "GET /v2/event-types/{type}/webhooks/{id}",
    update: "PATCH /v2/event-types/{type}/webhooks/{id}",
    delete: "DELETE /v2/event-types/{type}/webhooks/{id}",
};

const CLIENT: Routes = Routes {
    create: "POST /v2/oauth-clients/{client}/webhooks",
    list: "GET /v2/oauth-clients/{client}/webhooks",
    delete_all: Some("DELETE /v2/oauth-clients/{client}/webhooks"),
    get: "GET /v2/oauth-clients/{client}/webhooks/{id}",
    update: "PATCH /v2/oauth-clients/{client}/webhooks/{id}",
    delete: "DELETE /v2/oauth-clients/{client}/webhooks/{id}",
};

impl WebhookScope {
    const fn routes(self) -> &'static Routes {
        match self {
            Self::User => &USER,
            Self::EventType(_) => &EVENT_TYPE,
            Self::Client => &CLIENT,
        }
    }

    fn fill(self, client: &Client, request: Request) -> Result<Request, Error> {
        Ok(match self {
            Self::User => request,
            Self::EventType(id) => request.fill(id),
            Self::Client => request.fill(&client.platform()?.client_id),
        })
    }
}

impl Client {
    /// Registers a webhook. [`WebhookScope::Client`] requires [`Credential::Platform`].
    ///
    /// # Errors
    /// See [`Client`]; `DuplicateUrl` when the scope already has that URL.
    pub async fn create_webhook(
        &self,
        credential: &Credential,
        scope: WebhookScope,
        webhook: &WebhookChange,
    ) -> Result<WebhookRegistration, Error> {
        let request = scope
            .fill(self, Request::once(scope.routes().create))?
            .json(webhook);
        self.call(credential, request).await?.one("webhook")
    }

    /// Lists the webhooks of one level; at most and by default 250.
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn list_webhooks(
        &self,
        credential: &Credential,
        scope: WebhookScope,
        take: Option<u32>,
        skip: Option<u32>,
    ) -> Result<Vec<WebhookRegistration>, Error> {
        let request = scope
            .fill(self, Request::read(scope.routes().list))?
            .maybe("take", take)
            .maybe("skip", skip);
        self.call(credential, request).await?.all("webhook")
    }

    /// # Errors
    /// See [`Client`]; `NotOwner` when it belongs to another user.
    pub async fn get_webhook(
        &self,
        credential: &Credential,
        scope: WebhookScope,
        id: &str,
    ) -> Result<WebhookRegistration, Error> {
        let request = scope
            .fill(self, Request::read(scope.routes().get))?
            .fill(id);
        self.call(credential, request).await?.one("webhook")
    }

    /// # Errors
    /// See [`Client`].
    pub async fn update_webhook(
        &self,
        credential: &Credential,
        scope: WebhookScope,
        id: &str,
        change: &WebhookChange,
    ) -> Result<WebhookRegistration, Error> {
        let request = scope
            .fill(self, Request::idempotent(scope.routes().update))?
            .fill(id)
            .json(change);
        self.call(credential, request).await?.one("webhook")
    }

    /// # Errors
    /// See [`Client`].
    pub async fn delete_webhook(
        &self,
        credential: &Credential,
        scope: WebhookScope,
        id: &str,
    ) -> Result<(), Error> {
        let request = scope
            .fill(self, Request::idempotent(scope.routes().delete))?
            .fill(id);
        self.call(credential, request).await.map(drop)
    }

    /// Deletes all webhooks of an event type or of the client.
    ///
    /// # Errors
    /// See [`Client`]; `Rejected` for [`WebhookScope::User`], which has no such route.
    pub async fn delete_all_webhooks(
        &self,
        credential: &Credential,
        scope: WebhookScope,
    ) -> Result<(), Error> {
        let Some(route) = scope.routes().delete_all else {
            let detail = "a user's webhooks are deleted one by one";
            return Err(Error::new(Provider::CalCom, Kind::Rejected, detail));
        };
        let request = scope.fill(self, Request::idempotent(route))?;
        self.call(credential, request).await.map(drop)
    }
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Wire {
    id: Lenient<String>,
    subscriber_url: Lenient<String>,
    active: Lenient<bool>,
    #[serde(alias = "eventTriggers")]
    triggers: Lenient<Vec<String>>,
    secret: Lenient<String>,
    payload_template: Lenient<String>,
    version: Lenient<String>,
}

impl FromValue for WebhookRegistration {
    fn from_value(value: Value) -> Option<Self> {
        let wire: Wire = object(value)?;
        Some(Self {
            id: wire.id.filled()?,
            subscriber_url: wire.subscriber_url.filled()?,
            active: wire.active.0.unwrap_or_default(),
            triggers: wire.triggers.0.unwrap_or_default(),
            secret: wire.secret.filled().map(SecretString::from),
            payload_template: wire.payload_template.filled(),
            version: wire.version.filled(),
        })
    }
}
