//! A stand-in for Clerk: an issuer with one key, its key set, and session tokens to order.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use chrono::TimeDelta;
use http::Response;
use http_body_util::Full;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use crate::clock::Clock;
use crate::fault::{Faults, Kind};
use crate::socket::{Arrival, Handler, Outcome, Server};

/// Made for this stand-in and good for nothing else.
const KEY: &[u8] = include_bytes!("../keys/clerk.pem");
const KEY_ID: &str = "ins_StandInKey00000000000000000000";
/// The public half of [`KEY`].
const MODULUS: &str = include_str!("../keys/clerk.modulus");

/// How the issuer is set up.
#[derive(Clone)]
pub struct Options {
    pub clock: Clock,
    /// The page that sessions are of, the `azp` of tokens.
    pub origin: String,
    /// Seconds a token is good for.
    pub lifetime: i64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            clock: Clock::system(),
            origin: "http://localhost:4321".to_owned(),
            lifetime: 60,
        }
    }
}

/// Somebody with a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// `user_..`
    pub id: String,
    pub email: Option<String>,
    pub name: Option<String>,
    /// The role in the token's `metadata.role`.
    pub role: Option<String>,
}

/// A running Clerk. Stops when dropped.
pub struct StandIn {
    server: Server,
    shared: Arc<Shared>,
}

struct Shared {
    options: Options,
    faults: Faults,
    fetches: Mutex<usize>,
}

/// Starts an issuer on a free port of loopback.
///
/// # Errors
/// When there is no port to be had.
pub async fn start(options: Options) -> io::Result<StandIn> {
    let (listener, address) = Server::bind().await?;
    let shared = Arc::new(Shared {
        options,
        faults: Faults::seeded(1),
        fetches: Mutex::new(0),
    });
    Ok(StandIn {
        server: Server::serve(listener, address, shared.clone()),
        shared,
    })
}

impl StandIn {
    /// The issuer: `iss` of its tokens, and where the key set is.
    #[must_use]
    pub fn issuer(&self) -> String {
        self.server.url()
    }

    /// The page that its tokens are for.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.shared.options.origin
    }

    /// Faults of the key set's route: `ok`, `500`, `hang`, `slow`, `reset_before`.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// How often the key set was asked for.
    #[must_use]
    pub fn fetches(&self) -> usize {
        *self
            .shared
            .fetches
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// A session token, good from now on for as long as the options say.
    #[must_use]
    pub fn token(&self, subject: &Subject) -> String {
        let now = self.shared.options.clock.now();
        let until = now + TimeDelta::seconds(self.shared.options.lifetime);
        let mut claims = json!({
            "azp": self.shared.options.origin,
            "exp": until.timestamp(),
            "fva": [0, -1],
            "iat": now.timestamp(),
            "iss": self.issuer(),
            "jti": uuid::Uuid::new_v4().simple().to_string()[..20],
            "nbf": (now - TimeDelta::seconds(10)).timestamp(),
            "sid": format!("sess_{}", subject.id.trim_start_matches("user_")),
            "sts": "active",
            "sub": subject.id,
            "v": 2,
        });
        if let Some(email) = &subject.email {
            claims["email"] = email.clone().into();
            claims["email_verified"] = true.into();
        }
        if let Some(name) = &subject.name {
            claims["name"] = name.clone().into();
        }
        if let Some(role) = &subject.role {
            claims["metadata"] = json!({ "role": role });
        }
        sign(&claims)
    }
}

fn sign(claims: &Value) -> String {
    // Whoever names the cryptography first stays, and it is this one everywhere in the workspace.
    let _ = jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER.install_default();
    let header = Header {
        kid: Some(KEY_ID.to_owned()),
        ..Header::new(Algorithm::RS256)
    };
    let key = EncodingKey::from_rsa_pem(KEY).expect("the key file is a key");
    encode(&header, claims, &key).expect("claims of plain JSON can be signed")
}

impl Handler for Shared {
    async fn handle(self: Arc<Self>, arrival: Arrival) -> Outcome {
        let path = arrival.uri.path();
        match self
            .faults
            .on_request(arrival.method.as_str(), path)
            .map(|fault| fault.kind)
        {
            Some(Kind::ResetBefore | Kind::ResetAfterCommit) => return Outcome::Reset,
            Some(Kind::Hang) => {
                self.faults.cleared().await;
                return Outcome::Reset;
            }
            Some(Kind::Slow(by)) => tokio::time::sleep(by).await,
            Some(Kind::Ok) | None => {}
            Some(_) => return Outcome::Answer(answer(500, &json!({ "errors": [] }))),
        }
        if path != "/.well-known/jwks.json" {
            return Outcome::Answer(answer(
                404,
                &json!({ "errors": [{ "code": "resource_not_found" }] }),
            ));
        }
        *self.fetches.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        let key = json!({
            "use": "sig", "kty": "RSA", "kid": KEY_ID, "alg": "RS256", "n": MODULUS.trim(), "e": "AQAB",
        });
        Outcome::Answer(answer(200, &json!({ "keys": [key] })))
    }
}

fn answer(status: u16, body: &Value) -> Response<Full<Bytes>> {
    let response = Response::builder()
        .status(status)
        .header("content-type", "application/json");
    response
        .body(Full::new(Bytes::from(body.to_string())))
        .expect("a known status and type")
}
