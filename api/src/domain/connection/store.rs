//! Stores connected accounts, and decides which coach owns them.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use entity::Uuid;
use entity::coach::{self, Scheduler};
use entity::connection::{ActiveModel, Column, Entity, Health, HealthReason, Kind, Model};
use sea_orm::ActiveValue::Set;
use sea_orm::QuerySelect as _;
use sea_orm::{ActiveModelTrait as _, ColumnTrait as _, IntoActiveModel as _, QueryFilter as _};

use super::lease::subject;
use super::provider::Owner;
use super::token::Pair;
use super::{disconnect, invalid_state, renew};
use crate::app::App;
use crate::db::Txn;
use crate::domain::coach::lock;
use crate::domain::{Caller, Person, Result, audit};
use crate::vault::Vault;

/// An account whose ownership the provider has verified.
#[derive(Clone, Debug)]
pub(in crate::domain) struct Account {
    pub(in crate::domain) provider: String,
    pub(in crate::domain) kind: Kind,
    pub(in crate::domain) owner: Owner,
    pub(in crate::domain) pair: Pair,
}

/// Who connects an account to which coach.
#[derive(Clone, Debug)]
pub(in crate::domain) struct By {
    pub(in crate::domain) coach_id: Uuid,
    pub(in crate::domain) actor_id: Option<Uuid>,
    /// Id at the identity provider of whoever acts in the person's name.
    pub(in crate::domain) impersonator: Option<String>,
    pub(in crate::domain) correlation_id: String,
}

impl By {
    /// The caller, for a coach whom they may act for.
    pub(in crate::domain) fn caller(caller: &Caller, person: &Person, coach_id: Uuid) -> Self {
        Self {
            coach_id,
            actor_id: Some(person.user_id),
            impersonator: person.impersonator.clone(),
            correlation_id: caller.correlation_id.clone(),
        }
    }
}

/// Connects an account to a coach.
///
/// # Errors
/// `InvalidState` when the coach has another account connected, or the account is another coach's.
pub(in crate::domain) async fn keep(app: &App, by: By, account: Account) -> Result<Model> {
    let connecting = Connecting {
        by,
        account,
        vault: Arc::clone(&app.vault),
        now: app.clock.now(),
    };
    let row = app.db.transaction(connecting, keep_in).await?;
    app.credentials.forget(row.id);
    Ok(row)
}

#[derive(Clone)]
struct Connecting {
    by: By,
    account: Account,
    vault: Arc<Vault>,
    now: DateTime<Utc>,
}

/// Whether the account was deleted at the provider.
pub(in crate::domain) fn is_gone(row: &Model) -> bool {
    row.health == Health::Broken && row.health_reason == Some(HealthReason::AccountGone)
}

async fn keep_in(txn: &Txn, connecting: Connecting) -> Result<Model> {
    let Connecting {
        by,
        account,
        vault,
        now,
    } = connecting;
    // Serializes concurrent connects of the same coach.
    let coach = lock(txn, by.coach_id).await?;
    let own = Entity::find_live(&account.provider)
        .filter(Column::CoachId.eq(coach.id))
        .one(&**txn)
        .await?;
    match own {
        Some(own) if own.external_id == account.owner.external_id => {}
        // The account no longer exists; only the tokens are left to erase.
        Some(own) if is_gone(&own) => disconnect::erase(txn, own.id, now).await?,
        Some(_) => {
            let label = label(&account.provider);
            return Err(invalid_state(&format!(
                "another {label} account is connected; disconnect it first"
            )));
        }
        None => {}
    }
    let known = Entity::find_by_external(&account.provider, &account.owner.external_id)
        .lock_exclusive()
        .one(&**txn)
        .await?;
    let (id, before) = match known {
        None => (entity::new_id(), None),
        Some(row) => (row.id, Some(take_over(txn, row, &coach).await?)),
    };
    let sealed = account.pair.seal(&vault, id)?;
    let fresh = before.is_none();
    let (version, mut row) = match before {
        Some(row) => (row.token_version + 1, row.into_active_model()),
        None => {
            let row = ActiveModel {
                id: Set(id),
                provider: Set(account.provider.clone()),
                external_id: Set(account.owner.external_id.clone()),
                health: Set(Health::Ok),
                created_at: Set(now),
                ..Default::default()
            };
            (1, row)
        }
    };
    row.coach_id = Set(coach.id);
    row.kind = Set(account.kind);
    if account.owner.email.is_some() || fresh {
        row.external_email = Set(account.owner.email.clone());
    }
    if account.owner.username.is_some() || fresh {
        row.external_username = Set(account.owner.username.clone());
    }
    row.access_token = Set(Some(sealed.access));
    row.access_expires_at = Set(sealed.access_expires_at);
    row.refresh_token = Set(sealed.refresh);
    row.refresh_expires_at = Set(sealed.refresh_expires_at);
    row.token_version = Set(version);
    row.lease = Set(None);
    row.leased_until = Set(None);
    row.checked_at = Set(Some(now));
    row.disconnected_at = Set(None);
    let row = renew::well(now, row);
    let row = if fresh {
        row.insert(&**txn).await?
    } else {
        row.update(&**txn).await?
    };
    let subject = subject(row.id);
    let entry = audit::Entry {
        actor_id: by.actor_id,
        impersonator: by.impersonator,
        action: "connection.connect",
        subject: &subject,
        correlation_id: &by.correlation_id,
    };
    audit::record(txn, entry, now).await?;
    Ok(row)
}

/// A provider's display name.
fn label(provider: &str) -> &str {
    Scheduler::of_provider(provider).map_or(provider, |scheduler| scheduler.label())
}

/// The row of an account that was known before, if the coach may have it.
async fn take_over(txn: &Txn, row: Model, coach: &coach::Model) -> Result<Model> {
    if row.coach_id == coach.id {
        return Ok(row);
    }
    if row.is_live() {
        return Err(invalid_state(&format!(
            "this {} account is connected with another coach",
            label(&row.provider)
        )));
    }
    let other = crate::domain::coach::require(&**txn, row.coach_id).await?;
    if other.user_id.is_some() {
        return Err(invalid_state(&format!(
            "this {} account belongs to another coach",
            label(&row.provider)
        )));
    }
    super::adopt::adopt(txn, &other, coach).await?;
    Ok(row)
}
