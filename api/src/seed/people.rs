//! People and event types of the demo data.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use entity::event_type::{
    self, AnswerKind, Kind, Lengths, LocationKind, Policy, PolicyTier, Question, Questions,
    Visibility, WindowKind,
};
use entity::schedule::{self, Weekly, WeeklyRule};
use entity::schedule_override::{self, DayHours};
use entity::user::{self, Role};
use entity::{Uuid, coach, coach_specialty, event_type_host};
use sea_orm::{ActiveModelTrait, IntoActiveModel};

use crate::db::Txn;
use crate::domain::Result;
use crate::domain::identity::LOCAL_ISSUER;

/// The people that the demo bookings refer to.
pub(super) struct People {
    pub(super) clients: Vec<user::Model>,
    pub(super) offers: Vec<(coach::Model, event_type::Model)>,
}

struct Profile {
    name: &'static str,
    headline: &'static str,
    zone: &'static str,
    specialties: &'static [&'static str],
    /// Weekly rules: ISO weekdays, from and until in minutes of the day.
    hours: &'static [(&'static [u8], u16, u16)],
    /// Price of the long session in minor units.
    price: i64,
    currency: &'static str,
    approval: bool,
}

const WEEKDAYS: &[u8] = &[1, 2, 3, 4, 5];

const COACHES: [Profile; 7] = [
    Profile {
        name: "Nora Whitfield",
        headline: "Listing presentations that win",
        zone: "America/New_York",
        specialties: &["listings", "negotiation"],
        hours: &[(WEEKDAYS, 540, 1020)],
        price: 0,
        currency: "USD",
        approval: false,
    },
    Profile {
        name: "Marcus Bell",
        headline: "From first call to signed buyer",
        zone: "America/Los_Angeles",
        specialties: &["buyers", "prospecting"],
        hours: &[(WEEKDAYS, 480, 720), (WEEKDAYS, 780, 1020)],
        price: 12_000,
        currency: "USD",
        approval: false,
    },
    Profile {
        name: "Eleanor Hughes",
        headline: "Luxury homes, calm clients",
        zone: "Europe/London",
        specialties: &["luxury", "negotiation"],
        hours: &[(&[1, 2, 3, 4], 600, 1080)],
        price: 9_500,
        currency: "GBP",
        approval: true,
    },
    Profile {
        name: "Jonas Keller",
        headline: "Systems for teams that grow",
        zone: "Europe/Berlin",
        specialties: &["teams", "operations"],
        hours: &[(WEEKDAYS, 510, 990)],
        price: 8_900,
        currency: "EUR",
        approval: false,
    },
    Profile {
        name: "Priya Raman",
        headline: "Social media for agents",
        zone: "Asia/Kolkata",
        specialties: &["marketing", "prospecting"],
        hours: &[(&[2, 3, 4, 5, 6], 630, 1170)],
        price: 0,
        currency: "USD",
        approval: false,
    },
    Profile {
        name: "Liam O'Connor",
        headline: "Auctions without nerves",
        zone: "Australia/Sydney",
        specialties: &["auctions", "negotiation"],
        hours: &[(WEEKDAYS, 420, 900)],
        price: 15_000,
        currency: "AUD",
        approval: false,
    },
    Profile {
        name: "Grace Kim",
        headline: "Mindset and steady habits",
        zone: "America/Chicago",
        specialties: &["mindset"],
        hours: &[(WEEKDAYS, 1080, 1320), (&[6], 540, 780)],
        price: 0,
        currency: "USD",
        approval: false,
    },
];

const CLIENTS: [(&str, &str); 3] = [
    ("Maria Santos", "America/Chicago"),
    ("James Carter", "America/New_York"),
    ("Aiko Tanaka", "Asia/Tokyo"),
];

/// The coach who hosts the verification calls.
const VERIFICATION_COACH: &str = "Nora Whitfield";

pub(super) async fn add(txn: &Txn, now: DateTime<Utc>) -> Result<People> {
    account(txn, "Olivia Grant", "UTC", Role::Admin, now).await?;
    let mut clients = Vec::new();
    for (name, zone) in CLIENTS {
        clients.push(account(txn, name, zone, Role::Client, now).await?);
    }
    let mut offers = Vec::new();
    for profile in &COACHES {
        let coach = add_coach(txn, profile, now).await?;
        offers.extend(
            add_event_types(txn, profile, &coach, now)
                .await?
                .into_iter()
                .map(|offer| (coach.clone(), offer)),
        );
    }
    Ok(People { clients, offers })
}

/// Signs in under the first name: `courtside token --role client --user maria`.
async fn account(
    txn: &Txn,
    name: &str,
    zone: &str,
    role: Role,
    now: DateTime<Utc>,
) -> Result<user::Model> {
    let subject = name.split(' ').next().unwrap_or(name).to_lowercase();
    let row = user::Model {
        id: entity::new_id(),
        issuer: LOCAL_ISSUER.to_owned(),
        email: Some(format!("{subject}@courtside.example")),
        subject,
        email_verified: true,
        display_name: name.to_owned(),
        time_zone: zone.to_owned(),
        role,
        suspended_at: None,
        created_at: now,
        updated_at: now,
    };
    Ok(row.into_active_model().reset_all().insert(&**txn).await?)
}

async fn add_coach(txn: &Txn, profile: &Profile, now: DateTime<Utc>) -> Result<coach::Model> {
    let account = account(txn, profile.name, profile.zone, Role::Coach, now).await?;
    let (id, schedule_id) = (entity::new_id(), entity::new_id());
    let handle = profile.name.to_lowercase().replace([' ', '\''], "-");
    let row = coach::Model {
        id,
        user_id: Some(account.id),
        handle,
        display_name: profile.name.to_owned(),
        headline: Some(profile.headline.to_owned()),
        biography: Some(format!(
            "{} has coached real-estate agents for more than ten years.",
            profile.name
        )),
        avatar_url: None,
        time_zone: profile.zone.to_owned(),
        scheduler: coach::Scheduler::Native,
        listed: true,
        accepts_bookings: true,
        default_schedule_id: Some(schedule_id),
        version: 1,
        created_at: now,
        updated_at: now,
    };
    let coach = row.into_active_model().reset_all().insert(&**txn).await?;
    for specialty in profile.specialties {
        let row = coach_specialty::Model {
            coach_id: id,
            specialty: (*specialty).to_owned(),
        };
        row.into_active_model().reset_all().insert(&**txn).await?;
    }
    add_schedule(txn, profile, schedule_id, id, now).await?;
    Ok(coach)
}

async fn add_schedule(
    txn: &Txn,
    profile: &Profile,
    id: Uuid,
    coach_id: Uuid,
    now: DateTime<Utc>,
) -> Result<()> {
    let rules = profile.hours.iter().flat_map(|&(days, from, until)| {
        days.iter().map(move |&weekday| WeeklyRule {
            weekday,
            from,
            until,
        })
    });
    let row = schedule::Model {
        id,
        coach_id,
        name: "Working hours".to_owned(),
        time_zone: profile.zone.to_owned(),
        weekly: Weekly(rules.collect()),
        version: 1,
        created_at: now,
        updated_at: now,
    };
    row.into_active_model().reset_all().insert(&**txn).await?;
    // A day off in ten days, and a short Saturday in two weeks.
    let today = now.date_naive();
    let saturday = next_saturday(today + TimeDelta::days(14));
    for (date, hours) in [
        (today + TimeDelta::days(10), Vec::new()),
        (saturday, vec![(600, 720)]),
    ] {
        let row = schedule_override::Model {
            schedule_id: id,
            date,
            hours: DayHours(hours),
        };
        row.into_active_model().reset_all().insert(&**txn).await?;
    }
    Ok(())
}

fn next_saturday(from: NaiveDate) -> NaiveDate {
    use chrono::Datelike;
    from + TimeDelta::days(i64::from(
        (5 + 7 - from.weekday().num_days_from_monday()) % 7,
    ))
}

async fn add_event_types(
    txn: &Txn,
    profile: &Profile,
    coach: &coach::Model,
    now: DateTime<Utc>,
) -> Result<Vec<event_type::Model>> {
    let long = event_type::Model {
        slug: "coaching-60".to_owned(),
        title: "Coaching session".to_owned(),
        description: Some("One hour on what matters most to you now.".to_owned()),
        length_minutes: 60,
        lengths: Lengths(vec![45, 60, 90]),
        price_minor: profile.price,
        buffer_after_minutes: 15,
        requires_approval: profile.approval,
        questions: Questions(vec![Question {
            key: "goal".to_owned(),
            label: "What do you want to work on?".to_owned(),
            kind: AnswerKind::LongText,
            required: false,
            options: Vec::new(),
        }]),
        policy: Policy {
            tiers: vec![
                PolicyTier {
                    hours_before: 48,
                    refund_percent: 100,
                },
                PolicyTier {
                    hours_before: 24,
                    refund_percent: 50,
                },
            ],
            max_moves: Some(3),
        },
        ..base(coach, profile.currency, now)
    };
    let short = event_type::Model {
        slug: "intro-20".to_owned(),
        title: "Introduction".to_owned(),
        description: Some("Twenty minutes to see whether we fit.".to_owned()),
        length_minutes: 20,
        lengths: Lengths(vec![20]),
        slot_interval_minutes: Some(30),
        ..base(coach, profile.currency, now)
    };
    let verification = event_type::Model {
        slug: "verification-30".to_owned(),
        title: "Verification call".to_owned(),
        description: Some(
            "Thirty minutes to get to know you, before your first session.".to_owned(),
        ),
        kind: Kind::Verification,
        length_minutes: 30,
        lengths: Lengths(vec![30]),
        ..base(coach, profile.currency, now)
    };
    let mut added = Vec::new();
    let types = [
        Some(long),
        Some(short),
        (profile.name == VERIFICATION_COACH).then_some(verification),
    ];
    for row in types.into_iter().flatten() {
        let row = row.into_active_model().reset_all().insert(&**txn).await?;
        let host = event_type_host::Model {
            event_type_id: row.id,
            coach_id: coach.id,
            position: 0,
        };
        host.into_active_model().reset_all().insert(&**txn).await?;
        added.push(row);
    }
    Ok(added)
}

fn base(coach: &coach::Model, currency: &str, now: DateTime<Utc>) -> event_type::Model {
    event_type::Model {
        id: entity::new_id(),
        coach_id: coach.id,
        slug: String::new(),
        title: String::new(),
        description: None,
        kind: Kind::Session,
        visibility: Visibility::Public,
        length_minutes: 30,
        lengths: Lengths(vec![30]),
        price_minor: 0,
        currency: currency.to_owned(),
        buffer_before_minutes: 0,
        buffer_after_minutes: 0,
        minimum_notice_minutes: 120,
        slot_interval_minutes: None,
        window_kind: WindowKind::Days,
        window_days: Some(60),
        window_from: None,
        window_until: None,
        location_kind: LocationKind::Link,
        location_value: Some(format!("https://meet.courtside.example/{}", coach.handle)),
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
