//! Reads the stored facts about bookings and projects them.

use std::collections::HashMap;

use entity::Uuid;
use sea_orm::ConnectionTrait;

use super::lineage;
use super::project::{Projection, project};
use crate::domain::Result;

/// Projects all stored facts about a booking.
pub(crate) async fn projection_of(
    db: &impl ConnectionTrait,
    booking_id: Uuid,
) -> Result<Option<Projection>> {
    Ok(projections_of(db, &[booking_id]).await?.remove(&booking_id))
}

/// [`projection_of`] several bookings at once; bookings with too few facts are left out.
pub(crate) async fn projections_of(
    db: &impl ConnectionTrait,
    booking_ids: &[Uuid],
) -> Result<HashMap<Uuid, Projection>> {
    let nodes = lineage::nodes_of(db, booking_ids).await?;
    Ok(nodes
        .into_iter()
        .filter_map(|(id, nodes)| Some((id, project(&nodes)?)))
        .collect())
}
