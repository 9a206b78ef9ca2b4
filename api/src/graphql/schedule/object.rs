//! The schedule object.

use async_graphql::{Context, Enum, ID, Object, SimpleObject};
use chrono::NaiveDate;
use entity::schedule::{Model, WeeklyRule};
use entity::schedule_override;

use crate::domain;
use crate::domain::scheduling::native::Minute;
use crate::graphql::coach::Coach;
use crate::graphql::context::app;
use crate::graphql::error::Result;
use crate::graphql::id::Kind;
use crate::graphql::loaders::{CoachById, Loaders, MirrorOf, OverridesOf};
use crate::graphql::scalars::{DateTime, LocalDate, LocalTime, TimeZone};
use crate::graphql::sync::CalendarSync;

/// Day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum Weekday {
    /// Monday.
    Monday,
    /// Tuesday.
    Tuesday,
    /// Wednesday.
    Wednesday,
    /// Thursday.
    Thursday,
    /// Friday.
    Friday,
    /// Saturday.
    Saturday,
    /// Sunday.
    Sunday,
}

/// Starts on Monday, as in ISO 8601.
const WEEK: [(Weekday, chrono::Weekday); 7] = [
    (Weekday::Monday, chrono::Weekday::Mon),
    (Weekday::Tuesday, chrono::Weekday::Tue),
    (Weekday::Wednesday, chrono::Weekday::Wed),
    (Weekday::Thursday, chrono::Weekday::Thu),
    (Weekday::Friday, chrono::Weekday::Fri),
    (Weekday::Saturday, chrono::Weekday::Sat),
    (Weekday::Sunday, chrono::Weekday::Sun),
];

impl Weekday {
    /// The weekday of `chrono`.
    pub(super) fn read(self) -> chrono::Weekday {
        WEEK.iter()
            .find(|(day, _)| *day == self)
            .map(|(_, day)| *day)
            .expect("the table has all seven days")
    }
}

/// Weekly hours of a coach, with the dates on which they do not hold. Only the coach and staff see it: clients see slots.
#[derive(async_graphql::Description)]
pub struct Schedule {
    row: Model,
    /// The coach, when the parent field has already loaded it.
    coach: Option<Coach>,
}

impl Schedule {
    pub(crate) fn new(row: Model) -> Self {
        Self { row, coach: None }
    }

    pub(crate) fn with_coach(self, coach: Coach) -> Self {
        Self {
            coach: Some(coach),
            ..self
        }
    }

    async fn owner(&self, ctx: &Context<'_>) -> Result<Option<Coach>> {
        if self.coach.is_some() {
            return Ok(self.coach.clone());
        }
        let found = ctx
            .data_unchecked::<Loaders>()
            .load_one(CoachById(self.row.coach_id))
            .await?;
        Ok(found.map(Coach::new))
    }
}

#[Object(use_type_description)]
impl Schedule {
    /// Global id.
    pub(crate) async fn id(&self) -> ID {
        Kind::Schedule.id(self.row.id)
    }

    /// Whose hours they are.
    async fn coach(&self, ctx: &Context<'_>) -> Option<Result<Coach>> {
        self.owner(ctx).await.transpose()
    }

    /// Name.
    async fn name(&self) -> &str {
        &self.row.name
    }

    /// Zone the hours are in.
    async fn time_zone(&self) -> TimeZone {
        TimeZone::stored(&self.row.time_zone)
    }

    /// Whether event types without a schedule of their own follow this one.
    async fn is_default(&self, ctx: &Context<'_>) -> Result<bool> {
        Ok(self
            .owner(ctx)
            .await?
            .is_some_and(|coach| coach.row.default_schedule_id == Some(self.row.id)))
    }

    /// How it stands to its like in the coach's own calendar; null when it has none there.
    async fn calendar_sync(&self, ctx: &Context<'_>) -> Option<Result<CalendarSync>> {
        let found = ctx
            .data_unchecked::<Loaders>()
            .load_one(MirrorOf(self.row.id))
            .await;
        found
            .map(|row| row.map(CalendarSync::new))
            .map_err(Into::into)
            .transpose()
    }

    /// Weekly hours, by day and start.
    async fn weekly_hours(&self) -> Result<Vec<WeeklyHours>> {
        self.row.weekly.0.iter().map(WeeklyHours::new).collect()
    }

    /// The dates on which other hours hold, in order. A short list that is not paged.
    async fn overrides(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "First day; today in the schedule's zone when left out.")] from: Option<
            LocalDate,
        >,
        #[graphql(
            desc = "Last day; a year after the first when left out, and at most 10 years after it."
        )]
        until: Option<LocalDate>,
    ) -> Result<Vec<ScheduleOverride>> {
        let today = app(ctx)
            .clock
            .now()
            .with_timezone(&TimeZone::stored(&self.row.time_zone).0)
            .date_naive();
        let from = from.map_or(today, |date| date.0);
        let year = chrono::Days::new(366);
        let until = until.map_or_else(
            || from.checked_add_days(year).unwrap_or(NaiveDate::MAX),
            |date| date.0,
        );
        if until < from || until.signed_duration_since(from).num_days() > 3_660 {
            let message = "must not be before the first day, nor more than 10 years after it";
            return Err(domain::Error::invalid("until", message).into());
        }
        let key = OverridesOf {
            schedule_id: self.row.id,
            from,
            until,
        };
        let found = ctx.data_unchecked::<Loaders>().load_one(key).await?;
        found
            .unwrap_or_default()
            .into_iter()
            .map(ScheduleOverride::new)
            .collect()
    }

    /// Grows by one with each change, also of an override; give it back on update.
    async fn version(&self) -> i64 {
        self.row.version
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime {
        DateTime(self.row.created_at)
    }

    /// Last change.
    async fn updated_at(&self) -> DateTime {
        DateTime(self.row.updated_at)
    }
}

/// Hours on one day of the week.
#[derive(SimpleObject)]
pub struct WeeklyHours {
    /// The day.
    weekday: Weekday,
    /// Start, on the wall clock.
    from: LocalTime,
    /// End, on the wall clock, after the start; 24:00 is the end of the day.
    until: LocalTime,
}

impl WeeklyHours {
    fn new(rule: &WeeklyRule) -> Result<Self> {
        let day = WEEK.get(usize::from(rule.weekday).wrapping_sub(1));
        let (weekday, _) =
            *day.ok_or_else(|| domain::Error::internal("a schedule", "a day that no week has"))?;
        Ok(Self {
            weekday,
            from: time(rule.from)?,
            until: time(rule.until)?,
        })
    }
}

/// The hours of one date instead of the weekly ones.
#[derive(SimpleObject)]
pub struct ScheduleOverride {
    /// The date, in the schedule's zone.
    date: LocalDate,
    /// The hours, by start; none means that the day is off.
    hours: Vec<LocalTimeRange>,
}

/// Wall-clock hours.
#[derive(SimpleObject)]
pub struct LocalTimeRange {
    /// Start.
    from: LocalTime,
    /// End, after the start; 24:00 is the end of the day.
    until: LocalTime,
}

impl ScheduleOverride {
    fn new(row: schedule_override::Model) -> Result<Self> {
        let range = |&(from, until): &(u16, u16)| {
            Ok(LocalTimeRange {
                from: time(from)?,
                until: time(until)?,
            })
        };
        Ok(Self {
            date: LocalDate(row.date),
            hours: row.hours.0.iter().map(range).collect::<Result<_>>()?,
        })
    }
}

fn time(minute: u16) -> Result<LocalTime> {
    let minute = Minute::new(minute)
        .ok_or_else(|| domain::Error::internal("a schedule", "a time after the day's end"))?;
    Ok(LocalTime(minute))
}
