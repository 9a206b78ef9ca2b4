//! A coach of the demo data whose calendar is at a stand-in for Cal.com.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use entity::coach::Scheduler;
use entity::{booking, event_type};
use sea_orm::{ActiveModelTrait, IntoActiveModel};
use serde_json::{Value, json};
use simulators::cal_com::{self, StandIn};
use tests::{Answer, On, PATIENCE, START, Setup, TestApp, at};

pub(super) const SECRET: &str = "whsec-of-the-lab";
pub(super) const CLIENT: &str = "clientofthelab00000000000";
pub(super) const COACH: &str = "nora";

/// What there is of a booking on both sides.
pub(super) struct Lab {
    pub(super) app: TestApp,
    pub(super) cal: StandIn,
    pub(super) clock: simulators::Clock,
    pub(super) offer: tests::Offer,
    /// The coach's key at the stand-in.
    pub(super) api_key: String,
}

/// As the application would make it, but for its patience: the clock of a test stands still, the
/// network's does not.
pub(super) fn client(cal: &StandIn) -> providers::cal_com::Client {
    client_of(cal, None)
}

/// The same, of a platform whose organization is known.
pub(super) fn client_of(cal: &StandIn, organization_id: Option<i64>) -> providers::cal_com::Client {
    client_with(cal, organization_id, policy())
}

fn policy() -> providers::http::Policy {
    let mut policy = providers::cal_com::policy();
    policy.rate_limit.pause = Duration::from_millis(20);
    policy.rate_limit.share = 100.0;
    policy.rate_limit.burst = 100.0;
    policy.retries.first_pause = Duration::from_millis(5);
    policy.breaker.pause = Duration::from_millis(50);
    policy
}

fn client_with(
    cal: &StandIn,
    organization_id: Option<i64>,
    policy: providers::http::Policy,
) -> providers::cal_com::Client {
    let settings = providers::cal_com::Settings {
        api_url: cal.url(),
        app_url: cal.url(),
        platform: Some(providers::cal_com::PlatformClient {
            client_id: CLIENT.to_owned(),
            client_secret: "secret-of-the-lab".to_owned().into(),
        }),
        oauth: None,
        organization_id,
        policy,
    };
    providers::cal_com::Client::new(settings, Arc::new(providers::http::NoopObserver))
        .expect("the address is one")
}

/// A stand-in whose clock begins with the test.
pub(super) fn options() -> cal_com::Options {
    cal_com::Options {
        clock: simulators::Clock::at(at(START)),
        client_id: CLIENT.to_owned(),
        client_secret: "secret-of-the-lab".to_owned(),
        ..cal_com::Options::default()
    }
}

/// An application wired to a stand-in.
pub(super) fn setup(cal: &StandIn) -> Setup {
    Setup::default()
        .setting("CALCOM_API_URL", &cal.url())
        .setting("CALCOM_APP_URL", &cal.url())
        .setting("CALCOM_CLIENT_ID", CLIENT)
        .setting("CALCOM_CLIENT_SECRET", "secret-of-the-lab")
        .setting("CALCOM_WEBHOOK_SECRETS", SECRET)
        .setting("OAUTH_REDIRECTS", "https://app.example.com")
}

/// What is special about the event type there.
#[derive(Clone, Debug, Default)]
pub(super) struct Special {
    pub(super) needs_approval: bool,
    pub(super) price_minor: i64,
}

impl Lab {
    pub(super) async fn start(on: On) -> Self {
        Self::with(on, Special::default()).await
    }

    pub(super) async fn with(on: On, special: Special) -> Self {
        Self::speaking(on, special, policy()).await
    }

    /// One whose application waits for an answer longer than a test waits for anything.
    pub(super) async fn patient(on: On) -> Self {
        let mut policy = policy();
        policy.limits.read = PATIENCE * 20;
        policy.limits.total = PATIENCE * 20;
        policy.budget = PATIENCE * 20;
        Self::speaking(on, Special::default(), policy).await
    }

    async fn speaking(on: On, special: Special, policy: providers::http::Policy) -> Self {
        let options = options();
        let clock = options.clock.clone();
        let cal = cal_com::start(options).await.expect("a free loopback port");
        let app = setup(&cal)
            .cal_com(client_with(&cal, None, policy))
            .start(on)
            .await;
        Self::over((clock, cal), app, special).await
    }

    /// Between a stand-in and an application that are there.
    pub(super) async fn over(
        (clock, cal): (simulators::Clock, StandIn),
        app: TestApp,
        special: Special,
    ) -> Self {
        let (_, api_key) = cal.add_account(
            "Nora Whitfield",
            "nora@coaches.example.com",
            "America/New_York",
        );
        let offer = app.offer(COACH, "coaching-60").await;
        let mut lab = Self {
            app,
            cal,
            clock,
            offer,
            api_key,
        };
        lab.connect(special).await;
        lab
    }

    /// Connects the coach, and puts one event type and a webhook there.
    async fn connect(&mut self, special: Special) {
        let input = json!({ "apiKey": self.api_key });
        let answer = self
            .app
            .coach(COACH)
            .mutate("connectWithApiKey", input, "account { health }")
            .await;
        assert_eq!(answer.user_errors(), Vec::<&str>::new(), "{answer:?}");
        let mut body = json!({ "title": "Coaching", "slug": "coaching-60", "lengthInMinutes": 60, "minimumBookingNotice": 0 });
        if special.needs_approval {
            body["confirmationPolicy"] =
                json!({ "type": "always", "blockUnconfirmedBookingsInBooker": true });
        }
        let made = self.post("/v2/event-types", "2024-06-14", body).await;
        let event_type_id = made["data"]["id"].as_i64().expect("it was made");
        let hook = json!({
            "active": true,
            "subscriberUrl": self.app.url("/webhooks/calcom"),
            "secret": SECRET,
            "triggers": ["BOOKING_CREATED", "BOOKING_REQUESTED", "BOOKING_RESCHEDULED", "BOOKING_CANCELLED",
                "BOOKING_REJECTED", "BOOKING_NO_SHOW_UPDATED"],
        });
        self.post("/v2/webhooks", "2024-08-13", hook).await;

        let mut coach = self.offer.coach.clone().into_active_model();
        coach.scheduler = sea_orm::ActiveValue::Set(Scheduler::CalCom);
        coach
            .update(self.app.db().write_one())
            .await
            .expect("the row is sound");
        let edit = |row: &mut event_type::Model| {
            row.provider = Some("calcom".to_owned());
            row.provider_event_type_id = Some(event_type_id.to_string());
            row.requires_approval = special.needs_approval;
            row.price_minor = special.price_minor;
            row.lengths = event_type::Lengths(vec![60]);
            row.length_minutes = 60;
            row.questions = event_type::Questions::default();
            (
                row.buffer_before_minutes,
                row.buffer_after_minutes,
                row.minimum_notice_minutes,
            ) = (0, 0, 0);
        };
        self.app.edit_offer(&self.offer, edit).await;
        self.offer = self.app.offer(COACH, "coaching-60").await;
        self.cal.reset_requests();
    }

    /// The coach's number there.
    pub(super) fn user(&self) -> u64 {
        let found = self
            .cal
            .users()
            .into_iter()
            .find(|user| user.email == "nora@coaches.example.com");
        found.expect("the coach has an account").id
    }

    /// What was written down about what people did, oldest first.
    pub(super) async fn audited(&self, beginning: &str) -> Vec<String> {
        use entity::audit_log::{Column, Entity};
        use sea_orm::{EntityTrait, QueryOrder};

        let rows = Entity::find()
            .order_by_asc(Column::Id)
            .all(self.app.db().read())
            .await;
        let actions = rows
            .expect("the database answers")
            .into_iter()
            .map(|row| row.action);
        actions
            .filter(|action| action.starts_with(beginning))
            .collect()
    }

    /// Something that the coach does by Cal.com's API, past us.
    pub(super) async fn post(&self, path: &str, version: &str, body: Value) -> Value {
        let request = reqwest::Client::new()
            .post(format!("{}{path}", self.cal.url()))
            .bearer_auth(&self.api_key)
            .header("cal-api-version", version)
            .json(&body);
        let answer = request.send().await.expect("it serves");
        let status = answer.status();
        let value: Value = answer.json().await.expect("JSON");
        assert!(status.is_success(), "{path}: {status} {value}");
        value
    }

    pub(super) async fn book(&self, start: &str) -> Answer {
        let fields = "booking { id status startsAt } ";
        self.app
            .client("maria")
            .mutate("createBooking", self.offer.order(at(start)), fields)
            .await
    }

    pub(super) async fn booked(&self, start: &str) -> String {
        let answer = self.book(start).await;
        assert_eq!(answer.user_errors(), Vec::<&str>::new(), "{answer:?}");
        answer
            .at("/createBooking/booking/id")
            .as_str()
            .expect("an id")
            .to_owned()
    }

    /// Time passes on both sides.
    pub(super) fn advance(&self, by: TimeDelta) {
        self.app.clock.advance(by);
        self.clock.advance(by);
    }

    /// Lets time pass in steps, and everything happen that it brings, until nothing is open any
    /// more or `most` has passed.
    pub(super) async fn settle(&self, most: TimeDelta) {
        let until = self.app.now() + most;
        loop {
            self.cal.flush_webhooks().await;
            courtside::domain::reconcile::ensure(&self.app.app)
                .await
                .expect("the database answers");
            self.app.run_jobs().await;
            if self.app.now() >= until {
                return;
            }
            self.advance(TimeDelta::seconds(10));
        }
    }

    /// Bookings that take time there.
    pub(super) fn live_there(&self) -> Vec<cal_com::Booking> {
        self.cal
            .bookings()
            .into_iter()
            .filter(|booking| ["accepted", "pending"].contains(&booking.status.as_str()))
            .collect()
    }

    /// The two sides agree: what is active here stands there, once, at the same time; and nothing
    /// else does.
    pub(super) async fn agree(&self) -> Result<(), String> {
        let here: Vec<booking::Model> = self
            .app
            .bookings()
            .await
            .into_iter()
            .filter(|row| {
                row.scheduler == Scheduler::CalCom
                    && row.status.is_active()
                    && row.merged_into.is_none()
            })
            .collect();
        let there = self.live_there();
        if let Some(open) = here
            .iter()
            .find(|row| row.status == booking::Status::Initiated)
        {
            return Err(format!("{} is still open", open.reference));
        }
        let times = |mut times: Vec<DateTime<Utc>>| {
            times.sort();
            times
        };
        let (ours, theirs) = (
            times(here.iter().map(|row| row.starts_at).collect()),
            times(there.iter().map(|booking| booking.start).collect()),
        );
        if ours == theirs {
            Ok(())
        } else {
            Err(format!("here {ours:?}, there {theirs:?}"))
        }
    }
}
