//! What a provider sees of the endpoint.

use entity::webhook_delivery;
use http::header::{ALLOW, RETRY_AFTER};
use http::{Method, StatusCode};
use sea_orm::{ConnectionTrait as _, TransactionTrait as _};
use tests::{On, Setup, both_bare, until};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::captures::{Capture, numbered};
use super::{
    DUPLICATE, PATH, RECEIVED, bookings, deliveries, execute, is_stored, run_jobs, send, start,
};

both_bare![
    every_address_accepts_a_delivery_once,
    a_forgery_is_refused_without_a_reason,
    other_methods_and_bodies_over_the_limit_are_refused,
    a_delivery_that_cannot_be_stored_is_to_be_sent_again,
    without_a_secret_the_address_does_not_exist,
    a_sender_that_hangs_up_changes_nothing,
];

/// The addresses under which back ends of this kind are registered at Cal.com.
const ADDRESSES: [&str; 3] = [PATH, "/api/webhooks/calcom", "/api/cal/webhooks/receiver"];
const MAX_BODY: usize = 1024 * 1024;

async fn every_address_accepts_a_delivery_once(on: On) {
    let app = start(on).await;
    for (path, delivery) in ADDRESSES.into_iter().zip(numbered(&["001", "013", "022"])) {
        let answer = send(&app, Method::POST, path, &delivery).await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (StatusCode::OK, RECEIVED)
        );
        for path in ADDRESSES {
            let answer = send(&app, Method::POST, path, &delivery).await;
            assert_eq!(
                (answer.status, answer.body.as_str()),
                (StatusCode::OK, DUPLICATE)
            );
        }
    }
    run_jobs(&app).await;
    assert_eq!(bookings(&app).await.len(), 1);
    app.finish().await;
}

async fn a_forgery_is_refused_without_a_reason(on: On) {
    let app = start(on).await;
    let genuine = numbered(&["001"]).remove(0);
    let mut tampered = genuine.clone();
    let mut body = genuine.body.clone();
    body[100] ^= 1;
    tampered.body = body;
    let mut unsigned = genuine.clone();
    unsigned.headers.remove("x-cal-signature-256");
    let unprotected = numbered(&["003"]).remove(0);
    for forged in [tampered, unsigned, unprotected] {
        let answer = send(&app, Method::POST, PATH, &forged).await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (StatusCode::UNAUTHORIZED, r#"{"code":"INVALID_SIGNATURE"}"#)
        );
    }
    assert_eq!(deliveries(&app).await, []);
    app.finish().await;
}

async fn other_methods_and_bodies_over_the_limit_are_refused(on: On) {
    let app = start(on).await;
    let genuine = numbered(&["001"]).remove(0);
    for method in [
        Method::GET,
        Method::HEAD,
        Method::PUT,
        Method::DELETE,
        Method::OPTIONS,
    ] {
        let answer = send(&app, method, PATH, &genuine).await;
        assert_eq!(
            (answer.status, answer.headers[ALLOW].as_bytes()),
            (StatusCode::METHOD_NOT_ALLOWED, b"POST".as_slice())
        );
    }
    for (size, expected) in [
        (MAX_BODY, StatusCode::OK),
        (MAX_BODY + 1, StatusCode::PAYLOAD_TOO_LARGE),
    ] {
        let delivery = genuine.with(vec![b'x'; size]);
        let answer = send(&app, Method::POST, PATH, &delivery).await;
        assert_eq!(answer.status, expected, "{size} bytes");
    }
    let counted = r#"courtside_webhooks_refused_total{provider="calcom",reason="too_large"}"#;
    assert_eq!(app.figure(counted).await, 1.0);
    run_jobs(&app).await;
    app.finish().await;
}

async fn a_delivery_that_cannot_be_stored_is_to_be_sent_again(on: On) {
    let app = start(on).await;
    execute(&app, "alter table webhook_delivery rename to hidden").await;
    let delivery = numbered(&["001"]).remove(0);
    let answer = send(&app, Method::POST, PATH, &delivery).await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (StatusCode::SERVICE_UNAVAILABLE, r#"{"code":"NOT_STORED"}"#)
    );
    assert_eq!(answer.headers[RETRY_AFTER], "5");
    execute(&app, "alter table hidden rename to webhook_delivery").await;
    assert!(
        is_stored(&app, &delivery).await,
        "sent again, it is accepted"
    );
    run_jobs(&app).await;
    app.finish().await;
}

async fn without_a_secret_the_address_does_not_exist(on: On) {
    let app = Setup::default().bare().start(on).await;
    let delivery = numbered(&["001"]).remove(0);
    let answer = send(&app, Method::POST, PATH, &delivery).await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (StatusCode::NOT_FOUND, r#"{"code":"NOT_FOUND"}"#)
    );
    assert_eq!(deliveries(&app).await, []);
    app.finish().await;
}

/// The sender hangs up while its delivery waits for the database: it is stored all the same.
async fn a_sender_that_hangs_up_changes_nothing(on: On) {
    let app = start(on).await;
    let before = app.app.tasks.len();
    let lock = app
        .db()
        .write_one()
        .begin()
        .await
        .expect("the database answers");
    if app.db().is_postgres() {
        lock.execute_unprepared("lock table webhook_delivery in exclusive mode")
            .await
            .expect("nobody else has a lock");
    }
    let delivery = numbered(&["001"]).remove(0);
    let mut socket = TcpStream::connect(app.address).await.expect("it listens");
    socket.write_all(&raw(&delivery)).await.expect("it reads");
    until("it is being stored", || async {
        app.app.tasks.len() > before
    })
    .await;
    // A reset: no polite end.
    socket.set_zero_linger().expect("an open socket");
    drop(socket);
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    lock.rollback().await.expect("the database answers");
    until("it is stored", || async { app.app.tasks.len() == before }).await;
    let stored: Vec<webhook_delivery::Model> = deliveries(&app).await;
    assert_eq!(stored.len(), 1);
    run_jobs(&app).await;
    app.finish().await;
}

/// The bytes of a request.
fn raw(delivery: &Capture) -> Vec<u8> {
    let signature = delivery.headers["x-cal-signature-256"]
        .to_str()
        .expect("hexadecimal");
    let head = format!(
        "POST {PATH} HTTP/1.1\r\nhost: courtside\r\ncontent-type: application/json\r\n\
         x-cal-signature-256: {signature}\r\ncontent-length: {}\r\n\r\n",
        delivery.body.len()
    );
    [head.as_bytes(), &delivery.body].concat()
}
