//! A stand-in for Clerk: an issuer with one key, its key set, session tokens to order, and the route
//! of the Backend API that reads a person.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use chrono::TimeDelta;
use http::Response;
use http_body_util::Full;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use crate::clock::Clock;
use crate::fault::{Faults, Kind};
use crate::socket::{Arrival, Handler, Outcome, Server};

/// Made for this stand-in and good for nothing else.
const KEY: &[u8] = include_bytes!("../keys/clerk.pem");
/// The category of session tokens.
const SESSION_CATEGORY: &str = "cl_B7d4PD111AAA";
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
    /// The key of the Backend API.
    pub secret_key: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            clock: Clock::system(),
            origin: "http://localhost:4321".to_owned(),
            lifetime: 60,
            secret_key: "sk_test_stand_in".to_owned(),
        }
    }
}

/// Somebody with a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// `user_..`
    pub id: String,
    pub email: Option<String>,
    /// The claim `email_verified`; absent when `None`.
    pub email_verified: Option<bool>,
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
    /// Persons of the Backend API, as it answers them.
    people: Mutex<HashMap<String, Value>>,
    reads: Mutex<usize>,
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
        people: Mutex::default(),
        reads: Mutex::new(0),
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

    /// Faults of its routes: `ok`, `500`, `hang`, `slow`, `reset_before`.
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

    /// How often a person was asked for.
    #[must_use]
    pub fn reads(&self) -> usize {
        *self
            .shared
            .reads
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a person into the directory; their addresses with whether each is verified, the primary
    /// one first.
    pub fn list(&self, id: &str, name: (&str, &str), emails: &[(&str, bool)]) {
        let addresses: Vec<Value> = emails
            .iter()
            .enumerate()
            .map(|(index, (email, verified))| {
                let status = if *verified { "verified" } else { "unverified" };
                json!({
                    "id": format!("idn_{index}"), "object": "email_address", "email_address": email,
                    "reserved": false, "linked_to": [], "created_at": 0, "updated_at": 0,
                    "verification": { "object": "verification_otp", "status": status, "strategy": "email_code" },
                })
            })
            .rev() // Clerk promises no order.
            .collect();
        let person = json!({
            "id": id, "object": "user", "username": null, "first_name": name.0, "last_name": name.1,
            "primary_email_address_id": if emails.is_empty() { Value::Null } else { "idn_0".into() },
            "email_addresses": addresses, "phone_numbers": [], "public_metadata": {}, "banned": false,
        });
        let mut people = self
            .shared
            .people
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        people.insert(id.to_owned(), person);
    }

    /// A session token, good from now on for as long as the options say.
    #[must_use]
    pub fn token(&self, subject: &Subject) -> String {
        self.token_with(subject, |_, _| ())
    }

    /// The same with another header or other claims.
    ///
    /// # Panics
    /// When the change leaves no objects.
    #[must_use]
    pub fn token_with(
        &self,
        subject: &Subject,
        change: impl FnOnce(&mut Value, &mut Value),
    ) -> String {
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
        }
        if let Some(verified) = subject.email_verified {
            claims["email_verified"] = verified.into();
        }
        if let Some(name) = &subject.name {
            claims["name"] = name.clone().into();
        }
        if let Some(role) = &subject.role {
            claims["metadata"] = json!({ "role": role });
        }
        let mut header =
            json!({ "alg": "RS256", "cat": SESSION_CATEGORY, "kid": KEY_ID, "typ": "JWT" });
        change(&mut header, &mut claims);
        sign(&header, &claims)
    }
}

fn sign(header: &Value, claims: &Value) -> String {
    // Whoever names the cryptography first stays, and it is this one everywhere in the workspace.
    let _ = jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER.install_default();
    let key = EncodingKey::from_rsa_pem(KEY).expect("the key file is a key");
    let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    let signed = format!("{header}.{claims}");
    let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), &key, Algorithm::RS256)
        .expect("the key is an RSA key");
    format!("{signed}.{signature}")
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
        if let Some(id) = path.strip_prefix("/v1/users/") {
            return Outcome::Answer(self.person(id, &arrival));
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

impl Shared {
    fn person(&self, id: &str, arrival: &Arrival) -> Response<Full<Bytes>> {
        *self.reads.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        let refuse = |status, code| answer(status, &json!({ "errors": [{ "code": code }] }));
        let expected = format!("Bearer {}", self.options.secret_key);
        let shown = arrival.headers.get("authorization");
        if shown.and_then(|value| value.to_str().ok()) != Some(&*expected) {
            return refuse(401, "authorization_invalid");
        }
        if !arrival.headers.contains_key("clerk-api-version") {
            return refuse(400, "api_version_missing");
        }
        let people = self.people.lock().unwrap_or_else(PoisonError::into_inner);
        match people.get(id) {
            Some(person) => answer(200, person),
            None => refuse(404, "resource_not_found"),
        }
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
