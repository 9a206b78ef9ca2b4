//! A GraphQL request in a body or a query string.

use std::time::Duration;

use async_graphql::{Value as ConstValue, Variables};
use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, EXPECT};
use http_body_util::BodyExt;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::error::TransportError;
use crate::document::DocumentRequest;

/// The parameters of a well-formed request, not yet checked.
#[derive(Debug, Default)]
pub(super) struct Params {
    pub(super) document: DocumentRequest,
    pub(super) variables: Variables,
}

/// The parameters before their types are checked. A repeated member is an error.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RawParams {
    #[serde(default)]
    pub(super) query: Value,
    #[serde(default)]
    pub(super) operation_name: Value,
    #[serde(default)]
    pub(super) variables: Value,
    #[serde(default)]
    pub(super) extensions: Value,
    #[serde(default)]
    pub(super) id: Value,
    #[serde(default)]
    pub(super) document_id: Value,
}

/// How much of a body that is too large is read and discarded: a client that is still sending when
/// the connection is closed does not see the response.
const MAX_DISCARDED: usize = 32 << 20;

/// Reads the body, within the limits of size and time.
///
/// # Errors
/// 413, 408, or 400 if the client stops in the middle.
pub(super) async fn read_body(
    headers: &HeaderMap,
    body: Body,
    limit: usize,
    time: Duration,
) -> Result<Bytes, TransportError> {
    tokio::time::timeout(time, read(headers, body, limit))
        .await
        .unwrap_or_else(|_| Err(TransportError::slow_body()))
}

async fn read(headers: &HeaderMap, mut body: Body, limit: usize) -> Result<Bytes, TransportError> {
    let announced = headers
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    // A client that sends `Expect: 100-continue` waits for the response before it sends the body.
    if announced.is_some_and(|length| {
        length > limit && (length > MAX_DISCARDED || headers.contains_key(EXPECT))
    }) {
        return Err(TransportError::too_large(limit));
    }
    let (mut whole, mut seen) = (
        BytesMut::with_capacity(announced.unwrap_or_default().min(limit)),
        0,
    );
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return Err(TransportError::malformed("The request body broke off."));
        };
        let Ok(data) = frame.into_data() else {
            continue;
        };
        seen += data.len();
        if seen <= limit {
            whole.extend_from_slice(&data);
        } else if seen > MAX_DISCARDED {
            break;
        }
    }
    if seen > limit {
        Err(TransportError::too_large(limit))
    } else {
        Ok(whole.freeze())
    }
}

impl Params {
    /// # Errors
    /// 400 for everything but one request.
    pub(super) fn from_json(body: &[u8]) -> Result<Self, TransportError> {
        let text = std::str::from_utf8(body)
            .map_err(|_| TransportError::malformed("The request body is not UTF-8."))?;
        match text.trim_start().chars().next() {
            None => return Err(TransportError::malformed("The request body is empty.")),
            Some('[') => return Err(TransportError::batch()),
            Some(_) => {}
        }
        let members: RawParams = serde_json::from_str(text).map_err(|error| {
            let place = format!("line {}, column {}", error.line(), error.column());
            match error.classify() {
                serde_json::error::Category::Data => TransportError::malformed(
                    "The request body must be a JSON object without repeated members.",
                ),
                _ => TransportError::malformed(format!(
                    "The request body is not valid JSON ({place})."
                )),
            }
        })?;
        Self::from_members(members)
    }

    /// # Errors
    /// 400 for a member of the wrong type, or a request that names no document.
    pub(super) fn from_members(members: RawParams) -> Result<Self, TransportError> {
        let query = string(members.query, "query")?.filter(|query| !query.is_empty());
        let operation_name =
            string(members.operation_name, "operationName")?.filter(|name| !name.is_empty());
        let variables = object(members.variables, "variables")?;
        let extensions = object(members.extensions, "extensions")?;
        let id = string(members.id, "id")?.or(string(members.document_id, "documentId")?);
        let hash = extensions
            .as_ref()
            .and_then(|map| map.get("persistedQuery"))
            .map(persisted_hash)
            .transpose()?;
        if query.is_none() && hash.is_none() && id.is_none() {
            return Err(TransportError::malformed("The request has no `query`."));
        }
        let document = DocumentRequest {
            query,
            operation_name,
            hash,
            id,
        };
        Ok(Self {
            document,
            variables: variables
                .map(into_variables)
                .transpose()?
                .unwrap_or_default(),
        })
    }
}

fn string(value: Value, name: &str) -> Result<Option<String>, TransportError> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text)),
        _ => Err(TransportError::malformed(format!(
            "`{name}` must be a string."
        ))),
    }
}

fn object(value: Value, name: &str) -> Result<Option<Map<String, Value>>, TransportError> {
    match value {
        Value::Null => Ok(None),
        Value::Object(map) => Ok(Some(map)),
        _ => Err(TransportError::malformed(format!(
            "`{name}` must be an object."
        ))),
    }
}

fn persisted_hash(persisted: &Value) -> Result<String, TransportError> {
    let hash = persisted.get("sha256Hash").and_then(Value::as_str);
    match (persisted.get("version").and_then(Value::as_u64), hash) {
        (Some(1), Some(hash)) => Ok(hash.to_owned()),
        _ => Err(TransportError::malformed(
            "`extensions.persistedQuery` must be `{\"version\":1,\"sha256Hash\":\"…\"}`.",
        )),
    }
}

fn into_variables(map: Map<String, Value>) -> Result<Variables, TransportError> {
    let value = ConstValue::from_json(Value::Object(map))
        .map_err(|_| TransportError::malformed("`variables` must be plain JSON."))?;
    Ok(Variables::from_value(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_whole_request() {
        let body =
            br#"{"query":"{a}","operationName":"A","variables":{"x":[1,{"y":null}]},"extensions":{"any":1},"other":2}"#;
        let params = Params::from_json(body).expect("well-formed");
        assert_eq!(params.document.query.as_deref(), Some("{a}"));
        assert_eq!(params.document.operation_name.as_deref(), Some("A"));
        assert_eq!(
            params.variables.into_value().to_string(),
            r#"{x: [1, {y: null}]}"#
        );
    }

    #[test]
    fn names_what_is_not_a_request() {
        for (body, message) in [
            (&b""[..], "The request body is empty."),
            (b"  ", "The request body is empty."),
            (b"{\"query\":\"\xff\"}", "The request body is not UTF-8."),
            (
                b"{ \"not a JSON",
                "The request body is not valid JSON (line 1, column 13).",
            ),
            (
                b"{\"query\":\"\\ud800\"}",
                "The request body is not valid JSON (line 1, column 17).",
            ),
            (
                b"{\"query\":\"{a}\"} x",
                "The request body is not valid JSON (line 1, column 17).",
            ),
            (
                b"\"{a}\"",
                "The request body must be a JSON object without repeated members.",
            ),
            (
                b"{\"query\":\"{a}\",\"query\":\"{b}\"}",
                "The request body must be a JSON object without repeated members.",
            ),
            (b"{}", "The request has no `query`."),
            (b"{\"query\":\"\"}", "The request has no `query`."),
            (b"{\"query\":1}", "`query` must be a string."),
            (
                b"{\"query\":\"{a}\",\"operationName\":{}}",
                "`operationName` must be a string.",
            ),
            (
                b"{\"query\":\"{a}\",\"variables\":[]}",
                "`variables` must be an object.",
            ),
            (
                b"{\"query\":\"{a}\",\"extensions\":\"\"}",
                "`extensions` must be an object.",
            ),
        ] {
            assert_eq!(Params::from_json(body).expect_err(message).message, message);
        }
        let deep = format!(
            "{{\"query\":\"{{a}}\",\"variables\":{{\"a\":{}",
            "[".repeat(100_000)
        );
        assert!(
            Params::from_json(deep.as_bytes())
                .expect_err("too deep")
                .message
                .contains("not valid JSON")
        );
        assert_eq!(
            Params::from_json(b"[{\"query\":\"{a}\"}]")
                .expect_err("a batch")
                .code,
            "BATCHING_NOT_SUPPORTED"
        );
        let persisted = br#"{"extensions":{"persistedQuery":{"version":2,"sha256Hash":"00"}}}"#;
        assert!(
            Params::from_json(persisted)
                .expect_err("another version")
                .message
                .contains("persistedQuery")
        );
    }
}
