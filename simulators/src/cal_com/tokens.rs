//! Access tokens, refresh tokens, API keys and authorization codes.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, DurationRound as _, TimeDelta, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use super::reply::Failure;
use super::state::State;

/// The rows of all tokens.
#[derive(Default)]
pub(super) struct Tokens {
    access: HashMap<String, Row>,
    refresh: HashMap<String, Row>,
    /// Managed users' access tokens that are gone, and whether they had been used (then a cache
    /// still knows them).
    gone: HashMap<String, bool>,
    /// Tokens of the authorization-code flow: valid until they expire, never revoked.
    granted: HashMap<String, Row>,
    granted_refresh: HashMap<String, Row>,
    keys: HashMap<String, u64>,
    issued: Vec<String>,
    pub(super) codes: HashMap<String, Code>,
}

struct Row {
    user: u64,
    expires: DateTime<Utc>,
    used: bool,
}

/// An authorization code that waits to be exchanged.
pub(super) struct Code {
    pub(super) user: u64,
    pub(super) client: String,
    pub(super) redirect_uri: String,
    pub(super) challenge: Option<String>,
}

/// The user of an access token.
pub(super) enum TokenUser {
    Managed(u64),
    Granted(u64),
}

const MINUTE: TimeDelta = TimeDelta::minutes(1);
const DAY: TimeDelta = TimeDelta::days(1);

impl Tokens {
    pub(super) fn add_key(&mut self, key: String, user: u64) {
        self.keys.insert(key, user);
    }

    pub(super) fn key(&self, key: &str) -> Option<u64> {
        self.keys.get(key).copied()
    }

    pub(super) fn remove_key(&mut self, key: &str) {
        self.keys.remove(key);
    }

    /// Looks an access token up.
    pub(super) fn holder(&mut self, token: &str, now: DateTime<Utc>) -> Result<TokenUser, Failure> {
        if let Some(row) = self.access.get_mut(token) {
            if row.expires <= now {
                return Err(Failure::twice(
                    498,
                    "TokenExpiredException",
                    "ACCESS_TOKEN_IS_EXPIRED",
                ));
            }
            row.used = true;
            return Ok(TokenUser::Managed(row.user));
        }
        if self.gone.get(token) == Some(&true) {
            let message =
                "ApiAuthStrategy - access token - OAuth client not found given the access token";
            return Err(Failure::unauthorized(message));
        }
        match self.granted.get(token) {
            Some(row) if row.expires > now => Ok(TokenUser::Granted(row.user)),
            _ => Err(Failure::unauthorized("Invalid Access Token.")),
        }
    }

    /// The user of a refresh token. Its date is ignored, as the server does.
    pub(super) fn refresh_holder(&self, token: &str) -> Option<u64> {
        self.refresh.get(token).map(|row| row.user)
    }

    /// Takes a refresh token out. `None` when somebody else was faster.
    pub(super) fn take_refresh(&mut self, token: &str) -> Option<u64> {
        self.refresh.remove(token).map(|row| row.user)
    }

    /// The person behind a refresh token of the authorization-code flow.
    pub(super) fn granted_refresh_holder(&self, token: &str, now: DateTime<Utc>) -> Option<u64> {
        self.granted_refresh
            .get(token)
            .filter(|row| row.expires > now)
            .map(|row| row.user)
    }

    /// A refresh also sweeps the expired access tokens out.
    pub(super) fn sweep(&mut self, now: DateTime<Utc>) {
        let gone: Vec<_> = self
            .access
            .extract_if(|_, row| row.expires <= now)
            .collect();
        self.gone
            .extend(gone.into_iter().map(|(token, row)| (token, row.used)));
    }

    /// Ends every token of a managed user.
    pub(super) fn revoke(&mut self, user: u64) {
        self.revoke_access(user);
        self.refresh.retain(|_, row| row.user != user);
    }

    /// Ends every access token of a managed user.
    pub(super) fn revoke_access(&mut self, user: u64) {
        let gone: Vec<_> = self.access.extract_if(|_, row| row.user == user).collect();
        self.gone
            .extend(gone.into_iter().map(|(token, row)| (token, row.used)));
    }

    /// Every access and refresh token made so far.
    pub(super) fn issued(&self) -> &[String] {
        &self.issued
    }

    /// Dates every access token of a user into the past.
    pub(super) fn expire(&mut self, user: u64, now: DateTime<Utc>) {
        let rows = self.access.values_mut().chain(self.granted.values_mut());
        rows.filter(|row| row.user == user)
            .for_each(|row| row.expires = now - MINUTE);
    }

    /// How many access tokens of a user are valid.
    pub(super) fn live(&self, user: u64, now: DateTime<Utc>) -> usize {
        self.access
            .values()
            .filter(|row| row.user == user && row.expires > now)
            .count()
    }
}

impl State {
    /// A new API key of a user.
    pub(super) fn new_key(&mut self, user: u64) -> String {
        let key = format!("cal_{}", self.uuid().replace('-', ""));
        self.tokens.add_key(key.clone(), user);
        key
    }

    /// A new pair for a managed user: the access token for an hour (to the minute), the refresh
    /// token for a year.
    pub(super) fn new_pair(&mut self, user: u64, now: DateTime<Utc>) -> Value {
        let access_until = (now + TimeDelta::hours(1))
            .duration_trunc(MINUTE)
            .expect("a minute divides");
        let refresh_until = (now + TimeDelta::days(365))
            .duration_trunc(DAY)
            .expect("a day divides");
        let access = self.managed_token("access_token", user, access_until, now);
        let refresh = self.managed_token("refresh_token", user, refresh_until, now);
        self.tokens.issued.extend([access.clone(), refresh.clone()]);
        self.tokens.access.insert(
            access.clone(),
            Row {
                user,
                expires: access_until,
                used: false,
            },
        );
        self.tokens.refresh.insert(
            refresh.clone(),
            Row {
                user,
                expires: refresh_until,
                used: false,
            },
        );
        json!({
            "accessToken": access,
            "accessTokenExpiresAt": access_until.timestamp_millis(),
            "refreshToken": refresh,
            "refreshTokenExpiresAt": refresh_until.timestamp_millis(),
        })
    }

    fn managed_token(
        &mut self,
        kind: &str,
        user: u64,
        until: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> String {
        let claims = json!({
            "type": kind,
            "clientId": self.settings.client_id,
            "ownerId": user,
            "expiresAt": until.timestamp_millis(),
            "jti": self.uuid(),
            "iat": now.timestamp(),
        });
        jwt(&claims)
    }

    /// A pair of the authorization-code flow: half an hour and thirty days, a function of the
    /// second it is made in.
    pub(super) fn new_grant(&mut self, user: u64, client: &str, now: DateTime<Utc>) -> Value {
        let pair = ["Access Token", "Refresh Token"].map(|kind| {
            jwt(&json!({ "userId": user, "clientId": client, "token_type": kind, "iat": now.timestamp() }))
        });
        let [access, refresh] = pair;
        self.tokens.issued.extend([access.clone(), refresh.clone()]);
        let row = |expires| Row {
            user,
            expires,
            used: false,
        };
        self.tokens
            .granted
            .insert(access.clone(), row(now + TimeDelta::seconds(1800)));
        self.tokens
            .granted_refresh
            .insert(refresh.clone(), row(now + TimeDelta::days(30)));
        json!({ "access_token": access, "token_type": "bearer", "refresh_token": refresh, "expires_in": 1800 })
    }
}

fn jwt(claims: &Value) -> String {
    let head = URL_SAFE_NO_PAD.encode(json!({ "alg": "HS256", "typ": "JWT" }).to_string());
    let signed = format!("{head}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
    let mut mac = Hmac::<Sha256>::new_from_slice(b"the stand-in's own key")
        .expect("a key of any length will do");
    mac.update(signed.as_bytes());
    format!(
        "{signed}.{}",
        URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
    )
}
