//! `Accept` and `Content-Type` (RFC 9110, sections 12.5.1 and 8.3).

use http::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};

use super::error::TransportError;

/// The two JSON media types of GraphQL over HTTP. They differ in which responses have status 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Media {
    /// `application/json`: 200 for every well-formed request.
    Json,
    /// `application/graphql-response+json`: 400 for request errors.
    GraphqlResponse,
}

impl Media {
    pub(super) const fn content_type(self) -> HeaderValue {
        match self {
            Self::Json => HeaderValue::from_static("application/json; charset=utf-8"),
            Self::GraphqlResponse => {
                HeaderValue::from_static("application/graphql-response+json; charset=utf-8")
            }
        }
    }
}

/// What the client accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Accepted {
    /// The preferred of the two JSON types, if one is acceptable.
    pub(super) json: Option<Media>,
    /// Whether an event stream is acceptable.
    pub(super) events: bool,
    /// Whether an event stream is preferred to JSON.
    pub(super) prefers_events: bool,
}

pub(super) const OFFERED: &str =
    "application/graphql-response+json, application/json, text/event-stream";

/// The quality of a media range: its specificity (0 `*/*`, 1 `type/*`, 2 exact) and its weight in
/// thousandths.
#[derive(Clone, Copy)]
struct Quality {
    specific: u8,
    thousandths: u16,
}

/// Reads the `Accept` headers. None, or only empty ones, accepts anything.
pub(super) fn accepted(headers: &HeaderMap) -> Accepted {
    let values: Vec<&str> = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    let given = headers
        .get_all(ACCEPT)
        .iter()
        .any(|value| !value.as_bytes().trim_ascii().is_empty());
    let ranges: Vec<(&str, Quality)> = match given {
        true => values
            .iter()
            .flat_map(|value| split_quoted(value, ','))
            .filter_map(range)
            .collect(),
        false => vec![(
            "*/*",
            Quality {
                specific: 0,
                thousandths: 1_000,
            },
        )],
    };
    let quality = |media: &str| {
        let matching = ranges
            .iter()
            .filter(|(range, _)| matches(range, media))
            .map(|(_, quality)| *quality);
        matching
            .max_by_key(|quality| (quality.specific, quality.thousandths))
            .filter(|quality| quality.thousandths > 0)
    };
    let (json, graphql) = (
        quality("application/json"),
        quality("application/graphql-response+json"),
    );
    let events = quality("text/event-stream");
    // A client that names the newer type supports it; one that accepts anything gets the older.
    let rank =
        |quality: Option<Quality>| quality.map(|quality| (quality.thousandths, quality.specific));
    let chosen = match (rank(json), rank(graphql)) {
        (None, None) => None,
        (json, Some(graphql)) if graphql.1 == 2 && Some(graphql) >= json => {
            Some((Media::GraphqlResponse, graphql.0))
        }
        (None, Some(graphql)) => Some((Media::GraphqlResponse, graphql.0)),
        (Some(json), Some(graphql)) if graphql.0 > json.0 => {
            Some((Media::GraphqlResponse, graphql.0))
        }
        (Some(json), _) => Some((Media::Json, json.0)),
    };
    let prefers_events = events.is_some_and(|events| {
        events.specific == 2 && chosen.is_none_or(|(_, json)| events.thousandths > json)
    });
    Accepted {
        json: chosen.map(|(media, _)| media),
        events: events.is_some(),
        prefers_events,
    }
}

/// Parses one item of the list into its range and quality. Returns `None` if its parameters exclude
/// JSON in UTF-8.
fn range(item: &str) -> Option<(&str, Quality)> {
    let mut parts = split_quoted(item, ';').map(str::trim);
    let range = parts.next().filter(|range| range.contains('/'))?;
    let mut thousandths = 1_000;
    for parameter in parts {
        let (name, value) = parameter.split_once('=')?;
        match name.trim().to_ascii_lowercase().as_str() {
            "q" => thousandths = quality(value.trim())?,
            "charset" if !is_utf8(value) => return None,
            _ => {}
        }
    }
    let specific = if range == "*/*" {
        0
    } else {
        1 + u8::from(!range.ends_with("/*"))
    };
    Some((
        range,
        Quality {
            specific,
            thousandths,
        },
    ))
}

fn quality(text: &str) -> Option<u16> {
    let quality: f32 = text
        .parse()
        .ok()
        .filter(|quality| (0.0..=1.0).contains(quality))?;
    // The value is within 0 and 1; the grammar allows three digits.
    Some((quality * 1_000.0).round() as u16)
}

fn matches(range: &str, media: &str) -> bool {
    match range.split_once('/') {
        Some(("*", "*")) => true,
        Some((kind, "*")) => media
            .split_once('/')
            .is_some_and(|(of, _)| of.eq_ignore_ascii_case(kind)),
        _ => range.eq_ignore_ascii_case(media),
    }
}

/// Splits at separators outside quotes.
fn split_quoted(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |c: char| {
        let here = !quoted && c == separator;
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
        here
    })
}

fn is_utf8(charset: &str) -> bool {
    let charset = charset.trim().trim_matches('"');
    charset.eq_ignore_ascii_case("utf-8") || charset.eq_ignore_ascii_case("utf8")
}

/// Whether there is one `Content-Type`, and it is JSON in UTF-8.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(only), None) = (types.next(), types.next()) else {
        return false;
    };
    let Ok(text) = only.to_str() else {
        return false;
    };
    let mut parts = split_quoted(text, ';').map(str::trim);
    let json = parts
        .next()
        .is_some_and(|media| media.eq_ignore_ascii_case("application/json"));
    json && parts
        .filter(|parameter| !parameter.is_empty())
        .all(|parameter| match parameter.split_once('=') {
            Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => is_utf8(value),
            other => other.is_some(),
        })
}

/// # Errors
/// 415 for everything but plain JSON.
pub(super) fn require_json(headers: &HeaderMap) -> Result<(), TransportError> {
    if !is_json(headers) {
        return Err(TransportError::media_type(
            "The body must be sent with `content-type: application/json` (UTF-8).",
        ));
    }
    if headers.contains_key(CONTENT_ENCODING) {
        return Err(TransportError::media_type(
            "The body must be sent without a content encoding.",
        ));
    }
    Ok(())
}

/// Whether this GET cannot come from a page of another site without a CORS preflight.
pub(super) fn is_preflighted(headers: &HeaderMap) -> bool {
    let filled = |name: &str| {
        headers
            .get(name)
            .is_some_and(|value| !value.as_bytes().trim_ascii().is_empty())
    };
    is_json(headers) || filled("apollo-require-preflight") || filled("x-requested-with")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accept(value: &str) -> Accepted {
        accepted(&HeaderMap::from_iter([(
            ACCEPT,
            HeaderValue::from_str(value).expect("a header"),
        )]))
    }

    #[test]
    fn chooses_by_quality_then_by_how_exactly_it_is_named() {
        use Media::{GraphqlResponse, Json};
        for (value, json) in [
            ("", Some(Json)),
            ("*/*", Some(Json)),
            ("application/*", Some(Json)),
            ("application/json", Some(Json)),
            ("APPLICATION/JSON; charset=UTF-8", Some(Json)),
            ("application/graphql-response+json", Some(GraphqlResponse)),
            (
                "application/json, application/graphql-response+json",
                Some(GraphqlResponse),
            ),
            (
                "application/graphql-response+json;q=0.8, application/json;q=0.9",
                Some(Json),
            ),
            (
                "application/graphql-response+json;q=0.9, application/json;q=0.8",
                Some(GraphqlResponse),
            ),
            ("application/json;q=0, */*", Some(GraphqlResponse)),
            ("application/graphql-response+json;q=0.1, */*", Some(Json)),
            (
                "application/graphql-response+json, */*;q=0.5",
                Some(GraphqlResponse),
            ),
            ("text/html, application/xml;q=0.9, */*;q=0.8", Some(Json)),
            ("application/json;charset=utf-16", None),
            ("application/json;q=0", None),
            ("application/json;q=2", None),
            ("text/html", None),
            ("nonsense", None),
            ("text/event-stream", None),
        ] {
            assert_eq!(accept(value).json, json, "{value}");
        }
        assert_eq!(accepted(&HeaderMap::new()).json, Some(Json));
    }

    #[test]
    fn streams_only_where_the_client_prefers_it_or_takes_nothing_else() {
        for (value, events, prefers) in [
            ("text/event-stream", true, true),
            ("*/*", true, false),
            ("application/json", false, false),
            (
                "application/graphql-response+json, application/json, text/event-stream, multipart/mixed",
                true,
                false,
            ),
            ("text/event-stream, application/json;q=0.9", true, true),
            ("text/event-stream;q=0.1, application/json", true, false),
        ] {
            let accepted = accept(value);
            assert_eq!(
                (accepted.events, accepted.prefers_events),
                (events, prefers),
                "{value}"
            );
        }
    }

    #[test]
    fn knows_json_in_utf8_from_everything_else() {
        let json = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(
                    CONTENT_TYPE,
                    HeaderValue::from_str(value).expect("a header"),
                );
            }
            is_json(&headers)
        };
        for value in [
            "application/json",
            "Application/JSON;charset=\"utf-8\"",
            "application/json; charset=UTF-8;",
            "application/json; a=b",
        ] {
            assert!(json(&[value]), "{value}");
        }
        for value in [
            "",
            "text/plain",
            "application/x-www-form-urlencoded",
            "application/graphql",
            "application/jsonp",
            "application/json; charset=latin1",
            "application/json, text/plain",
            "application/json;charset",
            "multipart/form-data; boundary=x",
        ] {
            assert!(!json(&[value]), "{value}");
        }
        assert!(!json(&["application/json", "application/json"]));
        assert!(!json(&[]));
    }
}
