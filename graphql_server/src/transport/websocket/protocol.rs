//! The messages of `graphql-transport-ws`, and its close codes.

use std::borrow::Cow;

use bytes::{BufMut, Bytes, BytesMut};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::super::headers::bearer_token;
use super::super::request::{Params, RawParams};
use crate::hooks::{AuthError, SessionEnd};

/// The code and reason of a close frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CloseReason {
    pub(super) code: u16,
    pub(super) reason: Cow<'static, str>,
}

impl CloseReason {
    /// A close frame has room for a reason of 123 bytes.
    pub(super) fn new(code: u16, reason: impl Into<Cow<'static, str>>) -> Self {
        let mut reason = reason.into();
        if reason.len() > 123 {
            reason = reason[..reason.floor_char_boundary(123)].to_owned().into();
        }
        Self { code, reason }
    }

    fn invalid(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(4400, reason)
    }

    pub(super) fn binary() -> Self {
        Self::invalid("Invalid message: binary frames are not supported")
    }

    pub(super) fn unauthorized() -> Self {
        Self::new(4401, "Unauthorized")
    }

    pub(super) fn init_timeout() -> Self {
        Self::new(4408, "Connection initialisation timeout")
    }

    pub(super) fn second_init() -> Self {
        Self::new(4429, "Too many initialisation requests")
    }

    pub(super) fn duplicate(id: &str) -> Self {
        let id = &id[..id.floor_char_boundary(80)];
        Self::new(4409, format!("Subscriber for {id} already exists"))
    }

    pub(super) fn too_big() -> Self {
        Self::new(1009, "Message too big")
    }

    /// Clients reconnect after 1001 and 1013.
    pub(super) fn going_away() -> Self {
        Self::new(1001, "The server is about to stop: connect again")
    }

    pub(super) fn too_many_sockets() -> Self {
        Self::new(1013, "Too many connections: try again later")
    }
}

impl From<AuthError> for CloseReason {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Invalid => Self::new(4403, "Forbidden"),
            AuthError::Unavailable => Self::new(
                1013,
                "Access tokens cannot be checked at the moment: try again later",
            ),
        }
    }
}

impl From<SessionEnd> for CloseReason {
    fn from(end: SessionEnd) -> Self {
        match end {
            SessionEnd::Expired => Self::new(4403, "The access token has expired"),
            SessionEnd::Revoked => Self::new(4403, "Access was revoked"),
        }
    }
}

/// Messages of the client.
#[derive(Debug)]
pub(super) enum Incoming {
    Init(Option<Map<String, Value>>),
    Ping(Option<Map<String, Value>>),
    Pong,
    Subscribe { id: String, params: Box<Params> },
    Complete { id: String },
}

#[derive(Deserialize)]
struct Message {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    id: Option<Value>,
    #[serde(default)]
    payload: Value,
}

impl Incoming {
    /// # Errors
    /// 4400 for anything that is not a message of the protocol.
    pub(super) fn parse(text: &str) -> Result<Self, CloseReason> {
        let message: Message =
            serde_json::from_str(text).map_err(|error| match error.classify() {
                serde_json::error::Category::Data => {
                    CloseReason::invalid("Invalid message: expected an object with a \"type\"")
                }
                _ => CloseReason::invalid("Invalid message: not valid JSON"),
            })?;
        let Message { kind, id, payload } = message;
        match kind.as_str() {
            "connection_init" => Ok(Self::Init(optional_object(payload, "connection_init")?)),
            "ping" => Ok(Self::Ping(optional_object(payload, "ping")?)),
            "pong" => optional_object(payload, "pong").map(|_| Self::Pong),
            "complete" => Ok(Self::Complete {
                id: operation_id(id)?,
            }),
            "subscribe" => {
                let id = operation_id(id)?;
                let members: RawParams = match payload {
                    Value::Object(_) => serde_json::from_value(payload)
                        .map_err(|_| CloseReason::invalid("Invalid message: bad payload"))?,
                    _ => {
                        return Err(CloseReason::invalid(
                            "Invalid message: \"subscribe\" needs a payload that is an object",
                        ));
                    }
                };
                let params = Params::from_members(members).map_err(|error| {
                    CloseReason::invalid(format!("Invalid message: {}", error.message))
                })?;
                Ok(Self::Subscribe {
                    id,
                    params: Box::new(params),
                })
            }
            _ => Err(CloseReason::invalid(format!(
                "Invalid message type \"{}\"",
                &kind[..kind.floor_char_boundary(40)]
            ))),
        }
    }
}

fn optional_object(payload: Value, kind: &str) -> Result<Option<Map<String, Value>>, CloseReason> {
    match payload {
        Value::Null => Ok(None),
        Value::Object(map) => Ok(Some(map)),
        _ => Err(CloseReason::invalid(format!(
            "Invalid message: the payload of \"{kind}\" must be an object"
        ))),
    }
}

fn operation_id(id: Option<Value>) -> Result<String, CloseReason> {
    match id {
        Some(Value::String(id)) if !id.is_empty() => Ok(id),
        _ => Err(CloseReason::invalid(
            "Invalid message: \"id\" must be a string that is not empty",
        )),
    }
}

/// Reads the token in the payload of `connection_init`: `{"authorization": "Bearer …"}` in any
/// case, the same below `headers`, or `{"token": "…"}`. Returns `Err` for a malformed one.
pub(super) fn token(payload: Option<&Map<String, Value>>) -> Result<Option<String>, ()> {
    let Some(payload) = payload else {
        return Ok(None);
    };
    let authorization = |map: &Map<String, Value>| {
        map.iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("authorization"))
            .map(|(_, value)| value.clone())
    };
    let headers = payload.get("headers").and_then(Value::as_object);
    match (
        authorization(payload).or_else(|| headers.and_then(authorization)),
        payload.get("token"),
    ) {
        (None | Some(Value::Null), None | Some(Value::Null)) => Ok(None),
        (Some(Value::String(value)), _) => bearer_token(&value)
            .map(|token| Some(token.to_owned()))
            .ok_or(()),
        (None | Some(Value::Null), Some(Value::String(token))) => {
            // With or without the scheme: clients send both.
            let value = if token.contains(' ') {
                token.clone()
            } else {
                format!("Bearer {token}")
            };
            bearer_token(&value)
                .map(|token| Some(token.to_owned()))
                .ok_or(())
        }
        _ => Err(()),
    }
}

/// Messages of the server, as text.
pub(super) mod outgoing {
    use super::{BufMut, Bytes, BytesMut, Map, Value};

    pub(in super::super) const ACK: &str = "{\"type\":\"connection_ack\"}";

    pub(in super::super) fn pong(payload: Option<Map<String, Value>>) -> Bytes {
        let payload = payload.map_or_else(String::new, |payload| {
            format!(",\"payload\":{}", Value::Object(payload))
        });
        format!("{{\"type\":\"pong\"{payload}}}").into()
    }

    /// `payload` is a serialised response.
    pub(in super::super) fn next(id: &str, payload: &[u8]) -> Bytes {
        frame("next", id, Some(payload))
    }

    /// `payload` is a serialised list of errors.
    pub(in super::super) fn error(id: &str, payload: &[u8]) -> Bytes {
        frame("error", id, Some(payload))
    }

    pub(in super::super) fn complete(id: &str) -> Bytes {
        frame("complete", id, None)
    }

    fn frame(kind: &str, id: &str, payload: Option<&[u8]>) -> Bytes {
        let id = Value::from(id).to_string();
        let mut out = BytesMut::with_capacity(id.len() + payload.map_or(0, <[u8]>::len) + 48);
        out.put_slice(b"{\"id\":");
        out.put_slice(id.as_bytes());
        out.put_slice(b",\"type\":\"");
        out.put_slice(kind.as_bytes());
        out.put_u8(b'"');
        if let Some(payload) = payload {
            out.put_slice(b",\"payload\":");
            out.put_slice(payload);
        }
        out.put_u8(b'}');
        out.freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_everything_that_is_not_a_message() {
        for text in [
            "",
            "{",
            "null",
            "[]",
            "{}",
            "{\"type\":1}",
            "{\"type\":\"start\",\"id\":\"1\"}",
            "{\"type\":\"connection_ack\"}",
            "{\"type\":\"subscribe\"}",
            "{\"type\":\"subscribe\",\"id\":\"\",\"payload\":{\"query\":\"{a}\"}}",
            "{\"type\":\"subscribe\",\"id\":1,\"payload\":{\"query\":\"{a}\"}}",
            "{\"type\":\"subscribe\",\"id\":\"1\"}",
            "{\"type\":\"subscribe\",\"id\":\"1\",\"payload\":\"{a}\"}",
            "{\"type\":\"subscribe\",\"id\":\"1\",\"payload\":{}}",
            "{\"type\":\"subscribe\",\"id\":\"1\",\"payload\":{\"query\":1}}",
            "{\"type\":\"subscribe\",\"id\":\"1\",\"payload\":{\"query\":\"{a}\",\"variables\":[]}}",
            "{\"type\":\"complete\"}",
            "{\"type\":\"ping\",\"payload\":1}",
            "{\"type\":\"connection_init\",\"payload\":\"x\"}",
        ] {
            let closing = Incoming::parse(text).expect_err(text);
            assert_eq!(closing.code, 4400, "{text}");
            assert!(closing.reason.len() <= 123, "{text}");
        }
    }

    #[test]
    fn reasons_fit_into_a_close_frame() {
        let long = "ä".repeat(500);
        for closing in [
            CloseReason::duplicate(&long),
            CloseReason::new(4400, long.clone()),
        ] {
            assert!((100..=123).contains(&closing.reason.len()), "{closing:?}");
        }
    }

    #[test]
    fn finds_the_token_wherever_clients_put_it() {
        for (payload, expected) in [
            (serde_json::json!({}), Ok(None)),
            (serde_json::json!({"authorization": null}), Ok(None)),
            (
                serde_json::json!({"authorization": "Bearer a.b"}),
                Ok(Some("a.b")),
            ),
            (
                serde_json::json!({"Authorization": "bearer a"}),
                Ok(Some("a")),
            ),
            (
                serde_json::json!({"headers": {"Authorization": "Bearer a"}}),
                Ok(Some("a")),
            ),
            (serde_json::json!({"token": "a"}), Ok(Some("a"))),
            (serde_json::json!({"token": "Bearer a"}), Ok(Some("a"))),
            (serde_json::json!({"authorization": "a"}), Err(())),
            (serde_json::json!({"authorization": ""}), Err(())),
            (serde_json::json!({"authorization": 1}), Err(())),
            (serde_json::json!({"token": ["a"]}), Err(())),
            (serde_json::json!({"token": ""}), Err(())),
        ] {
            let found = token(payload.as_object());
            assert_eq!(
                found,
                expected.map(|token| token.map(ToOwned::to_owned)),
                "{payload}"
            );
        }
    }
}
