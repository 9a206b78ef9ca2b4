//! The verifier against 81 valid and forged tokens, and against a key endpoint that rotates keys,
//! fails and sends invalid documents.

mod keys;
mod server;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::Value;

use self::server::Clerk;
use super::*;

/// `fixtures/clerk-jwt.json`. Its keys are for tests only; the private halves were not kept.
#[derive(Deserialize)]
struct Fixture {
    about: About,
    jwks: Value,
    jwks_before_rotation: Value,
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct About {
    verifier: Settings,
}

#[derive(Deserialize)]
struct Settings {
    issuer: String,
    authorized_parties: Vec<String>,
    leeway_seconds: u64,
    max_token_bytes: usize,
}

#[derive(Deserialize)]
struct Vector {
    id: String,
    name: String,
    token: String,
    now: i64,
    expected: String,
    #[serde(default)]
    expected_claims: serde_json::Map<String, Value>,
}

impl Vector {
    fn now(&self) -> DateTime<Utc> {
        at(self.now)
    }
}

impl Fixture {
    fn load() -> Self {
        serde_json::from_str(include_str!("../../../fixtures/clerk-jwt.json"))
            .expect("the fixture has this shape")
    }

    /// A verifier with the keys of `clerk`.
    fn verifier(&self, clerk: &Clerk) -> Verifier {
        self.verifier_with(clerk, |_| {})
    }

    fn verifier_with(&self, clerk: &Clerk, change: impl FnOnce(&mut VerifierConfig)) -> Verifier {
        let Settings {
            issuer,
            authorized_parties,
            leeway_seconds,
            max_token_bytes,
        } = &self.about.verifier;
        let mut config = VerifierConfig::new(issuer, authorized_parties.clone());
        assert_eq!(
            config.leeway.as_secs(),
            *leeway_seconds,
            "the default is what the vectors ask for"
        );
        assert_eq!(
            config.max_token_bytes, *max_token_bytes,
            "the default is what the vectors ask for"
        );
        config.jwks_url = clerk.url();
        change(&mut config);
        Verifier::try_new(config).expect("a sound configuration")
    }

    fn vector(&self, name: &str) -> &Vector {
        self.vectors
            .iter()
            .find(|vector| vector.name == name)
            .expect("the fixture has a vector of this name")
    }
}

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).expect("a time in this millennium")
}

async fn results(
    verifier: &Verifier,
    fixture: &Fixture,
) -> Vec<Result<std::sync::Arc<Claims>, TokenError>> {
    let mut results = Vec::new();
    for vector in &fixture.vectors {
        results.push(verifier.verify(&vector.token, vector.now()).await);
    }
    results
}

#[tokio::test]
async fn every_vector_gets_its_expected_result_with_and_without_cache() {
    let fixture = Fixture::load();
    let clerk = Clerk::serving(&fixture.jwks).await;
    let verifier = fixture.verifier(&clerk);
    for round in ["fresh", "remembered"] {
        for (vector, result) in fixture
            .vectors
            .iter()
            .zip(results(&verifier, &fixture).await)
        {
            let expected = vector.expected == "valid";
            assert_eq!(
                result.is_ok(),
                expected,
                "{round}: {} {}: {result:?}",
                vector.id,
                vector.name
            );
        }
        assert_eq!(
            verifier.cache.len(),
            13,
            "{round}: the good tokens and no others are remembered"
        );
    }
}

#[tokio::test]
async fn every_refusal_has_its_reason() {
    let fixture = Fixture::load();
    let clerk = Clerk::serving(&fixture.jwks).await;
    let verifier = fixture.verifier(&clerk);
    let mut reasons = String::new();
    for (vector, result) in fixture
        .vectors
        .iter()
        .zip(results(&verifier, &fixture).await)
    {
        if let Err(error) = result {
            let text = format!("{error} {error:?}");
            assert!(
                !text.contains("eyJ") && !text.contains("ins_"),
                "{text} quotes the token"
            );
            reasons.push_str(&format!("{}: {}\n", vector.name, error.code()));
        }
    }
    assert_eq!(reasons, include_str!("reasons.txt"));
}

#[tokio::test]
async fn claims_are_what_the_vectors_say() {
    let fixture = Fixture::load();
    let clerk = Clerk::serving(&fixture.jwks).await;
    let verifier = fixture.verifier(&clerk);
    let mut compared = 0;
    for vector in &fixture.vectors {
        for (path, expected) in &vector.expected_claims {
            let claims = verifier
                .verify(&vector.token, vector.now())
                .await
                .expect("a vector with claims is valid");
            let organization = claims.organization.as_ref();
            let found = match path.as_str() {
                "sub" => Value::from(claims.sub.as_str()),
                "sid" => Value::from(claims.sid.as_str()),
                "org_id" => organization
                    .map(|organization| organization.id.as_str())
                    .into(),
                "org_slug" => organization
                    .and_then(|organization| organization.slug.as_deref())
                    .into(),
                "org_role" => organization
                    .and_then(|organization| organization.role.as_deref())
                    .into(),
                "org_permissions" => organization
                    .map(|organization| organization.permissions.clone())
                    .into(),
                "act.sub" => claims.actor.as_deref().into(),
                "metadata.role" => claims.raw["metadata"]["role"].clone(),
                other => panic!("{}: the fixture has a new claim {other}", vector.id),
            };
            assert_eq!(&found, expected, "{} {path}", vector.id);
            compared += 1;
        }
    }
    assert_eq!(compared, 37, "claims were compared");
}

#[tokio::test]
async fn a_repeated_token_is_verified_once() {
    let fixture = Fixture::load();
    let clerk = Clerk::serving(&fixture.jwks).await;
    let vector = fixture.vector("v2 basic");
    for (capacity, same) in [(10_000, true), (0, false)] {
        let verifier = fixture.verifier_with(&clerk, |config| config.remembered_tokens = capacity);
        let first = verifier
            .verify(&vector.token, vector.now())
            .await
            .expect("valid");
        let second = verifier
            .verify(&vector.token, vector.now())
            .await
            .expect("valid");
        assert_eq!(first, second);
        assert_eq!(
            std::sync::Arc::ptr_eq(&first, &second),
            same,
            "capacity {capacity}"
        );
    }
}

#[tokio::test]
async fn a_cached_token_still_expires() {
    let fixture = Fixture::load();
    let clerk = Clerk::serving(&fixture.jwks).await;
    let verifier = fixture.verifier(&clerk);
    let vector = fixture.vector("realistic 60 s token");
    let claims = verifier
        .verify(&vector.token, vector.now())
        .await
        .expect("valid at first");
    let leeway = TimeDelta::seconds(5);
    let cases = [
        (claims.expires_at, Ok(())),
        (
            claims.expires_at + leeway - TimeDelta::milliseconds(1),
            Ok(()),
        ),
        (claims.expires_at + leeway, Err(TokenError::Expired)),
        (claims.issued_at.expect("it says when") - leeway, Ok(())),
        (
            claims.issued_at.expect("it says when") - leeway - TimeDelta::milliseconds(1),
            Err(TokenError::NotYetValid),
        ),
    ];
    for remembered in [true, false] {
        for (now, expected) in cases {
            verifier
                .verify(&vector.token, vector.now())
                .await
                .expect("valid at its own time");
            let verifier = if remembered {
                &verifier
            } else {
                &fixture.verifier(&clerk)
            };
            assert_eq!(
                verifier.verify(&vector.token, now).await.map(drop),
                expected,
                "{now} remembered {remembered}"
            );
        }
    }
}

#[tokio::test]
async fn a_token_with_one_changed_character_is_not_cached() {
    let fixture = Fixture::load();
    let clerk = Clerk::serving(&fixture.jwks).await;
    let verifier = fixture.verifier(&clerk);
    let vector = fixture.vector("v2 basic");
    verifier
        .verify(&vector.token, vector.now())
        .await
        .expect("the original is valid");
    for position in 0..vector.token.len() {
        let mut forged = vector.token.clone().into_bytes();
        forged[position] ^= 1;
        let Ok(forged) = String::from_utf8(forged) else {
            unreachable!("one bit of ASCII stays ASCII")
        };
        assert!(
            verifier.verify(&forged, vector.now()).await.is_err(),
            "accepted with character {position} changed"
        );
    }
}

#[tokio::test]
async fn the_token_cache_is_bounded_and_can_be_disabled() {
    let fixture = Fixture::load();
    let clerk = Clerk::serving(&fixture.jwks).await;
    for (capacity, most) in [(0, 0), (1, 2), (4, 4)] {
        let verifier = fixture.verifier_with(&clerk, |config| config.remembered_tokens = capacity);
        let valid = results(&verifier, &fixture)
            .await
            .into_iter()
            .filter(Result::is_ok)
            .count();
        assert_eq!(valid, 13, "capacity {capacity}");
        assert!(
            verifier.cache.len() <= most,
            "{} remembered with capacity {capacity}",
            verifier.cache.len()
        );
    }
}

#[tokio::test]
async fn a_token_without_party_is_accepted_only_where_native_apps_are() {
    let fixture = Fixture::load();
    let clerk = Clerk::serving(&fixture.jwks).await;
    let (bare, foreign) = (fixture.vector("missing azp"), fixture.vector("wrong azp"));
    let closed = fixture.verifier(&clerk);
    let open = fixture.verifier_with(&clerk, |config| config.accepts_no_party = true);
    let refused = Err(TokenError::WrongParty);
    assert_eq!(
        closed.verify(&bare.token, bare.now()).await.map(drop),
        refused
    );
    assert_eq!(open.verify(&bare.token, bare.now()).await.map(drop), Ok(()));
    assert_eq!(
        open.verify(&foreign.token, foreign.now()).await.map(drop),
        refused
    );
}

/// The category is in the header, which is checked before the signature.
#[tokio::test]
async fn only_categories_of_session_tokens_are_accepted() {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    let fixture = Fixture::load();
    let clerk = Clerk::serving(&fixture.jwks).await;
    let verifier = fixture.verifier(&clerk);
    let vector = fixture.vector("v2 basic");
    let (_, rest) = vector.token.split_once('.').expect("a JWS has three parts");
    let checked = async |category: Value| {
        let mut header =
            serde_json::json!({ "alg": "RS256", "kid": "ins_2VectorKeyA000000000000001" });
        if !category.is_null() {
            header["cat"] = category;
        }
        let token = format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header.to_string()));
        verifier.verify(&token, vector.now()).await.map(drop)
    };
    for accepted in [
        Value::Null,
        "cl_B7d4PD111AAA".into(),
        "cl_I7d4PD111III".into(),
    ] {
        let result = checked(accepted.clone()).await;
        assert_eq!(result, Err(TokenError::BadSignature), "{accepted}");
    }
    for refused in ["cl_B7d4PD222AAA", "cl_B7d4PD333AAA", "", "cl_B7d4PD444AAA"] {
        let result = checked(refused.into()).await;
        assert_eq!(result, Err(TokenError::WrongType), "{refused}");
    }
    assert_eq!(checked(7.into()).await, Err(TokenError::WrongType));
}

#[test]
fn an_insecure_configuration_is_refused() {
    let sound = || {
        VerifierConfig::new(
            "https://clerk.example.com",
            vec!["https://app.example.com".to_owned()],
        )
    };
    assert_eq!(
        sound().jwks_url,
        "https://clerk.example.com/.well-known/jwks.json"
    );
    assert!(Verifier::try_new(sound()).is_ok());
    let broken: [fn(&mut VerifierConfig); 4] = [
        |config| config.issuer.clear(),
        |config| config.authorized_parties.clear(),
        |config| config.authorized_parties.push(String::new()),
        |config| config.jwks_url = "nowhere".to_owned(),
    ];
    for change in broken {
        let mut config = sound();
        change(&mut config);
        assert!(Verifier::try_new(config).is_err_and(|error| error.kind == crate::Kind::Rejected));
    }
}

#[test]
fn the_self_test_passes() {
    assert_eq!(self_test(), Ok(()));
}
