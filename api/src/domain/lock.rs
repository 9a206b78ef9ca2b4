//! Row locks of transactions that decide over several bookings.
//!
//! All transactions lock in one order, to avoid deadlocks: names ([`Txn::lock_names`]), then
//! coaches by id, clients by id, bookings. A row that turns out to be needed later is locked
//! without waiting; if another transaction has it, this one is retried. SQLite has one writer and
//! skips all locks.

use std::collections::BTreeSet;

use entity::{Uuid, booking, coach, user};
use sea_orm::sea_query::{LockBehavior, LockType};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::{Error, Result};
use crate::db::Txn;

/// The coaches and clients whose bookings a transaction decides over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Parties {
    pub(crate) coaches: BTreeSet<Uuid>,
    pub(crate) clients: BTreeSet<Uuid>,
}

impl Parties {
    /// The parties of one booking.
    pub(crate) fn of(coach_id: Uuid, client_id: Option<Uuid>) -> Self {
        Self {
            coaches: BTreeSet::from([coach_id]),
            clients: client_id.into_iter().collect(),
        }
    }

    pub(crate) fn add(&mut self, coach_id: Uuid, client_id: Option<Uuid>) {
        self.coaches.insert(coach_id);
        self.clients.extend(client_id);
    }

    /// Locks the parties' rows. Transactions that reserve time of any of them wait for this one.
    pub(crate) async fn lock(&self, txn: &Txn) -> Result<()> {
        if !txn.is_sqlite() {
            rows::<coach::Entity>(txn, coach::Column::Id, &self.coaches, None).await?;
            rows::<user::Entity>(txn, user::Column::Id, &self.clients, None).await?;
        }
        Ok(())
    }

    /// Locks more parties; in the common order if these are the first.
    ///
    /// # Errors
    /// As [`lock_beyond`](Self::lock_beyond).
    pub(crate) async fn extend(&mut self, txn: &Txn, others: Self) -> Result<()> {
        if self.coaches.is_empty() && self.clients.is_empty() {
            others.lock(txn).await?;
        } else {
            others.clone().lock_beyond(txn, self).await?;
        }
        self.coaches.extend(others.coaches);
        self.clients.extend(others.clients);
        Ok(())
    }

    /// Locks the parties that are not in `locked`, without waiting, since other locks are already
    /// taken.
    ///
    /// # Errors
    /// A lost race when another transaction has locked one of them.
    pub(crate) async fn lock_beyond(mut self, txn: &Txn, locked: &Self) -> Result<()> {
        self.coaches.retain(|id| !locked.coaches.contains(id));
        self.clients.retain(|id| !locked.clients.contains(id));
        if txn.is_sqlite() {
            return Ok(());
        }
        let skip = Some(LockBehavior::SkipLocked);
        let coaches = rows::<coach::Entity>(txn, coach::Column::Id, &self.coaches, skip).await?;
        let clients = rows::<user::Entity>(txn, user::Column::Id, &self.clients, skip).await?;
        if coaches + clients < self.coaches.len() + self.clients.len() {
            return Err(Error::lost_race());
        }
        Ok(())
    }
}

/// Locks rows in the order of their ids; returns how many.
async fn rows<E: EntityTrait>(
    txn: &Txn,
    id: E::Column,
    ids: &BTreeSet<Uuid>,
    behavior: Option<LockBehavior>,
) -> Result<usize> {
    if ids.is_empty() {
        return Ok(0);
    }
    let rows = E::find()
        .select_only()
        .column(id)
        .filter(id.is_in(ids.iter().copied()))
        .order_by_asc(id);
    let rows = match behavior {
        Some(behavior) => rows.lock_with_behavior(LockType::NoKeyUpdate, behavior),
        None => rows.lock(LockType::NoKeyUpdate),
    };
    Ok(rows.into_tuple::<Uuid>().all(&**txn).await?.len())
}

/// Locks a booking that was read before, and its session.
///
/// # Errors
/// A lost race when it was changed since it was read.
pub(crate) async fn require_unchanged(txn: &Txn, read: &booking::Model) -> Result<()> {
    if txn.is_sqlite() {
        return Ok(());
    }
    let version: Option<i64> = booking::Entity::find_by_id(read.id)
        .select_only()
        .column(booking::Column::Version)
        .lock(LockType::NoKeyUpdate)
        .into_tuple()
        .one(&**txn)
        .await?;
    if version == Some(read.version) {
        Ok(())
    } else {
        Err(Error::lost_race())
    }
}
