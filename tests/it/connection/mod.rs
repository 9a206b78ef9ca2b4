//! Accounts at Cal.com: connected in three ways, renewed, and never reported broken without proof.

mod api_key;
mod consent;
mod log;
mod provision;
mod renewal;
mod seal;

use chrono::TimeDelta;
use courtside::domain::connection::{self, CredentialError, Lease, Purpose};
use courtside::domain::scheduling::cal_com as cal_com_scheduler;
use entity::connection::{Entity, Health, Kind, Model};
use sea_orm::{ActiveModelTrait as _, EntityTrait as _, IntoActiveModel as _};
use serde_json::{Value, json};
use simulators::cal_com::{StandIn, User};
use simulators::{Fault, Kind as FaultKind, Times};
use tests::cal_com::{CLIENT_ID, CLIENT_SECRET};
use tests::{Actor, Answer, On, Setup, TestApp, cal_com};

/// A method and a path of Cal.com's API.
#[derive(Clone, Copy)]
pub(crate) struct Endpoint {
    method: &'static str,
    route: &'static str,
}

impl Endpoint {
    const fn new(method: &'static str, route: &'static str) -> Self {
        Self { method, route }
    }
}

pub(crate) const CREATE_USER: Endpoint = Endpoint::new("POST", "/v2/oauth-clients/{client}/users");
pub(crate) const LIST_USERS: Endpoint = Endpoint::new("GET", "/v2/oauth-clients/{client}/users");
pub(crate) const DELETE_USER: Endpoint =
    Endpoint::new("DELETE", "/v2/oauth-clients/{client}/users/{id}");
pub(crate) const FORCE_REFRESH: Endpoint = Endpoint::new(
    "POST",
    "/v2/oauth-clients/{client}/users/{id}/force-refresh",
);
pub(crate) const REFRESH: Endpoint = Endpoint::new("POST", "/v2/oauth/{client}/refresh");
pub(crate) const TOKEN: Endpoint = Endpoint::new("POST", "/v2/auth/oauth2/token");
pub(crate) const ME: Endpoint = Endpoint::new("GET", "/v2/me");

pub(crate) const ACCOUNT: &str = "account { id kind health healthReason action email username }";

pub(crate) async fn provision(actor: &Actor<'_>) -> Answer {
    actor.mutate("provisionCoach", json!({}), ACCOUNT).await
}

pub(crate) async fn connect_with_key(actor: &Actor<'_>, key: &str) -> Answer {
    actor
        .mutate("connectWithApiKey", json!({ "apiKey": key }), ACCOUNT)
        .await
}

/// The only connection there is.
pub(crate) async fn only(app: &TestApp) -> Model {
    let mut rows = rows(app).await;
    assert_eq!(rows.len(), 1, "{rows:?}");
    rows.remove(0)
}

pub(crate) async fn rows(app: &TestApp) -> Vec<Model> {
    Entity::find()
        .all(app.db().read())
        .await
        .expect("the database answers")
}

pub(crate) async fn edit(app: &TestApp, edit: impl FnOnce(&mut Model)) -> Model {
    let mut row = only(app).await;
    edit(&mut row);
    row.into_active_model()
        .reset_all()
        .update(app.db().write_one())
        .await
        .expect("the row is sound")
}

pub(crate) async fn lend(app: &TestApp, row: &Model) -> Result<Lease, CredentialError> {
    connection::credential_of(&app.app, row.id, Purpose::Booking).await
}

/// Reports what an error of Cal.com says about a credential, as every call does.
pub(crate) async fn report(app: &TestApp, lease: &Lease, error: &providers::cal_com::Error) {
    if let Some(refusal) = cal_com_scheduler::token_refusal(error) {
        let reported = connection::report(&app.app, lease, refusal).await;
        reported.expect("the database answers");
    }
}

/// Cal.com, and an application that is wired to it.
pub(crate) async fn start(on: On) -> (StandIn, TestApp) {
    let cal = cal_com::start().await;
    let app = Setup::default().cal_com(&cal).start(on).await;
    (cal, app)
}

/// Advances both clocks.
pub(crate) fn advance(app: &TestApp, cal: &StandIn, by: TimeDelta) {
    app.clock.advance(by);
    cal.clock().advance(by);
}

/// How often an endpoint was called.
pub(crate) fn calls(cal: &StandIn, endpoint: Endpoint) -> usize {
    cal.calls(endpoint.method, endpoint.route)
}

/// A fault of an endpoint.
pub(crate) fn fault(endpoint: Endpoint, kind: FaultKind) -> Fault {
    Fault::new(endpoint.route, kind).method(endpoint.method)
}

/// Makes the next calls of an endpoint fail.
pub(crate) fn fail(cal: &StandIn, endpoint: Endpoint, kind: FaultKind, times: u32) {
    cal.faults()
        .set(fault(endpoint, kind).times(Times::Count(times)));
}

/// The accounts that belong to the platform.
pub(crate) fn managed_users(cal: &StandIn) -> Vec<User> {
    let users = cal.users().into_iter();
    users.filter(|user| user.managed).collect()
}

/// The number at Cal.com of the account behind a connection.
pub(crate) fn number(row: &Model) -> u64 {
    row.external_id.parse().expect("Cal.com numbers its users")
}

/// Makes an account of the platform, or deletes one, past the application.
pub(crate) async fn as_platform(
    cal: &StandIn,
    method: http::Method,
    path: &str,
    body: Value,
) -> Value {
    let url = format!("{}/v2/oauth-clients/{CLIENT_ID}/users{path}", cal.url());
    let request = reqwest::Client::new()
        .request(method, url)
        .header("x-cal-client-id", CLIENT_ID)
        .header("x-cal-secret-key", CLIENT_SECRET)
        .json(&body);
    let answer = request.send().await.expect("it serves");
    assert!(answer.status().is_success(), "{answer:?}");
    answer.json().await.expect("JSON")
}

/// Replaces an API key, which is void from then on.
fn refusal(answer: &Answer) -> String {
    answer.user_errors().join(" ")
}

/// An account that is known from webhooks only.
pub(crate) fn observed(app: &TestApp, coach_id: entity::Uuid, external_id: &str) -> Model {
    Model {
        id: entity::new_id(),
        coach_id,
        provider: "calcom".to_owned(),
        external_id: external_id.to_owned(),
        external_email: None,
        external_username: None,
        health: Health::Observed,
        kind: Kind::Observed,
        access_token: None,
        refresh_token: None,
        access_expires_at: None,
        refresh_expires_at: None,
        token_version: 0,
        lease: None,
        leased_until: None,
        health_reason: None,
        broken_since: None,
        failures: 0,
        retry_at: None,
        last_ok_at: None,
        sync_cursor: None,
        sync_failures: 0,
        passed_over_from: None,
        passed_over_until: None,
        checked_at: None,
        disconnected_at: None,
        created_at: app.now(),
        updated_at: app.now(),
    }
}
