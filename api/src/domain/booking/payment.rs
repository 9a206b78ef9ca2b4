//! Whether a booking is paid, and payments that staff record by hand: cash, a transfer, a card
//! terminal.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use entity::Uuid;
use entity::booking::{Model, Status};
use entity::booking_event::ActorKind;
use entity::payment;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter,
    QuerySelect,
};

use super::state::Event;
use super::transition::{Transition, apply};
use crate::app::App;
use crate::db::Txn;
use crate::domain::{Caller, Command, Conflict, Result};

/// Whether the booking is paid.
pub(super) async fn is_paid(db: &impl ConnectionTrait, booking_id: Uuid) -> Result<bool> {
    let paid = payment::Entity::find()
        .filter(payment::Column::BookingId.eq(booking_id))
        .filter(payment::Column::Status.eq(payment::Status::Succeeded));
    Ok(paid.one(db).await?.is_some())
}

/// Confirms the booking or, if it has a price, starts its payment. Called when no approval is
/// pending.
pub(super) fn settle_price(
    transition: &mut Transition<'_>,
    is_paid: bool,
    deadline: DateTime<Utc>,
) -> Result<()> {
    let booking = transition.booking();
    if booking.price_minor == 0 || is_paid {
        return transition.then(Event::Confirmed, None, |_| ());
    }
    let deadline = deadline.min(booking.starts_at);
    transition.then(Event::PaymentDue, None, |booking| {
        booking.payment_deadline = Some(deadline)
    })
}

/// Filters the bookings that are paid.
pub async fn list_paid(
    app: &App,
    booking_ids: impl IntoIterator<Item = Uuid>,
) -> Result<HashSet<Uuid>> {
    let paid = payment::Entity::find()
        .select_only()
        .column(payment::Column::BookingId)
        .filter(payment::Column::BookingId.is_in(booking_ids))
        .filter(payment::Column::Status.eq(payment::Status::Succeeded));
    Ok(paid
        .into_tuple::<Uuid>()
        .all(app.db.read())
        .await?
        .into_iter()
        .collect())
}

/// Records a payment outside of any provider and confirms the booking.
///
/// # Errors
/// `Forbidden` for anyone but staff, `NotFound`, `InvalidState` unless a payment is due.
pub async fn record_payment(app: &App, caller: &Caller, booking_id: Uuid) -> Result<Model> {
    caller.require_admin()?;
    let command = Command::new(app, caller, booking_id)?;
    app.db.transaction(command, record).await
}

async fn record(txn: &Txn, command: Command<Uuid>) -> Result<Model> {
    let Command { author, input } = command;
    let booking = super::rows::take(txn, input).await?;
    if !matches!(
        booking.status,
        Status::PaymentPending | Status::PaymentFailed
    ) {
        let message = "no payment is due for this booking".to_owned();
        return Err(Conflict::InvalidState(message).into());
    }
    let cause = author.cause(ActorKind::Admin);
    let paid = payment::Model {
        id: entity::new_id(),
        booking_id: booking.id,
        status: payment::Status::Succeeded,
        amount_minor: booking.price_minor,
        refunded_minor: 0,
        currency: booking.currency.clone(),
        provider: None,
        provider_payment_id: None,
        paid_at: Some(cause.now),
        failure: None,
        created_at: cause.now,
        updated_at: cause.now,
    };
    paid.into_active_model().reset_all().insert(&**txn).await?;
    apply(txn, &cause, &booking, Event::Paid, None, |row| {
        row.payment_deadline = None
    })
    .await
}
