//! Calendars that a coach connects at Cal.com, and the time that they block.

use std::time::{Duration, Instant};

use entity::coach::Scheduler;
use entity::connection::{Health, HealthReason};
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel};
use serde_json::{Value, json};
use simulators::{Fault, Kind, Times};
use tests::{Actor, Answer, On, at, both_bare};

use super::fixture::{COACH, Fixture};
use super::slots::{slots, starts};

both_bare![
    connected_calendars_are_shown_to_their_coach_only,
    unreadable_calendars_are_never_shown_as_none,
    a_consent_page_is_for_the_coach_alone,
    apple_credentials_and_feeds_are_verified_and_not_stored,
    a_calendar_blocks_time_while_it_is_selected,
    a_calendar_account_is_checked_and_disconnected,
    an_interrupted_choice_is_completed_by_a_retry,
];

const CALENDARS: &str = "status action accounts { id provider address status calendars {
    id name isPrimary isReadOnly isCheckedForConflicts isDestination } } destination { name } readAt";

async fn look(actor: &Actor<'_>) -> Answer {
    actor
        .gql(
            &format!("{{ viewer {{ coach {{ calendars {{ {CALENDARS} }} }} }} }}"),
            json!({}),
        )
        .await
}

/// A coach with a Google account that has three calendars.
async fn with_google(on: On) -> Fixture {
    let fixture = Fixture::start(on).await;
    fixture.cal.connect(fixture.user(), "google_calendar");
    fixture
}

/// The ids of the first account and of its calendars by name.
async fn ids(fixture: &Fixture) -> (String, impl Fn(&str) -> String + use<>) {
    let found = look(&fixture.app.coach(COACH)).await;
    let account = found.at("/viewer/coach/calendars/accounts/0").clone();
    let id = account["id"].as_str().expect("an id").to_owned();
    let by_name = move |name: &str| {
        let found = account["calendars"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|calendar| calendar["name"] == name);
        found.unwrap_or_else(|| panic!("no {name} in {account}"))["id"]
            .as_str()
            .expect("an id")
            .to_owned()
    };
    (id, by_name)
}

/// The action that a user error names.
fn action(answer: &Answer) -> Value {
    let payload = answer
        .ok()
        .data
        .as_object()
        .and_then(|data| data.values().next())
        .cloned()
        .unwrap_or_default();
    payload["again"][0]["action"].clone()
}

/// A mutation, with the action that its user errors name.
async fn mutate(actor: &Actor<'_>, name: &str, input: Value) -> Answer {
    actor
        .mutate(name, input, "again: userErrors { action }")
        .await
}

async fn connected_calendars_are_shown_to_their_coach_only(on: On) {
    let fixture = with_google(on).await;
    let found = look(&fixture.app.coach(COACH)).await;
    let shown = found.at("/viewer/coach/calendars");
    assert_eq!(shown["status"], "READ", "{shown}");
    assert_eq!(shown["destination"]["name"], "nora@coaches.example.com");
    let account = &shown["accounts"][0];
    assert_eq!(
        (&account["provider"], &account["status"]),
        (&json!("GOOGLE"), &json!("OK"))
    );
    assert_eq!(account["address"], "nora@coaches.example.com");
    let flags = |calendar: &Value| {
        [
            "isPrimary",
            "isReadOnly",
            "isCheckedForConflicts",
            "isDestination",
        ]
        .map(|name| calendar[name] == true)
    };
    let calendars = account["calendars"].as_array().expect("they can be read");
    let all: Vec<_> = calendars
        .iter()
        .map(|calendar| (calendar["name"].clone(), flags(calendar)))
        .collect();
    assert_eq!(
        all,
        [
            (json!("nora@coaches.example.com"), [true, false, true, true]),
            (json!("Family"), [false, false, false, false]),
            (json!("Holidays"), [false, true, false, false]),
        ]
    );
    assert_eq!(
        look(&fixture.app.coach(COACH))
            .await
            .at("/viewer/coach/calendars/accounts/0/id"),
        &account["id"]
    );

    fixture
        .cal
        .break_calendar(fixture.user(), "google_calendar");
    let broken = look(&fixture.app.coach(COACH)).await;
    let account = broken.at("/viewer/coach/calendars/accounts/0").clone();
    assert_eq!(
        (&account["status"], &account["calendars"]),
        (&json!("NEEDS_RECONNECTING"), &Value::Null)
    );

    let other = format!(
        "{{ coach(by: {{ id: \"{}\" }}) {{ calendars {{ status }} }} }}",
        fixture.offer.coach_id()
    );
    assert_eq!(
        fixture
            .app
            .coach("marcus")
            .gql(&other, json!({}))
            .await
            .at("/coach/calendars"),
        &Value::Null
    );
    assert_eq!(
        fixture
            .app
            .admin()
            .gql(&other, json!({}))
            .await
            .at("/coach/calendars/status"),
        "READ"
    );
    assert_eq!(
        fixture
            .app
            .client("maria")
            .gql(&other, json!({}))
            .await
            .code(),
        Some("FORBIDDEN")
    );
    fixture.app.finish().await;
}

async fn unreadable_calendars_are_never_shown_as_none(on: On) {
    let fixture = with_google(on).await;
    let nora = fixture.app.coach(COACH);
    let seen = async || {
        let found = look(&nora).await;
        let shown = found.at("/viewer/coach/calendars").clone();
        assert_eq!(
            (&shown["accounts"], &shown["readAt"]),
            (&Value::Null, &Value::Null),
            "{shown}"
        );
        (shown["status"].clone(), shown["action"].clone())
    };
    for kind in [
        Kind::Hang,
        Kind::ServerError,
        Kind::Html,
        Kind::Truncated,
        Kind::OkWithError,
    ] {
        fixture
            .cal
            .faults()
            .set(Fault::new("/v2/calendars", kind).times(Times::Always));
        let began = Instant::now();
        assert_eq!(
            seen().await,
            (json!("UNAVAILABLE"), Value::Null),
            "{kind:?}"
        );
        assert!(
            began.elapsed() < Duration::from_secs(5),
            "{kind:?}: {:?}",
            began.elapsed()
        );
        fixture.cal.faults().clear();
        fixture.app.clock.advance(chrono::TimeDelta::seconds(1));
        tokio::time::sleep(Duration::from_millis(60)).await;
    }

    let link = entity::connection::Entity::find()
        .one(fixture.app.db().read())
        .await
        .expect("it answers")
        .expect("a row");
    let mut row = link.clone().into_active_model();
    row.health = sea_orm::Set(Health::Broken);
    row.health_reason = sea_orm::Set(Some(HealthReason::KeyRefused));
    row.update(fixture.app.db().write_one())
        .await
        .expect("the row is sound");
    assert_eq!(seen().await, (json!("NEEDS_ACTION"), json!("REPLACE_KEY")));
    let input = json!({ "username": "nora@icloud.example", "appPassword": "abcd-efgh-ijkl-mnop" });
    let refused = mutate(&nora, "connectAppleCalendar", input).await;
    assert_eq!(
        (refused.user_errors(), action(&refused)),
        (vec!["ACCOUNT_NOT_USABLE"], json!("REPLACE_KEY"))
    );

    let mut coach = fixture.offer.coach.clone().into_active_model();
    coach.scheduler = sea_orm::Set(Scheduler::Native);
    coach
        .update(fixture.app.db().write_one())
        .await
        .expect("the row is sound");
    assert_eq!(seen().await, (json!("NEEDS_ACTION"), json!("MIGRATE")));
    let input = json!({ "connectionId": courtside::graphql::id::Kind::Connection.id(link.id) });
    nora.mutate("disconnectAccount", input, "account { health }")
        .await;
    assert_eq!(seen().await, (json!("NEEDS_ACTION"), json!("CONNECT")));
    fixture.app.finish().await;
}

async fn a_consent_page_is_for_the_coach_alone(on: On) {
    let fixture = Fixture::start(on).await;
    let (nora, back) = (
        fixture.app.coach(COACH),
        "https://app.example.com/calendars",
    );
    for (provider, host) in [
        ("GOOGLE", "https://accounts.google.com/"),
        ("OFFICE365", "https://login.microsoftonline.com/"),
    ] {
        let input = json!({ "provider": provider, "redirectTo": back });
        let answer = nora.mutate("connectCalendar", input, "connectUrl").await;
        let url = answer.text("/connectCalendar/connectUrl");
        assert!(url.starts_with(host), "{url}");
        assert!(url.contains("app.example.com%2Fcalendars"), "{url}");
    }
    let wrong = async |input: Value| {
        let answer = nora.mutate("connectCalendar", input, "connectUrl").await;
        assert_eq!(answer.user_errors(), ["INVALID"]);
        answer.fields().join(" ")
    };
    assert_eq!(
        wrong(json!({ "provider": "GOOGLE", "redirectTo": "https://evil.example/" })).await,
        "redirectTo"
    );
    assert_eq!(
        wrong(json!({ "provider": "APPLE", "redirectTo": back })).await,
        "provider"
    );
    assert_eq!(
        wrong(json!({ "provider": "ICS_FEED", "redirectTo": back })).await,
        "provider"
    );
    let input =
        json!({ "provider": "GOOGLE", "redirectTo": back, "coachId": fixture.offer.coach_id() });
    let staff = fixture
        .app
        .admin()
        .mutate("connectCalendar", input.clone(), "connectUrl")
        .await;
    assert_eq!(
        staff.user_errors(),
        ["INVALID_STATE"],
        "it carries a credential of the coach's"
    );
    let other = fixture
        .app
        .coach("marcus")
        .mutate("connectCalendar", input, "connectUrl")
        .await;
    assert_eq!(other.user_errors(), ["NOT_FOUND"]);
    let own = json!({ "provider": "GOOGLE", "redirectTo": back });
    let elsewhere = mutate(&fixture.app.coach("marcus"), "connectCalendar", own).await;
    assert_eq!(
        (elsewhere.user_errors(), action(&elsewhere)),
        (vec!["ACCOUNT_NOT_USABLE"], json!("CONNECT"))
    );
    assert_eq!(
        fixture.audited("calendar.").await,
        ["calendar.start", "calendar.start"]
    );
    fixture.app.finish().await;
}

async fn apple_credentials_and_feeds_are_verified_and_not_stored(on: On) {
    let fixture = Fixture::start(on).await;
    let nora = fixture.app.coach(COACH);
    let apple = async |password: &str| {
        let input = json!({ "username": "nora@icloud.example", "appPassword": password });
        nora.mutate(
            "connectAppleCalendar",
            input,
            &format!("calendars {{ {CALENDARS} }}"),
        )
        .await
    };
    let refused = apple("short").await;
    assert_eq!(
        (refused.user_errors(), refused.fields()),
        (vec!["INVALID"], vec!["appPassword".to_owned()])
    );
    let done = apple("abcd-efgh-ijkl-mnop").await;
    assert_eq!(
        done.at("/connectAppleCalendar/calendars/accounts/0/provider"),
        "APPLE",
        "{done:?}"
    );

    let feeds = async |urls: Value| {
        nora.mutate(
            "setCalendarFeeds",
            json!({ "urls": urls }),
            &format!("calendars {{ {CALENDARS} }}"),
        )
        .await
    };
    let bad = feeds(json!([
        "http://feeds.example.com/a.ics",
        "https://feeds.example.com/b.ics"
    ]))
    .await;
    assert_eq!(
        (bad.user_errors(), bad.fields()),
        (vec!["INVALID"], vec!["urls.0".to_owned()])
    );
    let bad = feeds(json!(["https://feeds.example.com/unreadable.ics"])).await;
    assert_eq!(
        (bad.user_errors(), bad.fields()),
        (vec!["INVALID"], vec!["urls".to_owned()])
    );
    let secret = "https://feeds.example.com/a.ics?key=secret-of-the-feed";
    feeds(json!(["https://feeds.example.com/old.ics"])).await;
    let done = feeds(json!([secret, "https://feeds.example.com/b.ics"])).await;
    let account = done.at("/setCalendarFeeds/calendars/accounts/1");
    assert_eq!(account["provider"], "ICS_FEED", "{done:?}");
    assert_eq!(
        account["calendars"].as_array().map(Vec::len),
        Some(2),
        "they take the place of those before"
    );
    assert!(
        !done.data.to_string().contains("secret-of-the-feed"),
        "an address of a feed is a secret"
    );
    let done = [
        "calendar.connect",
        "calendar.set_feeds",
        "calendar.set_feeds",
    ];
    assert_eq!(fixture.audited("calendar.").await, done);
    fixture.app.finish().await;
}

/// The starts of a day, once they are fresh.
async fn fresh(fixture: &Fixture) -> Vec<Value> {
    for _ in 0..200 {
        let found = slots(fixture, "2026-11-25T05:00:00Z", "2026-11-26T05:00:00Z").await;
        if found.at("/slots/freshness") == "FRESH" {
            return starts(&found);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it never became fresh");
}

async fn a_calendar_blocks_time_while_it_is_selected(on: On) {
    let fixture = with_google(on).await;
    let nora = fixture.app.coach(COACH);
    let family = ("google_calendar", "family@group.calendar.google.com");
    fixture.cal.enter(
        fixture.user(),
        family,
        at("2026-11-25T15:00:00Z"),
        at("2026-11-25T16:00:00Z"),
    );
    let taken = json!("2026-11-25T15:00:00.000Z");
    assert!(
        fresh(&fixture).await.contains(&taken),
        "it does not count yet"
    );

    let (_, id) = ids(&fixture).await;
    let choose = async |names: &[&str]| {
        let input = json!({ "calendarIds": names.iter().map(|name| id(name)).collect::<Vec<_>>() });
        let done = nora
            .mutate("setConflictCalendars", input, "calendars { status }")
            .await;
        assert_eq!(done.user_errors(), Vec::<&str>::new(), "{done:?}");
    };
    choose(&["nora@coaches.example.com", "Family"]).await;
    let less = fresh(&fixture).await;
    assert!(!less.contains(&taken) && less.len() == 7, "{less:?}");
    let start = "2026-11-25T15:00:00Z";
    assert_eq!(
        fixture.book(start).await.user_errors(),
        ["SLOT_NOT_OFFERED"]
    );
    choose(&["nora@coaches.example.com"]).await;
    assert!(fresh(&fixture).await.contains(&taken), "it counts no more");

    let aim = async |name: &str| {
        nora.mutate(
            "setDestinationCalendar",
            json!({ "calendarId": id(name) }),
            "calendars { destination { name } }",
        )
        .await
    };
    let done = aim("Family").await;
    assert_eq!(
        done.at("/setDestinationCalendar/calendars/destination/name"),
        "Family",
        "{done:?}"
    );
    assert_eq!(
        aim("Holidays").await.fields(),
        ["calendarId"],
        "nothing can be written to it"
    );
    assert_eq!(fixture.audited("calendar.").await.len(), 3);
    fixture.app.finish().await;
}

async fn a_calendar_account_is_checked_and_disconnected(on: On) {
    let fixture = with_google(on).await;
    let nora = fixture.app.coach(COACH);
    let (id, _) = ids(&fixture).await;
    let check = async || {
        let answer = nora
            .mutate(
                "checkCalendarAccount",
                json!({ "calendarAccountId": id }),
                "calendarAccount { status }",
            )
            .await;
        answer
            .at("/checkCalendarAccount/calendarAccount/status")
            .clone()
    };
    assert_eq!(check().await, "OK");
    fixture
        .cal
        .break_calendar(fixture.user(), "google_calendar");
    assert_eq!(check().await, "NEEDS_RECONNECTING");
    fixture.cal.connect(fixture.user(), "google_calendar");
    assert_eq!(check().await, "OK");

    let gone = async |actor: &Actor<'_>, input: Value| {
        actor
            .mutate("disconnectCalendar", input, "disconnectedCalendarAccountId")
            .await
    };
    let other = json!({ "calendarAccountId": id, "coachId": fixture.offer.coach_id() });
    assert_eq!(
        gone(&fixture.app.coach("marcus"), other)
            .await
            .user_errors(),
        ["NOT_FOUND"]
    );
    // It is done, and the answer is lost: the retry finds it done.
    fixture.cal.faults().set(
        Fault::new("/v2/calendars/google/disconnect", Kind::ResetAfterCommit)
            .times(Times::Count(1)),
    );
    let input = json!({ "calendarAccountId": id });
    let done = gone(&nora, input.clone()).await;
    assert_eq!(
        done.at("/disconnectCalendar/disconnectedCalendarAccountId"),
        id.as_str(),
        "{done:?}"
    );
    assert_eq!(
        look(&nora).await.at("/viewer/coach/calendars/accounts"),
        &json!([])
    );
    assert_eq!(gone(&nora, input).await.user_errors(), ["NOT_FOUND"]);
    assert_eq!(fixture.audited("calendar.").await, ["calendar.disconnect"]);
    fixture.app.finish().await;
}

async fn an_interrupted_choice_is_completed_by_a_retry(on: On) {
    let fixture = with_google(on).await;
    let nora = fixture.app.coach(COACH);
    let (_, id) = ids(&fixture).await;
    let choose = async || {
        nora.mutate(
            "setConflictCalendars",
            json!({ "calendarIds": [id("Family")] }),
            "calendars { status }",
        )
        .await
    };
    let fault = Fault::new("/v2/selected-calendars", Kind::Hang)
        .method("DELETE")
        .times(Times::Always);
    fixture.cal.faults().set(fault);
    assert_eq!(choose().await.code(), Some("PROVIDER_UNAVAILABLE"));
    let counting = async || {
        let found = look(&nora).await;
        let all = found
            .at("/viewer/coach/calendars/accounts/0/calendars")
            .as_array()
            .cloned()
            .unwrap_or_default();
        all.iter()
            .filter(|calendar| calendar["isCheckedForConflicts"] == true)
            .count()
    };
    assert_eq!(counting().await, 2, "what counts from now on came first");
    fixture.cal.faults().clear();
    tokio::time::sleep(Duration::from_millis(60)).await;
    assert_eq!(choose().await.user_errors(), Vec::<&str>::new());
    assert_eq!(counting().await, 1);
    assert_eq!(
        fixture.audited("calendar.").await,
        ["calendar.choose", "calendar.choose"],
        "the half one too"
    );
    let unknown = courtside::graphql::id::Kind::ExternalCalendar.id(entity::new_id());
    let wrong = nora
        .mutate(
            "setConflictCalendars",
            json!({ "calendarIds": [unknown] }),
            "calendars { status }",
        )
        .await;
    assert_eq!(wrong.fields(), ["calendarIds.0"]);
    fixture.app.finish().await;
}
