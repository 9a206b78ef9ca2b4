//! One exchange: bytes out, bytes in. No repetition, no queue, no opinion.
//!
//! reqwest's defaults are for browsers: no timeout at all, ten redirects, the proxy of the
//! environment and a body of any size. Here there is none of that.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Once};
use std::time::Duration;

use ::http::{HeaderMap, Method, StatusCode};
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use reqwest::{Response, Url, redirect};

use super::policy::Limits;

/// How an exchange failed.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) how: How,
    /// May they have read it all? False when it is certain that not all of it left us.
    pub(super) left: bool,
    /// For the operator. Without the URL, which carries ids and credentials.
    pub(super) what: String,
}

/// What a failure looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// There was no connection.
    Unreachable,
    /// Silence for too long.
    TimedOut,
    /// The connection broke before the end of the answer, or what came was no answer.
    Broken,
    /// The answer is longer than we read.
    TooLong,
}

impl How {
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

/// What is sent.
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// What came back.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// Bodies of redirects and errors are capped as well.
    pub(super) body: Bytes,
}

/// The status only: the rest is other people's business.
impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Clone)]
pub(super) struct Wire {
    limits: Limits,
    client: reqwest::Client,
}

impl Wire {
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

    /// Sends and reads to the end, for at most `time` and never longer than the limits say.
    pub(super) async fn exchange(
        &self,
        request: Request,
        time: Duration,
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
            .timeout(time.min(self.limits.total));
        // A body that nobody asked us for is still here, and without it the request was not
        // complete. Of a request without a body we cannot tell.
        let left = Arc::new(AtomicBool::new(body.is_empty()));
        if !body.is_empty() {
            let asked = Arc::clone(&left);
            let body = Full::new(body).inspect_frame(move |_| asked.store(true, Ordering::Release));
            builder = builder.body(reqwest::Body::wrap(body));
        }
        #[expect(clippy::disallowed_methods, reason = "this is the one door")]
        let response = builder
            .send()
            .await
            .map_err(|error| failure(error, left.load(Ordering::Acquire)))?;
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
            how: How::TooLong,
            left: true,
            what: "the answer is too long".to_owned(),
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

/// A builder's error (a scheme that is not HTTP) comes before any connection, as does a failed
/// connection.
fn failure(error: reqwest::Error, left: bool) -> Failure {
    let how = if error.is_connect() || error.is_builder() {
        How::Unreachable
    } else if error.is_timeout() {
        How::TimedOut
    } else {
        How::Broken
    };
    let what = if error.is_timeout() {
        "timed out".to_owned()
    } else {
        chain(&error.without_url())
    };
    Failure {
        how,
        left: left && how != How::Unreachable,
        what,
    }
}

/// reqwest says only "error sending request"; the cause is in the chain.
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
