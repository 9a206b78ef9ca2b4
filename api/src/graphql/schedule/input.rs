//! Input objects of schedules.

use async_graphql::{ID, InputObject};

use super::object::Weekday;
use crate::domain::scheduling::native::WeeklyRule;
use crate::domain::{self, schedule};
use crate::graphql::id::Kind;
use crate::graphql::scalars::{LocalDate, LocalTime, TimeZone};

/// Hours on one day of the week. A night is two: until 24:00, and from 00:00 the next day.
#[derive(Clone, Debug, InputObject)]
pub struct WeeklyHoursInput {
    /// The day.
    pub weekday: Weekday,
    /// Start, on the wall clock.
    pub from: LocalTime,
    /// End, on the wall clock, after the start; 24:00 is the end of the day.
    pub until: LocalTime,
}

/// Wall-clock hours.
#[derive(Clone, Debug, InputObject)]
pub struct LocalTimeRangeInput {
    /// Start.
    pub from: LocalTime,
    /// End, after the start; 24:00 is the end of the day.
    pub until: LocalTime,
}

/// The hours of one date instead of the weekly ones.
#[derive(Clone, Debug, InputObject)]
pub struct ScheduleOverrideInput {
    /// The date, in the schedule's zone; today or later.
    pub date: LocalDate,
    /// The hours; none means that the day is off.
    pub hours: Vec<LocalTimeRangeInput>,
}

/// Input of createSchedule.
#[derive(Clone, Debug, InputObject)]
pub struct CreateScheduleInput {
    /// The coach; the viewer when left out.
    pub coach_id: Option<ID>,
    /// Name, 1 to 100 characters.
    pub name: String,
    /// Zone of the hours.
    pub time_zone: TimeZone,
    /// Weekly hours; those of one day must not overlap.
    pub weekly_hours: Vec<WeeklyHoursInput>,
    /// Whether event types without a schedule follow it. A coach's first one becomes the default in any case.
    #[graphql(default)]
    pub is_default: bool,
}

impl CreateScheduleInput {
    pub(super) fn read(self) -> domain::Result<schedule::Create> {
        Ok(schedule::Create {
            coach_id: Kind::Coach.find_key("coachId", self.coach_id.as_ref())?,
            name: self.name,
            time_zone: self.time_zone.0,
            weekly: weekly(&self.weekly_hours),
            is_default: self.is_default,
        })
    }
}

/// Input of updateSchedule. What is left out stays; the hours are replaced as a whole.
#[derive(Clone, Debug, InputObject)]
pub struct UpdateScheduleInput {
    /// The schedule.
    pub schedule_id: ID,
    /// Name, 1 to 100 characters.
    pub name: Option<String>,
    /// Zone of the hours.
    pub time_zone: Option<TimeZone>,
    /// Weekly hours; those of one day must not overlap.
    pub weekly_hours: Option<Vec<WeeklyHoursInput>>,
    /// True makes it the default. To take that away, make another one the default.
    pub is_default: Option<bool>,
    /// The version the caller has seen: refuses to change a schedule that has changed since.
    pub version: Option<i64>,
}

impl UpdateScheduleInput {
    pub(super) fn read(self) -> domain::Result<schedule::Update> {
        Ok(schedule::Update {
            schedule_id: Kind::Schedule.key("scheduleId", &self.schedule_id)?,
            name: self.name,
            time_zone: self.time_zone.map(|zone| zone.0),
            weekly: self.weekly_hours.as_deref().map(weekly),
            is_default: self.is_default,
            version: self.version,
        })
    }
}

fn weekly(hours: &[WeeklyHoursInput]) -> Vec<WeeklyRule> {
    let read = |hours: &WeeklyHoursInput| WeeklyRule {
        weekday: hours.weekday.read(),
        from: hours.from.0,
        until: hours.until.0,
    };
    hours.iter().map(read).collect()
}

/// Input of deleteSchedule.
#[derive(Clone, Debug, InputObject)]
pub struct DeleteScheduleInput {
    /// The schedule. Not the default one, and none that event types on offer follow.
    pub schedule_id: ID,
}

/// Input of setScheduleOverrides.
#[derive(Clone, Debug, InputObject)]
pub struct SetScheduleOverridesInput {
    /// The schedule.
    pub schedule_id: ID,
    /// What to set, one for each date, at most 400; what was set for the date before is replaced.
    #[graphql(default)]
    pub overrides: Vec<ScheduleOverrideInput>,
    /// Dates that follow the weekly hours again; at most 400.
    #[graphql(default)]
    pub clear_dates: Vec<LocalDate>,
    /// The version the caller has seen: refuses to change a schedule that has changed since.
    pub version: Option<i64>,
}

impl SetScheduleOverridesInput {
    pub(super) fn read(self) -> domain::Result<schedule::SetOverrides> {
        let day = |day: ScheduleOverrideInput| schedule::DayHours {
            date: day.date.0,
            hours: day
                .hours
                .iter()
                .map(|range| (range.from.0, range.until.0))
                .collect(),
        };
        Ok(schedule::SetOverrides {
            schedule_id: Kind::Schedule.key("scheduleId", &self.schedule_id)?,
            set: self.overrides.into_iter().map(day).collect(),
            clear: self.clear_dates.iter().map(|date| date.0).collect(),
            version: self.version,
        })
    }
}
