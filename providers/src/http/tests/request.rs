//! What is sent on the wire.

use ::http::{HeaderValue, header};

use super::server::{Server, respond};
use super::*;

async fn sent(change: impl FnOnce(&mut Call<'static>)) -> String {
    let server = Server::sequence([respond(200, "x-hello: 1\r\n", "{}")]).await;
    let (client, recorder) = client(policy());
    let mut call = call(&server.url(), Safety::Read);
    change(&mut call);
    let response = client.send(call).await.expect("an response");
    assert_eq!(response.headers["x-hello"], "1");
    assert_eq!(recorder.all(), ["1 ok 200"]);
    server.requests()[0].0.clone()
}

#[tokio::test]
async fn headers_and_body_are_sent_without_an_origin() {
    let text = sent(|call| {
        call.headers.insert(
            header::AUTHORIZATION,
            HeaderValue::from_static("Bearer t0ken"),
        );
        call.headers.insert(
            header::ORIGIN,
            HeaderValue::from_static("https://app.example.com"),
        );
    })
    .await;
    assert!(
        text.starts_with("POST /v2/things/uid-s3cret?token=s3cret HTTP/1.1\r\n"),
        "{text}"
    );
    assert!(
        text.contains("authorization: Bearer t0ken\r\n")
            && text.contains("accept: application/json\r\n"),
        "{text}"
    );
    assert!(
        text.contains("content-type: application/json\r\n")
            && text.ends_with("\r\n\r\n{\"hush\":1}"),
        "{text}"
    );
    assert!(!text.to_ascii_lowercase().contains("origin"), "{text}");
}

#[tokio::test]
async fn content_type_and_length_match_the_body() {
    let form = sent(|call| call.body = Body::Form(b"a=1".to_vec())).await;
    assert!(
        form.contains("content-type: application/x-www-form-urlencoded\r\n")
            && form.ends_with("\r\n\r\na=1")
    );
    let empty = sent(|call| call.body = Body::Empty).await;
    assert!(
        empty.contains("content-length: 0\r\n") && !empty.contains("content-type"),
        "{empty}"
    );
    let get = sent(|call| (call.method, call.body) = (Method::GET, Body::Empty)).await;
    assert!(
        get.starts_with("GET ") && !get.contains("content-"),
        "{get}"
    );
}

#[tokio::test]
async fn an_accept_header_of_the_caller_is_kept() {
    let text = sent(|call| {
        drop(
            call.headers
                .insert(header::ACCEPT, HeaderValue::from_static("text/calendar")),
        )
    })
    .await;
    assert!(
        text.contains("accept: text/calendar\r\n") && !text.contains("application/json\r\naccept"),
        "{text}"
    );
}
