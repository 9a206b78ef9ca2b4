//! Matches a scheduler's bookings to the requests they came from.

use entity::scheduler_request::{Entity, Kind, Model, Status};
use entity::{Uuid, booking};
use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::{ActiveModelTrait, EntityTrait};

use super::bounds::Bounds;
use super::lineage::Lineage;
use super::names;
use super::project::Projection;
use super::request::{self, Closing};
use crate::db::Txn;
use crate::domain::{Cause, Result};

/// Assigns the uids of a lineage to the booking whose request created them. Returns `false` for a
/// duplicate of a request that already has its booking; the duplicate is canceled at the scheduler.
pub(crate) async fn trace(
    txn: &Txn,
    cause: &Cause,
    lineage: &mut Lineage,
    bounds: &Bounds,
) -> Result<bool> {
    let requests = lineage.requests();
    let ids = requests.iter().map(|(_, id)| names::of_request(*id));
    txn.lock_more_names(&ids.collect()).await?;
    for (uid, request_id) in requests {
        let Some(request) = Entity::find_by_id(request_id).one(&**txn).await? else {
            continue;
        };
        let booking = booking::Entity::find_by_id(request.booking_id)
            .one(&**txn)
            .await?;
        // Whoever knows the id of another coach's request cannot answer it.
        let is_theirs = match booking {
            Some(booking) => bounds.hold_coach(txn, booking.coach_id).await?,
            None => false,
        };
        if !is_theirs {
            continue;
        }
        match &request.uid {
            Some(known) if *known != uid => {
                request::undo(txn, cause, &request, &uid).await?;
                return Ok(false);
            }
            Some(_) => {}
            None => {
                let row = entity::scheduler_request::ActiveModel {
                    id: Unchanged(request.id),
                    uid: Set(Some(uid.clone())),
                    ..Default::default()
                };
                row.update(&**txn).await?;
            }
        }
        lineage
            .ties(txn, &uid, request.booking_id, cause.now)
            .await?;
    }
    Ok(true)
}

/// The open request that this projection answers.
pub(crate) async fn answered(
    txn: &Txn,
    booking_id: Uuid,
    after: &Projection,
) -> Result<Option<Model>> {
    let open = Entity::find_open(booking_id).one(&**txn).await?;
    Ok(open.filter(|request| match request.kind {
        Kind::Book => true,
        Kind::Move => request.from_uid.as_ref() != Some(&after.uid),
        Kind::Undo => false,
    }))
}

/// Closes a request whose outcome is known.
pub(crate) async fn close(
    txn: &Txn,
    request: &Model,
    booking: &booking::Model,
    after: &Projection,
) -> Result<()> {
    // It may have been moved elsewhere in the meantime.
    let is_ours = request.kind == Kind::Book || booking.starts_at == request.starts_at;
    let (status, refusal) = if is_ours {
        (Status::Accepted, None)
    } else {
        (Status::Refused, Some("MOVED_ELSEWHERE".to_owned()))
    };
    let uid = (request.kind == Kind::Move).then(|| after.uid.clone());
    request::close(
        txn,
        request,
        status,
        Closing { uid, refusal },
        booking.updated_at,
    )
    .await?;
    Ok(())
}
