//! Overrides: dates with hours of their own.

use chrono::{DateTime, Days, NaiveDate, Utc};
use entity::Uuid;
use entity::schedule::Model;
use entity::schedule_override::{self, ActiveModel, Column, Entity};
use sea_orm::ActiveValue::Set;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter,
};
use zones::Zone;

use super::{check_hours, lock, note_change};
use crate::app::App;
use crate::db::Txn;
use crate::domain::scheduling::native::{Hours, Minute, Override};
use crate::domain::text::Problems;
use crate::domain::{Caller, Command, Conflict, Error, Result};

/// Maximum number of dates in one call.
const MAX_DATES_PER_CALL: usize = 400;
/// Maximum number of dates of a schedule, past ones included.
const MAX_DATES: u64 = 5_000;
/// Maximum number of ranges on one date.
const MAX_RANGES: usize = 24;
/// How far ahead a date may lie.
const MAX_AHEAD: Days = Days::new(3_660);

/// The hours of one date instead of the weekly ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayHours {
    /// In the schedule's zone; today or later.
    pub date: NaiveDate,
    /// Empty: closed that day.
    pub hours: Vec<(Minute, Minute)>,
}

/// Dates to set and to clear.
#[derive(Clone, Debug)]
pub struct SetOverrides {
    pub schedule_id: Uuid,
    /// One entry per date; replaces the previous override of the date.
    pub set: Vec<DayHours>,
    /// Dates that follow the weekly hours again.
    pub clear: Vec<NaiveDate>,
    /// The version that the caller has read; a newer one is refused.
    pub version: Option<i64>,
}

/// Sets and clears overrides of a schedule. Existing bookings keep their times.
///
/// # Errors
/// `Invalid` with all violations, `NotFound` for another coach's schedule, `Stale` when it was
/// changed since the caller read it, `InvalidState` when there are too many.
pub async fn set_overrides(app: &App, caller: &Caller, input: SetOverrides) -> Result<Model> {
    let command = Command::new(app, caller, input)?;
    app.db.transaction(command, change).await
}

async fn change(txn: &Txn, command: Command<SetOverrides>) -> Result<Model> {
    let Command { author, input } = command;
    let (found, _) = lock(txn, &author.person, input.schedule_id).await?;
    let zone: Zone = found
        .time_zone
        .parse()
        .map_err(|error| Error::internal("a schedule's zone", error))?;
    check(&input, author.now.with_timezone(&zone).date_naive())?;
    if input
        .version
        .is_some_and(|version| version != found.version)
    {
        return Err(Conflict::Stale.into());
    }
    let row = store(txn, found, input, author.now).await?;
    note_change(txn, &author, "schedule.overrides", &row).await?;
    Ok(row)
}

async fn store(txn: &Txn, found: Model, input: SetOverrides, now: DateTime<Utc>) -> Result<Model> {
    let (id, version) = (found.id, found.version);
    let dates: Vec<NaiveDate> = input
        .set
        .iter()
        .map(|day| day.date)
        .chain(input.clear)
        .collect();
    Entity::delete_many()
        .filter(Column::ScheduleId.eq(id))
        .filter(Column::Date.is_in(dates))
        .exec(&**txn)
        .await?;
    let rows: Vec<ActiveModel> = input
        .set
        .into_iter()
        .map(|day| ActiveModel {
            schedule_id: Set(id),
            date: Set(day.date),
            hours: Set(stored(day.hours)),
        })
        .collect();
    if !rows.is_empty() {
        Entity::insert_many(rows)
            .exec_without_returning(&**txn)
            .await?;
    }
    if Entity::find()
        .filter(Column::ScheduleId.eq(id))
        .count(&**txn)
        .await?
        > MAX_DATES
    {
        return Err(Conflict::InvalidState(format!(
            "a schedule has at most {MAX_DATES} overrides; clear some first"
        ))
        .into());
    }
    let mut row = found.into_active_model();
    row.version = Set(version + 1);
    row.updated_at = Set(now);
    Ok(row.update(&**txn).await?)
}

fn check(input: &SetOverrides, today: NaiveDate) -> Result<()> {
    let mut problems = Problems::default();
    let farthest = today.checked_add_days(MAX_AHEAD).unwrap_or(NaiveDate::MAX);
    problems.require(
        input.set.len() <= MAX_DATES_PER_CALL,
        "overrides",
        format!("at most {MAX_DATES_PER_CALL} at once"),
    );
    problems.require(
        input.clear.len() <= MAX_DATES_PER_CALL,
        "clearDates",
        format!("at most {MAX_DATES_PER_CALL} at once"),
    );
    for (index, day) in input.set.iter().enumerate().take(MAX_DATES_PER_CALL) {
        let at = |field: &str| format!("overrides.{index}.{field}");
        problems.require(day.date >= today, &at("date"), "must not be in the past");
        problems.require(
            day.date <= farthest,
            &at("date"),
            format!("must not be after {farthest}"),
        );
        problems.require(
            day.hours.len() <= MAX_RANGES,
            &at("hours"),
            format!("at most {MAX_RANGES}"),
        );
        let is_new = !input.set[..index]
            .iter()
            .any(|other| other.date == day.date);
        problems.require(is_new, &at("date"), "is set twice");
        problems.require(
            !input.clear.contains(&day.date),
            &at("date"),
            "is set and cleared at once",
        );
        let hours = day.hours.iter().copied().take(MAX_RANGES).collect();
        let overrides = vec![Override {
            date: day.date,
            hours,
        }];
        let hours = Hours {
            zone: Zone::UTC,
            weekly: Vec::new(),
            overrides,
        };
        check_hours(&mut problems, &at("hours"), hours.check());
    }
    problems.finish()
}

/// The stored form: sorted by start.
fn stored(mut hours: Vec<(Minute, Minute)>) -> schedule_override::DayHours {
    hours.sort_unstable();
    schedule_override::DayHours(
        hours
            .into_iter()
            .map(|(from, until)| (from.get(), until.get()))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::violation_paths;

    fn date(text: &str) -> NaiveDate {
        text.parse().expect("a literal date")
    }

    fn day(text: &str, hours: &[(u16, u16)]) -> DayHours {
        let minute = |hour| Minute::at(hour, 0).expect("an hour of the day");
        DayHours {
            date: date(text),
            hours: hours
                .iter()
                .map(|&(from, until)| (minute(from), minute(until)))
                .collect(),
        }
    }

    fn violations_of(set: Vec<DayHours>, clear: &[&str]) -> Vec<String> {
        let clear = clear.iter().map(|text| date(text)).collect();
        let input = SetOverrides {
            schedule_id: Uuid::nil(),
            set,
            clear,
            version: None,
        };
        violation_paths(check(&input, date("2026-11-21")))
    }

    #[test]
    fn only_future_dates_can_be_set_but_any_date_cleared() {
        let set = vec![
            day("2026-11-21", &[]),
            day("2036-11-28", &[(9, 12), (12, 24)]),
        ];
        assert!(violations_of(set, &["1999-01-01"]).is_empty());
    }

    #[test]
    fn all_violations_of_dates_are_reported() {
        let set = vec![
            day("2026-11-20", &[]),
            day("2026-11-22", &[(9, 12), (11, 13)]),
            day("2026-11-22", &[]),
            day("2036-11-29", &[]),
            day("2026-11-23", &[(12, 9)]),
        ];
        let expected = [
            "overrides.0.date",
            "overrides.1.hours",
            "overrides.2.date",
            "overrides.3.date",
            "overrides.4.date",
            "overrides.4.hours",
        ];
        assert_eq!(violations_of(set, &["2026-11-23"]), expected);
    }

    #[test]
    fn hours_are_sorted_by_start() {
        assert_eq!(
            stored(day("2026-11-21", &[(13, 24), (0, 9)]).hours).0,
            [(0, 540), (780, 1_440)]
        );
    }
}
