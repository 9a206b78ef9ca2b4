//! A database for each test: a copy of one that was migrated, and filled with the demo data, once.

use std::sync::atomic::{AtomicU32, Ordering};

use courtside::clock::{Clock, StoppedClock};
use courtside::db::{Db, DbOptions};
use courtside::{seed, startup, worker};
use futures_util::future::BoxFuture;
use tokio::sync::{OnceCell, Semaphore, SemaphorePermit};

use crate::app::{START, Setup, TestApp, at, config};
use crate::cluster::Cluster;
use crate::scratch::Scratch;

/// Which database a test runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    Sqlite,
    Postgres,
}

impl On {
    /// Whether it can be used on this machine. A missing PostgreSQL is printed.
    #[must_use]
    pub fn is_here(self) -> bool {
        self == Self::Sqlite || Cluster::find().is_some()
    }
}

/// Runs the body of a test with an application on one of the databases.
pub async fn run(on: On, body: impl for<'a> FnOnce(&'a TestApp) -> BoxFuture<'a, ()>) {
    if !on.is_here() {
        return;
    }
    let app = TestApp::start_on(on).await;
    body(&app).await;
    app.finish().await;
}

/// What is in a new database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contents {
    /// Nothing, not even tables.
    Nothing,
    /// The tables.
    Tables,
    /// The tables and the demo data, made at [`START`].
    Demo,
}

/// The database of one test.
#[derive(Debug)]
pub struct TestDb {
    url: String,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Sqlite(#[expect(dead_code, reason = "goes away with the database")] Scratch),
    Postgres {
        name: String,
        _place: SemaphorePermit<'static>,
    },
}

/// Tests that use the server at a time: each of them has connections, and all of them share two
/// processors.
static PLACES: Semaphore = Semaphore::const_new(4);
static COUNT: AtomicU32 = AtomicU32::new(0);

impl TestDb {
    /// A migrated database without data.
    pub async fn migrated(on: On) -> Self {
        Self::with(on, Contents::Tables).await
    }

    /// A database without tables.
    pub async fn empty(on: On) -> Self {
        Self::with(on, Contents::Nothing).await
    }

    pub(crate) async fn with(on: On, contents: Contents) -> Self {
        match on {
            On::Sqlite => sqlite(contents).await,
            On::Postgres => postgres(contents).await,
        }
    }

    /// Where it is, as in `DATABASE_URL`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A connection to it.
    pub async fn connect(&self) -> Db {
        connect(&self.url).await
    }

    /// Takes it away; connections to it must be closed, or are cut.
    pub async fn remove(self) {
        if let Place::Postgres { name, .. } = &self.place {
            let cluster = Cluster::find().expect("the database was made there");
            cluster
                .administer(&format!("drop database {name} with (force)"))
                .await;
        }
    }
}

/// Closes the connections of a database, which otherwise end with the test's runtime, at any time.
pub(crate) async fn close(db: &Db) {
    let _ = db.read().clone().close().await;
    let _ = db.write_one().clone().close().await;
}

async fn connect(url: &str) -> Db {
    let options = DbOptions {
        url: url.to_owned(),
        connections: 4,
    };
    Db::connect(&options)
        .await
        .unwrap_or_else(|error| panic!("{url}: {error}"))
}

async fn sqlite(contents: Contents) -> TestDb {
    static TABLES: OnceCell<Vec<u8>> = OnceCell::const_new();
    static DEMO: OnceCell<Vec<u8>> = OnceCell::const_new();
    let scratch = Scratch::new();
    let file = scratch.path().join("test.db");
    let template = match contents {
        Contents::Nothing => None,
        Contents::Tables => Some(TABLES.get_or_init(|| sqlite_template(contents)).await),
        Contents::Demo => Some(DEMO.get_or_init(|| sqlite_template(contents)).await),
    };
    if let Some(template) = template {
        std::fs::write(&file, template).expect("a file of ours");
    }
    TestDb {
        url: format!("sqlite://{}", file.display()),
        place: Place::Sqlite(scratch),
    }
}

/// The bytes of a filled database.
async fn sqlite_template(contents: Contents) -> Vec<u8> {
    let scratch = Scratch::new();
    let file = scratch.path().join("template.db");
    fill(&format!("sqlite://{}", file.display()), contents).await;
    assert!(
        !scratch.path().join("template.db-wal").exists(),
        "closing the last connection empties the log"
    );
    std::fs::read(&file).expect("a file of ours")
}

async fn postgres(contents: Contents) -> TestDb {
    static TABLES: OnceCell<String> = OnceCell::const_new();
    static DEMO: OnceCell<String> = OnceCell::const_new();
    let place = PLACES
        .acquire()
        .await
        .expect("the semaphore is never closed");
    let cluster = Cluster::find().expect("asked for by a test that runs on it");
    let template = match contents {
        Contents::Nothing => "template0",
        Contents::Tables => {
            TABLES
                .get_or_init(|| postgres_template(cluster, "tables", contents))
                .await
        }
        Contents::Demo => {
            DEMO.get_or_init(|| postgres_template(cluster, "demo", contents))
                .await
        }
    };
    let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
    cluster
        .administer(&format!("create database {name} template {template}"))
        .await;
    TestDb {
        url: cluster.url(&name),
        place: Place::Postgres {
            name,
            _place: place,
        },
    }
}

async fn postgres_template(cluster: &Cluster, name: &str, contents: Contents) -> String {
    cluster
        .administer(&format!("create database {name} template template0"))
        .await;
    fill(&cluster.url(name), contents).await;
    name.to_owned()
}

async fn fill(url: &str, contents: Contents) {
    let db = connect(url).await;
    db.migrate()
        .await
        .expect("the migrations run on an empty database");
    if contents == Contents::Demo {
        let clock = Clock::Stopped(StoppedClock::at(at(START)));
        let app = startup::build(&config(url, &Setup::default()), db.clone(), clock)
            .await
            .expect("nothing is missing");
        assert!(
            seed::run(&app)
                .await
                .expect("the demo data fits the tables"),
            "an empty database takes the demo data"
        );
        while worker::run_due(&app).await.expect("the database answers") > 0 {}
    }
    close(&db).await;
}
