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
        429 => Kind::RateLimited {
            retry_after: retry_after(headers),
        },
        400..=499 => Kind::Rejected,
        500..=599 => Kind::Unavailable,
        _ => Kind::Malformed,
    })
}

/// Seconds only: none of the providers sends the date form, and it would need a clock.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers
        .get(header::RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;
    Some(Duration::from_secs(seconds))
}

/// One of the quotas an answer tells of, as in `X-RateLimit-Limit-Default`, `-Remaining-Default`,
/// `-Reset-Default`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Quota {
    /// In lower case; empty where the provider has one quota and does not name it.
    name: String,
    /// Requests per window.
    pub(super) limit: Option<u32>,
    /// What is left of it.
    pub(super) remaining: Option<u32>,
    /// Until the next window.
    pub(super) reset: Option<Duration>,
}

impl Quota {
    /// And not that of a single route?
    pub(super) fn is_the_credentials(&self) -> bool {
        matches!(self.name.as_str(), "" | "default")
    }

    #[cfg(test)]
    pub(super) fn credentials(limit: u32, remaining: u32, reset: Duration) -> Self {
        Self {
            name: String::new(),
            limit: Some(limit),
            remaining: Some(remaining),
            reset: Some(reset),
        }
    }
}

/// The quotas an answer tells of. What is not a number is passed over.
pub(super) fn quotas(headers: &HeaderMap) -> Vec<Quota> {
    let mut quotas: Vec<Quota> = Vec::new();
    for (header, value) in headers {
        let Some((what, name)) = header.as_str().strip_prefix("x-ratelimit-").map(split) else {
            continue;
        };
        let Some(number) = value
            .to_str()
            .ok()
            .and_then(|text| text.trim().parse::<u32>().ok())
        else {
            continue;
        };
        let at = quotas
            .iter()
            .position(|quota| quota.name == name)
            .unwrap_or_else(|| {
                quotas.push(Quota {
                    name: name.to_owned(),
                    limit: None,
                    remaining: None,
                    reset: None,
                });
                quotas.len() - 1
            });
        match what {
            "limit" => quotas[at].limit = Some(number),
            "remaining" => quotas[at].remaining = Some(number),
            "reset" => quotas[at].reset = Some(Duration::from_secs(number.into())),
            _ => {}
        }
    }
    quotas
}

fn split(rest: &str) -> (&str, &str) {
    rest.split_once('-').unwrap_or((rest, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        lines
            .iter()
            .map(|(name, value)| {
                (
                    name.parse().expect("a name"),
                    value.parse().expect("a value"),
                )
            })
            .collect()
    }

    #[test]
    fn quotas_are_told_apart_by_their_names() {
        let mut found = quotas(&headers(&[
            ("x-ratelimit-limit-default", "120"),
            ("x-ratelimit-remaining-default", "119"),
            ("x-ratelimit-reset-default", "60"),
            ("x-ratelimit-remaining-add-guests", "0"),
            ("x-ratelimit-reset", " 7 "),
            ("x-ratelimit-limit", "many"),
            ("x-request-id", "1"),
        ]));
        found.sort_by(|a, b| a.name.cmp(&b.name));
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(
            found,
            [
                Quota {
                    name: String::new(),
                    limit: None,
                    remaining: None,
                    reset: seconds(7)
                },
                Quota {
                    name: "add-guests".to_owned(),
                    limit: None,
                    remaining: Some(0),
                    reset: None
                },
                Quota {
                    name: "default".to_owned(),
                    limit: Some(120),
                    remaining: Some(119),
                    reset: seconds(60)
                },
            ]
        );
        assert_eq!(
            found
                .iter()
                .map(Quota::is_the_credentials)
                .collect::<Vec<_>>(),
            [true, false, true]
        );
    }

    #[test]
    fn retry_after_is_seconds_or_nothing() {
        for (value, seconds) in [
            ("17", Some(17)),
            (" 0 ", Some(0)),
            ("-1", None),
            ("Fri, 08 Jan 2027 00:00:00 GMT", None),
        ] {
            assert_eq!(
                retry_after(&headers(&[("retry-after", value)])),
                seconds.map(Duration::from_secs),
                "{value}"
            );
        }
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }
}
