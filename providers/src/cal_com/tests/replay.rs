//! Replays every recorded exchange: the client sends exactly that request and reads that response.

use std::collections::BTreeMap;

use secrecy::SecretString;
use serde_json::Value;

use super::compare::assert_same;
use super::exchange::{Exchange, all, serve};
use super::refusals::expected;
use super::{inputs, results};
use crate::cal_com::Error;
use crate::cal_com::response::read;
use crate::cal_com::*;

/// Requests that the client does not support; their responses are read nevertheless.
const ANSWER_ONLY: [(&str, &str); 36] = [
    ("014", "without the secret, which is always sent"),
    ("017", "without a name, which the type requires"),
    ("035", "with an Origin, which is never sent"),
    ("070", "with a browser's session"),
    ("071", "a browser's consent"),
    ("080", "a browser's consent"),
    ("081", "a browser's consent"),
    ("084", "a browser's consent"),
    ("085", "a browser's consent"),
    ("105", "hours that are no time"),
    ("111", "without the version"),
    ("112", "with an unknown version"),
    ("113", "with the wrong version"),
    ("114", "with a version that does not matter"),
    ("219", "without the version"),
    ("408", "slots without an end"),
    ("415", "a route of an old version"),
    ("416", "without the version"),
    ("513", "without the version"),
    ("514", "broken JSON"),
    ("525", "a status that does not exist"),
    ("801", "busy times of nobody"),
    ("808", "a calendar that does not exist"),
    ("818", "an app that does not exist"),
    ("824", "zones come with us"),
    ("825", "payments are not made through Cal.com"),
    (
        "826",
        "the client's own registration, with its secret, is not read",
    ),
    (
        "827",
        "the client's own registration, with its secret, is not read",
    ),
    ("828", "for their embedded widgets"),
    ("829", "for their embedded widgets"),
    ("830", "a route that does not exist"),
    ("831", "a route that does not exist"),
    ("833", "a route that does not exist"),
    ("834", "a method that does not exist"),
    (
        "849",
        "the client's own registration, with its secret, is not read",
    ),
    ("850", "managed users are listed by the client only"),
];

/// Not supported, since the zones are known locally; recorded for the rate limits.
const OF_LIMITS: [&str; 3] = ["900", "901", "902"];

fn number_of(exchange: &Exchange) -> &str {
    exchange.name.split('-').next().expect("a number")
}

fn answer_only(exchange: &Exchange) -> bool {
    let number = number_of(exchange);
    ANSWER_ONLY.iter().any(|(only, _)| *only == number) || OF_LIMITS.contains(&number)
}

#[tokio::test]
async fn recorded_exchanges_are_sent_and_read_as_recorded() {
    let recordings = all();
    // Creating a client takes longer than a call, so equal configurations share one.
    let mut alike: BTreeMap<String, Vec<&Exchange>> = BTreeMap::new();
    for exchange in recordings.iter().filter(|exchange| !answer_only(exchange)) {
        alike
            .entry(exchange.configuration())
            .or_default()
            .push(exchange);
    }
    let mut replayed = 0;
    for exchanges in alike.values() {
        let (url, server) = serve(
            exchanges
                .iter()
                .map(|exchange| exchange.whole_answer())
                .collect(),
        )
        .await;
        let client = exchanges[0].client(url);
        for exchange in exchanges {
            let result = call(&client, exchange)
                .await
                .unwrap_or_else(|| panic!("{}: nobody asks this", exchange.name));
            expected(exchange, result);
        }
        for (exchange, seen) in exchanges
            .iter()
            .zip(server.await.expect("the server saw the requests"))
        {
            assert_same(exchange, &seen);
            replayed += 1;
        }
    }
    assert_eq!(
        replayed + ANSWER_ONLY.len() + OF_LIMITS.len(),
        recordings.len(),
        "an exchange is in no table"
    );
    assert!(replayed > 200, "{replayed}");
}

#[test]
fn responses_to_unsupported_requests_are_read() {
    for exchange in all().iter().filter(|exchange| answer_only(exchange)) {
        let result = read("GET /v2/never", exchange.response()).map(drop);
        if exchange.status == 303 {
            assert_eq!(
                result.map_err(|error| error.kind),
                Err(crate::Kind::Malformed),
                "{}",
                exchange.name
            );
        } else {
            expected(exchange, result);
        }
    }
}

/// Calls the client's function for an exchange with the recorded input, and checks the result if
/// there is one.
async fn call(client: &Client, exchange: &Exchange) -> Option<Result<(), Error>> {
    let segments: Vec<&str> = exchange.path.split('/').skip(2).collect();
    match *segments.first()? {
        "bookings" => bookings(client, exchange, &segments).await,
        "slots" => slots(client, exchange, &segments).await,
        "oauth-clients" | "oauth" | "auth" | "api-keys" | "me" => {
            accounts(client, exchange, &segments).await
        }
        "webhooks" => webhooks(client, exchange, WebhookScope::User, segments.get(1)).await,
        "event-types" => event_types(client, exchange, &segments).await,
        "schedules" => schedules(client, exchange, &segments).await,
        "organizations" => organizations(client, exchange, &segments).await,
        _ => connections(client, exchange, &segments).await,
    }
}

async fn bookings(
    client: &Client,
    exchange: &Exchange,
    segments: &[&str],
) -> Option<Result<(), Error>> {
    let (by, data) = (&exchange.credential(), exchange.data());
    let sent = exchange.sent.clone().unwrap_or(Value::Null);
    let one = |read: Booking| results::booking(&read, data);
    let many = |read: Bookings| results::bookings(&read, data);
    Some(match (exchange.method.as_str(), &segments[1..]) {
        ("POST", []) => client
            .create_booking(by, &inputs::new_booking(&sent))
            .await
            .map(many),
        ("GET", []) => client
            .list_bookings(by, &inputs::filter(exchange))
            .await
            .map(|page| results::page(&page, &exchange.answer)),
        ("GET", [uid]) if data.is_array() => client.get_series(by, uid).await.map(many),
        ("GET", [uid]) => client.get_booking(by, uid).await.map(one),
        ("POST", [uid, "reschedule"]) => client
            .reschedule_booking(by, uid, &inputs::reschedule(&sent))
            .await
            .map(one),
        ("POST", [uid, "cancel"]) => client
            .cancel_booking(by, uid, &inputs::cancel(&sent))
            .await
            .map(many),
        ("POST", [uid, "confirm"]) => client.confirm_booking(by, uid).await.map(one),
        ("POST", [uid, "decline"]) => client
            .decline_booking(by, uid, sent["reason"].as_str())
            .await
            .map(one),
        ("POST", [uid, "mark-absent"]) => client
            .mark_absent(by, uid, &inputs::absent(&sent))
            .await
            .map(one),
        ("POST", [uid, "reassign"]) => client.reassign_booking(by, uid).await,
        ("PATCH", [uid, "location"]) => client
            .set_booking_location(by, uid, &inputs::location(&sent["location"]))
            .await
            .map(one),
        ("POST", [uid, "guests"]) => client
            .add_guests(by, uid, &inputs::guests(&sent))
            .await
            .map(one),
        ("GET", [uid, "calendar-links"]) => {
            client.list_calendar_links(by, uid).await.map(|links| {
                results::each(&links, data, |link, said| {
                    assert_eq!(
                        link.link.as_str(),
                        said["link"].as_str().expect("a link").trim()
                    )
                });
            })
        }
        ("GET", [uid, "references"]) => client.list_references(by, uid).await.map(|all| {
            results::each(&all, data, |reference, said| {
                assert_eq!(Some(reference.kind.as_str()), said["type"].as_str());
                assert_eq!(reference.event_uid.as_deref(), said["eventUid"].as_str());
                assert_eq!(reference.id, said["id"].as_i64());
            });
        }),
        _ => return None,
    })
}

async fn slots(
    client: &Client,
    exchange: &Exchange,
    segments: &[&str],
) -> Option<Result<(), Error>> {
    let (by, data) = (&exchange.credential(), exchange.data());
    let sent = || inputs::reservation(exchange.sent.as_ref().expect("a body"));
    Some(match (exchange.method.as_str(), &segments[1..]) {
        ("GET", []) => {
            let query = inputs::slots(exchange);
            client
                .list_slots(by, &query)
                .await
                .map(|slots| results::slots(&slots, &query, data))
        }
        ("POST", ["reservations"]) => client
            .reserve_slot(by, &sent())
            .await
            .map(|held| results::reservation(&held, data)),
        ("GET", ["reservations", uid]) => {
            client
                .find_reservation(by, uid)
                .await
                .map(|held| match held {
                    Some(held) => results::reservation(&held, data),
                    None => assert!(data.is_null()),
                })
        }
        ("PATCH", ["reservations", uid]) => client
            .update_reservation(by, uid, &sent())
            .await
            .map(|held| results::reservation(&held, data)),
        ("DELETE", ["reservations", uid]) => client.delete_reservation(by, uid).await,
        _ => return None,
    })
}

async fn accounts(
    client: &Client,
    exchange: &Exchange,
    segments: &[&str],
) -> Option<Result<(), Error>> {
    let (by, data) = (&exchange.credential(), exchange.data());
    let sent = exchange.sent.clone().unwrap_or(Value::Null);
    let secret = |name: &str| SecretString::from(sent[name].as_str().expect("a token"));
    let user = |read: User| results::user(&read, data);
    let id = |text: &str| text.parse::<i64>().expect("an id");
    Some(match (exchange.method.as_str(), segments) {
        ("GET", ["me"]) => client.get_me(by).await.map(user),
        ("PATCH", ["me"]) => client
            .update_me(by, &inputs::user_change(&sent))
            .await
            .map(user),
        ("POST", ["oauth-clients", _, "users"]) => client
            .create_user(&inputs::new_user(&sent))
            .await
            .map(|created| {
                results::user(&created.user, &data["user"]);
                results::tokens(&created.tokens, data);
            }),
        ("GET", ["oauth-clients", _, "users"]) => {
            let emails: Vec<String> = exchange.query("emails").into_iter().collect();
            let (limit, offset) = (
                inputs::whole(exchange, "limit"),
                inputs::whole(exchange, "offset"),
            );
            client
                .list_users(&emails, limit, offset)
                .await
                .map(|all| results::each(&all, data, results::user))
        }
        ("GET", ["oauth-clients", _, "users", user_id]) => {
            client.get_user(id(user_id)).await.map(user)
        }
        ("PATCH", ["oauth-clients", _, "users", user_id]) => client
            .update_user(id(user_id), &inputs::user_change(&sent))
            .await
            .map(user),
        ("DELETE", ["oauth-clients", _, "users", user_id]) => {
            client.delete_user(id(user_id)).await.map(user)
        }
        ("POST", ["oauth-clients", _, "users", user_id, "force-refresh"]) => client
            .force_refresh(id(user_id))
            .await
            .map(|pair| results::tokens(&pair, data)),
        (_, ["oauth-clients", _, "webhooks", rest @ ..]) => {
            return webhooks(client, exchange, WebhookScope::Client, rest.first()).await;
        }
        ("POST", ["oauth", _, "refresh"]) => client
            .refresh_tokens(&secret("refreshToken"))
            .await
            .map(|pair| results::tokens(&pair, data)),
        ("POST", ["auth", "oauth2", "clients", _, "exchange"]) => {
            let verifier = sent["codeVerifier"]
                .as_str()
                .map(|verifier| CodeVerifier::stored(verifier.into()));
            let tokens = client
                .exchange_code_at_client(&secret("code"), verifier.as_ref())
                .await;
            tokens.map(|tokens| results::oauth(&tokens, data))
        }
        ("POST", ["auth", "oauth2", "clients", _, "refresh"]) => {
            let tokens = client
                .refresh_oauth_at_client(&secret("refreshToken"))
                .await;
            tokens.map(|tokens| results::oauth(&tokens, data))
        }
        ("POST", ["api-keys", "refresh"]) => {
            let days = sent["apiKeyDaysValid"]
                .as_u64()
                .and_then(|days| u32::try_from(days).ok())
                .expect("days");
            client
                .refresh_api_key(by, ApiKeyLife::Days(days))
                .await
                .map(|key| {
                    assert_eq!(
                        Some(secrecy::ExposeSecret::expose_secret(&key)),
                        data["apiKey"].as_str()
                    );
                })
        }
        _ => return None,
    })
}

async fn webhooks(
    client: &Client,
    exchange: &Exchange,
    scope: WebhookScope,
    id: Option<&&str>,
) -> Option<Result<(), Error>> {
    let (by, data) = (&exchange.credential(), exchange.data());
    let sent = || inputs::webhook(exchange.sent.as_ref().expect("a body"));
    let one = |read: WebhookRegistration| results::webhook(&read, data);
    Some(match (exchange.method.as_str(), id) {
        ("POST", None) => client.create_webhook(by, scope, &sent()).await.map(one),
        ("GET", None) => {
            let (take, skip) = (
                inputs::whole(exchange, "take"),
                inputs::whole(exchange, "skip"),
            );
            let all = client.list_webhooks(by, scope, take, skip).await;
            all.map(|all| results::each(&all, data, results::webhook))
        }
        ("GET", Some(id)) => client.get_webhook(by, scope, id).await.map(one),
        ("PATCH", Some(id)) => client.update_webhook(by, scope, id, &sent()).await.map(one),
        _ => return None,
    })
}

async fn event_types(
    client: &Client,
    exchange: &Exchange,
    segments: &[&str],
) -> Option<Result<(), Error>> {
    let (by, data) = (&exchange.credential(), exchange.data());
    let sent = || inputs::event_type(exchange.sent.as_ref().expect("a body"));
    let one = |read: EventType| results::event_type(&read, data);
    let id = || segments[1].parse::<i64>().expect("an id");
    Some(match (exchange.method.as_str(), &segments[1..]) {
        ("POST", []) => client.create_event_type(by, &sent()).await.map(one),
        ("GET", []) => {
            let all = client
                .list_event_types(by, &inputs::event_types(exchange))
                .await;
            all.map(|all| results::each(&all, data, results::event_type))
        }
        ("GET", [_]) => client.get_event_type(by, id()).await.map(one),
        ("PATCH", [_]) => client.update_event_type(by, id(), &sent()).await.map(one),
        ("DELETE", [_]) => client
            .delete_event_type(by, id())
            .await
            .map(|gone| assert_eq!(Some(gone.id), data["id"].as_i64())),
        ("POST", [_, "private-links"]) => {
            let link = client
                .create_private_link(by, id(), PrivateLinkLife::Uses(1))
                .await;
            link.map(|link| results::private_link(&link, data))
        }
        ("GET", [_, "private-links"]) => client
            .list_private_links(by, id())
            .await
            .map(|all| results::each(&all, data, results::private_link)),
        (_, [_, "webhooks", rest @ ..]) => {
            return webhooks(
                client,
                exchange,
                WebhookScope::EventType(id()),
                rest.first(),
            )
            .await;
        }
        _ => return None,
    })
}

async fn schedules(
    client: &Client,
    exchange: &Exchange,
    segments: &[&str],
) -> Option<Result<(), Error>> {
    let (by, data) = (&exchange.credential(), exchange.data());
    let sent = || inputs::schedule(exchange.sent.as_ref().expect("a body"));
    let one = |read: Schedule| results::schedule(&read, data);
    let id = || segments[1].parse::<i64>().expect("an id");
    Some(match (exchange.method.as_str(), &segments[1..]) {
        ("GET", []) => client
            .list_schedules(by)
            .await
            .map(|all| results::each(&all, data, results::schedule)),
        ("GET", ["default"]) => client
            .find_default_schedule(by)
            .await
            .map(|found| one(found.expect("a default"))),
        ("GET", [_]) => client.get_schedule(by, id()).await.map(one),
        ("POST", []) => client.create_schedule(by, &sent()).await.map(one),
        ("PATCH", [_]) => client.update_schedule(by, id(), &sent()).await.map(one),
        _ => return None,
    })
}

async fn organizations(
    client: &Client,
    exchange: &Exchange,
    segments: &[&str],
) -> Option<Result<(), Error>> {
    let data = exchange.data();
    let take = inputs::whole(exchange, "take");
    Some(match (exchange.method.as_str(), &segments[2..]) {
        ("GET", ["bookings"]) => {
            let page = client
                .list_organization_bookings(&inputs::filter(exchange))
                .await;
            page.map(|page| results::page(&page, &exchange.answer))
        }
        ("GET", ["users"]) => {
            let users = client.list_organization_users(&[], take, None).await;
            users.map(|all| results::each(&all, data, results::user))
        }
        (method, ["users", user, rest]) => {
            let user = user.parse().expect("an id");
            match (method, *rest) {
                ("GET", "bookings") => {
                    let page = client
                        .list_user_bookings(user, &inputs::filter(exchange))
                        .await;
                    page.map(|page| results::page(&page, &exchange.answer))
                }
                ("GET", "schedules") => client
                    .list_user_schedules(user)
                    .await
                    .map(|all| results::each(&all, data, results::schedule)),
                ("GET", "ooo") => client
                    .list_absences(user, None, None)
                    .await
                    .map(|all| results::each(&all, data, results::absence)),
                ("POST", "ooo") => {
                    let absence = inputs::absence(exchange.sent.as_ref().expect("a body"));
                    client
                        .create_absence(user, &absence)
                        .await
                        .map(|made| results::absence(&made, data))
                }
                _ => return None,
            }
        }
        _ => return None,
    })
}

async fn connections(
    client: &Client,
    exchange: &Exchange,
    segments: &[&str],
) -> Option<Result<(), Error>> {
    let (by, data) = (&exchange.credential(), exchange.data());
    let sent = exchange.sent.clone().unwrap_or(Value::Null);
    let query = |name: &str| exchange.query(name).expect("a parameter");
    let text = |name: &str| sent[name].as_str().expect("a text").to_owned();
    let key = || CalendarKey {
        integration: text("integration"),
        external_id: text("externalId"),
        credential_id: sent["credentialId"].as_i64(),
    };
    let calendar = |name: &str| {
        let apps = [
            CalendarApp::Google,
            CalendarApp::Office365,
            CalendarApp::Apple,
            CalendarApp::IcsFeed,
        ];
        apps.into_iter()
            .find(|app| app.as_str() == name)
            .expect("an app")
    };
    let video = |name: &str| {
        let apps = [
            VideoApp::CalVideo,
            VideoApp::GoogleMeet,
            VideoApp::Zoom,
            VideoApp::Teams,
        ];
        apps.into_iter()
            .find(|app| app.as_str() == name)
            .expect("an app")
    };
    Some(match (exchange.method.as_str(), segments) {
        ("GET", ["calendars"]) => client
            .list_calendars(by)
            .await
            .map(|all| assert_eq!(all, Calendars::default())),
        ("GET", ["calendars", "busy-times"]) => {
            let busy = BusyQuery {
                from: query("dateFrom").parse().expect("a day"),
                to: query("dateTo").parse().expect("a day"),
                time_zone: query("loggedInUsersTz"),
                calendars: vec![(1, query("calendarsToLoad[0][externalId]"))],
            };
            client.list_busy_times(by, &busy).await.map(drop)
        }
        ("GET", ["calendars", app, "connect"]) => {
            let dry_run = exchange.query("isDryRun").map(|flag| flag == "true");
            let url = client
                .calendar_connect_url(by, calendar(app), &query("redir"), dry_run)
                .await;
            url.map(|url| results::connect(&url, data))
        }
        ("GET", ["calendars", app, "check"]) => client.check_calendar(by, calendar(app)).await,
        ("POST", ["calendars", "apple", "credentials"]) => {
            client
                .connect_apple_calendar(by, &text("username"), &text("password").into())
                .await
        }
        ("POST", ["calendars", app, "disconnect"]) => {
            client
                .disconnect_calendar(by, calendar(app), sent["id"].as_i64().expect("an id"))
                .await
        }
        ("POST", ["selected-calendars"]) => client.select_calendar(by, &key()).await,
        ("PUT", ["destination-calendars"]) => client.set_destination_calendar(by, &key()).await,
        ("GET", ["conferencing"]) => client
            .list_video_apps(by)
            .await
            .map(|all| assert_eq!(all, [])),
        ("GET", ["conferencing", "default"]) => client
            .find_default_video_app(by)
            .await
            .map(|app| assert_eq!(app, None)),
        ("POST", ["conferencing", "google-meet", "connect"]) => {
            client.connect_google_meet(by).await
        }
        ("GET", ["conferencing", app, "oauth", "auth-url"]) => {
            let (back, back_on_error) = (query("returnTo"), query("onErrorReturnTo"));
            let url = client
                .video_connect_url(by, video(app), &back, &back_on_error)
                .await;
            url.map(|url| results::connect(&url, data))
        }
        ("POST", ["conferencing", app, "default"]) => {
            client.set_default_video_app(by, video(app)).await
        }
        ("DELETE", ["conferencing", app, "disconnect"]) => {
            client.disconnect_video_app(by, video(app)).await
        }
        _ => return None,
    })
}
