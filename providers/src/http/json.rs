//! Reading one public document, for a provider whose caller paces itself.

use std::time::Duration;

use ::http::{HeaderMap, HeaderValue, Method, header};
use bytes::Bytes;
use reqwest::Url;
use serde::de::DeserializeOwned;

use super::Client;
use super::headers::kind_of;
use super::wire::{How, Request};
use crate::error::{Error, Kind};

impl Client {
    /// Reads one JSON document: one attempt, outside quota, bulkhead and breaker.
    ///
    /// # Errors
    /// `Unavailable` when no answer came, the status's kind when it is not 2xx, `Malformed` for a
    /// redirect, a body that is too long or not the JSON we expect.
    pub(crate) async fn get_json<T: DeserializeOwned>(&self, url: &Url) -> Result<T, Error> {
        // Host and path only: queries and user information carry credentials.
        let label = format!("GET {}{}", url.host_str().unwrap_or_default(), url.path());
        let error =
            |kind, what: &str| Error::new(self.shared.provider, kind, format!("{label}: {what}"));
        let accept = (header::ACCEPT, HeaderValue::from_static("application/json"));
        let headers = HeaderMap::from_iter([accept]);
        let request = Request {
            method: Method::GET,
            url: url.clone(),
            headers,
            body: Bytes::new(),
        };
        let reply = self
            .shared
            .wire
            .exchange(request, Duration::MAX)
            .await
            .map_err(|failure| match failure.how {
                How::TooLong => error(Kind::Malformed, &failure.what),
                _ => error(Kind::Unavailable, &failure.what),
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
