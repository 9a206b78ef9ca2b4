//! One HTTP exchange, without retries, queues or interpretation.
//!
//! reqwest's defaults are unsafe for a server: no timeout, ten redirects, the proxy of the
//! environment and bodies of any size. All of these are overridden here.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Once};
use std::time::Duration;

use ::http::{HeaderMap, Method, StatusCode};
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use reqwest::{Response, Url, redirect};

use super::policy::Limits;

/// FailureKind an exchange failed.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) kind: FailureKind,
    /// Whether the provider may have received the complete request.
    pub(super) sent: bool,
    /// For the operator. Without the URL, which carries ids and credentials.
    pub(super) detail: String,
}

/// The kind of a [`Failure`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FailureKind {
    /// No connection was established.
    Unreachable,
    /// A timeout.
    TimedOut,
    /// The connection broke before the end of the response, or the response was not HTTP.
    Broken,
    /// The response exceeds the size limit.
    TooLong,
}

impl FailureKind {
    /// A stable label for metrics.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timeout",
            Self::Broken => "reset",
            Self::TooLong => "too_long",
        }
    }
}

/// A request.
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// A complete response.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// Limited in size, also for redirects and errors.
    pub(super) body: Bytes,
}

/// The status only: headers and body may be personal.
impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Clone)]
pub(super) struct Transport {
    limits: Limits,
    client: reqwest::Client,
}

impl Transport {
    /// # Errors
    /// When the machine has no usable TLS set-up, for example no root certificates at all.
    pub(super) fn new(limits: Limits) -> Result<Self, String> {
        install_tls();
        let client = reqwest::Client::builder()
            .connect_timeout(limits.connect)
            .read_timeout(limits.read)
            .timeout(limits.total)
            .pool_idle_timeout(limits.idle)
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .user_agent(concat!("courtside/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| chain(&error.without_url()))?;
        Ok(Self { limits, client })
    }

    /// Sends a request and reads the complete response, within `timeout` and the limits.
    pub(super) async fn exchange(
        &self,
        request: Request,
        timeout: Duration,
    ) -> Result<Reply, Failure> {
        let Request {
            method,
            url,
            headers,
            body,
        } = request;
        let mut builder = self
            .client
            .request(method, url)
            .headers(headers)
            .timeout(timeout.min(self.limits.total));
        // A request is complete once its body was polled. Without a body that cannot be observed,
        // so it counts as sent from the start.
        let sent = Arc::new(AtomicBool::new(body.is_empty()));
        if !body.is_empty() {
            let polled = Arc::clone(&sent);
            let body =
                Full::new(body).inspect_frame(move |_| polled.store(true, Ordering::Release));
            builder = builder.body(reqwest::Body::wrap(body));
        }
        #[expect(clippy::disallowed_methods, reason = "the only place that sends")]
        let response = builder
            .send()
            .await
            .map_err(|error| failure(error, sent.load(Ordering::Acquire)))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = self.body(response).await?;
        Ok(Reply {
            status,
            headers,
            body,
        })
    }

    async fn body(&self, mut response: Response) -> Result<Bytes, Failure> {
        let too_long = || Failure {
            kind: FailureKind::TooLong,
            sent: true,
            detail: "the response is too long".to_owned(),
        };
        if response
            .content_length()
            .is_some_and(|announced| announced > self.limits.body_bytes as u64)
        {
            return Err(too_long());
        }
        let mut body = BytesMut::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| failure(error, true))?
        {
            if body.len() + chunk.len() > self.limits.body_bytes {
                return Err(too_long());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }
}

/// A builder's error (a scheme that is not HTTP) occurs before any connection, so it counts as
/// unreachable.
fn failure(error: reqwest::Error, sent: bool) -> Failure {
    let kind = if error.is_connect() || error.is_builder() {
        FailureKind::Unreachable
    } else if error.is_timeout() {
        FailureKind::TimedOut
    } else {
        FailureKind::Broken
    };
    let detail = if error.is_timeout() {
        "timed out".to_owned()
    } else {
        chain(&error.without_url())
    };
    Failure {
        kind,
        sent: sent && kind != FailureKind::Unreachable,
        detail,
    }
}

/// The messages of all causes: reqwest's own is only "error sending request".
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

/// reqwest is built without a TLS provider and panics when there is none by the time a client is
/// built.
fn install_tls() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        if rustls::crypto::ring::default_provider()
            .install_default()
            .is_err()
        {
            tracing::debug!("another TLS provider was installed first; it is used");
        }
    });
}
