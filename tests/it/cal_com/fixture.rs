//! A coach of the demo data whose calendar is at a stand-in for Cal.com.

use chrono::{DateTime, TimeDelta, Utc};
use entity::coach::Scheduler;
use entity::{booking, event_type};
use sea_orm::{ActiveModelTrait, IntoActiveModel};
use serde_json::{Value, json};
use simulators::cal_com::{Booking, StandIn};
use tests::cal_com::{self, WEBHOOK_SECRET, client, policy};
use tests::{Answer, On, PATIENCE, Setup, TestApp, at};

pub(super) const COACH: &str = "nora";

/// An application, a stand-in for Cal.com, and a coach who has an account there.
pub(super) struct Fixture {
    pub(super) app: TestApp,
    pub(super) cal: StandIn,
    pub(super) offer: tests::Offer,
    /// The coach's key at the stand-in.
    pub(super) api_key: String,
}

/// How the event type at Cal.com differs from a free one without approval.
#[derive(Clone, Debug, Default)]
pub(super) struct Special {
    pub(super) needs_approval: bool,
    pub(super) price_minor: i64,
}

impl Fixture {
    pub(super) async fn start(on: On) -> Self {
        Self::with(on, Special::default()).await
    }

    pub(super) async fn with(on: On, special: Special) -> Self {
        Self::speaking(on, special, policy()).await
    }

    /// With timeouts that are longer than any test waits.
    pub(super) async fn patient(on: On) -> Self {
        let mut policy = policy();
        policy.limits.read = PATIENCE * 20;
        policy.limits.total = PATIENCE * 20;
        policy.budget = PATIENCE * 20;
        Self::speaking(on, Special::default(), policy).await
    }

    async fn speaking(on: On, special: Special, policy: providers::http::Policy) -> Self {
        let cal = cal_com::start().await;
        let app = Setup::default()
            .cal_com(&cal)
            .cal_com_client(client(&cal, None, policy))
            .start(on)
            .await;
        Self::over(cal, app, special).await
    }

    /// Over a stand-in and an application that run already.
    pub(super) async fn over(cal: StandIn, app: TestApp, special: Special) -> Self {
        let (_, api_key) = cal.add_account(
            "Nora Whitfield",
            "nora@coaches.example.com",
            "America/New_York",
        );
        let offer = app.offer(COACH, "coaching-60").await;
        let mut fixture = Self {
            app,
            cal,
            offer,
            api_key,
        };
        fixture.connect(special).await;
        fixture
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
            "secret": WEBHOOK_SECRET,
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

    /// The coach's user id at Cal.com.
    pub(super) fn user(&self) -> u64 {
        let found = self
            .cal
            .users()
            .into_iter()
            .find(|user| user.email == "nora@coaches.example.com");
        found.expect("the coach has an account").id
    }

    /// The actions in the audit log that begin like this, oldest first.
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

    /// The coach calls Cal.com's API directly.
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

    /// Advances both clocks.
    pub(super) fn advance(&self, by: TimeDelta) {
        self.app.clock.advance(by);
        self.cal.clock().advance(by);
    }

    /// Advances both clocks in steps until `most` has passed, and runs everything that falls due.
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

    /// The bookings at Cal.com that take time.
    pub(super) fn live_there(&self) -> Vec<Booking> {
        self.cal
            .bookings()
            .into_iter()
            .filter(|booking| ["accepted", "pending"].contains(&booking.status.as_str()))
            .collect()
    }

    /// Checks that the active bookings here and at Cal.com have the same times, each once.
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
