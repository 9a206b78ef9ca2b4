//! Webhook deliveries and failed jobs, for staff.

use async_graphql::{Context, ID, InputObject, Object};
use entity::job::{Model as JobRow, Status as JobStatus};
use entity::webhook_delivery::{Model, Status};

use super::booking::Booking;
use super::connection::{Connection, page};
use super::context::{app, caller};
use super::error::Result;
use super::id::Kind;
use super::payload::payload;
use super::scalars::DateTime;
use crate::domain::{self, booking, job, webhook};

/// One signed request that a provider sent us.
#[derive(async_graphql::Description)]
pub struct WebhookDelivery(Model);

#[Object(use_type_description)]
impl WebhookDelivery {
    /// Global id.
    pub(crate) async fn id(&self) -> ID {
        Kind::WebhookDelivery.id(self.0.id)
    }

    /// Who sent it, for example calcom.
    async fn provider(&self) -> &str {
        &self.0.provider
    }

    /// The event's name at the provider.
    async fn trigger(&self) -> &str {
        &self.0.trigger
    }

    /// The provider's uid of the booking, where it names one.
    async fn uid(&self) -> Option<&str> {
        self.0.uid.as_deref()
    }

    /// The webhook whose secret signed it, which is kept when the delivery is replayed. Null for a secret of the settings, which is the platform's. The webhook may have been deleted since.
    async fn webhook_registration_id(&self) -> Option<ID> {
        let id = self.0.registration_id?;
        Some(Kind::WebhookRegistration.id(id))
    }

    /// The account that may be spoken of by it. Null for the platform, which speaks of the accounts that it made and of those without a webhook of their own.
    async fn connection_id(&self) -> Option<ID> {
        let id = self.0.connection_id?;
        Some(Kind::Connection.id(id))
    }

    /// Where it stands.
    async fn status(&self) -> Status {
        self.0.status
    }

    /// Why it was given up or refused.
    async fn failure(&self) -> Option<&str> {
        self.0.failure.as_deref()
    }

    /// The booking it is about, once that is known.
    async fn booking(&self, ctx: &Context<'_>) -> Option<Result<Booking>> {
        let id = self.0.booking_id?;
        Some(
            booking::get(app(ctx), caller(ctx), id)
                .await
                .map(Booking::new)
                .map_err(Into::into),
        )
    }

    /// Under which id logs and history tell more.
    async fn correlation_id(&self) -> &str {
        &self.0.correlation_id
    }

    /// When the provider says it sent it.
    async fn sent_at(&self) -> Option<DateTime> {
        self.0.sent_at.map(DateTime)
    }

    /// When it came.
    async fn received_at(&self) -> DateTime {
        DateTime(self.0.received_at)
    }

    /// When its effect was in the database.
    async fn processed_at(&self) -> Option<DateTime> {
        self.0.processed_at.map(DateTime)
    }
}

/// A piece of work.
#[derive(async_graphql::Description)]
pub struct Job(JobRow);

#[Object(use_type_description)]
impl Job {
    /// Global id.
    pub(crate) async fn id(&self) -> ID {
        Kind::Job.id(self.0.id)
    }

    /// What it does, for example project_delivery.
    async fn kind(&self) -> &str {
        &self.0.kind
    }

    /// Where it stands.
    async fn status(&self) -> JobStatus {
        self.0.status
    }

    /// How often it was tried.
    async fn attempts(&self) -> i32 {
        self.0.attempts
    }

    /// Why the last attempt failed.
    async fn last_error(&self) -> Option<&str> {
        self.0.last_error.as_deref()
    }

    /// From when on it is to be done.
    async fn run_at(&self) -> DateTime {
        DateTime(self.0.run_at)
    }

    /// Under which id logs and history tell more.
    async fn correlation_id(&self) -> &str {
        &self.0.correlation_id
    }
}

/// Webhook deliveries and failed jobs, for staff.
#[derive(Default)]
pub struct AdminDeliveries;

#[Object]
impl AdminDeliveries {
    /// Webhooks that came in, the newest first.
    async fn webhook_deliveries(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only those that stand there.")] status: Option<Status>,
        #[graphql(
            desc = "Items from the start, 1 to 100. Give first or last, not both; without either, 20 are returned."
        )]
        first: Option<i32>,
        #[graphql(desc = "Only items after this cursor.")] after: Option<String>,
        #[graphql(desc = "Items from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only items before this cursor.")] before: Option<String>,
    ) -> Result<Connection<WebhookDelivery>> {
        let rows = webhook::list(
            app(ctx),
            caller(ctx),
            status,
            &page(first, after, last, before),
        )
        .await?;
        Ok(Connection::new(rows, WebhookDelivery))
    }

    /// Jobs that were given up after their last attempt, the newest first.
    async fn dead_jobs(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Items from the start, 1 to 100. Give first or last, not both; without either, 20 are returned."
        )]
        first: Option<i32>,
        #[graphql(desc = "Only items after this cursor.")] after: Option<String>,
        #[graphql(desc = "Items from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only items before this cursor.")] before: Option<String>,
    ) -> Result<Connection<Job>> {
        let rows = job::list_dead(app(ctx), caller(ctx), &page(first, after, last, before)).await?;
        Ok(Connection::new(rows, Job))
    }
}

/// Input of replayWebhook.
#[derive(InputObject)]
pub struct ReplayWebhookInput {
    /// The delivery.
    pub webhook_delivery_id: ID,
}

/// Input of replayJob.
#[derive(InputObject)]
pub struct ReplayJobInput {
    /// A job that was given up.
    pub job_id: ID,
}

payload!(ReplayWebhookPayload, "Result of replayWebhook.", webhook_delivery: WebhookDelivery, "The delivery, RECEIVED again.");
payload!(ReplayJobPayload, "Result of replayJob.", job: Job, "The job, WAITING again.");

/// Mutations that replay deliveries and jobs.
#[derive(Default)]
pub struct DeliveryMutation;

#[Object]
impl DeliveryMutation {
    /// Have a delivery understood again, as if it had just come. What it has already brought about is not brought about twice.
    async fn replay_webhook(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which delivery.")] input: ReplayWebhookInput,
    ) -> Result<ReplayWebhookPayload> {
        let done: domain::Result<_> = async {
            let id = Kind::WebhookDelivery.key("webhookDeliveryId", &input.webhook_delivery_id)?;
            webhook::replay(app(ctx), caller(ctx), id).await
        }
        .await;
        ReplayWebhookPayload::new(done, WebhookDelivery)
    }

    /// Have a job that was given up done again.
    async fn replay_job(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which job.")] input: ReplayJobInput,
    ) -> Result<ReplayJobPayload> {
        let done: domain::Result<_> = async {
            let id = Kind::Job.key("jobId", &input.job_id)?;
            job::replay(app(ctx), caller(ctx), id).await
        }
        .await;
        ReplayJobPayload::new(done, Job)
    }
}
