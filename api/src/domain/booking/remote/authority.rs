//! Bounds whose bookings a report may be about.
//!
//! A signature or a credential proves who speaks. An account that its coach connected speaks of the
//! bookings that it hosts. The platform speaks of the accounts that it made, and of those that no
//! webhook of their own speaks for. [`ingest`](super::ingest::ingest) takes only what was admitted
//! here, so the rule holds for every scheduler.

use std::collections::BTreeMap;

use entity::coach::Scheduler;
use entity::connection::{self, Kind};
use entity::{booking, provider_booking};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QuerySelect};

use super::bounds::{Bounds, speaks_for_itself};
use super::{names, parties};
use crate::db::Txn;
use crate::domain::Result;
use crate::domain::scheduling::observation::{
    Fact, Observation, Organizer, READ, Reported, Speaker, Standing,
};

/// Why a report is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overstep {
    /// The connection that it came through is gone.
    NoConnection,
    /// It names another account as the host.
    OtherHost,
    /// It names no host, and a booking of another account.
    OtherBooking,
    /// The platform speaks of an account that has a webhook of its own.
    OwnAccount,
}

impl Overstep {
    /// A stable label for logs and metrics.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::NoConnection => "no_connection",
            Self::OtherHost => "other_host",
            Self::OtherBooking => "other_booking",
            Self::OwnAccount => "own_account",
        }
    }

    /// The reason for staff.
    pub(crate) fn explanation(self) -> &'static str {
        match self {
            Self::NoConnection => "the connection that it came through is gone",
            Self::OtherHost => "its sender may not speak of bookings of another host",
            Self::OtherBooking => "its sender may not speak of a booking of another account",
            Self::OwnAccount => "the account has a webhook of its own, which alone speaks for it",
        }
    }
}

/// A report within its bounds: each observation with the account that it belongs to.
pub(crate) struct Admitted {
    pub(super) scheduler: Scheduler,
    pub(super) bounds: Bounds,
    pub(super) observations: Vec<(String, Observation)>,
}

impl Admitted {
    /// The booking that the report is about, before it is ingested.
    pub(crate) async fn booking(&self, txn: &Txn) -> Result<Option<booking::Model>> {
        use provider_booking::Column;

        if self.observations.is_empty() {
            return Ok(None);
        }
        let mut any = Condition::any();
        for (account, observation) in &self.observations {
            let one = Condition::all()
                .add(Column::Account.eq(account))
                .add(Column::Uid.eq(&observation.uid));
            any = any.add(one);
        }
        let row = provider_booking::Entity::find()
            .filter(Column::Provider.eq(self.bounds.provider))
            .filter(any)
            .filter(Column::BookingId.is_not_null())
            .one(&**txn)
            .await?;
        match row.and_then(|row| row.booking_id) {
            Some(id) => Ok(booking::Entity::find_by_id(id).one(&**txn).await?),
            None => Ok(None),
        }
    }
}

/// Admits a report, or says why it oversteps. Locks the names of its facts first, so transactions
/// about the same ones run one after the other.
///
/// A webhook is refused as a whole. Of an answer to a call only what oversteps is left out: a
/// calendar also lists what its owner attends as a guest.
pub(crate) async fn admit(txn: &Txn, reported: Reported) -> Result<Result<Admitted, Overstep>> {
    txn.lock_names(&names::of_observations(&reported.observations))
        .await?;
    let provider = reported.scheduler.provider().unwrap_or_default();
    let Some(voice) = Voice::of(txn, provider, reported.speaker).await? else {
        return Ok(Err(Overstep::NoConnection));
    };
    let mut by_uid: BTreeMap<&str, Vec<&Observation>> = BTreeMap::new();
    for observation in &reported.observations {
        by_uid
            .entry(&observation.uid)
            .or_default()
            .push(observation);
    }
    let mut places = BTreeMap::new();
    for (uid, about) in by_uid {
        places.insert(uid.to_owned(), voice.place(txn, uid, &about).await?);
    }
    let (mut observations, mut overstep) = (Vec::new(), None);
    for observation in reported.observations {
        match &places[&observation.uid] {
            Place::In(account) => observations.push((account.clone(), voice.bound(observation))),
            Place::Left(account) => {
                observations.extend(left(observation, account).map(|left| (account.clone(), left)));
            }
            Place::Outside(why) => overstep = Some(*why),
        }
    }
    Ok(match overstep {
        Some(why) if !voice.was_called || observations.is_empty() => Err(why),
        _ => Ok(Admitted {
            scheduler: reported.scheduler,
            bounds: voice.bounds,
            observations,
        }),
    })
}

/// The bounds of a speaker; `None` if its connection is gone.
pub(crate) async fn bounds_of(
    txn: &Txn,
    provider: &'static str,
    speaker: Speaker,
) -> Result<Option<Bounds>> {
    let voice = Voice::of(txn, provider, speaker).await?;
    Ok(voice.map(|voice| voice.bounds))
}

/// A speaker, and the account that it speaks for.
struct Voice {
    bounds: Bounds,
    link: Option<connection::Model>,
    /// Whether we asked; a webhook is sent without a question.
    was_called: bool,
}

/// Where the facts about a uid belong.
enum Place {
    /// To this account.
    In(String),
    /// To this account, which does not host the booking any more.
    Left(String),
    /// Nowhere that the speaker may speak of.
    Outside(Overstep),
}

impl Voice {
    async fn of(txn: &Txn, provider: &'static str, speaker: Speaker) -> Result<Option<Self>> {
        let (connection_id, was_called) = match speaker {
            Speaker::Platform => {
                return Ok(Some(Self {
                    bounds: Bounds {
                        provider,
                        account: None,
                    },
                    link: None,
                    was_called: false,
                }));
            }
            Speaker::Webhook(id) => (id, false),
            Speaker::Calendar(id) => (id, true),
        };
        let link = connection::Entity::find_by_id(connection_id)
            .filter(connection::Column::Provider.eq(provider))
            .one(&**txn)
            .await?;
        Ok(link.map(|link| Self {
            bounds: Bounds {
                provider,
                // The platform holds the credential of an account that it made.
                account: (link.kind != Kind::ManagedUser).then(|| link.external_id.clone()),
            },
            link: Some(link),
            was_called,
        }))
    }

    async fn place(&self, txn: &Txn, uid: &str, about: &[&Observation]) -> Result<Place> {
        let mut named = about
            .iter()
            .filter_map(|observation| observation.fact.organizer.as_ref());
        let named = named.find_map(|person| Some((person, parties::account(person)?)));
        let Some(link) = &self.link else {
            return self.place_of_platform(txn, uid, named).await;
        };
        let own = || link.external_id.clone();
        let Some((organizer, account)) = named else {
            let known = self.accounts_of(txn, uid).await?;
            let is_free = known.iter().all(String::is_empty) || known.contains(&link.external_id);
            return Ok(if is_free || self.knows(txn, link, about).await? {
                Place::In(own())
            } else {
                Place::Outside(Overstep::OtherBooking)
            });
        };
        let mut hosted = about
            .iter()
            .filter(|observation| observation.fact.organizer.is_some());
        if hosted.all(|observation| host(link, &observation.fact).is_some()) {
            return Ok(Place::In(own()));
        }
        if !self.was_called || !self.knows(txn, link, about).await? {
            return Ok(Place::Outside(Overstep::OtherHost));
        }
        // Another host has taken over. The platform's own answer says to whom it went.
        if self.link_is_of_platform() && self.may_name(txn, organizer, &account).await? {
            return Ok(Place::In(account));
        }
        Ok(Place::Left(own()))
    }

    async fn place_of_platform(
        &self,
        txn: &Txn,
        uid: &str,
        named: Option<(&Organizer, String)>,
    ) -> Result<Place> {
        if let Some((organizer, account)) = named {
            return Ok(if self.may_name(txn, organizer, &account).await? {
                Place::In(account)
            } else {
                Place::Outside(Overstep::OwnAccount)
            });
        }
        let known = self.accounts_of(txn, uid).await?;
        if known.is_empty() {
            return Ok(Place::In(String::new()));
        }
        for account in known {
            if self.bounds.hold(txn, &account).await? {
                return Ok(Place::In(account));
            }
        }
        Ok(Place::Outside(Overstep::OwnAccount))
    }

    fn link_is_of_platform(&self) -> bool {
        self.bounds.account.is_none()
    }

    /// Whether the platform may name this person as a host.
    async fn may_name(&self, txn: &Txn, organizer: &Organizer, account: &str) -> Result<bool> {
        let mut is_it = Condition::any().add(connection::Column::ExternalId.eq(account));
        if organizer.id.is_none() {
            is_it = is_it.add(connection::Column::ExternalEmail.eq(account));
        }
        Ok(!speaks_for_itself(txn, self.bounds.provider, is_it).await?)
    }

    /// The accounts that facts about a uid belong to.
    async fn accounts_of(&self, txn: &Txn, uid: &str) -> Result<Vec<String>> {
        use provider_booking::Column;

        Ok(provider_booking::Entity::find()
            .filter(Column::Provider.eq(self.bounds.provider))
            .filter(Column::Uid.eq(uid))
            .select_only()
            .column(Column::Account)
            .distinct()
            .into_tuple()
            .all(&**txn)
            .await?)
    }

    /// Whether a booking of this account has the uid, or the one that it replaced.
    async fn knows(
        &self,
        txn: &Txn,
        link: &connection::Model,
        about: &[&Observation],
    ) -> Result<bool> {
        use provider_booking::Column;

        let uids = about.iter().flat_map(|observation| {
            let previous = observation.fact.previous_uid.as_ref();
            previous.into_iter().chain([&observation.uid])
        });
        let row = provider_booking::Entity::find()
            .filter(Column::Provider.eq(self.bounds.provider))
            .filter(Column::Account.eq(&link.external_id))
            .filter(Column::Uid.is_in(uids))
            .one(&**txn)
            .await?;
        Ok(row.is_some())
    }

    /// The observation as this account may state it: where it is one of several hosts, the booking
    /// is its own.
    fn bound(&self, mut observation: Observation) -> Observation {
        let fact = &mut observation.fact;
        if let Some(link) = &self.link
            && let Some(host) = host(link, fact)
        {
            fact.organizer = Some(Organizer {
                id: Some(link.external_id.clone()),
                ..host.clone()
            });
        }
        fact.co_hosts.clear();
        observation
    }
}

/// The host that is this account. An id decides; an address only where there is no id.
fn host<'f>(link: &connection::Model, fact: &'f Fact) -> Option<&'f Organizer> {
    let is_it = |person: &&Organizer| match (&person.id, &person.email) {
        (Some(id), _) => *id == link.external_id,
        (None, Some(email)) => link
            .external_email
            .as_ref()
            .is_some_and(|own| own.eq_ignore_ascii_case(email)),
        (None, None) => false,
    };
    fact.organizer.iter().chain(&fact.co_hosts).find(is_it)
}

/// A record of another host about a booking that was this account's: it ended here. The record
/// replaces the last one, so it repeats what identifies the booking.
fn left(observation: Observation, account: &str) -> Option<Observation> {
    let fact = observation.fact;
    (observation.kind == READ).then(|| Observation {
        uid: observation.uid,
        seat: observation.seat,
        kind: observation.kind,
        fact: Fact {
            at: fact.at,
            number: fact.number,
            previous_uid: fact.previous_uid,
            standing: Some(Standing::Canceled),
            starts_at: fact.starts_at,
            ends_at: fact.ends_at,
            offer: fact.offer,
            organizer: Some(Organizer {
                id: Some(account.to_owned()),
                ..Organizer::default()
            }),
            attendee: fact.attendee,
            reason: Some("It was given to another host.".to_owned()),
            ..Fact::default()
        },
    })
}
