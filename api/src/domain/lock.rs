//! The rows that a transaction locks before it decides over several bookings.
//!
//! All transactions lock in one order: names ([`Txn::lock_names`]), then coaches by id, then clients
//! by id, then bookings. So no two of them wait for each other. What turns out to be needed later
//! is locked without waiting; when somebody else has it, the transaction is run again. SQLite has
//! one writer and skips all of it.

use std::collections::BTreeSet;

use entity::{Uuid, booking, coach, user};
use sea_orm::sea_query::{LockBehavior, LockType};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::{Error, Result};
use crate::db::Txn;

/// Whose time is decided over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Parties {
    pub(crate) coaches: BTreeSet<Uuid>,
    pub(crate) clients: BTreeSet<Uuid>,
}

impl Parties {
    /// The two sides of one booking.
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

    /// Whoever takes time of one of them waits until this transaction ends.
    pub(crate) async fn lock(&self, txn: &Txn) -> Result<()> {
        if !txn.is_sqlite() {
            rows::<coach::Entity>(txn, coach::Column::Id, &self.coaches, None).await?;
            rows::<user::Entity>(txn, user::Column::Id, &self.clients, None).await?;
        }
        Ok(())
    }

    /// Locks others as well: in the common order if these are the first.
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

    /// Locks those that are not among the `locked` ones. It does not wait, since others are locked
    /// already.
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

/// Locks rows in the order of their ids; gives how many.
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

/// Locks a booking that was read before, and with it its session.
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
