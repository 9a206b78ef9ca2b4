//! What a pull does about an object that both sides have: nothing, push ours, or take theirs.

use chrono::{DateTime, Utc};
use entity::coach::Scheduler;
use entity::sync_state::{self as row, State, Subject};
use entity::{Provider, Uuid};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use crate::app::App;
use crate::db::Txn;
use crate::domain::Result;
use crate::domain::scheduling::settings::{self, find, put};
use crate::outbox::job::{self, Job};

const TAKEN: &str = "changed at Cal.com, and taken over from there";
const STANDS: &str = "it was changed at Cal.com as well; what was changed here later stands";
const LOST: &str = "it was changed here as well; what was found at Cal.com stands";
const GONE: &str = "it was deleted at Cal.com; the next change here brings it back there";

/// What to do about a pair of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Nothing,
    Push(Option<&'static str>),
    Take(&'static str),
}

/// The latest change wins. The time of a remote change is unknown: it is after the last pull.
pub(super) fn judge(
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

/// Stores that nothing has changed, with the time of this pull.
pub(super) async fn looked(app: &App, id: Uuid) -> Result<()> {
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

pub(super) async fn enqueue_push(
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

pub(super) async fn gone(app: &App, subject: Subject, id: Uuid, coach_id: Uuid) -> Result<()> {
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

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

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
