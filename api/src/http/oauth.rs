//! Where Cal.com's page sends a coach back to.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Extension, Query, State};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use http::header::{ALLOW, CACHE_CONTROL, LOCATION, REFERRER_POLICY};
use http::{HeaderValue, Method, StatusCode};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;

use crate::app::App;
use crate::domain::connection::{self, Finished};
use crate::domain::scheduling::cal_com;
use crate::http::request_id::RequestId;

/// The address to register at Cal.com, and the one under which other back ends of this kind are
/// registered there.
const CAL_COM: [&str; 2] = ["/oauth/calcom", "/api/cal/oauth/callback"];

/// What the provider put into the query. No `Debug`: it is as good as a token.
#[derive(Deserialize)]
struct Returned {
    state: Option<String>,
    code: Option<String>,
}

/// The routes on which browsers come back from providers.
///
/// | answer | when |
/// | --- | --- |
/// | 303 | to the address given at the start, with `connection=` and the outcome in its query |
/// | 400 | the state is none that was given out, or was used before |
/// | 503 | it could not be looked up; nothing has changed |
pub fn router(app: Arc<App>) -> Router {
    CAL_COM
        .into_iter()
        .fold(Router::new(), |routes, path| {
            routes.route(path, get(from_cal_com))
        })
        .with_state(app)
}

async fn from_cal_com(
    State(app): State<Arc<App>>,
    method: Method,
    request_id: Option<Extension<RequestId>>,
    Query(returned): Query<Returned>,
) -> Response {
    // A route for GET is asked by HEAD too: whoever looks at a link beforehand must not use the
    // state up.
    if method != Method::GET {
        return (
            [(ALLOW, "GET")],
            answer(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED"),
        )
            .into_response();
    }
    let Some(state) = returned.state else {
        return answer(StatusCode::BAD_REQUEST, "UNKNOWN_STATE");
    };
    let correlation_id = request_id
        .map_or_else(RequestId::new, |Extension(id)| id)
        .as_str()
        .to_owned();
    let (tasks, code) = (app.tasks.clone(), returned.code.map(SecretString::from));
    // On a task of its own: a browser that goes away does not leave an account half connected.
    let finished = tasks
        .spawn(async move {
            connection::finish(&app, cal_com::PROVIDER, &state, code, &correlation_id).await
        })
        .await;
    let mut response = match finished {
        Ok(Ok(Finished::Back(to))) => match HeaderValue::from_str(&to) {
            Ok(to) => (StatusCode::SEE_OTHER, [(LOCATION, to)]).into_response(),
            Err(_) => answer(StatusCode::BAD_REQUEST, "UNKNOWN_STATE"),
        },
        Ok(Ok(Finished::Unknown)) => answer(StatusCode::BAD_REQUEST, "UNKNOWN_STATE"),
        Ok(Err(error)) => {
            tracing::error!(%error, "a browser came back from Cal.com and could not be served");
            answer(StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE")
        }
        Err(_) => answer(StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE"),
    };
    // The address holds the code and the state.
    response
        .headers_mut()
        .insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn answer(status: StatusCode, code: &'static str) -> Response {
    (status, Json(json!({ "code": code }))).into_response()
}
