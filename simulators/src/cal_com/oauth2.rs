//! The authorization-code flow for people with accounts of their own, and API keys.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::OAuthClient;
use super::call::{Call, encode};
use super::reply::{Answer, Failure, ok, plain, redirect};
use super::state::State;
use super::state::string;
use super::tokens::Code;

pub(super) fn route(state: &mut State, call: &Call, parts: &[&str]) -> Option<Answer> {
    match (call.method.as_str(), parts) {
        ("GET", ["clients", id]) => Some(client(state, id).and_then(|client| {
            ok(json!({
                "id": client.id,
                "redirectUri": client.redirect_uri,
                "name": client.name,
                "logo": null,
                "isTrusted": false,
                "type": if client.secret.is_some() { "CONFIDENTIAL" } else { "PUBLIC" },
            }))
        })),
        ("POST", ["clients", id, "authorize"]) => Some(authorize(state, call, id)),
        ("POST", ["clients", id, "exchange"]) => Some(call.json().and_then(|body| {
            let grant =
                exchange(state, call, id, &Claim::camel(body)).map_err(|error| error.filtered())?;
            ok(grant)
        })),
        ("POST", ["clients", id, "refresh"]) => Some(call.json().and_then(|body| {
            let grant =
                refresh(state, call, id, &Claim::camel(body)).map_err(|error| error.filtered())?;
            ok(grant)
        })),
        ("POST", ["token"]) => Some(token(state, call)),
        _ => None,
    }
}

/// The one endpoint of RFC 6749: flat answers, JSON or a form.
fn token(state: &mut State, call: &Call) -> Answer {
    let body = call.json()?;
    let id = string(body, "client_id").unwrap_or_default();
    let claim = Claim::snake(body);
    let grant = match body["grant_type"].as_str() {
        Some("authorization_code") => exchange(state, call, &id, &claim),
        Some("refresh_token") => refresh(state, call, &id, &claim),
        _ => Err(GrantError::UnsupportedGrantType),
    };
    grant
        .map_err(GrantError::flat)
        .and_then(|grant| plain(200, grant))
}

#[derive(Clone, Copy)]
enum GrantError {
    InvalidClient,
    InvalidGrant,
    UnsupportedGrantType,
}

impl GrantError {
    fn parts(self) -> (u16, &'static str) {
        match self {
            Self::InvalidClient => (401, "invalid_client"),
            Self::InvalidGrant => (400, "invalid_grant"),
            Self::UnsupportedGrantType => (400, "unsupported_grant_type"),
        }
    }

    fn filtered(self) -> Failure {
        let (status, error) = self.parts();
        Failure::twice(status, "HttpException", error)
    }

    fn flat(self) -> Failure {
        let (status, error) = self.parts();
        Failure::Grant { status, error }
    }
}

/// What somebody presents for tokens, in either spelling.
struct Claim {
    code: Option<String>,
    secret: Option<String>,
    redirect_uri: Option<String>,
    verifier: Option<String>,
    refresh_token: Option<String>,
}

impl Claim {
    fn camel(body: &Value) -> Self {
        Self::named(
            body,
            [
                "code",
                "clientSecret",
                "redirectUri",
                "codeVerifier",
                "refreshToken",
            ],
        )
    }

    fn snake(body: &Value) -> Self {
        Self::named(
            body,
            [
                "code",
                "client_secret",
                "redirect_uri",
                "code_verifier",
                "refresh_token",
            ],
        )
    }

    fn named(body: &Value, names: [&str; 5]) -> Self {
        let [code, secret, redirect_uri, verifier, refresh_token] =
            names.map(|name| string(body, name));
        Self {
            code,
            secret,
            redirect_uri,
            verifier,
            refresh_token,
        }
    }
}

fn client<'s>(state: &'s State, id: &str) -> Result<&'s OAuthClient, Failure> {
    let found = state
        .settings
        .oauth_clients
        .iter()
        .find(|client| client.id == id);
    found.ok_or_else(|| Failure::twice(404, "HttpException", "unauthorized_client"))
}

/// What the agreement page posts in a signed-in browser. Whoever has no other sign is the
/// platform's owner.
fn authorize(state: &mut State, call: &Call, id: &str) -> Answer {
    let body = call.json()?;
    let user = state.visitor(call).map_or(1, super::auth::Caller::user);
    let consent = Consent {
        redirect_uri: string(body, "redirectUri").unwrap_or_default(),
        state: string(body, "state"),
        challenge: string(body, "codeChallenge"),
        method: string(body, "codeChallengeMethod"),
    };
    agree(state, id, user, consent)
}

/// What somebody agrees to.
pub(super) struct Consent {
    pub(super) redirect_uri: String,
    pub(super) state: Option<String>,
    pub(super) challenge: Option<String>,
    pub(super) method: Option<String>,
}

/// Sends the browser back with a code, or with an error that the application is to see.
pub(super) fn agree(state: &mut State, id: &str, user: u64, consent: Consent) -> Answer {
    let client = client(state, id)?;
    if client.redirect_uri != consent.redirect_uri {
        return Err(Failure::twice(400, "HttpException", "invalid_request"));
    }
    let public = client.secret.is_none();
    let tail = consent
        .state
        .as_ref()
        .map(|state| format!("&state={}", encode(state)))
        .unwrap_or_default();
    let sound = consent.challenge.is_some() && consent.method.as_deref() == Some("S256");
    if (public || consent.challenge.is_some()) && !sound {
        let to = format!(
            "{}?error=invalid_request&error_description=invalid_request{tail}",
            consent.redirect_uri
        );
        return redirect(to);
    }
    let code = format!("{}{}", state.short_uid(), state.short_uid());
    let kept = Code {
        user,
        client: id.to_owned(),
        redirect_uri: consent.redirect_uri.clone(),
        challenge: consent.challenge,
    };
    state.tokens.codes.insert(code.clone(), kept);
    redirect(format!("{}?code={code}{tail}", consent.redirect_uri))
}

fn known(state: &State, id: &str, claim: &Claim) -> Result<(), GrantError> {
    let client = state
        .settings
        .oauth_clients
        .iter()
        .find(|client| client.id == id)
        .ok_or(GrantError::InvalidClient)?;
    match &client.secret {
        Some(secret) if claim.secret.as_ref() != Some(secret) => Err(GrantError::InvalidClient),
        _ => Ok(()),
    }
}

/// A code is good once, and gone even when the verifier is wrong.
fn exchange(state: &mut State, call: &Call, id: &str, claim: &Claim) -> Result<Value, GrantError> {
    known(state, id, claim)?;
    let code = claim
        .code
        .as_ref()
        .and_then(|code| state.tokens.codes.remove(code))
        .ok_or(GrantError::InvalidGrant)?;
    let proven = match (&code.challenge, &claim.verifier) {
        (None, _) => true,
        (Some(challenge), Some(verifier)) => {
            URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)) == *challenge
        }
        (Some(_), None) => false,
    };
    if code.client != id || claim.redirect_uri.as_ref() != Some(&code.redirect_uri) || !proven {
        return Err(GrantError::InvalidGrant);
    }
    Ok(state.new_grant(code.user, id, call.now))
}

/// Refresh tokens are not kept track of: an old one goes on working until its date.
fn refresh(state: &mut State, call: &Call, id: &str, claim: &Claim) -> Result<Value, GrantError> {
    known(state, id, claim)?;
    let token = claim.refresh_token.as_deref().unwrap_or_default();
    let user = state
        .tokens
        .granted_refresh_holder(token, call.now)
        .ok_or(GrantError::InvalidGrant)?;
    Ok(state.new_grant(user, id, call.now))
}

/// A new API key for the one that calls, which is void from then on.
pub(super) fn refresh_key(state: &mut State, call: &Call) -> Option<Answer> {
    if call.method != "POST" {
        return None;
    }
    let user = match state.caller(call) {
        Ok(caller) => caller.user(),
        Err(refused) => return Some(Err(refused)),
    };
    let old = call.bearer().unwrap_or_default().to_owned();
    state.tokens.remove_key(&old);
    Some(ok(json!({ "apiKey": state.new_key(user) })))
}
