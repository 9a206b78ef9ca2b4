//! What a response's status and headers say about the next request.

use std::time::Duration;

use ::http::{HeaderMap, StatusCode, header};

use crate::error::Kind;

/// The error kind of a status alone, without the body; `None` for 2xx.
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

/// `Retry-After` in seconds. The date form is ignored: no provider sends it, and it needs a clock.
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

/// One quota that a response reports, as in `X-RateLimit-Limit-Default`, `-Remaining-Default`,
/// `-Reset-Default`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ReportedQuota {
    /// In lower case; empty where the provider has one quota and does not name it.
    name: String,
    /// Requests per window.
    pub(super) limit: Option<u32>,
    /// Requests left in this window.
    pub(super) remaining: Option<u32>,
    /// Time until the next window.
    pub(super) reset: Option<Duration>,
}

impl ReportedQuota {
    /// Whether it applies to the whole credential, whose quota the provider calls `name`, and not
    /// to a single route.
    pub(super) fn is_of_credential(&self, name: &str) -> bool {
        self.name.is_empty() || self.name == name
    }

    #[cfg(test)]
    pub(super) fn unnamed(limit: u32, remaining: u32, reset: Duration) -> Self {
        Self {
            name: String::new(),
            limit: Some(limit),
            remaining: Some(remaining),
            reset: Some(reset),
        }
    }
}

/// The quotas that a response reports. Values that are not numbers are ignored.
pub(super) fn reported_quotas(headers: &HeaderMap) -> Vec<ReportedQuota> {
    let mut quotas: Vec<ReportedQuota> = Vec::new();
    for (header, value) in headers {
        let Some(rest) = header.as_str().strip_prefix("x-ratelimit-") else {
            continue;
        };
        let (field, name) = rest.split_once('-').unwrap_or((rest, ""));
        let text = value.to_str().ok();
        let Some(number) = text.and_then(|text| text.trim().parse::<u32>().ok()) else {
            continue;
        };
        let at = quotas
            .iter()
            .position(|quota| quota.name == name)
            .unwrap_or_else(|| {
                quotas.push(ReportedQuota {
                    name: name.to_owned(),
                    limit: None,
                    remaining: None,
                    reset: None,
                });
                quotas.len() - 1
            });
        match field {
            "limit" => quotas[at].limit = Some(number),
            "remaining" => quotas[at].remaining = Some(number),
            "reset" => quotas[at].reset = Some(Duration::from_secs(number.into())),
            _ => {}
        }
    }
    quotas
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
    fn quotas_are_distinguished_by_name() {
        let mut found = reported_quotas(&headers(&[
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
                ReportedQuota {
                    name: String::new(),
                    limit: None,
                    remaining: None,
                    reset: seconds(7)
                },
                ReportedQuota {
                    name: "add-guests".to_owned(),
                    limit: None,
                    remaining: Some(0),
                    reset: None
                },
                ReportedQuota {
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
                .map(|quota| quota.is_of_credential("default"))
                .collect::<Vec<_>>(),
            [true, false, true]
        );
        assert!(!found[2].is_of_credential(""), "another provider's name");
    }

    #[test]
    fn retry_after_is_read_as_seconds_only() {
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
