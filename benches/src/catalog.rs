//! Rows that several measurements store: accounts, coaches who are always open, event types.

use chrono::{DateTime, Utc};
use courtside::domain::identity::LOCAL_ISSUER;
use entity::coach::{self, Scheduler};
use entity::event_type::{
    self, Kind, Lengths, LocationKind, Policy, PolicyTier, Questions, Visibility, WindowKind,
};
use entity::schedule::{self, Weekly, WeeklyRule};
use entity::user::{self, Role};
use entity::{Uuid, event_type_host};

use crate::tokens;

/// The account of a subject.
pub(crate) fn account(id: Uuid, subject: &str, role: Role, now: DateTime<Utc>) -> user::Model {
    user::Model {
        id,
        issuer: LOCAL_ISSUER.to_owned(),
        subject: subject.to_owned(),
        email: Some(tokens::email(subject)),
        email_verified: true,
        display_name: subject.to_owned(),
        time_zone: "UTC".to_owned(),
        role,
        suspended_at: None,
        created_at: now,
        updated_at: now,
    }
}

/// The listed coach profile of an account. `schedule_id` is that of [`always`].
pub(crate) fn profile(
    id: Uuid,
    account: &user::Model,
    schedule_id: Uuid,
    now: DateTime<Utc>,
) -> coach::Model {
    coach::Model {
        id,
        user_id: Some(account.id),
        handle: account.subject.clone(),
        display_name: account.display_name.clone(),
        headline: Some("Listing presentations that win, and \"calm\" clients".to_owned()),
        biography: Some("Has coached real-estate agents for more than ten years.".to_owned()),
        avatar_url: None,
        time_zone: "America/New_York".to_owned(),
        scheduler: Scheduler::Native,
        listed: true,
        accepts_bookings: true,
        default_schedule_id: Some(schedule_id),
        version: 1,
        created_at: now,
        updated_at: now,
    }
}

/// A schedule that is open at all times, in UTC.
pub(crate) fn always(id: Uuid, coach_id: Uuid, now: DateTime<Utc>) -> schedule::Model {
    schedule::Model {
        id,
        coach_id,
        name: "Always".to_owned(),
        time_zone: "UTC".to_owned(),
        weekly: Weekly(
            (1..=7)
                .map(|weekday| WeeklyRule {
                    weekday,
                    from: 0,
                    until: 1440,
                })
                .collect(),
        ),
        version: 1,
        created_at: now,
        updated_at: now,
    }
}

/// The fields in which event types differ.
pub(crate) struct Terms {
    pub(crate) slug: &'static str,
    pub(crate) title: &'static str,
    pub(crate) minutes: i32,
    /// Minutes between two starts; the length when left out.
    pub(crate) interval: Option<i32>,
    /// In cents; zero is free.
    pub(crate) price_minor: i64,
}

/// An event type without minimum notice and with an unlimited booking window.
pub(crate) fn offer(
    id: Uuid,
    coach: &coach::Model,
    terms: &Terms,
    now: DateTime<Utc>,
) -> event_type::Model {
    event_type::Model {
        id,
        coach_id: coach.id,
        slug: terms.slug.to_owned(),
        title: terms.title.to_owned(),
        description: Some("What matters most to you now.".to_owned()),
        kind: Kind::Session,
        visibility: Visibility::Public,
        length_minutes: terms.minutes,
        lengths: Lengths(vec![terms.minutes]),
        price_minor: terms.price_minor,
        currency: "USD".to_owned(),
        buffer_before_minutes: 0,
        buffer_after_minutes: 0,
        minimum_notice_minutes: 0,
        slot_interval_minutes: terms.interval,
        window_kind: WindowKind::Unlimited,
        window_days: None,
        window_from: None,
        window_until: None,
        location_kind: LocationKind::Link,
        location_value: Some(format!("https://meet.bench.example/{}", coach.handle)),
        questions: Questions::default(),
        policy: Policy {
            tiers: vec![PolicyTier {
                hours_before: 24,
                refund_percent: 100,
            }],
            max_moves: None,
        },
        requires_approval: false,
        seats: 1,
        schedule_id: None,
        provider: None,
        provider_event_type_id: None,
        version: 1,
        created_at: now,
        updated_at: now,
    }
}

/// Makes the owner of an event type its host.
pub(crate) fn host(offer: &event_type::Model) -> event_type_host::Model {
    event_type_host::Model {
        event_type_id: offer.id,
        coach_id: offer.coach_id,
        position: 0,
    }
}
