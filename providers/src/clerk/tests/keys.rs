//! The key cache: rotation, outages, invalid documents and floods of key ids.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::*;

const NOW: i64 = 1_798_761_600;

/// An unsigned token that names `kid`.
fn unsigned(kid: &str) -> String {
    let part = |json: Value| URL_SAFE_NO_PAD.encode(json.to_string());
    format!(
        "{}.{}.c2lnbmF0dXJl",
        part(json!({ "alg": "RS256", "kid": kid })),
        part(json!({ "sub": "user_1" }))
    )
}

#[tokio::test]
async fn a_new_key_is_fetched_and_a_retired_one_invalidates_its_tokens() {
    let fixture = Fixture::load();
    let (stays, comes, goes) = (
        fixture.vector("v2 basic"),
        fixture.vector("second key"),
        fixture.vector("retired key"),
    );
    let clerk = Clerk::serving(&fixture.jwks_before_rotation).await;
    let verifier = fixture.verifier(&clerk);
    verifier
        .verify(&goes.token, at(NOW))
        .await
        .expect("its key is still published");
    let proved = verifier
        .verify(&stays.token, at(NOW))
        .await
        .expect("its key is published");
    assert_eq!(
        verifier.verify(&comes.token, at(NOW)).await,
        Err(TokenError::UnknownKey)
    );
    assert_eq!(clerk.requests(), 1, "asked a moment ago");

    clerk.answer(200, &fixture.jwks);
    let later = at(NOW + 10);
    verifier
        .verify(&comes.token, later)
        .await
        .expect("the new key is fetched because a token names it");
    let still = verifier
        .verify(&stays.token, later)
        .await
        .expect("the common key stays");
    assert!(
        Arc::ptr_eq(&proved, &still),
        "and so does what it has proved"
    );
    assert_eq!(
        verifier.verify(&goes.token, later).await,
        Err(TokenError::UnknownKey),
        "remembered, but withdrawn"
    );
    assert_eq!(clerk.requests(), 2);
}

#[tokio::test]
async fn after_a_rotation_every_vector_gets_its_expected_result() {
    let fixture = Fixture::load();
    let clerk = Clerk::serving(&fixture.jwks_before_rotation).await;
    let verifier = fixture.verifier(&clerk);
    for (vector, result) in fixture
        .vectors
        .iter()
        .zip(results(&verifier, &fixture).await)
    {
        let expected = match vector.name.as_str() {
            "second key" => false,
            "retired key" => true,
            _ => vector.expected == "valid",
        };
        assert_eq!(
            result.is_ok(),
            expected,
            "before rotation: {} {result:?}",
            vector.name
        );
    }
    clerk.answer(200, &fixture.jwks);
    let second = fixture.vector("second key");
    verifier
        .verify(&second.token, second.now() + TimeDelta::seconds(10))
        .await
        .expect("fetched on demand");
    for (vector, result) in fixture
        .vectors
        .iter()
        .zip(results(&verifier, &fixture).await)
    {
        assert_eq!(
            result.is_ok(),
            vector.expected == "valid",
            "after rotation: {} {result:?}",
            vector.name
        );
    }
}

#[tokio::test]
async fn a_key_replaced_under_the_same_id_invalidates_its_tokens() {
    let fixture = Fixture::load();
    let clerk = Clerk::serving(&fixture.jwks).await;
    let verifier = fixture.verifier(&clerk);
    let vector = fixture.vector("v2 basic");
    verifier
        .verify(&vector.token, at(NOW))
        .await
        .expect("valid");
    let mut swapped = fixture.jwks.clone();
    swapped["keys"][0]["n"] = fixture.jwks["keys"][1]["n"].clone();
    clerk.answer(200, swapped);
    let later = at(NOW + 3600);
    verifier
        .verify(&vector.token, later)
        .await
        .expect("served while the next set is fetched");
    verifier.keys.settle().await;
    assert_eq!(
        verifier.verify(&vector.token, later).await,
        Err(TokenError::BadSignature)
    );
}

#[tokio::test]
async fn stale_keys_are_used_for_a_day_without_waiting() {
    let fixture = Fixture::load();
    let clerk = Clerk::serving(&fixture.jwks).await;
    let verifier = fixture.verifier(&clerk);
    let vector = fixture.vector("v2 basic");
    verifier
        .verify(&vector.token, at(NOW))
        .await
        .expect("valid");
    clerk.answer(503, "");
    for hour in 1..24 {
        for second in 0..3 {
            let now = at(NOW + hour * 3600 + second);
            verifier
                .verify(&vector.token, now)
                .await
                .expect("the old keys still serve");
            verifier.keys.settle().await;
        }
    }
    assert_eq!(
        clerk.requests(),
        24,
        "one attempt per hour, not one per request"
    );
    let day = at(NOW + 24 * 3600);
    let error = verifier
        .verify(&vector.token, day)
        .await
        .expect_err("too old to believe");
    assert!(error == TokenError::KeysUnavailable && error.is_temporary());
    let asked = clerk.requests();
    assert_eq!(
        verifier.verify(&vector.token, day).await,
        Err(TokenError::KeysUnavailable)
    );
    assert_eq!(clerk.requests(), asked, "no second attempt at once");
    clerk.answer(200, &fixture.jwks);
    verifier
        .verify(&vector.token, day + TimeDelta::seconds(5))
        .await
        .expect("it recovers by itself");
}

#[tokio::test]
async fn a_hanging_refresh_blocks_nobody_while_keys_are_cached() {
    let fixture = Fixture::load();
    let clerk = Clerk::serving(&fixture.jwks).await;
    let verifier = fixture.verifier(&clerk);
    let vector = fixture.vector("v2 basic");
    verifier
        .verify(&vector.token, at(NOW))
        .await
        .expect("valid");
    clerk.arrival().await;
    clerk.hold();
    for _ in 0..100 {
        verifier
            .verify(&vector.token, at(NOW + 3600))
            .await
            .expect("answered at once from the old keys");
    }
    clerk.arrival().await;
    assert_eq!(clerk.requests(), 2, "one fetch is under way, not a hundred");
    clerk.release();
    verifier.keys.settle().await;
}

#[tokio::test]
async fn a_document_without_a_usable_key_is_ignored() {
    let fixture = Fixture::load();
    let rsa = &fixture.jwks["keys"][0];
    let with = |name: &str, value: Value| {
        let mut key = rsa.clone();
        key[name] = value;
        json!({ "keys": [key] }).to_string()
    };
    let documents = [
        String::new(),
        "<html>busy</html>".to_owned(),
        "[]".to_owned(),
        r#"{"keys":[]}"#.to_owned(),
        r#"{"keys":[null,7,{}]}"#.to_owned(),
        r#"{"keys":[{"kty":"oct","kid":"ins_2VectorKeyA000000000000001","alg":"HS256","k":"c2VjcmV0"}]}"#.to_owned(),
        with("alg", json!("HS256")),
        with("alg", json!("RS512")),
        with("use", json!("enc")),
        with("kty", json!("EC")),
        with("kid", json!("")),
        with("n", json!("AQAB")),
        with("n", json!("***")),
        with("padding", json!("x".repeat(70_000))),
    ];
    let clerk = Clerk::serving(&fixture.jwks).await;
    let warm = fixture.verifier(&clerk);
    let vector = fixture.vector("v2 basic");
    warm.warm_up(at(NOW)).await.expect("the good document");
    for (hour, document) in (1..).zip(documents) {
        clerk.answer(200, &document);
        let cold = fixture.verifier(&clerk);
        assert_eq!(
            cold.warm_up(at(NOW)).await,
            Err(TokenError::KeysUnavailable),
            "{document:.80}"
        );
        assert_eq!(
            cold.verify(&vector.token, at(NOW)).await,
            Err(TokenError::KeysUnavailable),
            "{document:.80}"
        );
        let now = at(NOW + hour * 3600);
        warm.verify(&vector.token, now)
            .await
            .expect("the old keys still serve");
        warm.keys.settle().await;
        warm.verify(&vector.token, now)
            .await
            .expect("and were not replaced by rubbish");
    }
}

#[tokio::test]
async fn unusable_keys_are_skipped() {
    let fixture = Fixture::load();
    let kid = fixture.jwks["keys"][0]["kid"].clone();
    let mut mixed = vec![
        json!({ "kty": "oct", "kid": kid, "k": "c2VjcmV0" }),
        json!({ "kty": "OKP" }),
        json!(1),
    ];
    mixed.extend(
        fixture.jwks["keys"]
            .as_array()
            .expect("a list of keys")
            .clone(),
    );
    let clerk = Clerk::serving(&json!({ "keys": mixed, "extra": true })).await;
    let verifier = fixture.verifier(&clerk);
    let vector = fixture.vector("v2 basic");
    verifier
        .verify(&vector.token, at(NOW))
        .await
        .expect("the RSA key with this id is found");
    let confusion = fixture.vector("HS256 with the public PEM as secret");
    assert_eq!(
        verifier.verify(&confusion.token, at(NOW)).await,
        Err(TokenError::WrongAlgorithm)
    );
}

#[tokio::test]
async fn unknown_key_ids_cause_one_fetch_per_interval() {
    let fixture = Fixture::load();
    let clerk = Clerk::serving(&fixture.jwks).await;
    let verifier = fixture.verifier(&clerk);
    let vector = fixture.vector("v2 basic");
    verifier.warm_up(at(NOW)).await.expect("keys");
    for number in 0..10_000 {
        let now = at(NOW + number / 200);
        let error = verifier
            .verify(&unsigned(&format!("ins_{number}")), now)
            .await
            .expect_err("nobody's key");
        assert_eq!(error, TokenError::UnknownKey);
        if number % 100 == 0 {
            verifier
                .verify(&vector.token, now)
                .await
                .expect("good tokens pass all the while");
        }
    }
    assert_eq!(clerk.requests(), 5, "50 seconds, one fetch per 10 seconds");
}

#[tokio::test]
async fn an_unknown_key_id_is_cached_for_a_minute() {
    let fixture = Fixture::load();
    let clerk = Clerk::serving(&fixture.jwks).await;
    let verifier = fixture.verifier(&clerk);
    verifier.warm_up(at(NOW)).await.expect("keys");
    for second in 10..70 {
        let result = verifier
            .verify(&unsigned("ins_gone"), at(NOW + second))
            .await;
        assert_eq!(result, Err(TokenError::UnknownKey));
    }
    assert_eq!(clerk.requests(), 2);
    assert_eq!(
        verifier.verify(&unsigned("ins_gone"), at(NOW + 70)).await,
        Err(TokenError::UnknownKey)
    );
    assert_eq!(clerk.requests(), 3);
}

#[tokio::test]
async fn during_an_outage_an_unknown_key_id_is_a_temporary_error() {
    let fixture = Fixture::load();
    let clerk = Clerk::serving(&fixture.jwks_before_rotation).await;
    let verifier = fixture.verifier(&clerk);
    verifier.warm_up(at(NOW)).await.expect("keys");
    clerk.answer(500, "");
    let rotated = &fixture.vector("second key").token;
    for second in [10, 11] {
        let result = verifier.verify(rotated, at(NOW + second)).await;
        assert_eq!(
            result,
            Err(TokenError::KeysUnavailable),
            "we cannot tell, so the person stays signed in"
        );
    }
    assert_eq!(clerk.requests(), 2);
    clerk.answer(200, &fixture.jwks);
    verifier
        .verify(rotated, at(NOW + 15))
        .await
        .expect("found as soon as Clerk answers");
}

#[tokio::test]
async fn concurrent_first_requests_cause_one_fetch_even_if_the_first_is_canceled() {
    let fixture = Fixture::load();
    let clerk = Clerk::serving(&fixture.jwks).await;
    clerk.hold();
    let verifier = Arc::new(fixture.verifier(&clerk));
    let token: Arc<str> = fixture.vector("v2 basic").token.as_str().into();
    let ask = |milliseconds| {
        let (verifier, token) = (Arc::clone(&verifier), Arc::clone(&token));
        let now = at(NOW) + TimeDelta::milliseconds(milliseconds);
        tokio::spawn(async move { verifier.verify(&token, now).await })
    };
    let first = ask(500);
    clerk.arrival().await;
    let others: Vec<_> = (0..200).map(ask).collect();
    tokio::task::yield_now().await;
    first.abort();
    assert!(
        first.await.is_err_and(|error| error.is_cancelled()),
        "it was still waiting"
    );
    clerk.release();
    for other in others {
        other
            .await
            .expect("no panic")
            .expect("all others get their answer");
    }
    assert_eq!(clerk.requests(), 1);
}

#[tokio::test]
async fn concurrent_unknown_key_ids_cause_one_fetch() {
    let fixture = Fixture::load();
    let clerk = Clerk::serving(&fixture.jwks).await;
    let verifier = Arc::new(fixture.verifier(&clerk));
    verifier.warm_up(at(NOW)).await.expect("keys");
    let strangers: Vec<_> = (0..200)
        .map(|number| {
            let verifier = Arc::clone(&verifier);
            // The clocks were read in another order than the calls arrive.
            let now = at(NOW + 20) - TimeDelta::milliseconds(number);
            tokio::spawn(async move {
                verifier
                    .verify(&unsigned(&format!("ins_{number}")), now)
                    .await
            })
        })
        .collect();
    for stranger in strangers {
        assert_eq!(
            stranger.await.expect("no panic"),
            Err(TokenError::UnknownKey)
        );
    }
    assert_eq!(clerk.requests(), 2);
}

#[tokio::test]
async fn a_clock_set_back_does_not_block_fetches() {
    let fixture = Fixture::load();
    let clerk = Clerk::serving(&fixture.jwks_before_rotation).await;
    let verifier = fixture.verifier(&clerk);
    verifier.warm_up(at(NOW + 7200)).await.expect("keys");
    clerk.answer(200, &fixture.jwks);
    verifier
        .verify(&fixture.vector("second key").token, at(NOW))
        .await
        .expect("fetched two hours 'before' the last time");
}

#[tokio::test]
async fn an_invalid_key_id_causes_no_fetch() {
    let fixture = Fixture::load();
    let clerk = Clerk::serving(&fixture.jwks).await;
    let verifier = fixture.verifier(&clerk);
    verifier.warm_up(at(NOW)).await.expect("keys");
    for kid in [String::new(), "k".repeat(129)] {
        assert_eq!(
            verifier.verify(&unsigned(&kid), at(NOW + 60)).await,
            Err(TokenError::UnknownKey)
        );
    }
    assert_eq!(clerk.requests(), 1);
    assert_eq!(
        verifier
            .verify(&unsigned(&"k".repeat(128)), at(NOW + 60))
            .await,
        Err(TokenError::UnknownKey)
    );
    assert_eq!(clerk.requests(), 2, "the longest possible id is");
}
