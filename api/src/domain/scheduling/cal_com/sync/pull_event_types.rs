//! Pulls event types that a coach has changed in their account.

use entity::event_type;
use entity::sync_state::{State, Subject};
use providers::cal_com::EventType;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter};

use super::agreed::Agreed;
use super::event_types::{mark_synced, their_id};
use super::verdict::{Verdict, enqueue_push, gone, judge, looked};
use crate::app::App;
use crate::domain::scheduling::cal_com::Offer;
use crate::domain::scheduling::settings::{self, find, fingerprint};
use crate::domain::{Error, Result, event_type as offers};

pub(super) async fn look_at_event_type(
    app: &App,
    ours: event_type::Model,
    there: &[EventType],
) -> Result<()> {
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
                let what = wrong.first().map(ToString::to_string);
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
            mark_synced(app, &new, theirs, Some(message.to_owned())).await
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

/// The agreed state after a pull.
pub(super) fn agreed(theirs: &EventType, version: i64) -> Agreed {
    Agreed {
        external_id: theirs.id.to_string(),
        theirs: fingerprint(&Offer::from(theirs)),
        version,
        is_latest: true,
    }
}
