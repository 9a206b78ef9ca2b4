//! Resolves the parties of a booking that was made at the scheduler: coach, offer, client. Unknown
//! coaches and offers are imported unlisted, so that no booking is dropped.

use chrono::{DateTime, Utc};
use entity::coach::{self, Scheduler};
use entity::event_type::{
    self, Kind, Lengths, LocationKind, Policy, Questions, Visibility, WindowKind,
};
use entity::{Uuid, booking, connection, event_type_host, user};
use sea_orm::ActiveValue::Set;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

use super::bounds::Bounds;
use super::project::Projection;
use crate::db::Txn;
use crate::domain::scheduling::observation::{Attendee, Organizer};
use crate::domain::{Error, Result};

/// The people and the offer of a booking, as our tables know them.
pub(crate) struct Parties {
    pub(crate) coach: coach::Model,
    pub(crate) event_type: event_type::Model,
    /// `None` until a user signs up with the attendee's address.
    pub(crate) client_id: Option<Uuid>,
    /// The scheduler that manages the coach's time for this booking.
    pub(crate) scheduler: Scheduler,
}

/// The parties of a booking; `None` if no message named the organizer.
pub(crate) async fn find_or_import(
    txn: &Txn,
    scheduler: Scheduler,
    said: &Projection,
    bounds: &Bounds,
    now: DateTime<Utc>,
) -> Result<Option<Parties>> {
    let Some((organizer, account)) = said
        .organizer
        .as_ref()
        .and_then(|person| Some((person, account(person)?)))
    else {
        return Ok(None);
    };
    let coach = coach(txn, scheduler, (organizer, &account), now).await?;
    let offer_id = offer_id(txn, said, &coach, bounds).await?;
    let event_type = event_type(txn, scheduler, (said, offer_id), &coach, now).await?;
    let client_id = client(txn, said.attendee.as_ref()).await?;
    Ok(Some(Parties {
        coach,
        event_type,
        client_id,
        scheduler,
    }))
}

/// The parties of a booking that was made here.
pub(crate) async fn known(txn: &Txn, booking: &booking::Model) -> Result<Parties> {
    let coach = coach::Entity::find_by_id(booking.coach_id)
        .one(&**txn)
        .await?;
    let event_type = event_type::Entity::find_by_id(booking.event_type_id)
        .one(&**txn)
        .await?;
    let (coach, event_type) = coach
        .zip(event_type)
        .ok_or_else(|| Error::internal("a booking", "without its offer"))?;
    Ok(Parties {
        coach,
        event_type,
        client_id: booking.client_id,
        scheduler: booking.scheduler,
    })
}

/// The account's id at the provider, or its address if the message has no id.
pub(super) fn account(organizer: &Organizer) -> Option<String> {
    organizer.id.clone().or_else(|| organizer.email.clone())
}

/// The client with the attendee's address, if it is verified.
async fn client(txn: &Txn, attendee: Option<&Attendee>) -> Result<Option<Uuid>> {
    let Some(attendee) = attendee else {
        return Ok(None);
    };
    Ok(verified(txn, &attendee.email).await?.map(|user| user.id))
}

/// Two issuers may verify the same address; the older account wins.
async fn verified(txn: &Txn, email: &str) -> Result<Option<user::Model>> {
    let users = user::Entity::find_by_verified_email(email);
    let oldest = users
        .order_by_asc(user::Column::CreatedAt)
        .order_by_asc(user::Column::Id);
    Ok(oldest.one(&**txn).await?)
}

async fn coach(
    txn: &Txn,
    scheduler: Scheduler,
    (organizer, account): (&Organizer, &str),
    now: DateTime<Utc>,
) -> Result<coach::Model> {
    let provider = scheduler.provider().unwrap_or_default();
    if let Some(link) = connection::Entity::find_by_external(provider, account)
        .one(&**txn)
        .await?
    {
        let coach = coach::Entity::find_by_id(link.coach_id).one(&**txn).await?;
        return coach.ok_or_else(|| Error::internal("a connection", "without its coach"));
    }
    let coach = match own_coach(txn, organizer).await? {
        Some(coach) => coach,
        None => import_coach(txn, scheduler, organizer, now).await?,
    };
    connection::ActiveModel {
        id: Set(entity::new_id()),
        coach_id: Set(coach.id),
        provider: Set(provider.to_owned()),
        external_id: Set(account.to_owned()),
        external_email: Set(organizer.email.clone()),
        external_username: Set(organizer.username.clone()),
        health: Set(connection::Health::Observed),
        kind: Set(connection::Kind::Observed),
        created_at: Set(now),
        updated_at: Set(now),
        ..Default::default()
    }
    .insert(&**txn)
    .await?;
    Ok(coach)
}

/// The coach who signed up here with the address of the remote account.
async fn own_coach(txn: &Txn, organizer: &Organizer) -> Result<Option<coach::Model>> {
    let Some(email) = &organizer.email else {
        return Ok(None);
    };
    let users = user::Entity::find_by_verified_email(email)
        .all(&**txn)
        .await?;
    let profiles =
        coach::Entity::find().filter(coach::Column::UserId.is_in(users.iter().map(|user| user.id)));
    Ok(profiles
        .order_by_asc(coach::Column::CreatedAt)
        .one(&**txn)
        .await?)
}

async fn import_coach(
    txn: &Txn,
    scheduler: Scheduler,
    organizer: &Organizer,
    now: DateTime<Utc>,
) -> Result<coach::Model> {
    let id = entity::new_id();
    let zone = organizer
        .time_zone
        .clone()
        .filter(|zone| zone.parse::<zones::Zone>().is_ok());
    let name = organizer
        .name
        .clone()
        .or_else(|| organizer.username.clone());
    let coach = coach::ActiveModel {
        id: Set(id),
        user_id: Set(None),
        handle: Set(format!("coach-{}", &id.simple().to_string()[20..])),
        display_name: Set(name.unwrap_or_else(|| "Coach".to_owned())),
        headline: Set(None),
        biography: Set(None),
        avatar_url: Set(None),
        time_zone: Set(zone.unwrap_or_else(|| "UTC".to_owned())),
        scheduler: Set(scheduler),
        listed: Set(false),
        accepts_bookings: Set(false),
        default_schedule_id: Set(None),
        version: Set(1),
        created_at: Set(now),
        updated_at: Set(now),
    };
    Ok(coach.insert(&**txn).await?)
}

/// The id under which the event type is stored. Bookings without one share a placeholder per coach.
/// An account is not given the event type of a coach it does not work with: price, approval and
/// buffers are that coach's.
async fn offer_id(
    txn: &Txn,
    said: &Projection,
    coach: &coach::Model,
    bounds: &Bounds,
) -> Result<String> {
    let Some(id) = said.offer.id.clone() else {
        return Ok(format!("none-{}", coach.id.simple()));
    };
    if bounds.only_account().is_none() {
        return Ok(id);
    }
    let known = event_type::Entity::find_by_provider_id(bounds.provider(), &id)
        .one(&**txn)
        .await?;
    let is_theirs = match known {
        None => true,
        Some(known) if known.coach_id == coach.id => true,
        Some(known) => event_type_host::Entity::find_by_id((known.id, coach.id))
            .one(&**txn)
            .await?
            .is_some(),
    };
    Ok(if is_theirs {
        id
    } else {
        format!("{id}-{}", coach.id.simple())
    })
}

async fn event_type(
    txn: &Txn,
    scheduler: Scheduler,
    (said, id): (&Projection, String),
    coach: &coach::Model,
    now: DateTime<Utc>,
) -> Result<event_type::Model> {
    let provider = scheduler.provider().unwrap_or_default();
    if let Some(known) = event_type::Entity::find_by_provider_id(provider, &id)
        .one(&**txn)
        .await?
    {
        return Ok(known);
    }
    let slug = free_slug(txn, said, coach.id, (provider, &id)).await?;
    let event_type = imported(said, coach.id, slug, (scheduler, id), now)
        .insert(&**txn)
        .await?;
    event_type_host::ActiveModel {
        event_type_id: Set(event_type.id),
        coach_id: Set(coach.id),
        position: Set(0),
    }
    .insert(&**txn)
    .await?;
    Ok(event_type)
}

async fn free_slug(
    txn: &Txn,
    said: &Projection,
    coach_id: Uuid,
    (provider, id): (&str, &str),
) -> Result<String> {
    let slug = said.offer.slug.clone().filter(|slug| {
        (1..=64).contains(&slug.len())
            && slug
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    });
    let slug = slug.unwrap_or_else(|| provider.to_owned());
    let taken = event_type::Entity::find()
        .filter(event_type::Column::CoachId.eq(coach_id))
        .filter(event_type::Column::Slug.eq(&slug))
        .one(&**txn)
        .await?;
    Ok(if taken.is_some() {
        format!("{slug}-{provider}-{id}")
    } else {
        slug
    })
}

fn imported(
    said: &Projection,
    coach_id: Uuid,
    slug: String,
    (scheduler, provider_id): (Scheduler, String),
    now: DateTime<Utc>,
) -> event_type::ActiveModel {
    let length = said
        .offer
        .length_minutes
        .unwrap_or_else(|| (said.ends_at - said.starts_at).num_minutes());
    let length =
        i32::try_from(length.clamp(1, 31 * 24 * 60)).expect("clamped to a month of minutes");
    let title = said
        .offer
        .title
        .clone()
        .unwrap_or_else(|| format!("{} booking", scheduler.label()));
    event_type::ActiveModel {
        id: Set(entity::new_id()),
        coach_id: Set(coach_id),
        slug: Set(slug),
        title: Set(title),
        description: Set(None),
        kind: Set(Kind::Session),
        visibility: Set(Visibility::Unlisted),
        length_minutes: Set(length),
        lengths: Set(Lengths(vec![length])),
        price_minor: Set(said.price_minor),
        currency: Set(said.currency_code().unwrap_or_else(|| "USD".to_owned())),
        buffer_before_minutes: Set(0),
        buffer_after_minutes: Set(0),
        minimum_notice_minutes: Set(0),
        slot_interval_minutes: Set(None),
        window_kind: Set(WindowKind::Unlimited),
        window_days: Set(None),
        window_from: Set(None),
        window_until: Set(None),
        location_kind: Set(LocationKind::Video),
        location_value: Set(None),
        questions: Set(Questions::default()),
        policy: Set(Policy::default()),
        requires_approval: Set(said.requires_approval),
        seats: Set(i32::try_from(said.seats.unwrap_or(1).clamp(1, 10_000))
            .expect("clamped to a small number")),
        schedule_id: Set(None),
        provider: Set(scheduler.provider().map(str::to_owned)),
        provider_event_type_id: Set(Some(provider_id)),
        version: Set(1),
        created_at: Set(now),
        updated_at: Set(now),
    }
}
