//! A GraphQL request in a query string.

use http::HeaderMap;
use serde_json::Value;

use super::error::TransportError;
use super::negotiate::is_preflighted;
use super::request::{Params, RawParams};

/// Longer requests must use POST.
const MAX_QUERY_STRING: usize = 16 * 1024;

/// Reads `query`, `operationName`, `variables`, `extensions` and `id`; `variables` and `extensions`
/// are JSON.
///
/// # Errors
/// 400 or 414. A GET that a page of another site could have sent is always refused (CSRF).
pub(super) fn params(headers: &HeaderMap, query: Option<&str>) -> Result<Params, TransportError> {
    if !is_preflighted(headers) {
        return Err(TransportError::cross_site());
    }
    let query = query.unwrap_or_default();
    if query.len() > MAX_QUERY_STRING {
        return Err(TransportError::uri_too_long(MAX_QUERY_STRING));
    }
    let mut members = RawParams::default();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decode(name)?, decode(value)?);
        let (member, parsed) = match name.as_str() {
            "query" => (&mut members.query, Value::String(value)),
            "operationName" => (&mut members.operation_name, Value::String(value)),
            "id" => (&mut members.id, Value::String(value)),
            "documentId" => (&mut members.document_id, Value::String(value)),
            "variables" => (&mut members.variables, json(&name, &value)?),
            "extensions" => (&mut members.extensions, json(&name, &value)?),
            _ => continue,
        };
        if !member.is_null() {
            return Err(TransportError::malformed(format!(
                "`{name}` is given twice."
            )));
        }
        *member = parsed;
    }
    Params::from_members(members)
}

fn json(name: &str, value: &str) -> Result<Value, TransportError> {
    if value.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(value)
        .map_err(|_| TransportError::malformed(format!("`{name}` is not valid JSON.")))
}

/// Decodes `application/x-www-form-urlencoded`.
fn decode(text: &str) -> Result<String, TransportError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [rest.next(), rest.next()]
                    .map(|digit| digit.and_then(|digit| char::from(digit).to_digit(16)));
                let [Some(high), Some(low)] = digits else {
                    return Err(TransportError::malformed(
                        "The query string has an incomplete `%` escape.",
                    ));
                };
                (high * 16 + low) as u8
            }
            other => other,
        });
    }
    String::from_utf8(bytes)
        .map_err(|_| TransportError::malformed("The query string is not UTF-8."))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn read(query: &str) -> Result<Params, TransportError> {
        let headers = HeaderMap::from_iter([(
            http::HeaderName::from_static("x-requested-with"),
            HeaderValue::from_static("test"),
        )]);
        params(&headers, Some(query))
    }

    #[test]
    fn decodes_and_reads() {
        let params =
            read("query=query+A%28%24x%3AInt%29%7Ba%7D&variables=%7B%22x%22%3A1%7D&operationName=A&extensions=&utm=1")
                .expect("fine");
        assert_eq!(params.document.query.as_deref(), Some("query A($x:Int){a}"));
        assert_eq!(params.variables.into_value().to_string(), "{x: 1}");
    }

    #[test]
    fn names_what_is_wrong() {
        for (query, message) in [
            ("", "The request has no `query`."),
            ("query=%7", "The query string has an incomplete `%` escape."),
            (
                "query=%zz",
                "The query string has an incomplete `%` escape.",
            ),
            ("query=%ff", "The query string is not UTF-8."),
            ("query={a}&query={b}", "`query` is given twice."),
            ("query={a}&variables={", "`variables` is not valid JSON."),
            ("query={a}&variables=[]", "`variables` must be an object."),
        ] {
            assert_eq!(read(query).expect_err(query).message, message);
        }
        assert_eq!(
            read(&"a".repeat(20_000)).expect_err("long").code,
            "URI_TOO_LONG"
        );
        assert_eq!(
            params(&HeaderMap::new(), Some("query={a}"))
                .expect_err("cross-site")
                .code,
            "CSRF_PREVENTED"
        );
    }
}
