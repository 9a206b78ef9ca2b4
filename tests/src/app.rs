//! One running application.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use courtside::app::App;
use courtside::clock::{Clock, StoppedClock};
use courtside::config::{Config, Parts};
use courtside::db::{Db, DbOptions};
use courtside::domain::booking;
use courtside::domain::identity::TokenVerifier;
use courtside::domain::scheduling::remote::RemoteScheduler;
use courtside::http::serve::{self, ServeLimits, ShutdownReport};
use courtside::http::{health::Readiness, router};
use courtside::{startup, worker};
use entity::coach::Scheduler;
use entity::job;
use graphql_server::Lifecycle;
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter};
use simulators::UnknownCalls;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::db::{Contents, On, TestDb, close};
use crate::statements::Statements;

/// When every test begins: a Monday morning in UTC, before anybody in the Americas is up.
pub const START: &str = "2026-11-23T08:00:00Z";

/// An instant.
///
/// # Panics
/// When the text is none.
#[must_use]
pub fn at(text: &str) -> DateTime<Utc> {
    text.parse()
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Remote schedulers of a test.
#[derive(Clone, Default)]
struct Schedulers(Vec<(Scheduler, Arc<dyn RemoteScheduler>)>);

impl std::fmt::Debug for Schedulers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|(scheduler, _)| scheduler))
            .finish()
    }
}

/// How an application differs from the usual one.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    settings: Parts,
    bare: bool,
    tokens: Option<TokenVerifier>,
    cal_com_client: Option<providers::cal_com::Client>,
    schedulers: Schedulers,
    unknown_calls: Vec<UnknownCalls>,
}

impl Setup {
    /// A setting, by the name of its environment variable.
    #[must_use]
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Without the demo data.
    #[must_use]
    pub fn bare(self) -> Self {
        Self { bare: true, ..self }
    }

    /// Replaces the issuer that vouches for callers.
    #[must_use]
    pub fn tokens(self, tokens: TokenVerifier) -> Self {
        Self {
            tokens: Some(tokens),
            ..self
        }
    }

    /// Replaces the client for Cal.com that the settings lead to, for other timeouts and retries.
    #[must_use]
    pub fn cal_com_client(self, client: providers::cal_com::Client) -> Self {
        Self {
            cal_com_client: Some(client),
            ..self
        }
    }

    /// Adds a remote scheduler, or replaces the one that the settings lead to.
    #[must_use]
    pub fn scheduler(
        mut self,
        scheduler: Scheduler,
        implementation: Arc<dyn RemoteScheduler>,
    ) -> Self {
        self.schedulers.0.push((scheduler, implementation));
        self
    }

    /// Fails the test if a stand-in receives calls that it does not know.
    pub(crate) fn watching(mut self, calls: UnknownCalls) -> Self {
        self.unknown_calls.push(calls);
        self
    }

    /// Starts it, with a database of its own.
    pub async fn start(self, on: On) -> TestApp {
        // The demo data that is ready is sealed with the key in its own database.
        let other_keys = self.settings.contains_key("ENCRYPTION_KEYS");
        let contents = if self.bare || other_keys {
            Contents::Tables
        } else {
            Contents::Demo
        };
        let seeds = other_keys && !self.bare;
        let db = TestDb::with(on, contents).await;
        let clock = StoppedClock::at(at(START));
        let app = TestApp::over(db.url().to_owned(), Some(db), clock, self).await;
        if seeds {
            courtside::seed::run(&app.app)
                .await
                .expect("an empty database takes the demo data");
            app.run_jobs().await;
        }
        app
    }
}

/// The settings of an application over that database.
pub(crate) fn config(url: &str, setup: &Setup) -> Config {
    let usual = [
        ("DATABASE_URL", url),
        ("DATABASE_POOL", "6"),
        ("LISTEN", "127.0.0.1:0"),
        ("RATE_LIMIT_BOOKINGS_PER_MINUTE", "0"),
        ("DEMO_DATA", "false"),
    ];
    let mut parts: Parts = usual
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    parts.extend(setup.settings.clone());
    Config::from_parts(&parts).unwrap_or_else(|problems| panic!("settings of a test: {problems:?}"))
}

/// A running application. End it with [`TestApp::finish`], which [`crate::both!`] does by itself.
pub struct TestApp {
    /// The application itself, for what cannot be done over the wire.
    pub app: Arc<App>,
    /// Its clock, which stands still until it is moved.
    pub clock: StoppedClock,
    /// The SQL that it runs.
    pub statements: Statements,
    /// Where it listens.
    pub address: SocketAddr,
    pub(crate) http: reqwest::Client,
    url: String,
    setup: Setup,
    db: Option<TestDb>,
    stop: CancellationToken,
    serving: Option<JoinHandle<ShutdownReport>>,
    listening: Option<JoinHandle<()>>,
}

impl TestApp {
    /// An application on SQLite with the demo data.
    pub async fn start() -> Self {
        Self::start_on(On::Sqlite).await
    }

    /// An application with the demo data.
    pub async fn start_on(on: On) -> Self {
        Setup::default().start(on).await
    }

    /// A second process, as it were, on the same database and at the same time.
    pub async fn beside(&self) -> Self {
        Self::over(
            self.url.clone(),
            None,
            self.clock.clone(),
            self.setup.clone(),
        )
        .await
    }

    /// The same with other settings.
    pub async fn beside_as(&self, setup: Setup) -> Self {
        Self::over(self.url.clone(), None, self.clock.clone(), setup).await
    }

    async fn over(url: String, owned: Option<TestDb>, clock: StoppedClock, setup: Setup) -> Self {
        let config = config(&url, &setup);
        let statements = Statements::default();
        let (counted, options) = (
            statements.clone(),
            DbOptions {
                url: url.clone(),
                connections: 6,
            },
        );
        let db = Db::connect_counted(&options, move |sql| counted.add(sql)).await;
        let db = db.unwrap_or_else(|error| panic!("{url}: {error}"));
        let mut app = startup::build(&config, db, Clock::Stopped(clock.clone()))
            .await
            .expect("nothing is missing");
        if let Some(tokens) = &setup.tokens {
            Arc::get_mut(&mut app)
                .expect("nobody else has it yet")
                .tokens = tokens.clone();
        }
        if let Some(client) = &setup.cal_com_client {
            let app = Arc::get_mut(&mut app).expect("nobody else has it yet");
            app.cal_com = Some(client.clone());
            (app.schedulers, app.accounts) = startup::remotes(Some(client));
        }
        for (scheduler, implementation) in &setup.schedulers.0 {
            let app = Arc::get_mut(&mut app).expect("nobody else has it yet");
            let known = std::mem::take(&mut app.schedulers);
            app.schedulers = known.with(*scheduler, Arc::clone(implementation));
        }
        let stop = CancellationToken::new();
        let lifecycle = Lifecycle {
            shutdown: stop.clone(),
            tracker: app.tasks.clone(),
        };
        let readiness: Readiness = router::readiness(&app);
        let routes = router::router(&app, &config, lifecycle, readiness, None)
            .expect("the settings name no files");
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a free loopback port");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let deadline = Duration::from_secs(20);
        let serving = tokio::spawn(serve::run(
            listener,
            routes,
            ServeLimits::default(),
            stop.clone(),
            deadline,
        ));
        let (live, until) = (Arc::clone(&app.live), stop.clone());
        let listening = tokio::spawn(async move { live.run(until).await });
        let (serving, listening) = (Some(serving), Some(listening));
        let http = http_client();
        Self {
            app,
            clock,
            statements,
            address,
            http,
            url,
            setup,
            db: owned,
            stop,
            serving,
            listening,
        }
    }

    /// The current instant.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Its database.
    #[must_use]
    pub fn db(&self) -> &Db {
        &self.app.db
    }

    /// Where its database is, as in `DATABASE_URL`.
    #[must_use]
    pub fn database_url(&self) -> &str {
        &self.url
    }

    /// `http://address/path`.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Runs the jobs that are due, and the jobs that they enqueue.
    pub async fn run_jobs(&self) {
        while worker::run_due(&self.app)
            .await
            .expect("the database answers")
            > 0
        {}
    }

    /// Runs the transitions that time causes, and the jobs that follow; returns the number of
    /// bookings changed.
    pub async fn sweep(&self) -> u64 {
        let changed = booking::sweep(&self.app)
            .await
            .expect("the database answers");
        self.run_jobs().await;
        changed
    }

    /// The figure of `/metrics` whose line begins like that; 0 when there is none.
    pub async fn figure(&self, name: &str) -> f64 {
        let text = self
            .http
            .get(self.url("/metrics"))
            .send()
            .await
            .expect("it serves")
            .text()
            .await
            .expect("text");
        let line = text
            .lines()
            .find(|line| line.starts_with(name) && !line.starts_with('#'));
        line.and_then(|line| line.rsplit(' ').next()?.parse().ok())
            .unwrap_or(0.0)
    }

    /// Stops serving, as a signal would, and waits until everything is closed.
    pub async fn stop(&mut self) -> Option<ShutdownReport> {
        self.stop.cancel();
        let report = match self.serving.take() {
            Some(serving) => Some(serving.await.expect("the server does not panic")),
            None => None,
        };
        if let Some(listening) = self.listening.take() {
            listening
                .await
                .expect("following the history does not panic");
        }
        self.app.tasks.close();
        self.app.tasks.wait().await;
        report
    }

    /// Ends the test: everything is stopped, no work was left undone, and no stand-in was sent a
    /// call that it does not know.
    ///
    /// # Panics
    /// When there are jobs that are due or were given up, or unknown calls.
    pub async fn finish(mut self) {
        crate::soon("stopping", self.stop()).await;
        for calls in &self.setup.unknown_calls {
            let calls = calls.list();
            assert!(calls.is_empty(), "a stand-in does not know: {calls:?}");
        }
        if let Some(db) = self.db.take() {
            let undone = self.undone().await;
            assert!(undone.is_empty(), "work was left undone: {undone:?}");
            close(&self.app.db).await;
            db.remove().await;
        } else {
            close(&self.app.db).await;
        }
    }

    async fn undone(&self) -> Vec<(String, job::Status, Option<String>)> {
        let due = Condition::any()
            .add(job::Column::Status.ne(job::Status::Waiting))
            .add(job::Column::RunAt.lte(self.clock.now()));
        let jobs = job::Entity::find()
            .filter(due)
            .all(self.app.db.read())
            .await
            .expect("the database answers");
        jobs.into_iter()
            .map(|job| (job.kind, job.status, job.last_error))
            .collect()
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        self.stop.cancel();
        let forgotten = self.serving.is_some() && !std::thread::panicking();
        assert!(
            !forgotten,
            "a TestApp is ended with `finish`, which looks for work that was left undone"
        );
    }
}

pub(crate) fn http_client() -> reqwest::Client {
    // Whoever is first; it is the same one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(60))
        .build()
        .expect("plain HTTP to the loopback needs nothing of the machine")
}
