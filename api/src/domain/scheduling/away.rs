//! When coaches are away, which closes their time whichever scheduler is in use.

use chrono::{Days, NaiveDate};
use entity::absence::{Column, Entity};
use entity::{Uuid, coach};
use sea_orm::{ColumnTrait, ConnectionTrait, QueryFilter, Select};

use super::days::{stretch, zone};
use super::native::Interval;
use crate::domain::Result;

/// Absences of these coaches that overlap the interval in some zone.
pub(super) fn in_stretch(coach_ids: &[Uuid], around: Interval) -> Select<Entity> {
    // Widened by a day: in another zone it may still be yesterday.
    let day = Days::new(1);
    let (from, until) = (around.from.date_naive(), around.until.date_naive());
    let (from, until) = (
        from.checked_sub_days(day).unwrap_or(from),
        until.checked_add_days(day).unwrap_or(until),
    );
    Entity::find_from(coach_ids, from).filter(Column::FirstDay.lte(until))
}

/// When a coach is away from that day on.
pub(in crate::domain) async fn away(
    db: &impl ConnectionTrait,
    coach: &coach::Model,
    from: NaiveDate,
) -> Result<Vec<Interval>> {
    let rows = Entity::find_from(&[coach.id], from).all(db).await?;
    Ok(rows
        .iter()
        .map(|row| stretch(zone(coach), row.first_day, row.last_day))
        .collect())
}
