//! What an answer's status line and headers say about the next request.

use std::time::Duration;

use ::http::{HeaderMap, StatusCode, header};

use crate::error::Kind;

/// What a status says to somebody who does not read the body; `None` for 2xx.
pub(crate) fn kind_of(status: StatusCode, headers: &HeaderMap) -> Option<Kind> {
    Some(match status.as_u16() {
        200..=299 => return None,
        401 | 403 => Kind::Unauthorized,
        404 | 410 => Kind::NotFound,
        409 => Kind::Conflict,
        408 | 425 => Kind::Unavailable,
        429 => Kind::RateLimited { retry_after: retry_after(headers) },
        400..=499 => Kind::Rejected,
        500..=599 => Kind::Unavailable,
        _ => Kind::Malformed,
    })
}

/// Seconds only: none of the providers sends the date form, and it would need a clock.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}
