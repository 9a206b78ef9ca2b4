//! Verifies session tokens.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::claims::Claims;
use super::jwks::{KeyCachePolicy, Keys, span};
use super::token::Parts;
use super::token_cache::{Entry, TokenCache, fingerprint};
use crate::error::{Error, Kind};
use crate::http::{Client, Limits, NoopObserver, Policy};
use crate::provider::Provider;

/// Which tokens are accepted, and how long keys and tokens are cached.
#[derive(Debug, Clone)]
pub struct VerifierConfig {
    /// The Frontend API address, which must equal `iss` exactly: `https://clerk.<domain>`, without
    /// a slash.
    pub issuer: String,
    /// The origins whose tokens are accepted; one must equal `azp` exactly. This rejects tokens of
    /// sister sites.
    pub authorized_parties: Vec<String>,
    /// Whether a token without `azp` is accepted: native apps have no origin. Default false.
    pub accepts_no_party: bool,
    /// The tolerated clock skew. Tokens live a minute, so use seconds, not minutes. Default 5 s.
    pub leeway: Duration,
    /// Maximum length of a token. Clerk's are at most 4 KB. Default 8192.
    pub max_token_bytes: usize,
    /// The URL of the public keys. Default `{issuer}/.well-known/jwks.json`.
    pub jwks_url: String,
    /// Keys older than this are fetched again, in the background. Default 1 hour.
    pub keys_max_age: Duration,
    /// Keys older than this are not used even if Clerk is down. Default 24 hours.
    pub keys_stale_for: Duration,
    /// Minimum time between two fetches, whatever key ids arrive. Default 10 s.
    pub refresh_interval: Duration,
    /// Minimum time between a failed fetch and the next. Default 5 s.
    pub retry_interval: Duration,
    /// Capacity of the cache of verified tokens, about 2 KB each. 0 disables it. Default 10 000.
    pub remembered_tokens: usize,
}

impl VerifierConfig {
    /// The defaults for an issuer and its origins.
    #[must_use]
    pub fn new(issuer: impl Into<String>, authorized_parties: Vec<String>) -> Self {
        let issuer = issuer.into();
        Self {
            jwks_url: format!("{}/.well-known/jwks.json", issuer.trim_end_matches('/')),
            issuer,
            authorized_parties,
            accepts_no_party: false,
            leeway: Duration::from_secs(5),
            max_token_bytes: 8192,
            keys_max_age: Duration::from_secs(60 * 60),
            keys_stale_for: Duration::from_secs(24 * 60 * 60),
            refresh_interval: Duration::from_secs(10),
            retry_interval: Duration::from_secs(5),
            remembered_tokens: 10_000,
        }
    }
}

/// Why a token is refused. It contains nothing of the token, so it may be logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is longer than a token can be.
    #[error("the token is too long")]
    TooLong,
    /// It is not three base64url parts with JSON objects in the first two, or a name occurs twice.
    #[error("the token is not a well-formed JWT")]
    Malformed,
    /// It is not a session token: for machines, for OAuth, or with unknown extensions.
    #[error("the token is not a session token")]
    WrongType,
    /// It names an algorithm other than its key's.
    #[error("the token names an algorithm that its key is not for")]
    WrongAlgorithm,
    /// It names no key, or one that Clerk does not have.
    #[error("the token names no key that the issuer has")]
    UnknownKey,
    /// The keys could not be fetched. This says nothing about the token: retry.
    #[error("the issuer's keys cannot be fetched at the moment")]
    KeysUnavailable,
    /// The signature does not match.
    #[error("the token's signature is wrong")]
    BadSignature,
    /// This claim is missing or of the wrong type.
    #[error("the claim {0} is missing or of the wrong type")]
    InvalidClaim(&'static str),
    /// This claim shows that it is not a person's session.
    #[error("the claim {0} is not that of a person's session")]
    NotASession(&'static str),
    /// Signing in is not finished.
    #[error("the session is not active yet")]
    SessionPending,
    /// Another Clerk instance issued it.
    #[error("the token is from another issuer")]
    WrongIssuer,
    /// It was issued for an origin that is not in the allow-list.
    #[error("the token was made for another party")]
    WrongParty,
    /// It has expired.
    #[error("the token has expired")]
    Expired,
    /// It becomes valid, or was issued, in the future.
    #[error("the token is not valid yet")]
    NotYetValid,
}

impl TokenError {
    /// A stable code for clients, metrics and logs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLong => "token_too_long",
            Self::Malformed => "token_malformed",
            Self::WrongType => "token_wrong_type",
            Self::WrongAlgorithm => "token_wrong_algorithm",
            Self::UnknownKey => "token_unknown_key",
            Self::KeysUnavailable => "keys_unavailable",
            Self::BadSignature => "token_bad_signature",
            Self::InvalidClaim(_) => "token_invalid_claim",
            Self::NotASession(_) => "token_not_a_session",
            Self::SessionPending => "session_pending",
            Self::WrongIssuer => "token_wrong_issuer",
            Self::WrongParty => "token_wrong_party",
            Self::Expired => "token_expired",
            Self::NotYetValid => "token_not_yet_valid",
        }
    }

    /// Whether verification failed and not the token: the client should retry, not sign in again.
    #[must_use]
    pub const fn is_temporary(&self) -> bool {
        matches!(self, Self::KeysUnavailable)
    }
}

/// Verifies session tokens. Share one per process.
pub struct Verifier {
    issuer: String,
    authorized_parties: HashSet<String>,
    accepts_no_party: bool,
    leeway: TimeDelta,
    max_token_bytes: usize,
    pub(super) keys: Arc<Keys>,
    pub(super) cache: TokenCache,
}

impl Verifier {
    /// Creates a verifier. It fetches nothing yet, see [`Verifier::warm_up`].
    ///
    /// # Errors
    /// `Rejected` for a configuration without issuer or authorized parties; `Unavailable` when the
    /// machine has no usable TLS set-up.
    pub fn try_new(config: VerifierConfig) -> Result<Self, Error> {
        super::install_crypto();
        let reject = |detail: &str| Error::new(Provider::Clerk, Kind::Rejected, detail);
        if config.issuer.is_empty() {
            return Err(reject("no issuer is configured"));
        }
        if config.authorized_parties.is_empty()
            || config.authorized_parties.iter().any(String::is_empty)
        {
            return Err(reject(
                "no authorized parties are configured, or an empty one",
            ));
        }
        let url = config
            .jwks_url
            .parse()
            .map_err(|_| reject("the address of the key set is not a URL"))?;
        let limits = Limits {
            connect: Duration::from_secs(2),
            read: Duration::from_secs(3),
            total: Duration::from_secs(5),
            body_bytes: 64 * 1024,
            ..Limits::default()
        };
        let cache_policy = KeyCachePolicy {
            max_age: span(config.keys_max_age),
            stale_for: span(config.keys_stale_for),
            refresh_interval: span(config.refresh_interval),
            retry_interval: span(config.retry_interval),
            missing_for: TimeDelta::seconds(60),
        };
        let policy = Policy {
            limits,
            ..Policy::default()
        };
        let client = Client::new(Provider::Clerk, policy, Arc::new(NoopObserver))?;
        Ok(Self {
            issuer: config.issuer,
            authorized_parties: config.authorized_parties.into_iter().collect(),
            accepts_no_party: config.accepts_no_party,
            leeway: span(config.leeway),
            max_token_bytes: config.max_token_bytes,
            keys: Arc::new(Keys::new(client, url, cache_policy)),
            cache: TokenCache::new(config.remembered_tokens),
        })
    }

    /// Fetches the keys unless they are cached, so that the first request does not wait for them.
    ///
    /// # Errors
    /// `KeysUnavailable`. Serving may start nevertheless: the next token retries.
    pub async fn warm_up(&self, now: DateTime<Utc>) -> Result<(), TokenError> {
        self.keys.warm_up(now).await
    }

    /// Verifies a session token, without its `Bearer` prefix, at the time `now`.
    ///
    /// # Errors
    /// See [`TokenError`]. All of them mean "not signed in", except the temporary one.
    pub async fn verify(&self, token: &str, now: DateTime<Utc>) -> Result<Arc<Claims>, TokenError> {
        if token.len() > self.max_token_bytes {
            return Err(TokenError::TooLong);
        }
        let fingerprint = fingerprint(token);
        if let Some(entry) = self.cache.find(&fingerprint) {
            // A cached token is valid only while its key is: a withdrawn key invalidates its
            // tokens.
            let key = self.keys.find(&entry.kid, now).await?;
            if Arc::ptr_eq(&key, &entry.key) {
                let checked = self.check_times(&entry.claims, now);
                if checked == Err(TokenError::Expired) {
                    self.cache.remove(&fingerprint);
                }
                return checked.map(|()| entry.claims);
            }
            self.cache.remove(&fingerprint);
        }
        let parts = Parts::split(token)?;
        let kid = parts.kid()?;
        let key = self.keys.find(&kid, now).await?;
        parts.verify(&key)?;
        let claims = Arc::new(Claims::read(parts.payload()?)?);
        self.check(&claims, now)?;
        self.cache.insert(
            fingerprint,
            Entry {
                claims: Arc::clone(&claims),
                kid: kid.into(),
                key,
            },
        );
        Ok(claims)
    }

    fn check(&self, claims: &Claims, now: DateTime<Utc>) -> Result<(), TokenError> {
        if claims.issuer() != Some(self.issuer.as_str()) {
            return Err(TokenError::WrongIssuer);
        }
        let is_authorized = match &claims.azp {
            Some(party) => self.authorized_parties.contains(party),
            None => self.accepts_no_party,
        };
        if !is_authorized {
            return Err(TokenError::WrongParty);
        }
        self.check_times(claims, now)
    }

    /// As in Clerk's own library: expired at `exp` plus leeway exactly, valid from `nbf` minus
    /// leeway exactly.
    fn check_times(&self, claims: &Claims, now: DateTime<Utc>) -> Result<(), TokenError> {
        if now - claims.expires_at >= self.leeway {
            return Err(TokenError::Expired);
        }
        let ahead =
            |begin: Option<DateTime<Utc>>| begin.is_some_and(|begin| begin - now > self.leeway);
        if ahead(claims.not_before) || ahead(claims.issued_at) {
            return Err(TokenError::NotYetValid);
        }
        Ok(())
    }
}
