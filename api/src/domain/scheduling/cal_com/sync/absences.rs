//! Pushes a coach's absences to their calendar.
//!
//! Accounts in the platform's organization have out-of-office entries (`ooo`), which the platform
//! writes with its own credential. Other accounts have no API for them, so their schedules get
//! closed dates instead, with the same effect on bookings.

use chrono::{DateTime, Utc};
use entity::absence::{ActiveModel, Column, Entity, Model};
use entity::coach::{self, Scheduler};
use entity::sync_state::{self as states, State, Subject};
use entity::{Uuid, schedule};
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, Condition, EntityTrait, ExprTrait, QueryFilter, QueryOrder};

use super::agreed::Stopped;
use super::out_of_office::{Entries, Refused, number_in_organization};
use super::{again, is_final, pull_hours, schedules};
use crate::app::App;
use crate::db::Txn;
use crate::domain::connection::Purpose;
use crate::domain::scheduling::cal_com::Account;
use crate::domain::scheduling::today;
use crate::domain::{Error, Result};

/// Pushes a coach's changed absences to their calendar, if it is the coach's scheduler.
///
/// # Errors
/// When a retry may succeed; a permanent failure is stored, for the coach to see. A retry creates
/// nothing twice.
pub async fn push_absences(app: &App, coach_id: Uuid) -> Result<()> {
    let Some(coach) = coach::Entity::find_by_id(coach_id)
        .one(app.db.read())
        .await?
    else {
        return Ok(());
    };
    let open = Condition::any()
        .add(Column::State.ne(State::Synced))
        .add(Column::RemovedAt.is_not_null());
    let rows = Entity::find()
        .filter(Column::CoachId.eq(coach_id))
        .filter(open)
        .order_by_asc(Column::Id);
    let rows = rows.all(app.db.write_one()).await?;
    if coach.scheduler != Scheduler::CalCom {
        return settle(
            app,
            rows.into_iter()
                .filter(|row| row.removed_at.is_some())
                .collect(),
        )
        .await;
    }
    if rows.is_empty() {
        return Ok(());
    }
    match push(app, &coach, &rows).await {
        Ok(refused) => {
            for (row, fault) in &refused {
                tracing::info!(coach.id = %coach_id, error = %fault, "absence refused by the calendar");
                fail(
                    app,
                    std::slice::from_ref(row),
                    State::Failed,
                    super::told(fault),
                )
                .await?;
            }
            let is_refused = |row: &Model| refused.iter().any(|(other, _)| other.id == row.id);
            settle(
                app,
                rows.into_iter().filter(|row| !is_refused(row)).collect(),
            )
            .await?;
            app.slots.invalidate(coach_id);
            Ok(())
        }
        Err(Stopped::There(fault)) => {
            let is_final = is_final(&fault);
            tracing::info!(coach.id = %coach_id, error = %fault, "absences could not be pushed");
            fail(
                app,
                &rows,
                if is_final {
                    State::Failed
                } else {
                    State::Pending
                },
                super::told(&fault),
            )
            .await?;
            if is_final { Ok(()) } else { Err(again(fault)) }
        }
        Err(Stopped::Here(Error::Conflict(why))) => {
            fail(app, &rows, State::Failed, why.to_string()).await
        }
        Err(Stopped::Here(error)) => Err(error),
    }
}

async fn push(app: &App, coach: &coach::Model, rows: &[Model]) -> Result<Refused, Stopped> {
    let Some(account) = Account::of_coach(app, coach.id, Purpose::Schedule).await? else {
        let why = "no Cal.com account is connected".to_owned();
        return Err(Stopped::Here(
            crate::domain::Conflict::InvalidState(why).into(),
        ));
    };
    match (&app.cal_com, number_in_organization(app, coach.id).await?) {
        (Some(client), Some(number)) => {
            let today = today(coach, app.clock.now());
            Entries::new(app, client, number, today).align(rows).await
        }
        _ => close_in_hours(app, &account, coach.id)
            .await
            .map(|()| Refused::new()),
    }
}

/// Closes the dates in all synced schedules. First pulls what was changed there since the last
/// pull.
async fn close_in_hours(app: &App, account: &Account<'_>, coach_id: Uuid) -> Result<(), Stopped> {
    let there = account.schedules().await?;
    let kept = states::Entity::find_by_coach(coach_id, Subject::Schedule)
        .all(app.db.write_one())
        .await;
    for known in kept.map_err(Error::from)? {
        let id = known.id;
        pull_hours::look_at_schedule(app, known, &there).await?;
        let row = schedule::Entity::find_by_id(id)
            .one(app.db.write_one())
            .await
            .map_err(Error::from)?;
        if let Some(row) = row {
            schedules::push(app, account, &row).await?;
        }
    }
    Ok(())
}

/// Marks absences as synced unless they have changed here in the meantime. Deletes withdrawn ones.
async fn settle(app: &App, rows: Vec<Model>) -> Result<()> {
    let settled = Settled {
        rows,
        now: app.clock.now(),
    };
    app.db.transaction(settled, store_settled).await
}

#[derive(Clone)]
struct Settled {
    rows: Vec<Model>,
    now: DateTime<Utc>,
}

async fn store_settled(txn: &Txn, settled: Settled) -> Result<()> {
    for row in settled.rows {
        let told = ActiveModel {
            told_first_day: Set(Some(row.first_day)),
            told_last_day: Set(Some(row.last_day)),
            ..Default::default()
        };
        let same = Column::Id.eq(row.id).and(Column::Version.eq(row.version));
        if row.removed_at.is_some() {
            Entity::delete_many().filter(same).exec(&**txn).await?;
            continue;
        }
        Entity::update_many()
            .set(told)
            .filter(Column::Id.eq(row.id))
            .exec(&**txn)
            .await?;
        let synced = ActiveModel {
            state: Set(Some(State::Synced)),
            message: Set(None),
            synced_at: Set(Some(settled.now)),
            ..Default::default()
        };
        Entity::update_many()
            .set(synced)
            .filter(same)
            .exec(&**txn)
            .await?;
    }
    Ok(())
}

async fn fail(app: &App, rows: &[Model], state: State, message: String) -> Result<()> {
    let failed = ActiveModel {
        state: Set(Some(state)),
        message: Set(Some(message)),
        ..Default::default()
    };
    Entity::update_many()
        .set(failed)
        .filter(Column::Id.is_in(rows.iter().map(|row| row.id)))
        .exec(app.db.write_one())
        .await?;
    Ok(())
}
