//! Subscriptions: in order, without gaps, for slow readers, across processes, and no longer than
//! allowed.

use std::collections::HashMap;
use std::time::Duration;

use chrono::TimeDelta;
use courtside::db::Topic;
use courtside::outbox::sequence::SEQUENCER_LOCK;
use entity::booking_event;
use entity::user::Role;
use futures_util::future::join_all;
use sea_orm::{ActiveModelTrait, ConnectionTrait, EntityTrait, IntoActiveModel, TransactionTrait};
use serde_json::{Value, json};
use tests::{Actor, Live, LiveMessage, TestApp, at, both, until};

use crate::booking::{MINE, cancel, create, id_of, reschedule};
use crate::slot::{slots, starts};

both![
    a_stream_resumes_from_its_cursor,
    related_objects_are_read_at_delivery,
    a_slow_reader_loses_nothing,
    changes_by_another_process_are_delivered,
    many_writers_of_two_processes_leave_no_gap,
    what_a_crashed_process_left_gets_its_place,
    nobody_who_books_waits_for_the_order_of_the_stream,
    a_socket_ends_with_its_token,
    an_event_stream_ends_with_its_token,
    a_socket_ends_with_the_rights_of_its_account,
    ended_subscriptions_are_no_longer_counted,
    one_booking_and_a_coach_can_be_watched,
    strangers_cannot_subscribe,
];

/// The cursors of the next so many changes.
async fn cursors(live: &mut Live, count: usize) -> Vec<String> {
    let mut cursors = Vec::new();
    for _ in 0..count {
        let message = live.next().await;
        assert_eq!(message["kind"], "CHANGE", "{message}");
        cursors.push(
            message["cursor"]
                .as_str()
                .expect("a cursor is text")
                .to_owned(),
        );
    }
    cursors
}

/// The cursors of what happened to a person's bookings after a cursor, as the database has them.
async fn written(app: &TestApp, name: &str, after: &str) -> Vec<String> {
    let id = Some(app.user(name).await.id);
    let after: i64 = after
        .trim_start_matches('e')
        .parse()
        .expect("a cursor of ours");
    let lines = app
        .history()
        .await
        .into_iter()
        .filter(|line| line.client_id == id && line.seq > after);
    lines.map(|line| format!("e{}", line.seq)).collect()
}

async fn a_stream_resumes_from_its_cursor(app: &TestApp) {
    let (maria, james) = (app.client("maria"), app.client("james"));
    let offer = app.offer("nora", "coaching-60").await;
    let mut live = maria.subscribe(MINE, json!({})).await;
    let snapshot = live.next().await;
    assert_eq!(snapshot["kind"], "SNAPSHOT", "the state comes first");
    assert_eq!(
        snapshot["bookings"].as_array().map(Vec::len),
        Some(1),
        "the coming booking of the demo data"
    );
    let id = id_of(&create(&maria, &offer.order(at("2026-11-25T14:00:00Z"))).await);
    let seen = cursors(&mut live, 2).await;
    live.close().await;

    // Meanwhile nobody is subscribed, and others book too.
    id_of(&create(&james, &offer.order(at("2026-11-25T17:00:00Z"))).await);
    for hour in [20, 19, 20] {
        reschedule(&maria, &id, &format!("2026-11-25T{hour}:00:00Z"))
            .await
            .ok();
    }
    for transport in 0..2 {
        let resumed = json!({ "after": seen[1] });
        let mut live = match transport {
            0 => maria.subscribe(MINE, resumed).await,
            _ => maria.stream(MINE, resumed).await,
        };
        let expected = written(app, "maria", &seen[1]).await;
        assert_eq!(
            expected.len(),
            4 + transport,
            "the confirmation, three moves, and the cancellation"
        );
        assert_eq!(cursors(&mut live, expected.len()).await, expected);
        if transport == 0 {
            cancel(&maria, &id).await.ok();
            assert_eq!(
                cursors(&mut live, 1).await,
                written(app, "maria", expected.last().expect("four")).await
            );
        }
        live.close().await;
    }
    app.run_jobs().await;
}

/// More than any buffer between the database and the reader holds.
const MANY: usize = 1500;
const LARGE: usize = 12 * 1024;

async fn related_objects_are_read_at_delivery(app: &TestApp) {
    let maria = app.client("maria");
    let watch = "subscription { bookingEvents(mine: true) {
        kind bookings { session { status } } change { kind } booking { status session { status } } } }";
    let mut live = maria.subscribe(watch, json!({})).await;
    assert_eq!(
        live.next().await["bookings"][0]["session"]["status"],
        "UPCOMING"
    );
    let offer = app.offer("nora", "coaching-60").await;
    let id = id_of(&create(&maria, &offer.order(at("2026-11-25T14:00:00Z"))).await);
    let confirmed = until_told(&mut live, "CONFIRMED").await;
    assert_eq!(
        confirmed["booking"]["session"]["status"], "UPCOMING",
        "{confirmed}"
    );
    cancel(&maria, &id).await.ok();
    let canceled = until_told(&mut live, "CANCELED").await;
    assert_eq!(
        canceled["booking"]["session"]["status"], "CANCELED",
        "{canceled}"
    );
    live.close().await;
    app.run_jobs().await;
}

/// The message about a change of that kind.
async fn until_told(live: &mut Live, kind: &str) -> Value {
    loop {
        let message = live.next().await;
        if message["change"]["kind"] == kind {
            return message;
        }
    }
}

async fn maria_s_booking(app: &TestApp) -> entity::booking::Model {
    let booking = app
        .bookings()
        .await
        .into_iter()
        .find(|row| row.status.is_active() && row.client_name == "Maria Santos");
    booking.expect("maria has a coming booking in the demo data")
}

async fn a_slow_reader_loses_nothing(app: &TestApp) {
    let maria = app.client("maria");
    let query = "subscription { bookingEvents(mine: true) { cursor kind change { reason } } }";
    let mut live = maria.subscribe(query, json!({})).await;
    let mut last = live.next().await["cursor"]
        .as_str()
        .expect("a cursor is text")
        .to_owned();
    let booking = maria_s_booking(app).await;
    for _ in 0..MANY / 50 {
        let line = booking_event::Model {
            seq: 0,
            booking_id: booking.id,
            coach_id: booking.coach_id,
            client_id: booking.client_id,
            kind: booking_event::Kind::LocationChanged,
            actor_kind: booking_event::ActorKind::System,
            actor_id: None,
            impersonator: None,
            source: booking_event::Source::Seed,
            correlation_id: "slow".to_owned(),
            version: booking.version,
            status_before: Some(booking.status),
            status_after: booking.status,
            before: None,
            after: None,
            reason: Some("x".repeat(LARGE)),
            occurred_at: app.now(),
        };
        let lines = (0..50).map(|_| {
            let mut row = line.clone().into_active_model().reset_all();
            row.seq = sea_orm::NotSet;
            row
        });
        booking_event::Entity::insert_many(lines)
            .exec_without_returning(app.db().write_one())
            .await
            .expect("sound rows");
        app.db().wake().on(Topic::Events).notify_waiters();
    }
    let expected = written(app, "maria", &last).await;
    assert_eq!(expected.len(), MANY);
    for cursor in expected {
        let message = live.next().await;
        assert_eq!(message["cursor"], json!(cursor), "after {last}");
        assert_eq!(
            message["change"]["reason"].as_str().map(str::len),
            Some(LARGE)
        );
        last = cursor;
    }
    live.close().await;
}

async fn changes_by_another_process_are_delivered(app: &TestApp) {
    let other = app.beside().await;
    let offer = app.offer("nora", "coaching-60").await;
    let mut here = app.client("maria").subscribe(MINE, json!({})).await;
    let mut there = other.client("maria").subscribe(MINE, json!({})).await;
    here.next().await;
    there.next().await;
    let id = id_of(
        &create(
            &other.client("maria"),
            &offer.order(at("2026-11-25T14:00:00Z")),
        )
        .await,
    );
    reschedule(&app.client("maria"), &id, "2026-11-25T19:00:00Z")
        .await
        .ok();
    cancel(&other.coach("nora"), &id).await.ok();
    let seen = cursors(&mut here, 5).await;
    assert_eq!(seen, cursors(&mut there, 5).await);
    assert_eq!(
        Some(seen),
        written(app, "maria", "e0")
            .await
            .rchunks(5)
            .next()
            .map(<[String]>::to_vec)
    );
    here.close().await;
    there.close().await;
    app.run_jobs().await;
    other.finish().await;
}

const COACH: &str = "subscription($id: ID!) { bookingEvents(coachId: $id) {
    cursor kind booking { id } change { kind version } } }";

async fn many_writers_of_two_processes_leave_no_gap(app: &TestApp) {
    let other = app.beside().await;
    let mut offers = Vec::new();
    for coach in ["nora", "grace", "marcus"] {
        let offer = app.offer(coach, "coaching-60").await;
        let range = json!({ "from": "2026-11-24T00:00:00Z", "until": "2026-12-08T00:00:00Z" });
        let free = slots(&app.visitor(), json!({ "id": offer.id(), "range": range })).await;
        offers.push((offer, starts(&free)));
    }
    let (first, nora) = (app.app.live.end().await.expect("it answers"), &offers[0].0);
    let watch = json!({ "id": nora.coach_id() });
    let mut here = app.admin().subscribe(COACH, watch.clone()).await;
    let mut there = other.admin().subscribe(COACH, watch).await;
    here.next().await;
    there.next().await;

    let mut writers = Vec::new();
    for number in 0..WRITERS {
        let name = format!("writer-{number}");
        app.enrol(&name, Role::Client).await;
        let actor = [app, &other][number % 2].client(&name);
        let (offer, free) = &offers[number % 3];
        // Every other one: none is too close to another.
        let start = at(&format!("{}:00Z", free[number / 3 * 2]));
        writers.push(async move {
            let booked = create(&actor, &offer.order(start)).await;
            if booked.user_errors().is_empty() {
                cancel(&actor, &id_of(&booked)).await.ok();
            }
        });
    }
    join_all(writers).await;

    let lines: Vec<_> = app
        .history()
        .await
        .into_iter()
        .filter(|line| line.seq > first)
        .collect();
    assert!(
        lines.len() > WRITERS,
        "few of them could book: {}",
        lines.len()
    );
    let mut versions = HashMap::new();
    for (line, seq) in lines.iter().zip(first + 1..) {
        assert_eq!(line.seq, seq, "no place is left out");
        let version: &mut i64 = versions.entry(line.booking_id).or_default();
        *version += 1;
        assert_eq!(
            line.version, *version,
            "the versions of a booking follow each other"
        );
    }
    for booking in app.bookings().await {
        let written = versions
            .get(&booking.id)
            .copied()
            .unwrap_or(booking.version);
        assert_eq!(written, booking.version, "every change has its line, once");
    }
    let expected: Vec<_> = lines
        .iter()
        .filter(|line| line.coach_id == nora.coach.id)
        .map(|line| format!("e{}", line.seq))
        .collect();
    assert_eq!(cursors(&mut here, expected.len()).await, expected);
    assert_eq!(cursors(&mut there, expected.len()).await, expected);
    here.close().await;
    there.close().await;
    app.run_jobs().await;
    other.finish().await;
}

const WRITERS: usize = 27;

/// A process that wrote history and died told nobody of it.
async fn what_a_crashed_process_left_gets_its_place(app: &TestApp) {
    if !app.db().is_postgres() {
        return;
    }
    let maria = app.client("maria");
    let mut live = maria.subscribe(MINE, json!({})).await;
    let last = app
        .history()
        .await
        .pop()
        .expect("the demo data has a history");
    let booking = maria_s_booking(app).await;
    live.next().await;
    let left = format!(
        "insert into booking_event_pending (booking_id, coach_id, client_id, kind, actor_kind, source,
            correlation_id, version, status_after, occurred_at)
         select id, coach_id, client_id, 'LOCATION_CHANGED', 'SYSTEM', 'SEED', 'crash', version + 1,
            status, now() from booking where id = '{}'",
        booking.id
    );
    app.db()
        .write_one()
        .execute_unprepared(&left)
        .await
        .expect("a sound row");
    for refused in [
        "update booking_event_pending set reason = 'other'",
        "delete from booking_event_pending where correlation_id = 'crash'",
        "truncate booking_event_pending",
    ] {
        let outcome = app.db().write_one().execute_unprepared(refused).await;
        // It may have got its place already; then there is nothing to change.
        assert!(
            outcome.is_err() || outcome.is_ok_and(|done| done.rows_affected() == 0),
            "{refused}"
        );
    }
    assert_eq!(cursors(&mut live, 1).await, [format!("e{}", last.seq + 1)]);
    live.close().await;
}

/// The lock under which places are given is for those who give them.
async fn nobody_who_books_waits_for_the_order_of_the_stream(app: &TestApp) {
    if !app.db().is_postgres() {
        return;
    }
    let maria = app.client("maria");
    let offer = app.offer("nora", "coaching-60").await;
    let before = app.history().await.len();
    let giving = app.db().write_one().begin().await.expect("a transaction");
    let lock = format!("select pg_advisory_xact_lock({SEQUENCER_LOCK})");
    giving.execute_unprepared(&lock).await.expect("a lock");
    let orders = [14, 17, 20].map(|hour| offer.order(at(&format!("2026-11-25T{hour}:00:00Z"))));
    for order in &orders {
        let booking = tokio::time::timeout(Duration::from_secs(5), create(&maria, order));
        id_of(&booking.await.expect("nobody waits for the lock"));
    }
    giving.rollback().await.expect("it did nothing");
    assert_eq!(app.history().await.len(), before + 9, "three lines of each");
    app.run_jobs().await;
}

/// A person whose token has a moment left: as the clock stands still, it is looked at every second.
fn short_lived<'a>(app: &'a TestApp, name: &str) -> Actor<'a> {
    app.bearer(&app.token(name, Role::Client, TimeDelta::seconds(1)))
}

async fn a_socket_ends_with_its_token(app: &TestApp) {
    let maria = short_lived(app, "maria");
    let mut live = maria.subscribe(MINE, json!({})).await;
    live.next().await;
    app.clock.advance(TimeDelta::seconds(1));
    let LiveMessage::Closed(code, reason) = live.said().await else {
        panic!("the socket outlived its token")
    };
    assert_eq!(code, 4403, "{reason}");
    let answer = maria.gql("{ viewer { id } }", json!({})).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code()),
        (401, Some("UNAUTHENTICATED"))
    );
}

async fn an_event_stream_ends_with_its_token(app: &TestApp) {
    let mut live = short_lived(app, "maria").stream(MINE, json!({})).await;
    live.next().await;
    app.clock.advance(TimeDelta::seconds(1));
    let LiveMessage::Next(last) = live.said().await else {
        panic!("the stream outlived its token")
    };
    assert_eq!(
        last["errors"][0]["extensions"]["code"], "UNAUTHENTICATED",
        "{last}"
    );
    assert_eq!(live.said().await, LiveMessage::Complete);
}

async fn a_socket_ends_with_the_rights_of_its_account(app: &TestApp) {
    let mut live = short_lived(app, "maria").subscribe(MINE, json!({})).await;
    live.next().await;
    let mut row = app.user("maria").await.into_active_model();
    row.suspended_at = sea_orm::Set(Some(app.now()));
    row.update(app.db().write_one())
        .await
        .expect("the row is there");
    let LiveMessage::Closed(code, reason) = live.said().await else {
        panic!("the socket outlived the rights")
    };
    assert_eq!(code, 4403, "{reason}");
    let mut again = app.client("maria").socket().await;
    again.subscribe("1", MINE, json!({})).await;
    let tests::Frame::Message(refused) = again.frame().await else {
        panic!("no answer")
    };
    assert_eq!(refused["type"], "error");
    assert_eq!(
        refused["payload"][0]["extensions"]["code"], "FORBIDDEN",
        "{refused}"
    );
    again.close().await;
}

async fn ended_subscriptions_are_no_longer_counted(app: &TestApp) {
    let maria = app.client("maria");
    let mut open = Vec::new();
    for _ in 0..5 {
        open.push(maria.subscribe(MINE, json!({})).await);
        open.push(maria.stream(MINE, json!({})).await);
    }
    for live in &mut open {
        live.next().await;
    }
    assert_eq!(app.figure("courtside_subscriptions ").await, 10.0);
    assert!(app.figure("courtside_sockets ").await >= 5.0);
    for (index, live) in open.into_iter().enumerate() {
        // Half of them close, half drop the connection.
        if index % 4 < 2 {
            live.close().await
        } else {
            drop(live)
        }
    }
    for figure in ["courtside_subscriptions ", "courtside_sockets "] {
        until(figure, || async { app.figure(figure).await == 0.0 }).await;
    }
}

async fn one_booking_and_a_coach_can_be_watched(app: &TestApp) {
    let (maria, nora) = (app.client("maria"), app.coach("nora"));
    let offer = app.offer("nora", "coaching-60").await;
    let id = id_of(&create(&maria, &offer.order(at("2026-11-25T14:00:00Z"))).await);
    let one = "subscription($id: ID!) { bookingEvents(bookingId: $id) { cursor kind booking { id } change { kind } } }";
    let coach = "subscription($id: ID!) { bookingEvents(coachId: $id) { cursor kind booking { id } change { kind } } }";
    let mut watching = vec![
        maria.subscribe(one, json!({ "id": id })).await,
        nora.subscribe(one, json!({ "id": id })).await,
        nora.subscribe(coach, json!({ "id": offer.coach_id() }))
            .await,
        app.admin()
            .subscribe(coach, json!({ "id": offer.coach_id() }))
            .await,
    ];
    for live in &mut watching {
        assert_eq!(live.next().await["kind"], "SNAPSHOT");
    }
    id_of(
        &create(
            &app.client("james"),
            &offer.order(at("2026-11-25T17:00:00Z")),
        )
        .await,
    );
    reschedule(&maria, &id, "2026-11-25T20:00:00Z").await.ok();
    for (index, mut live) in watching.into_iter().enumerate() {
        let mut kinds = Vec::new();
        while kinds.last() != Some(&json!("MOVED")) {
            let message = live.next().await;
            assert!(
                index >= 2 || message["booking"]["id"] == json!(id),
                "somebody else's booking: {message}"
            );
            kinds.push(message["change"]["kind"].clone());
        }
        assert_eq!(kinds.len(), if index < 2 { 1 } else { 4 }, "{kinds:?}");
        live.close().await;
    }
    app.run_jobs().await;
}

async fn strangers_cannot_subscribe(app: &TestApp) {
    let offer = app.offer("nora", "coaching-60").await;
    let id = id_of(
        &create(
            &app.client("maria"),
            &offer.order(at("2026-11-25T14:00:00Z")),
        )
        .await,
    );
    let one = "subscription($id: ID!) { bookingEvents(bookingId: $id) { cursor } }";
    let coach = "subscription($id: ID!) { bookingEvents(coachId: $id) { cursor } }";
    let missing = "booking_00000000000000000000000000000000";
    for (actor, query, id, code) in [
        (app.client("james"), one, id.as_str(), "NOT_FOUND"),
        (app.client("james"), one, missing, "NOT_FOUND"),
        (app.coach("marcus"), one, id.as_str(), "NOT_FOUND"),
        (app.coach("marcus"), coach, &offer.coach_id(), "NOT_FOUND"),
        (app.client("maria"), coach, &offer.coach_id(), "NOT_FOUND"),
        (app.visitor(), one, id.as_str(), "UNAUTHENTICATED"),
        (app.visitor(), coach, &offer.coach_id(), "UNAUTHENTICATED"),
    ] {
        let mut live = actor.subscribe(query, json!({ "id": id })).await;
        let errors = match live.said().await {
            LiveMessage::Refused(errors) => errors,
            LiveMessage::Next(answer) => answer["errors"].clone(),
            said => panic!("{said:?}"),
        };
        assert_eq!(errors[0]["extensions"]["code"], json!(code), "{errors}");
        live.close().await;
    }
    let none = app
        .client("maria")
        .subscribe("subscription { bookingEvents { cursor } }", json!({}))
        .await
        .said()
        .await;
    assert!(
        matches!(&none, LiveMessage::Next(Value::Object(answer)) if !answer["errors"].is_null()),
        "{none:?}"
    );
    until("sockets are closed", || async {
        app.figure("courtside_sockets ").await == 0.0
    })
    .await;
    tokio::time::timeout(Duration::from_secs(5), app.app.live.end())
        .await
        .expect("it answers")
        .expect("it answers");
}
