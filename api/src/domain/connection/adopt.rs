//! What was taken in for an unknown account goes to the coach who turns out to own it.

use entity::{booking, coach, event_type, event_type_host};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveModelTrait as _, ColumnTrait as _, EntityTrait as _, ExprTrait as _, IntoActiveModel as _};
use sea_orm::{PaginatorTrait as _, QueryFilter as _};

use super::invalid_state;
use crate::db::Txn;
use crate::domain::{Conflict, Error, Result};

/// Moves the event types and bookings of a coach who was imported, and has no account here, to the coach who connects that account. The
/// imported profile stays behind, empty and unlisted: history names it.
///
/// # Errors
/// `InvalidState` when a booking of the account overlaps with one that the coach has here.
pub(super) async fn adopt(txn: &Txn, imported: &coach::Model, coach: &coach::Model) -> Result<()> {
    let types = event_type::Entity::find().filter(event_type::Column::CoachId.eq(imported.id)).all(&**txn).await?;
    for row in types {
        let taken = event_type::Entity::find()
            .filter(event_type::Column::CoachId.eq(coach.id))
            .filter(event_type::Column::Slug.eq(&row.slug))
            .count(&**txn)
            .await?;
        let slug =
            if taken == 0 { row.slug.clone() } else { format!("{}-{}", row.slug, &row.id.simple().to_string()[24..]) };
        let version = row.version + 1;
        let mut row = row.into_active_model();
        row.coach_id = Set(coach.id);
        row.slug = Set(slug);
        row.version = Set(version);
        row.update(&**txn).await?;
    }
    event_type_host::Entity::update_many()
        .set(event_type_host::ActiveModel { coach_id: Set(coach.id), ..Default::default() })
        .filter(event_type_host::Column::CoachId.eq(imported.id))
        .exec(&**txn)
        .await?;
    let moved = booking::Entity::update_many()
        .set(booking::ActiveModel { coach_id: Set(coach.id), ..Default::default() })
        .col_expr(booking::Column::Version, Expr::col(booking::Column::Version).add(1))
        .filter(booking::Column::CoachId.eq(imported.id))
        .exec(&**txn)
        .await;
    match moved.map_err(Error::from) {
        Ok(_) => Ok(()),
        Err(Error::Conflict(Conflict::SlotTaken)) => Err(invalid_state(
            "a booking of this account overlaps with a booking here; cancel or move one of them first",
        )),
        Err(error) => Err(error),
    }
}
