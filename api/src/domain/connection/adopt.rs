//! Transfers imported data of an unknown account to the coach who connects that account.

use entity::event_type::Visibility;
use entity::{booking, coach, event_type, event_type_host};
use sea_orm::ActiveValue::Set;
use sea_orm::QueryFilter as _;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait as _, ColumnTrait as _, EntityTrait as _, ExprTrait as _, IntoActiveModel as _,
};

use super::invalid_state;
use crate::db::Txn;
use crate::domain::{Conflict, Error, Result};

/// Moves the event types and bookings of an imported coach (one without an account here) to the
/// coach who connects the account. The imported profile stays, empty and unlisted, because history
/// refers to it. Event types with equal slugs are treated as the same one: at the provider a slug
/// is unique per coach.
///
/// # Errors
/// `InvalidState` when a booking of the account overlaps with one that the coach has here.
pub(super) async fn adopt(txn: &Txn, imported: &coach::Model, coach: &coach::Model) -> Result<()> {
    let types = event_type::Entity::find()
        .filter(event_type::Column::CoachId.eq(imported.id))
        .all(&**txn)
        .await?;
    for row in types {
        let own = event_type::Entity::find()
            .filter(event_type::Column::CoachId.eq(coach.id))
            .filter(event_type::Column::Slug.eq(&row.slug))
            .one(&**txn)
            .await?;
        let slug = match own {
            None => row.slug.clone(),
            Some(own) if is_the_same(&own, &row) => {
                merge(txn, row, own).await?;
                continue;
            }
            Some(_) => format!("{}-{}", row.slug, &row.id.simple().to_string()[24..]),
        };
        let version = row.version + 1;
        let mut row = row.into_active_model();
        row.coach_id = Set(coach.id);
        row.slug = Set(slug);
        row.version = Set(version);
        row.update(&**txn).await?;
    }
    event_type_host::Entity::update_many()
        .set(event_type_host::ActiveModel {
            coach_id: Set(coach.id),
            ..Default::default()
        })
        .filter(event_type_host::Column::CoachId.eq(imported.id))
        .exec(&**txn)
        .await?;
    let moved = booking::Entity::update_many()
        .set(booking::ActiveModel {
            coach_id: Set(coach.id),
            ..Default::default()
        })
        .col_expr(
            booking::Column::Version,
            Expr::col(booking::Column::Version).add(1),
        )
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

/// Whether an event type here and an imported one with the same slug can be the same.
fn is_the_same(own: &event_type::Model, imported: &event_type::Model) -> bool {
    let is_free = own.provider_event_type_id.is_none() && own.visibility != Visibility::Archived;
    is_free && imported.provider_event_type_id.is_some()
}

/// Links an event type to its remote one, and moves the imported bookings to it. The imported event
/// type stays, archived.
async fn merge(txn: &Txn, imported: event_type::Model, own: event_type::Model) -> Result<()> {
    let (imported_id, own_id) = (imported.id, own.id);
    let (provider, external_id) = (
        imported.provider.clone(),
        imported.provider_event_type_id.clone(),
    );
    let imported_version = imported.version + 1;
    let mut imported = imported.into_active_model();
    imported.provider = Set(None);
    imported.provider_event_type_id = Set(None);
    imported.visibility = Set(Visibility::Archived);
    imported.version = Set(imported_version);
    // Unlinked first: the link is unique.
    imported.update(&**txn).await?;
    let own_version = own.version + 1;
    let mut own = own.into_active_model();
    own.provider = Set(provider);
    own.provider_event_type_id = Set(external_id);
    own.version = Set(own_version);
    own.update(&**txn).await?;
    event_type_host::Entity::delete_many()
        .filter(event_type_host::Column::EventTypeId.eq(imported_id))
        .exec(&**txn)
        .await?;
    booking::Entity::update_many()
        .set(booking::ActiveModel {
            event_type_id: Set(own_id),
            ..Default::default()
        })
        .filter(booking::Column::EventTypeId.eq(imported_id))
        .exec(&**txn)
        .await?;
    Ok(())
}
