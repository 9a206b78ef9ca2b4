//! Demo data: a small marketplace. Only added to a database without coaches.

mod bookings;
mod people;

use sea_orm::EntityTrait;

use crate::app::App;
use crate::domain::Result;

/// Adds the demo data; returns false when the database already has coaches. Runs in one
/// transaction.
pub async fn run(app: &App) -> Result<bool> {
    let now = app.clock.now();
    app.db
        .write(move |txn| {
            Box::pin(async move {
                if entity::coach::Entity::find().one(&**txn).await?.is_some() {
                    return Ok(false);
                }
                let people = people::add(txn, now).await?;
                bookings::add(txn, &people, now).await?;
                Ok(true)
            })
        })
        .await
}
