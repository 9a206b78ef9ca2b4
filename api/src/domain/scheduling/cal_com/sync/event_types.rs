//! Pushes event types to the coach's calendar.

use entity::coach::Scheduler;
use entity::event_type::{ActiveModel, Column, Entity, Model, Visibility};
use entity::sync_state::{State, Subject};
use entity::{Uuid, coach};
use providers::cal_com::Error as Fault;
use providers::cal_com::{EventType, Refusal};
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::agreed::{How, Stopped, Synced};
use super::{again, is_final, schedules, told};
use crate::app::App;
use crate::db::Txn;
use crate::domain::connection::Purpose;
use crate::domain::scheduling::cal_com::PROVIDER;
use crate::domain::scheduling::cal_com::{Account, Offer};
use crate::domain::scheduling::settings::{self, failed, fingerprint};
use crate::domain::{Conflict, Result};

/// Pushes an event type to its coach's calendar, if it is the coach's scheduler.
///
/// # Errors
/// When a retry may succeed; a permanent failure is stored, for the coach to see.
pub async fn push_event_type(app: &App, event_type_id: Uuid) -> Result<()> {
    let Some(event_type) = Entity::find_by_id(event_type_id).one(app.db.read()).await? else {
        return Ok(());
    };
    let coach = coach::Entity::find_by_id(event_type.coach_id)
        .one(app.db.read())
        .await?;
    if coach.is_none_or(|coach| coach.scheduler != Scheduler::CalCom) {
        return Ok(());
    }
    let Some(account) = Account::of_coach(app, event_type.coach_id, Purpose::EventType).await?
    else {
        return failed(
            app,
            event_type_id,
            State::Failed,
            "no Cal.com account is connected".to_owned(),
        )
        .await;
    };
    let pushed = push(app, &account, &event_type).await;
    match pushed {
        Ok(Some((there, _))) => mark_synced(app, &event_type, &there, None).await,
        Ok(None) => Ok(()),
        Err(Stopped::There(fault)) if is_final(&fault) => {
            tracing::info!(event_type.id = %event_type_id, error = %fault, "event type refused");
            failed(app, event_type_id, State::Failed, told(&fault)).await
        }
        Err(Stopped::There(fault)) => {
            failed(app, event_type_id, State::Pending, told(&fault)).await?;
            Err(again(fault))
        }
        Err(Stopped::Here(error)) => Err(error),
    }
}

/// Creates or updates an event type at Cal.com. Returns `None` for an archived one that was never
/// pushed.
///
/// # Errors
/// Why the push stopped. A retry is harmless: the slug is looked up before an event type is
/// created.
pub(crate) async fn push(
    app: &App,
    account: &Account<'_>,
    event_type: &Model,
) -> Result<Option<(EventType, How)>, Stopped> {
    let (there, how) = match there(account, event_type).await? {
        Some(found) => found,
        None if event_type.visibility == Visibility::Archived => return Ok(None),
        None => {
            let change = change(app, account, event_type, None).await?;
            match account.create_event_type(&change).await {
                Ok(made) => return Ok(Some((made, How::Created))),
                // Created by another process, or by a call whose answer was lost.
                Err(fault) if fault.refusal == Some(Refusal::DuplicateSlug) => {
                    let found = by_slug(account, &event_type.slug).await?.ok_or(fault)?;
                    (found, How::Adopted)
                }
                Err(fault) => return Err(fault.into()),
            }
        }
    };
    require_free(app, event_type, there.id).await?;
    let change = change(app, account, event_type, Some(&there)).await?;
    Ok(Some((
        account.update_event_type(there.id, &change).await?,
        how,
    )))
}

async fn there(
    account: &Account<'_>,
    event_type: &Model,
) -> Result<Option<(EventType, How)>, Fault> {
    if let Some(id) = their_id(event_type) {
        match account.event_type(id).await {
            Ok(found) => return Ok(Some((found, How::Updated))),
            Err(fault) if fault.refusal == Some(Refusal::UnknownEventType) => {}
            Err(fault) => return Err(fault),
        }
    }
    Ok(by_slug(account, &event_type.slug)
        .await?
        .map(|found| (found, How::Adopted)))
}

pub(super) fn their_id(event_type: &Model) -> Option<i64> {
    let is_theirs = event_type.provider.as_deref() == Some(PROVIDER);
    event_type
        .provider_event_type_id
        .as_deref()
        .filter(|_| is_theirs)?
        .parse()
        .ok()
}

async fn by_slug(account: &Account<'_>, slug: &str) -> Result<Option<EventType>, Fault> {
    Ok(account
        .event_types()
        .await?
        .into_iter()
        .find(|theirs| theirs.slug == slug))
}

async fn change(
    app: &App,
    account: &Account<'_>,
    event_type: &Model,
    there: Option<&EventType>,
) -> Result<providers::cal_com::EventTypeChange, Stopped> {
    let mut change = Offer::from(event_type).change(there);
    if let Some(id) = event_type.schedule_id {
        change.settings.schedule_id = Some(schedules::id_there(app, account, id).await?);
    }
    Ok(change)
}

/// Requires that a remote event type is linked to one event type only.
async fn require_free(app: &App, event_type: &Model, their_id: i64) -> Result<()> {
    let other = Entity::find_by_provider_id(PROVIDER, &their_id.to_string())
        .filter(Column::Id.ne(event_type.id))
        .one(app.db.read())
        .await?;
    match other {
        None => Ok(()),
        Some(other) => Err(Conflict::InvalidState(format!(
            "the event type at Cal.com with this slug belongs to another one here, {}",
            other.slug
        ))
        .into()),
    }
}

/// Stores that both sides are in sync.
pub(crate) async fn mark_synced(
    app: &App,
    event_type: &Model,
    there: &EventType,
    message: Option<String>,
) -> Result<()> {
    let synced = Synced {
        id: event_type.id,
        coach_id: event_type.coach_id,
        version: event_type.version,
        external_id: there.id.to_string(),
        theirs: fingerprint(&Offer::from(there)),
        message,
        now: app.clock.now(),
    };
    app.db.transaction(synced, put_synced).await?;
    app.slots.invalidate(event_type.coach_id);
    Ok(())
}

async fn put_synced(txn: &Txn, synced: Synced) -> Result<()> {
    let (id, now) = (synced.id, synced.now);
    let Some(current) = Entity::find_by_id(id).one(&**txn).await? else {
        return Ok(());
    };
    let link = ActiveModel {
        provider: Set(Some(PROVIDER.to_owned())),
        provider_event_type_id: Set(Some(synced.external_id.clone())),
        ..Default::default()
    };
    Entity::update_many()
        .set(link)
        .filter(Column::Id.eq(id))
        .exec(&**txn)
        .await?;
    let is_latest = current.version == synced.version;
    synced.put(txn, Subject::EventType, is_latest).await?;
    if is_latest {
        Ok(())
    } else {
        settings::event_type_changed(txn, &current, now, "sync").await
    }
}
