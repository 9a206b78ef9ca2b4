//! Quotas, counted before authentication.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::call::Call;

/// Calls per minute, by how the caller shows who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A bearer token, or the id of a platform client.
    pub identified: u32,
    pub api_key: u32,
    /// Anybody else, per address.
    pub anonymous: u32,
    /// Whether a call above the quota is refused. The headers are there either way.
    pub enforced: bool,
}

impl Limits {
    /// What a server has out of the box.
    #[must_use]
    pub fn real() -> Self {
        Self {
            identified: 500,
            api_key: 120,
            anonymous: 120,
            enforced: true,
        }
    }

    /// The same numbers in the headers, and nobody is refused.
    #[must_use]
    pub fn off() -> Self {
        Self {
            enforced: false,
            ..Self::real()
        }
    }
}

#[derive(Default)]
pub(super) struct Meter(HashMap<String, Window>);

struct Window {
    opened: DateTime<Utc>,
    calls: u32,
    blocked_until: Option<DateTime<Utc>>,
}

/// What the headers say, and whether the call goes on.
pub(super) struct Count {
    pub(super) limit: u32,
    pub(super) remaining: u32,
    pub(super) reset: i64,
    pub(super) refused: bool,
}

const WINDOW: TimeDelta = TimeDelta::seconds(60);

impl Meter {
    pub(super) fn count(&mut self, limits: Limits, call: &Call) -> Count {
        let (key, limit) = match (call.bearer(), call.header("x-cal-client-id")) {
            (Some(token), _) if token.starts_with("cal_") => {
                (format!("key {token}"), limits.api_key)
            }
            (Some(token), _) => (format!("token {token}"), limits.identified),
            (None, Some(client)) => (format!("client {client}"), limits.identified),
            (None, None) => {
                let address = call.header("cf-connecting-ip").unwrap_or("127.0.0.1");
                (format!("address {address}"), limits.anonymous)
            }
        };
        let now = call.now;
        let window = self.0.entry(key).or_insert(Window {
            opened: now,
            calls: 0,
            blocked_until: None,
        });
        if window.blocked_until.is_some_and(|until| until <= now) || now - window.opened >= WINDOW {
            *window = Window {
                opened: now,
                calls: 0,
                blocked_until: None,
            };
        }
        window.calls += 1;
        if limits.enforced && window.calls > limit {
            let until = *window.blocked_until.get_or_insert(now + WINDOW);
            return Count {
                limit,
                remaining: 0,
                reset: (until - now).num_seconds(),
                refused: true,
            };
        }
        let reset = (window.opened + WINDOW - now).num_seconds();
        Count {
            limit,
            remaining: limit.saturating_sub(window.calls),
            reset,
            refused: false,
        }
    }
}
