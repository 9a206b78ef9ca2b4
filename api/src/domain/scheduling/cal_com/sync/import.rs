//! Imports a coach's event types from Cal.com.

use std::collections::HashSet;

use entity::coach::Scheduler;
use entity::event_type::{Column, Entity, Model, Visibility};
use entity::sync_state::Subject;
use entity::{Provider, Uuid};
use providers::cal_com::EventType;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter};

use super::{again, pull, pull_event_types};
use crate::app::App;
use crate::db::Txn;
use crate::domain::coach::{acting_for, lock};
use crate::domain::connection::Purpose;
use crate::domain::scheduling::cal_com::PROVIDER;
use crate::domain::scheduling::cal_com::{Account, Offer};
use crate::domain::scheduling::settings;
use crate::domain::{Caller, Command, Conflict, Error, Result, event_type as offers};
use crate::outbox::job::{self, Job};

/// The result of an import.
#[derive(Clone, Debug)]
pub struct Import {
    /// Created here, all UNLISTED, or linked to one with the same slug.
    pub event_types: Vec<Model>,
    pub skipped: Vec<Skipped>,
}

/// An event type that was not imported.
#[derive(Clone, Debug)]
pub struct Skipped {
    pub title: String,
    pub reason: String,
}

/// Most event types of a coach.
const MOST: usize = 200;

/// Creates an unlisted event type for each one at Cal.com that is unknown here; one whose slug
/// exists here is linked to it, and ours is pushed. Idempotent.
///
/// # Errors
/// `Unauthenticated`, `NotFound` for another coach, `InvalidState` without a connected account,
/// `Unavailable` when Cal.com does not answer.
pub async fn import(app: &App, caller: &Caller, coach_id: Option<Uuid>) -> Result<Import> {
    let (person, coach_id) = acting_for(caller, coach_id)?;
    let account = Account::of_coach(
        app,
        coach_id,
        Purpose::EventType.asked_by(Some(person.user_id)),
    )
    .await?;
    let account = account
        .ok_or_else(|| Conflict::InvalidState("no Cal.com account is connected".to_owned()))?;
    let there = account
        .event_types()
        .await
        .map_err(again)
        .map_err(pull::not_now)?;
    let mut done = Import {
        event_types: Vec::new(),
        skipped: Vec::new(),
    };
    for theirs in there {
        let title = theirs.title.clone();
        let found = Found { coach_id, theirs };
        let command = Command::new(app, caller, found)?;
        let taken = app.db.transaction(command, take).await;
        match taken {
            Ok(row) => done.event_types.extend(row),
            Err(Error::Invalid(wrong)) => {
                let what = wrong.first().map(ToString::to_string);
                done.skipped.push(Skipped {
                    title,
                    reason: what.unwrap_or_default(),
                });
            }
            Err(Error::Conflict(why)) => done.skipped.push(Skipped {
                title,
                reason: why.to_string(),
            }),
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

#[derive(Clone)]
struct Found {
    coach_id: Uuid,
    theirs: EventType,
}

async fn take(txn: &Txn, command: Command<Found>) -> Result<Option<Model>> {
    let Command { author, input } = command;
    let (Found { coach_id, theirs }, now) = (input, author.now);
    let coach = lock(txn, coach_id).await?;
    let their_id = theirs.id.to_string();
    if Entity::find_by_provider_id(PROVIDER, &their_id)
        .one(&**txn)
        .await?
        .is_some()
    {
        return Ok(None);
    }
    let ours = Entity::find()
        .filter(Column::CoachId.eq(coach.id))
        .all(&**txn)
        .await?;
    if let Some(same) = ours
        .iter()
        .find(|row| row.slug == theirs.slug && row.provider_event_type_id.is_none())
    {
        let mut row = same.clone().into_active_model();
        row.provider = sea_orm::Set(Some(PROVIDER.to_owned()));
        row.provider_event_type_id = sea_orm::Set(Some(their_id));
        let row = row.update(&**txn).await?;
        let job = Job::new(job::Kind::PushEventType, row.id, Provider::CalCom);
        job::enqueue(txn, job.at(now, author.correlation_id)).await?;
        return Ok(Some(row));
    }
    if ours.len() >= MOST {
        return Err(
            Conflict::InvalidState(format!("a coach has at most {MOST} event types")).into(),
        );
    }
    let mut row = offers::blank(entity::new_id(), coach.id, now);
    row.visibility = Visibility::Unlisted;
    Offer::from(&theirs).apply(&mut row);
    row.slug = free_slug(
        &row.slug,
        &ours.iter().map(|row| row.slug.as_str()).collect(),
    );
    offers::require_sound(&row)?;
    (row.provider, row.provider_event_type_id) = (Some(PROVIDER.to_owned()), Some(their_id));
    let row = row.into_active_model().reset_all().insert(&**txn).await?;
    let before = settings::blank(Subject::EventType, row.id, coach.id, Scheduler::CalCom, now);
    settings::put(
        txn,
        pull_event_types::agreed(&theirs, row.version).over(before, None, now),
    )
    .await?;
    Ok(Some(row))
}

fn free_slug(slug: &str, taken: &HashSet<&str>) -> String {
    let numbered = (2..).map(|number| format!("{slug}-{number}"));
    let all = std::iter::once(slug.to_owned()).chain(numbered);
    all.into_iter()
        .find(|slug| !taken.contains(slug.as_str()))
        .expect("numbers do not end")
}
