//! A temporary database, a stand-in for Cal.com, and coaches whose calendars are there.

use std::path::PathBuf;

use chrono::{DateTime, Datelike, DurationRound, TimeDelta, Utc};
use courtside::db::Db;
use entity::coach::{self, Scheduler};
use entity::user::Role;
use entity::{Uuid, event_type, event_type_host, schedule, user};
use serde_json::{Value, json};
use simulators::cal_com::{self, StandIn};

use crate::Failure;
use crate::catalog::{self, Terms};
use crate::database::{self, Scratch};
use crate::http::{Connection, Target};
use crate::queries;
use crate::report::log;
use crate::seed::insert;
use crate::server::Launch;
use crate::tokens::{self, Issuer};

/// Signs the webhooks of the stand-in.
pub(crate) const SECRET: &str = "bench-webhook-secret";
const OFFER: Terms = Terms {
    slug: "environment-30",
    title: "Environment",
    minutes: 30,
    interval: None,
    price_minor: 0,
};
const CONNECT: &str = "mutation($input: ConnectWithApiKeyInput!) { connectWithApiKey(input: $input) { userErrors { code } } }";

/// Options of the subcommands with an environment.
#[derive(clap::Args)]
pub(crate) struct EnvironmentOptions {
    /// The binary `courtside`.
    #[arg(long)]
    binary: PathBuf,
    /// Any database of a PostgreSQL cluster, in which a temporary database is created; SQLite when
    /// left out.
    #[arg(long)]
    postgres: Option<String>,
}

/// A temporary database, a stand-in for Cal.com, and how to start a Courtside between them.
pub(crate) struct Environment {
    scratch: Scratch,
    pub(crate) db: Db,
    pub(crate) cal: StandIn,
    pub(crate) launch: Launch,
    pub(crate) issuer: Issuer,
}

/// A coach whose calendar is at the stand-in.
pub(crate) struct Coach {
    /// Their API key at the stand-in.
    pub(crate) api_key: String,
    /// Their event types, which exist on both sides.
    pub(crate) offers: Vec<Uuid>,
}

impl Environment {
    /// # Errors
    /// When there is no database or no port to be had.
    pub(crate) async fn open(
        options: &EnvironmentOptions,
        stand_in: cal_com::Options,
    ) -> Result<Self, Failure> {
        let scratch = match &options.postgres {
            Some(admin_url) => Scratch::postgres(admin_url).await?,
            None => Scratch::sqlite()?,
        };
        let db = database::open(&scratch.url).await?;
        let cal = cal_com::start(stand_in).await?;
        let launch = Launch::courtside(&options.binary, &scratch.url)
            .with("CALCOM_API_URL", &cal.url())
            .with("CALCOM_APP_URL", &cal.url())
            .with("CALCOM_WEBHOOK_SECRETS", SECRET);
        let issuer = Issuer::open(&db).await?;
        Ok(Self {
            scratch,
            db,
            cal,
            launch,
            issuer,
        })
    }

    /// Deletes the database, unless the measurement failed.
    ///
    /// # Errors
    /// Why the measurement failed.
    pub(crate) async fn close(self, done: Result<(), Failure>) -> Result<(), Failure> {
        drop(self.db);
        if done.is_err() {
            log(&format!(
                "bench: the database is kept: {}\n",
                self.scratch.url
            ));
            return done;
        }
        self.scratch.remove().await
    }

    /// "SQLite" or "PostgreSQL".
    pub(crate) fn database(&self) -> &'static str {
        database::name(&self.db)
    }

    /// Adds a coach with an account at the stand-in and so many event types of half an hour on both
    /// sides.
    ///
    /// # Errors
    /// When either side refuses.
    pub(crate) async fn add_coach(
        &self,
        server: Target,
        name: &str,
        offers: u32,
    ) -> Result<Coach, Failure> {
        let (_, api_key) = self
            .cal
            .add_account(name, &tokens::email(name), "Europe/London");
        let profile = self.add_profile(name, Scheduler::CalCom).await?;
        let mut coach = Coach {
            api_key,
            offers: Vec::new(),
        };
        for number in 0..offers {
            let slug = format!("environment-{number}");
            let input =
                json!({ "title": "Environment", "slug": slug, "lengthInMinutes": OFFER.minutes });
            let created = self
                .post_to_stand_in(&coach.api_key, "/v2/event-types", "2024-06-14", input)
                .await?;
            let provider_id = created["data"]["id"]
                .as_i64()
                .ok_or_else(|| format!("no event type: {created}"))?;
            coach
                .offers
                .push(self.add_offer(&profile, slug, Some(provider_id)).await?);
        }
        let token = self.issuer.token(name, Role::Coach)?;
        let input = json!({ "input": { "apiKey": coach.api_key } });
        let connect = queries::request(server, Some(&token), CONNECT, &input);
        let mut connection = Connection::open(server).await?;
        let answer: Value = serde_json::from_slice(connection.send(&connect).await?.body)?;
        match answer["data"]["connectWithApiKey"]["userErrors"]
            .as_array()
            .map(Vec::as_slice)
        {
            Some([]) => Ok(coach),
            _ => Err(format!("the coach could not be connected: {answer}").into()),
        }
    }

    /// Adds a coach with the built-in scheduler; returns the key of their only event type.
    pub(crate) async fn add_own_coach(&self, name: &str) -> Result<Uuid, Failure> {
        let profile = self.add_profile(name, Scheduler::Native).await?;
        self.add_offer(&profile, OFFER.slug.to_owned(), None).await
    }

    async fn add_profile(&self, name: &str, scheduler: Scheduler) -> Result<coach::Model, Failure> {
        let now = tokens::now();
        let account = catalog::account(entity::new_id(), name, Role::Coach, now);
        let mut profile = catalog::profile(entity::new_id(), &account, entity::new_id(), now);
        profile.scheduler = scheduler;
        let hours = catalog::always(
            profile.default_schedule_id.expect("it was just set"),
            profile.id,
            now,
        );
        insert::<user::Entity>(self.db.write_one(), vec![account]).await?;
        insert::<coach::Entity>(self.db.write_one(), vec![profile.clone()]).await?;
        insert::<schedule::Entity>(self.db.write_one(), vec![hours]).await?;
        Ok(profile)
    }

    async fn add_offer(
        &self,
        profile: &coach::Model,
        slug: String,
        provider_id: Option<i64>,
    ) -> Result<Uuid, Failure> {
        let mut offer = catalog::offer(entity::new_id(), profile, &OFFER, tokens::now());
        offer.slug = slug;
        offer.provider = provider_id.map(|_| "calcom".to_owned());
        offer.provider_event_type_id = provider_id.map(|id| id.to_string());
        let (id, host) = (offer.id, catalog::host(&offer));
        insert::<event_type::Entity>(self.db.write_one(), vec![offer]).await?;
        insert::<event_type_host::Entity>(self.db.write_one(), vec![host]).await?;
        Ok(id)
    }

    async fn post_to_stand_in(
        &self,
        key: &str,
        path: &str,
        version: &str,
        body: Value,
    ) -> Result<Value, Failure> {
        let target: Target = self.cal.url().parse()?;
        let bearer = format!("Bearer {key}");
        let headers = [
            ("authorization", bearer.as_str()),
            ("cal-api-version", version),
        ];
        let request = target.request("POST", path, &headers, body.to_string().as_bytes());
        let mut connection = Connection::open(target).await?;
        Ok(serde_json::from_slice(
            connection.send(&request).await?.body,
        )?)
    }

    /// How many requests for slots the stand-in has received.
    pub(crate) fn slot_calls(&self) -> usize {
        self.cal
            .requests()
            .iter()
            .filter(|call| call.path.starts_with("/v2/slots"))
            .count()
    }
}

/// Midnight of today in UTC.
pub(crate) fn today() -> DateTime<Utc> {
    tokens::now()
        .duration_trunc(TimeDelta::days(1))
        .expect("a day divides the range of instants")
}

/// Half hours on weekdays from tomorrow on, between 09:00 and 17:00 UTC, which is London time in
/// winter.
pub(crate) fn half_hour(number: u32) -> DateTime<Utc> {
    let today = today();
    let mut days = (1..)
        .map(|day| today + TimeDelta::days(day))
        .filter(|day| day.weekday().number_from_monday() <= 5);
    let day = days.nth(number as usize / 16).expect("weekdays do not end");
    day + TimeDelta::hours(9) + TimeDelta::minutes(30 * i64::from(number % 16))
}
