//! Migrates a coach from one scheduler to another.
//!
//! First the event types and hours are copied to the new scheduler; only when all are there does
//! the coach's scheduler change. An interrupted migration continues when it is called again, and
//! creates nothing twice. Bookings are not touched: each stays with the scheduler that granted it
//! until it is over, keeps its id and history, and continues to block its time here.

use entity::booking::{self, Status};
use entity::coach::{self, Scheduler};
use entity::event_type::{self, Visibility};
use entity::{Uuid, schedule};
use sea_orm::ActiveValue::Set;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter,
    QueryOrder,
};

use super::Account;
use super::sync::{How, Stopped, mark_synced, push, push_schedule_to, told};
use crate::app::App;
use crate::db::Txn;
use crate::domain::coach::{acting_for, lock, require};
use crate::domain::connection::Purpose;
use crate::domain::scheduling::settings;
use crate::domain::{Caller, Command, Conflict, Error, Result};

/// Where a coach's time is to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, async_graphql::Enum)]
#[graphql(name = "MigrationTarget")]
pub enum Target {
    /// By Courtside itself.
    Native,
    /// In the coach's connected account at Cal.com.
    #[graphql(name = "CALCOM")]
    CalCom,
}

/// The input of [`migrate`].
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// The caller's own profile if `None`.
    pub coach_id: Option<Uuid>,
    pub to: Target,
    /// Report what would be done, and do nothing.
    pub dry_run: bool,
}

/// What a step was about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, async_graphql::Enum)]
#[graphql(name = "MigrationSubject")]
pub enum Subject {
    /// Weekly hours with the dates to come on which they do not hold.
    Schedule,
    /// Something that can be booked.
    EventType,
}

/// What was done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, async_graphql::Enum)]
#[graphql(name = "MigrationOutcome")]
pub enum Outcome {
    /// Made at the new scheduler.
    Created,
    /// Found there under the same name, and made to say the same.
    Adopted,
    /// Was there, and was made to say the same.
    Updated,
    /// Could not be brought there.
    Failed,
}

/// The outcome for one object.
#[derive(Clone, Debug)]
pub struct Step {
    pub subject: Subject,
    /// The id of the schedule or event type.
    pub id: Uuid,
    pub name: String,
    pub outcome: Outcome,
    /// Why it failed.
    pub message: Option<String>,
}

/// The result of a migration or a dry run.
#[derive(Clone, Debug)]
pub struct Report {
    pub coach: coach::Model,
    pub dry_run: bool,
    /// Whether the coach's scheduler is the target now.
    pub is_done: bool,
    pub steps: Vec<Step>,
    /// Future bookings that stay with the scheduler that granted them.
    pub bookings_kept: u64,
}

/// Migrates a coach to another scheduler. The caller's own profile, or, for staff, any.
///
/// # Errors
/// `NotFound` for another coach; `InvalidState` when no account is connected, or the coach has no
/// hours; `Unavailable` when Cal.com does not answer. Objects that were copied stay, and another
/// call continues from there.
pub async fn migrate(app: &App, caller: &Caller, wanted: Wanted) -> Result<Report> {
    let (person, coach_id) = acting_for(caller, wanted.coach_id)?;
    let coach = require(app.db.read(), coach_id).await?;
    if coach.default_schedule_id.is_none() {
        return Err(Conflict::InvalidState(
            "the coach has no hours; make a schedule first".to_owned(),
        )
        .into());
    }
    let steps = match wanted.to {
        Target::Native => Vec::new(),
        Target::CalCom => {
            let account = Account::of_coach(
                app,
                coach_id,
                Purpose::EventType.asked_by(Some(person.user_id)),
            )
            .await?;
            let account = account.ok_or_else(|| {
                Conflict::InvalidState("connect an account at Cal.com first".to_owned())
            })?;
            if wanted.dry_run {
                plan(app, &account, &coach).await?
            } else {
                bring(app, &account, &coach).await?
            }
        }
    };
    let bookings_kept = kept(app, coach_id, wanted.to).await?;
    let is_whole = steps.iter().all(|step| step.outcome != Outcome::Failed);
    let coach = if is_whole && !wanted.dry_run {
        hand_over(app, caller, coach_id, wanted.to).await?
    } else {
        coach
    };
    let is_done = coach.scheduler == wanted.to.scheduler();
    Ok(Report {
        coach,
        dry_run: wanted.dry_run,
        is_done,
        steps,
        bookings_kept,
    })
}

impl Target {
    const fn scheduler(self) -> Scheduler {
        match self {
            Self::Native => Scheduler::Native,
            Self::CalCom => Scheduler::CalCom,
        }
    }
}

/// The schedules and event types to copy.
async fn luggage(
    app: &App,
    coach: &coach::Model,
) -> Result<(Vec<schedule::Model>, Vec<event_type::Model>)> {
    let event_types = event_type::Entity::find()
        .filter(event_type::Column::CoachId.eq(coach.id))
        .filter(event_type::Column::Visibility.ne(Visibility::Archived))
        .order_by_asc(event_type::Column::CreatedAt)
        .order_by_asc(event_type::Column::Id)
        .all(app.db.read())
        .await?;
    let used = event_types
        .iter()
        .filter_map(|event_type| event_type.schedule_id)
        .chain(coach.default_schedule_id);
    let schedules = schedule::Entity::find()
        .filter(schedule::Column::Id.is_in(used))
        .order_by_asc(schedule::Column::Id)
        .all(app.db.read())
        .await?;
    Ok((schedules, event_types))
}

async fn bring(app: &App, account: &Account<'_>, coach: &coach::Model) -> Result<Vec<Step>> {
    let (schedules, event_types) = luggage(app, coach).await?;
    let mut steps = Vec::new();
    for row in schedules {
        let outcome = outcome(
            push_schedule_to(app, account, &row)
                .await
                .map(|(_, how)| how),
        )?;
        steps.push(step(Subject::Schedule, row.id, row.name, outcome));
    }
    for row in event_types {
        let pushed = match push(app, account, &row).await {
            Ok(Some((there, how))) => {
                mark_synced(app, &row, &there, None).await?;
                Ok(how)
            }
            Ok(None) => continue,
            Err(stopped) => Err(stopped),
        };
        steps.push(step(
            Subject::EventType,
            row.id,
            row.title,
            outcome(pushed)?,
        ));
    }
    Ok(steps)
}

async fn plan(app: &App, account: &Account<'_>, coach: &coach::Model) -> Result<Vec<Step>> {
    let (schedules, event_types) = luggage(app, coach).await?;
    let silent = |fault| Error::from(Silent::from(fault));
    let (hours, offers) = (
        account.schedules().await.map_err(silent)?,
        account.event_types().await.map_err(silent)?,
    );
    let states =
        settings::find_many(app, &schedules.iter().map(|row| row.id).collect::<Vec<_>>()).await?;
    let mut steps = Vec::new();
    for row in schedules {
        let known = states
            .get(&row.id)
            .and_then(|known| known.external_id.clone());
        let outcome = if hours
            .iter()
            .any(|theirs| Some(theirs.id.to_string()) == known)
        {
            Outcome::Updated
        } else if hours.iter().any(|theirs| theirs.name == row.name) {
            Outcome::Adopted
        } else {
            Outcome::Created
        };
        steps.push(step(Subject::Schedule, row.id, row.name, (outcome, None)));
    }
    for row in event_types {
        let known = row.provider_event_type_id.clone();
        let outcome = if offers
            .iter()
            .any(|theirs| Some(theirs.id.to_string()) == known)
        {
            Outcome::Updated
        } else if offers.iter().any(|theirs| theirs.slug == row.slug) {
            Outcome::Adopted
        } else {
            Outcome::Created
        };
        steps.push(step(Subject::EventType, row.id, row.title, (outcome, None)));
    }
    Ok(steps)
}

fn step(
    subject: Subject,
    id: Uuid,
    name: String,
    (outcome, message): (Outcome, Option<String>),
) -> Step {
    Step {
        subject,
        id,
        name,
        outcome,
        message,
    }
}

/// Cal.com gave no usable answer.
struct Silent(providers::cal_com::Error);

impl From<providers::cal_com::Error> for Silent {
    fn from(fault: providers::cal_com::Error) -> Self {
        Self(fault)
    }
}

impl From<Silent> for Error {
    fn from(Silent(fault): Silent) -> Self {
        tracing::info!(error = %fault, "migration stopped");
        match fault.kind {
            providers::Kind::Unauthorized => Conflict::InvalidState(
                "Cal.com does not accept the connected account; connect it again".to_owned(),
            )
            .into(),
            _ => Self::Unavailable("Cal.com does not answer at present; try again later"),
        }
    }
}

/// The reported outcome of an object. A missing answer ends the whole migration, a refusal does
/// not.
fn outcome(pushed: Result<How, Stopped>) -> Result<(Outcome, Option<String>)> {
    use providers::Kind;

    match pushed {
        Ok(How::Created) => Ok((Outcome::Created, None)),
        Ok(How::Adopted) => Ok((Outcome::Adopted, None)),
        Ok(How::Updated) => Ok((Outcome::Updated, None)),
        Err(Stopped::Here(Error::Conflict(why))) => Ok((Outcome::Failed, Some(why.to_string()))),
        Err(Stopped::Here(error)) => Err(error),
        Err(Stopped::There(fault)) => match fault.kind {
            Kind::Rejected | Kind::Conflict | Kind::NotFound => {
                Ok((Outcome::Failed, Some(told(&fault))))
            }
            _ => Err(Silent::from(fault).into()),
        },
    }
}

/// The number of future bookings with another scheduler than the target.
async fn kept(app: &App, coach_id: Uuid, to: Target) -> Result<u64> {
    Ok(booking::Entity::find_real()
        .filter(booking::Column::CoachId.eq(coach_id))
        .filter(booking::Column::Scheduler.ne(to.scheduler()))
        .filter(booking::Column::Status.is_in(Status::ACTIVE))
        .filter(booking::Column::EndsAt.gt(app.clock.now()))
        .count(app.db.read())
        .await?)
}

async fn hand_over(app: &App, caller: &Caller, coach_id: Uuid, to: Target) -> Result<coach::Model> {
    let command = Command::new(app, caller, HandOver { coach_id, to })?;
    let coach = app.db.transaction(command, hand_over_in).await?;
    app.slots.invalidate(coach_id);
    Ok(coach)
}

#[derive(Clone, Copy)]
struct HandOver {
    coach_id: Uuid,
    to: Target,
}

async fn hand_over_in(txn: &Txn, command: Command<HandOver>) -> Result<coach::Model> {
    let Command { author, input } = command;
    let (HandOver { coach_id, to }, now) = (input, author.now);
    let found = lock(txn, coach_id).await?;
    if found.scheduler == to.scheduler() {
        return Ok(found);
    }
    let version = found.version + 1;
    let mut row = found.into_active_model();
    row.scheduler = Set(to.scheduler());
    row.version = Set(version);
    row.updated_at = Set(now);
    let row = row.update(&**txn).await?;
    let action = match to {
        Target::Native => "coach.migrate_to_native",
        Target::CalCom => "coach.migrate_to_calcom",
    };
    let subject = format!("coach_{}", coach_id.simple());
    author.audit(txn, action, &subject).await?;
    if to == Target::CalCom {
        settings::absences_changed(txn, &row, now, &author.correlation_id).await?;
        settings::catch_up(txn, &row, now, &author.correlation_id).await?;
    }
    Ok(row)
}
