//! Limits deliveries with a missing or wrong signature by sender. Genuine ones are not limited.
//!
//! Providers send for all of their customers from the same addresses, and a customer can point a
//! webhook with any secret at us. So a sender is counted for each endpoint apart, and is not
//! refused where a genuine delivery of it was accepted recently: its forgeries are answered with
//! 401 then, for one signature each.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::response::Response;
use http::StatusCode;
use tokio::time::Instant;
use uuid::Uuid;

use crate::app::App;
use crate::domain::scheduling::cal_com;
use crate::domain::webhook::Endpoint;
use crate::http::rate_limit::{Key, RateLimiter};

/// How long at least a genuine delivery protects its sender.
const GENUINE: Duration = Duration::from_secs(24 * 60 * 60);

pub(super) struct Forgeries {
    app: Arc<App>,
    started: Instant,
    /// `None` turns the limit off.
    counted: Option<Counted>,
}

struct Counted {
    forged: RateLimiter,
    /// Two requests, of which each refills in [`GENUINE`]: while the bucket is not full, a genuine
    /// delivery was accepted, and a further one renews it before it is.
    genuine: RateLimiter,
}

impl Forgeries {
    pub(super) fn new(app: Arc<App>, limit: Option<NonZeroU32>) -> Self {
        let counted = limit.map(|limit| Counted {
            forged: RateLimiter::per_minute(limit),
            genuine: RateLimiter::new(
                NonZeroU32::MIN.saturating_add(1),
                GENUINE * 2,
                RateLimiter::KEYS,
            ),
        });
        Self {
            app,
            started: Instant::now(),
            counted,
        }
    }

    /// The 429 for a sender of too many forgeries.
    pub(super) fn refusal(&self, address: IpAddr, endpoint: Endpoint) -> Option<Response> {
        let counted = self.counted.as_ref()?;
        let (key, now) = (self.key(address, endpoint), self.started.elapsed());
        let decision = counted.forged.look(key, now);
        if decision.allowed || !counted.genuine.look(key, now).reset.is_zero() {
            return None;
        }
        self.app.metrics.rate_limited("forged_webhooks");
        self.app
            .metrics
            .webhook_refused(cal_com::PROVIDER, "rate_limited");
        Some(decision.refusal())
    }

    /// Counts an answered delivery.
    pub(super) fn count(&self, address: IpAddr, endpoint: Endpoint, status: StatusCode) {
        let Some(counted) = &self.counted else {
            return;
        };
        let (key, now) = (self.key(address, endpoint), self.started.elapsed());
        match status {
            StatusCode::OK => {
                counted.genuine.check(key, now);
            }
            StatusCode::UNAUTHORIZED | StatusCode::NOT_FOUND => {
                counted.forged.check(key, now);
            }
            _ => {}
        }
    }

    /// Unknown registrations share one bucket per address, so guessed ids do not escape the limit.
    fn key(&self, address: IpAddr, endpoint: Endpoint) -> Key {
        let now = self.app.clock.now();
        let known = || {
            self.app
                .webhook_secrets
                .is_known(cal_com::PROVIDER, endpoint, now)
        };
        let id = match endpoint {
            Endpoint::Platform => Uuid::nil(),
            Endpoint::Registration(id) if known() => id,
            Endpoint::Registration(_) => Uuid::max(),
        };
        Key::endpoint(address, id)
    }
}
