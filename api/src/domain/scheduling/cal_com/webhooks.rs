//! Registers webhooks at Cal.com: exactly one per account, at the broadest level.
//!
//! A booking that matches several registrations is sent once for each. So accounts of the platform
//! share one registration at the platform level, and each other account has its own. The row with
//! its encrypted secret is stored before Cal.com is called, so that the first delivery can be
//! verified.
//!
//! Each registration has an address of its own, which selects its secret. One that an earlier
//! version made at the platform's address is moved by the next check; until shortly after, its
//! deliveries are accepted at both.

use chrono::TimeDelta;
use entity::Uuid;
use entity::connection::{self, Kind as LinkKind};
use entity::webhook_registration::{ActiveModel, Column, Entity, Model, Scope, Triggers};
use providers::cal_com::Error as Fault;
use providers::cal_com::webhook::Trigger;
use providers::cal_com::{
    Client, Credential, Refusal, WebhookChange, WebhookRegistration, WebhookScope,
};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use super::{Account, PROVIDER, client};
use crate::app::App;
use crate::domain::connection::Purpose;
use crate::domain::webhook::secrets::{SECRET, TABLE, open};
use crate::domain::{Conflict, Error, Result};
use crate::vault::{Place, row_key};

/// The default triggers: everything that affects bookings.
const USUAL: [Trigger; 8] = [
    Trigger::BookingCreated,
    Trigger::BookingRequested,
    Trigger::BookingRescheduled,
    Trigger::BookingCancelled,
    Trigger::BookingRejected,
    Trigger::BookingNoShowUpdated,
    Trigger::MeetingStarted,
    Trigger::MeetingEnded,
];

/// How long a registration that was moved is still accepted at the platform's address: deliveries
/// may be in transit.
const IN_TRANSIT: TimeDelta = TimeDelta::hours(1);

/// The addresses for the platform's secrets; below the first are those of registrations.
pub const PATHS: [&str; 3] = [
    "/webhooks/calcom",
    "/api/webhooks/calcom",
    "/api/cal/webhooks/receiver",
];

fn address_of(app: &App, id: Uuid) -> String {
    format!("{}{}/{id}", app.public_url, PATHS[0])
}

/// Whether Cal.com would send to this server there.
fn is_ours(app: &App, url: &str) -> bool {
    url.strip_prefix(&app.public_url).is_some_and(|path| {
        PATHS.contains(&path)
            || path
                .strip_prefix(PATHS[0])
                .is_some_and(|rest| rest.starts_with('/'))
    })
}

pub(super) async fn live(app: &App, connection_id: Uuid) -> Result<Option<connection::Model>> {
    let link = connection::Entity::find_by_id(connection_id)
        .one(app.db.read())
        .await?;
    Ok(link.filter(connection::Model::is_live))
}

/// Ensures that an account's webhook is registered; returns its row, `None` if the server cannot
/// receive deliveries.
pub(super) async fn ensure_registered(
    app: &App,
    link: &connection::Model,
) -> Result<Option<Model>> {
    if !is_reachable(&app.public_url) {
        tracing::warn!(
            "no webhook is registered: PUBLIC_URL is no https address, so Cal.com would send nothing to it"
        );
        return Ok(None);
    }
    let row = row(app, link).await?;
    app.webhook_secrets.read(app).await?;
    let place = place_of(app, &row).await?;
    if row.scope == Scope::Platform {
        clear_own(app, link.coach_id).await?;
    }
    let row = bring_in_step(app, &row, &place)
        .await
        .map_err(|fault| Error::provider("registering a webhook", fault))?;
    app.webhook_secrets.read(app).await?;
    Ok(Some(row))
}

/// The row, inserted if missing. Its id is derived from its scope, so it exists only once.
async fn row(app: &App, link: &connection::Model) -> Result<Model> {
    let client = client(app)?;
    let platform = client
        .platform_client_id()
        .filter(|_| link.kind == LinkKind::ManagedUser);
    let (id, scope, connection_id) = match platform {
        Some(client_id) => (platform_row(client_id), Scope::Platform, None),
        None => (link.id, Scope::User, Some(link.id)),
    };
    let now = app.clock.now();
    let row = ActiveModel {
        id: Set(id),
        connection_id: Set(connection_id),
        provider: Set(PROVIDER.to_owned()),
        scope: Set(scope),
        external_id: Set(None),
        url: Set(address_of(app, id)),
        secret: Set(seal(app, id, SECRET, &new_secret())?),
        previous_secret: Set(None),
        previous_valid_until: Set(None),
        triggers: Set(Triggers(
            USUAL
                .iter()
                .map(|trigger| trigger.as_str().to_owned())
                .collect(),
        )),
        checked_at: Set(None),
        created_at: Set(now),
        updated_at: Set(now),
        platform_url_until: Set(None),
    };
    let once = OnConflict::column(Column::Id).do_nothing().to_owned();
    Entity::insert(row)
        .on_conflict(once)
        .exec_without_returning(app.db.write_one())
        .await?;
    let row = Entity::find_by_id(id).one(app.db.write_one()).await?;
    row.ok_or_else(|| Error::internal("a webhook", "its row is gone"))
}

fn platform_row(client_id: &str) -> Uuid {
    let digest = Sha256::digest(format!("calcom platform webhook {client_id}"));
    Uuid::from_bytes(digest[..16].try_into().expect("a digest has 32 bytes"))
}

/// The scope of a registration, and the credential for it.
pub(super) struct At<'a> {
    client: &'a Client,
    scope: WebhookScope,
    account: Option<Account<'a>>,
}

pub(super) async fn place_of<'a>(app: &'a App, row: &Model) -> Result<At<'a>> {
    let client = client(app)?;
    let Some(connection_id) = row.connection_id else {
        return Ok(At {
            client,
            scope: WebhookScope::Client,
            account: None,
        });
    };
    let link = live(app, connection_id).await?;
    let link = link.ok_or_else(|| {
        Conflict::InvalidState("its account is not connected any more".to_owned())
    })?;
    let account = Account::of_coach(app, link.coach_id, Purpose::Webhook).await?;
    Ok(At {
        client,
        scope: WebhookScope::User,
        account,
    })
}

impl At<'_> {
    async fn call<'c, T, F>(&'c self, ask: impl Fn(&'c Client, Credential) -> F) -> Result<T, Fault>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        match &self.account {
            Some(account) => account.call(ask).await,
            None => ask(self.client, Credential::Platform).await,
        }
    }

    async fn list(&self) -> Result<Vec<WebhookRegistration>, Fault> {
        let scope = self.scope;
        self.call(|client, credential| async move {
            client.list_webhooks(&credential, scope, None, None).await
        })
        .await
    }

    async fn create(&self, change: &WebhookChange) -> Result<WebhookRegistration, Fault> {
        let scope = self.scope;
        self.call(|client, credential| async move {
            client.create_webhook(&credential, scope, change).await
        })
        .await
    }

    async fn update(&self, id: &str, change: &WebhookChange) -> Result<WebhookRegistration, Fault> {
        let scope = self.scope;
        self.call(|client, credential| async move {
            client.update_webhook(&credential, scope, id, change).await
        })
        .await
    }

    pub(super) async fn delete(&self, id: &str) -> Result<(), Fault> {
        let scope = self.scope;
        self.call(|client, credential| async move {
            client.delete_webhook(&credential, scope, id).await
        })
        .await
    }
}

/// Makes this the only registration at Cal.com that sends to this server.
pub(super) async fn bring_in_step(app: &App, row: &Model, at: &At<'_>) -> Result<Model, Fault> {
    let ours = |error: Error| {
        Fault::new(
            providers::Provider::CalCom,
            providers::Kind::Unavailable,
            error.to_string(),
        )
    };
    let secret = open(app, row, SECRET, &row.secret);
    let secret =
        secret.ok_or_else(|| ours(Error::internal("a webhook", "its secret does not open")))?;
    let url = address_of(app, row.id);
    let change = WebhookChange {
        subscriber_url: Some(url.clone()),
        active: Some(true),
        triggers: Some(row.triggers.0.clone()),
        secret: Some(secret.clone()),
        ..WebhookChange::default()
    };
    let mut known = at.list().await?;
    known.retain(|theirs| {
        is_ours(app, &theirs.subscriber_url) || Some(&theirs.id) == row.external_id.as_ref()
    });
    // Our own registration first, if there are several; one that could not be parsed is created
    // again.
    known.sort_by_key(|theirs| {
        (
            theirs.payload_template.is_some(),
            Some(&theirs.id) != row.external_id.as_ref(),
        )
    });
    let kept = known
        .first()
        .filter(|theirs| theirs.payload_template.is_none())
        .cloned();
    for other in known.iter().skip(usize::from(kept.is_some())) {
        at.delete(&other.id).await?;
    }
    let id = match kept {
        Some(theirs) if is_as_wanted(&theirs, row, &change) => theirs.id,
        Some(theirs) => at.update(&theirs.id, &change).await?.id,
        None => match at.create(&change).await {
            // Another process has created it; the next check finds it.
            Err(fault) if fault.refusal == Some(Refusal::DuplicateUrl) => return Err(fault),
            made => made?.id,
        },
    };
    keep(app, row, (id, url)).await.map_err(ours)
}

fn is_as_wanted(theirs: &WebhookRegistration, row: &Model, change: &WebhookChange) -> bool {
    let sorted = |triggers: &[String]| {
        let mut triggers = triggers.to_vec();
        triggers.sort();
        triggers
    };
    theirs.active
        && Some(&theirs.subscriber_url) == change.subscriber_url.as_ref()
        && sorted(&theirs.triggers) == sorted(&row.triggers.0)
        && theirs.secret.as_ref().map(ExposeSecret::expose_secret)
            == change.secret.as_ref().map(ExposeSecret::expose_secret)
}

async fn keep(app: &App, row: &Model, (external_id, url): (String, String)) -> Result<Model> {
    let now = app.clock.now();
    let arrived = now + IN_TRANSIT;
    let change = ActiveModel {
        external_id: Set(Some(external_id)),
        url: Set(url),
        platform_url_until: Set(row.platform_url_until.map(|until| until.min(arrived))),
        checked_at: Set(Some(now)),
        ..Default::default()
    };
    let db = app.db.write_one();
    Entity::update_many()
        .set(change)
        .filter(Column::Id.eq(row.id))
        .exec(db)
        .await?;
    let row = Entity::find_by_id(row.id).one(db).await?;
    row.ok_or_else(|| Error::internal("a webhook", "its row is gone"))
}

/// Deletes an account's own registration if the platform's covers it: each change would be sent
/// twice.
async fn clear_own(app: &App, coach_id: Uuid) -> Result<()> {
    let Some(account) = Account::of_coach(app, coach_id, Purpose::Webhook).await? else {
        return Ok(());
    };
    let at = At {
        client: client(app)?,
        scope: WebhookScope::User,
        account: Some(account),
    };
    let clear = async {
        for own in at
            .list()
            .await?
            .iter()
            .filter(|own| is_ours(app, &own.subscriber_url))
        {
            at.delete(&own.id).await?;
        }
        Ok(())
    };
    clear
        .await
        .map_err(|fault: Fault| Error::provider("a webhook", fault))
}

pub(super) fn new_secret() -> SecretString {
    hex::encode(rand::random::<[u8; 32]>()).into()
}

pub(super) fn seal(app: &App, id: Uuid, column: &str, secret: &SecretString) -> Result<String> {
    let place = Place {
        table: TABLE,
        row: &row_key(id),
        column,
    };
    let sealed = app.vault.seal(place, secret.expose_secret());
    sealed.map_err(|error| Error::internal("sealing a webhook's secret", error))
}

/// Cal.com sends to https only; http is accepted for loopback addresses.
pub(super) fn is_reachable(public_url: &str) -> bool {
    let loopback = ["http://127.0.0.1", "http://localhost", "http://[::1]"];
    public_url.starts_with("https://") || loopback.iter().any(|start| public_url.starts_with(start))
}

/// Deletes the webhook of an account before it is disconnected; best effort.
pub(super) async fn withdraw(app: &App, connection_id: Uuid) {
    let gone = async {
        let row = Entity::find_by_id(connection_id)
            .one(app.db.write_one())
            .await?;
        let Some((row, external_id)) = row.and_then(|row| Some((row.clone(), row.external_id?)))
        else {
            return Ok(());
        };
        let at = place_of(app, &row).await?;
        at.delete(&external_id)
            .await
            .map_err(|fault| Error::provider("a webhook", fault))
    };
    let gone: Result<()> = gone.await;
    if let Err(error) = gone {
        tracing::info!(connection.id = %connection_id, %error, "webhook stays registered at Cal.com; its deliveries are refused");
    }
}
