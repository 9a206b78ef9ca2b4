//! Projects all facts about a lineage of uids to one state. A pure function of the set of facts, so
//! the order of messages does not matter.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use entity::booking::{Answer, Approval};
use entity::event_type::LocationKind;

use crate::domain::scheduling::observation::{
    Attendee, CANCELED, CREATED, DECLINED, ENDED, Fact, Facts, GUEST, MOVED, Offer, Organizer,
    PAID, PAYMENT_STARTED, READ, REQUESTED, STARTED, Standing, absent,
};

/// Kinds of facts that describe a booking, the most reliable first. The first one that has a value
/// wins.
const DESCRIPTIVE: [&str; 8] = [
    MOVED,
    CREATED,
    REQUESTED,
    PAID,
    PAYMENT_STARTED,
    DECLINED,
    CANCELED,
    READ,
];

/// One uid and its facts.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(test, derive(Debug))]
pub(crate) struct Node {
    pub(crate) uid: String,
    /// The attendee's address if the uid belongs to a group, else empty.
    pub(crate) seat: String,
    /// The scheduler's number; grows with each move.
    pub(crate) number: Option<i64>,
    pub(crate) facts: Facts,
    /// The facts about the group, if this is a seat in one.
    pub(crate) group_facts: Facts,
}

/// The state that the scheduler reports for the booking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// Waits for the coach's approval.
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

/// The state of a lineage of uids.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(test, derive(Debug))]
pub(crate) struct Projection {
    /// The last uid of the lineage: the current one.
    pub(crate) uid: String,
    /// Its number: the order in which the scheduler assigned times.
    pub(crate) number: Option<i64>,
    pub(crate) target: Target,
    pub(crate) approval: Approval,
    /// Whether it was ever more than a request.
    pub(crate) was_certain: bool,
    pub(crate) has_started: bool,
    /// Whether the attendee was absent, if reported.
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
    /// Addresses of all guests ever reported: a move keeps them, and none is removed.
    pub(crate) guests: Vec<String>,
    pub(crate) lineage_key: Option<String>,
    /// The number of moves.
    pub(crate) moves: i32,
    /// Why it was canceled or declined.
    pub(crate) reason: Option<String>,
    /// The address of the person who caused the current state.
    pub(crate) by: Option<String>,
}

impl Node {
    fn find(&self, kind: &str) -> Option<&Fact> {
        self.facts.get(kind).or_else(|| self.group_facts.get(kind))
    }

    fn descriptive(&self) -> impl Iterator<Item = &Fact> {
        DESCRIPTIVE.into_iter().filter_map(|kind| self.find(kind))
    }

    /// Sort key: greater is later in the lineage.
    fn place_in_chain(&self) -> (Option<i64>, Option<i64>, &str) {
        (
            self.number,
            self.descriptive().filter_map(|fact| fact.sequence).max(),
            &self.uid,
        )
    }

    /// Whether a fact describes the booking; a started meeting or an absence alone is not enough.
    fn is_described(&self) -> bool {
        self.descriptive().any(|said| {
            said.starts_at
                .zip(said.ends_at)
                .is_some_and(|(start, end)| start < end)
        })
    }

    /// Whether the uid belongs to a group whose bookings are its seats.
    fn is_group(&self) -> bool {
        self.seat.is_empty() && self.descriptive().any(|fact| fact.seats.is_some())
    }
}

impl Projection {
    /// The currency, if it is a code of three capitals.
    pub(crate) fn currency_code(&self) -> Option<String> {
        self.currency
            .clone()
            .filter(|code| code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase()))
    }
}

/// Projects the nodes; `None` while the facts are too few to create a booking.
///
/// `nodes` are the uids of one lineage, in any order. The last uid decides; fields it lacks are
/// taken from its predecessors. A canceled or declined uid stays so whatever other facts say; only
/// a seat, whose uid continues to exist, can be taken again.
pub(crate) fn project(nodes: &[Node]) -> Option<Projection> {
    let mut chain: Vec<&Node> = nodes.iter().collect();
    chain.sort_by_key(|node| Reverse((node.is_described(), node.place_in_chain())));
    let tip = *chain.first().filter(|tip| tip.is_described())?;
    if chain.iter().any(|node| node.is_group()) {
        return None;
    }
    let target = target(tip)?;
    let all = || chain.iter().flat_map(|node| node.descriptive());
    let times = tip.descriptive().find_map(|said| {
        said.starts_at
            .zip(said.ends_at)
            .filter(|(start, end)| start < end)
    })?;
    let decisive = decisive(tip, target);
    let attendee = attendee(&chain);
    let requires_approval = all().any(|fact| fact.requires_approval == Some(true));
    Some(Projection {
        uid: tip.uid.clone(),
        number: tip.number,
        target,
        approval: approval(tip, target),
        was_certain: chain.iter().any(|node| accepted(node)),
        has_started: meeting(tip, STARTED),
        absent: attendee
            .as_ref()
            .and_then(|attendee| tip.find(&absent(&attendee.email))?.no_show),
        starts_at: times.0,
        ends_at: times.1,
        offer: offer(&chain),
        organizer: all().find_map(|fact| fact.organizer.clone()),
        attendee,
        place: whereabouts(tip, all()),
        price_minor: all().find_map(|fact| fact.price_minor).unwrap_or(0).max(0),
        currency: all().find_map(|fact| fact.currency.clone()),
        requires_approval,
        seats: all().find_map(|fact| fact.seats),
        answers: all()
            .find(|said| !said.answers.is_empty())
            .map(|said| said.answers.clone())
            .unwrap_or_default(),
        guests: guests(&chain),
        lineage_key: all().find_map(|fact| fact.lineage_key.clone()),
        moves: moves(&chain),
        reason: decisive.and_then(|fact| fact.reason.clone()),
        by: decisive.and_then(|fact| fact.by.clone()),
    })
}

/// Counts the changes of time along the chain. A scheduler gives a new uid to a booking that is
/// moved to the time it already has; a time that is not known counts as another one.
fn moves(chain: &[&Node]) -> i32 {
    let start = |node: &Node| node.descriptive().find_map(|said| said.starts_at);
    let moves = chain.windows(2).filter(|pair| {
        let (later, earlier) = (start(pair[0]), start(pair[1]));
        later.is_none() || later != earlier
    });
    i32::try_from(moves.count()).unwrap_or(i32::MAX)
}

fn guests(chain: &[&Node]) -> Vec<String> {
    let kinds = chain.iter().flat_map(|node| node.facts.keys());
    let guests: BTreeSet<_> = kinds.filter_map(|kind| kind.strip_prefix(GUEST)).collect();
    guests.into_iter().map(ToOwned::to_owned).collect()
}

fn target(tip: &Node) -> Option<Target> {
    let snapshots = |standing| {
        tip.descriptive()
            .any(|fact| fact.standing == Some(standing))
    };
    if (tip.find(CANCELED).is_some() || snapshots(Standing::Canceled)) && !taken_again(tip) {
        return Some(Target::Canceled);
    }
    if tip.find(DECLINED).is_some() || snapshots(Standing::Rejected) {
        return Some(Target::Rejected);
    }
    if meeting(tip, ENDED) {
        return Some(Target::Completed);
    }
    if accepted(tip) {
        return Some(Target::Confirmed);
    }
    if tip.find(REQUESTED).is_some() || snapshots(Standing::Pending) {
        return Some(Target::Requested);
    }
    tip.find(PAYMENT_STARTED)
        .is_some()
        .then_some(Target::Unpaid)
}

/// A seat keeps the group's uid, so an attendee may return under the same one. The later fact wins.
fn taken_again(tip: &Node) -> bool {
    match (tip.facts.get(CREATED), tip.find(CANCELED)) {
        (Some(taken), Some(left)) => !tip.seat.is_empty() && taken.at > left.at,
        _ => false,
    }
}

fn accepted(tip: &Node) -> bool {
    let certain = |kind| {
        tip.find(kind)
            .is_some_and(|fact| fact.standing != Some(Standing::Pending))
    };
    let is_read_so = tip
        .find(READ)
        .is_some_and(|fact| fact.standing == Some(Standing::Accepted));
    [MOVED, CREATED, PAID].into_iter().any(certain)
        || is_read_so
        || meeting(tip, STARTED)
        || meeting(tip, ENDED)
}

/// The scheduler's clock reports this of every booking that was active when the report was made.
fn meeting(tip: &Node, kind: &str) -> bool {
    tip.find(kind)
        .is_some_and(|fact| matches!(fact.standing, None | Some(Standing::Accepted)))
}

fn approval(tip: &Node, target: Target) -> Approval {
    let asked = tip.find(REQUESTED).is_some()
        || tip
            .descriptive()
            .any(|said| said.requires_approval == Some(true));
    match (asked, accepted(tip)) {
        (_, true) if !asked => Approval::NotNeeded,
        (_, true) => Approval::Given,
        (_, false) if asked || target == Target::Requested => Approval::Pending,
        _ => Approval::NotNeeded,
    }
}

/// The fact that determines the current state.
fn decisive(tip: &Node, target: Target) -> Option<&Fact> {
    match target {
        Target::Canceled => tip.find(CANCELED).or_else(|| tip.find(READ)),
        Target::Rejected => tip.find(DECLINED).or_else(|| tip.find(READ)),
        Target::Completed => None,
        Target::Requested | Target::Unpaid | Target::Confirmed => tip.descriptive().next(),
    }
}

/// A move drops names at the scheduler: they are taken from predecessors with the same address.
fn attendee(chain: &[&Node]) -> Option<Attendee> {
    let all = || {
        chain
            .iter()
            .flat_map(|node| node.descriptive())
            .filter_map(|fact| fact.attendee.as_ref())
    };
    let first = all().next()?;
    let same = || all().filter(|other| other.email == first.email);
    Some(Attendee {
        email: first.email.clone(),
        name: same().find_map(|attendee| attendee.name.clone()),
        time_zone: same().find_map(|attendee| attendee.time_zone.clone()),
    })
}

fn offer(chain: &[&Node]) -> Offer {
    let all = || {
        chain
            .iter()
            .flat_map(|node| node.descriptive())
            .filter_map(|fact| fact.offer.as_ref())
    };
    let id = all().find_map(|offer| offer.id.clone());
    let same = || all().filter(|other| other.id.is_none() || other.id == id);
    Offer {
        slug: same().find_map(|offer| offer.slug.clone()),
        title: same().find_map(|offer| offer.title.clone()),
        length_minutes: same().find_map(|offer| offer.length_minutes),
        id: id.clone(),
    }
}

/// Where to meet. No message reports a change of place, so the latest read of the current uid wins.
fn whereabouts<'s>(tip: &'s Node, told: impl Iterator<Item = &'s Fact>) -> Place {
    let mut told = told.filter(|fact| fact.location.is_some() || fact.video_url.is_some());
    let read = tip
        .find(READ)
        .filter(|read| read.location.is_some() || read.video_url.is_some());
    let Some(first) = read.or_else(|| told.next()) else {
        return place(None, None);
    };
    let link = first
        .video_url
        .as_deref()
        .or_else(|| told.find_map(|fact| fact.video_url.as_deref()));
    place(
        first.location.as_deref(),
        if read.is_some() {
            first.video_url.as_deref()
        } else {
            link
        },
    )
}

/// Parses the scheduler's single field for links, telephone numbers, addresses and app names.
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
