//! SQLite and PostgreSQL behind one interface: a pool for reads, transactions for writes. Callers
//! do not depend on which of them it is.
//!
//! SQLite has one writer: its writes go through a pool of one connection, in IMMEDIATE
//! transactions, so that a writer waits in our queue instead of failing half-way with "database is
//! locked". Readers do not wait for it (WAL). PostgreSQL has one pool for both.

mod held;
mod lock;
mod row;
mod transaction;
mod wake;

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use migration::MigratorTrait;
use sea_orm::sqlx::ConnectOptions as _;
use sea_orm::sqlx::postgres::PgConnectOptions;
use sea_orm::{ConnectOptions, Database, DatabaseConnection, DbBackend, DbErr};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub(crate) use row::Row;
pub use transaction::{Outcome, Txn, Work};
pub use wake::{Topic, Wake};

/// The channel on which processes that share a PostgreSQL database notify each other of commits.
pub(crate) const CHANNEL: &str = "courtside";

/// How to connect to the database.
#[derive(Clone, Debug)]
pub struct DbOptions {
    /// `sqlite://path` or `postgres://…`.
    pub url: String,
    /// Maximum number of connections: of the pool in PostgreSQL, of the readers in SQLite.
    pub connections: u32,
}

impl DbOptions {
    /// The reason why the database cannot be opened, for the operator; without its password. The
    /// timeout of a pool hides the reason, so this connects once more without a pool.
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

/// The database. Clones share its pools.
#[derive(Clone, Debug)]
pub struct Db {
    read: DatabaseConnection,
    write: DatabaseConnection,
    /// Serializes background work on SQLite, which has one writer; `None` on PostgreSQL.
    turns: Option<Arc<Semaphore>>,
    /// Number of transactions that wait for a connection; on SQLite, for the one writer.
    queue: Arc<AtomicUsize>,
    wake: Arc<Wake>,
}

impl Db {
    /// Opens the database; a SQLite file is created when it is missing.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub async fn connect(options: &DbOptions) -> Result<Self, DbErr> {
        Self::connect_counted(options, |_| ()).await
    }

    /// Opens the database and calls `each` with every statement, for tests that count them.
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

    /// Runs all pending migrations.
    ///
    /// # Errors
    /// When a migration fails.
    pub async fn migrate(&self) -> Result<(), DbErr> {
        migration::Migrator::up(&self.write, None).await
    }

    /// Whether all migrations of this version have run.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn is_migrated(&self) -> Result<bool, DbErr> {
        Ok(migration::Migrator::get_pending_migrations(&self.read)
            .await?
            .is_empty())
    }

    /// The pool for reads.
    #[must_use]
    pub fn read(&self) -> &DatabaseConnection {
        &self.read
    }

    /// The pool for single statements that write and need no transaction.
    #[must_use]
    pub fn write_one(&self) -> &DatabaseConnection {
        &self.write
    }

    /// A permit for background work. SQLite has one permit, so that a request waits for at most one
    /// background job before it can write; PostgreSQL needs none.
    pub async fn background_turn(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(self.turns.as_ref()?).acquire_owned().await.ok()
    }

    /// The number of open connections, and of idle ones among them.
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

    /// Notifications of commits.
    #[must_use]
    pub fn wake(&self) -> &Wake {
        &self.wake
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
            // Rows arrive from another thread through a buffer: one with room for a whole result
            // saves a thread switch every few rows.
            .row_buffer_size(1_000)
            .pragma("journal_mode", "WAL")
            // A commit must survive a power failure, not only a crash of this process.
            .pragma("synchronous", "FULL")
            // Per connection. The page cache of the system serves all of them.
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
                // Planning the statement that reads availability takes longer than running it. All
                // statements select by keys, so one plan fits all values. An index with a condition
                // is only used by a statement that has the condition's values in its text.
                ("plan_cache_mode", "force_generic_plan"),
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
        // The system chooses the port; nothing listens on it once this listener is dropped.
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
