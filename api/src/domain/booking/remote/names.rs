//! Names that a transaction locks before it ingests observations: everything two transactions may
//! share that may have no row yet. Serializes transactions about the same uid, lineage, account,
//! event type, person or request of ours.

use std::collections::BTreeSet;

use entity::Uuid;

use super::project::Projection;
use crate::domain::scheduling::observation::{Attendee, Observation, Offer, Organizer};

/// The lock names of observations.
pub(crate) fn of_observations(observations: &[Observation]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for Observation { uid, fact, .. } in observations {
        names.insert(of_uid(uid));
        names.extend(fact.previous_uid.as_deref().map(of_uid));
        names.extend(fact.lineage_key.as_deref().map(of_lineage));
        names.extend(fact.request_id.map(of_request));
        names.extend(of_people(fact.organizer.as_ref(), fact.attendee.as_ref()));
        names.extend(fact.offer.as_ref().and_then(of_offer));
    }
    names
}

/// The lock names of the people and the event type in a projection.
pub(super) fn of_projection(said: &Projection) -> BTreeSet<String> {
    let mut names = of_people(said.organizer.as_ref(), said.attendee.as_ref());
    names.extend(of_offer(&said.offer));
    names
}

/// The lock names of a lineage of uids.
pub(super) fn of_chain<'n>(
    uids: impl IntoIterator<Item = &'n String>,
    lineages: impl IntoIterator<Item = &'n String>,
) -> BTreeSet<String> {
    let uids = uids.into_iter().map(|uid| of_uid(uid));
    uids.chain(lineages.into_iter().map(|key| of_lineage(key)))
        .collect()
}

/// The lock name of a person who may have bookings before they sign up.
pub(crate) fn of_email(email: &str) -> String {
    format!("email:{email}")
}

pub(super) fn of_request(id: Uuid) -> String {
    format!("request:{id}")
}

fn of_uid(uid: &str) -> String {
    format!("uid:{uid}")
}

fn of_lineage(key: &str) -> String {
    format!("lineage:{key}")
}

fn of_offer(offer: &Offer) -> Option<String> {
    offer.id.as_ref().map(|id| format!("offer:{id}"))
}

fn of_people(organizer: Option<&Organizer>, attendee: Option<&Attendee>) -> BTreeSet<String> {
    let account = organizer.and_then(|person| person.id.as_ref().or(person.email.as_ref()));
    let account = account.map(|account| format!("account:{account}"));
    let email = attendee.map(|attendee| of_email(&attendee.email));
    account.into_iter().chain(email).collect()
}
