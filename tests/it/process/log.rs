//! Logs contain no personal data and no secrets.

use serde_json::json;
use tests::process::Served;
use tests::{Scratch, key};

use super::{token, usual};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_addresses_and_words_are_not_logged() {
    let scratch = Scratch::new();
    let mut all = usual(&scratch);
    // Every target at its most verbose level.
    let everything =
        "trace,hyper=trace,sqlx=trace,sea_orm_migration=trace,rustls=trace,reqwest=trace";
    all.insert("RUST_LOG".to_owned(), everything.to_owned());
    all.insert(
        "CALCOM_WEBHOOK_SECRETS".to_owned(),
        "canary-webhook-secret".to_owned(),
    );
    let served = Served::start(&all).await;
    let (maria, nora) = (
        token(&all, "client", "maria").await,
        token(&all, "coach", "nora").await,
    );
    let stranger = token(&all, "client", "canary-stranger").await;
    let ask = async |token: &str, query: &str, variables| {
        served
            .gql(Some(token), query, variables)
            .await
            .expect("it serves")
    };
    ask(&stranger, "{ viewer { user { email } } }", json!({}))
        .await
        .ok();
    ask(&maria, "{ viewer { user { email } } }", json!({}))
        .await
        .ok();
    let past = "{ viewer { sessions(first: 1) { nodes { id } } } }";
    let session = ask(&maria, past, json!({}))
        .await
        .text("/viewer/sessions/nodes/0/id");
    let add = "mutation($input: CreateNoteInput!) { createNote(input: $input) { userErrors { code } note { id } } }";
    let input = json!({ "sessionId": session, "body": "canary-note", "visibility": "SHARED" });
    assert_eq!(
        ask(&maria, add, json!({ "input": input }))
            .await
            .user_errors(),
        Vec::<&str>::new()
    );
    let cancel = "mutation($input: CancelBookingInput!) { cancelBooking(input: $input) { userErrors { code } } }";
    let coming =
        "{ viewer { bookings(role: CLIENT, filter: { statuses: [CONFIRMED] }) { nodes { id } } } }";
    let booking = ask(&maria, coming, json!({}))
        .await
        .text("/viewer/bookings/nodes/0/id");
    let input = json!({ "idempotencyKey": key(), "bookingId": booking, "reason": "canary-reason" });
    assert_eq!(
        ask(&maria, cancel, json!({ "input": input }))
            .await
            .user_errors(),
        Vec::<&str>::new()
    );
    // What is refused is not logged either.
    served
        .gql(Some("canary-bad-token"), "{ viewer { id } }", json!({}))
        .await
        .expect("it serves");
    ask(
        &nora,
        "{ canaryNoSuchField(text: \"canary-literal\") }",
        json!({}),
    )
    .await;
    let webhook = served
        .request(http::Method::POST, "/webhooks/calcom")
        .header("x-cal-signature-256", "canary-signature");
    let webhook =
        webhook.body("{\"payload\":{\"attendees\":[{\"email\":\"canary@attendee.example\"}]}}");
    assert_eq!(webhook.send().await.expect("it serves").status(), 401);

    let (code, log) = served.terminate().await;
    assert_eq!(code, Some(0));
    assert!(
        log.matches("\"Answered\"").count() >= 9,
        "every request is told of: {log}"
    );
    let words = [
        "maria@courtside.example",
        "canary-stranger",
        "canary-note",
        "canary-reason",
        "canary-bad-token",
    ];
    let more = [
        "canary-literal",
        "canary-signature",
        "canary@attendee",
        "canary-webhook-secret",
        "local_token_key",
    ];
    for secret in [&maria, &nora, &stranger]
        .into_iter()
        .map(String::as_str)
        .chain(words)
        .chain(more)
    {
        // The greeting of a developer, which is there to show tokens, is no log line.
        let line = log
            .lines()
            .filter(|line| line.starts_with('{'))
            .find(|line| line.contains(secret));
        assert!(line.is_none(), "{secret} is in the log: {line:?}");
    }
}
