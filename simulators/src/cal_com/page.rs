//! What people do in Cal.com's own pages: the same effects and webhooks, without anybody's
//! credentials.

use std::sync::Arc;

use serde_json::{Value, json};

use super::bookings::{cancel, change, create, decide, presence};
use super::call::Call;
use super::reply::{Answer, Failure, done, ok};
use super::server::Shared;
use super::state::string;

/// One thing a person does. The body names the booking (`uid`) or what to book, as the API's bodies
/// do; a `reason` will do for whatever has one.
pub(super) async fn act(shared: &Arc<Shared>, action: &str, body: &Value) -> Answer {
    let now = shared.clock.now();
    let uid = string(body, "uid").unwrap_or_default();
    let mut body = body.clone();
    if action == "cancel" && body["cancellationReason"].is_null() && body["reason"].is_string() {
        body["cancellationReason"] = body["reason"].clone();
    }
    let body = &body;
    let call = |path: &str| Call::inside("POST", path, body.clone(), now);
    let of_booking = |what: &str| call(&format!("/v2/bookings/{uid}/{what}"));
    match action {
        "book" => create::create(shared, &call("/v2/bookings")).await,
        "move" => change::reschedule(shared, &of_booking("reschedule"), &uid).await,
        "cancel" => cancel::cancel(shared, &of_booking("cancel"), &uid).await,
        "confirm" => {
            decide::confirm_as(shared, &of_booking("confirm"), &uid, host(shared, &uid)?).await
        }
        "decline" => {
            decide::decline_as(shared, &of_booking("decline"), &uid, host(shared, &uid)?).await
        }
        "absent" => {
            presence::mark_as(
                shared,
                &of_booking("mark-absent"),
                &uid,
                host(shared, &uid)?,
            )
            .await
        }
        "connect" => connect(shared, body),
        "enter" => enter(shared, body),
        "tick" => {
            super::meetings::tick(shared).await;
            done()
        }
        _ => Err(Failure::not_found(format!("There is no page {action}"))),
    }
}

fn host(shared: &Arc<Shared>, uid: &str) -> Result<u64, Failure> {
    let state = shared.state();
    let booking = state.booking(uid);
    booking
        .map(|booking| booking.host)
        .ok_or_else(|| Failure::not_found(format!("Booking with uid={uid} not found")))
}

/// Something is entered in a connected calendar: `{user, integration, externalId, start, end}`; the
/// main calendar has the user's address.
fn enter(shared: &Arc<Shared>, body: &Value) -> Answer {
    let moment = |name: &str| body[name].as_str().and_then(|text| text.parse().ok());
    let calendar = string(body, "integration").zip(string(body, "externalId"));
    let (Some(user), Some((integration, external_id)), Some(start), Some(end)) = (
        body["user"].as_u64(),
        calendar,
        moment("start"),
        moment("end"),
    ) else {
        return Err(Failure::bad_request(
            "user, integration, externalId, start and end are needed",
        ));
    };
    shared
        .state()
        .enter(user, (&integration, &external_id), start, end);
    done()
}

/// The other side agrees to a connection: `{user, app}`, as in `google_calendar` or `zoom`.
fn connect(shared: &Arc<Shared>, body: &Value) -> Answer {
    let mut state = shared.state();
    let user = body["user"]
        .as_u64()
        .and_then(|id| state.users.get_mut(&id));
    let user = user.ok_or_else(|| Failure::not_found("There is no such user"))?;
    let app = string(body, "app").ok_or_else(|| Failure::bad_request("app is missing"))?;
    if !user.apps.contains(&app) {
        user.apps.push(app);
    }
    ok(json!(user.apps))
}
