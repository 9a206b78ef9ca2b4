//! The projection of the recorded deliveries, without a database: the same in every order.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use entity::booking::Approval;
use providers::cal_com::webhook::parse;
use serde_json::Value;

use crate::domain::booking::remote::project::{Node, Projection, Target, project};
use crate::domain::scheduling::cal_com::observe_event::observe_event;
use crate::domain::scheduling::observation::{Facts, merge};

/// The body of a recorded delivery.
#[derive(Clone)]
struct Capture {
    name: String,
    body: Vec<u8>,
}

impl Capture {
    fn read(path: &Path) -> Self {
        let file = std::fs::read(path).expect("a readable file");
        let file: Value = serde_json::from_slice(&file).expect("a capture");
        let body = file["request"]["body_base64"].as_str().expect("a body");
        Self {
            name: file["name"].as_str().expect("a name").to_owned(),
            body: STANDARD.decode(body).expect("base64"),
        }
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a recorded body is JSON")
    }

    fn edited(&self, edit: impl FnOnce(&mut Value)) -> Self {
        let mut json = self.json();
        edit(&mut json);
        Self {
            name: self.name.clone(),
            body: serde_json::to_vec(&json).expect("JSON"),
        }
    }
}

/// The recorded deliveries with these numbers.
fn numbered(numbers: &[&str]) -> Vec<Capture> {
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../providers/fixtures/calcom/webhooks"
    );
    let entries = std::fs::read_dir(folder).expect("the folder of fixtures");
    let paths: Vec<_> = entries
        .map(|entry| entry.expect("a readable entry").path())
        .collect();
    let find = |number: &&str| {
        let path = paths.iter().find(|path| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| name.starts_with(*number))
        });
        Capture::read(path.expect("a capture"))
    };
    numbers.iter().map(find).collect()
}

/// Every order of `items`.
fn permutations<T: Clone>(items: &[T]) -> Vec<Vec<T>> {
    if items.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for index in 0..items.len() {
        let mut rest = items.to_vec();
        let first = rest.remove(index);
        for mut order in permutations(&rest) {
            order.insert(0, first.clone());
            all.push(order);
        }
    }
    all
}

/// The facts after these deliveries: by seat, the uids of the lineage.
fn known(deliveries: &[Capture]) -> BTreeMap<String, BTreeMap<String, Node>> {
    let mut seats: BTreeMap<String, BTreeMap<String, Node>> = BTreeMap::new();
    for delivery in deliveries {
        let event = parse(&delivery.body).expect("a recorded delivery can be read");
        let sent_at = delivery.json()["createdAt"]
            .as_str()
            .and_then(|at| at.parse().ok());
        for observation in observe_event(event, sent_at) {
            let chain = seats.entry(observation.seat.clone()).or_default();
            let empty = |uid: &String| Node {
                uid: uid.clone(),
                seat: observation.seat.clone(),
                number: None,
                facts: Facts::new(),
                group_facts: Facts::new(),
            };
            if let Some(previous) = &observation.fact.previous_uid {
                chain
                    .entry(previous.clone())
                    .or_insert_with(|| empty(previous));
            }
            let node = chain
                .entry(observation.uid.clone())
                .or_insert_with(|| empty(&observation.uid));
            node.number = node.number.max(observation.fact.number);
            merge(&mut node.facts, observation.kind, observation.fact);
        }
    }
    seats
}

fn meaning(deliveries: &[Capture]) -> BTreeMap<String, Option<Projection>> {
    let seats = known(deliveries).into_iter();
    seats
        .map(|(seat, chain)| (seat, project(&chain.into_values().collect::<Vec<_>>())))
        .collect()
}

/// The projection of a flow, after checking that every order, and every repetition, projects to the
/// same.
fn in_every_order(numbers: &[&str]) -> BTreeMap<String, Option<Projection>> {
    let deliveries = numbered(numbers);
    let expected = meaning(&deliveries);
    for order in permutations(&deliveries) {
        let names: Vec<_> = order.iter().map(|capture| capture.name.clone()).collect();
        assert_eq!(meaning(&order), expected, "{names:?}");
        let twice: Vec<_> = order.iter().chain(order.iter().rev()).cloned().collect();
        assert_eq!(meaning(&twice), expected, "{names:?}, twice");
    }
    expected
}

fn one(numbers: &[&str]) -> Projection {
    let mut meanings = in_every_order(numbers);
    let meaning = meanings.remove("").flatten().expect("enough is known");
    assert!(meanings.is_empty(), "there is one chain");
    meaning
}

fn at(text: &str) -> chrono::DateTime<chrono::Utc> {
    text.parse().expect("an instant")
}

#[test]
fn a_booking_that_is_moved_three_times_and_canceled_stays_one() {
    // Two subscribers of the same events, whose messages were written some milliseconds apart.
    for numbers in [
        ["001", "013", "016", "019", "022", "014"],
        ["002", "014", "018", "020", "024", "022"],
    ] {
        let canceled = one(&numbers);
        // The third one kept its time, which counts as no move.
        assert_eq!(
            (canceled.target, canceled.number, canceled.moves),
            (Target::Canceled, Some(6), 2)
        );
        assert_eq!(canceled.starts_at, at("2026-12-01T14:00:00Z"));
        assert_eq!(canceled.reason.as_deref(), Some("Deal fell through"));
        let attendee = canceled.attendee.expect("somebody booked");
        assert_eq!(
            (attendee.email.as_str(), attendee.name.as_deref()),
            ("ann.agent@example.com", Some("Agent Ann"))
        );
        assert_eq!(
            canceled.organizer.expect("a host").email.as_deref(),
            Some("coach.one@example.com")
        );
        assert_eq!(
            canceled.answers.len(),
            1,
            "the answers survive a cancellation that does not repeat them"
        );
    }
    let moved = one(&["001", "013", "016", "019"]);
    assert_eq!(
        (moved.target, moved.approval),
        (Target::Confirmed, Approval::NotNeeded)
    );
}

#[test]
fn a_request_is_confirmed_or_declined() {
    let requested = one(&["038"]);
    assert_eq!(
        (requested.target, requested.approval),
        (Target::Requested, Approval::Pending)
    );
    let confirmed = one(&["038", "039", "040", "041"]);
    assert_eq!(
        (confirmed.target, confirmed.approval),
        (Target::Confirmed, Approval::Given)
    );
    let declined = one(&["043", "044", "045", "046"]);
    assert_eq!(
        (declined.target, declined.approval),
        (Target::Rejected, Approval::Pending)
    );
    assert!(declined.reason.is_some());
}

#[test]
fn moving_a_confirmed_request_asks_again() {
    let asked = one(&["038", "039", "040", "041", "147", "148"]);
    assert_eq!(
        (asked.target, asked.approval, asked.moves),
        (Target::Requested, Approval::Pending, 1)
    );
    assert_eq!(asked.starts_at, at("2026-12-09T15:00:00Z"));
    assert_eq!(
        asked.by.as_deref(),
        Some("bob.agent@example.com"),
        "the client's own address, not Cal.com's form of it"
    );
}

#[test]
fn one_occurrence_of_a_series_moves_alone() {
    let moved =
        one(&["066", "068", "073", "074"]
            .map(|number| if number == "068" { "064" } else { number }));
    assert_eq!((moved.target, moved.moves), (Target::Confirmed, 1));
    assert_eq!(moved.starts_at, at("2026-12-10T14:00:00Z"));
    let canceled = one(&["078", "079", "084", "085"]);
    assert_eq!(
        (canceled.target, canceled.lineage_key),
        (Target::Canceled, None)
    );
}

#[test]
fn a_canceled_seat_leaves_the_others_where_they_are() {
    let seats = in_every_order(&["099", "100", "110", "111"]);
    let target = |seat: &str| seats[seat].as_ref().expect("enough is known").target;
    assert_eq!(target("seat1@example.com"), Target::Confirmed);
    assert_eq!(target("seat2@example.com"), Target::Canceled);
    assert_eq!(seats.len(), 2, "the group itself is nobody's booking");
}

#[test]
fn the_clock_ends_a_meeting_whatever_comes_first() {
    let over = one(&["005", "006", "151", "152", "153", "154"]);
    assert_eq!((over.target, over.has_started), (Target::Completed, true));
    let begun = one(&["005", "006", "151", "153"]);
    assert_eq!((begun.target, begun.has_started), (Target::Confirmed, true));
    assert_eq!(
        in_every_order(&["151", "152", "049"])
            .into_values()
            .collect::<Vec<_>>(),
        [None],
        "who and where is not known"
    );
}

#[test]
fn an_absence_can_be_taken_back() {
    let created = numbered(&["026"]).remove(0);
    let uid = created.json()["payload"]["uid"].clone();
    let marked = |no_show: bool, sent: &str| {
        numbered(&["049"]).remove(0).edited(|json| {
            json["createdAt"] = sent.into();
            json["payload"]["bookingUid"] = uid.clone();
            json["payload"]["attendees"][0]["noShow"] = no_show.into();
        })
    };
    let absent = marked(true, "2026-12-07T15:10:00.000Z");
    let present = marked(false, "2026-12-07T15:20:00.000Z");
    for order in permutations(&[created.clone(), absent.clone(), present]) {
        assert_eq!(
            meaning(&order)[""]
                .as_ref()
                .expect("enough is known")
                .absent,
            Some(false)
        );
    }
    for order in permutations(&[created, absent]) {
        assert_eq!(
            meaning(&order)[""]
                .as_ref()
                .expect("enough is known")
                .absent,
            Some(true)
        );
    }
}
