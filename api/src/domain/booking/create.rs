//! Creates a booking: first our row, because the database refuses overlaps; then the booking at the
//! scheduler; then the payment.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use entity::booking::{Approval, Model, Status};
use entity::booking_event::{ActorKind, Kind};
use entity::coach::Scheduler;
use entity::{Uuid, coach, event_type, slot_hold, user};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde::Serialize;
use zones::Zone;

use super::guests;
use super::idempotency::{self, Claim};
use super::intake::{self, AnswerInput};
use super::offer::{BookingRequest, Offer};
use super::payment::settle_price;
use super::reference::reference;
use super::remote::availability::RemoteAvailability;
use super::remote::outcome;
use super::remote::request::{self, NewRequest};
use super::slot::{SlotRequest, require_free, reserved_for_move};
use super::state::Event;
use super::transition::Transition;
use crate::app::App;
use crate::db::Txn;
use crate::domain::identity::{self, NoAddress};
use crate::domain::scheduling::native::Terms;
use crate::domain::scheduling::{self, Except};
use crate::domain::{Caller, Cause, Conflict, Error, Result, Violation, answers, check};
use crate::vault::Vault;

/// What to book.
#[derive(Clone, Debug, Serialize)]
pub struct Create {
    pub event_type_id: Uuid,
    /// One of the type's hosts; its owner when `None`.
    pub coach_id: Option<Uuid>,
    pub starts_at: DateTime<Utc>,
    /// One of the type's lengths; its default when `None`.
    pub length_minutes: Option<i32>,
    /// The zone in which the client sees the time.
    pub time_zone: Zone,
    pub answers: Vec<AnswerInput>,
    /// Addresses of further people to invite.
    pub guests: Vec<String>,
    /// The client's own hold on the slot.
    pub hold_id: Option<Uuid>,
}

impl Create {
    fn request(&self) -> BookingRequest {
        BookingRequest {
            event_type_id: self.event_type_id,
            coach_id: self.coach_id,
            starts_at: self.starts_at,
            length_minutes: self.length_minutes,
        }
    }
}

/// Creates a booking for the caller.
///
/// With the built-in scheduler the outcome is known at once: the booking is CONFIRMED, or
/// PAYMENT_PENDING when it has a price, or SCHEDULED while the coach's approval is missing.
/// Idempotent by key: the same key with the same input returns the same booking.
///
/// # Errors
/// `SlotTaken`, `SlotNotOffered`, `ClientBusy`, `VerificationExists`, `HoldExpired`,
/// `EmailNotVerified`, `IdempotencyKeyReused`; `NotFound` for what cannot be booked; `Invalid` for invalid values.
pub async fn create(app: &Arc<App>, caller: &Caller, key: &str, input: Create) -> Result<Model> {
    let person = caller.require_person()?;
    let now = app.clock.now();
    let used = idempotency::key(person.user_id, "createBooking", key, &input)?;
    let mut attempt = Attempt {
        user_id: person.user_id,
        cause: Cause::person(ActorKind::Client, person, &caller.correlation_id, now),
        key: key.to_owned(),
        request_hash: used.request_hash.clone(),
        booking_id: entity::new_id(),
        deadline: now + app.deadlines.payment,
        no_address: identity::complete(app, caller).await?,
        vault: Arc::clone(&app.vault),
        offered: None,
        input,
    };
    let mut outcome = app.db.transaction(attempt.clone(), book).await?;
    if let Booked::AskFirst = outcome {
        if let Some(id) = idempotency::find(app.db.read(), &used, now).await? {
            // A repeat skips the check that the slot is free.
            let booking = super::rows::require(app.db.write_one(), id).await?;
            return outcome::outcome(app, booking).await;
        }
        attempt.offered = Some(RemoteAvailability::find(app, &attempt.input.request()).await?);
        outcome = app.db.transaction(attempt, book).await?;
    }
    match outcome {
        Booked::Now(booking) => {
            app.metrics.booking("created");
            if booking.status == Status::Initiated {
                outcome::outcome(app, booking).await
            } else {
                Ok(booking)
            }
        }
        Booked::Before(booking) => outcome::outcome(app, booking).await,
        Booked::AskFirst => Err(Error::internal("a booking", "the calendar was asked")),
    }
}

/// One attempt to book.
#[derive(Clone)]
struct Attempt {
    user_id: Uuid,
    cause: Cause,
    input: Create,
    key: String,
    request_hash: String,
    booking_id: Uuid,
    /// The payment deadline.
    deadline: DateTime<Utc>,
    /// The reason to give when the client has no verified address.
    no_address: NoAddress,
    vault: Arc<Vault>,
    /// The availability in the coach's calendar; `None` before it was read.
    offered: Option<RemoteAvailability>,
}

/// Result of the transaction that creates a booking.
enum Booked {
    Now(Model),
    /// A repeat of an earlier request.
    Before(Model),
    /// Nothing yet: availability must be read from the remote scheduler first, outside of any
    /// transaction.
    AskFirst,
}

async fn book(txn: &Txn, attempt: Attempt) -> Result<Booked> {
    let Attempt {
        user_id,
        cause,
        input,
        key,
        request_hash,
        booking_id,
        deadline,
        no_address,
        vault,
        offered,
    } = attempt;
    let request = input.request();
    let named = request.lock(txn, user_id).await?;
    let is_remote = named
        .as_ref()
        .is_some_and(|named| named.coach.scheduler != Scheduler::Native);
    if is_remote && offered.is_none() {
        return Ok(Booked::AskFirst);
    }
    let key = idempotency::Key {
        user_id,
        operation: "createBooking",
        key: &key,
        request_hash,
    };
    if let Claim::Done(id) = idempotency::claim(txn, &key, booking_id, cause.now).await? {
        return Ok(Booked::Before(super::rows::require(&**txn, id).await?));
    }
    let (offer, violations) = request.check(txn, user_id, named, cause.now).await?;
    if offer.client.verified_email().is_none() {
        return Err(no_address.error());
    }
    let order = Order::prepare(offer, violations, input, vault)?;
    let offered = offered.unwrap_or(RemoteAvailability::ByHours);
    order
        .place(txn, &cause, booking_id, deadline, &offered)
        .await
        .map(Booked::Now)
}

/// A validated booking, before its slot is taken.
struct Order {
    input: Create,
    client: user::Model,
    coach: coach::Model,
    event_type: event_type::Model,
    terms: Terms,
    answers: Vec<entity::booking::Answer>,
    vault: Arc<Vault>,
    guests: entity::booking::Guests,
}

impl Order {
    fn prepare(
        offer: Offer,
        mut violations: Vec<Violation>,
        input: Create,
        vault: Arc<Vault>,
    ) -> Result<Self> {
        let Offer {
            client,
            coach,
            event_type,
            length,
        } = offer;
        let answers =
            intake::check(&event_type.questions, &input.answers).unwrap_or_else(|found| {
                violations.extend(found);
                Vec::new()
            });
        let guests =
            guests::check(&input.guests, client.email.as_deref(), 0).unwrap_or_else(|found| {
                violations.extend(found);
                entity::booking::Guests::default()
            });
        check(violations)?;
        let terms = scheduling::terms(&event_type, length)?;
        Ok(Self {
            input,
            client,
            coach,
            event_type,
            terms,
            answers,
            vault,
            guests,
        })
    }

    async fn place(
        self,
        txn: &Txn,
        cause: &Cause,
        id: Uuid,
        payment_deadline: DateTime<Utc>,
        offered: &RemoteAvailability,
    ) -> Result<Model> {
        if let Some(hold_id) = self.input.hold_id {
            self.redeem_hold(txn, hold_id, cause.now).await?;
        }
        let except = Except {
            user_id: Some(self.client.id),
            ..Except::default()
        };
        let slot = SlotRequest {
            coach: &self.coach,
            event_type: &self.event_type,
            terms: &self.terms,
            scheduler: self.coach.scheduler,
        };
        require_free(txn, slot, offered, self.input.starts_at, except, cause.now).await?;

        let mut transition = Transition::begin(cause, self.row(id, cause.now)?);
        if transition.booking().scheduler != Scheduler::Native {
            let booking = transition.write(txn).await?;
            request::open(txn, cause, NewRequest::booking(&booking)).await?;
            return Ok(booking);
        }
        transition.then(Event::SchedulerAccepted, None, |_| ())?;
        if transition.booking().approval == Approval::Pending {
            transition.then(Event::Noted(Kind::ApprovalRequested), None, |_| ())?;
        } else {
            settle_price(&mut transition, false, payment_deadline)?;
        }
        transition.write(txn).await
    }

    /// Replaces the client's hold by the booking: the hold must be for this slot and not expired.
    async fn redeem_hold(&self, txn: &Txn, hold_id: Uuid, now: DateTime<Utc>) -> Result<()> {
        let hold = slot_hold::Entity::find_by_id(hold_id)
            .filter(slot_hold::Column::UserId.eq(self.client.id))
            .one(&**txn)
            .await?
            .ok_or(Error::NotFound("hold"))?;
        let same_slot = hold.coach_id == self.coach.id
            && hold.event_type_id == self.event_type.id
            && hold.starts_at == self.input.starts_at
            && hold.ends_at - hold.starts_at == self.terms.length;
        if !same_slot {
            return Err(Error::invalid("holdId", "the hold is on another slot"));
        }
        if hold.expires_at <= now {
            return Err(Conflict::HoldExpired.into());
        }
        let free = slot_hold::Column::Id.not_in_subquery(slot_hold::Entity::of_moves());
        match slot_hold::Entity::delete_by_id(hold_id)
            .filter(free)
            .exec(&**txn)
            .await?
            .rows_affected
        {
            0 => Err(reserved_for_move()),
            _ => Ok(()),
        }
    }

    fn row(self, id: Uuid, now: DateTime<Utc>) -> Result<Model> {
        let claim = self
            .terms
            .claim(self.input.starts_at)
            .ok_or(Error::invalid("startsAt", "out of range"))?;
        let approval = if self.event_type.requires_approval {
            Approval::Pending
        } else {
            Approval::NotNeeded
        };
        Ok(Model {
            id,
            reference: reference(id),
            coach_id: self.coach.id,
            client_id: Some(self.client.id),
            event_type_id: self.event_type.id,
            kind: self.event_type.kind,
            status: Status::Initiated,
            version: 1,
            starts_at: self.input.starts_at,
            ends_at: self.input.starts_at + self.terms.length,
            busy_from: claim.from,
            busy_until: claim.until,
            seat_group: id,
            client_time_zone: self.input.time_zone.name().to_owned(),
            client_name: self.client.display_name,
            client_email: self.client.email,
            price_minor: self.event_type.price_minor,
            currency: self.event_type.currency,
            policy: self.event_type.policy,
            location_kind: self.event_type.location_kind,
            location_value: self.event_type.location_value.clone(),
            join_url: self
                .event_type
                .location_value
                .filter(|_| self.event_type.location_kind == event_type::LocationKind::Link),
            answers: answers::seal(&self.vault, id, &self.answers)?,
            guests: self.guests,
            approval,
            payment_deadline: None,
            scheduler: self.coach.scheduler,
            conflict: None,
            merged_into: None,
            lineage_key: None,
            cancellation_reason: None,
            canceled_at: None,
            moves: 0,
            created_at: now,
            updated_at: now,
        })
    }
}
