//! Answers in Cal.com's envelopes.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

/// A status, further headers, and a JSON body unless there is none.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Option<Value>,
}

pub(super) type Answer = Result<Reply, Failure>;

/// 200 with data.
pub(super) fn ok(data: impl Into<Value>) -> Answer {
    Ok(with(200, data))
}

/// 201 with data.
pub(super) fn created(data: impl Into<Value>) -> Answer {
    Ok(with(201, data))
}

/// 200 without data.
pub(super) fn done() -> Answer {
    plain(200, json!({ "status": "success" }))
}

/// A body that is not in the envelope.
pub(super) fn plain(status: u16, body: Value) -> Answer {
    Ok(Reply {
        status,
        headers: Vec::new(),
        body: Some(body),
    })
}

/// 303 to another place, without a body.
pub(super) fn redirect(to: String) -> Answer {
    Ok(Reply {
        status: 303,
        headers: vec![("Location", to), ("Vary", "Accept".to_owned())],
        body: None,
    })
}

fn with(status: u16, data: impl Into<Value>) -> Reply {
    Reply {
        status,
        headers: Vec::new(),
        body: Some(json!({ "status": "success", "data": data.into() })),
    }
}

/// A refusal, in one of the two shapes.
#[derive(Clone, Debug)]
pub(super) enum Failure {
    /// The filters' envelope, with `details` or without.
    Filtered {
        status: u16,
        code: &'static str,
        message: String,
        details: Option<Value>,
    },
    /// A domain error that escaped: status and message, no envelope.
    Escaped { status: u16, message: &'static str },
    /// RFC 6749, as the newer token endpoint sends it.
    Grant { status: u16, error: &'static str },
}

impl Failure {
    fn exception(status: u16, code: &'static str, name: &str, message: String) -> Self {
        let details = json!({ "message": message, "error": name, "statusCode": status });
        Self::Filtered {
            status,
            code,
            message,
            details: Some(details),
        }
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::exception(400, "BadRequestException", "Bad Request", message.into())
    }

    pub(super) fn unauthorized(message: impl Into<String>) -> Self {
        Self::exception(401, "UnauthorizedException", "Unauthorized", message.into())
    }

    pub(super) fn forbidden(message: impl Into<String>) -> Self {
        Self::exception(403, "ForbiddenException", "Forbidden", message.into())
    }

    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::exception(404, "NotFoundException", "Not Found", message.into())
    }

    pub(super) fn conflict(message: impl Into<String>) -> Self {
        Self::exception(409, "ConflictException", "Conflict", message.into())
    }

    pub(super) fn unprocessable(message: impl Into<String>) -> Self {
        Self::exception(
            422,
            "UnprocessableEntityException",
            "Unprocessable Entity",
            message.into(),
        )
    }

    /// Errors of the layer below the API, and of the database: a code, a message and no details.
    pub(super) fn bare(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self::Filtered {
            status,
            code,
            message: message.into(),
            details: None,
        }
    }

    /// The message again as details.
    pub(super) fn twice(status: u16, code: &'static str, message: &str) -> Self {
        Self::Filtered {
            status,
            code,
            message: message.to_owned(),
            details: Some(message.into()),
        }
    }

    /// The validator's tree.
    pub(super) fn invalid(errors: Vec<Value>) -> Self {
        let details = Some(json!({ "errors": errors }));
        let message = "Bad Request Exception".to_owned();
        Self::Filtered {
            status: 400,
            code: "BadRequestException",
            message,
            details,
        }
    }

    /// A refusal whose `details.error` is not the name of the status.
    pub(super) fn bad_request_naming(message: &str, error: &str) -> Self {
        Self::exception(400, "BadRequestException", error, message.to_owned())
    }

    pub(super) fn no_route(method: &str, path: &str) -> Self {
        Self::not_found(format!("Cannot {method} {path}"))
    }

    pub(super) fn into_reply(self, path: &str, now: DateTime<Utc>) -> Reply {
        let (status, body) = match self {
            Self::Filtered {
                status,
                code,
                message,
                details,
            } => {
                let mut error = Map::from_iter([
                    ("code".into(), code.into()),
                    ("message".into(), message.into()),
                ]);
                error.extend(details.map(|details| ("details".to_owned(), details)));
                (
                    status,
                    json!({ "status": "error", "timestamp": iso(now), "path": path, "error": error }),
                )
            }
            Self::Escaped { status, message } => {
                (status, json!({ "statusCode": status, "message": message }))
            }
            Self::Grant { status, error } => (
                status,
                json!({ "error": error, "error_description": error }),
            ),
        };
        Reply {
            status,
            headers: Vec::new(),
            body: Some(body),
        }
    }
}

/// One leaf of the validator's tree.
pub(super) fn violation(target: &Value, property: &str, constraints: &[(&str, String)]) -> Value {
    let constraints: Map<String, Value> = constraints
        .iter()
        .map(|(name, text)| ((*name).to_owned(), text.clone().into()))
        .collect();
    let mut leaf = json!({ "target": target, "property": property, "children": [], "constraints": constraints });
    if let Some(value) = target.get(property) {
        leaf["value"] = value.clone();
    }
    leaf
}

/// An instant as the API writes it: UTC, milliseconds, `Z`.
pub(super) fn iso(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(SecondsFormat::Millis, true)
}
