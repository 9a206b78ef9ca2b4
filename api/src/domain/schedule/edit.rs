//! Creates, changes and deletes schedules.

use chrono::{DateTime, Utc};
use entity::Uuid;
use entity::coach::Model as Coach;
use entity::event_type::{self, Visibility};
use entity::schedule::{self, ActiveModel, Entity, Model, Weekly};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter,
};
use zones::Zone;

use super::{audit_if_staff, check_hours, lock, note_change};
use crate::app::App;
use crate::db::Txn;
use crate::domain::coach::{self, acting_for};
use crate::domain::scheduling::native::{Hours, WeeklyRule};
use crate::domain::text::Problems;
use crate::domain::{Caller, Command, Conflict, Result};

/// Maximum number of schedules of a coach.
const MAX_SCHEDULES: u64 = 50;
/// Maximum number of rules of a week.
const MAX_RULES: usize = 100;

/// A schedule to create.
#[derive(Clone, Debug)]
pub struct Create {
    /// The caller's own profile when `None`.
    pub coach_id: Option<Uuid>,
    /// 1 to 100 characters.
    pub name: String,
    pub time_zone: Zone,
    pub weekly: Vec<WeeklyRule>,
    /// Whether event types without a schedule follow it. A coach's first one becomes the default in any case.
    pub is_default: bool,
}

/// Fields to change; `None` leaves a field unchanged; the rules are replaced as a whole.
#[derive(Clone, Debug)]
pub struct Update {
    pub schedule_id: Uuid,
    pub name: Option<String>,
    pub time_zone: Option<Zone>,
    pub weekly: Option<Vec<WeeklyRule>>,
    /// True makes it the default. To unset it, make another schedule the default.
    pub is_default: Option<bool>,
    /// The version that the caller has read; a newer one is refused.
    pub version: Option<i64>,
}

/// Creates a schedule of the caller's; staff create any coach's.
///
/// # Errors
/// `Invalid` with all violations, `NotFound` for another coach, `InvalidState` beyond 50 schedules.
pub async fn create(app: &App, caller: &Caller, input: Create) -> Result<Model> {
    let (_, coach_id) = acting_for(caller, input.coach_id)?;
    check(Some(&input.name), Some(&input.weekly))?;
    let command = Command::new(app, caller, NewSchedule { coach_id, input })?;
    app.db.transaction(command, insert).await
}

#[derive(Clone)]
struct NewSchedule {
    coach_id: Uuid,
    input: Create,
}

async fn insert(txn: &Txn, command: Command<NewSchedule>) -> Result<Model> {
    let Command { author, input } = command;
    let NewSchedule { coach_id, input } = input;
    let coach = coach::lock(txn, coach_id).await?;
    let others = Entity::find_by_coach(coach_id).count(&**txn).await?;
    if others >= MAX_SCHEDULES {
        let message = format!("a coach has at most {MAX_SCHEDULES} schedules");
        return Err(Conflict::InvalidState(message).into());
    }
    let id = entity::new_id();
    let row = ActiveModel {
        id: Set(id),
        coach_id: Set(coach_id),
        name: Set(input.name.trim().to_owned()),
        time_zone: Set(input.time_zone.name().to_owned()),
        weekly: Set(stored(input.weekly)),
        version: Set(1),
        created_at: Set(author.now),
        updated_at: Set(author.now),
    };
    let row = row.insert(&**txn).await?;
    if input.is_default || coach.default_schedule_id.is_none() {
        make_default(txn, coach, id, author.now).await?;
    }
    note_change(txn, &author, "schedule.create", &row).await?;
    Ok(row)
}

/// Changes a schedule of the caller's; staff change any. Existing bookings keep their times.
///
/// # Errors
/// As [`create`]; `Stale` when it was changed since the caller read it; `InvalidState` for
/// unsetting the default without another one.
pub async fn update(app: &App, caller: &Caller, input: Update) -> Result<Model> {
    caller.require_person()?;
    check(input.name.as_deref(), input.weekly.as_deref())?;
    let command = Command::new(app, caller, input)?;
    app.db.transaction(command, change).await
}

async fn change(txn: &Txn, command: Command<Update>) -> Result<Model> {
    let Command { author, input } = command;
    let (found, coach) = lock(txn, &author.person, input.schedule_id).await?;
    if input
        .version
        .is_some_and(|version| version != found.version)
    {
        return Err(Conflict::Stale.into());
    }
    let is_default = coach.default_schedule_id == Some(found.id);
    match input.is_default {
        Some(true) if !is_default => make_default(txn, coach, found.id, author.now).await?,
        Some(false) if is_default => return Err(needs_a_default().into()),
        _ => {}
    }
    let row = store(txn, found, input, author.now).await?;
    note_change(txn, &author, "schedule.update", &row).await?;
    Ok(row)
}

async fn store(txn: &Txn, found: Model, input: Update, now: DateTime<Utc>) -> Result<Model> {
    let version = found.version;
    let mut row = found.into_active_model();
    if let Some(name) = input.name {
        row.name = Set(name.trim().to_owned());
    }
    if let Some(zone) = input.time_zone {
        row.time_zone = Set(zone.name().to_owned());
    }
    if let Some(weekly) = input.weekly {
        row.weekly = Set(stored(weekly));
    }
    row.version = Set(version + 1);
    row.updated_at = Set(now);
    Ok(row.update(&**txn).await?)
}

/// Deletes a schedule with its overrides. Archived event types that followed it fall back to the
/// default.
///
/// # Errors
/// `NotFound` for another coach's; `InvalidState` for the default one and for one that active event
/// types follow.
pub async fn delete(app: &App, caller: &Caller, schedule_id: Uuid) -> Result<Model> {
    let command = Command::new(app, caller, schedule_id)?;
    app.db.transaction(command, remove).await
}

async fn remove(txn: &Txn, command: Command<Uuid>) -> Result<Model> {
    let Command { author, input: id } = command;
    let (mut found, coach) = lock(txn, &author.person, id).await?;
    if coach.default_schedule_id == Some(id) {
        return Err(needs_a_default().into());
    }
    release_event_types(txn, id, author.now).await?;
    Entity::delete_by_id(id).exec(&**txn).await?;
    found.updated_at = author.now;
    audit_if_staff(txn, &author, "schedule.delete", &found).await?;
    Ok(found)
}

/// Detaches archived event types from the schedule; refuses if an active one follows it.
async fn release_event_types(txn: &Txn, schedule_id: Uuid, now: DateTime<Utc>) -> Result<()> {
    use event_type::Column as E;

    let offered = event_type::Entity::find()
        .filter(E::ScheduleId.eq(schedule_id))
        .filter(E::Visibility.ne(Visibility::Archived))
        .count(&**txn)
        .await?;
    if offered > 0 {
        let message =
            format!("{offered} event types follow this schedule; give them another one first");
        return Err(Conflict::InvalidState(message).into());
    }
    event_type::Entity::update_many()
        .col_expr(E::ScheduleId, Expr::value(Option::<Uuid>::None))
        .col_expr(E::Version, Expr::col(E::Version).add(1))
        .col_expr(E::UpdatedAt, Expr::value(now))
        .filter(E::ScheduleId.eq(schedule_id))
        .exec(&**txn)
        .await?;
    Ok(())
}

fn needs_a_default() -> Conflict {
    Conflict::InvalidState(
        "this is the default schedule; make another one the default first".to_owned(),
    )
}

async fn make_default(
    txn: &Txn,
    coach: Coach,
    schedule_id: Uuid,
    now: DateTime<Utc>,
) -> Result<()> {
    let version = coach.version;
    let mut row = coach.into_active_model();
    row.default_schedule_id = Set(Some(schedule_id));
    row.version = Set(version + 1);
    row.updated_at = Set(now);
    row.update(&**txn).await?;
    Ok(())
}

fn check(name: Option<&str>, weekly: Option<&[WeeklyRule]>) -> Result<()> {
    let mut problems = Problems::default();
    if let Some(name) = name {
        problems.line("name", name, 100);
    }
    if let Some(weekly) = weekly {
        problems.require(
            weekly.len() <= MAX_RULES,
            "weeklyHours",
            format!("at most {MAX_RULES}"),
        );
        let weekly = weekly.iter().copied().take(MAX_RULES).collect();
        // Any zone will do: rules are wall-clock times.
        let hours = Hours {
            zone: Zone::UTC,
            weekly,
            overrides: Vec::new(),
        };
        check_hours(&mut problems, "weeklyHours", hours.check());
    }
    problems.finish()
}

/// The stored form: sorted by weekday and start.
fn stored(mut weekly: Vec<WeeklyRule>) -> Weekly {
    weekly.sort_by_key(|rule| (rule.weekday.number_from_monday(), rule.from));
    let rules = weekly.into_iter().map(|rule| schedule::WeeklyRule {
        weekday: u8::try_from(rule.weekday.number_from_monday()).expect("a week has seven days"),
        from: rule.from.get(),
        until: rule.until.get(),
    });
    Weekly(rules.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::scheduling::native::Minute;
    use chrono::Weekday;

    fn rule(weekday: Weekday, from: u16, until: u16) -> WeeklyRule {
        let minute = |hour| Minute::at(hour, 0).expect("an hour of the day");
        WeeklyRule {
            weekday,
            from: minute(from),
            until: minute(until),
        }
    }

    #[test]
    fn rules_are_sorted_by_weekday_and_start_with_monday_as_1() {
        let rules = vec![
            rule(Weekday::Sun, 9, 10),
            rule(Weekday::Mon, 13, 24),
            rule(Weekday::Mon, 0, 12),
        ];
        let rules_found: Vec<_> = stored(rules)
            .0
            .iter()
            .map(|rule| (rule.weekday, rule.from, rule.until))
            .collect();
        assert_eq!(rules_found, [(1, 0, 720), (1, 780, 1_440), (7, 540, 600)]);
    }

    #[test]
    fn name_and_hours_are_checked_together() {
        let weekly = [
            rule(Weekday::Tue, 9, 12),
            rule(Weekday::Tue, 11, 13),
            rule(Weekday::Wed, 9, 9),
        ];
        let Err(crate::domain::Error::Invalid(found)) = check(Some(" "), Some(&weekly)) else {
            panic!("it is wrong")
        };
        let violations: Vec<_> = found
            .iter()
            .map(|violation| (violation.path(), violation.message.as_str()))
            .collect();
        assert_eq!(violations[0], ("name".to_owned(), "must not be empty"));
        assert_eq!(
            violations[1],
            (
                "weeklyHours".to_owned(),
                "Tuesday: 09:00-12:00 and 11:00-13:00 overlap"
            )
        );
        assert!(
            violations[2]
                .1
                .starts_with("Wednesday: 09:00-09:00 must end after it starts"),
            "{violations:?}"
        );
        assert_eq!(violations.len(), 3);
    }

    #[test]
    fn a_week_without_hours_is_valid() {
        check(Some("Sabbatical"), Some(&[])).expect("closed all week");
    }
}
