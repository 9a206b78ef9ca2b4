//! Stores facts by uid and account.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use entity::provider_booking::{Column, Entity, Facts as StoredFacts, Model};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::authority::Admitted;
use super::bounds::Bounds;
use super::lineage::{Earlier, Key, empty, facts_of, give_account, key_of, write};
use crate::db::Txn;
use crate::domain::scheduling::observation::{Observation, merge};
use crate::domain::{Error, Result};

/// Stores facts by uid. Returns the seats whose projection may have changed.
pub(crate) async fn store(
    txn: &Txn,
    admitted: Admitted,
    now: DateTime<Utc>,
) -> Result<(BTreeSet<Key>, Earlier)> {
    let bounds = &admitted.bounds;
    let (mut touched, mut earlier) = (BTreeSet::new(), Earlier::default());
    for (account, observation) in admitted.observations {
        let mut key = Key {
            provider: bounds.provider().to_owned(),
            uid: observation.uid.clone(),
            account,
            seat: observation.seat.clone(),
        };
        let known = find(txn, bounds, &key).await?;
        if let Some(row) = &known {
            key.account.clone_from(&row.account);
        }
        let row = known.clone().unwrap_or_else(|| empty(key.clone(), now));
        if !keep(txn, row, known.is_none(), observation, now).await? {
            continue;
        }
        if key.seat.is_empty() {
            let seats = Entity::find()
                .filter(Column::Provider.eq(&key.provider))
                .filter(Column::Uid.eq(&key.uid))
                .filter(Column::Account.eq(&key.account))
                .filter(Column::Seat.ne(""));
            touched.extend(seats.all(&**txn).await?.iter().map(key_of));
        }
        let name = (key.uid.clone(), key.seat.clone());
        touched.insert(key);
        earlier.0.entry(name).or_insert(known);
    }
    Ok((touched, earlier))
}

/// Stores a fact; returns whether it changed anything.
async fn keep(
    txn: &Txn,
    row: Model,
    is_new: bool,
    observation: Observation,
    now: DateTime<Utc>,
) -> Result<bool> {
    let Observation { kind, fact, .. } = observation;
    let mut facts = facts_of(&row);
    let (number, previous_uid, lineage_key) = (
        fact.number,
        fact.previous_uid.clone(),
        fact.lineage_key.clone(),
    );
    let changed = merge(&mut facts, kind, fact);
    // The greater of the two: commutative and idempotent, like the facts themselves.
    let new = Model {
        number: row.number.max(number),
        previous_uid: row.previous_uid.clone().max(previous_uid),
        lineage_key: row.lineage_key.clone().max(lineage_key),
        ..row.clone()
    };
    if !changed && new == row {
        return Ok(false);
    }
    let facts = facts.into_iter().map(|(kind, fact)| {
        let value = serde_json::to_value(fact).map_err(|error| Error::internal("a fact", error))?;
        Ok((kind, value))
    });
    let new = Model {
        facts: StoredFacts(facts.collect::<Result<_>>()?),
        updated_at: now,
        ..new
    };
    write(txn, new, is_new).await?;
    Ok(true)
}

/// The row of a uid in its account. The platform's facts may name the organizer later, or another
/// one: its row follows.
async fn find(txn: &Txn, bounds: &Bounds, key: &Key) -> Result<Option<Model>> {
    let mut rows = Entity::find()
        .filter(Column::Provider.eq(&key.provider))
        .filter(Column::Uid.eq(&key.uid))
        .filter(Column::Seat.is_in([key.seat.as_str(), ""]));
    if let Some(account) = bounds.only_account() {
        rows = rows.filter(Column::Account.eq(account));
    }
    let mut rows = rows.all(&**txn).await?;
    if !key.account.is_empty() {
        for row in &mut rows {
            if row.account.is_empty() {
                give_account(txn, row, &key.account).await?;
            }
        }
    }
    rows.retain(|row| row.seat == key.seat);
    rows.sort_by_key(|row| row.account != key.account);
    for row in rows {
        if row.account == key.account || bounds.hold(txn, &row.account).await? {
            return Ok(Some(row));
        }
    }
    Ok(None)
}
