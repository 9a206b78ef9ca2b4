//! Accounts of coaches at providers. The domain calls them connections; the schema does not,
//! because Relay uses that word for paginated lists.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use entity::connection::{Health, HealthReason, Kind as ConnectionKind, Model};

use super::context::{app, caller};
use super::error::Result;
use super::id::Kind;
use super::payload::payload;
use super::scalars::{DateTime, Url};
use crate::domain::connection::{self, AccountFate, Action};
use crate::domain::scheduling::cal_com;

/// An account at a provider through which a coach's calendar is kept. There for its coach and staff only. Tokens are never shown.
#[derive(async_graphql::Description)]
pub struct ConnectedAccount(pub(super) Model);

#[Object(use_type_description)]
impl ConnectedAccount {
    /// Global id.
    async fn id(&self) -> ID {
        Kind::Connection.id(self.0.id)
    }

    /// Where the account is, for example calcom.
    async fn provider(&self) -> &str {
        &self.0.provider
    }

    /// How it is acted for.
    async fn kind(&self) -> ConnectionKind {
        self.0.kind
    }

    /// The account's address, as its owner knows it.
    async fn email(&self) -> Option<&str> {
        self.0.external_email.as_deref()
    }

    /// The account's public name at the provider.
    async fn username(&self) -> Option<&str> {
        self.0.external_username.as_deref()
    }

    /// How well it works. OBSERVED once it is disconnected.
    async fn health(&self) -> Health {
        self.0.health
    }

    /// Why it is not well; null when it is.
    async fn health_reason(&self) -> Option<HealthReason> {
        self.0.health_reason
    }

    /// What mends it; null when nothing is to be done.
    async fn action(&self) -> Option<Action> {
        connection::action(&self.0)
    }

    /// Since when it does not work.
    async fn broken_since(&self) -> Option<DateTime> {
        self.0.broken_since.map(DateTime)
    }

    /// When the consent ends unless it is renewed, which happens by itself; null when it does not end.
    async fn consent_ends_at(&self) -> Option<DateTime> {
        self.0.refresh_expires_at.map(DateTime)
    }

    /// When the provider last accepted the credential.
    async fn last_ok_at(&self) -> Option<DateTime> {
        self.0.last_ok_at.map(DateTime)
    }

    /// When it was disconnected; null while it is connected.
    async fn disconnected_at(&self) -> Option<DateTime> {
        self.0.disconnected_at.map(DateTime)
    }

    /// When the account was first known here.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// Last change.
    async fn updated_at(&self) -> DateTime {
        DateTime(self.0.updated_at)
    }
}

/// Input of startConnection.
#[derive(Clone, Debug, InputObject)]
pub struct StartConnectionInput {
    /// Whose; the caller's own profile when left out. Only staff name another one.
    pub coach_id: Option<ID>,
    /// Where the browser goes afterwards, one of the addresses the server allows. `connection` is added to its query: `pending` with a
    /// `ticket` for finishConnection, or `denied`, `expired` or `failed`.
    pub redirect_to: Url,
}

/// Input of finishConnection.
#[derive(Clone, InputObject)]
pub struct FinishConnectionInput {
    /// The `ticket` in the address that the browser was sent to. Valid once, for five minutes.
    pub ticket: String,
}

/// Input of connectWithApiKey.
#[derive(Clone, InputObject)]
pub struct ConnectWithApiKeyInput {
    /// Whose; the caller's own profile when left out. Only staff name another one.
    pub coach_id: Option<ID>,
    /// The key, made in the settings of Cal.com. It begins with `cal_`.
    pub api_key: String,
}

/// Input of provisionCoach.
#[derive(Clone, Debug, InputObject)]
pub struct ProvisionCoachInput {
    /// Whose; the caller's own profile when left out. Only staff name another one.
    pub coach_id: Option<ID>,
}

/// Input of disconnectAccount.
#[derive(Clone, Debug, InputObject)]
pub struct DisconnectAccountInput {
    /// The connected account.
    pub connection_id: ID,
    /// Also delete the account at the provider for good, with all its bookings. Only for kind MANAGED_USER.
    #[graphql(default)]
    pub delete_account: bool,
}

/// Where to send the browser, and until when.
#[derive(Clone, Debug, SimpleObject)]
pub struct ConsentPage {
    /// The provider's page for giving consent, for the browser of the person who asked for it.
    authorize_url: Url,
    /// It works until then, once.
    expires_at: DateTime,
}

payload!(StartConnectionPayload, "Result of startConnection.", consent_page: ConsentPage, "Where to send the browser.");
payload!(FinishConnectionPayload, "Result of finishConnection.", account: ConnectedAccount, "The connected account.");
payload!(ConnectWithApiKeyPayload, "Result of connectWithApiKey.", account: ConnectedAccount, "The connected account.");
payload!(ProvisionCoachPayload, "Result of provisionCoach.", account: ConnectedAccount, "The connected account.");
payload!(DisconnectAccountPayload, "Result of disconnectAccount.", account: ConnectedAccount, "What was connected.");

/// Mutations of connected accounts.
#[derive(Default)]
pub struct ConnectedAccountMutation;

#[Object]
impl ConnectedAccountMutation {
    /// Begin to connect a Cal.com account that the coach owns: gives the page where they consent. For the coach and staff.
    async fn start_connection(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose, and where to return to.")] input: StartConnectionInput,
    ) -> Result<StartConnectionPayload> {
        let done = async {
            let coach_id = Kind::Coach.find_key("coachId", input.coach_id.as_ref())?;
            let start = connection::Start {
                provider: cal_com::PROVIDER,
                coach_id,
                redirect_to: input.redirect_to.0,
            };
            connection::start(app(ctx), caller(ctx), start).await
        };
        StartConnectionPayload::new(done.await, |started| ConsentPage {
            authorize_url: Url(started.authorize_url),
            expires_at: DateTime(started.expires_at),
        })
    }

    /// Connect the account whose owner has consented. For the person who called startConnection, and the coach whom the account is for;
    /// for anyone else the ticket is NOT_FOUND, and void from then on.
    async fn finish_connection(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] input: FinishConnectionInput,
    ) -> Result<FinishConnectionPayload> {
        let done = connection::finish(app(ctx), caller(ctx), &input.ticket.into()).await;
        FinishConnectionPayload::new(done, ConnectedAccount)
    }

    /// Connect a Cal.com account by an API key, which is tried before it is kept. For the coach and staff.
    async fn connect_with_api_key(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The key.")] input: ConnectWithApiKeyInput,
    ) -> Result<ConnectWithApiKeyPayload> {
        let done = async {
            let coach_id = Kind::Coach.find_key("coachId", input.coach_id.as_ref())?;
            cal_com::connect_with_api_key(app(ctx), caller(ctx), coach_id, input.api_key.into())
                .await
        };
        let done = done.await;
        ConnectWithApiKeyPayload::new(done, ConnectedAccount)
    }

    /// Have an account made at Cal.com for a coach, and connect it. Safe to ask for again. For the coach and staff.
    async fn provision_coach(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "For whom.")] input: ProvisionCoachInput,
    ) -> Result<ProvisionCoachPayload> {
        let done = async {
            let coach_id = Kind::Coach.find_key("coachId", input.coach_id.as_ref())?;
            cal_com::provision(app(ctx), caller(ctx), coach_id).await
        };
        let done = done.await;
        ProvisionCoachPayload::new(done, ConnectedAccount)
    }

    /// Disconnect an account: its tokens are erased here. Bookings stay. For the coach and staff.
    async fn disconnect_account(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which account.")] input: DisconnectAccountInput,
    ) -> Result<DisconnectAccountPayload> {
        let done = async {
            let connection_id = Kind::Connection.key("connectionId", &input.connection_id)?;
            let account = if input.delete_account {
                AccountFate::Deleted
            } else {
                AccountFate::Kept
            };
            connection::disconnect(
                app(ctx),
                caller(ctx),
                connection::Disconnect {
                    connection_id,
                    account,
                },
            )
            .await
        };
        let done = done.await;
        DisconnectAccountPayload::new(done, ConnectedAccount)
    }
}
