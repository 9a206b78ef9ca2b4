//! The issuer of session tokens.

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde_json::Value;
use simulators::Clock;
use simulators::clerk::{self, Options, Subject};

use crate::wire;

#[tokio::test]
async fn tokens_verify_against_the_key_set() {
    let clerk = clerk::start(Options {
        clock: Clock::system(),
        ..Options::default()
    })
    .await
    .expect("a free port");
    let subject = Subject {
        id: "user_nora".to_owned(),
        email: Some("nora@example.com".to_owned()),
        email_verified: Some(true),
        name: None,
        role: Some("coach".to_owned()),
    };
    let token = clerk.token(&subject);
    let keys = wire::send(&clerk.issuer(), "GET", "/.well-known/jwks.json", &[], None).await;
    let key = &keys.body["keys"][0];
    let part = |name: &str| key[name].as_str().expect("text").to_owned();
    let proof = DecodingKey::from_rsa_components(&part("n"), &part("e")).expect("an RSA key");
    let mut rules = Validation::new(Algorithm::RS256);
    rules.set_issuer(&[clerk.issuer()]);
    let claims = decode::<Value>(&token, &proof, &rules)
        .expect("a good signature")
        .claims;
    assert_eq!(
        (&claims["sub"], &claims["metadata"]["role"]),
        (&"user_nora".into(), &"coach".into())
    );
    assert_eq!(claims["azp"], clerk.origin());
    assert_eq!(clerk.fetches(), 1);
}
