//! Booking a slot: our row first, because the database refuses overlaps; then the scheduler; then
//! the price.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use entity::booking::{Approval, Model, Status};
use entity::booking_event::{ActorKind, Kind};
use entity::coach::Scheduler;
use entity::event_type::{self, Visibility};
use entity::{Uuid, coach, event_type_host, slot_hold, user};
use sea_orm::sea_query::LockType;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};
use serde::Serialize;

use super::guests;
use super::idempotency::{self, Claim};
use super::intake::{self, AnswerInput};
use super::remote::availability::RemoteAvailability;
use super::remote::outcome;
use super::remote::request::{self, NewRequest};
use super::state::Event;
use super::transition::Transition;
use crate::app::App;
use crate::db::Txn;
use crate::domain::coach::is_suspended;
use crate::domain::hold::kept_for_a_move;
use crate::domain::scheduling::native::{Interval, Terms};
use crate::domain::scheduling::remote::capabilities;
use crate::domain::scheduling::{self, Except};
use crate::domain::{Caller, Cause, Conflict, Error, Result, Violation, check};

/// What to book.
#[derive(Clone, Debug, Serialize)]
pub struct Create {
    pub event_type_id: Uuid,
    /// One of the type's hosts; its owner when left out.
    pub coach_id: Option<Uuid>,
    pub starts_at: DateTime<Utc>,
    /// One of the type's lengths; its default when left out.
    pub length_minutes: Option<i32>,
    /// The zone the client sees the time in.
    pub time_zone: Tz,
    pub answers: Vec<AnswerInput>,
    /// Addresses of others to invite.
    pub guests: Vec<String>,
    /// The client's own hold on the slot.
    pub hold_id: Option<Uuid>,
}

/// Books for the caller.
///
/// With the built-in scheduler the outcome is known at once: the booking comes back CONFIRMED, or
/// PAYMENT_PENDING when it costs something, or SCHEDULED while the coach's approval is missing. The
/// same key with the same input gives the same booking, and books once.
///
/// # Errors
/// `SlotTaken`, `SlotNotOffered`, `ClientBusy`, `VerificationExists`, `HoldExpired`,
/// `IdempotencyKeyReused`; `NotFound` for what cannot be booked; `Invalid` for values that cannot
/// stand.
pub async fn create(app: &Arc<App>, caller: &Caller, key: &str, input: Create) -> Result<Model> {
    let person = caller.require_person()?.clone();
    let now = app.clock.now();
    let used = idempotency::key(person.user_id, "createBooking", key, &input)?;
    if let Some(id) = idempotency::find(app.db.read(), &used, now).await? {
        // Whether the time is still free is no longer the question.
        return outcome::outcome(app, super::read::require(app.db.write_one(), id).await?).await;
    }
    let offered = RemoteAvailability::find(app, &input).await?;
    let cause = Cause::person(ActorKind::Client, &person, &caller.correlation_id, now);
    let booking_id = entity::new_id();
    let (key, request_hash, deadline) = (
        key.to_owned(),
        used.request_hash,
        now + app.deadlines.payment,
    );

    let (booking, is_new) = app
        .db
        .write(move |txn| {
            let (cause, input, key, request_hash) = (
                cause.clone(),
                input.clone(),
                key.clone(),
                request_hash.clone(),
            );
            let offered = offered.clone();
            Box::pin(async move {
                let user_id = cause.actor_id.expect("a person's cause names the person");
                let key = idempotency::Key {
                    user_id,
                    operation: "createBooking",
                    key: &key,
                    request_hash,
                };
                if let Claim::Done(id) =
                    idempotency::claim(txn, &key, booking_id, cause.now).await?
                {
                    return Ok((super::read::require(&**txn, id).await?, false));
                }
                let order = Order::prepare(txn, user_id, input, now).await?;
                Ok((
                    order
                        .place(txn, &cause, booking_id, deadline, &offered)
                        .await?,
                    true,
                ))
            })
        })
        .await?;
    if is_new {
        app.metrics.booking("created");
    }
    if booking.status == Status::Initiated || !is_new {
        outcome::outcome(app, booking).await
    } else {
        Ok(booking)
    }
}

/// A booking that may be made, as far as can be told before it is tried.
struct Order {
    input: Create,
    client: user::Model,
    coach: coach::Model,
    event_type: event_type::Model,
    terms: Terms,
    answers: entity::booking::Answers,
    guests: entity::booking::Guests,
}

impl Order {
    async fn prepare(txn: &Txn, user_id: Uuid, input: Create, now: DateTime<Utc>) -> Result<Self> {
        let client = user::Entity::find_by_id(user_id)
            .one(&**txn)
            .await?
            .ok_or(Error::Unauthenticated)?;
        let wanted = BookingRequest {
            event_type_id: input.event_type_id,
            coach_id: input.coach_id,
            starts_at: input.starts_at,
            length_minutes: input.length_minutes,
        };
        let (
            Offer {
                coach,
                event_type,
                length,
            },
            mut violations,
        ) = wanted.find(txn, user_id, now).await?;
        let answers =
            intake::check(&event_type.questions, &input.answers).unwrap_or_else(|found| {
                violations.extend(found);
                entity::booking::Answers::default()
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

    /// A booking may carry its client's hold: it must be of this slot and still stand. The booking
    /// takes its place.
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
            0 => Err(kept_for_a_move()),
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
            answers: self.answers,
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

/// A slot that somebody wants.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BookingRequest {
    pub(crate) event_type_id: Uuid,
    pub(crate) coach_id: Option<Uuid>,
    pub(crate) starts_at: DateTime<Utc>,
    pub(crate) length_minutes: Option<i32>,
}

/// Who would give the session, and what kind of session it is.
#[derive(Debug)]
pub(crate) struct Offer {
    pub(crate) coach: coach::Model,
    pub(crate) event_type: event_type::Model,
    /// In minutes.
    pub(crate) length: i32,
}

impl BookingRequest {
    /// What is on offer to this person, and what is wrong with the values of the wish. The coach's
    /// row is locked from here on.
    ///
    /// # Errors
    /// `NotFound` for what cannot be booked, `InvalidState` when the coach takes no bookings, or is
    /// the person.
    pub(crate) async fn find(
        self,
        txn: &Txn,
        user_id: Uuid,
        now: DateTime<Utc>,
    ) -> Result<(Offer, Vec<Violation>)> {
        let event_type = event_type::Entity::find_by_id(self.event_type_id)
            .filter(event_type::Column::Visibility.ne(Visibility::Archived))
            .one(&**txn)
            .await?
            .ok_or(Error::NotFound("event type"))?;
        let coach = host(txn, &event_type, self.coach_id).await?;
        if !coach.accepts_bookings {
            return Err(Conflict::InvalidState(
                "this coach takes no bookings at present".to_owned(),
            )
            .into());
        }
        if coach.user_id == Some(user_id) {
            return Err(Conflict::InvalidState("coaches cannot book themselves".to_owned()).into());
        }
        require_good_standing(txn, &coach).await?;
        scheduling::require_readable(&**txn, &coach).await?;
        if event_type.seats > 1 && !capabilities(coach.scheduler).books_seats {
            let message =
                "places in a group can only be booked in the coach's own calendar".to_owned();
            return Err(Conflict::InvalidState(message).into());
        }
        let length = self.length_minutes.unwrap_or(event_type.length_minutes);
        let mut violations = Vec::new();
        if !event_type.lengths.0.contains(&length) {
            let lengths: Vec<_> = event_type
                .lengths
                .0
                .iter()
                .map(ToString::to_string)
                .collect();
            violations.push(Violation::at(
                "lengthMinutes",
                format!("must be one of: {}", lengths.join(", ")),
            ));
        }
        if self.starts_at <= now {
            violations.push(Violation::at("startsAt", "must be in the future"));
        }
        Ok((
            Offer {
                coach,
                event_type,
                length,
            },
            violations,
        ))
    }
}

/// A suspended coach cannot be booked.
async fn require_good_standing(txn: &Txn, coach: &coach::Model) -> Result<()> {
    if is_suspended(&**txn, coach).await? {
        return Err(
            Conflict::InvalidState("this coach takes no bookings at present".to_owned()).into(),
        );
    }
    Ok(())
}

/// Nothing but the price snapshots between the booking and its confirmation.
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

/// The coach whose time is asked for: one of the hosts.
pub(crate) async fn host(
    txn: &Txn,
    event_type: &event_type::Model,
    wanted: Option<Uuid>,
) -> Result<coach::Model> {
    let coach_id = wanted.unwrap_or(event_type.coach_id);
    if coach_id != event_type.coach_id {
        let hosts = event_type_host::Entity::find_by_id((event_type.id, coach_id))
            .one(&**txn)
            .await?;
        hosts.ok_or_else(|| {
            Error::invalid("coachId", "this coach does not give sessions of this type")
        })?;
    }
    lock_coach(txn, coach_id).await
}

/// Whoever takes time of a coach waits here for whoever was first. The database's own guard snapshots
/// behind it.
pub(super) async fn lock_coach(txn: &Txn, coach_id: Uuid) -> Result<coach::Model> {
    let coach = coach::Entity::find_by_id(coach_id)
        .lock(LockType::NoKeyUpdate)
        .one(&**txn)
        .await?;
    coach.ok_or(Error::NotFound("coach"))
}

/// What is wanted of whom.
#[derive(Clone, Copy)]
pub(crate) struct SlotRequest<'w> {
    pub(crate) coach: &'w coach::Model,
    pub(crate) event_type: &'w event_type::Model,
    pub(crate) terms: &'w Terms,
    /// Who grants it: for a booking that is moved, whoever granted that.
    pub(crate) scheduler: Scheduler,
}

/// Refuses a start that the coach does not offer or that is no longer free, and says which of the
/// two it is.
pub(crate) async fn require_free(
    txn: &Txn,
    wanted: SlotRequest<'_>,
    offered: &RemoteAvailability,
    starts_at: DateTime<Utc>,
    except: Except,
    now: DateTime<Utc>,
) -> Result<()> {
    let SlotRequest {
        coach,
        event_type,
        terms,
        scheduler,
    } = wanted;
    let claim = terms
        .claim(starts_at)
        .ok_or_else(|| Error::invalid("startsAt", "out of range"))?;
    let range = Interval {
        from: claim.from,
        until: claim.until,
    };
    let mut availability = scheduling::load(&**txn, coach, event_type, range, except, now).await?;
    let (is_free, is_offered) = match (offered, scheduler.is_remote()) {
        (RemoteAvailability::ByHours, false) => (
            availability.offers(terms, starts_at, now),
            availability.would_offer(terms, starts_at, now),
        ),
        (RemoteAvailability::Starts(starts), true) => {
            let is_offered = starts.contains(&starts_at)
                && !availability.is_away(starts_at, starts_at + terms.length);
            (is_offered && !availability.is_busy(range), is_offered)
        }
        (RemoteAvailability::Busy(busy), true) => {
            availability.busy.extend(busy.iter().copied());
            (
                availability.offers(terms, starts_at, now),
                availability.would_offer(terms, starts_at, now),
            )
        }
        // The coach has changed schedulers since the start was looked up.
        _ => return Err(Error::lost_race()),
    };
    match (is_free, is_offered) {
        (true, _) => Ok(()),
        (false, true) => Err(Conflict::SlotTaken.into()),
        (false, false) => Err(Conflict::SlotNotOffered.into()),
    }
}

/// A short code for people: the random end of the id, in letters and digits that cannot be mistaken
/// for each other.
pub(crate) fn reference(id: Uuid) -> String {
    const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let mut rest = id.as_u128();
    let mut code = String::from("CS-");
    for _ in 0..8 {
        code.push(char::from(LETTERS[(rest & 31) as usize]));
        rest >>= 5;
    }
    code
}
