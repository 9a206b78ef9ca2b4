//! Reads everything that decides over coaches' availability in one statement. Each further
//! statement costs two more thread switches, which is more than the read itself.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc, Weekday};
use entity::schedule::Weekly;
use entity::schedule_override::DayHours;
use entity::{Uuid, booking, coach, event_type, schedule, schedule_override, slot_hold};
use sea_orm::sea_query::{Expr, ExprTrait, Func, SelectStatement, SimpleExpr, UnionType};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QueryResult, QuerySelect,
    QueryTrait, Select,
};
use serde::de::DeserializeOwned;
use zones::Zone;

use super::availability::Availability;
use super::away::in_stretch;
use super::days::{stretch, zone};
use super::native::{Hours, Interval, Minute, Override, WeeklyRule};
use crate::domain::{Error, Result};

/// Bookings and holds that do not count as busy.
#[derive(Clone, Copy, Debug, Default)]
pub struct Except {
    /// A booking that is being moved.
    pub booking_id: Option<Uuid>,
    /// Holds of this person, except those created by a move.
    pub user_id: Option<Uuid>,
}

/// Loads the availability of one coach for one event type.
///
/// # Errors
/// When the database fails or the stored hours are invalid.
pub async fn load(
    db: &impl ConnectionTrait,
    coach: &coach::Model,
    event_type: &event_type::Model,
    range: Interval,
    except: Except,
    now: DateTime<Utc>,
) -> Result<Availability> {
    let mut found = load_many(db, &[(coach, event_type)], range, except, now).await?;
    found
        .pop()
        .ok_or_else(|| Error::internal("availability", "one was asked for and none came back"))
}

/// Loads the availability of several coaches, each for one event type, in the same order, with one
/// statement.
///
/// # Errors
/// When the database fails or the stored hours are invalid.
pub async fn load_many(
    db: &impl ConnectionTrait,
    offers: &[(&coach::Model, &event_type::Model)],
    range: Interval,
    except: Except,
    now: DateTime<Utc>,
) -> Result<Vec<Availability>> {
    let schedule_of = |(coach, event_type): &(&coach::Model, &event_type::Model)| {
        event_type.schedule_id.or(coach.default_schedule_id)
    };
    let asked = Asked {
        schedule_ids: offers.iter().filter_map(schedule_of).collect(),
        coach_ids: offers.iter().map(|(coach, _)| coach.id).collect(),
        // A session may end after the range, and busy time may begin before it.
        around: Interval {
            from: widen(range.from, -WIDEST),
            until: widen(range.until, WIDEST),
        },
        except,
        now,
    };
    let zones = offers
        .iter()
        .map(|(coach, _)| (coach.id, zone(coach)))
        .collect();
    let mut found = Found {
        zones,
        ..Found::default()
    };
    for line in db
        .query_all(&asked.statement(db.get_database_backend()))
        .await?
    {
        found.take_in(&line)?;
    }
    Ok(offers
        .iter()
        .map(|offer| Availability {
            hours: schedule_of(offer)
                .and_then(|id| found.hours(id))
                .unwrap_or_else(|| closed(offer.0)),
            busy: found.busy.get(&offer.0.id).cloned().unwrap_or_default(),
            away: found.away.get(&offer.0.id).cloned().unwrap_or_default(),
        })
        .collect())
}

const WIDEST: TimeDelta = TimeDelta::days(2);

fn widen(instant: DateTime<Utc>, by: TimeDelta) -> DateTime<Utc> {
    instant.checked_add_signed(by).unwrap_or(instant)
}

/// A coach without a schedule has no open hours.
fn closed(coach: &coach::Model) -> Hours {
    Hours {
        zone: zone(coach),
        weekly: Vec::new(),
        overrides: Vec::new(),
    }
}

/// The kind of a result row. Each row has an owner id and two texts.
#[derive(Clone, Copy)]
enum About {
    /// A schedule: its zone and its weekly hours.
    Schedule,
    /// A day with overridden hours: the day and the hours.
    Override,
    /// A coach's busy time: an empty text and the intervals.
    Taken,
    /// A coach's absence: its first and its last day.
    Absence,
}

impl About {
    const ALL: [Self; 4] = [Self::Schedule, Self::Override, Self::Taken, Self::Absence];

    /// Shapes a query into such rows.
    fn lines<E: EntityTrait>(
        self,
        query: Select<E>,
        whose: impl ColumnTrait,
        texts: [SimpleExpr; 2],
    ) -> SelectStatement {
        let [first, second] = texts.map(|text| text.cast_as("text"));
        query
            .select_only()
            .expr(Expr::val(self as i32))
            .column(whose)
            .expr(first)
            .expr(second)
            .into_query()
    }
}

/// The parameters of the statement.
struct Asked {
    schedule_ids: Vec<Uuid>,
    coach_ids: Vec<Uuid>,
    around: Interval,
    except: Except,
    now: DateTime<Utc>,
}

impl Asked {
    fn statement(&self, database: DbBackend) -> SelectStatement {
        let mut all = self.schedules();
        for part in [
            self.overrides(),
            self.bookings(database),
            self.holds(database),
            self.absences(),
        ] {
            all.union(UnionType::All, part);
        }
        all
    }

    fn schedules(&self) -> SelectStatement {
        use schedule::Column;

        let query =
            schedule::Entity::find().filter(Column::Id.is_in(self.schedule_ids.iter().copied()));
        About::Schedule.lines(
            query,
            Column::Id,
            [Column::TimeZone.into_expr(), Column::Weekly.into_expr()],
        )
    }

    fn overrides(&self) -> SelectStatement {
        use schedule_override::Column;

        let query = schedule_override::Entity::find()
            .filter(Column::ScheduleId.is_in(self.schedule_ids.iter().copied()))
            .filter(Column::Date.between(
                self.around.from.date_naive(),
                self.around.until.date_naive(),
            ));
        About::Override.lines(
            query,
            Column::ScheduleId,
            [Column::Date.into_expr(), Column::Hours.into_expr()],
        )
    }

    fn bookings(&self, database: DbBackend) -> SelectStatement {
        use booking::Column;

        let mut query = booking::Entity::find()
            .filter(Column::CoachId.is_in(self.coach_ids.iter().copied()))
            .filter(Column::BusyUntil.gt(self.around.from))
            .filter(Column::BusyFrom.lt(self.around.until))
            .filter(Column::Status.is_in(booking::Status::ACTIVE))
            .filter(Column::Conflict.is_null());
        if let Some(id) = self.except.booking_id {
            query = query.filter(Column::Id.ne(id));
        }
        let stretches = stretches(database, Column::BusyFrom, Column::BusyUntil);
        About::Taken.lines(
            query.group_by(Column::CoachId),
            Column::CoachId,
            [Expr::val(""), stretches],
        )
    }

    fn holds(&self, database: DbBackend) -> SelectStatement {
        use slot_hold::Column;

        let mut query = slot_hold::Entity::find()
            .filter(Column::CoachId.is_in(self.coach_ids.iter().copied()))
            .filter(Column::BusyUntil.gt(self.around.from))
            .filter(Column::BusyFrom.lt(self.around.until))
            .filter(Column::ExpiresAt.gt(self.now));
        if let Some(id) = self.except.user_id {
            // The new time of a booking that is being moved is busy for everything else, for its
            // owner too.
            query = query.filter(
                Column::UserId
                    .ne(id)
                    .or(Column::Id.in_subquery(slot_hold::Entity::of_moves())),
            );
        }
        let stretches = stretches(database, Column::BusyFrom, Column::BusyUntil);
        About::Taken.lines(
            query.group_by(Column::CoachId),
            Column::CoachId,
            [Expr::val(""), stretches],
        )
    }

    fn absences(&self) -> SelectStatement {
        use entity::absence::Column;

        let days = [Column::FirstDay.into_expr(), Column::LastDay.into_expr()];
        About::Absence.lines(
            in_stretch(&self.coach_ids, self.around),
            Column::CoachId,
            days,
        )
    }
}

/// Aggregates all intervals of a group into one value: one row each costs far more than its data.
fn stretches(database: DbBackend, from: impl ColumnTrait, until: impl ColumnTrait) -> SimpleExpr {
    let [list, pair] = match database {
        DbBackend::Sqlite => ["json_group_array", "json_array"],
        _ => ["json_agg", "json_build_array"],
    };
    let pair = Func::cust(pair)
        .arg(from.into_expr())
        .arg(until.into_expr());
    Func::cust(list).arg(pair).into()
}

/// The parsed result rows.
#[derive(Default)]
struct Found {
    /// By coach.
    zones: HashMap<Uuid, Zone>,
    /// By schedule.
    weekly: HashMap<Uuid, (Zone, Vec<WeeklyRule>)>,
    /// By schedule.
    overrides: HashMap<Uuid, Vec<Override>>,
    /// By coach.
    busy: HashMap<Uuid, Vec<Interval>>,
    /// By coach.
    away: HashMap<Uuid, Vec<Interval>>,
}

impl Found {
    fn take_in(&mut self, line: &QueryResult) -> Result<()> {
        let about: i32 = line.try_get_by_index(0)?;
        let whose: Uuid = line.try_get_by_index(1)?;
        let (first, second): (String, String) =
            (line.try_get_by_index(2)?, line.try_get_by_index(3)?);
        match About::ALL.into_iter().find(|known| *known as i32 == about) {
            Some(About::Schedule) => {
                let zone = first
                    .parse()
                    .map_err(|error| Error::internal("a schedule's zone", error))?;
                self.weekly.insert(whose, (zone, weekly(&second)?));
            }
            Some(About::Override) => {
                let DayHours(hours) = read(&second)?;
                let hours = hours
                    .into_iter()
                    .map(|(from, until)| Ok((minute(from)?, minute(until)?)));
                let dated = Override {
                    date: day(&first)?,
                    hours: hours.collect::<Result<_>>()?,
                };
                self.overrides.entry(whose).or_default().push(dated);
            }
            Some(About::Taken) => {
                let stretches: Vec<(DateTime<Utc>, DateTime<Utc>)> = read(&second)?;
                let stretches = stretches
                    .into_iter()
                    .map(|(from, until)| Interval { from, until });
                self.busy.entry(whose).or_default().extend(stretches);
            }
            Some(About::Absence) => {
                if let Some(zone) = self.zones.get(&whose) {
                    let away = stretch(*zone, day(&first)?, day(&second)?);
                    self.away.entry(whose).or_default().push(away);
                }
            }
            None => {
                return Err(Error::internal(
                    "availability",
                    "a line about something else",
                ));
            }
        }
        Ok(())
    }

    fn hours(&self, schedule_id: Uuid) -> Option<Hours> {
        let (zone, weekly) = self.weekly.get(&schedule_id)?;
        let overrides = self
            .overrides
            .get(&schedule_id)
            .cloned()
            .unwrap_or_default();
        Some(Hours {
            zone: *zone,
            weekly: weekly.clone(),
            overrides,
        })
    }
}

fn weekly(text: &str) -> Result<Vec<WeeklyRule>> {
    let Weekly(rules) = read(text)?;
    let rules = rules.into_iter().map(|rule| {
        let weekday = Weekday::try_from(rule.weekday.wrapping_sub(1))
            .map_err(|error| Error::internal("a schedule's weekday", error))?;
        Ok(WeeklyRule {
            weekday,
            from: minute(rule.from)?,
            until: minute(rule.until)?,
        })
    });
    rules.collect()
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| Error::internal("availability", error))
}

fn day(text: &str) -> Result<NaiveDate> {
    text.parse()
        .map_err(|error| Error::internal("a day", error))
}

fn minute(minute: u16) -> Result<Minute> {
    Minute::new(minute)
        .ok_or_else(|| Error::internal("a schedule", "a minute after the end of the day"))
}
