//! A coach with an account at Cal.com moves there by the API alone, is booked there, and moves
//! back.

use chrono::TimeDelta;
use entity::booking::Status;
use entity::coach::Scheduler;
use entity::sync_state::{self, State};
use sea_orm::EntityTrait;
use serde_json::{Value, json};
use simulators::{Point, cal_com};
use tests::{Answer, On, both_bare, key, soon};

use super::lab::{COACH, Lab, client_of, options, setup};

both_bare![
    a_coach_moves_to_cal_com_and_is_booked_there,
    a_dry_run_does_nothing_and_a_second_run_makes_nothing_twice,
    without_an_account_nobody_moves,
    what_is_changed_while_a_coach_moves_is_carried_there_afterwards,
    what_changes_here_changes_there,
    what_changes_there_changes_here_and_the_latest_change_wins,
    what_is_offered_there_is_taken_over_unlisted,
    hours_go_both_ways_and_nonsense_stays_out,
];

const REPORT: &str = "report { isDone isDryRun bookingsKept coach { scheduler } steps { subject name outcome message } }";

/// A coach with a key of their account, and nothing wired by hand.
pub(super) async fn unwired(on: On) -> Lab {
    unwired_of(on, None).await
}

/// The same, of a platform whose organization is known.
pub(super) async fn unwired_of(on: On, organization_id: Option<i64>) -> Lab {
    let options = options();
    let clock = options.clock.clone();
    let cal = cal_com::start(options).await.expect("a free loopback port");
    let app = setup(&cal)
        .cal_com(client_of(&cal, organization_id))
        .start(on)
        .await;
    let (_, api_key) = cal.add_account(
        "Nora Whitfield",
        "nora@coaches.example.com",
        "America/New_York",
    );
    let offer = app.offer(COACH, "coaching-60").await;
    Lab {
        app,
        cal,
        clock,
        offer,
        api_key,
    }
}

pub(super) async fn connected(on: On) -> Lab {
    let lab = unwired(on).await;
    let input = json!({ "apiKey": lab.api_key });
    let answer = lab
        .app
        .coach(COACH)
        .mutate("connectWithApiKey", input, "account { health }")
        .await;
    assert_eq!(answer.user_errors(), Vec::<&str>::new(), "{answer:?}");
    lab
}

pub(super) async fn migrate(lab: &Lab, to: &str, dry_run: bool) -> Answer {
    lab.app
        .coach(COACH)
        .mutate(
            "migrateCoach",
            json!({ "to": to, "dryRun": dry_run }),
            REPORT,
        )
        .await
}

pub(super) async fn migrated(on: On) -> Lab {
    let mut lab = connected(on).await;
    let answer = migrate(&lab, "CALCOM", false).await;
    assert_eq!(answer.at("/migrateCoach/report/isDone"), true, "{answer:?}");
    lab.offer = lab.app.offer(COACH, "coaching-60").await;
    lab
}

fn outcomes(answer: &Answer) -> Vec<(String, String)> {
    let steps = answer
        .at("/migrateCoach/report/steps")
        .as_array()
        .cloned()
        .unwrap_or_default();
    let text = |step: &Value, name: &str| step[name].as_str().unwrap_or_default().to_owned();
    steps
        .iter()
        .map(|step| (text(step, "name"), text(step, "outcome")))
        .collect()
}

/// An event type there, as their API shows it.
async fn there(lab: &Lab, slug: &str) -> Value {
    let all = get(lab, "/v2/event-types", "2024-06-14").await;
    let all = all["data"].as_array().cloned().unwrap_or_default();
    all.into_iter()
        .find(|theirs| theirs["slug"] == slug)
        .unwrap_or_default()
}

pub(super) async fn get(lab: &Lab, path: &str, version: &str) -> Value {
    let request = reqwest::Client::new().get(format!("{}{path}", lab.cal.url()));
    let request = request
        .bearer_auth(&lab.api_key)
        .header("cal-api-version", version);
    request
        .send()
        .await
        .expect("it serves")
        .json()
        .await
        .expect("JSON")
}

/// Something that the coach changes there.
pub(super) async fn patch(lab: &Lab, path: &str, version: &str, body: Value) {
    let request = reqwest::Client::new().patch(format!("{}{path}", lab.cal.url()));
    let request = request
        .bearer_auth(&lab.api_key)
        .header("cal-api-version", version)
        .json(&body);
    let answer = request.send().await.expect("it serves");
    assert!(answer.status().is_success(), "{path}: {}", answer.status());
}

async fn a_coach_moves_to_cal_com_and_is_booked_there(on: On) {
    let lab = migrated(on).await;
    assert_eq!(lab.offer.coach.scheduler, Scheduler::CalCom);
    let theirs = there(&lab, "coaching-60").await;
    assert_eq!(
        Some(theirs["id"].to_string()),
        lab.offer.event_type.provider_event_type_id
    );
    assert_eq!(theirs["title"], lab.offer.event_type.title);
    assert_eq!(
        theirs["lengthInMinutes"],
        lab.offer.event_type.length_minutes
    );
    assert_eq!(
        theirs["afterEventBuffer"],
        lab.offer.event_type.buffer_after_minutes
    );
    let hours = get(&lab, "/v2/schedules/default", "2024-06-11").await;
    assert_ne!(
        hours["data"]["name"], "Working Hours",
        "ours is the default there"
    );

    let id = lab.booked("2026-11-25T15:00:00Z").await;
    lab.settle(TimeDelta::seconds(20)).await;
    assert!(
        [Status::Confirmed, Status::PaymentPending, Status::Scheduled]
            .contains(&lab.app.booking(&id).await.status)
    );
    assert_eq!(lab.live_there().len(), 1);
    assert_eq!(lab.agree().await, Ok(()));

    let back = migrate(&lab, "NATIVE", false).await;
    assert_eq!(back.at("/migrateCoach/report/coach/scheduler"), "NATIVE");
    assert_eq!(
        back.at("/migrateCoach/report/bookingsKept"),
        1,
        "it stays where it was granted"
    );
    let moved =
        json!({ "idempotencyKey": key(), "bookingId": id, "startsAt": "2026-11-25T18:00:00Z" });
    let moved = lab
        .app
        .client("maria")
        .mutate("rescheduleBooking", moved, "booking { startsAt }")
        .await;
    assert_eq!(
        moved.user_errors(),
        Vec::<&str>::new(),
        "and is moved there"
    );
    assert_eq!(
        moved.at("/rescheduleBooking/booking/startsAt"),
        "2026-11-25T18:00:00.000Z"
    );
    lab.settle(TimeDelta::seconds(20)).await;
    assert_eq!(lab.agree().await, Ok(()));
    let input = json!({ "idempotencyKey": key(), "bookingId": id, "reason": "ill" });
    lab.app
        .client("maria")
        .mutate("cancelBooking", input, "booking { status }")
        .await;
    lab.settle(TimeDelta::seconds(20)).await;
    assert_eq!(lab.live_there().len(), 0, "and is still looked after there");
    lab.app.finish().await;
}

async fn a_dry_run_does_nothing_and_a_second_run_makes_nothing_twice(on: On) {
    let lab = connected(on).await;
    // One is there already, as a run that was cut off leaves it.
    let body = json!({ "title": "Half done", "slug": "coaching-60", "lengthInMinutes": 15 });
    lab.post("/v2/event-types", "2024-06-14", body).await;
    let before = get(&lab, "/v2/event-types", "2024-06-14").await;
    let planned = migrate(&lab, "CALCOM", true).await;
    assert_eq!(planned.at("/migrateCoach/report/isDone"), false);
    assert_eq!(planned.at("/migrateCoach/report/coach/scheduler"), "NATIVE");
    assert_eq!(get(&lab, "/v2/event-types", "2024-06-14").await, before);

    let done = migrate(&lab, "CALCOM", false).await;
    assert_eq!(done.at("/migrateCoach/report/isDone"), true, "{done:?}");
    assert_eq!(outcomes(&done), outcomes(&planned), "as it was foretold");
    let title = lab.offer.event_type.title.clone();
    assert!(
        outcomes(&done).contains(&(title, "ADOPTED".to_owned())),
        "{done:?}"
    );
    let after = get(&lab, "/v2/event-types", "2024-06-14").await;
    let again = migrate(&lab, "CALCOM", false).await;
    assert!(
        outcomes(&again)
            .iter()
            .all(|(_, outcome)| outcome == "UPDATED"),
        "{again:?}"
    );
    assert_eq!(get(&lab, "/v2/event-types", "2024-06-14").await, after);
    lab.app.finish().await;
}

async fn without_an_account_nobody_moves(on: On) {
    let lab = unwired(on).await;
    assert_eq!(
        migrate(&lab, "CALCOM", false).await.user_errors(),
        ["INVALID_STATE"]
    );
    let input = json!({ "to": "CALCOM", "coachId": lab.offer.coach_id() });
    let other = lab
        .app
        .coach("marcus")
        .mutate("migrateCoach", input, REPORT)
        .await;
    assert_eq!(other.user_errors(), ["NOT_FOUND"]);
    assert_eq!(
        lab.app.offer(COACH, "coaching-60").await.coach.scheduler,
        Scheduler::Native
    );
    lab.app.finish().await;
}

/// What the coach does while their offers are being brought to Cal.com: hours and offers are others
/// then.
async fn change_everything(lab: &Lab) {
    let hours = lab
        .offer
        .coach
        .default_schedule_id
        .expect("the demo data has hours");
    let hours = courtside::graphql::id::Kind::Schedule.id(hours);
    let week = json!([{ "weekday": "FRIDAY", "from": "10:00", "until": "16:00" }]);
    let intro = lab.app.offer(COACH, "intro-20").await;
    let changes = [
        (
            "archiveEventType",
            json!({ "eventTypeId": intro.id() }),
            "eventType { id }",
        ),
        (
            "updateEventType",
            json!({ "eventTypeId": lab.offer.id(), "title": "Renamed meanwhile" }),
            "eventType { id }",
        ),
        (
            "createEventType",
            json!({ "title": "New", "slug": "made-meanwhile", "lengthMinutes": 45 }),
            "eventType { id }",
        ),
        (
            "updateSchedule",
            json!({ "scheduleId": hours, "weeklyHours": week }),
            "schedule { id }",
        ),
    ];
    for (mutation, input, fields) in changes {
        let done = lab.app.coach(COACH).mutate(mutation, input, fields).await;
        assert_eq!(done.user_errors(), Vec::<&str>::new(), "{done:?}");
    }
}

async fn what_is_changed_while_a_coach_moves_is_carried_there_afterwards(on: On) {
    let lab = connected(on).await;
    let waits = lab.cal.hold(Point::BeforeCommit, "/v2/event-types");
    let meanwhile = async {
        soon(
            "the hours are there, and the offers are next",
            waits.reached(1),
        )
        .await;
        change_everything(&lab).await;
        waits.release();
    };
    let (done, ()) = tokio::join!(migrate(&lab, "CALCOM", false), meanwhile);
    assert_eq!(done.at("/migrateCoach/report/isDone"), true, "{done:?}");
    let before = lab.offer.event_type.title.clone();
    assert_eq!(
        there(&lab, "coaching-60").await["title"],
        before,
        "it went there as it was when the coach set out"
    );

    lab.app.run_jobs().await;
    assert_eq!(
        there(&lab, "coaching-60").await["title"],
        "Renamed meanwhile"
    );
    assert_eq!(there(&lab, "made-meanwhile").await["lengthInMinutes"], 45);
    assert_eq!(
        there(&lab, "intro-20").await["hidden"],
        true,
        "it was archived after it had been packed"
    );
    let hours =
        get(&lab, "/v2/schedules/default", "2024-06-11").await["data"]["availability"].clone();
    assert_eq!(
        hours,
        json!([{ "days": ["Friday"], "startTime": "10:00", "endTime": "16:00" }])
    );
    let kept = sync_state::Entity::find()
        .all(lab.app.db().read())
        .await
        .expect("the database answers");
    assert!(
        kept.iter().all(|row| row.state == State::Synced),
        "{kept:?}"
    );
    lab.app.finish().await;
}

const EDITED: &str = "eventType { calendarSync { state message } }";

async fn what_changes_here_changes_there(on: On) {
    let lab = migrated(on).await;
    let nora = lab.app.coach(COACH);
    let input = json!({ "eventTypeId": lab.offer.id(), "title": "Deep coaching", "bufferAfterMinutes": 25 });
    let edited = nora.mutate("updateEventType", input, EDITED).await;
    assert_eq!(
        edited.at("/updateEventType/eventType/calendarSync/state"),
        "PENDING",
        "{edited:?}"
    );
    lab.app.run_jobs().await;
    let theirs = there(&lab, "coaching-60").await;
    assert_eq!(
        (&theirs["title"], &theirs["afterEventBuffer"]),
        (&json!("Deep coaching"), &json!(25))
    );

    let input = json!({ "title": "Intensive", "slug": "intensive", "lengthMinutes": 90 });
    let made = nora
        .mutate("createEventType", input, "eventType { id }")
        .await;
    assert_eq!(made.user_errors(), Vec::<&str>::new(), "{made:?}");
    lab.app.run_jobs().await;
    assert_eq!(there(&lab, "intensive").await["lengthInMinutes"], 90);
    let id = made.text("/createEventType/eventType/id");
    let shown = format!("{{ eventType(by: {{ id: \"{id}\" }}) {{ calendarSync {{ state }} }} }}");
    assert_eq!(
        nora.gql(&shown, json!({}))
            .await
            .at("/eventType/calendarSync/state"),
        "SYNCED"
    );
    let seen = lab.app.client("maria").gql(&shown, json!({})).await;
    assert_eq!(
        seen.refusal().as_deref(),
        Some("FORBIDDEN"),
        "that is the coach's business"
    );

    nora.mutate(
        "archiveEventType",
        json!({ "eventTypeId": id }),
        "eventType { id }",
    )
    .await;
    lab.app.run_jobs().await;
    assert_eq!(
        there(&lab, "intensive").await["hidden"],
        true,
        "hidden, as deleting would take bookings along"
    );
    lab.app.finish().await;
}

async fn what_changes_there_changes_here_and_the_latest_change_wins(on: On) {
    let lab = migrated(on).await;
    let nora = lab.app.coach(COACH);
    let path = format!("/v2/event-types/{}", there(&lab, "coaching-60").await["id"]);
    let look = async || {
        let answer = nora
            .mutate("syncCalendarSettings", json!({}), "coach { id }")
            .await;
        assert_eq!(answer.user_errors(), Vec::<&str>::new(), "{answer:?}");
        lab.app.run_jobs().await;
    };
    lab.advance(TimeDelta::minutes(5));
    patch(
        &lab,
        &path,
        "2024-06-14",
        json!({ "title": "Renamed there" }),
    )
    .await;
    look().await;
    let offer = lab.app.offer(COACH, "coaching-60").await;
    assert_eq!(offer.event_type.title, "Renamed there");
    assert_eq!(
        offer.event_type.price_minor, lab.offer.event_type.price_minor,
        "the price is ours to say"
    );

    // Both sides, ours last.
    lab.advance(TimeDelta::minutes(5));
    patch(
        &lab,
        &path,
        "2024-06-14",
        json!({ "title": "Renamed there again" }),
    )
    .await;
    let input = json!({ "eventTypeId": lab.offer.id(), "title": "Renamed here" });
    nora.mutate("updateEventType", input, EDITED).await;
    look().await;
    assert_eq!(there(&lab, "coaching-60").await["title"], "Renamed here");
    assert_eq!(
        lab.app.offer(COACH, "coaching-60").await.event_type.title,
        "Renamed here"
    );

    // What cannot be offered here is told, and nothing is spoilt.
    patch(&lab, &path, "2024-06-14", json!({ "lengthInMinutes": 7 })).await;
    look().await;
    let shown = format!(
        "{{ eventType(by: {{ id: \"{}\" }}) {{ lengthMinutes calendarSync {{ state message }} }} }}",
        lab.offer.id()
    );
    let shown = nora.gql(&shown, json!({})).await;
    assert_eq!(
        shown.at("/eventType/calendarSync/state"),
        "FAILED",
        "{shown:?}"
    );
    assert_eq!(
        shown.at("/eventType/lengthMinutes"),
        lab.offer.event_type.length_minutes
    );
    lab.app.finish().await;
}

async fn what_is_offered_there_is_taken_over_unlisted(on: On) {
    let lab = connected(on).await;
    for (slug, minutes) in [("their-own", 45), ("coaching-60", 60), ("odd", 7)] {
        let body = json!({ "title": slug, "slug": slug, "lengthInMinutes": minutes });
        lab.post("/v2/event-types", "2024-06-14", body).await;
    }
    let fields = "import { eventTypes { slug visibility lengthMinutes } skipped { title } }";
    let nora = lab.app.coach(COACH);
    let done = nora.mutate("importEventTypes", json!({}), fields).await;
    let found = done
        .at("/importEventTypes/import/eventTypes")
        .as_array()
        .cloned()
        .unwrap_or_default();
    assert!(
        found.contains(
            &json!({ "slug": "their-own", "visibility": "UNLISTED", "lengthMinutes": 45 })
        ),
        "{done:?}"
    );
    assert_eq!(found.len(), 2, "one is linked with ours: {done:?}");
    assert_eq!(
        done.at("/importEventTypes/import/skipped"),
        &json!([{ "title": "odd" }])
    );
    let again = nora.mutate("importEventTypes", json!({}), fields).await;
    assert_eq!(again.at("/importEventTypes/import/eventTypes"), &json!([]));
    lab.app.run_jobs().await;
    lab.app.finish().await;
}

async fn hours_go_both_ways_and_nonsense_stays_out(on: On) {
    let lab = migrated(on).await;
    let nora = lab.app.coach(COACH);
    let id = courtside::graphql::id::Kind::Schedule.id(lab
        .offer
        .coach
        .default_schedule_id
        .expect("the demo data has hours"));
    let hours = json!([{ "weekday": "TUESDAY", "from": "10:00", "until": "24:00" }]);
    let input = json!({ "scheduleId": id, "weeklyHours": hours });
    let fields = "schedule { calendarSync { state message } weeklyHours { weekday from until } }";
    let done = nora.mutate("updateSchedule", input, fields).await;
    assert_eq!(
        done.at("/updateSchedule/schedule/calendarSync/state"),
        "PENDING",
        "{done:?}"
    );
    let off = json!({ "scheduleId": id, "overrides": [{ "date": "2026-12-01", "hours": [] }], "clearDates": [] });
    let done = nora
        .mutate("setScheduleOverrides", off, "schedule { id }")
        .await;
    assert_eq!(done.user_errors(), Vec::<&str>::new(), "{done:?}");
    lab.app.run_jobs().await;
    let theirs = get(&lab, "/v2/schedules/default", "2024-06-11").await["data"].clone();
    assert_eq!(
        theirs["availability"],
        json!([{ "days": ["Tuesday"], "startTime": "10:00", "endTime": "23:59" }])
    );
    let off = json!({ "date": "2026-12-01", "startTime": "00:00", "endTime": "00:00" });
    assert!(
        theirs["overrides"]
            .as_array()
            .is_some_and(|all| all.contains(&off)),
        "{theirs}"
    );

    lab.advance(TimeDelta::minutes(5));
    let path = format!("/v2/schedules/{}", theirs["id"]);
    let new = json!([{ "days": ["Friday"], "startTime": "08:00", "endTime": "12:00" }]);
    patch(&lab, &path, "2024-06-11", json!({ "availability": new })).await;
    nora.mutate("syncCalendarSettings", json!({}), "coach { id }")
        .await;
    let shown = format!(
        "{{ schedule(id: \"{}\") {{ weeklyHours {{ weekday from until }} calendarSync {{ state }} }} }}",
        id.as_str()
    );
    let taken = json!([{ "weekday": "FRIDAY", "from": "08:00", "until": "12:00" }]);
    let ours = nora.gql(&shown, json!({})).await;
    assert_eq!(ours.at("/schedule/weeklyHours"), &taken, "{ours:?}");
    assert_eq!(ours.at("/schedule/calendarSync/state"), "SYNCED");

    let backward = json!([{ "days": ["Friday"], "startTime": "12:00", "endTime": "08:00" }]);
    patch(
        &lab,
        &path,
        "2024-06-11",
        json!({ "availability": backward }),
    )
    .await;
    nora.mutate("syncCalendarSettings", json!({}), "coach { id }")
        .await;
    let ours = nora.gql(&shown, json!({})).await;
    assert_eq!(
        ours.at("/schedule/weeklyHours"),
        &taken,
        "theirs makes no sense"
    );
    assert_eq!(ours.at("/schedule/calendarSync/state"), "FAILED");
    lab.app.run_jobs().await;
    lab.app.finish().await;
}
