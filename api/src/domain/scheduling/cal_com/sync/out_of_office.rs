//! The out-of-office entries (`ooo`) of accounts in the platform's organization.

use std::collections::HashSet;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use entity::Uuid;
use entity::absence::{ActiveModel, Column, Entity, Model, Reason};
use entity::coach::Scheduler;
use entity::connection::Kind as LinkKind;
use providers::Kind;
use providers::cal_com::Error as Fault;
use providers::cal_com::{Absence as Theirs, AbsenceChange, Client};
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::agreed::Stopped;
use super::is_final;
use crate::app::App;
use crate::domain::{Result, connection};

/// Timeout of one call.
const BUDGET: Duration = Duration::from_secs(5);
/// Most entries read per account.
const MOST: u32 = 250;

/// Permanently refused absences and the reasons; all others are synced.
pub(super) type Refused = Vec<(Model, Fault)>;

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
pub(super) struct Entries<'a> {
    app: &'a App,
    client: Client,
    number: i64,
    today: NaiveDate,
}

impl<'a> Entries<'a> {
    pub(super) fn new(app: &'a App, client: &Client, number: i64, today: NaiveDate) -> Self {
        Self {
            app,
            client: client.within(BUDGET),
            number,
            today,
        }
    }

    /// Reads the existing entries before it creates any, so that a lost answer creates no
    /// duplicate.
    pub(super) async fn align(&self, rows: &[Model]) -> Result<Refused, Stopped> {
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
