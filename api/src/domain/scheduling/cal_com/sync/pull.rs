//! Pulls what a coach has changed in their Cal.com account.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use entity::coach::Scheduler;
use entity::event_type::{self, Visibility};
use entity::sync_state::{self as row, State, Subject};
use entity::{Provider, Uuid, coach, connection, schedule, schedule_override};
use providers::cal_com::{EventType, Schedule};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect,
};

use super::event_types::{Agreed, their_id};
use super::{absences, again, event_types, schedules};
use crate::app::App;
use crate::db::Txn;
use crate::domain::coach::acting_for;
use crate::domain::connection::{self as link, Purpose};
use crate::domain::scheduling::cal_com::{Account, Offer, Week};
use crate::domain::scheduling::settings::{self, find, fingerprint, put};
use crate::domain::{Caller, Conflict, Error, Result, event_type as offers};
use crate::outbox::job::{self, Job};

const TAKEN: &str = "changed at Cal.com, and taken over from there";
const STANDS: &str = "it was changed at Cal.com as well; what was changed here later stands";
const LOST: &str = "it was changed here as well; what was found at Cal.com stands";
const GONE: &str = "it was deleted at Cal.com; the next change here brings it back there";

/// Compares a coach's event types and hours with their account, and synchronizes both sides; on
/// behalf of a person if one requested it.
///
/// # Errors
/// When the account cannot be read.
pub async fn pull(app: &App, connection_id: Uuid, actor_id: Option<Uuid>) -> Result<()> {
    let found = connection::Entity::find_by_id(connection_id)
        .one(app.db.read())
        .await?;
    let Some(link) =
        found.filter(|link| link.is_live() && link.health != connection::Health::Broken)
    else {
        return Ok(());
    };
    let Some(coach) = coach::Entity::find_by_id(link.coach_id)
        .one(app.db.read())
        .await?
    else {
        return Ok(());
    };
    if coach.scheduler != Scheduler::CalCom {
        return Ok(());
    }
    let reason = Purpose::EventType.asked_by(actor_id);
    let Some(account) = Account::of_coach(app, coach.id, reason).await? else {
        return Ok(());
    };
    // Hours first: event types refer to them.
    let there = account.schedules().await.map_err(again)?;
    for known in row::Entity::find_by_coach(coach.id, Subject::Schedule)
        .all(app.db.read())
        .await?
    {
        look_at_schedule(app, known, &there).await?;
    }
    // Retries failed pushes. A failure here does not stop the rest.
    let pushed = absences::push_absences(app, coach.id).await;
    let there = account.event_types().await.map_err(again)?;
    let ours = event_type::Entity::find()
        .filter(event_type::Column::CoachId.eq(coach.id))
        .filter(event_type::Column::Visibility.ne(Visibility::Archived))
        .all(app.db.read())
        .await?;
    for ours in ours {
        look_at_event_type(app, ours, &there).await?;
    }
    pushed
}

/// Pulls at once, for the coach or staff.
///
/// # Errors
/// `Unauthenticated`, `NotFound` for another coach, `InvalidState` without a connected account,
/// `Unavailable` when Cal.com does not answer.
pub async fn pull_mine(app: &App, caller: &Caller, coach_id: Option<Uuid>) -> Result<coach::Model> {
    let (person, coach_id) = acting_for(caller, coach_id)?;
    let coach = crate::domain::coach::require(app.db.read(), coach_id).await?;
    let link = link::find_live(app, Scheduler::CalCom, coach_id).await?;
    let link =
        link.ok_or_else(|| Conflict::InvalidState("no Cal.com account is connected".to_owned()))?;
    pull(app, link.id, Some(person.user_id))
        .await
        .map_err(not_now)?;
    Ok(coach)
}

pub(super) fn not_now(error: Error) -> Error {
    match error {
        Error::Provider { .. } => {
            Error::Unavailable("Cal.com does not answer at present; try again later")
        }
        error => error,
    }
}

/// What to do about a pair of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Nothing,
    Push(Option<&'static str>),
    Take(&'static str),
}

/// The latest change wins. The time of a remote change is unknown: it is after the last pull.
fn judge(
    known: Option<&row::Model>,
    theirs: &str,
    version: i64,
    changed_at: DateTime<Utc>,
) -> Verdict {
    let Some(known) = known else {
        return Verdict::Take(TAKEN);
    };
    let ours_changed = known.version != version;
    let theirs_changed = known.theirs.as_deref().is_some_and(|known| known != theirs);
    match (ours_changed, theirs_changed) {
        (false, false) => Verdict::Nothing,
        (true, false) => Verdict::Push(None),
        (false, true) => Verdict::Take(TAKEN),
        (true, true)
            if known
                .looked_at
                .is_none_or(|looked_at| changed_at > looked_at) =>
        {
            Verdict::Push(Some(STANDS))
        }
        (true, true) => Verdict::Take(LOST),
    }
}

async fn look_at_event_type(app: &App, ours: event_type::Model, there: &[EventType]) -> Result<()> {
    let known = find(app.db.read(), ours.id).await?;
    let Some(id) = their_id(&ours) else {
        // It was created here while no push was possible.
        return if known.is_some() {
            enqueue_push(app, Subject::EventType, ours.id, None).await
        } else {
            Ok(())
        };
    };
    let Some(theirs) = there.iter().find(|theirs| theirs.id == id) else {
        return gone(app, Subject::EventType, ours.id, ours.coach_id).await;
    };
    let said = Offer::from(theirs);
    match judge(
        known.as_ref(),
        &fingerprint(&said),
        ours.version,
        ours.updated_at,
    ) {
        Verdict::Nothing => looked(app, ours.id).await,
        Verdict::Push(message) => enqueue_push(app, Subject::EventType, ours.id, message).await,
        Verdict::Take(message) => {
            let (id, mut new) = (ours.id, ours.clone());
            said.apply(&mut new);
            if let Err(Error::Invalid(wrong)) = offers::require_sound(&new) {
                let what = wrong
                    .first()
                    .map(|wrong| format!("{}: {}", wrong.field.join("."), wrong.message));
                let message = format!(
                    "changed at Cal.com to what cannot be offered here ({})",
                    what.unwrap_or_default()
                );
                return settings::failed(app, id, State::Failed, message).await;
            }
            if new != ours {
                (new.version, new.updated_at) = (ours.version + 1, app.clock.now());
                if !store_event_type(app, new.clone(), ours.version).await? {
                    return Ok(());
                }
            }
            event_types::mark_synced(app, &new, theirs, Some(message.to_owned())).await
        }
    }
}

/// Writes the row unless it was changed in the meantime.
async fn store_event_type(app: &App, new: event_type::Model, version: i64) -> Result<bool> {
    let id = new.id;
    let done = event_type::Entity::update_many()
        .set(event_type::ActiveModel {
            id: sea_orm::ActiveValue::NotSet,
            ..new.into_active_model().reset_all()
        })
        .filter(event_type::Column::Id.eq(id))
        .filter(event_type::Column::Version.eq(version))
        .exec(app.db.write_one())
        .await;
    match done {
        Ok(done) => Ok(done.rows_affected == 1),
        Err(error) => match Error::or_taken(error, "slug", "slug") {
            Error::Conflict(_) => {
                let message =
                    "changed at Cal.com to a slug that another event type has here".to_owned();
                settings::failed(app, id, State::Failed, message).await?;
                Ok(false)
            }
            error => Err(error),
        },
    }
}

pub(super) async fn look_at_schedule(
    app: &App,
    known: row::Model,
    there: &[Schedule],
) -> Result<()> {
    let Some(ours) = schedule::Entity::find_by_id(known.id)
        .one(app.db.read())
        .await?
    else {
        return Ok(());
    };
    let id = known
        .external_id
        .as_deref()
        .and_then(|id| id.parse::<i64>().ok());
    let Some(id) = id else {
        return enqueue_push(app, Subject::Schedule, ours.id, None).await;
    };
    let Some(theirs) = there.iter().find(|theirs| theirs.id == id) else {
        return gone(app, Subject::Schedule, ours.id, ours.coach_id).await;
    };
    match judge(
        Some(&known),
        &schedules::of_theirs(theirs),
        ours.version,
        ours.updated_at,
    ) {
        Verdict::Nothing => looked(app, ours.id).await,
        Verdict::Push(message) => enqueue_push(app, Subject::Schedule, ours.id, message).await,
        Verdict::Take(message) => take_hours(app, ours, theirs, message).await,
    }
}

async fn take_hours(
    app: &App,
    ours: schedule::Model,
    theirs: &Schedule,
    message: &'static str,
) -> Result<()> {
    let (now, today) = (app.clock.now(), schedules::today(app, &ours)?);
    let own = schedules::week(app, &ours).await?;
    let told = own
        .clone()
        .without(&absences::told(app, ours.coach_id).await?, today);
    // Dates that were closed there because of an absence are not part of the coach's hours.
    let week = Week::theirs(theirs, today).reopened(&own, &told);
    if let Some(problem) = week.problem() {
        let message = format!(
            "changed at Cal.com to hours that make no sense ({problem}); ours stay as they are"
        );
        return settings::failed(app, ours.id, State::Failed, message).await;
    }
    let mut new = ours.clone();
    new.name = week.name.chars().take(100).collect();
    new.time_zone.clone_from(&week.time_zone);
    new.weekly = week.weekly();
    (new.version, new.updated_at) = (ours.version + 1, now);
    let hours = Hours {
        row: new.clone(),
        dates: week.dates,
        today,
    };
    if app.db.transaction(hours, store_hours).await? {
        schedules::mark_synced(app, &new, theirs, Some(message.to_owned())).await
    } else {
        Ok(())
    }
}

#[derive(Clone)]
struct Hours {
    row: schedule::Model,
    dates: BTreeMap<NaiveDate, Vec<(u16, u16)>>,
    today: NaiveDate,
}

/// Writes hours unless they were changed in the meantime. Past dates stay.
async fn store_hours(txn: &Txn, hours: Hours) -> Result<bool> {
    use schedule_override::Column as O;

    let Hours {
        row: new,
        dates,
        today,
    } = hours;
    let found = schedule::Entity::find_by_id(new.id)
        .lock_exclusive()
        .one(&**txn)
        .await?;
    if found.is_none_or(|found| found.version + 1 != new.version) {
        return Ok(false);
    }
    let id = new.id;
    let row = schedule::ActiveModel {
        id: sea_orm::ActiveValue::NotSet,
        ..new.into_active_model().reset_all()
    };
    schedule::Entity::update_many()
        .set(row)
        .filter(schedule::Column::Id.eq(id))
        .exec(&**txn)
        .await?;
    let coming = schedule_override::Entity::delete_many()
        .filter(O::ScheduleId.eq(id))
        .filter(O::Date.gte(today));
    coming.exec(&**txn).await?;
    let rows: Vec<_> = dates
        .into_iter()
        .map(|(date, hours)| schedule_override::Model {
            schedule_id: id,
            date,
            hours: schedule_override::DayHours(hours),
        })
        .map(|row| row.into_active_model().reset_all())
        .collect();
    if !rows.is_empty() {
        schedule_override::Entity::insert_many(rows)
            .exec_without_returning(&**txn)
            .await?;
    }
    Ok(true)
}

/// Stores that nothing has changed, with the time of this pull.
async fn looked(app: &App, id: Uuid) -> Result<()> {
    let now = app.clock.now();
    row::Entity::update_many()
        .set(row::ActiveModel {
            looked_at: sea_orm::ActiveValue::Set(Some(now)),
            ..Default::default()
        })
        .filter(row::Column::Id.eq(id))
        .exec(app.db.write_one())
        .await?;
    Ok(())
}

async fn enqueue_push(
    app: &App,
    subject: Subject,
    id: Uuid,
    message: Option<&'static str>,
) -> Result<()> {
    let push = Push {
        subject,
        id,
        message,
        now: app.clock.now(),
    };
    app.db.transaction(push, enqueue_push_in).await
}

#[derive(Clone, Copy)]
struct Push {
    subject: Subject,
    id: Uuid,
    message: Option<&'static str>,
    now: DateTime<Utc>,
}

async fn enqueue_push_in(txn: &Txn, push: Push) -> Result<()> {
    if let Some(row) = find(&**txn, push.id).await? {
        let message = push.message.map(str::to_owned).or(row.message);
        put(
            txn,
            row::Model {
                state: State::Pending,
                message,
                updated_at: push.now,
                ..row
            },
        )
        .await?;
    }
    let kind = match push.subject {
        Subject::EventType => job::Kind::PushEventType,
        Subject::Schedule => job::Kind::PushSchedule,
    };
    let job = Job::new(kind, push.id, Provider::CalCom);
    job::enqueue(txn, job.at(push.now, "sync")).await
}

async fn gone(app: &App, subject: Subject, id: Uuid, coach_id: Uuid) -> Result<()> {
    let gone = settings::blank(subject, id, coach_id, Scheduler::CalCom, app.clock.now());
    app.db.transaction(gone, note_gone).await
}

async fn note_gone(txn: &Txn, blank: row::Model) -> Result<()> {
    let now = blank.updated_at;
    let found = find(&**txn, blank.id).await?.unwrap_or(blank);
    let row = row::Model {
        external_id: None,
        theirs: None,
        state: State::Failed,
        message: Some(GONE.to_owned()),
        looked_at: Some(now),
        updated_at: now,
        ..found
    };
    put(txn, row).await
}

/// The agreed state after a pull.
pub(super) fn agreed(theirs: &EventType, version: i64) -> Agreed {
    Agreed {
        external_id: theirs.id.to_string(),
        theirs: fingerprint(&Offer::from(theirs)),
        version,
        is_latest: true,
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta, Utc};

    use super::*;

    fn known(version: i64, looked_at: DateTime<Utc>) -> row::Model {
        row::Model {
            version,
            theirs: Some("before".to_owned()),
            looked_at: Some(looked_at),
            ..settings::blank(
                Subject::EventType,
                Uuid::nil(),
                Uuid::nil(),
                Scheduler::CalCom,
                looked_at,
            )
        }
    }

    #[test]
    fn the_latest_change_wins() {
        let (now, hour) = (DateTime::UNIX_EPOCH, TimeDelta::hours(1));
        let known = known(3, now);
        let verdict =
            |theirs, version, changed_at| judge(Some(&known), theirs, version, changed_at);
        assert_eq!(verdict("before", 3, now - hour), Verdict::Nothing);
        assert_eq!(verdict("before", 4, now + hour), Verdict::Push(None));
        assert_eq!(verdict("after", 3, now - hour), Verdict::Take(TAKEN));
        assert_eq!(verdict("after", 4, now + hour), Verdict::Push(Some(STANDS)));
        assert_eq!(verdict("after", 4, now - hour), Verdict::Take(LOST));
        assert_eq!(judge(None, "after", 4, now), Verdict::Take(TAKEN));
    }
}
