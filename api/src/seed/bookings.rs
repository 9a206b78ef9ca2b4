//! Past and future bookings of the demo data: created by the same transitions as real bookings,
//! with their history.

use chrono::{DateTime, TimeDelta, Utc};
use entity::booking::{Approval, Model, Status};
use entity::booking_event::{ActorKind, Source};
use entity::note::{self, Visibility};
use entity::session::{self, Attendance};
use entity::{coach, event_type, user};
use sea_orm::{ActiveModelTrait, IntoActiveModel};

use super::people::People;
use crate::db::Txn;
use crate::domain::booking::reference;
use crate::domain::booking::session::store;
use crate::domain::booking::state::Event;
use crate::domain::booking::transition::{Transition, apply};
use crate::domain::scheduling::native::Interval;
use crate::domain::scheduling::{self, Except};
use crate::domain::{self, Cause, Error, Result};
use crate::vault::Vault;

pub(super) async fn add(
    txn: &Txn,
    people: &People,
    vault: &Vault,
    now: DateTime<Utc>,
) -> Result<()> {
    let offers: Vec<_> = people
        .offers
        .iter()
        .filter(|(_, offer)| offer.slug == "coaching-60")
        .collect();
    // A session in progress: its coach can mark attendance and end it.
    let (coach, offer) = offers[0];
    let begun = now - TimeDelta::minutes(20);
    book(
        txn,
        &(coach.clone(), offer.clone()),
        &people.clients[2],
        begun,
        now - TimeDelta::days(3),
    )
    .await?;
    for (index, client) in people.clients.iter().enumerate() {
        let (past, coming) = (
            offers[index % offers.len()],
            offers[(index + 3) % offers.len()],
        );
        for weeks in [1, 3] {
            let made = now - TimeDelta::days(7 * weeks + 5);
            let booking = book(
                txn,
                past,
                client,
                free_slot(txn, past, made + TimeDelta::days(2), made).await?,
                made,
            )
            .await?;
            complete(txn, vault, &booking, &past.0, client).await?;
        }
        let start = free_slot(txn, coming, now + TimeDelta::days(2), now).await?;
        book(txn, coming, client, start, now).await?;
    }
    Ok(())
}

/// The first free start in the week after an instant, computed as of `seen_at`.
async fn free_slot(
    txn: &Txn,
    (coach, offer): &(coach::Model, event_type::Model),
    from: DateTime<Utc>,
    seen_at: DateTime<Utc>,
) -> Result<DateTime<Utc>> {
    let range = Interval {
        from,
        until: from + TimeDelta::days(7),
    };
    let availability =
        scheduling::load(&**txn, coach, offer, range, Except::default(), seen_at).await?;
    let terms = scheduling::terms(offer, offer.length_minutes)?;
    let slots = availability.slots(&terms, range, seen_at);
    slots
        .first()
        .map(|slot| slot.starts_at)
        .ok_or_else(|| Error::internal("demo data", "a coach without a free slot"))
}

async fn book(
    txn: &Txn,
    (coach, offer): &(coach::Model, event_type::Model),
    client: &user::Model,
    starts_at: DateTime<Utc>,
    made_at: DateTime<Utc>,
) -> Result<Model> {
    let cause = Cause {
        by: ActorKind::Client,
        actor_id: Some(client.id),
        impersonator: None,
        source: Source::Seed,
        correlation_id: "demo-data".to_owned(),
        now: made_at,
    };
    let id = entity::new_id();
    let ends_at = starts_at + TimeDelta::minutes(i64::from(offer.length_minutes));
    let mut course = Transition::begin(
        &cause,
        Model {
            id,
            reference: reference(id),
            coach_id: coach.id,
            client_id: Some(client.id),
            event_type_id: offer.id,
            kind: offer.kind,
            status: Status::Initiated,
            version: 1,
            starts_at,
            ends_at,
            busy_from: starts_at,
            busy_until: ends_at + TimeDelta::minutes(i64::from(offer.buffer_after_minutes)),
            seat_group: id,
            client_time_zone: client.time_zone.clone(),
            client_name: client.display_name.clone(),
            client_email: client.email.clone(),
            // Free, so that no demo booking waits for a payment.
            price_minor: 0,
            currency: offer.currency.clone(),
            policy: offer.policy.clone(),
            location_kind: offer.location_kind,
            location_value: offer.location_value.clone(),
            join_url: offer.location_value.clone(),
            answers: entity::booking::Answers::default(),
            guests: Default::default(),
            approval: Approval::NotNeeded,
            payment_deadline: None,
            scheduler: coach.scheduler,
            conflict: None,
            merged_into: None,
            lineage_key: None,
            cancellation_reason: None,
            canceled_at: None,
            moves: 0,
            created_at: made_at,
            updated_at: made_at,
        },
    );
    course.then(Event::SchedulerAccepted, None, |_| ())?;
    course.then(Event::Confirmed, None, |_| ())?;
    course.write(txn).await
}

/// Completes a session, with notes of both sides.
async fn complete(
    txn: &Txn,
    vault: &Vault,
    booking: &Model,
    coach: &coach::Model,
    client: &user::Model,
) -> Result<()> {
    let over = booking.ends_at + TimeDelta::minutes(15);
    let cause = Cause::system(Source::Seed, "demo-data", over);
    apply(txn, &cause, booking, Event::Ended, None, |_| ()).await?;
    let session = session::Entity::find_by_booking(booking.id)
        .one(&**txn)
        .await?;
    let session = session
        .ok_or_else(|| Error::internal("demo data", "a confirmed booking without a session"))?;
    let attended = session::Model {
        coach_attendance: Attendance::Present,
        client_attendance: Attendance::Present,
        started_at: Some(booking.starts_at),
        rating: Some(5),
        ..session.clone()
    };
    store(txn, Some(&session), attended, over).await?;
    let Some(coach_user) = coach.user_id else {
        return Ok(());
    };
    let notes = [
        (
            coach_user,
            Visibility::Shared,
            "Next time: bring two recent listings, and the numbers behind them.",
        ),
        (
            coach_user,
            Visibility::Private,
            "Quick learner. Ask about the open house on Sunday.",
        ),
        (
            client.id,
            Visibility::Shared,
            "Thank you! I will send the listings by Friday.",
        ),
    ];
    for (minutes, (author_id, visibility, body)) in (1..).zip(notes) {
        let at = over + TimeDelta::minutes(minutes);
        let id = entity::new_id();
        let (body, body_key) = domain::note::seal(vault, id, body)?;
        let row = note::Model {
            id,
            session_id: session.id,
            author_id,
            visibility,
            body,
            body_key,
            version: 1,
            created_at: at,
            updated_at: at,
        };
        row.into_active_model().reset_all().insert(&**txn).await?;
    }
    Ok(())
}
