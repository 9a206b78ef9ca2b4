//! Pushes hours to the coach's calendar.

use entity::coach::Scheduler;
use entity::sync_state::{self as known, State, Subject};
use entity::{Uuid, coach, schedule, schedule_override};
use providers::cal_com::{Refusal, Schedule, ScheduleChange};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use zones::Zone;

use super::agreed::{How, Stopped, Synced};
use super::{again, is_final, out_of_office, told};
use crate::app::App;
use crate::db::Txn;
use crate::domain::connection::Purpose;
use crate::domain::scheduling::cal_com::{Account, Week};
use crate::domain::scheduling::settings::{self, failed, find, fingerprint};
use crate::domain::{Error, Result, scheduling};

/// Pushes hours to their coach's calendar, if it is the coach's scheduler.
///
/// # Errors
/// When a retry may succeed; a permanent failure is stored, for the coach to see.
pub async fn push_schedule(app: &App, schedule_id: Uuid) -> Result<()> {
    let Some(row) = schedule::Entity::find_by_id(schedule_id)
        .one(app.db.read())
        .await?
    else {
        return Ok(());
    };
    let coach = coach::Entity::find_by_id(row.coach_id)
        .one(app.db.read())
        .await?;
    if coach.is_none_or(|coach| coach.scheduler != Scheduler::CalCom) {
        return Ok(());
    }
    let Some(account) = Account::of_coach(app, row.coach_id, Purpose::Schedule).await? else {
        return failed(
            app,
            schedule_id,
            State::Failed,
            "no Cal.com account is connected".to_owned(),
        )
        .await;
    };
    match push(app, &account, &row).await {
        Ok(_) => Ok(()),
        Err(Stopped::There(fault)) if is_final(&fault) => {
            failed(app, schedule_id, State::Failed, told(&fault)).await
        }
        Err(Stopped::There(fault)) => {
            failed(app, schedule_id, State::Pending, told(&fault)).await?;
            Err(again(fault))
        }
        Err(Stopped::Here(error)) => Err(error),
    }
}

/// Cal.com's id of a schedule, which is pushed first if it is not there yet.
pub(super) async fn id_there(
    app: &App,
    account: &Account<'_>,
    schedule_id: Uuid,
) -> Result<i64, Stopped> {
    let known = find(app.db.read(), schedule_id)
        .await?
        .and_then(|row| row.external_id?.parse().ok());
    if let Some(id) = known {
        return Ok(id);
    }
    let row = schedule::Entity::find_by_id(schedule_id)
        .one(app.db.read())
        .await
        .map_err(Error::from)?;
    let row = row.ok_or(Error::NotFound("schedule"))?;
    Ok(push(app, account, &row).await?.0.id)
}

/// Creates or updates a schedule at Cal.com and stores the sync state. The coach's default schedule
/// becomes the default there.
///
/// # Errors
/// Why the push stopped. A retry is harmless: the schedule is looked up by name before one is
/// created.
pub(crate) async fn push(
    app: &App,
    account: &Account<'_>,
    row: &schedule::Model,
) -> Result<(Schedule, How), Stopped> {
    let week = week_there(app, row).await?;
    let coach = crate::domain::coach::require(app.db.read(), row.coach_id).await?;
    let is_default = coach.default_schedule_id == Some(row.id);
    let states = known::Entity::find_by_coach(row.coach_id, Subject::Schedule)
        .all(app.db.read())
        .await
        .map_err(Error::from)?;
    let ours = |schedule: &Schedule| {
        let of_it = |known: &&known::Model| {
            known
                .external_id
                .as_ref()
                .is_some_and(|id| *id == schedule.id.to_string())
        };
        states.iter().find(of_it).map(|known| known.id)
    };
    let all = account.schedules().await?;
    // A schedule of the same name is treated as ours, unless it is linked to another one of ours.
    let namesake = |schedule: &&Schedule| schedule.name == row.name && ours(schedule).is_none();
    let (found, how) = match all.iter().find(|schedule| ours(schedule) == Some(row.id)) {
        Some(found) => (Some(found.id), How::Updated),
        None => (
            all.iter().find(namesake).map(|found| found.id),
            How::Adopted,
        ),
    };
    let change = week.change();
    let done = match found {
        // The default there stays the default: Cal.com requires one.
        Some(id) => {
            let change = ScheduleChange {
                is_default: is_default.then_some(true),
                ..change
            };
            match account.update_schedule(id, &change).await {
                Err(fault) if fault.refusal == Some(Refusal::UnknownSchedule) => {
                    return Err(fault.into());
                }
                outcome => (outcome?, how),
            }
        }
        None => {
            let change = ScheduleChange {
                is_default: Some(is_default),
                ..change
            };
            (account.create_schedule(&change).await?, How::Created)
        }
    };
    mark_synced(app, row, &done.0, None).await?;
    Ok(done)
}

/// The fields of our hours that both sides store.
pub(super) async fn week(app: &App, row: &schedule::Model) -> Result<Week> {
    let today = today(app, row)?;
    let dates = schedule_override::Entity::find()
        .filter(schedule_override::Column::ScheduleId.eq(row.id))
        .filter(schedule_override::Column::Date.gte(today))
        .order_by_asc(schedule_override::Column::Date)
        .all(app.db.read())
        .await?;
    Ok(Week::ours(row, &dates, today))
}

/// Our hours as they are pushed: closed during absences that have no out-of-office entry.
pub(super) async fn week_there(app: &App, row: &schedule::Model) -> Result<Week> {
    let own = week(app, row).await?;
    if out_of_office::number_in_organization(app, row.coach_id)
        .await?
        .is_some()
    {
        return Ok(own);
    }
    let (coach, today) = (
        crate::domain::coach::require(app.db.read(), row.coach_id).await?,
        today(app, row)?,
    );
    Ok(own.without(
        &scheduling::away(app.db.read(), &coach, before(today)).await?,
        today,
    ))
}

/// The day before: a day that is past here may not be past in another zone.
fn before(day: chrono::NaiveDate) -> chrono::NaiveDate {
    day.checked_sub_days(chrono::Days::new(1)).unwrap_or(day)
}

/// The current day in the zone of the schedule.
pub(super) fn today(app: &App, row: &schedule::Model) -> Result<chrono::NaiveDate> {
    let zone: Zone = row
        .time_zone
        .parse()
        .map_err(|error| Error::internal("a schedule's zone", error))?;
    Ok(app.clock.now().with_timezone(&zone).date_naive())
}

/// A fingerprint of a remote schedule. Includes past days, so that the passing of a day is no
/// change.
pub(super) fn of_theirs(there: &Schedule) -> String {
    fingerprint(&Week::theirs(there, chrono::NaiveDate::MIN))
}

/// Stores that both sides are in sync.
pub(super) async fn mark_synced(
    app: &App,
    row: &schedule::Model,
    there: &Schedule,
    message: Option<String>,
) -> Result<()> {
    let synced = Synced {
        id: row.id,
        coach_id: row.coach_id,
        version: row.version,
        external_id: there.id.to_string(),
        theirs: of_theirs(there),
        message,
        now: app.clock.now(),
    };
    app.db.transaction(synced, put_synced).await?;
    app.slots.invalidate(row.coach_id);
    Ok(())
}

async fn put_synced(txn: &Txn, synced: Synced) -> Result<()> {
    let (id, now) = (synced.id, synced.now);
    let Some(current) = schedule::Entity::find_by_id(id).one(&**txn).await? else {
        return Ok(());
    };
    let is_latest = current.version == synced.version;
    synced.put(txn, Subject::Schedule, is_latest).await?;
    if is_latest {
        Ok(())
    } else {
        settings::schedule_changed(txn, &current, now, "sync").await
    }
}
