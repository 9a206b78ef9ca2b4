//! Signatures, and the fields that are read before a delivery is stored.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::*;

#[test]
fn captured_deliveries_open_with_their_secret_only() {
    let (mut opened, mut unsigned) = (0, 0);
    for capture in Capture::all() {
        let (headers, body) = (capture.headers(), capture.body());
        let other = [SecretString::from("whsec-of-somebody-else")];
        let Some(secret) = capture.subscriber_secret.as_deref() else {
            assert_eq!(
                open(&other, &headers, &body),
                Err(OpenError::NoSecretProvided),
                "{}",
                capture.name
            );
            unsigned += 1;
            continue;
        };
        let delivery = open(&[secret.into()], &headers, &body).expect("a genuine delivery");
        assert_eq!(
            open(&other, &headers, &body),
            Err(OpenError::BadSignature),
            "{}",
            capture.name
        );
        let expected = if capture.is_template() {
            "UNKNOWN"
        } else {
            capture.name.split('-').nth(2).expect("a trigger")
        };
        assert_eq!(
            (delivery.trigger_name.as_str(), delivery.trigger.as_str()),
            (expected, expected)
        );
        let flat = matches!(
            delivery.trigger,
            Trigger::MeetingStarted | Trigger::MeetingEnded
        );
        assert_eq!(
            delivery.created_at.is_some(),
            !capture.is_template() && !flat,
            "{}",
            capture.name
        );
        assert_eq!(
            delivery.uid.is_some(),
            !capture.is_template(),
            "{}",
            capture.name
        );
        opened += 1;
    }
    assert_eq!((opened, unsigned), (72, 15));
}

#[test]
fn two_secrets_are_valid_during_a_rotation() {
    let capture = Capture::numbered("001");
    let (headers, body) = (capture.headers(), capture.body());
    let ours = || SecretString::from("whsec-lab-oauth-client");
    let other = |name: &str| SecretString::from(name);
    for secrets in [
        vec![ours(), other("new")],
        vec![other("old"), ours()],
        vec![other("a"), ours(), other("b")],
    ] {
        assert!(open(&secrets, &headers, &body).is_ok());
    }
    assert_eq!(
        open(&[other("a"), other("b")], &headers, &body),
        Err(OpenError::BadSignature)
    );
}

#[test]
fn every_flipped_bit_of_the_signature_is_refused() {
    let capture = Capture::numbered("022");
    let (secrets, body, mut headers) = (capture.secrets(), capture.body(), capture.headers());
    let signature = headers["x-cal-signature-256"].as_bytes().to_vec();
    let mut tried = 0;
    for bit in 0..signature.len() * 8 {
        let mut forged = signature.clone();
        forged[bit / 8] ^= 1 << (bit % 8);
        // Some flips result in a byte that is invalid in HTTP.
        let Ok(value) = HeaderValue::from_bytes(&forged) else {
            continue;
        };
        headers.insert("x-cal-signature-256", value);
        assert!(open(&secrets, &headers, &body).is_err(), "bit {bit}");
        tried += 1;
    }
    assert!(tried > 400, "{tried} forgeries were tried");
}

#[test]
fn every_flipped_bit_of_the_body_is_refused() {
    for number in ["004", "049", "013", "151"] {
        let capture = Capture::numbered(number);
        let (secrets, headers, body) = (capture.secrets(), capture.headers(), capture.body());
        let mut forged = body.to_vec();
        for bit in 0..body.len() * 8 {
            forged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(
                open(&secrets, &headers, &forged),
                Err(OpenError::BadSignature),
                "{number} bit {bit}"
            );
            forged[bit / 8] ^= 1 << (bit % 8);
        }
        assert!(
            open(&secrets, &headers, &forged).is_ok(),
            "the sweep put everything back"
        );
        for cut in [0, 1, body.len() - 1] {
            assert_eq!(
                open(&secrets, &headers, &body[..cut]),
                Err(OpenError::BadSignature),
                "{number} cut at {cut}"
            );
        }
    }
}

#[test]
fn invalid_headers_and_secrets_are_refused_with_a_reason() {
    let capture = Capture::numbered("001");
    let (secrets, body, good) = (capture.secrets(), capture.body(), capture.headers());
    let signature = good["x-cal-signature-256"]
        .to_str()
        .expect("hexadecimal")
        .to_owned();
    let twice = headers([
        ("x-cal-signature-256", signature.as_str()),
        ("X-Cal-Signature-256", signature.as_str()),
    ]);
    let with = |value: &str| headers([("x-cal-signature-256", value)]);
    let cases = [
        (secrets.clone(), HeaderMap::new(), "missing_signature"),
        (
            secrets.clone(),
            headers([("x-cal-signature", signature.as_str())]),
            "missing_signature",
        ),
        (secrets.clone(), with(""), "missing_signature"),
        (secrets.clone(), twice, "malformed"),
        (
            secrets.clone(),
            with(&signature.to_uppercase()),
            "malformed",
        ),
        (secrets.clone(), with(&signature[1..]), "malformed"),
        (
            secrets.clone(),
            with(&format!("{signature}00")),
            "malformed",
        ),
        (
            secrets.clone(),
            with(&format!("{signature},{signature}")),
            "malformed",
        ),
        (
            secrets.clone(),
            with("no-secret-provided"),
            "no_secret_provided",
        ),
        (secrets, with(&"0".repeat(64)), "bad_signature"),
        (vec![], good.clone(), "not_configured"),
        (vec!["".into()], signed("", &body), "not_configured"),
        (
            vec!["whsec-lab-oauth-client".into(), "".into()],
            good,
            "not_configured",
        ),
    ];
    for (secrets, headers, reason) in cases {
        let error = open(&secrets, &headers, &body).expect_err("must not be accepted");
        assert_eq!(error.reason(), reason, "{headers:?}");
        assert!(
            !format!("{error}{error:?}").contains(&signature),
            "the signature is quoted"
        );
    }
}

#[test]
fn published_vectors_get_their_expected_result() {
    #[derive(Deserialize)]
    struct Fixture {
        vectors: Vec<Vector>,
    }
    #[derive(Deserialize)]
    struct Vector {
        id: String,
        secret: String,
        headers: HashMap<String, String>,
        expected: String,
        body: Body,
    }
    #[derive(Deserialize)]
    struct Body {
        base64: String,
    }
    let text = include_str!("../../../../fixtures/calcom/webhook-signatures.json");
    let fixture: Fixture = serde_json::from_str(text).expect("the fixture has this shape");
    assert_eq!(fixture.vectors.len(), 18);
    for vector in fixture.vectors {
        let body = STANDARD.decode(&vector.body.base64).expect("base64");
        let headers = headers(
            vector
                .headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str())),
        );
        let verdict = open(&[vector.secret.into()], &headers, &body);
        assert_eq!(
            verdict.is_ok(),
            vector.expected == "valid",
            "{}: {verdict:?}",
            vector.id
        );
    }
}

#[test]
fn nothing_is_parsed_before_the_signature_is_verified() {
    let secrets = [SecretString::from("secret")];
    for body in [
        b"{".as_slice(),
        b"\xff\xfe",
        b"",
        "[".repeat(100_000).as_bytes(),
    ] {
        assert_eq!(
            open(&secrets, &signed("other", body), body),
            Err(OpenError::BadSignature)
        );
        let delivery =
            open(&secrets, &signed("secret", body), body).expect("genuine, whatever it is");
        assert_eq!((delivery.trigger, delivery.uid), (Trigger::Unknown, None));
        assert!(
            delivery.dedupe_key.starts_with("UNKNOWN:body:"),
            "{}",
            delivery.dedupe_key
        );
    }
}

#[test]
fn every_shape_yields_the_fields_to_store() {
    let delivery = |number| {
        let capture = Capture::numbered(number);
        open(&capture.secrets(), &capture.headers(), &capture.body()).expect("a genuine delivery")
    };
    let created = delivery("001");
    assert_eq!(created.uid.as_deref(), Some("eNxkNSFRSsLkT7gZm36iA9"));
    assert_eq!(
        created.ical_uid.as_deref(),
        Some("eNxkNSFRSsLkT7gZm36iA9@Cal.com")
    );
    let at = created.created_at.map(|at| at.to_rfc3339());
    assert_eq!(at.as_deref(), Some("2026-11-21T01:25:24.212+00:00"));
    assert_eq!(delivery("013").ical_uid, None, "a move does not tell it");
    assert_eq!(
        delivery("049").uid.as_deref(),
        Some("sxXRrVig5Udbp6kXv9mQUd"),
        "a no-show says bookingUid"
    );
    let meeting = delivery("151");
    assert_eq!(
        meeting.uid.as_deref(),
        Some("1S3D7aNh76y7BcNaqYA1Mg"),
        "a meeting has no envelope"
    );
    assert_eq!(meeting.created_at, None, "its createdAt is the booking's");
    let shown = format!("{created:?}");
    assert!(
        shown.contains("BookingCreated") && !shown.contains("eNxk"),
        "{shown}"
    );
}

#[test]
fn equal_events_have_equal_keys_and_different_events_do_not() {
    // An event of the sender: its bytes, whichever registration delivered them.
    let mut key_of = HashMap::new();
    let mut keys = HashSet::new();
    for capture in Capture::all()
        .iter()
        .filter(|capture| capture.subscriber_secret.is_some())
    {
        let body = capture.body();
        let delivery =
            open(&capture.secrets(), &capture.headers(), &body).expect("a genuine delivery");
        assert!(delivery.dedupe_key.len() <= 110 && delivery.dedupe_key.is_ascii());
        assert!(
            delivery
                .dedupe_key
                .starts_with(&format!("{}:", delivery.trigger_name))
        );
        let known = key_of
            .entry(body)
            .or_insert_with(|| delivery.dedupe_key.clone());
        assert_eq!(*known, delivery.dedupe_key, "{}", capture.name);
        keys.insert(delivery.dedupe_key);
    }
    assert_eq!(
        keys.len(),
        key_of.len(),
        "two different statements share a key"
    );
}

#[test]
fn every_relevant_field_changes_the_key() {
    let base = serde_json::json!({
        "triggerEvent": "BOOKING_CANCELLED", "createdAt": "2026-11-21T01:27:27.280Z",
        "payload": { "uid": "u1", "attendees": [{ "email": "a@example.com" }], "title": "x" }
    });
    let key = |change: &dyn Fn(&mut Value)| {
        let mut body = base.clone();
        change(&mut body);
        let body = body.to_string();
        open(
            &["s".into()],
            &signed("s", body.as_bytes()),
            body.as_bytes(),
        )
        .expect("genuine")
        .dedupe_key
    };
    let original = key(&|_| {});
    assert_eq!(
        original,
        key(&|body| body["payload"]["title"] = "y".into()),
        "decoration does not count"
    );
    type Change<'c> = &'c dyn Fn(&mut Value);
    let changes: [(&str, Change<'_>); 7] = [
        ("trigger", &|body| {
            body["triggerEvent"] = "BOOKING_REJECTED".into()
        }),
        ("an unknown trigger", &|body| {
            body["triggerEvent"] = "BOOKING_NEW".into()
        }),
        ("time", &|body| {
            body["createdAt"] = "2026-11-21T01:27:27.281Z".into()
        }),
        ("booking", &|body| body["payload"]["uid"] = "u2".into()),
        ("seat", &|body| {
            body["payload"]["attendeeSeatId"] = "s1".into()
        }),
        ("person", &|body| {
            body["payload"]["attendees"][0]["email"] = "b@example.com".into()
        }),
        ("start", &|body| {
            body["payload"]["startTime"] = "2026-12-01T14:00:00Z".into()
        }),
    ];
    let mut keys = HashSet::from([original]);
    for (what, change) in changes {
        assert!(
            keys.insert(key(change)),
            "another {what} is another statement"
        );
    }
    let shifted = key(&|body| {
        body["payload"]["uid"] = "u12".into();
        body["createdAt"] = "026-11-21T01:27:27.280Z".into();
    });
    assert!(
        keys.insert(shifted),
        "the same letters, cut elsewhere, are another statement"
    );
}
