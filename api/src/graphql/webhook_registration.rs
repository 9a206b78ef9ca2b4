//! Webhooks that we had a provider register. For staff.

use async_graphql::{Context, ID, InputObject, Object};
use entity::webhook_registration::{Model, Scope as WebhookScope};

use super::context::{app, caller};
use super::error::Result;
use super::id::Kind;
use super::payload::payload;
use super::scalars::DateTime;
use crate::domain;
use crate::domain::scheduling::cal_com::webhook_registrations;

/// A webhook that a provider sends us. Its secret is never shown.
#[derive(async_graphql::Description)]
pub struct WebhookRegistration(Model);

#[Object(use_type_description)]
impl WebhookRegistration {
    /// Global id.
    async fn id(&self) -> ID {
        Kind::WebhookRegistration.id(self.0.id)
    }

    /// Who sends it, for example calcom.
    async fn provider(&self) -> &str {
        &self.0.provider
    }

    /// Whose bookings it tells of.
    async fn scope(&self) -> WebhookScope {
        self.0.scope
    }

    /// Where it is sent.
    async fn url(&self) -> &str {
        &self.0.url
    }

    /// What it tells of, in the provider's words.
    async fn triggers(&self) -> &[String] {
        &self.0.triggers.0
    }

    /// Whether the provider has confirmed it.
    async fn is_registered(&self) -> bool {
        self.0.external_id.is_some()
    }

    /// Until when the secret before the present one is accepted; null when it was never replaced.
    async fn previous_secret_valid_until(&self) -> Option<DateTime> {
        self.0.previous_valid_until.map(DateTime)
    }

    /// When it was last seen to be at the provider as it should be.
    async fn checked_at(&self) -> Option<DateTime> {
        self.0.checked_at.map(DateTime)
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// Last change.
    async fn updated_at(&self) -> DateTime {
        DateTime(self.0.updated_at)
    }
}

/// Webhooks, for staff.
#[derive(Default)]
pub struct AdminWebhookRegistrations;

#[Object]
impl AdminWebhookRegistrations {
    /// All webhooks that we had registered, the oldest first.
    async fn webhook_registrations(&self, ctx: &Context<'_>) -> Result<Vec<WebhookRegistration>> {
        let rows = webhook_registrations::list(app(ctx), caller(ctx)).await?;
        Ok(rows.into_iter().map(WebhookRegistration).collect())
    }
}

/// Input of ensureWebhook.
#[derive(Clone, Debug, InputObject)]
pub struct EnsureWebhookInput {
    /// The account whose bookings are to be told of.
    pub connection_id: ID,
}

/// Input of deleteWebhook and rotateWebhookSecret.
#[derive(Clone, Debug, InputObject)]
pub struct WebhookRegistrationInput {
    /// Which one.
    pub webhook_registration_id: ID,
}

/// Input of setWebhookTriggers.
#[derive(Clone, Debug, InputObject)]
pub struct SetWebhookTriggersInput {
    /// Which one.
    pub webhook_registration_id: ID,
    /// What it is to tell of, in the provider's words, for example BOOKING_CREATED. At least one.
    pub triggers: Vec<String>,
}

payload!(EnsureWebhookPayload, "Result of ensureWebhook.", webhook_registration: WebhookRegistration, "The webhook.");
payload!(DeleteWebhookPayload, "Result of deleteWebhook.", webhook_registration: WebhookRegistration, "What it was.");
payload!(SetWebhookTriggersPayload, "Result of setWebhookTriggers.", webhook_registration: WebhookRegistration, "The webhook.");
payload!(RotateWebhookSecretPayload, "Result of rotateWebhookSecret.", webhook_registration: WebhookRegistration, "The webhook.");

/// Changing webhooks.
#[derive(Default)]
pub struct WebhookRegistrationMutation;

#[Object]
impl WebhookRegistrationMutation {
    /// See to it now that the webhook of an account is registered as it should be, instead of once a day. For staff.
    async fn ensure_webhook(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose.")] input: EnsureWebhookInput,
    ) -> Result<EnsureWebhookPayload> {
        let done: domain::Result<_> = async {
            let id = Kind::Connection.key("connectionId", &input.connection_id)?;
            webhook_registrations::ensure_now(app(ctx), caller(ctx), id).await
        }
        .await;
        EnsureWebhookPayload::new(done, WebhookRegistration)
    }

    /// Delete a webhook here and at its provider. While its account is connected, the next daily look makes it again. For staff.
    async fn delete_webhook(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one.")] input: WebhookRegistrationInput,
    ) -> Result<DeleteWebhookPayload> {
        let done: domain::Result<_> = async {
            let id = Kind::WebhookRegistration
                .key("webhookRegistrationId", &input.webhook_registration_id)?;
            webhook_registrations::delete(app(ctx), caller(ctx), id).await
        }
        .await;
        DeleteWebhookPayload::new(done, WebhookRegistration)
    }

    /// Choose what a webhook tells of. For staff.
    async fn set_webhook_triggers(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one, and what.")] input: SetWebhookTriggersInput,
    ) -> Result<SetWebhookTriggersPayload> {
        let done: domain::Result<_> = async {
            let id = Kind::WebhookRegistration
                .key("webhookRegistrationId", &input.webhook_registration_id)?;
            webhook_registrations::set_triggers(app(ctx), caller(ctx), id, input.triggers).await
        }
        .await;
        SetWebhookTriggersPayload::new(done, WebhookRegistration)
    }

    /// Replace the secret that a webhook is signed with. The one before is accepted for another 24 hours. For staff.
    async fn rotate_webhook_secret(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one.")] input: WebhookRegistrationInput,
    ) -> Result<RotateWebhookSecretPayload> {
        let done: domain::Result<_> = async {
            let id = Kind::WebhookRegistration
                .key("webhookRegistrationId", &input.webhook_registration_id)?;
            webhook_registrations::rotate_secret(app(ctx), caller(ctx), id).await
        }
        .await;
        RotateWebhookSecretPayload::new(done, WebhookRegistration)
    }
}
