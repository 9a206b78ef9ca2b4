//! Applies the projected state of a remote booking to our tables.
//!
//! Applies only the difference between the previous and the current projection. A repeated fact
//! changes nothing, so later changes made here survive it.

use chrono::{DateTime, TimeDelta, Utc};
use entity::booking::{Answers, Approval, Conflict, Guests, Model, Status};
use entity::booking_event::{ActorKind, Kind};
use entity::coach::Scheduler;
use entity::{Uuid, coach, event_type};
use sha2::{Digest, Sha256};

use super::conflict::{self, Priority, Resolution};
use super::project::{Projection, Target};
use super::transition_path::transition_path;
use super::{attendance, ownership};
use crate::db::Txn;
use crate::domain::booking::create::reference;
use crate::domain::booking::state::{self, Event};
use crate::domain::booking::transition::{Transition, apply};
use crate::domain::{Cause, Error, Result};

/// The people and the offer of a booking, as our tables know them.
pub(crate) struct Parties {
    pub(crate) coach: coach::Model,
    pub(crate) event_type: event_type::Model,
    /// `None` until a user signs up with the attendee's address.
    pub(crate) client_id: Option<Uuid>,
    /// The scheduler that manages the coach's time for this booking.
    pub(crate) scheduler: Scheduler,
}

/// Where a booking was made, which decides which fields the scheduler may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Made at the scheduler, which may change every field.
    Scheduler,
    /// Made here: the scheduler may change time, place and whether the booking takes place, nothing
    /// else.
    Here {
        is_paid: bool,
        /// Payment deadline, if the price becomes due now.
        payment_deadline: DateTime<Utc>,
    },
}

/// Creates the booking or moves it to the state that its scheduler reports. `before` is the
/// projection that was applied last.
///
/// A time that cannot be reserved is no error: the booking is stored and marked as a conflict.
pub(crate) async fn apply_remote(
    txn: &Txn,
    cause: &Cause,
    known: Option<Model>,
    before: Option<&Projection>,
    after: &Projection,
    parties: &Parties,
    origin: Origin,
) -> Result<Model> {
    let cause = &attributed(cause, before, after, parties);
    let is_new = known.is_none();
    let booking = known.map_or_else(|| row(cause, after, parties), Ok)?;
    let before = if is_new { None } else { before };
    let mut proposed = propose(&booking, before, after, parties, cause.now)?;
    let events = match origin {
        _ if !is_new && !has_news(before, after, Projection::decision) => Vec::new(),
        Origin::Scheduler => events(&booking, &proposed, after, cause.now),
        Origin::Here { is_paid, .. } => {
            ownership::events(&booking, &proposed, after, is_paid, cause.now)
        }
    };
    if let Origin::Here {
        payment_deadline, ..
    } = origin
    {
        proposed = ownership::keep(&booking, proposed, after);
        if events.contains(&Event::PaymentDue) {
            proposed.payment_deadline = Some(payment_deadline.min(proposed.starts_at));
        }
    }
    let change = Change {
        booking,
        proposed,
        events,
        is_new,
        reason: after.reason.clone(),
    };
    let booking = change
        .carry_out(txn, cause, Priority::of_number(after.number))
        .await?;
    attendance::follow(txn, cause, booking, before, after).await
}

impl Projection {
    /// The fields of the projection that determine the status.
    fn decision(&self) -> (&str, Target, DateTime<Utc>, DateTime<Utc>) {
        (&self.uid, self.target, self.starts_at, self.ends_at)
    }
}

/// Whether this field of the projection changed since it was last applied.
fn has_news<'d, T: PartialEq>(
    before: Option<&'d Projection>,
    after: &'d Projection,
    of: impl Fn(&'d Projection) -> T,
) -> bool {
    before.is_none_or(|before| of(before) != of(after))
}

/// The cause of the change, attributed to coach or client if the scheduler names one of them.
fn attributed(
    cause: &Cause,
    before: Option<&Projection>,
    after: &Projection,
    parties: &Parties,
) -> Cause {
    if cause.by != ActorKind::Provider {
        // A request made here: its own cause is more precise than the scheduler's.
        return cause.clone();
    }
    let by = after
        .by
        .as_deref()
        .filter(|_| has_news(before, after, Projection::decision));
    let is = |email: Option<&str>| email.is_some() && by == email;
    let (by, actor_id) = if is(after
        .attendee
        .as_ref()
        .map(|attendee| attendee.email.as_str()))
    {
        (ActorKind::Client, parties.client_id)
    } else if is(after
        .organizer
        .as_ref()
        .and_then(|organizer| organizer.email.as_deref()))
    {
        (ActorKind::Coach, parties.coach.user_id)
    } else {
        (ActorKind::Provider, None)
    };
    Cause {
        by,
        actor_id,
        ..cause.clone()
    }
}

/// The initial row of a booking that was made at the scheduler.
fn row(cause: &Cause, after: &Projection, parties: &Parties) -> Result<Model> {
    let id = entity::new_id();
    let event_type = &parties.event_type;
    let (busy_from, busy_until) = busy(after, event_type)?;
    Ok(Model {
        id,
        reference: reference(id),
        coach_id: parties.coach.id,
        client_id: parties.client_id,
        event_type_id: event_type.id,
        kind: event_type.kind,
        status: Status::Initiated,
        version: 1,
        starts_at: after.starts_at,
        ends_at: after.ends_at,
        busy_from,
        busy_until,
        seat_group: id,
        client_time_zone: "UTC".to_owned(),
        client_name: String::new(),
        client_email: None,
        price_minor: 0,
        currency: event_type.currency.clone(),
        policy: event_type.policy.clone(),
        location_kind: after.place.kind,
        location_value: None,
        join_url: None,
        answers: Answers::default(),
        guests: Guests::default(),
        approval: Approval::NotNeeded,
        payment_deadline: None,
        scheduler: parties.scheduler,
        conflict: None,
        merged_into: None,
        lineage_key: None,
        cancellation_reason: None,
        canceled_at: None,
        moves: 0,
        created_at: cause.now,
        updated_at: cause.now,
    })
}

fn busy(
    after: &Projection,
    event_type: &event_type::Model,
) -> Result<(DateTime<Utc>, DateTime<Utc>)> {
    let minutes = |minutes: i32| TimeDelta::minutes(i64::from(minutes));
    let from = after
        .starts_at
        .checked_sub_signed(minutes(event_type.buffer_before_minutes));
    let until = after
        .ends_at
        .checked_add_signed(minutes(event_type.buffer_after_minutes));
    from.zip(until)
        .ok_or_else(|| Error::internal("a scheduler's booking", "its time is out of range"))
}

/// The booking with all changed fields applied, except the status.
fn propose(
    booking: &Model,
    before: Option<&Projection>,
    after: &Projection,
    parties: &Parties,
    now: DateTime<Utc>,
) -> Result<Model> {
    let mut new = booking.clone();
    if has_news(before, after, |it| (it.starts_at, it.ends_at))
        || has_news(before, after, |it| &it.offer)
    {
        (new.starts_at, new.ends_at) = (after.starts_at, after.ends_at);
        (new.busy_from, new.busy_until) = busy(after, &parties.event_type)?;
        new.event_type_id = parties.event_type.id;
        new.kind = parties.event_type.kind;
    }
    if has_news(before, after, |it| {
        it.organizer
            .as_ref()
            .map(|organizer| (&organizer.id, &organizer.email))
    }) {
        new.coach_id = parties.coach.id;
    }
    if has_news(before, after, |it| {
        it.attendee.as_ref().map(|attendee| &attendee.email)
    }) {
        new.client_email = after
            .attendee
            .as_ref()
            .map(|attendee| attendee.email.clone());
        new.client_id = parties.client_id;
    }
    if has_news(before, after, |it| &it.attendee) {
        let attendee = after.attendee.as_ref();
        let zone = attendee.and_then(|attendee| attendee.time_zone.as_deref());
        let zone = zone
            .filter(|zone| zone.parse::<chrono_tz::Tz>().is_ok())
            .unwrap_or("UTC");
        zone.clone_into(&mut new.client_time_zone);
        let name = attendee.map(|attendee| attendee.name.as_ref().unwrap_or(&attendee.email));
        new.client_name = name.cloned().unwrap_or_else(|| "Guest".to_owned());
    }
    if has_news(before, after, |it| (it.seats.is_some(), &it.uid)) {
        new.seat_group = if after.seats.is_some() {
            group(parties.scheduler, &after.uid)
        } else {
            booking.id
        };
    }
    if has_news(before, after, |it| &it.place) {
        new.location_kind = after.place.kind;
        new.location_value.clone_from(&after.place.value);
        new.join_url.clone_from(&after.place.join_url);
    }
    if has_news(before, after, |it| (it.price_minor, &it.currency)) {
        new.price_minor = after.price_minor;
        new.currency = currency(after).unwrap_or_else(|| parties.event_type.currency.clone());
    }
    if has_news(before, after, |it| &it.answers) {
        new.answers = Answers(after.answers.clone());
    }
    if has_news(before, after, |it| &it.guests) {
        new.guests = with_guests(booking, &after.guests);
    }
    if has_news(before, after, |it| it.approval) {
        new.approval = after.approval;
    }
    if has_news(before, after, |it| &it.lineage_key) {
        new.lineage_key.clone_from(&after.lineage_key);
    }
    if has_news(before, after, |it| (it.target, &it.reason)) {
        let is_canceled = after.target == Target::Canceled;
        new.cancellation_reason = after.reason.clone().filter(|_| is_canceled);
        new.canceled_at = is_canceled.then(|| booking.canceled_at.unwrap_or(now));
    }
    new.moves = booking.moves + after.moves - before.map_or(0, |before| before.moves);
    Ok(new)
}

/// Guests are only added: neither side can remove one.
fn with_guests(booking: &Model, more: &[String]) -> Guests {
    let mut guests = booking.guests.0.clone();
    guests.extend(
        more.iter()
            .filter(|guest| !booking.guests.0.contains(guest))
            .cloned(),
    );
    Guests(guests)
}

pub(crate) fn currency(after: &Projection) -> Option<String> {
    after
        .currency
        .clone()
        .filter(|code| code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase()))
}

/// A group id derived from the uid, so it is the same for every seat, in any order of messages.
fn group(scheduler: Scheduler, uid: &str) -> Uuid {
    let provider = scheduler.provider().unwrap_or_default();
    let digest = Sha256::digest(format!("{provider}:{uid}"));
    let bytes = digest[..16].try_into().expect("a digest has 32 bytes");
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

fn events(booking: &Model, proposed: &Model, after: &Projection, now: DateTime<Utc>) -> Vec<Event> {
    let moved = (booking.starts_at, booking.ends_at) != (proposed.starts_at, proposed.ends_at);
    let events = transition_path(
        booking.status,
        after.target,
        moved,
        proposed.starts_at <= now,
    );
    with_approval(events, booking, proposed, after)
}

/// Applies the coach's approval to the booking.
pub(crate) fn with_approval(
    mut events: Vec<Event>,
    booking: &Model,
    proposed: &Model,
    after: &Projection,
) -> Vec<Event> {
    if booking.approval == Approval::Pending && proposed.approval == Approval::Given {
        let at = events
            .iter()
            .position(|event| matches!(event, Event::Confirmed | Event::PaymentDue));
        at.into_iter()
            .for_each(|at| events.insert(at, Event::Noted(Kind::Approved)));
    }
    if after.target == Target::Requested && !events.is_empty() {
        events.push(Event::Noted(Kind::ApprovalRequested));
    }
    events
}

/// A change that is computed in full before the first write.
struct Change {
    booking: Model,
    proposed: Model,
    events: Vec<Event>,
    is_new: bool,
    reason: Option<String>,
}

impl Change {
    async fn carry_out(mut self, txn: &Txn, cause: &Cause, priority: Priority) -> Result<Model> {
        if !self.is_new && self.events.is_empty() {
            if self.proposed == self.booking {
                return Ok(self.booking);
            }
            self.events
                .push(Event::Noted(kind_of_detail(&self.booking, &self.proposed)));
        }
        let end = self
            .events
            .iter()
            .try_fold(self.booking.status, |status, event| {
                state::next(status, *event)
            });
        let end = end.ok_or_else(|| {
            Error::internal("a scheduler's booking", "no way leads where it is wanted")
        })?;
        let conflict = self.make_room(txn, cause, end, priority).await?;
        let is_marked = self.booking.conflict;
        let mark = conflict.or(is_marked);

        let mut transition = if self.is_new {
            Transition::begin(
                cause,
                Model {
                    conflict: mark,
                    ..self.proposed.clone()
                },
            )
        } else {
            Transition::of(cause, &self.booking)
        };
        let mut proposed = Some(self.proposed);
        for event in self.events {
            let ends = matches!(
                event,
                Event::Canceled | Event::CanceledElsewhere | Event::RejectedByCoach
            );
            let reason = self.reason.clone().filter(|_| ends);
            let new = proposed.take();
            transition.then(event, reason, |row| {
                if let Some(new) = new {
                    *row = Model {
                        conflict: mark,
                        version: row.version,
                        ..new
                    };
                }
            })?;
        }
        match (conflict, is_marked) {
            _ if !end.is_active() => {}
            (Some(found), known) if known != Some(found) => {
                transition.then(Event::Noted(Kind::ConflictFound), None, |_| ())?;
            }
            (None, Some(_)) => {
                transition.then(Event::Noted(Kind::ConflictResolved), None, |row| {
                    row.conflict = None
                })?
            }
            _ => {}
        }
        transition.write(txn).await
    }

    /// Reserves the booking's time, or returns the conflict. A booking that ends without time needs
    /// none.
    async fn make_room(
        &self,
        txn: &Txn,
        cause: &Cause,
        end: Status,
        priority: Priority,
    ) -> Result<Option<Conflict>> {
        if !end.is_active() {
            return Ok(None);
        }
        match conflict::resolve(txn, &self.proposed, priority).await? {
            Resolution::Loses(conflict) => Ok(Some(conflict)),
            Resolution::Wins { displaced } => {
                conflict::displace(txn, cause, displaced).await?;
                Ok(None)
            }
        }
    }
}

fn kind_of_detail(booking: &Model, proposed: &Model) -> Kind {
    let place = |row: &Model| {
        (
            row.location_kind,
            row.location_value.clone(),
            row.join_url.clone(),
        )
    };
    if (booking.starts_at, booking.ends_at) != (proposed.starts_at, proposed.ends_at) {
        Kind::Moved
    } else if place(booking) != place(proposed) {
        Kind::LocationChanged
    } else if booking.guests != proposed.guests {
        Kind::GuestsAdded
    } else {
        Kind::DetailsChanged
    }
}

/// Merges two records of one booking: the second releases its time and points to the first.
pub(crate) async fn merge_into(
    txn: &Txn,
    cause: &Cause,
    second: &Model,
    first: Uuid,
) -> Result<()> {
    let merged = Event::Merged;
    let event = if state::next(second.status, merged).is_some() {
        merged
    } else {
        Event::Noted(Kind::Merged)
    };
    apply(txn, cause, second, event, None, |row| {
        row.merged_into = Some(first)
    })
    .await?;
    Ok(())
}

/// Resolves conflicts again for the coach and the client of this booking.
pub(crate) async fn settle_around(txn: &Txn, cause: &Cause, booking: &Model) -> Result<()> {
    conflict::settle(txn, cause, booking.coach_id).await
}
