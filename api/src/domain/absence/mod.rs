//! Absences: days on which a coach cannot be booked. Existing bookings stay, for the coach to
//! decide about.
//!
//! Days are those of the coach's own zone. They close the coach's time here whichever scheduler is
//! in use, and are pushed to a remote one.

mod add;
mod read;
mod remove;
mod update;

pub use add::{Add, add};
pub use read::{get, list_by_coaches};
pub use remove::remove;
pub use update::{Update, update};

use chrono::{DateTime, NaiveDate, Utc};
use entity::absence::{Column, Entity, Model};
use entity::{Uuid, booking, coach};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect};

use super::coach::{lock as lock_coach, manages};
use super::text::Problems;
use super::{Author, Conflict, Error, Person, Result};
use crate::db::Txn;
use crate::domain::scheduling::{keeps_settings, stretch, zone};
use crate::outbox::job::{self, Job};

/// Maximum number of days of an absence.
const MAX_DAYS: i64 = 366;
/// Maximum number of days until its start.
const MAX_DAYS_AHEAD: i64 = 3_660;
/// Maximum number of current and future absences of a coach.
const MAX_ABSENCES: u64 = 200;
/// Maximum number of affected bookings that are returned.
const MAX_AFFECTED: u64 = 500;

/// An absence after a change, and the bookings within it.
#[derive(Clone, Debug)]
pub struct ChangedAbsence {
    pub absence: Model,
    /// Bookings that are not over, earliest first, at most 500. They are not changed.
    pub affected: Vec<booking::Model>,
}

/// `NotFound`, also for an absence that the caller may not see.
fn no_absence() -> Error {
    Error::NotFound("absence")
}

/// Locks an absence that the person may change, and its coach, until the transaction ends: neither
/// can be changed, nor the coach booked.
async fn lock(txn: &Txn, person: &Person, id: Uuid) -> Result<(Model, coach::Model)> {
    let present = || Entity::find_by_id(id).filter(Column::RemovedAt.is_null());
    let found = present()
        .one(&**txn)
        .await?
        .filter(|found| manages(person, found.coach_id))
        .ok_or_else(no_absence)?;
    let coach = lock_coach(txn, found.coach_id).await?;
    let found = present()
        .lock_exclusive()
        .one(&**txn)
        .await?
        .ok_or_else(no_absence)?;
    Ok((found, coach))
}

/// Validates the days. An unchanged first day may lie in the past.
fn check_days(
    problems: &mut Problems,
    (first, last): (NaiveDate, NaiveDate),
    today: NaiveDate,
    before: Option<NaiveDate>,
) {
    problems.require(
        first >= today || before == Some(first),
        "firstDay",
        "must not be in the past",
    );
    problems.require(last >= today, "lastDay", "must not be in the past");
    problems.require(last >= first, "lastDay", "must not be before the first day");
    problems.require(
        (last - first).num_days() < MAX_DAYS,
        "lastDay",
        format!("must be one of {MAX_DAYS} days at most"),
    );
    problems.require(
        (first - today).num_days() <= MAX_DAYS_AHEAD,
        "firstDay",
        "is too far ahead",
    );
}

fn check_note(problems: &mut Problems, note: Option<&str>) {
    if let Some(note) = note {
        problems.lines("note", note, 0, 500);
    }
}

/// Refuses days that overlap another absence of the coach, and absences beyond the maximum.
async fn require_room(txn: &Txn, row: &Model, today: NaiveDate) -> Result<()> {
    let others = Entity::find()
        .filter(Column::CoachId.eq(row.coach_id))
        .filter(Column::RemovedAt.is_null())
        .filter(Column::Id.ne(row.id));
    let same_days = others
        .clone()
        .filter(Column::FirstDay.lte(row.last_day))
        .filter(Column::LastDay.gte(row.first_day));
    if same_days.one(&**txn).await?.is_some() {
        return Err(Conflict::AbsenceOverlap.into());
    }
    if others
        .filter(Column::LastDay.gte(today))
        .count(&**txn)
        .await?
        >= MAX_ABSENCES
    {
        return Err(Conflict::InvalidState(format!(
            "a coach has at most {MAX_ABSENCES} absences ahead"
        ))
        .into());
    }
    Ok(())
}

/// Bookings within an absence that are not over.
async fn affected(
    txn: &Txn,
    coach: &coach::Model,
    row: &Model,
    now: DateTime<Utc>,
) -> Result<Vec<booking::Model>> {
    use booking::Column as B;

    let away = stretch(zone(coach), row.first_day, row.last_day);
    Ok(booking::Entity::find_real()
        .filter(B::CoachId.eq(coach.id))
        .filter(B::Status.is_in(booking::Status::ACTIVE))
        .filter(B::StartsAt.lt(away.until))
        .filter(B::EndsAt.gt(away.from))
        .filter(B::EndsAt.gt(now))
        .order_by_asc(B::StartsAt)
        .order_by_asc(B::Id)
        .limit(MAX_AFFECTED)
        .all(&**txn)
        .await?)
}

/// Enqueues the push to where the coach's time is kept, and audits what staff do.
async fn record_change(
    txn: &Txn,
    author: &Author,
    coach: &coach::Model,
    row: &Model,
    action: &'static str,
) -> Result<()> {
    let subject = format!("absence_{}", row.id.simple());
    author
        .audit_unless_own(txn, coach.id, action, &subject)
        .await?;
    if keeps_settings(coach.scheduler) {
        let job = Job::new(job::Kind::PushAbsences, coach.id, coach.scheduler);
        job::enqueue(txn, job.at(author.now, &author.correlation_id)).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn violations_of(first: &str, last: &str, before: Option<&str>) -> Vec<String> {
        let day = |text: &str| text.parse::<NaiveDate>().expect("a literal date");
        let mut problems = Problems::default();
        check_days(
            &mut problems,
            (day(first), day(last)),
            day("2026-11-21"),
            before.map(day),
        );
        problems.paths()
    }

    #[test]
    fn days_must_be_in_the_future_and_at_most_366() {
        assert!(violations_of("2026-11-21", "2026-11-21", None).is_empty());
        assert!(
            violations_of("2026-11-21", "2027-11-21", None).is_empty(),
            "366 days"
        );
        assert_eq!(violations_of("2026-11-21", "2027-11-22", None), ["lastDay"]);
        assert_eq!(
            violations_of("2026-11-20", "2026-11-21", None),
            ["firstDay"]
        );
        assert!(
            violations_of("2026-11-20", "2026-11-21", Some("2026-11-20")).is_empty(),
            "it has begun"
        );
        assert_eq!(
            violations_of("2026-11-19", "2026-11-20", Some("2026-11-19")),
            ["lastDay"]
        );
        assert_eq!(violations_of("2026-11-23", "2026-11-22", None), ["lastDay"]);
        assert_eq!(
            violations_of("2036-12-01", "2036-12-01", None),
            ["firstDay"]
        );
    }
}
