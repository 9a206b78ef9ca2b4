//! Fetches one public JSON document, for a caller that limits its own rate.

use std::time::Duration;

use ::http::{HeaderMap, HeaderValue, Method, header};
use bytes::Bytes;
use reqwest::Url;
use serde::de::DeserializeOwned;

use super::Client;
use super::headers::kind_of;
use super::transport::{FailureKind, Request};
use crate::error::{Error, Kind};

impl Client {
    /// Fetches one JSON document: one attempt, without rate limit, bulkhead and breaker.
    ///
    /// # Errors
    /// `Unavailable` when no response came, the status's kind when it is not 2xx, `Malformed` for a
    /// redirect, or a body that is too long or not the expected JSON.
    pub(crate) async fn get_json<T: DeserializeOwned>(&self, url: &Url) -> Result<T, Error> {
        // Host and path only: queries and user information carry credentials.
        let label = format!("GET {}{}", url.host_str().unwrap_or_default(), url.path());
        let error =
            |kind, what: &str| Error::new(self.shared.provider, kind, format!("{label}: {what}"));
        let accept = (header::ACCEPT, HeaderValue::from_static("application/json"));
        let request = Request {
            method: Method::GET,
            url: url.clone(),
            headers: HeaderMap::from_iter([accept]),
            body: Bytes::new(),
        };
        let sent = self.shared.transport.exchange(request, Duration::MAX).await;
        let reply = sent.map_err(|failure| match failure.kind {
            FailureKind::TooLong => error(Kind::Malformed, &failure.detail),
            _ => error(Kind::Unavailable, &failure.detail),
        })?;
        if let Some(kind) = kind_of(reply.status, &reply.headers) {
            return Err(error(kind, reply.status.as_str()));
        }
        // serde_json's message may quote the document, so only the position is kept.
        serde_json::from_slice(&reply.body).map_err(|cause| {
            let at = format!(
                "not the expected JSON at line {} column {}",
                cause.line(),
                cause.column()
            );
            error(Kind::Malformed, &at)
        })
    }
}
