//! Lineages of uids: a scheduler assigns a new uid at each move, but it stays one booking here.
//!
//! A lineage stays within one account: equal uids and calendar ids of different accounts are
//! different bookings. Only the platform can give a booking to another of its accounts, by the same
//! uid or as the stated successor of one.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use entity::provider_booking::{ActiveModel, Column, Entity, Facts as StoredFacts, Model};
use entity::{Uuid, booking};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, ConnectionTrait, EntityTrait, IntoActiveModel,
    QueryFilter,
};

use super::bounds::Bounds;
use super::names;
use super::project::Node;
use crate::db::Txn;
use crate::domain::Result;
use crate::domain::scheduling::observation::Facts;

/// A uid at a provider, and a seat in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    pub(crate) provider: String,
    pub(crate) uid: String,
    /// The account whose booking it is; empty while unknown.
    pub(crate) account: String,
    /// Empty if the uid belongs to a single booking.
    pub(crate) seat: String,
}

/// The rows of the changed uids, by uid and seat, before a delivery was ingested.
#[derive(Default)]
pub(crate) struct Earlier(pub(super) HashMap<(String, String), Option<Model>>);

/// The uids of one booking.
pub(crate) struct Lineage {
    nodes: Vec<Model>,
    /// Facts about the groups in which these uids are seats.
    groups: Groups,
}

pub(super) fn key_of(row: &Model) -> Key {
    Key {
        provider: row.provider.clone(),
        uid: row.uid.clone(),
        account: row.account.clone(),
        seat: row.seat.clone(),
    }
}

/// The facts of a row. Facts written by a newer version that cannot be parsed are ignored.
pub(super) fn facts_of(row: &Model) -> Facts {
    let read = |(kind, value): (&String, &serde_json::Value)| {
        Some((kind.clone(), serde_json::from_value(value.clone()).ok()?))
    };
    row.facts.0.iter().filter_map(read).collect()
}

/// Gives a row to an account, unless that has one of this uid.
pub(super) async fn give_account(txn: &Txn, row: &mut Model, account: &str) -> Result<()> {
    let new = Key {
        account: account.to_owned(),
        ..key_of(row)
    };
    let id = (new.provider, new.uid, new.account, new.seat);
    if Entity::find_by_id(id).one(&**txn).await?.is_some() {
        return Ok(());
    }
    Entity::update_many()
        .col_expr(Column::Account, Expr::value(account))
        .filter(Column::Provider.eq(&row.provider))
        .filter(Column::Uid.eq(&row.uid))
        .filter(Column::Account.eq(&row.account))
        .filter(Column::Seat.eq(&row.seat))
        .exec(&**txn)
        .await?;
    account.clone_into(&mut row.account);
    Ok(())
}

pub(super) fn empty(key: Key, now: DateTime<Utc>) -> Model {
    Model {
        provider: key.provider,
        uid: key.uid,
        account: key.account,
        seat: key.seat,
        booking_id: None,
        previous_uid: None,
        number: None,
        lineage_key: None,
        facts: StoredFacts::default(),
        created_at: now,
        updated_at: now,
    }
}

pub(super) async fn write(txn: &Txn, row: Model, is_new: bool) -> Result<()> {
    let row: ActiveModel = row.into_active_model().reset_all();
    if is_new {
        Entity::insert(row).exec_without_returning(&**txn).await?;
    } else {
        Entity::update(row).exec(&**txn).await?;
    }
    Ok(())
}

impl Lineage {
    /// Loads all uids of the same booking: predecessors, successors, and uids with the same
    /// calendar id. A uid known only from its successor gets a row too, so that later facts about
    /// it find the booking.
    pub(crate) async fn load(
        txn: &Txn,
        bounds: &Bounds,
        key: &Key,
        now: DateTime<Utc>,
    ) -> Result<Self> {
        let mut uids = BTreeSet::from([key.uid.clone()]);
        let mut lineages: BTreeSet<(String, String)> = BTreeSet::new();
        let nodes = loop {
            let nodes = linked(txn, bounds, key, (&uids, &lineages)).await?;
            let size = (uids.len(), lineages.len());
            for node in &nodes {
                uids.insert(node.uid.clone());
                uids.extend(node.previous_uid.clone());
                let lineage = node.lineage_key.clone();
                lineages.extend(lineage.map(|lineage| (node.account.clone(), lineage)));
            }
            if size == (uids.len(), lineages.len()) {
                break nodes;
            }
            // Read again under the locks of all uids known so far.
            let lineages = lineages.iter().map(|(_, lineage)| lineage);
            txn.lock_more_names(&names::of_chain(&uids, lineages))
                .await?;
        };
        let mut nodes = nodes;
        let known: BTreeSet<&String> = nodes.iter().map(|node| &node.uid).collect();
        let missing: Vec<String> = uids
            .iter()
            .filter(|uid| !known.contains(uid))
            .cloned()
            .collect();
        for uid in missing {
            let key = Key { uid, ..key.clone() };
            let place = empty(key, now);
            write(txn, place.clone(), true).await?;
            nodes.push(place);
        }
        let groups = if key.seat.is_empty() {
            Groups::new()
        } else {
            groups(&**txn, &uids).await?
        };
        Ok(Self { nodes, groups })
    }

    /// The current nodes, for [`project`](super::project::project).
    pub(crate) fn now(&self) -> Vec<Node> {
        self.nodes
            .iter()
            .map(|row| node(row, group_of(&self.groups, row)))
            .collect()
    }

    /// The nodes of one booking before the delivery.
    pub(crate) fn before(&self, earlier: &Earlier, booking_id: Uuid) -> Vec<Node> {
        let was = |row: &Model| {
            earlier
                .0
                .get(&(row.uid.clone(), row.seat.clone()))
                .cloned()
                .unwrap_or_else(|| Some(row.clone()))
        };
        self.nodes
            .iter()
            .filter(|row| row.booking_id == Some(booking_id))
            .filter_map(was)
            .map(|row| {
                let group = group_of(&self.groups, &row).and_then(was);
                node(&row, group.as_ref())
            })
            .collect()
    }

    /// The bookings that the uids belong to, oldest first. Several are duplicates of one booking.
    pub(crate) async fn bookings(&self, txn: &Txn) -> Result<Vec<booking::Model>> {
        let ids: BTreeSet<Uuid> = self
            .nodes
            .iter()
            .filter_map(|node| node.booking_id)
            .collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut found = booking::Entity::find()
            .filter(booking::Column::Id.is_in(ids))
            .all(&**txn)
            .await?;
        found.sort_by_key(|booking| (booking.created_at, booking.id));
        Ok(found)
    }

    /// The uids that our requests created and that belong to no booking yet. A moved booking
    /// repeats its first request, but its booking follows from the uid it replaced.
    pub(crate) fn requests(&self) -> Vec<(String, Uuid)> {
        let untied = self
            .nodes
            .iter()
            .filter(|node| node.booking_id.is_none() && node.previous_uid.is_none());
        let from = |node: &Model| {
            facts_of(node)
                .into_values()
                .find_map(|fact| fact.request_id)
        };
        untied
            .filter_map(|node| Some((node.uid.clone(), from(node)?)))
            .collect()
    }

    /// Assigns a uid to this booking.
    pub(crate) async fn ties(
        &mut self,
        txn: &Txn,
        uid: &str,
        booking_id: Uuid,
        now: DateTime<Utc>,
    ) -> Result<()> {
        for node in self.nodes.iter_mut().filter(|node| node.uid == uid) {
            tie(txn, node, booking_id, now).await?;
        }
        Ok(())
    }

    /// Gives all uids of the lineage to the account of its last organizer.
    pub(crate) async fn follows(&mut self, txn: &Txn, account: &str) -> Result<()> {
        let own: BTreeSet<_> = self.nodes.iter().map(group_key).collect();
        let groups = self.groups.values_mut();
        let groups = groups.filter(|row| own.contains(&group_key(row)));
        for row in self.nodes.iter_mut().chain(groups) {
            if row.account != account {
                give_account(txn, row, account).await?;
            }
        }
        Ok(())
    }

    /// Assigns all uids of the lineage to this booking.
    pub(crate) async fn belongs_to(
        &mut self,
        txn: &Txn,
        booking_id: Uuid,
        now: DateTime<Utc>,
    ) -> Result<()> {
        for node in self
            .nodes
            .iter_mut()
            .filter(|node| node.booking_id != Some(booking_id))
        {
            tie(txn, node, booking_id, now).await?;
        }
        Ok(())
    }
}

async fn tie(txn: &Txn, node: &mut Model, booking_id: Uuid, now: DateTime<Utc>) -> Result<()> {
    node.booking_id = Some(booking_id);
    let mut row = node.clone().into_active_model();
    row.booking_id = Set(Some(booking_id));
    row.updated_at = Set(now);
    row.update(&**txn).await?;
    Ok(())
}

fn node(row: &Model, group: Option<&Model>) -> Node {
    Node {
        uid: row.uid.clone(),
        seat: row.seat.clone(),
        number: row.number,
        facts: facts_of(row),
        group_facts: group.map(facts_of).unwrap_or_default(),
    }
}

async fn linked(
    txn: &Txn,
    bounds: &Bounds,
    key: &Key,
    (uids, lineages): (&BTreeSet<String>, &BTreeSet<(String, String)>),
) -> Result<Vec<Model>> {
    let keys = lineages.iter().map(|(_, lineage)| lineage);
    let linked = Condition::any()
        .add(Column::Uid.is_in(uids))
        .add(Column::PreviousUid.is_in(uids))
        .add(Column::LineageKey.is_in(keys));
    let mut rows = Entity::find()
        .filter(Column::Provider.eq(&key.provider))
        .filter(Column::Seat.eq(&key.seat))
        .filter(linked);
    if let Some(account) = bounds.only_account() {
        rows = rows.filter(Column::Account.eq(account));
    }
    let mut found = Vec::new();
    for row in rows.all(&**txn).await? {
        // A calendar id stands in every invitation, so it links bookings of one account only.
        let is_linked = uids.contains(&row.uid)
            || row
                .previous_uid
                .as_ref()
                .is_some_and(|uid| uids.contains(uid))
            || row
                .lineage_key
                .as_ref()
                .is_some_and(|lineage| lineages.contains(&(row.account.clone(), lineage.clone())));
        if is_linked && (row.account == key.account || bounds.hold(txn, &row.account).await?) {
            found.push(row);
        }
    }
    Ok(found)
}

/// Loads the nodes of several bookings outside of any change, with two queries in total.
pub(crate) async fn nodes_of(
    db: &impl ConnectionTrait,
    booking_ids: &[Uuid],
) -> Result<HashMap<Uuid, Vec<Node>>> {
    let rows = Entity::find()
        .filter(Column::BookingId.is_in(booking_ids.iter().copied()))
        .all(db)
        .await?;
    let seated = rows
        .iter()
        .filter(|row| !row.seat.is_empty())
        .map(|row| row.uid.clone())
        .collect();
    let groups = groups(db, &seated).await?;
    let mut nodes: HashMap<Uuid, Vec<Node>> = HashMap::new();
    for row in &rows {
        if let Some(booking_id) = row.booking_id {
            nodes
                .entry(booking_id)
                .or_default()
                .push(node(row, group_of(&groups, row)));
        }
    }
    Ok(nodes)
}

/// Group rows, by provider, uid and account.
type Groups = HashMap<(String, String, String), Model>;

/// The group row of a seat.
fn group_of<'g>(groups: &'g Groups, row: &Model) -> Option<&'g Model> {
    groups.get(&group_key(row))
}

async fn groups(db: &impl ConnectionTrait, uids: &BTreeSet<String>) -> Result<Groups> {
    if uids.is_empty() {
        return Ok(Groups::new());
    }
    let rows = Entity::find()
        .filter(Column::Seat.eq(""))
        .filter(Column::Uid.is_in(uids.clone()))
        .all(db)
        .await?;
    Ok(rows.into_iter().map(|row| (group_key(&row), row)).collect())
}

fn group_key(row: &Model) -> (String, String, String) {
    (row.provider.clone(), row.uid.clone(), row.account.clone())
}
