//! One request: its route, parameters and body, and the version of the API it requires.

use std::borrow::Cow;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use reqwest::Url;
use serde::Serialize;

use crate::cal_com::Error;
use crate::error::Kind;
use crate::http::{Body, Call, Quota, Safety};
use crate::provider::Provider;

const VERSION: HeaderName = HeaderName::from_static("cal-api-version");

/// The API version of a path; `None` where any version works.
///
/// A missing or unknown version silently means 2024-04-15, whose responses have another shape and
/// the same status, so the version of every route is decided in this one place.
fn version(path: &str) -> Option<&'static str> {
    let segments: Vec<&str> = path.split('/').skip(2).collect();
    Some(match *segments.as_slice() {
        ["slots", ..] => "2024-09-04",
        ["event-types", _, "webhooks" | "private-links", ..] => return None,
        ["event-types", ..] => "2024-06-14",
        ["schedules", ..] => "2024-06-11",
        ["bookings", ..] | ["organizations", _, "users", _, "bookings"] => "2024-08-13",
        _ => return None,
    })
}

/// One request to one route. The route, such as `POST /v2/bookings/{uid}/cancel`, is also its name
/// in metrics.
pub(super) struct Request {
    pub(super) route: &'static str,
    safety: Safety,
    fills: Vec<String>,
    query: Vec<(Cow<'static, str>, String)>,
    body: Body,
}

impl Request {
    /// It changes nothing.
    pub(super) fn read(route: &'static str) -> Self {
        Self::new(route, Safety::Read)
    }

    /// Twice is the same as once.
    pub(super) fn idempotent(route: &'static str) -> Self {
        Self::new(route, Safety::Idempotent)
    }

    /// Twice is not the same as once.
    pub(super) fn once(route: &'static str) -> Self {
        Self::new(route, Safety::Once)
    }

    fn new(route: &'static str, safety: Safety) -> Self {
        Self {
            route,
            safety,
            fills: Vec::new(),
            query: Vec::new(),
            body: Body::Empty,
        }
    }

    /// Fills the next `{}` of the route.
    pub(super) fn fill(mut self, value: impl ToString) -> Self {
        self.fills.push(value.to_string());
        self
    }

    pub(super) fn query(
        mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl ToString,
    ) -> Self {
        self.query.push((name.into(), value.to_string()));
        self
    }

    pub(super) fn maybe(self, name: &'static str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.query(name, value),
            None => self,
        }
    }

    pub(super) fn at(self, name: &'static str, value: Option<DateTime<Utc>>) -> Self {
        self.maybe(name, value.map(rfc3339))
    }

    /// Adds several values as one parameter, separated by commas.
    pub(super) fn list<T: ToString>(self, name: &'static str, values: &[T]) -> Self {
        if values.is_empty() {
            return self;
        }
        let values: Vec<String> = values.iter().map(ToString::to_string).collect();
        self.query(name, values.join(","))
    }

    pub(super) fn json(mut self, body: &impl Serialize) -> Self {
        self.body = Body::Json(
            serde_json::to_vec(body).expect("maps with text keys, numbers and texts are JSON"),
        );
        self
    }

    pub(super) fn form(mut self, pairs: &[(&str, &str)]) -> Self {
        let mut url = Url::parse("http://form").expect("the literal is a URL");
        url.query_pairs_mut().extend_pairs(pairs);
        self.body = Body::Form(url.query().unwrap_or_default().as_bytes().to_vec());
        self
    }

    /// # Errors
    /// `Rejected`, without sending anything, when an id is not valid in a path.
    pub(super) fn into_call<'a>(
        self,
        api: &Url,
        mut headers: HeaderMap,
        quota: Quota<'a>,
        budget: Option<Duration>,
    ) -> Result<Call<'a>, Error> {
        let (method, path) = self
            .route
            .split_once(' ')
            .expect("a route is a method and a path");
        let method =
            Method::from_bytes(method.as_bytes()).expect("routes are written with known methods");
        if let Some(version) = version(path) {
            headers.insert(VERSION, HeaderValue::from_static(version));
        }
        let mut url = api.clone();
        let mut fills = self.fills.into_iter();
        {
            let mut segments = url
                .path_segments_mut()
                .expect("the address is http(s), which has a path");
            segments.pop_if_empty();
            for segment in path.split('/').skip(1) {
                if !segment.starts_with('{') {
                    segments.push(segment);
                    continue;
                }
                let fill = fills.next().expect("every place of a route is filled");
                // These would change the route.
                if matches!(fill.trim(), "" | "." | "..") {
                    let detail = format!("{}: {segment} is not an id", self.route);
                    return Err(Error::new(Provider::CalCom, Kind::Rejected, detail));
                }
                segments.push(&fill);
            }
        }
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        let Self {
            route,
            safety,
            body,
            ..
        } = self;
        Ok(Call {
            method,
            url,
            route,
            headers,
            body,
            safety,
            quota,
            budget,
        })
    }
}

/// The RFC 3339 format that Cal.com expects.
pub(super) fn rfc3339(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_family_has_its_version() {
        for (path, expected) in [
            ("/v2/slots", Some("2024-09-04")),
            ("/v2/slots/reservations/{uid}", Some("2024-09-04")),
            ("/v2/bookings", Some("2024-08-13")),
            ("/v2/bookings/{uid}/guests", Some("2024-08-13")),
            (
                "/v2/organizations/{id}/users/{id}/bookings",
                Some("2024-08-13"),
            ),
            ("/v2/event-types/{id}", Some("2024-06-14")),
            ("/v2/event-types/{id}/webhooks", None),
            ("/v2/event-types/{id}/private-links", None),
            ("/v2/schedules/default", Some("2024-06-11")),
            ("/v2/me", None),
        ] {
            assert_eq!(version(path), expected, "{path}");
        }
    }

    #[test]
    fn an_id_cannot_change_the_route() {
        let api = Url::parse("http://cal.test/api/").expect("a URL");
        let call = |uid: &str| {
            let quota = Quota {
                key: "",
                per_minute: 1,
            };
            let request = Request::read("GET /v2/bookings/{uid}/references")
                .fill(uid)
                .query("type", "a&b=c d");
            request
                .into_call(&api, HeaderMap::new(), quota, None)
                .map(|call| call.url.to_string())
        };
        let at = |uid: &str| {
            Ok(format!(
                "http://cal.test/api/v2/bookings/{uid}/references?type=a%26b%3Dc+d"
            ))
        };
        assert_eq!(call("abc"), at("abc"));
        assert_eq!(call("a/../b?c#d"), at("a%2F..%2Fb%3Fc%23d"));
        for odd in ["", " ", ".", ".."] {
            assert_eq!(
                call(odd).map_err(|error| error.kind),
                Err(Kind::Rejected),
                "{odd:?}"
            );
        }
    }
}
