//! OAuth callbacks: Cal.com redirects coaches here.

use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use http::header::{ALLOW, CACHE_CONTROL, LOCATION, REFERRER_POLICY};
use http::{HeaderValue, Method, StatusCode};
use serde_json::json;

use crate::app::App;
use crate::domain::connection::{self, Parked, Returned};
use crate::domain::scheduling::cal_com;

/// The path to register at Cal.com, and an alias that existing Cal.com clients already have
/// registered.
const CAL_COM: [&str; 2] = ["/oauth/calcom", "/api/cal/oauth/callback"];

/// Query parameters of the callback. No `Debug`: the code is as good as a token.
#[derive(Default)]
struct CallbackQuery {
    state: Option<String>,
    code: Option<String>,
    error: Option<String>,
}

impl CallbackQuery {
    /// Reads the parameters; `None` when one occurs twice, as it is unclear which one counts.
    fn read(pairs: Vec<(String, String)>) -> Option<Self> {
        let mut query = Self::default();
        for (name, value) in pairs {
            let place = match name.as_str() {
                "state" => &mut query.state,
                "code" => &mut query.code,
                "error" => &mut query.error,
                _ => continue,
            };
            if place.replace(value).is_some() {
                return None;
            }
        }
        Some(query)
    }

    /// RFC 6749, section 4.1.2.1: `access_denied` alone is the person's own decision.
    fn returned(self) -> (Option<String>, Returned) {
        let code = self.code.filter(|code| !code.is_empty());
        let returned = match (self.error.as_deref(), code) {
            (Some("access_denied"), _) => Returned::Denied,
            (None, Some(code)) => Returned::Code(code.into()),
            _ => Returned::Failed,
        };
        (self.state, returned)
    }
}

/// Routes of the OAuth callbacks.
///
/// | response | when |
/// | --- | --- |
/// | 303 | to the address given at the start, with `connection=` and the outcome in its query |
/// | 400 | the state is unknown or was used before, or a parameter occurs twice |
/// | 503 | the state could not be looked up; nothing has changed |
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
    query: Result<Query<Vec<(String, String)>>, QueryRejection>,
) -> Response {
    // axum routes HEAD to GET handlers: a link preview must not use up the state.
    if method != Method::GET {
        return (
            [(ALLOW, "GET")],
            answer(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED"),
        )
            .into_response();
    }
    let Some(query) = query
        .ok()
        .and_then(|Query(pairs)| CallbackQuery::read(pairs))
    else {
        return answer(StatusCode::BAD_REQUEST, "INVALID_QUERY");
    };
    let (Some(state), returned) = query.returned() else {
        return answer(StatusCode::BAD_REQUEST, "UNKNOWN_STATE");
    };
    let parked = connection::park(&app, cal_com::PROVIDER, &state, returned).await;
    let mut response = match parked {
        Ok(Parked::Back(to)) => match HeaderValue::from_str(&to) {
            Ok(to) => (StatusCode::SEE_OTHER, [(LOCATION, to)]).into_response(),
            Err(_) => answer(StatusCode::BAD_REQUEST, "UNKNOWN_STATE"),
        },
        Ok(Parked::Unknown) => answer(StatusCode::BAD_REQUEST, "UNKNOWN_STATE"),
        Err(error) => {
            tracing::error!(%error, "an OAuth callback failed");
            answer(StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE")
        }
    };
    // The URL contains the code and the state, the address to go to the ticket.
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
