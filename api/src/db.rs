//! The two databases behind one behaviour: a pool to read from, a way to write, and nothing above
//! it that knows which database it is.
//!
//! SQLite has one writer: its writes go through a pool of one connection, in IMMEDIATE
//! transactions, so that a writer waits in our queue instead of failing half-way with "database is
//! locked", while readers go on beside it (WAL). PostgreSQL has one pool for both.

mod lock;
mod row;
mod wake;

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use migration::MigratorTrait;
use sea_orm::sqlx::ConnectOptions as _;
use sea_orm::sqlx::postgres::PgConnectOptions;
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbBackend,
    DbErr, SqliteTransactionMode, TransactionOptions, TransactionTrait,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub(crate) use row::Row;
pub use wake::{Topic, Wake};

use self::lock::Locks;
use self::wake::PendingWakeups;
use crate::error::{Conflict, Error, Result};

/// The channel on which processes that share a PostgreSQL database tell each other of commits.
pub(crate) const CHANNEL: &str = "courtside";

/// How many times a transaction that lost against another one is tried again.
const ATTEMPTS: u32 = 5;

/// How to reach the database.
#[derive(Clone, Debug)]
pub struct DbOptions {
    /// `sqlite://path` or `postgres://…`.
    pub url: String,
    /// Most connections: of the pool in PostgreSQL, of the readers in SQLite.
    pub connections: u32,
}

impl DbOptions {
    /// Why the database cannot be opened, for the operator; without its password. A pool waits for
    /// a server that does not answer, in case it is about to start, and then knows only that it has
    /// waited: so it is asked once more.
    pub async fn why(&self, error: DbErr) -> String {
        if let Some(file) = self.url.strip_prefix("sqlite:") {
            return format!("{}: {error}", file.trim_start_matches("//"));
        }
        let Ok(server) = self.url.parse::<PgConnectOptions>() else {
            return error.to_string();
        };
        let name = format!("{}:{}", server.get_host(), server.get_port());
        match tokio::time::timeout(Duration::from_secs(5), server.connect()).await {
            Ok(Err(error)) => format!("{name}: {error}"),
            Ok(Ok(_)) => format!("{name}: {error}"),
            Err(_) => format!("{name} does not answer"),
        }
    }
}

/// The database. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Db {
    read: DatabaseConnection,
    write: DatabaseConnection,
    /// Whose turn it is among those who are in no hurry; only where there is one writer.
    turns: Option<Arc<Semaphore>>,
    /// Transactions that have not begun yet: in SQLite another one has the writer.
    queue: Arc<AtomicUsize>,
    wake: Arc<Wake>,
}

/// A write transaction, and what it has promised to whoever waits for its commit.
#[derive(Debug)]
pub struct Txn {
    inner: DatabaseTransaction,
    wakeups: PendingWakeups,
    locks: Locks,
    queue: Arc<AtomicUsize>,
}

impl Deref for Txn {
    type Target = DatabaseTransaction;

    fn deref(&self) -> &DatabaseTransaction {
        &self.inner
    }
}

impl Txn {
    /// Whether others cannot begin before this one ends, where there is one writer. Work that
    /// nobody waits for should come to an end then.
    pub(crate) fn is_in_the_way(&self) -> bool {
        self.inner.get_database_backend() == DbBackend::Sqlite
            && self.queue.load(Ordering::Relaxed) > 0
    }

    /// Who waits for such news is woken by the commit.
    pub(crate) fn wakes(&self, news: Topic) {
        self.wakeups.add(news);
    }
}

/// A place in the queue of transactions, until it is dropped.
struct Queued<'q>(&'q AtomicUsize);

impl<'q> Queued<'q> {
    fn at(queue: &'q AtomicUsize) -> Self {
        queue.fetch_add(1, Ordering::Relaxed);
        Self(queue)
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Db {
    /// Opens the database; a SQLite file is created when it is missing.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub async fn connect(options: &DbOptions) -> Result<Self, DbErr> {
        Self::connect_counted(options, |_| ()).await
    }

    /// Opens the database and tells `each` of every statement, for tests that count them.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub async fn connect_counted<F>(options: &DbOptions, each: F) -> Result<Self, DbErr>
    where
        F: Fn(&str) + Clone + Send + Sync + 'static,
    {
        let counted = |mut connection: DatabaseConnection| {
            let each = each.clone();
            connection.set_metric_callback(move |info| each(&info.statement.sql));
            connection
        };
        if options.url.starts_with("sqlite:") {
            let write = counted(Database::connect(sqlite(options, 1)).await?);
            let read = counted(Database::connect(sqlite(options, options.connections)).await?);
            Ok(Self {
                read,
                write,
                turns: Some(Arc::new(Semaphore::new(1))),
                queue: Arc::default(),
                wake: Arc::default(),
            })
        } else {
            let pool = counted(Database::connect(postgres(options)).await?);
            Ok(Self {
                read: pool.clone(),
                write: pool,
                turns: None,
                queue: Arc::default(),
                wake: Arc::default(),
            })
        }
    }

    /// Brings the tables up to date.
    ///
    /// # Errors
    /// When a migration fails.
    pub async fn migrate(&self) -> Result<(), DbErr> {
        migration::Migrator::up(&self.write, None).await
    }

    /// Whether every migration that this program knows has run.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn is_migrated(&self) -> Result<bool, DbErr> {
        Ok(migration::Migrator::get_pending_migrations(&self.read)
            .await?
            .is_empty())
    }

    /// A connection for reading.
    #[must_use]
    pub fn read(&self) -> &DatabaseConnection {
        &self.read
    }

    /// A connection for single statements that write and need no transaction of their own.
    #[must_use]
    pub fn write_one(&self) -> &DatabaseConnection {
        &self.write
    }

    /// A turn for work that nobody waits for. Where there is one writer such work goes one after
    /// the other, so that whoever has somebody waiting gets the writer next, and not after all of
    /// it. Nothing to wait for with PostgreSQL.
    pub async fn background_turn(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(self.turns.as_ref()?).acquire_owned().await.ok()
    }

    /// Open connections, and how many of them have nothing to do.
    #[must_use]
    pub fn connections(&self) -> (u32, usize) {
        if self.is_postgres() {
            let pool = self.read.get_postgres_connection_pool();
            (pool.size(), pool.num_idle())
        } else {
            let pool = self.read.get_sqlite_connection_pool();
            (pool.size(), pool.num_idle())
        }
    }

    /// Whether this is PostgreSQL.
    #[must_use]
    pub fn is_postgres(&self) -> bool {
        self.write.get_database_backend() == DbBackend::Postgres
    }

    /// Who is told after a commit.
    #[must_use]
    pub fn wake(&self) -> &Wake {
        &self.wake
    }

    /// Runs `work` in a write transaction: committed when it gives `Ok`, rolled back otherwise.
    ///
    /// It runs on a task of its own. A caller that goes away therefore never cuts it in half, and
    /// never leaves a pooled connection inside a transaction (sqlx 0.9.0 does, when `begin` is
    /// cancelled). A transaction that the database gave up in favour of another one (deadlock,
    /// serialisation) is run again, which is why `work` may be called more than once.
    ///
    /// # Errors
    /// What `work` gives, or `Internal` when the database fails.
    pub async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'t> Fn(&'t Txn) -> BoxFuture<'t, Result<T>> + Send + Sync + 'static,
    {
        let db = self.clone();
        tokio::spawn(async move { db.write_here(&work).await })
            .await
            .unwrap_or_else(|panic| Err(Error::internal("a transaction panicked", panic)))
    }

    /// Runs `work` with a clone of `input` in a write transaction, as [`write`](Self::write) does:
    /// for transactions that are functions of their own.
    ///
    /// # Errors
    /// What `work` returns, or `Internal` when the database fails.
    pub async fn transaction<C, T, F>(&self, input: C, work: F) -> Result<T>
    where
        C: Clone + Send + Sync + 'static,
        T: Send + 'static,
        F: for<'t> Work<'t, C, T> + Send + Sync + 'static,
    {
        let work = Arc::new(work);
        self.write(move |txn| {
            let (input, work) = (input.clone(), Arc::clone(&work));
            Box::pin(async move { work.run(txn, input).await })
        })
        .await
    }

    async fn write_here<T, F>(&self, work: &F) -> Result<T>
    where
        F: for<'t> Fn(&'t Txn) -> BoxFuture<'t, Result<T>>,
    {
        for attempt in 1.. {
            let outcome = self.attempt(work).await;
            match outcome {
                Err(error) if error.is_lost_race() && attempt < ATTEMPTS => {
                    tokio::time::sleep(Duration::from_millis(u64::from(rand::random_range(
                        1..=8 * attempt,
                    ))))
                    .await;
                }
                // Whoever was first, again and again, has changed what this one had read.
                Err(error) if error.is_lost_race() => return Err(Conflict::Stale.into()),
                outcome => return outcome,
            }
        }
        unreachable!("the loop ends by returning")
    }

    async fn attempt<T, F>(&self, work: &F) -> Result<T>
    where
        F: for<'t> Fn(&'t Txn) -> BoxFuture<'t, Result<T>>,
    {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let inner = {
            let _queued = Queued::at(&self.queue);
            self.write.begin_with_options(options).await?
        };
        let queue = Arc::clone(&self.queue);
        let txn = Txn {
            inner,
            wakeups: PendingWakeups::default(),
            locks: Locks::default(),
            queue,
        };
        match work(&txn).await {
            Ok(value) => {
                let Txn { inner, wakeups, .. } = txn;
                inner.commit().await?;
                self.tell(wakeups.bits());
                Ok(value)
            }
            Err(error) => {
                txn.inner.rollback().await?;
                Err(error)
            }
        }
    }
}

/// What is done in one transaction: an `async fn(&Txn, C) -> Result<T>`. It may run more than once.
pub trait Work<'t, C, T> {
    /// Runs it once.
    fn run(
        &self,
        txn: &'t Txn,
        input: C,
    ) -> impl Future<Output = Result<T>> + Send + use<'t, Self, C, T>;
}

impl<'t, C, T, F, R> Work<'t, C, T> for F
where
    F: Fn(&'t Txn, C) -> R,
    R: Future<Output = Result<T>> + Send + 't,
{
    fn run(
        &self,
        txn: &'t Txn,
        input: C,
    ) -> impl Future<Output = Result<T>> + Send + use<'t, C, T, F, R> {
        self(txn, input)
    }
}

impl Db {
    /// Tells whoever waits, here and, with PostgreSQL, in other processes. Not inside the
    /// transaction: a NOTIFY there makes all commits of the database wait for each other.
    fn tell(&self, news: u8) {
        self.wake.here(news);
        if self.is_postgres() && self.wake.is_first_unsent(news) {
            let db = self.clone();
            tokio::spawn(async move {
                let notify = format!("select pg_notify('{CHANNEL}', '{}')", db.wake.message());
                if let Err(error) = db.write.execute_unprepared(&notify).await {
                    tracing::debug!(%error, "could not tell other processes of a commit; they will find it by themselves");
                }
            });
        }
    }
}

fn pool(options: &DbOptions, connections: u32) -> ConnectOptions {
    let mut pool = ConnectOptions::new(&options.url);
    pool.max_connections(connections)
        .min_connections(1)
        .acquire_timeout(Duration::from_secs(30))
        .sqlx_logging(false)
        .record_stmt_in_spans(false)
        .test_before_acquire(false);
    pool
}

fn sqlite(options: &DbOptions, connections: u32) -> ConnectOptions {
    let mut pool = pool(options, connections);
    pool.idle_timeout(None).max_lifetime(None);
    pool.map_sqlx_sqlite_opts(|sqlite| {
        sqlite
            .create_if_missing(true)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(20))
            .statement_cache_capacity(512)
            // Rows come from a thread of their own: with room for a whole answer it need not stop
            // and be woken for every few of them.
            .row_buffer_size(1_000)
            .pragma("journal_mode", "WAL")
            // A commit that was answered must survive a power cut, not only a crash of this
            // process.
            .pragma("synchronous", "FULL")
            // The system keeps pages as well; of what each reader keeps for itself, a little is
            // enough.
            .pragma("cache_size", "-4000")
            .pragma("temp_store", "MEMORY")
    });
    pool
}

fn postgres(options: &DbOptions) -> ConnectOptions {
    let mut pool = pool(options, options.connections);
    pool.max_lifetime(Duration::from_secs(600))
        .idle_timeout(Duration::from_secs(300));
    pool.map_sqlx_postgres_opts(|postgres| {
        postgres
            .application_name("courtside")
            .statement_cache_capacity(512)
            .options([
                ("lock_timeout", "10s"),
                ("idle_in_transaction_session_timeout", "30s"),
            ])
    });
    pool
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_operator_learns_which_server_cannot_be_reached_and_why() {
        // The system chooses a port; nobody listens there once this listener is gone.
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        drop(listener);
        let options = DbOptions {
            url: format!("postgres://nora:canary@{address}/courtside"),
            connections: 1,
        };
        let why = options.why(DbErr::Custom("waited".to_owned())).await;
        assert!(
            why.starts_with(&address.to_string()) && why.contains("refused"),
            "{why}"
        );
        assert!(!why.contains("canary"), "{why}");
    }
}
