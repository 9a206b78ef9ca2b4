//! Pulls hours that a coach has changed in their account.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use entity::absence::{Column, Entity};
use entity::sync_state::{self as row, State, Subject};
use entity::{Uuid, schedule, schedule_override};
use providers::cal_com::Schedule;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect,
};

use super::out_of_office::number_in_organization;
use super::schedules;
use super::verdict::{Verdict, enqueue_push, gone, judge, looked};
use crate::app::App;
use crate::db::Txn;
use crate::domain::Result;
use crate::domain::scheduling::cal_com::Week;
use crate::domain::scheduling::native::Interval;
use crate::domain::scheduling::{settings, stretch, zone};

pub(super) async fn look_at_schedule(
    app: &App,
    known: row::Model,
    there: &[Schedule],
) -> Result<()> {
    let Some(ours) = schedule::Entity::find_by_id(known.id)
        .one(app.db.read())
        .await?
    else {
        return Ok(());
    };
    let id = known
        .external_id
        .as_deref()
        .and_then(|id| id.parse::<i64>().ok());
    let Some(id) = id else {
        return enqueue_push(app, Subject::Schedule, ours.id, None).await;
    };
    let Some(theirs) = there.iter().find(|theirs| theirs.id == id) else {
        return gone(app, Subject::Schedule, ours.id, ours.coach_id).await;
    };
    match judge(
        Some(&known),
        &schedules::of_theirs(theirs),
        ours.version,
        ours.updated_at,
    ) {
        Verdict::Nothing => looked(app, ours.id).await,
        Verdict::Push(message) => enqueue_push(app, Subject::Schedule, ours.id, message).await,
        Verdict::Take(message) => take_hours(app, ours, theirs, message).await,
    }
}

async fn take_hours(
    app: &App,
    ours: schedule::Model,
    theirs: &Schedule,
    message: &'static str,
) -> Result<()> {
    let (now, today) = (app.clock.now(), schedules::today(app, &ours)?);
    let own = schedules::week(app, &ours).await?;
    let told = own.clone().without(&told(app, ours.coach_id).await?, today);
    // Dates that were closed there because of an absence are not part of the coach's hours.
    let week = Week::theirs(theirs, today).reopened(&own, &told);
    if let Some(problem) = week.problem() {
        let message = format!(
            "changed at Cal.com to hours that make no sense ({problem}); ours stay as they are"
        );
        return settings::failed(app, ours.id, State::Failed, message).await;
    }
    let mut new = ours.clone();
    new.name = week.name.chars().take(100).collect();
    new.time_zone.clone_from(&week.time_zone);
    new.weekly = week.weekly();
    (new.version, new.updated_at) = (ours.version + 1, now);
    let hours = Hours {
        row: new.clone(),
        dates: week.dates,
        today,
    };
    if app.db.transaction(hours, store_hours).await? {
        schedules::mark_synced(app, &new, theirs, Some(message.to_owned())).await
    } else {
        Ok(())
    }
}

#[derive(Clone)]
struct Hours {
    row: schedule::Model,
    dates: BTreeMap<NaiveDate, Vec<(u16, u16)>>,
    today: NaiveDate,
}

/// Writes hours unless they were changed in the meantime. Past dates stay.
async fn store_hours(txn: &Txn, hours: Hours) -> Result<bool> {
    use schedule_override::Column as O;

    let Hours {
        row: new,
        dates,
        today,
    } = hours;
    let found = schedule::Entity::find_by_id(new.id)
        .lock_exclusive()
        .one(&**txn)
        .await?;
    if found.is_none_or(|found| found.version + 1 != new.version) {
        return Ok(false);
    }
    let id = new.id;
    let row = schedule::ActiveModel {
        id: sea_orm::ActiveValue::NotSet,
        ..new.into_active_model().reset_all()
    };
    schedule::Entity::update_many()
        .set(row)
        .filter(schedule::Column::Id.eq(id))
        .exec(&**txn)
        .await?;
    let coming = schedule_override::Entity::delete_many()
        .filter(O::ScheduleId.eq(id))
        .filter(O::Date.gte(today));
    coming.exec(&**txn).await?;
    let rows: Vec<_> = dates
        .into_iter()
        .map(|(date, hours)| schedule_override::Model {
            schedule_id: id,
            date,
            hours: schedule_override::DayHours(hours),
        })
        .map(|row| row.into_active_model().reset_all())
        .collect();
    if !rows.is_empty() {
        schedule_override::Entity::insert_many(rows)
            .exec_without_returning(&**txn)
            .await?;
    }
    Ok(true)
}

/// The absences for which dates are closed at Cal.com as far as it was pushed, including those
/// withdrawn since.
async fn told(app: &App, coach_id: Uuid) -> Result<Vec<Interval>> {
    if number_in_organization(app, coach_id).await?.is_some() {
        return Ok(Vec::new());
    }
    let zone = zone(&crate::domain::coach::require(app.db.read(), coach_id).await?);
    let rows = Entity::find()
        .filter(Column::CoachId.eq(coach_id))
        .all(app.db.read())
        .await?;
    let told = rows
        .iter()
        .filter_map(|row| row.told_first_day.zip(row.told_last_day));
    // A pending absence may have been pushed with a schedule before its own push.
    let standing = rows
        .iter()
        .filter(|row| row.removed_at.is_none())
        .map(|row| (row.first_day, row.last_day));
    Ok(told
        .chain(standing)
        .map(|(first, last)| stretch(zone, first, last))
        .collect())
}
