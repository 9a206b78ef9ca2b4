//! The one door out of the process.
//!
//! reqwest's defaults are for browsers: no timeout at all, ten redirects, the proxy of the environment and a body of
//! any size. Everything here goes through [`Client`], which has none of that.

use std::sync::Once;
use std::time::Duration;

use reqwest::{Response, StatusCode, Url, header, redirect};
use serde::de::DeserializeOwned;

use crate::error::{Error, Kind, Provider};

/// How long we wait and how much we read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// For the connection, TLS included.
    pub(crate) connect: Duration,
    /// Between two reads of one answer.
    pub(crate) read: Duration,
    /// For the whole exchange, from the first byte out to the last byte in.
    pub(crate) total: Duration,
    /// A connection idle for longer is not used again. Keep it below the provider's own limit: a request on a
    /// connection they are just closing fails without our knowing whether they saw it.
    pub(crate) idle: Duration,
    /// The longest body we read.
    pub(crate) body_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(3),
            read: Duration::from_secs(5),
            total: Duration::from_secs(10),
            idle: Duration::from_secs(20),
            body_bytes: 1024 * 1024,
        }
    }
}

/// A client for one provider.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    provider: Provider,
    body_bytes: usize,
    inner: reqwest::Client,
}

impl Client {
    /// # Errors
    /// `Unavailable` when the machine has no usable TLS set-up, for example no root certificates at all.
    pub(crate) fn new(provider: Provider, limits: Limits) -> Result<Self, Error> {
        install_tls();
        let inner = reqwest::Client::builder()
            .connect_timeout(limits.connect)
            .read_timeout(limits.read)
            .timeout(limits.total)
            .pool_idle_timeout(limits.idle)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .user_agent(concat!("courtside/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| {
                Error::new(provider, Kind::Unavailable, format!("no HTTP client: {}", chain(&error.without_url())))
            })?;
        Ok(Self { provider, body_bytes: limits.body_bytes, inner })
    }

    /// Reads one JSON document.
    ///
    /// # Errors
    /// `Unavailable` when no answer came, the status's kind when it is not 2xx, `Malformed` for a redirect, a body
    /// that is too long or not the JSON we expect.
    pub(crate) async fn get_json<T: DeserializeOwned>(&self, url: &Url) -> Result<T, Error> {
        let request = self.inner.get(url.clone()).header(header::ACCEPT, "application/json");
        #[expect(clippy::disallowed_methods, reason = "this is the one door")]
        let response = request.send().await.map_err(|error| self.unanswered(url, error))?;
        let status = response.status();
        if !status.is_success() {
            let kind = kind_of(status, response.headers());
            return Err(self.error(kind, url, &status.as_u16().to_string()));
        }
        let body = self.body(url, response).await?;
        // serde_json's message may quote the document, so only the position is kept.
        serde_json::from_slice(&body).map_err(|error| {
            let at = format!("not the expected JSON at line {} column {}", error.line(), error.column());
            self.error(Kind::Malformed, url, &at)
        })
    }

    async fn body(&self, url: &Url, mut response: Response) -> Result<Vec<u8>, Error> {
        let too_long = || self.error(Kind::Malformed, url, "the answer is too long");
        if response.content_length().is_some_and(|announced| announced > self.body_bytes as u64) {
            return Err(too_long());
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.unanswered(url, error))? {
            if body.len() + chunk.len() > self.body_bytes {
                return Err(too_long());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn unanswered(&self, url: &Url, error: reqwest::Error) -> Error {
        let what = if error.is_timeout() { "timed out".to_owned() } else { chain(&error.without_url()) };
        self.error(Kind::Unavailable, url, &what)
    }

    /// Host and path only: queries and user information carry credentials.
    fn error(&self, kind: Kind, url: &Url, what: &str) -> Error {
        let host = url.host_str().unwrap_or_default();
        Error::new(self.provider, kind, format!("GET {host}{}: {what}", url.path()))
    }
}

fn kind_of(status: StatusCode, headers: &header::HeaderMap) -> Kind {
    match status.as_u16() {
        401 | 403 => Kind::Unauthorized,
        404 | 410 => Kind::NotFound,
        409 => Kind::Conflict,
        408 | 425 => Kind::Unavailable,
        429 => Kind::RateLimited { retry_after: retry_after(headers) },
        400..=499 => Kind::Rejected,
        500..=599 => Kind::Unavailable,
        _ => Kind::Malformed,
    }
}

/// Seconds only: none of the providers sends the date form, and it would need a clock.
fn retry_after(headers: &header::HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
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

/// reqwest is built without a TLS provider and panics when there is none by the time a client is built.
fn install_tls() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        if rustls::crypto::ring::default_provider().install_default().is_err() {
            tracing::debug!("another TLS provider was installed first; it is used");
        }
    });
}

#[cfg(test)]
mod tests;
