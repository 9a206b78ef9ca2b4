//! A cache of Clerk's public keys.
//!
//! - A set younger than an hour is used as it is. An older one is used while one task fetches the
//!   next in the background, so no request waits for Clerk once there is a set. If Clerk is down,
//!   the last good set is served stale for a day.
//! - An unknown key id is the only way for a stranger to cause a fetch. It does so at most once per
//!   interval, however many different ids arrive, and a negative cache remembers unknown ids.
//! - There is one fetch at a time. It runs in its own task, so that a canceled caller does not
//!   cancel it for others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::DecodingKey;
use reqwest::Url;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::OwnedMutexGuard;

use super::verify::TokenError;
use crate::error::Error;
use crate::http::Client;
use crate::provider::Provider;

/// Clerk publishes one or two.
const MAX_KEYS: usize = 32;
/// Size of the negative cache. The interval between fetches keeps it far smaller.
const MAX_MISSING: usize = 64;
/// 2048 bits, the least that RFC 7518 allows for RS256.
const MIN_MODULUS_BYTES: usize = 256;

/// A public key for RS256.
pub(super) struct Key {
    modulus: String,
    exponent: String,
    rsa: DecodingKey,
}

impl Key {
    /// `None` if it is not an RSA key strong enough for RS256.
    pub(super) fn from_components(modulus: &str, exponent: &str) -> Option<Self> {
        let n = URL_SAFE_NO_PAD.decode(modulus).ok()?;
        let e = URL_SAFE_NO_PAD.decode(exponent).ok()?;
        let strong = n.iter().skip_while(|byte| **byte == 0).count() >= MIN_MODULUS_BYTES;
        strong.then(|| Self {
            modulus: modulus.to_owned(),
            exponent: exponent.to_owned(),
            rsa: DecodingKey::from_rsa_raw_components(&n, &e),
        })
    }

    pub(super) fn rsa(&self) -> &DecodingKey {
        &self.rsa
    }
}

/// How long keys are cached. Mirrors the fields of [`super::VerifierConfig`].
pub(super) struct KeyCachePolicy {
    pub(super) max_age: TimeDelta,
    pub(super) stale_for: TimeDelta,
    /// Between two fetches, when the last one worked.
    pub(super) refresh_interval: TimeDelta,
    /// Between two fetches, when the last one failed.
    pub(super) retry_interval: TimeDelta,
    /// How long an unknown key id stays in the negative cache.
    pub(super) missing_for: TimeDelta,
}

pub(super) struct Keys {
    client: Client,
    url: Url,
    policy: KeyCachePolicy,
    state: Mutex<State>,
    fetch_lock: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Default)]
struct State {
    set: Option<Set>,
    last_attempt: Option<Attempt>,
    missing: HashMap<String, DateTime<Utc>>,
}

struct Set {
    by_kid: HashMap<String, Arc<Key>>,
    fetched_at: DateTime<Utc>,
}

struct Attempt {
    at: DateTime<Utc>,
    worked: bool,
}

/// What to do about a key id.
enum Lookup {
    Use(Arc<Key>),
    UseAndRefresh(Arc<Key>),
    Refresh,
    Refuse(TokenError),
}

impl Keys {
    pub(super) fn new(client: Client, url: Url, policy: KeyCachePolicy) -> Self {
        Self {
            client,
            url,
            policy,
            state: Mutex::default(),
            fetch_lock: Arc::default(),
        }
    }

    /// The key with this id.
    ///
    /// # Errors
    /// `UnknownKey` when Clerk does not have it, `KeysUnavailable` when the keys cannot be fetched.
    pub(super) async fn find(
        self: &Arc<Self>,
        kid: &str,
        now: DateTime<Utc>,
    ) -> Result<Arc<Key>, TokenError> {
        match self.lookup(Some(kid), now) {
            Lookup::Use(key) => return Ok(key),
            Lookup::UseAndRefresh(key) => {
                if let Ok(guard) = Arc::clone(&self.fetch_lock).try_lock_owned() {
                    tokio::spawn(Arc::clone(self).fetch(guard, now));
                }
                return Ok(key);
            }
            Lookup::Refuse(error) => return Err(error),
            Lookup::Refresh => {}
        }
        self.refresh(Some(kid), now).await;
        match self.lookup(Some(kid), now) {
            Lookup::Use(key) | Lookup::UseAndRefresh(key) => Ok(key),
            Lookup::Refuse(error) => Err(error),
            Lookup::Refresh => Err(TokenError::KeysUnavailable),
        }
    }

    /// Fetches a set unless there is a usable one.
    pub(super) async fn warm_up(self: &Arc<Self>, now: DateTime<Utc>) -> Result<(), TokenError> {
        if !self.has_set(now) {
            self.refresh(None, now).await;
        }
        if self.has_set(now) {
            Ok(())
        } else {
            Err(TokenError::KeysUnavailable)
        }
    }

    /// Fetches, unless another caller did so while this one waited for the lock.
    async fn refresh(self: &Arc<Self>, kid: Option<&str>, now: DateTime<Utc>) {
        let guard = Arc::clone(&self.fetch_lock).lock_owned().await;
        if !matches!(self.lookup(kid, now), Lookup::Refresh) {
            return;
        }
        if tokio::spawn(Arc::clone(self).fetch(guard, now))
            .await
            .is_err()
        {
            tracing::error!("the task that fetches Clerk's keys panicked");
        }
        if let Some(kid) = kid {
            self.remember_if_missing(kid, now);
        }
    }

    fn lookup(&self, kid: Option<&str>, now: DateTime<Utc>) -> Lookup {
        let state = self.lock();
        let may_fetch = state.may_fetch(&self.policy, now);
        let set = state
            .set
            .as_ref()
            .filter(|set| now - set.fetched_at < self.policy.stale_for);
        if let Some(key) = kid.and_then(|kid| set?.by_kid.get(kid)) {
            let aging = set.is_some_and(|set| now - set.fetched_at >= self.policy.max_age);
            let key = Arc::clone(key);
            return if aging && may_fetch {
                Lookup::UseAndRefresh(key)
            } else {
                Lookup::Use(key)
            };
        }
        let missing_since = kid.and_then(|kid| state.missing.get(kid));
        if missing_since.is_some_and(|at| within(*at, now, self.policy.missing_for)) {
            return Lookup::Refuse(TokenError::UnknownKey);
        }
        if may_fetch {
            return Lookup::Refresh;
        }
        let current = set.is_some()
            && state
                .last_attempt
                .as_ref()
                .is_some_and(|attempt| attempt.worked);
        Lookup::Refuse(if current {
            TokenError::UnknownKey
        } else {
            TokenError::KeysUnavailable
        })
    }

    /// Holds the lock until the response is in the state.
    async fn fetch(self: Arc<Self>, guard: OwnedMutexGuard<()>, now: DateTime<Utc>) {
        let answer: Result<Document, Error> = self.client.get_json(&self.url).await;
        let fetched = answer.and_then(|document| {
            let keys = document.usable();
            if keys.is_empty() {
                Err(Error::malformed(
                    Provider::Clerk,
                    "no RS256 key in the key set",
                ))
            } else {
                Ok(keys)
            }
        });
        let mut state = self.lock();
        state.last_attempt = Some(Attempt {
            at: now,
            worked: fetched.is_ok(),
        });
        match fetched {
            Ok(keys) => state.install(keys, now),
            Err(error) => {
                tracing::warn!(%error, "could not fetch Clerk's keys; the last good set stays in use")
            }
        }
        drop(state);
        drop(guard);
    }

    fn remember_if_missing(&self, kid: &str, now: DateTime<Utc>) {
        let mut state = self.lock();
        let answered = state
            .last_attempt
            .as_ref()
            .is_some_and(|attempt| attempt.worked);
        if !answered
            || state
                .set
                .as_ref()
                .is_some_and(|set| set.by_kid.contains_key(kid))
        {
            return;
        }
        state
            .missing
            .retain(|_, at| within(*at, now, self.policy.missing_for));
        if state.missing.len() < MAX_MISSING {
            state.missing.insert(kid.to_owned(), now);
        }
    }

    fn has_set(&self, now: DateTime<Utc>) -> bool {
        self.lock()
            .set
            .as_ref()
            .is_some_and(|set| now - set.fetched_at < self.policy.stale_for)
    }

    /// Every change is complete before the lock is released, so a poisoned lock is still valid.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until no fetch is running.
    #[cfg(test)]
    pub(super) async fn settle(&self) {
        drop(self.fetch_lock.lock().await);
    }
}

impl State {
    fn may_fetch(&self, policy: &KeyCachePolicy, now: DateTime<Utc>) -> bool {
        self.last_attempt.as_ref().is_none_or(|attempt| {
            let pause = if attempt.worked {
                policy.refresh_interval
            } else {
                policy.retry_interval
            };
            !within(attempt.at, now, pause)
        })
    }

    /// Keeps the object of an unchanged key, so that tokens verified with it stay cached.
    fn install(&mut self, mut keys: HashMap<String, Arc<Key>>, now: DateTime<Utc>) {
        if let Some(before) = self.set.take() {
            for (kid, old) in before.by_kid {
                if let Some(new) = keys.get_mut(&kid)
                    && (&new.modulus, &new.exponent) == (&old.modulus, &old.exponent)
                {
                    *new = old;
                }
            }
        }
        self.set = Some(Set {
            by_kid: keys,
            fetched_at: now,
        });
    }
}

/// Whether `now` is less than `span` before or after `at`. Callers read the clock before they
/// queue, so `now` may be slightly earlier; and a clock that is set back must not block fetches for
/// as long as it was ahead.
fn within(at: DateTime<Utc>, now: DateTime<Utc>, span: TimeDelta) -> bool {
    (now - at).abs() < span
}

/// Clerk's document. Keys stay untyped, so that one of an unknown type does not hide the others.
#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

impl Document {
    fn usable(&self) -> HashMap<String, Arc<Key>> {
        let mut keys = HashMap::new();
        for jwk in self.keys.iter().take(MAX_KEYS) {
            if let Some((kid, key)) = usable(jwk) {
                keys.entry(kid).or_insert_with(|| Arc::new(key));
            }
        }
        keys
    }
}

/// The algorithm is fixed here by the key, before any token is read.
fn usable(jwk: &Value) -> Option<(String, Key)> {
    let text = |name: &str| jwk.get(name).and_then(Value::as_str);
    let absent_or = |name: &str, value: &str| jwk.get(name).is_none_or(|found| found == value);
    if text("kty") != Some("RSA") || !absent_or("use", "sig") || !absent_or("alg", "RS256") {
        return None;
    }
    let kid = text("kid").filter(|kid| !kid.is_empty())?;
    Some((
        kid.to_owned(),
        Key::from_components(text("n")?, text("e")?)?,
    ))
}

/// Converts a configured [`Duration`]. One beyond chrono's range counts as forever.
pub(super) fn span(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}
