//! OAuth2: the consent page and the two generations of token endpoints.

use std::collections::BTreeMap;

use reqwest::Url;
use secrecy::ExposeSecret;

use super::exchange::{client, json, serve, serve_once};
use crate::Kind;
use crate::cal_com::*;

fn oauth() -> Option<OAuthClient> {
    Some(OAuthClient {
        client_id: "c1".to_owned(),
        client_secret: Some("whisper".into()),
        redirect_uri: "https://coach.test/oauth/calcom".to_owned(),
        scopes: vec!["BOOKING_READ".to_owned(), "BOOKING_WRITE".to_owned()],
    })
}

#[test]
fn the_consent_url_contains_the_code_challenge() {
    let client = client("http://127.0.0.1:1".to_owned(), None, oauth());
    let verifier = CodeVerifier::stored("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".into());
    let url = client.authorize_url("s p", &verifier).expect("a URL");
    assert_eq!(
        url.origin().ascii_serialization() + url.path(),
        "http://app.cal.test/auth/oauth2/authorize"
    );
    let query: BTreeMap<_, _> = url.query_pairs().into_owned().collect();
    let expected = [
        ("client_id", "c1"),
        // The example of RFC 7636, appendix B.
        (
            "code_challenge",
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        ),
        ("code_challenge_method", "S256"),
        ("redirect_uri", "https://coach.test/oauth/calcom"),
        ("response_type", "code"),
        ("scope", "BOOKING_READ BOOKING_WRITE"),
        ("state", "s p"),
    ];
    assert_eq!(
        query,
        expected
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into()
    );
    assert_eq!(
        CodeVerifier::from_random(&[7; 32])
            .secret()
            .expose_secret()
            .len(),
        43
    );
}

#[tokio::test]
async fn the_rfc_endpoint_receives_a_form() {
    let flat = r#"{"access_token":"a","token_type":"bearer","refresh_token":"r","expires_in":1800,"scope":"BOOKING_READ"}"#;
    let (url, server) = serve_once(json(200, flat)).await;
    let verifier = CodeVerifier::from_random(&[7; 32]);
    let tokens = client(url, None, oauth())
        .exchange_code(&"co/de".into(), &verifier)
        .await
        .expect("tokens");
    assert_eq!(
        (tokens.access.expose_secret(), tokens.expires_in.as_secs()),
        ("a", 1800)
    );
    let seen = server.await.expect("the server saw the request");
    assert_eq!(
        (seen.method.as_str(), seen.path.as_str()),
        ("POST", "/v2/auth/oauth2/token")
    );
    assert_eq!(
        seen.header("content-type"),
        Some("application/x-www-form-urlencoded")
    );
    let form = Url::parse(&format!(
        "http://form?{}",
        String::from_utf8(seen.body).expect("a form")
    ))
    .expect("a form");
    let form: BTreeMap<_, _> = form.query_pairs().into_owned().collect();
    let expected = [
        ("client_id", "c1"),
        ("client_secret", "whisper"),
        ("code", "co/de"),
        ("code_verifier", verifier.secret().expose_secret()),
        ("grant_type", "authorization_code"),
        ("redirect_uri", "https://coach.test/oauth/calcom"),
    ];
    assert_eq!(
        form,
        expected
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into()
    );
}

#[tokio::test]
async fn rfc_errors_are_classified() {
    for (status, error, kind, refusal) in [
        (
            400,
            "invalid_grant",
            Kind::Unauthorized,
            Some(Refusal::InvalidGrant),
        ),
        (
            401,
            "invalid_client",
            Kind::Unauthorized,
            Some(Refusal::InvalidClient),
        ),
        (400, "unsupported_grant_type", Kind::Rejected, None),
    ] {
        let body = format!(r#"{{"error":"{error}","error_description":"ann@example.com"}}"#);
        let (url, server) = serve_once(json(status, &body)).await;
        let failed = client(url, None, oauth())
            .refresh_oauth(&"r".into())
            .await
            .expect_err("a refusal");
        server.await.expect("the server saw the request");
        assert_eq!((failed.kind, &failed.refusal), (kind, &refusal), "{error}");
        assert!(!format!("{failed:?}").contains('@'), "their words in Debug");
    }
}

#[tokio::test]
async fn only_a_missing_route_falls_back_to_the_old_endpoint() {
    let missing = r#"{"status":"error","error":{"code":"NotFoundException","message":"Cannot POST /v2/auth/oauth2/token"}}"#;
    let old = r#"{"status":"success","data":{"access_token":"a2","refresh_token":"r2","expires_in":1800}}"#;
    let (url, server) = serve(vec![json(404, missing), json(200, old)]).await;
    let tokens = client(url, None, oauth())
        .refresh_oauth(&"r1".into())
        .await
        .expect("tokens");
    assert_eq!(tokens.access.expose_secret(), "a2");
    let paths: Vec<_> = server
        .await
        .expect("both requests")
        .into_iter()
        .map(|seen| seen.path)
        .collect();
    assert_eq!(
        paths,
        [
            "/v2/auth/oauth2/token",
            "/v2/auth/oauth2/clients/c1/refresh"
        ]
    );
}
