//! Responses of the webhook endpoint as a provider sees them.

use axum::body::{Body, to_bytes};
use http::header::{ALLOW, RETRY_AFTER};
use http::{Method, Request};
use sea_orm::ConnectionTrait;
use tower::ServiceExt as _;

use super::*;
use crate::domain::webhook::tests::{Capture, Lab, numbered};

async fn send(
    lab: &Lab,
    path: &str,
    method: Method,
    capture: &Capture,
) -> (StatusCode, HeaderMap, String) {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .body(Body::from(capture.body.clone()))
        .expect("valid");
    for (name, value) in &capture.headers {
        if !["content-length", "host", "connection"].contains(&name.as_str()) {
            request.headers_mut().append(name, value.clone());
        }
    }
    let answer = router(Arc::clone(&lab.app))
        .oneshot(request)
        .await
        .expect("a router does not fail");
    let (head, body) = answer.into_parts();
    let body = to_bytes(body, 1024 * 1024).await.expect("a body");
    (
        head.status,
        head.headers,
        String::from_utf8(body.to_vec()).expect("text"),
    )
}

#[tokio::test]
async fn each_path_stores_a_delivery_once() {
    let lab = Lab::open().await;
    for (path, delivery) in CAL_COM.into_iter().zip(numbered(&["001", "013", "022"])) {
        let (status, _, body) = send(&lab, path, Method::POST, &delivery).await;
        assert_eq!(
            (status, body.as_str()),
            (StatusCode::OK, r#"{"status":"received"}"#)
        );
        for path in CAL_COM {
            let (status, _, body) = send(&lab, path, Method::POST, &delivery).await;
            assert_eq!(
                (status, body.as_str()),
                (StatusCode::OK, r#"{"status":"duplicate"}"#)
            );
        }
    }
    lab.run_jobs().await;
    assert_eq!(lab.bookings().await.len(), 1);
}

#[tokio::test]
async fn responses_reveal_nothing_to_a_forger() {
    let lab = Lab::open().await;
    let genuine = numbered(&["001"]).remove(0);
    let mut tampered = genuine.clone();
    let mut body = genuine.body.to_vec();
    body[100] ^= 1;
    tampered.body = body.into();
    let mut unsigned = genuine.clone();
    unsigned.headers.remove("x-cal-signature-256");
    let unprotected = numbered(&["003"]).remove(0);
    for forged in [tampered, unsigned, unprotected] {
        let (status, _, body) = send(&lab, CAL_COM[0], Method::POST, &forged).await;
        assert_eq!(
            (status, body.as_str()),
            (StatusCode::UNAUTHORIZED, r#"{"code":"INVALID_SIGNATURE"}"#)
        );
    }
    assert!(lab.deliveries().await.is_empty());
}

#[tokio::test]
async fn other_methods_and_too_large_bodies_are_refused() {
    let lab = Lab::open().await;
    let genuine = numbered(&["001"]).remove(0);
    for method in [
        Method::GET,
        Method::HEAD,
        Method::PUT,
        Method::DELETE,
        Method::OPTIONS,
    ] {
        let (status, headers, _) = send(&lab, CAL_COM[0], method, &genuine).await;
        assert_eq!(
            (status, headers[ALLOW].as_bytes()),
            (StatusCode::METHOD_NOT_ALLOWED, b"POST".as_slice())
        );
    }
    let most = usize::try_from(MAX_BODY).expect("it fits");
    for (size, expected) in [
        (most, StatusCode::OK),
        (most + 1, StatusCode::PAYLOAD_TOO_LARGE),
    ] {
        let (status, ..) = send(
            &lab,
            CAL_COM[0],
            Method::POST,
            &genuine.with(vec![b'x'; size]),
        )
        .await;
        assert_eq!(status, expected, "{size} bytes");
    }
    let counted = "courtside_webhooks_refused_total{provider=\"calcom\",reason=\"too_large\"} 1";
    assert!(lab.app.metrics.text().contains(counted));
}

#[tokio::test]
async fn a_failed_insert_answers_503() {
    let lab = Lab::open().await;
    lab.app
        .db
        .write_one()
        .execute_unprepared("drop table webhook_delivery")
        .await
        .expect("dropped");
    let (status, headers, body) = send(
        &lab,
        CAL_COM[0],
        Method::POST,
        &numbered(&["001"]).remove(0),
    )
    .await;
    assert_eq!(
        (status, body.as_str()),
        (StatusCode::SERVICE_UNAVAILABLE, r#"{"code":"NOT_STORED"}"#)
    );
    assert_eq!(headers[RETRY_AFTER], "5");
}

#[tokio::test]
async fn without_a_secret_the_route_is_404() {
    let lab = Lab::open_with(Vec::new()).await;
    let (status, _, body) = send(
        &lab,
        CAL_COM[0],
        Method::POST,
        &numbered(&["001"]).remove(0),
    )
    .await;
    assert_eq!(
        (status, body.as_str()),
        (StatusCode::NOT_FOUND, r#"{"code":"NOT_FOUND"}"#)
    );
    assert!(lab.deliveries().await.is_empty());
}

/// The sender disconnects right after the body: the delivery is stored.
#[tokio::test]
async fn a_disconnect_does_not_cancel_the_insert() {
    let lab = Lab::open().await;
    let delivery = numbered(&["001"]).remove(0);
    tokio::select! {
            biased;
            _ = send(&lab, CAL_COM[0], Method::POST, &delivery) => panic!("it waits for the disk"),
            () = std::future::ready(()) => {}
    }
    lab.app.tasks.close();
    lab.app.tasks.wait().await;
    assert_eq!(lab.deliveries().await.len(), 1);
}
