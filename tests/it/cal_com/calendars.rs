//! Calendars that a coach connects at Cal.com, and what they do to free time.

use std::time::{Duration, Instant};

use entity::coach::Scheduler;
use entity::connection::{Health, HealthReason};
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel};
use serde_json::{Value, json};
use simulators::{Fault, Kind, Times};
use tests::{Actor, Answer, On, at, both_bare};

use super::lab::{COACH, Lab};
use super::slots::{slots, starts};

both_bare![
    what_is_connected_is_shown_to_its_coach_and_to_nobody_else,
    what_cannot_be_read_is_never_shown_as_nothing,
    a_page_for_consent_is_for_the_coach_alone,
    apple_and_feeds_are_tried_and_not_kept,
    a_calendar_takes_time_away_as_long_as_it_counts,
    an_account_is_tried_and_disconnected,
    a_choice_that_is_cut_off_is_made_by_asking_again,
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

/// A lab with a Google account that has three calendars.
async fn with_google(on: On) -> Lab {
    let lab = Lab::start(on).await;
    lab.cal.connect(lab.user(), "google_calendar");
    lab
}

/// The ids of the first account and of its calendars by name.
async fn ids(lab: &Lab) -> (String, impl Fn(&str) -> String + use<>) {
    let found = look(&lab.app.coach(COACH)).await;
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

async fn what_is_connected_is_shown_to_its_coach_and_to_nobody_else(on: On) {
    let lab = with_google(on).await;
    let found = look(&lab.app.coach(COACH)).await;
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
        look(&lab.app.coach(COACH))
            .await
            .at("/viewer/coach/calendars/accounts/0/id"),
        &account["id"]
    );

    lab.cal.break_calendar(lab.user(), "google_calendar");
    let broken = look(&lab.app.coach(COACH)).await;
    let account = broken.at("/viewer/coach/calendars/accounts/0").clone();
    assert_eq!(
        (&account["status"], &account["calendars"]),
        (&json!("NEEDS_RECONNECTING"), &Value::Null)
    );

    let other = format!(
        "{{ coach(by: {{ id: \"{}\" }}) {{ calendars {{ status }} }} }}",
        lab.offer.coach_id()
    );
    assert_eq!(
        lab.app
            .coach("marcus")
            .gql(&other, json!({}))
            .await
            .at("/coach/calendars"),
        &Value::Null
    );
    assert_eq!(
        lab.app
            .admin()
            .gql(&other, json!({}))
            .await
            .at("/coach/calendars/status"),
        "READ"
    );
    assert_eq!(
        lab.app.client("maria").gql(&other, json!({})).await.code(),
        Some("FORBIDDEN")
    );
    lab.app.finish().await;
}

async fn what_cannot_be_read_is_never_shown_as_nothing(on: On) {
    let lab = with_google(on).await;
    let nora = lab.app.coach(COACH);
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
        lab.cal
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
        lab.cal.faults().clear();
        lab.app.clock.advance(chrono::TimeDelta::seconds(1));
        tokio::time::sleep(Duration::from_millis(60)).await;
    }

    let link = entity::connection::Entity::find()
        .one(lab.app.db().read())
        .await
        .expect("it answers")
        .expect("a row");
    let mut row = link.clone().into_active_model();
    row.health = sea_orm::Set(Health::Broken);
    row.health_reason = sea_orm::Set(Some(HealthReason::KeyRefused));
    row.update(lab.app.db().write_one())
        .await
        .expect("the row is sound");
    assert_eq!(seen().await, (json!("NEEDS_ACTION"), json!("REPLACE_KEY")));
    let input = json!({ "username": "nora@icloud.example", "appPassword": "abcd-efgh-ijkl-mnop" });
    let refused = mutate(&nora, "connectAppleCalendar", input).await;
    assert_eq!(
        (refused.user_errors(), action(&refused)),
        (vec!["ACCOUNT_NOT_USABLE"], json!("REPLACE_KEY"))
    );

    let mut coach = lab.offer.coach.clone().into_active_model();
    coach.scheduler = sea_orm::Set(Scheduler::Native);
    coach
        .update(lab.app.db().write_one())
        .await
        .expect("the row is sound");
    assert_eq!(seen().await, (json!("NEEDS_ACTION"), json!("MIGRATE")));
    let input = json!({ "connectionId": courtside::graphql::id::Kind::Connection.id(link.id) });
    nora.mutate("disconnectAccount", input, "account { health }")
        .await;
    assert_eq!(seen().await, (json!("NEEDS_ACTION"), json!("CONNECT")));
    lab.app.finish().await;
}

async fn a_page_for_consent_is_for_the_coach_alone(on: On) {
    let lab = Lab::start(on).await;
    let (nora, back) = (lab.app.coach(COACH), "https://app.example.com/calendars");
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
        json!({ "provider": "GOOGLE", "redirectTo": back, "coachId": lab.offer.coach_id() });
    let staff = lab
        .app
        .admin()
        .mutate("connectCalendar", input.clone(), "connectUrl")
        .await;
    assert_eq!(
        staff.user_errors(),
        ["INVALID_STATE"],
        "it carries a credential of the coach's"
    );
    let other = lab
        .app
        .coach("marcus")
        .mutate("connectCalendar", input, "connectUrl")
        .await;
    assert_eq!(other.user_errors(), ["NOT_FOUND"]);
    let own = json!({ "provider": "GOOGLE", "redirectTo": back });
    let elsewhere = mutate(&lab.app.coach("marcus"), "connectCalendar", own).await;
    assert_eq!(
        (elsewhere.user_errors(), action(&elsewhere)),
        (vec!["ACCOUNT_NOT_USABLE"], json!("CONNECT"))
    );
    assert_eq!(
        lab.audited("calendar.").await,
        ["calendar.start", "calendar.start"]
    );
    lab.app.finish().await;
}

async fn apple_and_feeds_are_tried_and_not_kept(on: On) {
    let lab = Lab::start(on).await;
    let nora = lab.app.coach(COACH);
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
    assert_eq!(lab.audited("calendar.").await, done);
    lab.app.finish().await;
}

/// The starts of a day, once they are known to be true.
async fn fresh(lab: &Lab) -> Vec<Value> {
    for _ in 0..200 {
        let found = slots(lab, "2026-11-25T05:00:00Z", "2026-11-26T05:00:00Z").await;
        if found.at("/slots/freshness") == "FRESH" {
            return starts(&found);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it never became fresh");
}

async fn a_calendar_takes_time_away_as_long_as_it_counts(on: On) {
    let lab = with_google(on).await;
    let nora = lab.app.coach(COACH);
    let family = ("google_calendar", "family@group.calendar.google.com");
    lab.cal.enter(
        lab.user(),
        family,
        at("2026-11-25T15:00:00Z"),
        at("2026-11-25T16:00:00Z"),
    );
    let taken = json!("2026-11-25T15:00:00.000Z");
    assert!(fresh(&lab).await.contains(&taken), "it does not count yet");

    let (_, id) = ids(&lab).await;
    let choose = async |names: &[&str]| {
        let input = json!({ "calendarIds": names.iter().map(|name| id(name)).collect::<Vec<_>>() });
        let done = nora
            .mutate("setConflictCalendars", input, "calendars { status }")
            .await;
        assert_eq!(done.user_errors(), Vec::<&str>::new(), "{done:?}");
    };
    choose(&["nora@coaches.example.com", "Family"]).await;
    let less = fresh(&lab).await;
    assert!(!less.contains(&taken) && less.len() == 7, "{less:?}");
    let start = "2026-11-25T15:00:00Z";
    assert_eq!(lab.book(start).await.user_errors(), ["SLOT_NOT_OFFERED"]);
    choose(&["nora@coaches.example.com"]).await;
    assert!(fresh(&lab).await.contains(&taken), "it counts no more");

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
    assert_eq!(lab.audited("calendar.").await.len(), 3);
    lab.app.finish().await;
}

async fn an_account_is_tried_and_disconnected(on: On) {
    let lab = with_google(on).await;
    let nora = lab.app.coach(COACH);
    let (id, _) = ids(&lab).await;
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
    lab.cal.break_calendar(lab.user(), "google_calendar");
    assert_eq!(check().await, "NEEDS_RECONNECTING");
    lab.cal.connect(lab.user(), "google_calendar");
    assert_eq!(check().await, "OK");

    let gone = async |actor: &Actor<'_>, input: Value| {
        actor
            .mutate("disconnectCalendar", input, "disconnectedCalendarAccountId")
            .await
    };
    let other = json!({ "calendarAccountId": id, "coachId": lab.offer.coach_id() });
    assert_eq!(
        gone(&lab.app.coach("marcus"), other).await.user_errors(),
        ["NOT_FOUND"]
    );
    // It is done, and the answer is lost: it is asked again and found to be done.
    lab.cal.faults().set(
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
    assert_eq!(lab.audited("calendar.").await, ["calendar.disconnect"]);
    lab.app.finish().await;
}

async fn a_choice_that_is_cut_off_is_made_by_asking_again(on: On) {
    let lab = with_google(on).await;
    let nora = lab.app.coach(COACH);
    let (_, id) = ids(&lab).await;
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
    lab.cal.faults().set(fault);
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
    lab.cal.faults().clear();
    tokio::time::sleep(Duration::from_millis(60)).await;
    assert_eq!(choose().await.user_errors(), Vec::<&str>::new());
    assert_eq!(counting().await, 1);
    assert_eq!(
        lab.audited("calendar.").await,
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
    lab.app.finish().await;
}
