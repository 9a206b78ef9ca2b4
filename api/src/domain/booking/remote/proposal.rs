//! The row that a booking would have after the changes its scheduler reports.

use chrono::{DateTime, TimeDelta, Utc};
use entity::booking::{Answers, Approval, Guests, Model, Status};
use entity::coach::Scheduler;
use entity::{Uuid, event_type};
use sha2::{Digest, Sha256};

use super::parties::Parties;
use super::project::{Projection, Target};
use crate::domain::booking::reference::reference;
use crate::domain::{Cause, Error, Result};

/// Whether this field of the projection changed since it was last applied.
pub(super) fn has_news<'d, T: PartialEq>(
    before: Option<&'d Projection>,
    after: &'d Projection,
    of: impl Fn(&'d Projection) -> T,
) -> bool {
    before.is_none_or(|before| of(before) != of(after))
}

/// The initial row of a booking that was made at the scheduler.
pub(super) fn row(cause: &Cause, after: &Projection, parties: &Parties) -> Result<Model> {
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
pub(super) fn propose(
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
            .filter(|zone| zone.parse::<zones::Zone>().is_ok())
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
        new.currency = after
            .currency_code()
            .unwrap_or_else(|| parties.event_type.currency.clone());
    }
    if has_news(before, after, |it| &it.answers) {
        new.answers = Answers::Plain(after.answers.clone());
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

/// A group id derived from the uid, so it is the same for every seat, in any order of messages.
fn group(scheduler: Scheduler, uid: &str) -> Uuid {
    let provider = scheduler.provider().unwrap_or_default();
    let digest = Sha256::digest(format!("{provider}:{uid}"));
    let bytes = digest[..16].try_into().expect("a digest has 32 bytes");
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}
