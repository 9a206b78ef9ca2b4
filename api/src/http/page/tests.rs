use std::collections::HashSet;

use axum::body::Body;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

use super::*;

fn page() -> Page {
    let token = |role: &str, token: &str| Token {
        label: format!("Some {role}"),
        role: role.to_owned(),
        token: token.to_owned(),
    };
    Page {
        tokens: vec![
            token("client", "aaa.bbb.ccc"),
            token("admin", "</script><script>alert(1)</script>"),
        ],
    }
}

async fn ask(method: &str, host: &str) -> (StatusCode, HeaderMap, String) {
    let request = Request::builder()
        .method(method)
        .uri("/?own")
        .header(HOST, host)
        .body(Body::empty());
    let response = router(page())
        .oneshot(request.expect("the request is plain"))
        .await
        .expect("a router cannot fail");
    let (parts, body) = response.into_parts();
    let body = body
        .collect()
        .await
        .expect("the body is in memory")
        .to_bytes();
    (
        parts.status,
        parts.headers,
        String::from_utf8(body.to_vec()).expect("the page is UTF-8"),
    )
}

/// Contents of all elements that begin with `tag`.
fn contents<'d>(document: &'d str, tag: &str) -> Vec<&'d str> {
    let close = format!(
        "</{}>",
        tag[1..]
            .split([' ', '>'])
            .next()
            .expect("a split has a first part")
    );
    document
        .split(tag)
        .skip(1)
        .map(|rest| rest.split_once(&close).expect("the element ends").0)
        .collect()
}

#[tokio::test]
async fn is_served_in_one_document_with_security_headers() {
    let (status, headers, body) = ask("GET", "127.0.0.1:8080").await;
    assert_eq!(status, StatusCode::OK);
    for (name, value) in [
        ("content-type", "text/html; charset=utf-8"),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("x-frame-options", "DENY"),
    ] {
        assert_eq!(headers[name], value, "{name}");
    }
    assert!(
        !body.contains("{{style}}")
            && !body.contains("{{tokens}}")
            && body.trim_end().ends_with("</html>")
    );
    assert_eq!(
        ask("POST", "localhost").await.0,
        StatusCode::METHOD_NOT_ALLOWED
    );
    assert_eq!(ask("HEAD", "localhost").await.2, "");
}

#[tokio::test]
async fn the_policy_allows_only_the_inline_script() {
    let (_, headers, body) = ask("GET", "localhost").await;
    let scripts = contents(&body, "<script type=\"module\">");
    assert_eq!(scripts.len(), 1);
    assert_eq!(
        body.matches("<script").count(),
        4,
        "three of data, one that runs: tokens cannot add another"
    );
    let policy = headers[CONTENT_SECURITY_POLICY]
        .to_str()
        .expect("the policy is ASCII");
    let hash = STANDARD.encode(Sha256::digest(scripts[0].as_bytes()));
    let (_, rest) = policy.split_once("script-src ").expect("scripts are ruled");
    let (sources, _) = rest.split_once(';').expect("more rules follow");
    let scripts = GRAPHIQL
        .iter()
        .map(|file| file.url)
        .filter(|url| url.ends_with(".js"));
    let expected: Vec<_> = std::iter::once(format!("'sha256-{hash}'"))
        .chain(scripts.map(ToOwned::to_owned))
        .collect();
    assert_eq!(sources.split(' ').collect::<Vec<_>>(), expected);
    assert!(policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
}

#[tokio::test]
async fn tokens_are_served_on_loopback_only() {
    for host in [
        "127.0.0.1",
        "127.0.0.1:8080",
        "localhost:1",
        "LOCALHOST",
        "[::1]",
        "[::1]:8080",
    ] {
        let body = ask("GET", host).await.2;
        let found: Value = serde_json::from_str(
            contents(&body, "<script type=\"application/json\" id=\"tokens\">")[0],
        )
        .expect("the tokens are JSON");
        assert_eq!(found[0]["token"], "aaa.bbb.ccc", "{host}");
        assert_eq!(
            found[1]["token"], "</script><script>alert(1)</script>",
            "{host}"
        );
    }
    for host in [
        "evil.test",
        "localhost.evil.test",
        "127.0.0.1.evil.test:8080",
        "127.0.0.1@evil.test",
        "::1",
        "",
        "[::2]:80",
    ] {
        let body = ask("GET", host).await.2;
        assert_eq!(
            contents(&body, "<script type=\"application/json\" id=\"tokens\">"),
            ["[]"],
            "{host}"
        );
    }
    let request = Request::builder()
        .uri("/")
        .header(HOST, "localhost")
        .header(HOST, "evil.test")
        .body(Body::empty());
    assert!(
        !is_for_loopback(request.expect("the request is plain").headers()),
        "two hosts"
    );
    for name in ["forwarded", "x-forwarded-for", "x-forwarded-host"] {
        let request = Request::builder()
            .uri("/")
            .header(HOST, "localhost")
            .header(name, "127.0.0.1")
            .body(Body::empty());
        assert!(
            !is_for_loopback(request.expect("the request is plain").headers()),
            "{name}"
        );
    }
}

#[test]
fn hashes_have_the_length_of_sha384() {
    for file in &GRAPHIQL {
        let hash = file
            .integrity
            .strip_prefix("sha384-")
            .expect("all are SHA-384");
        assert_eq!(
            STANDARD.decode(hash).expect("hashes are Base64").len(),
            48,
            "{}",
            file.url
        );
        assert!(file.url.split('/').any(|part| {
            part.split_once('@')
                .is_some_and(|(_, version)| version.split('.').count() == 3)
        }));
    }
}

/// Collects the names in `{{…}}` of a value.
fn names(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::String(text) => into.extend(
            text.strip_prefix("{{")
                .and_then(|text| text.strip_suffix("}}"))
                .map(ToOwned::to_owned),
        ),
        Value::Array(items) => items.iter().for_each(|item| names(item, into)),
        Value::Object(members) => members.values().for_each(|member| names(member, into)),
        _ => {}
    }
}

#[test]
fn examples_refer_only_to_remembered_names() {
    let examples: Value = serde_json::from_str(EXAMPLES).expect("the examples are JSON");
    let lessons = examples["remember"]
        .as_object()
        .expect("lessons are by name");
    let list = examples["examples"]
        .as_array()
        .expect("examples are a list");
    let titles: HashSet<_> = list
        .iter()
        .map(|example| example["title"].as_str().expect("each has a title"))
        .collect();
    assert_eq!(titles.len(), list.len(), "titles are unique");
    for lesson in lessons.values() {
        assert!(
            titles.contains(lesson["from"].as_str().expect("each names its example")),
            "{lesson}"
        );
    }
    let is_built_in = |name: &str| {
        matches!(name, "key" | "timeZone") || name.starts_with("now") || name.starts_with("date")
    };
    for example in list {
        assert!(
            matches!(
                example["role"].as_str(),
                Some("anyone" | "client" | "coach" | "admin")
            ),
            "{example}"
        );
        let mut used = Vec::new();
        names(&example["variables"], &mut used);
        for name in used {
            assert!(
                lessons.contains_key(&name) || is_built_in(&name),
                "{name} in {}",
                example["title"]
            );
        }
    }
}
