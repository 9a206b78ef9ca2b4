//! A Courtside wired to a stand-in for Cal.com, and coaches whose calendars are there.

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
use crate::people::{self, Issuer};
use crate::queries;
use crate::report::complain;
use crate::seed::insert;
use crate::server::Launch;

/// With which the webhooks of the stage are signed.
pub(crate) const SECRET: &str = "bench-webhook-secret";
const OFFER: Terms = Terms {
    slug: "stage-30",
    title: "Stage",
    minutes: 30,
    interval: None,
    price_minor: 0,
};
const CONNECT: &str = "mutation($input: ConnectWithApiKeyInput!) { connectWithApiKey(input: $input) { userErrors { code } } }";

/// What a bench on a stage is run with.
#[derive(clap::Args)]
pub(crate) struct Place {
    /// The binary `courtside`.
    #[arg(long)]
    binary: PathBuf,
    /// Any database of a PostgreSQL cluster, in which another one is made for the time being;
    /// SQLite when left out.
    #[arg(long)]
    postgres: Option<String>,
}

/// A database of its own, a stand-in, and how to start a Courtside between them.
pub(crate) struct Stage {
    scratch: Scratch,
    pub(crate) db: Db,
    pub(crate) cal: StandIn,
    pub(crate) launch: Launch,
    pub(crate) issuer: Issuer,
}

/// A coach whose calendar is at the stand-in.
pub(crate) struct Coach {
    /// Their key there.
    pub(crate) api_key: String,
    /// What they offer, here and there.
    pub(crate) offers: Vec<Uuid>,
}

impl Stage {
    /// # Errors
    /// When there is no database or no port to be had.
    pub(crate) async fn open(place: &Place, options: cal_com::Options) -> Result<Self, Failure> {
        let scratch = match &place.postgres {
            Some(admin_url) => Scratch::postgres(admin_url).await?,
            None => Scratch::sqlite()?,
        };
        let db = database::open(&scratch.url).await?;
        let cal = cal_com::start(options).await?;
        let launch = Launch::courtside(&place.binary, &scratch.url)
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

    /// Takes the database away, unless something went wrong with it.
    ///
    /// # Errors
    /// What went wrong.
    pub(crate) async fn close(self, done: Result<(), Failure>) -> Result<(), Failure> {
        drop(self.db);
        if done.is_err() {
            complain(&format!(
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

    /// A coach who has an account of their own at the stand-in, with so many offers of half an hour
    /// there and here.
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
            .add_account(name, &people::email(name), "Europe/London");
        let profile = self.add_profile(name, Scheduler::CalCom).await?;
        let mut coach = Coach {
            api_key,
            offers: Vec::new(),
        };
        for number in 0..offers {
            let slug = format!("stage-{number}");
            let wish = json!({ "title": "Stage", "slug": slug, "lengthInMinutes": OFFER.minutes });
            let made = self
                .there(&coach.api_key, "/v2/event-types", "2024-06-14", wish)
                .await?;
            let their_id = made["data"]["id"]
                .as_i64()
                .ok_or_else(|| format!("no event type: {made}"))?;
            coach
                .offers
                .push(self.add_offer(&profile, slug, Some(their_id)).await?);
        }
        let token = self.issuer.token(name, Role::Coach)?;
        let wish = json!({ "input": { "apiKey": coach.api_key } });
        let connect = queries::request(server, Some(&token), CONNECT, &wish);
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

    /// A coach whose time is kept here; gives the key of their only offer.
    ///
    /// # Errors
    /// When the database refuses.
    pub(crate) async fn add_own_coach(&self, name: &str) -> Result<Uuid, Failure> {
        let profile = self.add_profile(name, Scheduler::Native).await?;
        self.add_offer(&profile, OFFER.slug.to_owned(), None).await
    }

    async fn add_profile(&self, name: &str, scheduler: Scheduler) -> Result<coach::Model, Failure> {
        let now = people::now();
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
        their_id: Option<i64>,
    ) -> Result<Uuid, Failure> {
        let mut offer = catalog::offer(entity::new_id(), profile, &OFFER, people::now());
        offer.slug = slug;
        offer.provider = their_id.map(|_| "calcom".to_owned());
        offer.provider_event_type_id = their_id.map(|id| id.to_string());
        let (id, host) = (offer.id, catalog::host(&offer));
        insert::<event_type::Entity>(self.db.write_one(), vec![offer]).await?;
        insert::<event_type_host::Entity>(self.db.write_one(), vec![host]).await?;
        Ok(id)
    }

    async fn there(
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

    /// How often the stand-in was asked for free time so far.
    pub(crate) fn slot_calls(&self) -> usize {
        self.cal
            .requests()
            .iter()
            .filter(|call| call.path.starts_with("/v2/slots"))
            .count()
    }
}

/// Midnight of today, in UTC.
pub(crate) fn today() -> DateTime<Utc> {
    people::now()
        .duration_trunc(TimeDelta::days(1))
        .expect("a day divides the range of instants")
}

/// Half hours on weekdays between nine and five in London, in winter; from tomorrow on.
pub(crate) fn half_hour(number: u32) -> DateTime<Utc> {
    let today = today();
    let mut days = (1..)
        .map(|day| today + TimeDelta::days(day))
        .filter(|day| day.weekday().number_from_monday() <= 5);
    let day = days.nth(number as usize / 16).expect("weekdays do not end");
    day + TimeDelta::hours(9) + TimeDelta::minutes(30 * i64::from(number % 16))
}
