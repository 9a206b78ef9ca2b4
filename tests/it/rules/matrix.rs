//! Everyone tries every root field, on their own things, on others', and on what is not there.

use std::collections::BTreeMap;

use courtside::graphql::id::Kind;
use courtside::graphql::rules::{self, Rule};
use entity::{Uuid, connection, job, webhook_delivery};
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel};
use serde_json::{Value, json};
use tests::{Actor, Answer, Live, LiveMessage, TestApp, at, both};

use super::value::{arguments, named};
use super::{members, name, type_named};
use crate::booking::{create, id_of};

both![nobody_reaches_beyond_their_rights];

/// Whose things are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Target {
    Missing,
    Others,
    Own,
}

/// Somebody, and the most that they are.
struct Who<'a> {
    name: &'static str,
    actor: Actor<'a>,
    standing: Rule,
}

/// The ids of what a client and their coach share, by noun.
type Things = BTreeMap<&'static str, String>;

/// Things with parties: to anyone else they look like none at all.
const PRIVATE: [&str; 7] = [
    "booking",
    "session",
    "note",
    "hold",
    "schedule",
    "connection",
    "absence",
];

/// Words that only the parties of the others' things may read.
const SECRETS: [&str; 3] = [
    "secret-note-of-james",
    "secret-answer-of-james",
    "james@courtside.example",
];

async fn nobody_reaches_beyond_their_rights(app: &TestApp) {
    let mine = things(app, "maria", "nora", "2026-11-25T14:00:00Z").await;
    let others = things(app, "james", "priya", "2026-11-25T06:00:00Z").await;
    suspend(app, "aiko").await;
    let who = |name, actor, standing| Who {
        name,
        actor,
        standing,
    };
    let everyone = [
        who("visitor", app.visitor(), Rule::Anyone),
        who("suspended", app.client("aiko"), Rule::Anyone),
        who("client", app.client("maria"), Rule::SignedIn),
        who("coach", app.coach("nora"), Rule::Coach),
        who("other coach", app.coach("marcus"), Rule::Coach),
        who("admin", app.admin(), Rule::Admin),
    ];
    let mut cells = 0;
    for who in &everyone {
        for root in ["Query", "Mutation", "Subscription"] {
            for field in in_order(root) {
                cells += check(app, who, root, field, &mine, &others).await;
            }
        }
    }
    assert!(cells > 500, "only {cells} cells were tried");
    app.run_jobs().await;
}

/// The fields of a root, those last that take things away.
fn in_order(root: &str) -> Vec<&'static Value> {
    let mut fields: Vec<_> = members(type_named(root), "fields").collect();
    let ends = [
        "cancel",
        "reject",
        "delete",
        "archive",
        "release",
        "disconnect",
        "suspend",
    ];
    fields.sort_by_key(|field| ends.iter().any(|end| name(field).starts_with(end)));
    fields
}

/// Tries a field on everything; returns the number of attempts.
async fn check(
    app: &TestApp,
    who: &Who<'_>,
    root: &str,
    field: &'static Value,
    mine: &Things,
    others: &Things,
) -> usize {
    let coordinate = format!("{root}.{}", name(field));
    let rule = rules::rule(&coordinate).unwrap_or_else(|| panic!("{coordinate} has no rule"));
    let payload =
        rules::rule(&format!("{}.{}", named(&field["type"]), first_field(field))).unwrap_or(rule);
    let needed = rule.max(payload);
    let mut outcomes = BTreeMap::new();
    for target in [Target::Missing, Target::Others, Target::Own] {
        let things = match target {
            Target::Missing => None,
            Target::Others => Some(others),
            Target::Own => Some(mine),
        };
        let before = state(app).await;
        let answer = attempt(who, root, field, things).await;
        let cell = format!(
            "{} on {coordinate} of {target:?}: {:?} {}",
            who.name, answer.errors, answer.data
        );
        let refusal = answer.refusal();
        if who.standing < needed {
            let expected = if who.name == "visitor" {
                "UNAUTHENTICATED"
            } else {
                "FORBIDDEN"
            };
            assert_eq!(refusal.as_deref(), Some(expected), "{cell}");
        } else if target == Target::Own && needed > Rule::Anyone && takes_part(who.name) {
            let refused =
                ["UNAUTHENTICATED", "FORBIDDEN"].contains(&refusal.as_deref().unwrap_or_default());
            assert!(!refused || only_others_may(who.name, name(field)), "{cell}");
        }
        assert_ne!(refusal.as_deref(), Some("INTERNAL"), "{cell}");
        let is_party = who.name == "admin" || (target == Target::Own && takes_part(who.name));
        if !is_party && (who.standing < needed || touches_private(field)) {
            assert_eq!(state(app).await, before, "it changed something: {cell}");
        }
        if target == Target::Others && who.name != "admin" {
            let told = answer.data.to_string() + &json!(answer.errors).to_string();
            assert!(
                SECRETS.iter().all(|secret| !told.contains(secret)),
                "{cell}"
            );
        }
        outcomes.insert(target, refusal);
    }
    if who.name != "admin" && touches_private(field) {
        let (others, missing) = (&outcomes[&Target::Others], &outcomes[&Target::Missing]);
        assert_eq!(
            others, missing,
            "{} can tell others' things from none by {coordinate}",
            who.name
        );
    }
    outcomes.len()
}

/// Maria and nora are the parties of what is tried as their own.
fn takes_part(name: &str) -> bool {
    ["client", "coach", "admin"].contains(&name)
}

/// What one party may not do to what both share: a coach books and holds for nobody else, a client
/// is no coach.
fn only_others_may(name: &str, field: &str) -> bool {
    let of_client = [
        "rateSession",
        "releaseHold",
        "updateNote",
        "deleteNote",
        "createBooking",
        "createHold",
    ];
    match name {
        "coach" => of_client.contains(&field),
        // Staff see everything, but were not there.
        "admin" => of_client.contains(&field) || field == "createNote",
        _ => false,
    }
}

fn touches_private(field: &'static Value) -> bool {
    let text = |name: &str| PRIVATE.iter().any(|noun| name == format!("{noun}Id"));
    let by_name = PRIVATE.contains(&name(field)) || name(field) == "bookingEvents";
    let by_input = members(field, "args")
        .filter(|argument| named(&argument["type"]).ends_with("Input"))
        .any(|argument| {
            members(type_named(named(&argument["type"])), "inputFields")
                .any(|input| input["type"]["kind"] == "NON_NULL" && text(name(input)))
        });
    by_name || by_input
}

/// The first field of what a root field returns, so that something is selected.
fn first_field(field: &'static Value) -> String {
    let ty = type_named(named(&field["type"]));
    let fields: Vec<_> = members(ty, "fields").map(name).collect();
    let known = ["userErrors", "id", "cursor"]
        .into_iter()
        .find(|wanted| fields.contains(wanted));
    known.map_or_else(
        || fields.first().copied().unwrap_or_default().to_owned(),
        str::to_owned,
    )
}

/// What is selected of a root field: enough that a leak would show.
fn selection(field: &'static Value) -> String {
    match named(&field["type"]) {
        "Booking" => "{ id clientName clientEmail answers { values } }".to_owned(),
        "Session" => "{ id joinUrl notes { nodes { body } } }".to_owned(),
        "BookingStreamMessage" => "{ cursor booking { id clientEmail } }".to_owned(),
        "Schedule" => "{ id name }".to_owned(),
        ty if ty.ends_with("Payload") => "{ userErrors { code message } }".to_owned(),
        "Availability" | "FreeCoaches" => "{ verifiedAt }".to_owned(),
        "Admin" => "{ bookings(first: 1) { totalCount } }".to_owned(),
        "CoachConnection" => "{ nodes { id } }".to_owned(),
        ty if members(type_named(ty), "fields").next().is_some() => {
            format!("{{ {} }}", first_field(field))
        }
        _ => String::new(),
    }
}

async fn attempt(
    who: &Who<'_>,
    root: &str,
    field: &'static Value,
    things: Option<&Things>,
) -> Answer {
    let ids = |noun: &str| {
        let found =
            things.and_then(|things| things.get(if noun == "node" { "booking" } else { noun }));
        found.cloned().unwrap_or_else(|| missing(noun))
    };
    let (declared, used, variables) = arguments(field, &ids);
    let verb = root.to_lowercase();
    let text = format!(
        "{verb}{declared} {{ {}{used} {} }}",
        name(field),
        selection(field)
    );
    if root != "Subscription" {
        return who.actor.gql(&text, Value::Object(variables)).await;
    }
    let mut live = who.actor.subscribe(&text, Value::Object(variables)).await;
    let answer = first_of(&mut live).await;
    live.close().await;
    answer
}

/// The first message of a subscription, as an answer.
async fn first_of(live: &mut Live) -> Answer {
    let (data, errors) = match live.said().await {
        LiveMessage::Next(mut answer) => (answer["data"].take(), answer["errors"].take()),
        LiveMessage::Refused(errors) => (Value::Null, errors),
        said => panic!("{said:?}"),
    };
    let errors = errors.as_array().cloned().unwrap_or_default();
    Answer {
        status: http::StatusCode::OK,
        headers: http::HeaderMap::new(),
        data,
        errors,
    }
}

/// The id of a thing that is not there.
fn missing(noun: &str) -> String {
    let prefix = match noun {
        "node" => "booking",
        noun => noun,
    };
    format!("{prefix}_{}", Uuid::nil().simple())
}

/// A booking of a client with a coach, and everything around it.
async fn things(app: &TestApp, client: &str, coach: &str, start: &str) -> Things {
    let offer = app.offer(coach, "coaching-60").await;
    let mut order = offer.order(at(start));
    order["answers"] = json!([{ "key": "goal", "values": [format!("secret-answer-of-{client}")] }]);
    let actor = app.client(client);
    let booking = id_of(&create(&actor, &order).await);
    let session = Kind::Session
        .id(app.session_of(&booking).await.expect("it is confirmed").id)
        .to_string();
    let input = json!({ "sessionId": session, "body": format!("secret-note-of-{client}"), "visibility": "SHARED" });
    let note = actor
        .mutate("createNote", input, "note { id }")
        .await
        .text("/createNote/note/id");
    let later = at(start) + chrono::TimeDelta::days(1);
    let input = json!({ "eventTypeId": offer.id(), "startsAt": courtside::graphql::scalars::instant(later) });
    let hold = actor
        .mutate("createHold", input, "hold { id }")
        .await
        .text("/createHold/hold/id");
    let day = (at(start) + chrono::TimeDelta::days(200))
        .format("%Y-%m-%d")
        .to_string();
    let input =
        json!({ "firstDay": day, "lastDay": day, "note": format!("secret-note-of-{client}") });
    let absence = app
        .coach(coach)
        .mutate("addAbsence", input, "absence { id }")
        .await
        .text("/addAbsence/absence/id");
    let schedule = offer
        .coach
        .default_schedule_id
        .expect("the demo data has hours");
    [
        ("booking", booking),
        ("session", session),
        ("note", note),
        ("hold", hold),
        ("absence", absence),
        ("schedule", Kind::Schedule.id(schedule).to_string()),
        ("eventType", offer.id()),
        ("coach", offer.coach_id()),
        (
            "connection",
            Kind::Connection
                .id(connection(app, offer.coach.id).await)
                .to_string(),
        ),
        (
            "user",
            Kind::User.id(app.user("grace").await.id).to_string(),
        ),
        (
            "webhookDelivery",
            Kind::WebhookDelivery.id(delivery(app).await).to_string(),
        ),
        ("job", Kind::Job.id(dead_job(app).await).to_string()),
    ]
    .into_iter()
    .collect()
}

/// An account that is connected, with a key that nobody will ever send.
async fn connection(app: &TestApp, coach_id: Uuid) -> Uuid {
    let id = entity::new_id();
    let row = connection::Model {
        kind: connection::Kind::ApiKey,
        access_token: Some("v1.development.AAAA".to_owned()),
        ..crate::connection::observed(app, coach_id, &id.to_string())
    };
    let row = row
        .into_active_model()
        .reset_all()
        .insert(app.db().write_one())
        .await;
    row.expect("a sound row").id
}

async fn delivery(app: &TestApp) -> Uuid {
    let row = webhook_delivery::Model {
        id: entity::new_id(),
        provider: "calcom".to_owned(),
        dedupe_key: entity::new_id().to_string(),
        trigger: "PING".to_owned(),
        uid: None,
        body: b"{}".to_vec(),
        status: webhook_delivery::Status::Ignored,
        booking_id: None,
        failure: None,
        correlation_id: "matrix".to_owned(),
        sent_at: None,
        received_at: app.now(),
        processed_at: None,
        registration_id: None,
        connection_id: None,
    };
    let row = row
        .into_active_model()
        .reset_all()
        .insert(app.db().write_one())
        .await;
    row.expect("a sound row").id
}

/// A dead job; its coach does not exist, so that running it again does nothing.
async fn dead_job(app: &TestApp) -> Uuid {
    let row = job::Model {
        id: entity::new_id(),
        kind: "settle_conflicts".to_owned(),
        queue: "database".to_owned(),
        subject_id: entity::new_id(),
        dedupe_key: None,
        status: job::Status::Dead,
        run_at: app.now(),
        attempts: 10,
        leased_until: None,
        lease: None,
        last_error: None,
        correlation_id: "matrix".to_owned(),
        created_at: app.now(),
    };
    let row = row
        .into_active_model()
        .reset_all()
        .insert(app.db().write_one())
        .await;
    row.expect("a sound row").id
}

async fn suspend(app: &TestApp, name: &str) {
    let mut row = app.user(name).await.into_active_model();
    row.suspended_at = sea_orm::Set(Some(app.now()));
    row.update(app.db().write_one())
        .await
        .expect("the row is there");
}

/// Everything that somebody could have changed.
async fn state(app: &TestApp) -> String {
    let db = app.db().read();
    let notes = entity::note::Entity::find()
        .all(db)
        .await
        .expect("the database answers");
    let holds = entity::slot_hold::Entity::find()
        .all(db)
        .await
        .expect("the database answers");
    let sessions = entity::session::Entity::find()
        .all(db)
        .await
        .expect("the database answers");
    let absences = entity::absence::Entity::find()
        .all(db)
        .await
        .expect("the database answers");
    let schedules = entity::schedule::Entity::find()
        .all(db)
        .await
        .expect("the database answers");
    let offers = entity::event_type::Entity::find()
        .all(db)
        .await
        .expect("the database answers");
    let coaches = entity::coach::Entity::find()
        .all(db)
        .await
        .expect("the database answers");
    let users = entity::user::Entity::find()
        .all(db)
        .await
        .expect("the database answers");
    let accounts = connection::Entity::find()
        .all(db)
        .await
        .expect("the database answers");
    let history = app.history().await.len();
    format!(
        "{:?}{accounts:?}{notes:?}{holds:?}{absences:?}{sessions:?}{schedules:?}{offers:?}{coaches:?}{users:?}{history}",
        app.bookings().await
    )
}
