//! Registered webhooks, for staff.

use chrono::TimeDelta;
use entity::Uuid;
use entity::webhook_registration::{ActiveModel, Column, Entity, Model, Triggers};
use providers::cal_com::Error as Fault;
use providers::cal_com::webhook::Trigger;
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

use super::webhooks::{bring_in_step, ensure_registered, live, new_secret, place_of, seal};
use crate::app::App;
use crate::db::Txn;
use crate::domain::webhook::secrets::{PREVIOUS, SECRET, open};
use crate::domain::{Caller, Command, Conflict, Error, Result};

/// How long a replaced secret is still accepted: deliveries signed with it may be in transit.
const OVERLAP: TimeDelta = TimeDelta::hours(24);

/// All registrations, for staff.
///
/// # Errors
/// `Unauthenticated`, `Forbidden` for anyone but staff.
pub async fn list(app: &App, caller: &Caller) -> Result<Vec<Model>> {
    caller.require_admin()?;
    Ok(Entity::find()
        .order_by_asc(Column::CreatedAt)
        .order_by_asc(Column::Id)
        .all(app.db.read())
        .await?)
}

/// Checks and repairs an account's webhook now.
///
/// # Errors
/// `Forbidden` for anyone but staff, `NotFound`, `InvalidState` if the server cannot be reached
/// from outside, `Unavailable`.
pub async fn ensure_now(app: &App, caller: &Caller, connection_id: Uuid) -> Result<Model> {
    caller.require_admin()?;
    let link = live(app, connection_id)
        .await?
        .ok_or(Error::NotFound("connection"))?;
    let done = ensure_registered(app, &link).await.map_err(not_now)?;
    done.ok_or_else(|| {
        Conflict::InvalidState(
            "PUBLIC_URL is no https address, so Cal.com would send nothing to it".to_owned(),
        )
        .into()
    })
}

/// Replaces a secret. The one before is accepted for a day.
///
/// # Errors
/// As [`ensure_now`].
pub async fn rotate_secret(app: &App, caller: &Caller, id: Uuid) -> Result<Model> {
    let row = get(app, caller, id).await?;
    let old = open(app, &row, SECRET, &row.secret)
        .ok_or_else(|| Error::internal("a webhook", "its secret does not open"))?;
    let change = ActiveModel {
        secret: Set(seal(app, id, SECRET, &new_secret())?),
        previous_secret: Set(Some(seal(app, id, PREVIOUS, &old)?)),
        previous_valid_until: Set(Some(app.clock.now() + OVERLAP)),
        ..Default::default()
    };
    change_row(app, caller, id, change, "webhook.rotate_secret").await
}

/// Sets the triggers of a webhook.
///
/// # Errors
/// As [`ensure_now`]; `Invalid` for a trigger that Cal.com does not have, or none at all.
pub async fn set_triggers(
    app: &App,
    caller: &Caller,
    id: Uuid,
    triggers: Vec<String>,
) -> Result<Model> {
    get(app, caller, id).await?;
    if triggers.is_empty() {
        return Err(Error::invalid("triggers", "needs at least one"));
    }
    for name in &triggers {
        if Trigger::ALL.iter().all(|known| known.as_str() != name) {
            return Err(Error::invalid("triggers", "Cal.com has no such trigger"));
        }
    }
    let change = ActiveModel {
        triggers: Set(Triggers(triggers)),
        ..Default::default()
    };
    change_row(app, caller, id, change, "webhook.set_triggers").await
}

/// Deletes a webhook, here and at Cal.com. While its account is connected, the next daily check
/// creates it again.
///
/// # Errors
/// As [`ensure_now`].
pub async fn delete(app: &App, caller: &Caller, id: Uuid) -> Result<Model> {
    let row = get(app, caller, id).await?;
    if let (Some(external_id), Ok(place)) = (&row.external_id, place_of(app, &row).await) {
        match place.delete(external_id).await {
            Err(fault) if fault.kind != providers::Kind::NotFound => {
                return Err(unavailable(fault));
            }
            _ => {}
        }
    }
    let command = Command::new(app, caller, id)?;
    app.db.transaction(command, delete_row).await?;
    app.webhook_secrets.read(app).await?;
    Ok(row)
}

async fn delete_row(txn: &Txn, command: Command<Uuid>) -> Result<()> {
    let Command { author, input: id } = command;
    Entity::delete_by_id(id).exec(&**txn).await?;
    author.audit(txn, "webhook.delete", &subject(id)).await
}

async fn get(app: &App, caller: &Caller, id: Uuid) -> Result<Model> {
    caller.require_admin()?;
    Entity::find_by_id(id)
        .one(app.db.write_one())
        .await?
        .ok_or(Error::NotFound("webhook"))
}

async fn change_row(
    app: &App,
    caller: &Caller,
    id: Uuid,
    change: ActiveModel,
    action: &'static str,
) -> Result<Model> {
    caller.require_admin()?;
    let command = Command::new(app, caller, (id, change, action))?;
    app.db.transaction(command, store_change).await?;
    app.webhook_secrets.read(app).await?;
    let row = get(app, caller, id).await?;
    let place = place_of(app, &row).await?;
    bring_in_step(app, &row, &place).await.map_err(unavailable)
}

async fn store_change(
    txn: &Txn,
    command: Command<(Uuid, ActiveModel, &'static str)>,
) -> Result<()> {
    let Command { author, input } = command;
    let (id, change, action) = input;
    let change = ActiveModel {
        updated_at: Set(author.now),
        ..change
    };
    Entity::update_many()
        .set(change)
        .filter(Column::Id.eq(id))
        .exec(&**txn)
        .await?;
    author.audit(txn, action, &subject(id)).await
}

fn subject(id: Uuid) -> String {
    format!("webhookRegistration_{}", id.simple())
}

fn unavailable(fault: Fault) -> Error {
    tracing::info!(error = %fault, "webhook could not be changed at Cal.com");
    Error::Unavailable(
        "Cal.com does not answer at present; what was changed is carried out at the next look",
    )
}

fn not_now(error: Error) -> Error {
    match error {
        Error::Provider { .. } => {
            Error::Unavailable("Cal.com does not answer at present; try again later")
        }
        error => error,
    }
}
