//! A signature proves who speaks, and that bounds what they may speak about.

use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use entity::webhook_delivery::{self, Status};
use entity::webhook_registration::{ActiveModel, Entity as Registrations};
use entity::{Uuid, booking, coach, connection, event_type, scheduler_request};
use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::{ActiveModelTrait, ConnectionTrait, EntityTrait, QueryOrder, Statement};
use serde_json::{Value, json};
use simulators::cal_com::Scope;
use tests::cal_com::{WEBHOOK_SECRET, signature};
use tests::{On, Setup, TestApp, at, both_bare, cal_com};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::fixture::Fixture;
use super::migration::migrate;
use super::webhooks::look;

both_bare![
    a_secret_signs_at_its_own_address_only,
    a_coach_cannot_put_a_booking_into_another_calendar,
    a_coach_cannot_book_for_somebody_who_never_connected,
    a_coach_cannot_change_another_coachs_booking_by_any_of_its_ids,
    a_delivery_is_no_duplicate_of_what_another_registration_sent,
    a_uid_that_was_claimed_in_advance_keeps_no_real_booking_out,
    a_request_of_another_coach_cannot_be_answered,
    another_coachs_event_type_and_clients_are_out_of_reach,
    a_replay_keeps_its_speaker,
    an_old_registration_is_moved_to_its_address_and_loses_no_delivery,
    the_platform_does_not_speak_for_accounts_that_speak_for_themselves,
    of_thousands_of_forged_and_overstepping_deliveries_none_has_an_effect,
    senders_of_forgeries_are_refused_before_their_body_is_read,
];

/// A coach's own account at Cal.com, and the webhook that it sends us.
struct Voice {
    user: u64,
    email: String,
    connection_id: Uuid,
    coach_id: Uuid,
    /// The path of its webhook's address.
    path: String,
    secret: String,
}

/// Two coaches with accounts of their own.
struct Stage {
    fixture: Fixture,
    sender: reqwest::Client,
    /// How many deliveries were told so far.
    told: AtomicI64,
    nora: Voice,
    marcus: Voice,
}

impl Stage {
    async fn start(on: On) -> Self {
        Self::with(on, "0").await
    }

    /// With a limit of forgeries per minute.
    async fn with(on: On, forgeries: &str) -> Self {
        let cal = cal_com::start().await;
        let app = Setup::default()
            .cal_com(&cal)
            .cal_com_client(cal_com::client(&cal, None, cal_com::policy()))
            .setting("RATE_LIMIT_FORGED_WEBHOOKS_PER_MINUTE", forgeries)
            .start(on)
            .await;
        let mut accounts = Vec::new();
        for (coach, name) in [("nora", "Nora Whitfield"), ("marcus", "Marcus Webb")] {
            let email = format!("{coach}@coaches.example.com");
            let (user, key) = cal.add_account(name, &email, "America/New_York");
            let input = json!({ "apiKey": key });
            let done = app
                .coach(coach)
                .mutate("connectWithApiKey", input, "account { health }")
                .await;
            assert_eq!(done.user_errors(), Vec::<&str>::new(), "{done:?}");
            accounts.push((user, email, key));
        }
        let offer = app.offer("nora", "coaching-60").await;
        let fixture = Fixture {
            app,
            cal,
            offer,
            api_key: accounts[0].2.clone(),
        };
        look(&fixture).await;
        let nora = voice(&fixture, accounts[0].0, &accounts[0].1).await;
        let marcus = voice(&fixture, accounts[1].0, &accounts[1].1).await;
        Self {
            fixture,
            sender: reqwest::Client::new(),
            told: AtomicI64::new(0),
            nora,
            marcus,
        }
    }

    fn app(&self) -> &TestApp {
        &self.fixture.app
    }

    /// Sends a delivery to an address; the status and the text of the answer.
    async fn send(&self, path: &str, secret: &str, body: &Value) -> (u16, String) {
        let body = body.to_string();
        let request = self
            .sender
            .post(self.app().url(path))
            .header("content-type", "application/json")
            .header("x-cal-signature-256", signature(secret, body.as_bytes()))
            .body(body);
        let answer = request.send().await.expect("it serves");
        (
            answer.status().as_u16(),
            answer.text().await.expect("a text"),
        )
    }

    /// An account's webhook tells of something at a moment of its own; what became of the delivery.
    async fn tell(&self, voice: &Voice, body: &Value) -> webhook_delivery::Model {
        let moment = self.told.fetch_add(1, Ordering::Relaxed);
        let sent_at = at("2026-11-21T01:25:24Z") + TimeDelta::seconds(moment);
        let body = with(body.clone(), |body| {
            body["createdAt"] = sent_at.to_rfc3339().into();
        });
        self.tell_exactly(voice, &body).await
    }

    async fn tell_exactly(&self, voice: &Voice, body: &Value) -> webhook_delivery::Model {
        let answer = self.send(&voice.path, &voice.secret, body).await;
        assert_eq!(answer, (200, r#"{"status":"received"}"#.to_owned()));
        self.last_delivery().await
    }

    async fn last_delivery(&self) -> webhook_delivery::Model {
        self.app().run_jobs().await;
        webhook_delivery::Entity::find()
            .order_by_desc(webhook_delivery::Column::Id)
            .one(self.app().db().read())
            .await
            .expect("the database answers")
            .expect("a delivery")
    }

    /// What a coach's calendar holds, to the last column.
    async fn calendar(&self, voice: &Voice) -> Vec<booking::Model> {
        let mut all = self.app().bookings().await;
        all.retain(|row| row.coach_id == voice.coach_id);
        all.sort_by_key(|row| row.id);
        all
    }

    /// The bookings of a coach that Cal.com told of.
    async fn told(&self, voice: &Voice) -> Vec<booking::Model> {
        let mut all = self.calendar(voice).await;
        all.retain(|row| row.scheduler == coach::Scheduler::CalCom);
        all
    }
}

async fn voice(fixture: &Fixture, user: u64, email: &str) -> Voice {
    let link = connection::Entity::find_by_external("calcom", &user.to_string())
        .one(fixture.app.db().read())
        .await
        .expect("the database answers")
        .expect("it is connected");
    let hooks = fixture.cal.webhooks();
    let own: Vec<_> = hooks
        .iter()
        .filter(|hook| hook.scope == Scope::User(user))
        .collect();
    assert_eq!(own.len(), 1, "{hooks:?}");
    let path = own[0].url.strip_prefix(&fixture.app.app.public_url);
    Voice {
        user,
        email: email.to_owned(),
        connection_id: link.id,
        coach_id: link.coach_id,
        path: path.expect("an address of ours").to_owned(),
        secret: own[0].secret.clone().expect("a secret"),
    }
}

fn hour(day: u32, hour: u32) -> DateTime<Utc> {
    at(&format!("2026-12-{day:02}T{hour:02}:00:00Z"))
}

/// A booking of an hour, as Cal.com tells of it.
fn created(uid: &str, host: &Voice, starts_at: DateTime<Utc>) -> Value {
    json!({
        "triggerEvent": "BOOKING_CREATED",
        "createdAt": "2026-11-21T01:25:24.212Z",
        "payload": {
            "type": "talk",
            "title": "A talk",
            "eventTypeId": 900_000 + host.user,
            "startTime": starts_at.to_rfc3339(),
            "endTime": (starts_at + TimeDelta::hours(1)).to_rfc3339(),
            "organizer": {
                "id": host.user, "name": "A coach", "email": host.email, "timeZone": "Europe/Berlin",
            },
            "attendees": [{ "email": "guest@example.com", "name": "A guest", "timeZone": "Europe/Berlin" }],
            "responses": { "email": { "label": "email_address", "value": "guest@example.com" } },
            "uid": uid,
            "bookingId": 4000,
            "iCalUID": format!("{uid}@Cal.com"),
            "iCalSequence": 0,
            "status": "ACCEPTED",
            "length": 60,
            "metadata": {},
        },
    })
}

fn with(mut body: Value, edit: impl FnOnce(&mut Value)) -> Value {
    edit(&mut body);
    body
}

async fn count(app: &TestApp, table: &str) -> i64 {
    let db = app.db().read();
    let sql = format!("select count(*) as counted from {table}");
    let row = db
        .query_one_raw(Statement::from_string(db.get_database_backend(), sql))
        .await
        .expect("a sound query")
        .expect("a row");
    row.try_get("", "counted").expect("a number")
}

async fn a_secret_signs_at_its_own_address_only(on: On) {
    let stage = Stage::start(on).await;
    let (nora, marcus) = (&stage.nora, &stage.marcus);
    assert_eq!(
        nora.path,
        format!("/webhooks/calcom/{}", nora.connection_id)
    );
    let body = created("own", nora, hour(8, 3));
    for (path, secret) in [
        ("/webhooks/calcom", nora.secret.as_str()),
        ("/api/webhooks/calcom", nora.secret.as_str()),
        ("/api/cal/webhooks/receiver", nora.secret.as_str()),
        (marcus.path.as_str(), nora.secret.as_str()),
        (nora.path.as_str(), marcus.secret.as_str()),
        (nora.path.as_str(), WEBHOOK_SECRET),
    ] {
        let (status, _) = stage.send(path, secret, &body).await;
        assert_eq!(status, 401, "{path}");
    }
    for nobody in [Uuid::from_u128(7).to_string(), "somebody".to_owned()] {
        let path = format!("/webhooks/calcom/{nobody}");
        assert_eq!(stage.send(&path, &nora.secret, &body).await.0, 404);
    }
    assert_eq!(count(stage.app(), "webhook_delivery").await, 0);
    let delivery = stage.tell(nora, &body).await;
    assert_eq!(delivery.status, Status::Processed, "{:?}", delivery.failure);
    assert_eq!(
        (delivery.registration_id, delivery.connection_id),
        (Some(nora.connection_id), Some(nora.connection_id))
    );
    assert_eq!(stage.told(nora).await.len(), 1);
    stage.fixture.app.finish().await;
}

async fn a_coach_cannot_put_a_booking_into_another_calendar(on: On) {
    let stage = Stage::start(on).await;
    let before = stage.calendar(&stage.marcus).await;
    let forged = with(created("forged", &stage.marcus, hour(8, 3)), |body| {
        body["payload"]["price"] = Value::Null;
    });
    let delivery = stage.tell(&stage.nora, &forged).await;
    assert_eq!(
        (delivery.status, delivery.booking_id),
        (Status::Refused, None)
    );
    assert!(delivery.failure.is_some_and(|why| why.contains("host")));
    assert_eq!(stage.calendar(&stage.marcus).await, before);

    let counted = r#"courtside_webhooks_refused_total{provider="calcom",reason="overstep"}"#;
    assert_eq!(stage.app().figure(counted).await, 1.0);
    let raised = stage.fixture.audited("webhook.overstep").await;
    assert_eq!(raised, ["webhook.overstep"]);
    let seen = stage
        .app()
        .admin()
        .gql(
            "{ admin { webhookDeliveries(status: REFUSED) { nodes { failure connectionId webhookRegistrationId } } } }",
            json!({}),
        )
        .await;
    let node = seen.at("/admin/webhookDeliveries/nodes/0");
    let id = stage.nora.connection_id.simple();
    assert_eq!(node["connectionId"], format!("connection_{id}"), "{seen:?}");
    assert_eq!(
        node["webhookRegistrationId"],
        format!("webhookRegistration_{id}")
    );
    stage.fixture.app.finish().await;
}

async fn a_coach_cannot_book_for_somebody_who_never_connected(on: On) {
    let stage = Stage::start(on).await;
    let rows = async || {
        (
            count(stage.app(), "coach").await,
            count(stage.app(), "connection").await,
            count(stage.app(), "booking").await,
        )
    };
    let before = rows().await;
    let own = created("stranger", &stage.nora, hour(8, 3));
    for organizer in [
        json!({ "id": 424_242, "email": "grace@coaches.example.com", "name": "Grace" }),
        json!({ "email": "grace@coaches.example.com", "name": "Grace" }),
        json!({ "id": 424_242, "email": stage.nora.email, "name": "Nora" }),
    ] {
        let forged = with(own.clone(), |body| body["payload"]["organizer"] = organizer);
        let delivery = stage.tell(&stage.nora, &forged).await;
        assert_eq!(delivery.status, Status::Refused);
    }
    assert_eq!(rows().await, before);
    stage.fixture.app.finish().await;
}

/// Every way to reach a booking of another coach: by uid, by the uid it replaces, by its calendar
/// id, and by triggers that name no host.
fn reaches(own: &Voice, other: &Voice) -> Vec<(&'static str, Value)> {
    let elsewhere = "https://evil.example.com/call";
    let absent = json!({
        "triggerEvent": "BOOKING_NO_SHOW_UPDATED",
        "createdAt": "2026-11-21T02:25:24.212Z",
        "payload": { "bookingUid": "real", "bookingId": 4000,
            "attendees": [{ "email": "guest@example.com", "noShow": true }] },
    });
    let ended = json!({
        "triggerEvent": "MEETING_ENDED", "id": 4000, "uid": "real", "status": "accepted",
        "createdAt": "2026-11-21T01:25:24.212Z",
        "startTime": hour(8, 3).to_rfc3339(), "endTime": hour(8, 4).to_rfc3339(),
    });
    let mut reaches = vec![("absent", absent), ("ended", ended)];
    for (name, host) in [("as the other host", other), ("as its own", own)] {
        let moved = |edit: fn(&mut Value)| {
            let mut body = created("mine", host, hour(9, 6));
            body["payload"]["bookingId"] = 9000.into();
            body["payload"]["videoCallData"] = json!({ "url": elsewhere });
            body["payload"]["location"] = elsewhere.into();
            edit(&mut body);
            body
        };
        reaches.extend([
            (name, moved(|body| body["payload"]["uid"] = "real".into())),
            (
                name,
                moved(|body| {
                    body["triggerEvent"] = "BOOKING_CANCELLED".into();
                    body["payload"]["status"] = "CANCELLED".into();
                    body["payload"]["uid"] = "real".into();
                }),
            ),
            (
                name,
                moved(|body| body["payload"]["iCalUID"] = "real@Cal.com".into()),
            ),
            (
                name,
                moved(|body| {
                    body["triggerEvent"] = "BOOKING_CANCELLED".into();
                    body["payload"]["status"] = "CANCELLED".into();
                    body["payload"]["uid"] = "mine-2".into();
                    body["payload"]["iCalUID"] = "real@Cal.com".into();
                }),
            ),
            (
                name,
                moved(|body| {
                    body["triggerEvent"] = "BOOKING_RESCHEDULED".into();
                    body["payload"]["uid"] = "mine-3".into();
                    body["payload"]["rescheduleUid"] = "real".into();
                }),
            ),
        ]);
    }
    reaches
}

async fn a_coach_cannot_change_another_coachs_booking_by_any_of_its_ids(on: On) {
    let stage = Stage::start(on).await;
    let real = created("real", &stage.marcus, hour(8, 3));
    let delivery = stage.tell(&stage.marcus, &real).await;
    assert_eq!(delivery.status, Status::Processed, "{:?}", delivery.failure);
    let (before, lines) = (
        stage.calendar(&stage.marcus).await,
        stage.app().history().await.len(),
    );
    for (way, body) in reaches(&stage.nora, &stage.marcus) {
        let delivery = stage.tell(&stage.nora, &body).await;
        assert_eq!(stage.calendar(&stage.marcus).await, before, "{way} {body}");
        if way != "as its own" {
            assert_eq!(delivery.status, Status::Refused, "{way} {body}");
        }
        assert!(
            before.iter().all(|row| Some(row.id) != delivery.booking_id),
            "{way} {body}"
        );
    }
    let own = stage.told(&stage.nora).await;
    let mut told = stage.app().history().await;
    told.retain(|line| own.iter().all(|row| row.id != line.booking_id));
    assert_eq!(told.len(), lines, "nothing is told of others' bookings");
    // Marcus's own word still counts.
    let canceled = with(real, |body| {
        body["triggerEvent"] = "BOOKING_CANCELLED".into();
        body["payload"]["status"] = "CANCELLED".into();
    });
    stage.tell(&stage.marcus, &canceled).await;
    let after = stage.told(&stage.marcus).await;
    assert_eq!(
        after.iter().map(|row| row.status).collect::<Vec<_>>(),
        [booking::Status::Canceled]
    );
    stage.fixture.app.finish().await;
}

async fn a_delivery_is_no_duplicate_of_what_another_registration_sent(on: On) {
    let stage = Stage::start(on).await;
    let real = created("real", &stage.marcus, hour(8, 3));
    let forged = stage.tell_exactly(&stage.nora, &real).await;
    assert_eq!(forged.status, Status::Refused);
    let delivery = stage.tell_exactly(&stage.marcus, &real).await;
    assert_eq!(delivery.status, Status::Processed);
    assert_eq!(stage.told(&stage.marcus).await.len(), 1);
    let again = stage
        .send(&stage.marcus.path, &stage.marcus.secret, &real)
        .await;
    assert_eq!(again, (200, r#"{"status":"duplicate"}"#.to_owned()));
    stage.app().run_jobs().await;
    stage.fixture.app.finish().await;
}

async fn a_uid_that_was_claimed_in_advance_keeps_no_real_booking_out(on: On) {
    let stage = Stage::start(on).await;
    let claimed = created("real", &stage.nora, hour(8, 6));
    stage.tell(&stage.nora, &claimed).await;
    let real = created("real", &stage.marcus, hour(8, 3));
    let delivery = stage.tell(&stage.marcus, &real).await;
    assert_eq!(delivery.status, Status::Processed);
    let times = |rows: Vec<booking::Model>| {
        let times = rows.iter().map(|row| (row.starts_at, row.status));
        times.collect::<Vec<_>>()
    };
    let confirmed = booking::Status::Confirmed;
    assert_eq!(
        times(stage.told(&stage.marcus).await),
        [(hour(8, 3), confirmed)]
    );
    assert_eq!(
        times(stage.told(&stage.nora).await),
        [(hour(8, 6), confirmed)]
    );
    stage.fixture.app.finish().await;
}

async fn a_request_of_another_coach_cannot_be_answered(on: On) {
    let mut stage = Stage::start(on).await;
    let answer = migrate(&stage.fixture, "CALCOM", false).await;
    assert_eq!(answer.at("/migrateCoach/report/isDone"), true, "{answer:?}");
    stage.fixture.offer = stage.app().offer("nora", "coaching-60").await;
    stage.fixture.booked("2026-11-26T15:00:00Z").await;
    stage.app().run_jobs().await;
    let request = scheduler_request::Entity::find()
        .one(stage.app().db().read())
        .await
        .expect("the database answers")
        .expect("a request");
    let before = stage.calendar(&stage.nora).await;
    let forged = with(created("answer", &stage.marcus, hour(10, 3)), |body| {
        body["payload"]["metadata"] = json!({ "courtsideRequest": request.id.to_string() });
    });
    let delivery = stage.tell(&stage.marcus, &forged).await;
    assert_eq!(delivery.status, Status::Processed, "it is Marcus's booking");
    assert_eq!(stage.calendar(&stage.nora).await, before);
    assert_eq!(stage.told(&stage.marcus).await.len(), 1);
    assert_eq!(
        stage.fixture.live_there().len(),
        1,
        "nothing is undone at Cal.com"
    );
    stage.fixture.app.finish().await;
}

async fn another_coachs_event_type_and_clients_are_out_of_reach(on: On) {
    let stage = Stage::start(on).await;
    let app = stage.app();
    let maria = app.user("maria").await;
    let email = maria.email.clone().expect("an address");
    let attended = |body: Value, number: i64| {
        with(body, |body| {
            body["payload"]["bookingId"] = number.into();
            body["payload"]["attendees"][0]["email"] = email.clone().into();
            body["payload"]["responses"]["email"]["value"] = email.clone().into();
        })
    };
    let real = attended(created("real", &stage.marcus, hour(8, 3)), 4000);
    stage.tell(&stage.marcus, &real).await;
    let real = stage.told(&stage.marcus).await.remove(0);
    assert_eq!(real.client_id, Some(maria.id));

    // The same client at the same time, with the least number there can be.
    let forged = attended(created("forged", &stage.nora, hour(8, 3)), 1);
    let forged = with(forged, |body| {
        body["payload"]["eventTypeId"] = (900_000 + stage.marcus.user).into();
    });
    let delivery = stage.tell(&stage.nora, &forged).await;
    assert_eq!(delivery.status, Status::Processed, "it is Nora's booking");
    assert_eq!(stage.told(&stage.marcus).await, std::slice::from_ref(&real));
    let own = stage.told(&stage.nora).await.remove(0);
    assert_eq!(own.conflict, Some(booking::Conflict::ClientOverlap));
    assert_ne!(own.event_type_id, real.event_type_id);
    let its_type = event_type::Entity::find_by_id(own.event_type_id)
        .one(app.db().read())
        .await
        .expect("the database answers")
        .expect("an event type");
    assert_eq!(its_type.coach_id, stage.nora.coach_id);
    stage.fixture.app.finish().await;
}

async fn a_replay_keeps_its_speaker(on: On) {
    let stage = Stage::start(on).await;
    let forged = created("forged", &stage.marcus, hour(8, 3));
    let refused = stage.tell(&stage.nora, &forged).await;
    assert_eq!(refused.status, Status::Refused);
    let id = format!("webhookDelivery_{}", refused.id.simple());
    let done = stage
        .app()
        .admin()
        .mutate(
            "replayWebhook",
            json!({ "webhookDeliveryId": id }),
            "webhookDelivery { status }",
        )
        .await;
    assert_eq!(done.user_errors(), Vec::<&str>::new(), "{done:?}");
    let again = stage.last_delivery().await;
    assert_eq!(again.status, Status::Refused);
    assert_eq!(again.connection_id, Some(stage.nora.connection_id));
    assert_eq!(stage.told(&stage.marcus).await, []);
    stage.fixture.app.finish().await;
}

async fn an_old_registration_is_moved_to_its_address_and_loses_no_delivery(on: On) {
    let stage = Stage::start(on).await;
    let platform = "/webhooks/calcom";
    let (fixture, nora) = (&stage.fixture, &stage.nora);
    let public = |path: &str| format!("{}{path}", fixture.app.app.public_url);
    // As an earlier version left it, here and there.
    let old = ActiveModel {
        id: Unchanged(nora.connection_id),
        url: Set(public(platform)),
        platform_url_until: Set(Some(at("9998-12-31T00:00:00Z"))),
        ..Default::default()
    };
    old.update(fixture.app.db().write_one())
        .await
        .expect("the registration is there");
    let hook = fixture.cal.webhooks();
    let hook = hook
        .iter()
        .find(|hook| hook.scope == Scope::User(nora.user));
    let hook = hook.expect("it is registered").id.clone();
    super::migration::patch(
        fixture,
        &format!("/v2/webhooks/{hook}"),
        "2024-08-13",
        json!({ "subscriberUrl": public(platform) }),
    )
    .await;
    courtside_reads_its_secrets(&stage).await;

    // At the platform's address its secret is still good, for its own account.
    let first = created("first", nora, hour(8, 3));
    assert_eq!(stage.send(platform, &nora.secret, &first).await.0, 200);
    let delivery = stage.last_delivery().await;
    assert_eq!(
        (delivery.status, delivery.connection_id),
        (Status::Processed, Some(nora.connection_id))
    );
    let forged = created("forged", &stage.marcus, hour(8, 3));
    assert_eq!(stage.send(platform, &nora.secret, &forged).await.0, 200);
    assert_eq!(stage.last_delivery().await.status, Status::Refused);

    fixture.advance(TimeDelta::hours(25));
    fixture.app.run_jobs().await;
    let hooks = fixture.cal.webhooks();
    let hooks: Vec<_> = hooks
        .iter()
        .filter(|hook| hook.scope == Scope::User(nora.user))
        .collect();
    assert_eq!(hooks.len(), 1, "{hooks:?}");
    assert_eq!(hooks[0].url, public(&nora.path));
    assert_eq!(hooks[0].secret.as_deref(), Some(nora.secret.as_str()));
    let row = Registrations::find_by_id(nora.connection_id)
        .one(fixture.app.db().read())
        .await
        .expect("the database answers")
        .expect("its row");
    assert_eq!(row.url, hooks[0].url);

    // What was on its way arrives, at either address.
    let late = created("late", nora, hour(9, 3));
    assert_eq!(stage.send(platform, &nora.secret, &late).await.0, 200);
    let new = created("new", nora, hour(10, 3));
    assert_eq!(stage.tell(nora, &new).await.status, Status::Processed);
    fixture.advance(TimeDelta::minutes(61));
    let later = created("later", nora, hour(11, 3));
    assert_eq!(stage.send(platform, &nora.secret, &later).await.0, 401);
    assert_eq!(stage.tell(nora, &later).await.status, Status::Processed);
    assert_eq!(stage.told(nora).await.len(), 4);
    stage.fixture.app.finish().await;
}

/// A forgery makes the server read the table again, if it has not just done so.
async fn courtside_reads_its_secrets(stage: &Stage) {
    let body = created("first", &stage.nora, hour(8, 3));
    tests::until("the table was read", || async {
        let (status, _) = stage
            .send("/webhooks/calcom", "somebody else's", &body)
            .await;
        assert_eq!(status, 401);
        let (status, _) = stage
            .send("/webhooks/calcom", &stage.nora.secret, &json!({}))
            .await;
        status == 200
    })
    .await;
    stage.app().run_jobs().await;
}

async fn the_platform_does_not_speak_for_accounts_that_speak_for_themselves(on: On) {
    let stage = Stage::start(on).await;
    let body = created("other", &stage.marcus, hour(8, 3));
    let platform = "/webhooks/calcom";
    assert_eq!(stage.send(platform, WEBHOOK_SECRET, &body).await.0, 200);
    let delivery = stage.last_delivery().await;
    assert_eq!(
        (delivery.status, delivery.connection_id),
        (Status::Refused, None)
    );
    assert_eq!(stage.told(&stage.marcus).await, []);
    // It does for everybody whom nobody else speaks for.
    let stranger = with(body, |body| {
        body["payload"]["uid"] = "stranger".into();
        body["payload"]["organizer"]["id"] = 424_242.into();
        body["payload"]["organizer"]["email"] = "stranger@example.com".into();
    });
    assert_eq!(stage.send(platform, WEBHOOK_SECRET, &stranger).await.0, 200);
    assert_eq!(stage.last_delivery().await.status, Status::Processed);
    stage.fixture.app.finish().await;
}

/// How many forgeries, and how many deliveries that overstep.
const FORGED: usize = 2000;
const OVERSTEPPING: usize = 1000;

async fn of_thousands_of_forged_and_overstepping_deliveries_none_has_an_effect(on: On) {
    let stage = Stage::start(on).await;
    let real = created("real", &stage.marcus, hour(8, 3));
    stage.tell(&stage.marcus, &real).await;
    let before = stage.app().bookings().await;
    let reaches = reaches(&stage.nora, &stage.marcus);
    let overstepping: Vec<_> = reaches
        .iter()
        .filter(|(way, _)| *way != "as its own")
        .map(|(_, body)| body)
        .collect();
    let mut forged = 0;
    for number in 0..FORGED {
        let body = overstepping[number % overstepping.len()];
        let (path, secret) = match number % 4 {
            0 => (stage.marcus.path.as_str(), stage.nora.secret.as_str()),
            1 => (&*stage.marcus.path, WEBHOOK_SECRET),
            2 => ("/webhooks/calcom", &*stage.nora.secret),
            _ => (&*stage.marcus.path, "no-secret-provided"),
        };
        forged += usize::from(stage.send(path, secret, body).await.0 == 401);
    }
    assert_eq!(forged, FORGED, "none is accepted");
    for number in 0..OVERSTEPPING {
        let body = with(overstepping[number % overstepping.len()].clone(), |body| {
            body["createdAt"] = (hour(1, 0) + TimeDelta::seconds(number as i64))
                .to_rfc3339()
                .into();
        });
        let (status, _) = stage
            .send(&stage.nora.path, &stage.nora.secret, &body)
            .await;
        assert_eq!(status, 200);
    }
    stage.app().run_jobs().await;
    let mut deliveries = webhook_delivery::Entity::find()
        .all(stage.app().db().read())
        .await
        .expect("the database answers");
    deliveries.retain(|row| row.connection_id == Some(stage.nora.connection_id));
    assert_eq!(deliveries.len(), OVERSTEPPING);
    assert!(deliveries.iter().all(|row| row.status == Status::Refused));
    assert_eq!(stage.app().bookings().await, before);
    let raised = stage.fixture.audited("webhook.overstep").await;
    assert_eq!(raised.len(), OVERSTEPPING);
    stage.fixture.app.finish().await;
}

async fn senders_of_forgeries_are_refused_before_their_body_is_read(on: On) {
    let stage = Stage::with(on, "5").await;
    let (nora, marcus) = (&stage.nora, &stage.marcus);
    let genuine = created("genuine", nora, hour(8, 3));
    for _ in 0..5 {
        assert_eq!(stage.send(&nora.path, "wrong", &genuine).await.0, 401);
    }
    // The head alone is answered.
    let mut socket = TcpStream::connect(stage.app().address)
        .await
        .expect("it listens");
    let head = format!(
        "POST {} HTTP/1.1\r\nhost: courtside\r\ncontent-length: 100000\r\n\r\n",
        nora.path
    );
    socket.write_all(head.as_bytes()).await.expect("it reads");
    let mut answer = vec![0; 4096];
    let length = socket.read(&mut answer).await.expect("it answers");
    let answer = String::from_utf8_lossy(&answer[..length]).to_lowercase();
    assert!(answer.starts_with("http/1.1 429"), "{answer}");
    let wait = answer
        .lines()
        .find_map(|line| line.strip_prefix("retry-after: "));
    let wait: u64 = wait.expect("a header").parse().expect("seconds");
    assert!((1..=12).contains(&wait), "{wait}");
    assert_eq!(stage.send(&nora.path, &nora.secret, &genuine).await.0, 429);
    let counted = r#"courtside_webhooks_refused_total{provider="calcom",reason="rate_limited"}"#;
    assert_eq!(stage.app().figure(counted).await, 2.0);
    assert_eq!(count(stage.app(), "webhook_delivery").await, 0);

    // Guesses of addresses are counted together.
    for number in 0..5 {
        let path = format!("/webhooks/calcom/{}", Uuid::from_u128(number));
        assert_eq!(stage.send(&path, "wrong", &genuine).await.0, 404);
    }
    let path = format!("/webhooks/calcom/{}", Uuid::from_u128(99));
    assert_eq!(stage.send(&path, "wrong", &genuine).await.0, 429);

    // Other addresses are not concerned, and a sender of genuine deliveries is not locked out.
    let own = created("own", marcus, hour(8, 3));
    assert_eq!(stage.send(&marcus.path, &marcus.secret, &own).await.0, 200);
    for _ in 0..20 {
        assert_eq!(stage.send(&marcus.path, "wrong", &own).await.0, 401);
    }
    let next = created("next", marcus, hour(9, 3));
    assert_eq!(stage.tell(marcus, &next).await.status, Status::Processed);
    stage.fixture.app.finish().await;
}
