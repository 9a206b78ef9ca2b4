//! What Cal.com accepted and our database must refuse.

use chrono::TimeDelta;
use entity::booking::{self, Conflict, Status};
use entity::booking_event::{Kind, Source};
use entity::coach::Scheduler;
use entity::event_type;
use entity::user::Role;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use sea_orm::ActiveValue::Set;
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel};

use crate::domain::booking::state::Event;
use crate::domain::booking::transition::apply;
use crate::domain::{Cause, Error};

use super::captures::{Capture, numbered, permutations};
use super::lab::Lab;

/// A booking of its own, an hour long, which starts so many minutes after the recorded one.
fn booking(number: i64, minutes: i64, host: i64, client: &str) -> Capture {
    numbered(&["001"]).remove(0).edited(|json| {
        let payload = &mut json["payload"];
        let uid = format!("uid-{number}");
        payload["uid"] = uid.clone().into();
        payload["iCalUID"] = format!("{uid}@Cal.com").into();
        payload["bookingId"] = number.into();
        payload["organizer"]["id"] = host.into();
        payload["organizer"]["email"] = format!("host-{host}@example.com").into();
        payload["attendees"][0]["email"] = client.into();
        payload["responses"]["email"]["value"] = client.into();
        for name in ["startTime", "endTime"] {
            let at: chrono::DateTime<chrono::Utc> = payload[name]
                .as_str()
                .expect("a time")
                .parse()
                .expect("a time");
            payload[name] = (at + TimeDelta::minutes(minutes)).to_rfc3339().into();
        }
    })
}

fn canceled(of: &Capture) -> Capture {
    of.edited(|json| {
        json["triggerEvent"] = "BOOKING_CANCELLED".into();
        json["payload"]["status"] = "CANCELLED".into();
    })
}

async fn conflicts(lab: &Lab) -> Vec<(String, Option<Conflict>)> {
    let mut found: Vec<_> = lab
        .bookings()
        .await
        .into_iter()
        .map(|row| (row.lineage_key.expect("a key"), row.conflict))
        .collect();
    found.sort_by(|one, other| one.0.cmp(&other.0));
    found
}

/// Sends these in every order and gives the conflicts that all orders end with.
async fn in_every_order(deliveries: &[Capture], clients: &[&str]) -> Vec<Option<Conflict>> {
    let mut expected = None;
    for order in permutations(deliveries) {
        let lab = Lab::open().await;
        for client in clients {
            lab.sign_in(client, Role::Client).await;
        }
        for delivery in &order {
            lab.post(delivery).await;
        }
        let found = conflicts(&lab).await;
        assert_eq!(expected.get_or_insert_with(|| found.clone()), &found);
    }
    expected
        .expect("one order at least")
        .into_iter()
        .map(|(_, conflict)| conflict)
        .collect()
}

const COACH: Option<Conflict> = Some(Conflict::CoachOverlap);
const CLIENT: Option<Conflict> = Some(Conflict::ClientOverlap);

#[tokio::test]
async fn the_lower_number_stands_in_every_order() {
    // 1 and 3 do not touch; 2 overlaps both and must give way, which lets 3 stand.
    let row = [
        booking(1, 0, 7, "a@x.io"),
        booking(2, 45, 7, "b@x.io"),
        booking(3, 90, 7, "c@x.io"),
    ];
    assert_eq!(in_every_order(&row, &[]).await, [None, COACH, None]);
    let first = &row[0];
    let gone = [row.as_slice(), &[canceled(first)]].concat();
    assert_eq!(
        in_every_order(&gone, &[]).await,
        [None, None, COACH],
        "once 1 is off, 2 stands, and 3 is in its way"
    );
}

#[tokio::test]
async fn a_client_cannot_be_in_two_places() {
    let two_hosts = [
        booking(1, 0, 7, "a@x.io"),
        booking(2, 30, 8, "a@x.io"),
        booking(3, 60, 8, "b@x.io"),
    ];
    assert_eq!(
        in_every_order(&two_hosts, &["a@x.io"]).await,
        [None, CLIENT, None]
    );
    assert_eq!(
        in_every_order(&two_hosts, &[]).await,
        [None, None, COACH],
        "who is nobody's client yet is in nobody's way"
    );
}

/// Two reasons at once: the same one is told, whichever was there first.
#[tokio::test]
async fn the_reason_does_not_depend_on_the_order() {
    let both = [
        booking(1, 0, 7, "c@x.io"),
        booking(3, 0, 8, "a@x.io"),
        booking(5, 30, 7, "a@x.io"),
    ];
    assert_eq!(
        in_every_order(&both, &["a@x.io"]).await,
        [None, None, COACH]
    );
}

#[tokio::test]
async fn signing_up_late_ends_in_the_same_conflict() {
    let lab = Lab::open().await;
    for delivery in [
        booking(2, 30, 8, "a@x.io"),
        booking(3, 60, 8, "b@x.io"),
        booking(1, 0, 7, "a@x.io"),
    ] {
        lab.post(&delivery).await;
    }
    lab.sign_in("a@x.io", Role::Client).await;
    let found: Vec<_> = conflicts(&lab)
        .await
        .into_iter()
        .map(|(_, conflict)| conflict)
        .collect();
    assert_eq!(found, [None, CLIENT, None]);
}

#[tokio::test]
async fn what_was_booked_here_stands_and_history_tells() {
    let lab = Lab::open().await;
    lab.post(&booking(1, 0, 7, "a@x.io")).await;
    let at_cal_com = lab.bookings().await.remove(0);
    let ours = booking::Model {
        id: entity::new_id(),
        reference: "CS-OURS".to_owned(),
        scheduler: Scheduler::Native,
        status: Status::Confirmed,
        starts_at: at_cal_com.starts_at + TimeDelta::hours(2),
        ends_at: at_cal_com.ends_at + TimeDelta::hours(2),
        busy_from: at_cal_com.busy_from + TimeDelta::hours(2),
        busy_until: at_cal_com.busy_until + TimeDelta::hours(2),
        client_email: None,
        ..at_cal_com.clone()
    };
    let seat_group = ours.id;
    let ours = booking::Model { seat_group, ..ours }
        .into_active_model()
        .reset_all();
    let ours = ours
        .insert(lab.app.db.write_one())
        .await
        .expect("it is free");
    let moved = |number: i64, minutes: i64, before: i64| {
        booking(number, minutes, 7, "a@x.io").edited(|json| {
            json["triggerEvent"] = "BOOKING_RESCHEDULED".into();
            json["payload"]["rescheduleUid"] = format!("uid-{before}").into();
        })
    };
    lab.post(&moved(2, 120, 1)).await;
    let kinds = |lines: Vec<entity::booking_event::Model>| {
        lines.into_iter().map(|line| line.kind).collect::<Vec<_>>()
    };
    let in_the_way = booking::Entity::find_by_id(at_cal_com.id)
        .one(lab.app.db.read())
        .await
        .expect("a query");
    let in_the_way = in_the_way.expect("it is kept");
    assert_eq!(
        (in_the_way.conflict, in_the_way.status),
        (COACH, Status::Confirmed)
    );
    assert_eq!(
        in_the_way.starts_at, ours.starts_at,
        "staff see where Cal.com has it"
    );
    lab.post(&moved(3, 300, 2)).await;
    assert_eq!(
        kinds(lab.history(at_cal_com.id).await),
        [
            Kind::Initiated,
            Kind::Scheduled,
            Kind::Confirmed,
            Kind::Moved,
            Kind::ConflictFound,
            Kind::Moved,
            Kind::ConflictResolved
        ]
    );
}

#[tokio::test]
async fn a_second_verification_is_kept_as_a_conflict() {
    let lab = Lab::open().await;
    lab.sign_in("a@x.io", Role::Client).await;
    lab.post(&canceled(&booking(9, 600, 7, "other@x.io"))).await;
    let offer = event_type::Entity::find_by_provider_id("calcom", "1")
        .one(lab.app.db.read())
        .await
        .expect("a query");
    let mut offer = offer
        .expect("imported with the first booking")
        .into_active_model();
    offer.kind = Set(event_type::Kind::Verification);
    offer.update(lab.app.db.write_one()).await.expect("changed");
    lab.post(&booking(2, 120, 7, "a@x.io")).await;
    lab.post(&booking(1, 0, 7, "a@x.io")).await;
    let found: Vec<_> = conflicts(&lab)
        .await
        .into_iter()
        .map(|(_, conflict)| conflict)
        .collect();
    assert_eq!(found, [None, Some(Conflict::SecondVerification), None]);
    lab.post(&canceled(&booking(1, 0, 7, "a@x.io"))).await;
    assert!(
        conflicts(&lab)
            .await
            .iter()
            .all(|(_, conflict)| conflict.is_none()),
        "the second is the only one now"
    );
}

#[tokio::test]
async fn what_was_canceled_here_is_not_brought_back_by_a_repetition() {
    let lab = Lab::open().await;
    lab.clock.advance(-TimeDelta::days(72));
    let [created, again] = numbered(&["001", "002"])
        .try_into()
        .unwrap_or_else(|_| panic!("two deliveries"));
    lab.post(&created).await;
    let ann = lab.sign_in("ann.agent@example.com", Role::Client).await;
    let id = lab.bookings().await[0].id;
    let cancel = crate::domain::booking::Cancel {
        booking_id: id,
        reason: None,
        version: None,
    };
    let refused =
        crate::domain::booking::cancel(&lab.app, &ann, "a-key-of-at-least-16", cancel).await;
    assert!(
        matches!(
            refused,
            Err(Error::Conflict(crate::domain::Conflict::InvalidState(_)))
        ),
        "its scheduler keeps it: {refused:?}"
    );
    let standing = lab.bookings().await.remove(0);
    let cause = Cause::system(Source::Sweeper, "a-test", lab.app.clock.now());
    lab.app
        .db
        .write(move |txn| {
            let (cause, standing) = (cause.clone(), standing.clone());
            Box::pin(async move {
                apply(txn, &cause, &standing, Event::Canceled, None, |_| ())
                    .await
                    .map(|_| ())
            })
        })
        .await
        .expect("it can be canceled");
    lab.post(&again).await;
    assert_eq!(lab.bookings().await[0].status, Status::Canceled);
    lab.post(&numbered(&["013"]).remove(0)).await;
    assert_eq!(
        lab.bookings().await[0].status,
        Status::Confirmed,
        "a new word of the scheduler counts"
    );
}

/// A busy week of two hosts and three people, made up: bookings on top of each other, moved,
/// canceled and declined.
fn crowd(dice: &mut StdRng) -> Vec<Capture> {
    let mut deliveries = Vec::new();
    let mut number = 0;
    for _ in 0..6 {
        let (host, client) = (
            dice.random_range(7..9),
            ["a@x.io", "b@x.io", "c@x.io"][dice.random_range(0..3)],
        );
        number += 1;
        let mut last = booking(number, 15 * dice.random_range(0..12), host, client);
        deliveries.push(last.clone());
        for _ in 0..dice.random_range(0..3) {
            let before = number;
            number += 1;
            last = booking(number, 15 * dice.random_range(0..12), host, client).edited(|json| {
                json["triggerEvent"] = "BOOKING_RESCHEDULED".into();
                json["payload"]["rescheduleUid"] = format!("uid-{before}").into();
            });
            deliveries.push(last.clone());
        }
        if dice.random_bool(0.3) {
            deliveries.push(canceled(&last));
        }
    }
    deliveries
}

#[tokio::test]
async fn crowds_end_in_one_state_in_every_order() {
    let mut conflicts = 0;
    for seed in 0..12 {
        let mut dice = StdRng::seed_from_u64(seed);
        let mut deliveries = crowd(&mut dice);
        let mut expected: Option<Vec<String>> = None;
        for _ in 0..5 {
            let lab = Lab::open().await;
            // A second look at the same clients: those who have signed up before, and those who do
            // so in the middle.
            lab.sign_in("a@x.io", Role::Client).await;
            let half = deliveries.len() / 2;
            for (index, delivery) in deliveries.iter().enumerate() {
                lab.receive(delivery).await;
                if dice.random_bool(0.5) {
                    lab.run_jobs().await;
                }
                if index == half {
                    lab.sign_in("b@x.io", Role::Client).await;
                }
            }
            lab.run_jobs().await;
            let state = lab.state().await;
            conflicts += state
                .iter()
                .filter(|booking| booking.contains("conflict Some"))
                .count();
            assert_eq!(
                expected.get_or_insert_with(|| state.clone()),
                &state,
                "seed {seed}"
            );
            deliveries.shuffle(&mut dice);
        }
    }
    assert!(
        conflicts > 50,
        "the crowds are dense enough to prove something: {conflicts}"
    );
}
