//! Write transactions.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, SqliteTransactionMode, TransactionOptions,
    TransactionTrait,
};

use super::held::Locks;
use super::wake::PendingWakeups;
use super::{CHANNEL, Db, Topic};
use crate::error::{Conflict, Error, Result};

/// Attempts of a transaction that loses a race each time.
const ATTEMPTS: u32 = 5;

/// A write transaction, and the topics that its commit notifies.
#[derive(Debug)]
pub struct Txn {
    inner: DatabaseTransaction,
    wakeups: PendingWakeups,
    pub(super) locks: Locks,
    queue: Arc<AtomicUsize>,
}

impl Deref for Txn {
    type Target = DatabaseTransaction;

    fn deref(&self) -> &DatabaseTransaction {
        &self.inner
    }
}

impl Txn {
    /// Whether other transactions wait for this one, which happens on SQLite with its one writer.
    /// Background work should end early then.
    pub(crate) fn is_in_the_way(&self) -> bool {
        self.inner.get_database_backend() == DbBackend::Sqlite
            && self.queue.load(Ordering::Relaxed) > 0
    }

    /// Adds a topic that the commit notifies.
    pub(crate) fn wakes(&self, topic: Topic) {
        self.wakeups.add(topic);
    }
}

/// A count in the queue of transactions, until dropped.
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

/// How a transaction without an error ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome<T> {
    Commit(T),
    /// Writes nothing; the value is what a commit would have returned.
    RollBack(T),
}

/// The body of a transaction: an `async fn(&Txn, C) -> Result<T>`. It may run more than once.
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
    /// Runs `work` with a clone of `input` in a write transaction: committed when it returns `Ok`,
    /// rolled back otherwise.
    ///
    /// Runs in a separate task, so that a cancelled caller neither interrupts it nor leaves a
    /// pooled connection inside a transaction (sqlx 0.9.0 does, when `begin` is cancelled). A
    /// transaction that loses a race (deadlock, serialization failure) is retried, so `work` may
    /// run more than once.
    ///
    /// # Errors
    /// What `work` returns; `Stale` when it loses every race.
    pub async fn transaction<C, T, F>(&self, input: C, work: F) -> Result<T>
    where
        C: Clone + Send + Sync + 'static,
        T: Send + 'static,
        F: for<'t> Work<'t, C, T> + Send + Sync + 'static,
    {
        let work = Arc::new(work);
        self.spawn(move |txn| {
            let (input, work) = (input.clone(), Arc::clone(&work));
            Box::pin(async move { work.run(txn, input).await.map(Outcome::Commit) })
        })
        .await
    }

    /// As [`transaction`](Self::transaction), for work that decides whether to commit. A dry run
    /// ends in [`Outcome::RollBack`].
    ///
    /// # Errors
    /// As [`transaction`](Self::transaction).
    pub async fn conditional_transaction<C, T, F>(&self, input: C, work: F) -> Result<T>
    where
        C: Clone + Send + Sync + 'static,
        T: Send + 'static,
        F: for<'t> Work<'t, C, Outcome<T>> + Send + Sync + 'static,
    {
        let work = Arc::new(work);
        self.spawn(move |txn| {
            let (input, work) = (input.clone(), Arc::clone(&work));
            Box::pin(async move { work.run(txn, input).await })
        })
        .await
    }

    async fn spawn<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'t> Fn(&'t Txn) -> BoxFuture<'t, Result<Outcome<T>>> + Send + Sync + 'static,
    {
        let db = self.clone();
        tokio::spawn(async move { db.attempts(&work).await })
            .await
            .unwrap_or_else(|panic| Err(Error::internal("a transaction panicked", panic)))
    }

    async fn attempts<T, F>(&self, work: &F) -> Result<T>
    where
        F: for<'t> Fn(&'t Txn) -> BoxFuture<'t, Result<Outcome<T>>>,
    {
        for attempt in 1.. {
            match self.attempt(work).await {
                Err(Error::LostRace(_)) if attempt < ATTEMPTS => {
                    let jitter = u64::from(rand::random_range(1..=8 * attempt));
                    tokio::time::sleep(Duration::from_millis(jitter)).await;
                }
                // The winners have changed what this one read.
                Err(Error::LostRace(_)) => return Err(Conflict::Stale.into()),
                outcome => return outcome,
            }
        }
        unreachable!("the loop ends by returning")
    }

    async fn attempt<T, F>(&self, work: &F) -> Result<T>
    where
        F: for<'t> Fn(&'t Txn) -> BoxFuture<'t, Result<Outcome<T>>>,
    {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let inner = {
            let _queued = Queued::at(&self.queue);
            self.write.begin_with_options(options).await?
        };
        let txn = Txn {
            inner,
            wakeups: PendingWakeups::default(),
            locks: Locks::default(),
            queue: Arc::clone(&self.queue),
        };
        match work(&txn).await {
            Ok(Outcome::Commit(value)) => {
                let Txn { inner, wakeups, .. } = txn;
                inner.commit().await?;
                self.notify(wakeups.bits());
                Ok(value)
            }
            Ok(Outcome::RollBack(value)) => {
                txn.inner.rollback().await?;
                Ok(value)
            }
            Err(error) => {
                txn.inner.rollback().await?;
                Err(error)
            }
        }
    }

    /// Notifies waiters for these topics here and, on PostgreSQL, in other processes. Outside of
    /// the transaction: a NOTIFY inside serializes all commits of the database.
    fn notify(&self, topics: u32) {
        self.wake.here(topics);
        if self.is_postgres() && self.wake.is_first_unsent(topics) {
            let db = self.clone();
            tokio::spawn(async move {
                let notify = format!("select pg_notify('{CHANNEL}', '{}')", db.wake.message());
                if let Err(error) = db.write.execute_unprepared(&notify).await {
                    tracing::debug!(%error, "could not notify other processes of a commit; they poll");
                }
            });
        }
    }
}
