//! Advisory locks of a transaction, on names of things that have no row yet. SQLite has one writer
//! and needs none.

use std::collections::BTreeSet;

use sea_orm::{ConnectionTrait, DbBackend, Statement};

use super::Txn;
use crate::error::{Error, Result};

impl Txn {
    /// Locks names until the transaction ends; other transactions that lock one of them wait. Call
    /// once, before any row is locked: all transactions lock names in the same order, which avoids
    /// deadlocks.
    pub(crate) async fn lock_names(&self, names: &BTreeSet<String>) -> Result<()> {
        let keys = self.locks.missing(names);
        if self.is_sqlite() || keys.is_empty() {
            return Ok(());
        }
        let calls: Vec<_> = keys
            .iter()
            .map(|key| format!("pg_advisory_xact_lock({key})"))
            .collect();
        self.execute_unprepared(&format!("select {}", calls.join(", ")))
            .await?;
        self.locks.add(keys);
        Ok(())
    }

    /// Locks more names, without waiting, since other locks are already taken. Returns whether any
    /// was new: rows read before under fewer locks must be read again then.
    ///
    /// # Errors
    /// A lost race when another transaction has locked one of them.
    pub(crate) async fn lock_more_names(&self, names: &BTreeSet<String>) -> Result<bool> {
        let keys = self.locks.missing(names);
        if self.is_sqlite() || keys.is_empty() {
            return Ok(false);
        }
        let calls: Vec<_> = keys
            .iter()
            .map(|key| format!("pg_try_advisory_xact_lock({key})"))
            .collect();
        let sql = format!("select {}", calls.join(" and "));
        let row = self
            .query_one_raw(Statement::from_string(DbBackend::Postgres, sql))
            .await?;
        let locked = row.map(|row| row.try_get_by_index(0)).transpose()?;
        if locked != Some(true) {
            return Err(Error::lost_race());
        }
        self.locks.add(keys);
        Ok(true)
    }

    /// Whether the database has one writer, so that no locks are needed.
    pub(crate) fn is_sqlite(&self) -> bool {
        self.get_database_backend() == DbBackend::Sqlite
    }
}
