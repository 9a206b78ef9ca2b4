//! Bookings with their sessions, notes and history.

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use entity::booking::{self, Answers, Approval, Status};
use entity::booking_event::{self, ActorKind, Kind as EventKind, Source};
use entity::coach::Scheduler;
use entity::event_type::{Kind, LocationKind, Policy};
use entity::note::{self, Visibility};
use entity::session::{self, Attendance};
use sea_orm::{ActiveValue::NotSet, ActiveValue::Set, DatabaseTransaction, EntityTrait};

use super::{BOOKINGS, CLIENTS, COACHES, UPCOMING, client_subject, ids, insert};
use crate::{Failure, tokens};

/// Numbers of stored rows.
pub(super) struct Stored {
    pub(super) bookings: u32,
    pub(super) notes: u32,
}

/// Bookings stored together.
const STEP: usize = 5_000;

pub(super) async fn add(txn: &DatabaseTransaction, now: DateTime<Utc>) -> Result<Stored, Failure> {
    let mut notes_made = 0;
    for first in (0..BOOKINGS).step_by(STEP) {
        let (mut bookings, mut sessions, mut notes, mut events) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for number in first..BOOKINGS.min(first + STEP as u32) {
            let booked = booked(number, now)?;
            events.push(event(&booked));
            sessions.push(session(number, &booked));
            // Zero to four notes: two on average.
            for place in 0..number % 5 {
                notes.push(note(notes_made, place, number, &booked));
                notes_made += 1;
            }
            bookings.push(booked);
        }
        insert::<booking::Entity>(txn, bookings).await?;
        insert::<session::Entity>(txn, sessions).await?;
        insert::<note::Entity>(txn, notes).await?;
        for some in events.chunks(500) {
            booking_event::Entity::insert_many(some.to_vec())
                .exec_without_returning(txn)
                .await?;
        }
    }
    Ok(Stored {
        bookings: BOOKINGS,
        notes: notes_made,
    })
}

/// The coach of a booking; the upcoming ones are all of coach 0.
fn coach_of(number: u32) -> u32 {
    number
        .checked_sub(UPCOMING)
        .map_or(0, |past| 1 + past % (COACHES - 1))
}

/// Start and length of a booking: the first ones are upcoming, every 40 minutes; the others took
/// place in the last year, one a day for each coach.
fn time_of(number: u32, now: DateTime<Utc>) -> Result<(DateTime<Utc>, TimeDelta), Failure> {
    let Some(past) = number.checked_sub(UPCOMING) else {
        let first = now.duration_trunc(TimeDelta::hours(1))? + TimeDelta::hours(1);
        return Ok((
            first + TimeDelta::minutes(i64::from(number) * 40),
            TimeDelta::minutes(20),
        ));
    };
    let day = now.duration_trunc(TimeDelta::days(1))?
        - TimeDelta::days(i64::from(past / (COACHES - 1)) + 2);
    Ok((
        day + TimeDelta::hours(i64::from(9 + coach_of(number) % 8)),
        TimeDelta::hours(1),
    ))
}

fn booked(number: u32, now: DateTime<Utc>) -> Result<booking::Model, Failure> {
    let (starts_at, length) = time_of(number, now)?;
    let (coach, client) = (coach_of(number), number % CLIENTS);
    let (ends_at, made_at) = (starts_at + length, starts_at - TimeDelta::days(20));
    let is_upcoming = number < UPCOMING;
    Ok(booking::Model {
        id: ids::booking(number),
        reference: format!("CS-L{number:07}"),
        coach_id: ids::coach(coach),
        client_id: Some(ids::client(client)),
        event_type_id: if is_upcoming {
            ids::short_offer(coach)
        } else {
            ids::long_offer(coach)
        },
        kind: Kind::Session,
        status: if is_upcoming {
            Status::Confirmed
        } else {
            Status::Completed
        },
        version: 4,
        starts_at,
        ends_at,
        busy_from: starts_at,
        busy_until: ends_at,
        seat_group: ids::booking(number),
        client_time_zone: "America/Chicago".to_owned(),
        client_name: client_subject(client),
        client_email: Some(tokens::email(&client_subject(client))),
        price_minor: 0,
        currency: "USD".to_owned(),
        policy: Policy::default(),
        location_kind: LocationKind::Link,
        location_value: Some("https://meet.bench.example/room".to_owned()),
        join_url: Some("https://meet.bench.example/room".to_owned()),
        answers: Answers::default(),
        guests: Default::default(),
        approval: Approval::NotNeeded,
        payment_deadline: None,
        scheduler: Scheduler::Native,
        conflict: None,
        merged_into: None,
        lineage_key: None,
        cancellation_reason: None,
        canceled_at: None,
        moves: 0,
        created_at: made_at,
        updated_at: if is_upcoming { made_at } else { ends_at },
    })
}

fn session(number: u32, booked: &booking::Model) -> session::Model {
    let is_over = booked.status == Status::Completed;
    let came = if is_over {
        Attendance::Present
    } else {
        Attendance::Unknown
    };
    session::Model {
        id: ids::session(number),
        booking_id: booked.id,
        status: if is_over {
            session::Status::Completed
        } else {
            session::Status::Upcoming
        },
        coach_attendance: came,
        client_attendance: came,
        started_at: is_over.then_some(booked.starts_at),
        ended_at: is_over.then_some(booked.ends_at),
        rating: None,
        version: 1,
        created_at: booked.created_at,
        updated_at: booked.updated_at,
    }
}

/// The coach and the client write alternately; the third note is private.
fn note(id: u32, place: u32, number: u32, booked: &booking::Model) -> note::Model {
    let client = booked.client_id.expect("every booking here has a client");
    let by_client = place % 2 == 1;
    let at = booked.updated_at + TimeDelta::minutes(i64::from(place) + 1);
    note::Model {
        id: ids::note(id),
        session_id: ids::session(number),
        author_id: if by_client {
            client
        } else {
            ids::coach_account(coach_of(number))
        },
        visibility: if place == 2 {
            Visibility::Private
        } else {
            Visibility::Shared
        },
        body: format!(
            "Note {place} on session {number}.\nNext time: two recent listings, and the \"numbers\" behind them."
        ),
        body_key: None,
        version: 1,
        created_at: at,
        updated_at: at,
    }
}

/// The last event of a booking.
fn event(booked: &booking::Model) -> booking_event::ActiveModel {
    let is_over = booked.status == Status::Completed;
    booking_event::ActiveModel {
        // The database assigns it.
        seq: NotSet,
        booking_id: Set(booked.id),
        coach_id: Set(booked.coach_id),
        client_id: Set(booked.client_id),
        kind: Set(if is_over {
            EventKind::Completed
        } else {
            EventKind::Confirmed
        }),
        actor_kind: Set(ActorKind::System),
        actor_id: Set(None),
        impersonator: Set(None),
        source: Set(Source::Seed),
        correlation_id: Set("bench".to_owned()),
        version: Set(booked.version),
        status_before: Set(Some(if is_over {
            Status::Confirmed
        } else {
            Status::Scheduled
        })),
        status_after: Set(booked.status),
        before: Set(None),
        after: Set(None),
        reason: Set(None),
        occurred_at: Set(booked.updated_at),
    }
}
