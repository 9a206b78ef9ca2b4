//! A coach with an account at Cal.com migrates there by the API alone, is booked there, and
//! migrates back.

use chrono::TimeDelta;
use entity::booking::Status;
use entity::coach::Scheduler;
use entity::sync_state::{self, State};
use sea_orm::EntityTrait;
use serde_json::{Value, json};
use simulators::Point;
use tests::{Answer, On, Setup, both_bare, cal_com, key, soon};

use super::fixture::{COACH, Fixture};

both_bare![
    a_coach_migrates_to_cal_com_and_is_booked_there,
    a_dry_run_changes_nothing_and_a_second_run_creates_no_duplicates,
    a_coach_without_an_account_cannot_migrate,
    changes_during_a_migration_are_pushed_afterwards,
    changes_here_are_pushed_to_cal_com,
    changes_at_cal_com_are_pulled_and_the_latest_wins,
    event_types_of_cal_com_are_imported_unlisted,
    hours_sync_both_ways_and_invalid_ones_are_ignored,
];

const REPORT: &str = "report { isDone isDryRun bookingsKept coach { scheduler } steps { subject name outcome message } }";

/// A coach with an API key of their account, which is not connected yet.
pub(super) async fn unwired(on: On) -> Fixture {
    unwired_of(on, None).await
}

/// The same, of a platform whose organization is known.
pub(super) async fn unwired_of(on: On, organization_id: Option<i64>) -> Fixture {
    let cal = cal_com::start().await;
    let client = cal_com::client(&cal, organization_id, cal_com::policy());
    let app = Setup::default()
        .cal_com(&cal)
        .cal_com_client(client)
        .start(on)
        .await;
    let (_, api_key) = cal.add_account(
        "Nora Whitfield",
        "nora@coaches.example.com",
        "America/New_York",
    );
    let offer = app.offer(COACH, "coaching-60").await;
    Fixture {
        app,
        cal,
        offer,
        api_key,
    }
}

pub(super) async fn connected(on: On) -> Fixture {
    let fixture = unwired(on).await;
    let input = json!({ "apiKey": fixture.api_key });
    let answer = fixture
        .app
        .coach(COACH)
        .mutate("connectWithApiKey", input, "account { health }")
        .await;
    assert_eq!(answer.user_errors(), Vec::<&str>::new(), "{answer:?}");
    fixture
}

pub(super) async fn migrate(fixture: &Fixture, to: &str, dry_run: bool) -> Answer {
    fixture
        .app
        .coach(COACH)
        .mutate(
            "migrateCoach",
            json!({ "to": to, "dryRun": dry_run }),
            REPORT,
        )
        .await
}

pub(super) async fn migrated(on: On) -> Fixture {
    let mut fixture = connected(on).await;
    let answer = migrate(&fixture, "CALCOM", false).await;
    assert_eq!(answer.at("/migrateCoach/report/isDone"), true, "{answer:?}");
    fixture.offer = fixture.app.offer(COACH, "coaching-60").await;
    fixture
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
async fn there(fixture: &Fixture, slug: &str) -> Value {
    let all = get(fixture, "/v2/event-types", "2024-06-14").await;
    let all = all["data"].as_array().cloned().unwrap_or_default();
    all.into_iter()
        .find(|theirs| theirs["slug"] == slug)
        .unwrap_or_default()
}

pub(super) async fn get(fixture: &Fixture, path: &str, version: &str) -> Value {
    let request = reqwest::Client::new().get(format!("{}{path}", fixture.cal.url()));
    let request = request
        .bearer_auth(&fixture.api_key)
        .header("cal-api-version", version);
    request
        .send()
        .await
        .expect("it serves")
        .json()
        .await
        .expect("JSON")
}

/// The coach changes something at Cal.com.
pub(super) async fn patch(fixture: &Fixture, path: &str, version: &str, body: Value) {
    let request = reqwest::Client::new().patch(format!("{}{path}", fixture.cal.url()));
    let request = request
        .bearer_auth(&fixture.api_key)
        .header("cal-api-version", version)
        .json(&body);
    let answer = request.send().await.expect("it serves");
    assert!(answer.status().is_success(), "{path}: {}", answer.status());
}

async fn a_coach_migrates_to_cal_com_and_is_booked_there(on: On) {
    let fixture = migrated(on).await;
    assert_eq!(fixture.offer.coach.scheduler, Scheduler::CalCom);
    let theirs = there(&fixture, "coaching-60").await;
    assert_eq!(
        Some(theirs["id"].to_string()),
        fixture.offer.event_type.provider_event_type_id
    );
    assert_eq!(theirs["title"], fixture.offer.event_type.title);
    assert_eq!(
        theirs["lengthInMinutes"],
        fixture.offer.event_type.length_minutes
    );
    assert_eq!(
        theirs["afterEventBuffer"],
        fixture.offer.event_type.buffer_after_minutes
    );
    let hours = get(&fixture, "/v2/schedules/default", "2024-06-11").await;
    assert_ne!(
        hours["data"]["name"], "Working Hours",
        "ours is the default there"
    );

    let id = fixture.booked("2026-11-25T15:00:00Z").await;
    fixture.settle(TimeDelta::seconds(20)).await;
    assert!(
        [Status::Confirmed, Status::PaymentPending, Status::Scheduled]
            .contains(&fixture.app.booking(&id).await.status)
    );
    assert_eq!(fixture.live_there().len(), 1);
    assert_eq!(fixture.agree().await, Ok(()));

    let back = migrate(&fixture, "NATIVE", false).await;
    assert_eq!(back.at("/migrateCoach/report/coach/scheduler"), "NATIVE");
    assert_eq!(
        back.at("/migrateCoach/report/bookingsKept"),
        1,
        "it stays where it was granted"
    );
    let moved =
        json!({ "idempotencyKey": key(), "bookingId": id, "startsAt": "2026-11-25T18:00:00Z" });
    let moved = fixture
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
    fixture.settle(TimeDelta::seconds(20)).await;
    assert_eq!(fixture.agree().await, Ok(()));
    let input = json!({ "idempotencyKey": key(), "bookingId": id, "reason": "ill" });
    fixture
        .app
        .client("maria")
        .mutate("cancelBooking", input, "booking { status }")
        .await;
    fixture.settle(TimeDelta::seconds(20)).await;
    assert_eq!(
        fixture.live_there().len(),
        0,
        "and is still looked after there"
    );
    fixture.app.finish().await;
}

async fn a_dry_run_changes_nothing_and_a_second_run_creates_no_duplicates(on: On) {
    let fixture = connected(on).await;
    // One is there already, as an interrupted run leaves it.
    let body = json!({ "title": "Half done", "slug": "coaching-60", "lengthInMinutes": 15 });
    fixture.post("/v2/event-types", "2024-06-14", body).await;
    let before = get(&fixture, "/v2/event-types", "2024-06-14").await;
    let planned = migrate(&fixture, "CALCOM", true).await;
    assert_eq!(planned.at("/migrateCoach/report/isDone"), false);
    assert_eq!(planned.at("/migrateCoach/report/coach/scheduler"), "NATIVE");
    assert_eq!(get(&fixture, "/v2/event-types", "2024-06-14").await, before);

    let done = migrate(&fixture, "CALCOM", false).await;
    assert_eq!(done.at("/migrateCoach/report/isDone"), true, "{done:?}");
    assert_eq!(outcomes(&done), outcomes(&planned), "as it was foretold");
    let title = fixture.offer.event_type.title.clone();
    assert!(
        outcomes(&done).contains(&(title, "ADOPTED".to_owned())),
        "{done:?}"
    );
    let after = get(&fixture, "/v2/event-types", "2024-06-14").await;
    let again = migrate(&fixture, "CALCOM", false).await;
    assert!(
        outcomes(&again)
            .iter()
            .all(|(_, outcome)| outcome == "UPDATED"),
        "{again:?}"
    );
    assert_eq!(get(&fixture, "/v2/event-types", "2024-06-14").await, after);
    fixture.app.finish().await;
}

async fn a_coach_without_an_account_cannot_migrate(on: On) {
    let fixture = unwired(on).await;
    assert_eq!(
        migrate(&fixture, "CALCOM", false).await.user_errors(),
        ["INVALID_STATE"]
    );
    let input = json!({ "to": "CALCOM", "coachId": fixture.offer.coach_id() });
    let other = fixture
        .app
        .coach("marcus")
        .mutate("migrateCoach", input, REPORT)
        .await;
    assert_eq!(other.user_errors(), ["NOT_FOUND"]);
    assert_eq!(
        fixture
            .app
            .offer(COACH, "coaching-60")
            .await
            .coach
            .scheduler,
        Scheduler::Native
    );
    fixture.app.finish().await;
}

/// The coach changes hours and event types while they are being pushed to Cal.com.
async fn change_everything(fixture: &Fixture) {
    let hours = fixture
        .offer
        .coach
        .default_schedule_id
        .expect("the demo data has hours");
    let hours = courtside::graphql::id::Kind::Schedule.id(hours);
    let week = json!([{ "weekday": "FRIDAY", "from": "10:00", "until": "16:00" }]);
    let intro = fixture.app.offer(COACH, "intro-20").await;
    let changes = [
        (
            "archiveEventType",
            json!({ "eventTypeId": intro.id() }),
            "eventType { id }",
        ),
        (
            "updateEventType",
            json!({ "eventTypeId": fixture.offer.id(), "title": "Renamed meanwhile" }),
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
        let done = fixture
            .app
            .coach(COACH)
            .mutate(mutation, input, fields)
            .await;
        assert_eq!(done.user_errors(), Vec::<&str>::new(), "{done:?}");
    }
}

async fn changes_during_a_migration_are_pushed_afterwards(on: On) {
    let fixture = connected(on).await;
    let waits = fixture.cal.hold(Point::BeforeCommit, "/v2/event-types");
    let meanwhile = async {
        soon(
            "the hours are there, and the offers are next",
            waits.reached(1),
        )
        .await;
        change_everything(&fixture).await;
        waits.release();
    };
    let (done, ()) = tokio::join!(migrate(&fixture, "CALCOM", false), meanwhile);
    assert_eq!(done.at("/migrateCoach/report/isDone"), true, "{done:?}");
    let before = fixture.offer.event_type.title.clone();
    assert_eq!(
        there(&fixture, "coaching-60").await["title"],
        before,
        "it went there as it was when the coach set out"
    );

    fixture.app.run_jobs().await;
    assert_eq!(
        there(&fixture, "coaching-60").await["title"],
        "Renamed meanwhile"
    );
    assert_eq!(
        there(&fixture, "made-meanwhile").await["lengthInMinutes"],
        45
    );
    assert_eq!(
        there(&fixture, "intro-20").await["hidden"],
        true,
        "it was archived after it had been packed"
    );
    let hours =
        get(&fixture, "/v2/schedules/default", "2024-06-11").await["data"]["availability"].clone();
    assert_eq!(
        hours,
        json!([{ "days": ["Friday"], "startTime": "10:00", "endTime": "16:00" }])
    );
    let kept = sync_state::Entity::find()
        .all(fixture.app.db().read())
        .await
        .expect("the database answers");
    assert!(
        kept.iter().all(|row| row.state == State::Synced),
        "{kept:?}"
    );
    fixture.app.finish().await;
}

const EDITED: &str = "eventType { calendarSync { state message } }";

async fn changes_here_are_pushed_to_cal_com(on: On) {
    let fixture = migrated(on).await;
    let nora = fixture.app.coach(COACH);
    let input = json!({ "eventTypeId": fixture.offer.id(), "title": "Deep coaching", "bufferAfterMinutes": 25 });
    let edited = nora.mutate("updateEventType", input, EDITED).await;
    assert_eq!(
        edited.at("/updateEventType/eventType/calendarSync/state"),
        "PENDING",
        "{edited:?}"
    );
    fixture.app.run_jobs().await;
    let theirs = there(&fixture, "coaching-60").await;
    assert_eq!(
        (&theirs["title"], &theirs["afterEventBuffer"]),
        (&json!("Deep coaching"), &json!(25))
    );

    let input = json!({ "title": "Intensive", "slug": "intensive", "lengthMinutes": 90 });
    let made = nora
        .mutate("createEventType", input, "eventType { id }")
        .await;
    assert_eq!(made.user_errors(), Vec::<&str>::new(), "{made:?}");
    fixture.app.run_jobs().await;
    assert_eq!(there(&fixture, "intensive").await["lengthInMinutes"], 90);
    let id = made.text("/createEventType/eventType/id");
    let shown = format!("{{ eventType(by: {{ id: \"{id}\" }}) {{ calendarSync {{ state }} }} }}");
    assert_eq!(
        nora.gql(&shown, json!({}))
            .await
            .at("/eventType/calendarSync/state"),
        "SYNCED"
    );
    let seen = fixture.app.client("maria").gql(&shown, json!({})).await;
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
    fixture.app.run_jobs().await;
    assert_eq!(
        there(&fixture, "intensive").await["hidden"],
        true,
        "hidden, as deleting would take bookings along"
    );
    fixture.app.finish().await;
}

async fn changes_at_cal_com_are_pulled_and_the_latest_wins(on: On) {
    let fixture = migrated(on).await;
    let nora = fixture.app.coach(COACH);
    let path = format!(
        "/v2/event-types/{}",
        there(&fixture, "coaching-60").await["id"]
    );
    let look = async || {
        let answer = nora
            .mutate("syncCalendarSettings", json!({}), "coach { id }")
            .await;
        assert_eq!(answer.user_errors(), Vec::<&str>::new(), "{answer:?}");
        fixture.app.run_jobs().await;
    };
    fixture.advance(TimeDelta::minutes(5));
    patch(
        &fixture,
        &path,
        "2024-06-14",
        json!({ "title": "Renamed there" }),
    )
    .await;
    look().await;
    let offer = fixture.app.offer(COACH, "coaching-60").await;
    assert_eq!(offer.event_type.title, "Renamed there");
    assert_eq!(
        offer.event_type.price_minor, fixture.offer.event_type.price_minor,
        "the price is ours to say"
    );

    // Both sides change, ours last.
    fixture.advance(TimeDelta::minutes(5));
    patch(
        &fixture,
        &path,
        "2024-06-14",
        json!({ "title": "Renamed there again" }),
    )
    .await;
    let input = json!({ "eventTypeId": fixture.offer.id(), "title": "Renamed here" });
    nora.mutate("updateEventType", input, EDITED).await;
    look().await;
    assert_eq!(
        there(&fixture, "coaching-60").await["title"],
        "Renamed here"
    );
    assert_eq!(
        fixture
            .app
            .offer(COACH, "coaching-60")
            .await
            .event_type
            .title,
        "Renamed here"
    );

    // What cannot be offered here is reported, and nothing else is affected.
    patch(
        &fixture,
        &path,
        "2024-06-14",
        json!({ "lengthInMinutes": 7 }),
    )
    .await;
    look().await;
    let shown = format!(
        "{{ eventType(by: {{ id: \"{}\" }}) {{ lengthMinutes calendarSync {{ state message }} }} }}",
        fixture.offer.id()
    );
    let shown = nora.gql(&shown, json!({})).await;
    assert_eq!(
        shown.at("/eventType/calendarSync/state"),
        "FAILED",
        "{shown:?}"
    );
    assert_eq!(
        shown.at("/eventType/lengthMinutes"),
        fixture.offer.event_type.length_minutes
    );
    fixture.app.finish().await;
}

async fn event_types_of_cal_com_are_imported_unlisted(on: On) {
    let fixture = connected(on).await;
    for (slug, minutes) in [("their-own", 45), ("coaching-60", 60), ("odd", 7)] {
        let body = json!({ "title": slug, "slug": slug, "lengthInMinutes": minutes });
        fixture.post("/v2/event-types", "2024-06-14", body).await;
    }
    let fields = "import { eventTypes { slug visibility lengthMinutes } skipped { title } }";
    let nora = fixture.app.coach(COACH);
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
    fixture.app.run_jobs().await;
    fixture.app.finish().await;
}

async fn hours_sync_both_ways_and_invalid_ones_are_ignored(on: On) {
    let fixture = migrated(on).await;
    let nora = fixture.app.coach(COACH);
    let id = courtside::graphql::id::Kind::Schedule.id(fixture
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
    fixture.app.run_jobs().await;
    let theirs = get(&fixture, "/v2/schedules/default", "2024-06-11").await["data"].clone();
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

    fixture.advance(TimeDelta::minutes(5));
    let path = format!("/v2/schedules/{}", theirs["id"]);
    let new = json!([{ "days": ["Friday"], "startTime": "08:00", "endTime": "12:00" }]);
    patch(
        &fixture,
        &path,
        "2024-06-11",
        json!({ "availability": new }),
    )
    .await;
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
        &fixture,
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
    fixture.app.run_jobs().await;
    fixture.app.finish().await;
}
