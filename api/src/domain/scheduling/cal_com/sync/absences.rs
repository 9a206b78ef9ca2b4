//! Pushes a coach's absences to their calendar.
//!
//! Accounts in the platform's organization have out-of-office entries (`ooo`), which the platform
//! writes with its own credential. Other accounts have no API for them, so their schedules get
//! closed dates instead, with the same effect on bookings.

use std::collections::HashSet;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use entity::absence::{ActiveModel, Column, Entity, Model, Reason};
use entity::coach::{self, Scheduler};
use entity::connection::Kind as LinkKind;
use entity::sync_state::{self as states, State, Subject};
use entity::{Uuid, schedule};
use providers::Kind;
use providers::cal_com::Error as Fault;
use providers::cal_com::{Absence as Theirs, AbsenceChange, Client};
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, Condition, EntityTrait, ExprTrait, QueryFilter, QueryOrder};

use super::event_types::Stopped;
use super::{again, is_final, pull, schedules};
use crate::app::App;
use crate::db::Txn;
use crate::domain::absence::{stretch, today, zone};
use crate::domain::connection::{self, Purpose};
use crate::domain::scheduling::cal_com::Account;
use crate::domain::scheduling::native::Interval;
use crate::domain::{Error, Result};

/// Timeout of one call.
const BUDGET: Duration = Duration::from_secs(5);
/// Most entries read per account.
const MOST: u32 = 250;

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

/// Permanently refused absences and the reasons; all others are synced.
type Refused = Vec<(Model, Fault)>;

async fn push(app: &App, coach: &coach::Model, rows: &[Model]) -> Result<Refused, Stopped> {
    let Some(account) = Account::of_coach(app, coach.id, Purpose::Schedule).await? else {
        let why = "no Cal.com account is connected".to_owned();
        return Err(Stopped::Here(
            crate::domain::Conflict::InvalidState(why).into(),
        ));
    };
    match (&app.cal_com, number_in_organization(app, coach.id).await?) {
        (Some(client), Some(number)) => {
            let entries = Entries {
                app,
                client: client.within(BUDGET),
                number,
                today: today(coach, app.clock.now()),
            };
            entries.align(rows).await
        }
        _ => close_in_hours(app, &account, coach.id)
            .await
            .map(|()| Refused::new()),
    }
}

/// The id of a coach's account if it is in the platform's organization, whose entries the platform
/// may write.
pub(super) async fn number_in_organization(app: &App, coach_id: Uuid) -> Result<Option<i64>> {
    if app
        .cal_com
        .as_ref()
        .and_then(Client::organization_id)
        .is_none()
    {
        return Ok(None);
    }
    let link = connection::find_live(app, Scheduler::CalCom, coach_id).await?;
    Ok(link
        .filter(|link| link.kind == LinkKind::ManagedUser)
        .and_then(|link| link.external_id.parse().ok()))
}

/// The out-of-office entries of an account.
struct Entries<'a> {
    app: &'a App,
    client: Client,
    number: i64,
    today: NaiveDate,
}

impl Entries<'_> {
    /// Reads the existing entries before it creates any, so that a lost answer creates no
    /// duplicate.
    async fn align(&self, rows: &[Model]) -> Result<Refused, Stopped> {
        let there = self
            .client
            .list_absences(self.number, Some(MOST), None)
            .await?;
        let mut claimed: HashSet<i64> = claimed(self.app, rows).await?;
        let mut refused = Refused::new();
        for row in rows {
            match self.align_one(row, &there, &mut claimed).await {
                Err(Stopped::There(fault)) if is_final(&fault) => {
                    refused.push((row.clone(), fault))
                }
                outcome => outcome?,
            }
        }
        Ok(refused)
    }

    async fn align_one(
        &self,
        row: &Model,
        there: &[Theirs],
        claimed: &mut HashSet<i64>,
    ) -> Result<(), Stopped> {
        let known = row
            .external_id
            .as_deref()
            .and_then(|id| id.parse::<i64>().ok());
        let found = there.iter().find(|theirs| Some(theirs.id) == known);
        let is_free = |theirs: &&Theirs| !claimed.contains(&theirs.id) && is_then(theirs, row);
        let found = found.or_else(|| there.iter().find(is_free));
        match (row.removed_at, found) {
            (Some(_), Some(theirs)) => {
                match self.client.delete_absence(self.number, theirs.id).await {
                    Err(fault) if fault.kind != Kind::NotFound => return Err(fault.into()),
                    _ => {}
                }
            }
            (Some(_), None) => {}
            // Past days need no entry.
            (None, _) if row.last_day < self.today => {}
            (None, Some(theirs)) => {
                if !says(theirs, row) {
                    self.client
                        .update_absence(self.number, theirs.id, &change(row, theirs))
                        .await?;
                }
                claimed.insert(theirs.id);
                link(self.app, row, theirs.id).await?;
            }
            (None, None) => {
                let made = self.client.create_absence(self.number, &new(row)).await?;
                claimed.insert(made.id);
                link(self.app, row, made.id).await?;
            }
        }
        Ok(())
    }
}

/// Entries that belong to other absences.
async fn claimed(app: &App, rows: &[Model]) -> Result<HashSet<i64>> {
    let Some(coach_id) = rows.first().map(|row| row.coach_id) else {
        return Ok(HashSet::new());
    };
    let all = Entity::find()
        .filter(Column::CoachId.eq(coach_id))
        .filter(Column::ExternalId.is_not_null());
    let all = all.all(app.db.write_one()).await?;
    Ok(all
        .iter()
        .filter_map(|row| row.external_id.as_deref()?.parse().ok())
        .collect())
}

/// Whole days, by their dates in UTC: Cal.com applies the dates in the account's zone.
fn span(row: &Model) -> (DateTime<Utc>, DateTime<Utc>) {
    let last = row.last_day.and_time(NaiveTime::MIN).and_utc() + TimeDelta::days(1)
        - TimeDelta::milliseconds(1);
    (row.first_day.and_time(NaiveTime::MIN).and_utc(), last)
}

fn is_then(theirs: &Theirs, row: &Model) -> bool {
    (theirs.starts_at, theirs.ends_at) == span(row)
}

fn says(theirs: &Theirs, row: &Model) -> bool {
    is_then(theirs, row)
        && theirs.reason.as_deref().unwrap_or("unspecified") == reason(row.reason)
        && theirs.notes.as_deref().unwrap_or_default() == row.note.as_deref().unwrap_or_default()
}

/// Leaves unchanged days out: Cal.com refuses days that have an entry, even in an update of it.
fn change(row: &Model, theirs: &Theirs) -> AbsenceChange {
    let notes = Some(row.note.clone().unwrap_or_default());
    let whole = AbsenceChange { notes, ..new(row) };
    if is_then(theirs, row) {
        AbsenceChange {
            starts_at: None,
            ends_at: None,
            ..whole
        }
    } else {
        whole
    }
}

fn new(row: &Model) -> AbsenceChange {
    let (starts_at, ends_at) = span(row);
    AbsenceChange {
        starts_at: Some(starts_at),
        ends_at: Some(ends_at),
        reason: Some(reason(row.reason).to_owned()),
        notes: row.note.clone(),
        to_user_id: None,
    }
}

const fn reason(reason: Reason) -> &'static str {
    match reason {
        Reason::Vacation => "vacation",
        Reason::Travel => "travel",
        Reason::Sick => "sick",
        Reason::PublicHoliday => "public_holiday",
        Reason::Unspecified => "unspecified",
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
        pull::look_at_schedule(app, known, &there).await?;
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

/// The absences for which dates are closed at Cal.com as far as it was pushed, including those
/// withdrawn since.
pub(super) async fn told(app: &App, coach_id: Uuid) -> Result<Vec<Interval>> {
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

async fn link(app: &App, row: &Model, their_id: i64) -> Result<()> {
    let known = ActiveModel {
        external_id: Set(Some(their_id.to_string())),
        ..Default::default()
    };
    Entity::update_many()
        .set(known)
        .filter(Column::Id.eq(row.id))
        .exec(app.db.write_one())
        .await?;
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
