//! Responses to requests that never reach a handler, in the shape that GraphQL clients parse.

use axum::response::{IntoResponse, Response};
use http::header::{CONNECTION, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use serde_json::json;

/// `{"errors": [{"message", "extensions": {"code"}}]}` with that status. Neither text may contain
/// data of the request.
pub fn refusal(status: StatusCode, code: &'static str, message: &str) -> Response {
    let body =
        json!({ "errors": [{ "message": message, "extensions": { "code": code } }] }).to_string();
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    (status, [(CONTENT_TYPE, json)], body).into_response()
}

/// As [`refusal`], and closes the connection: the rest of the request on it cannot be trusted.
pub fn refusal_and_close(status: StatusCode, code: &'static str, message: &str) -> Response {
    let mut response = refusal(status, code, message);
    response
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("close"));
    response
}
