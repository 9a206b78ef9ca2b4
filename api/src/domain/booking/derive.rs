//! From everything that a scheduler has said about a chain of uids to what it means: a pure
//! function, so that the same messages mean the same in every order.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use entity::booking::{Answer, Approval};
use entity::event_type::LocationKind;

use crate::domain::scheduling::statement::{
    Attendee, CANCELED, CREATED, ENDED, GUEST, Offer, Organizer, PAID, PAYMENT_BEGUN, READ,
    REJECTED, REQUESTED, RESCHEDULED, STARTED, Said, Standing, Statement, no_show,
};

/// Kinds that describe a booking, the most telling first. Where several say something, the first of
/// them is believed.
const TELLING: [&str; 8] = [
    RESCHEDULED,
    CREATED,
    REQUESTED,
    PAID,
    PAYMENT_BEGUN,
    REJECTED,
    CANCELED,
    READ,
];

/// One uid and what was said about it.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(test, derive(Debug))]
pub(crate) struct Node {
    pub(crate) uid: String,
    /// The attendee's address where the uid stands for a group, else empty.
    pub(crate) seat: String,
    /// The scheduler's number; grows along a chain of moves.
    pub(crate) number: Option<i64>,
    pub(crate) said: Said,
    /// What was said about the group as a whole, where this is a seat in it.
    pub(crate) shared: Said,
}

/// Where the scheduler wants the booking to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// Waits for the coach.
    Requested,
    /// Waits for a payment at the scheduler.
    Unpaid,
    Confirmed,
    Completed,
    Canceled,
    Rejected,
}

/// Where and how to meet.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(test, derive(Debug))]
pub(crate) struct Place {
    pub(crate) kind: LocationKind,
    pub(crate) value: Option<String>,
    pub(crate) join_url: Option<String>,
}

/// What a chain of uids says as a whole.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(test, derive(Debug))]
pub(crate) struct Derived {
    /// The uid at the end of the chain: the one that counts.
    pub(crate) uid: String,
    /// Its number: the order in which the scheduler gave times away.
    pub(crate) number: Option<i64>,
    pub(crate) target: Target,
    pub(crate) approval: Approval,
    /// Whether it was ever more than a request.
    pub(crate) was_certain: bool,
    pub(crate) has_started: bool,
    /// Whether the attendee stayed away, where somebody said.
    pub(crate) absent: Option<bool>,
    pub(crate) starts_at: DateTime<Utc>,
    pub(crate) ends_at: DateTime<Utc>,
    pub(crate) offer: Offer,
    pub(crate) organizer: Option<Organizer>,
    pub(crate) attendee: Option<Attendee>,
    pub(crate) place: Place,
    pub(crate) price_minor: i64,
    pub(crate) currency: Option<String>,
    pub(crate) requires_approval: bool,
    pub(crate) seats: Option<i64>,
    pub(crate) answers: Vec<Answer>,
    /// Addresses of the others who were ever said to be invited: they come along when it is moved,
    /// and are never taken back.
    pub(crate) guests: Vec<String>,
    pub(crate) lineage_key: Option<String>,
    /// How often it was moved.
    pub(crate) moves: i32,
    /// Why it was canceled or declined.
    pub(crate) reason: Option<String>,
    /// Address of whoever brought it where it is.
    pub(crate) by: Option<String>,
}

impl Node {
    fn find(&self, kind: &str) -> Option<&Statement> {
        self.said.get(kind).or_else(|| self.shared.get(kind))
    }

    fn telling(&self) -> impl Iterator<Item = &Statement> {
        TELLING.into_iter().filter_map(|kind| self.find(kind))
    }

    /// Greater is later in the chain.
    fn place_in_chain(&self) -> (Option<i64>, Option<i64>, &str) {
        (
            self.number,
            self.telling()
                .filter_map(|statement| statement.sequence)
                .max(),
            &self.uid,
        )
    }

    /// Somebody described the booking; that a meeting began or that somebody stayed away is not
    /// enough.
    fn is_described(&self) -> bool {
        self.telling().any(|said| {
            said.starts_at
                .zip(said.ends_at)
                .is_some_and(|(start, end)| start < end)
        })
    }

    /// The uid stands for a group whose bookings are its seats.
    fn is_group(&self) -> bool {
        self.seat.is_empty() && self.telling().any(|statement| statement.seats.is_some())
    }
}

/// What all of it means; `None` while too little is known to make a booking of it.
///
/// `nodes` are the uids of one chain, in any order. The end of the chain decides; what it does not
/// say is looked up further back. A uid that is canceled or declined stays so, whatever else is
/// said about it; only a seat, whose uid lives on, can be taken again.
pub(crate) fn derive(nodes: &[Node]) -> Option<Derived> {
    let mut chain: Vec<&Node> = nodes.iter().collect();
    chain.sort_by_key(|node| Reverse((node.is_described(), node.place_in_chain())));
    let tip = *chain.first().filter(|tip| tip.is_described())?;
    if chain.iter().any(|node| node.is_group()) {
        return None;
    }
    let target = target(tip)?;
    let told = || chain.iter().flat_map(|node| node.telling());
    let times = tip.telling().find_map(|said| {
        said.starts_at
            .zip(said.ends_at)
            .filter(|(start, end)| start < end)
    })?;
    let decisive = decisive(tip, target);
    let attendee = attendee(&chain);
    let requires_approval = told().any(|statement| statement.requires_approval == Some(true));
    Some(Derived {
        uid: tip.uid.clone(),
        number: tip.number,
        target,
        approval: approval(tip, target),
        was_certain: chain.iter().any(|node| accepted(node)),
        has_started: meeting(tip, STARTED),
        absent: attendee
            .as_ref()
            .and_then(|attendee| tip.find(&no_show(&attendee.email))?.no_show),
        starts_at: times.0,
        ends_at: times.1,
        offer: offer(&chain),
        organizer: told().find_map(|statement| statement.organizer.clone()),
        attendee,
        place: whereabouts(tip, told()),
        price_minor: told()
            .find_map(|statement| statement.price_minor)
            .unwrap_or(0)
            .max(0),
        currency: told().find_map(|statement| statement.currency.clone()),
        requires_approval,
        seats: told().find_map(|statement| statement.seats),
        answers: told()
            .find(|said| !said.answers.is_empty())
            .map(|said| said.answers.clone())
            .unwrap_or_default(),
        guests: guests(&chain),
        lineage_key: told().find_map(|statement| statement.lineage_key.clone()),
        moves: i32::try_from(chain.len() - 1).unwrap_or(i32::MAX),
        reason: decisive.and_then(|statement| statement.reason.clone()),
        by: decisive.and_then(|statement| statement.by.clone()),
    })
}

fn guests(chain: &[&Node]) -> Vec<String> {
    let kinds = chain.iter().flat_map(|node| node.said.keys());
    let guests: BTreeSet<_> = kinds.filter_map(|kind| kind.strip_prefix(GUEST)).collect();
    guests.into_iter().map(ToOwned::to_owned).collect()
}

fn target(tip: &Node) -> Option<Target> {
    let stands = |standing| {
        tip.telling()
            .any(|statement| statement.standing == Some(standing))
    };
    if (tip.find(CANCELED).is_some() || stands(Standing::Canceled)) && !taken_again(tip) {
        return Some(Target::Canceled);
    }
    if tip.find(REJECTED).is_some() || stands(Standing::Rejected) {
        return Some(Target::Rejected);
    }
    if meeting(tip, ENDED) {
        return Some(Target::Completed);
    }
    if accepted(tip) {
        return Some(Target::Confirmed);
    }
    if tip.find(REQUESTED).is_some() || stands(Standing::Pending) {
        return Some(Target::Requested);
    }
    tip.find(PAYMENT_BEGUN).is_some().then_some(Target::Unpaid)
}

/// A seat keeps the group's uid, so that who left may come back under the same one. Then the later
/// word counts.
fn taken_again(tip: &Node) -> bool {
    match (tip.said.get(CREATED), tip.find(CANCELED)) {
        (Some(taken), Some(left)) => !tip.seat.is_empty() && taken.at > left.at,
        _ => false,
    }
}

fn accepted(tip: &Node) -> bool {
    let certain = |kind| {
        tip.find(kind)
            .is_some_and(|statement| statement.standing != Some(Standing::Pending))
    };
    let is_read_so = tip
        .find(READ)
        .is_some_and(|statement| statement.standing == Some(Standing::Accepted));
    [RESCHEDULED, CREATED, PAID].into_iter().any(certain)
        || is_read_so
        || meeting(tip, STARTED)
        || meeting(tip, ENDED)
}

/// The clock says so of every booking that stood when it was made.
fn meeting(tip: &Node, kind: &str) -> bool {
    tip.find(kind)
        .is_some_and(|statement| matches!(statement.standing, None | Some(Standing::Accepted)))
}

fn approval(tip: &Node, target: Target) -> Approval {
    let asked = tip.find(REQUESTED).is_some()
        || tip
            .telling()
            .any(|said| said.requires_approval == Some(true));
    match (asked, accepted(tip)) {
        (_, true) if !asked => Approval::NotNeeded,
        (_, true) => Approval::Given,
        (_, false) if asked || target == Target::Requested => Approval::Pending,
        _ => Approval::NotNeeded,
    }
}

/// The statement that brought the booking where it is.
fn decisive(tip: &Node, target: Target) -> Option<&Statement> {
    match target {
        Target::Canceled => tip.find(CANCELED).or_else(|| tip.find(READ)),
        Target::Rejected => tip.find(REJECTED).or_else(|| tip.find(READ)),
        Target::Completed => None,
        Target::Requested | Target::Unpaid | Target::Confirmed => tip.telling().next(),
    }
}

/// Moving a booking loses names at the scheduler: they are looked up further back, under the same
/// address.
fn attendee(chain: &[&Node]) -> Option<Attendee> {
    let told = || {
        chain
            .iter()
            .flat_map(|node| node.telling())
            .filter_map(|statement| statement.attendee.as_ref())
    };
    let first = told().next()?;
    let same = || told().filter(|other| other.email == first.email);
    Some(Attendee {
        email: first.email.clone(),
        name: same().find_map(|attendee| attendee.name.clone()),
        time_zone: same().find_map(|attendee| attendee.time_zone.clone()),
    })
}

fn offer(chain: &[&Node]) -> Offer {
    let told = || {
        chain
            .iter()
            .flat_map(|node| node.telling())
            .filter_map(|statement| statement.offer.as_ref())
    };
    let id = told().find_map(|offer| offer.id);
    let same = || told().filter(|other| other.id.is_none() || other.id == id);
    Offer {
        id,
        slug: same().find_map(|offer| offer.slug.clone()),
        title: same().find_map(|offer| offer.title.clone()),
        length_minutes: same().find_map(|offer| offer.length_minutes),
    }
}

/// Where to meet. Of a change of place no message tells: the latest reading of the uid that counts
/// is believed first.
fn whereabouts<'s>(tip: &'s Node, told: impl Iterator<Item = &'s Statement>) -> Place {
    let mut told =
        told.filter(|statement| statement.location.is_some() || statement.video_url.is_some());
    let read = tip
        .find(READ)
        .filter(|read| read.location.is_some() || read.video_url.is_some());
    let Some(first) = read.or_else(|| told.next()) else {
        return place(None, None);
    };
    let link = first
        .video_url
        .as_deref()
        .or_else(|| told.find_map(|statement| statement.video_url.as_deref()));
    place(
        first.location.as_deref(),
        if read.is_some() {
            first.video_url.as_deref()
        } else {
            link
        },
    )
}

/// The scheduler writes links, telephone numbers, addresses and names of apps into one field.
fn place(location: Option<&str>, video_url: Option<&str>) -> Place {
    let place = |kind, value: Option<&str>, join_url: Option<&str>| Place {
        kind,
        value: value.map(str::to_owned),
        join_url: join_url.map(str::to_owned),
    };
    let is_web = |text: &str| text.starts_with("https://") || text.starts_with("http://");
    let is_number = |text: &str| {
        text.bytes().any(|byte| byte.is_ascii_digit())
            && text
                .chars()
                .all(|char| char.is_ascii_digit() || "+-(). /".contains(char))
    };
    match location {
        None => place(LocationKind::Video, None, video_url),
        Some(app) if app.starts_with("integrations:") => {
            place(LocationKind::Video, None, video_url)
        }
        Some(link) if is_web(link) => {
            place(LocationKind::Link, Some(link), video_url.or(Some(link)))
        }
        Some(number) if is_number(number) => place(LocationKind::Phone, Some(number), video_url),
        Some(address) => place(LocationKind::InPerson, Some(address), video_url),
    }
}
