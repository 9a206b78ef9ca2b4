//! Clerk's public keys: fetched rarely, kept long, never fetched because a stranger wants it.
//!
//! - A set younger than an hour is used as it is. An older one is still used, while one task
//!   fetches the next in the background, so no request waits for Clerk once there is a set. If
//!   Clerk is down, the last good set serves a day.
//! - A key id that is not in the set is the only thing a stranger can make up freely. It causes a
//!   fetch at most once per interval, however many different ids come, and one id that was looked
//!   up in vain is not looked up again soon.
//! - One fetch at a time. It runs on its own task: a caller who hangs up does not cut it short for
//!   those who wait.

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
use crate::error::{Error, Provider};
use crate::http::Client;

/// Clerk publishes one or two.
const MAX_KEYS: usize = 32;
/// Ids looked up in vain that are remembered. The interval lets in far fewer.
const MAX_MISSING: usize = 64;
/// 2048 bits, the least that RFC 7518 allows for RS256.
const MIN_MODULUS_BYTES: usize = 256;

/// One public key for RS256; nothing else gets in.
pub(super) struct Key {
    modulus: String,
    exponent: String,
    rsa: DecodingKey,
}

impl Key {
    /// `None` if it is not an RSA key that we trust for RS256.
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

/// How long keys are believed. Mirrors the fields of [`super::VerifierConfig`].
pub(super) struct Patience {
    pub(super) max_age: TimeDelta,
    pub(super) stale_for: TimeDelta,
    /// Between two fetches, when the last one worked.
    pub(super) refresh_interval: TimeDelta,
    /// Between two fetches, when the last one failed.
    pub(super) retry_interval: TimeDelta,
    /// How long an id that Clerk does not know is not asked for again.
    pub(super) missing_for: TimeDelta,
}

pub(super) struct Keys {
    client: Client,
    url: Url,
    patience: Patience,
    state: Mutex<State>,
    turn: Arc<tokio::sync::Mutex<()>>,
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
enum Advice {
    Use(Arc<Key>),
    UseAndRefresh(Arc<Key>),
    Refresh,
    Refuse(TokenError),
}

impl Keys {
    pub(super) fn new(client: Client, url: Url, patience: Patience) -> Self {
        Self {
            client,
            url,
            patience,
            state: Mutex::default(),
            turn: Arc::default(),
        }
    }

    /// The key with this id.
    ///
    /// # Errors
    /// `UnknownKey` when Clerk does not have it, `KeysUnavailable` when we could not find out.
    pub(super) async fn find(
        self: &Arc<Self>,
        kid: &str,
        now: DateTime<Utc>,
    ) -> Result<Arc<Key>, TokenError> {
        match self.advise(Some(kid), now) {
            Advice::Use(key) => return Ok(key),
            Advice::UseAndRefresh(key) => {
                if let Ok(turn) = Arc::clone(&self.turn).try_lock_owned() {
                    tokio::spawn(Arc::clone(self).fetch(turn, now));
                }
                return Ok(key);
            }
            Advice::Refuse(error) => return Err(error),
            Advice::Refresh => {}
        }
        self.refresh(Some(kid), now).await;
        match self.advise(Some(kid), now) {
            Advice::Use(key) | Advice::UseAndRefresh(key) => Ok(key),
            Advice::Refuse(error) => Err(error),
            Advice::Refresh => Err(TokenError::KeysUnavailable),
        }
    }

    /// Makes sure that there is a usable set.
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

    /// Waits for its turn, and fetches unless whoever had the turn before did.
    async fn refresh(self: &Arc<Self>, kid: Option<&str>, now: DateTime<Utc>) {
        let turn = Arc::clone(&self.turn).lock_owned().await;
        if !matches!(self.advise(kid, now), Advice::Refresh) {
            return;
        }
        if tokio::spawn(Arc::clone(self).fetch(turn, now))
            .await
            .is_err()
        {
            tracing::error!("the task that fetches Clerk's keys panicked");
        }
        if let Some(kid) = kid {
            self.note_if_missing(kid, now);
        }
    }

    fn advise(&self, kid: Option<&str>, now: DateTime<Utc>) -> Advice {
        let state = self.lock();
        let may_fetch = state.may_fetch(&self.patience, now);
        let set = state
            .set
            .as_ref()
            .filter(|set| now - set.fetched_at < self.patience.stale_for);
        if let Some(key) = kid.and_then(|kid| set?.by_kid.get(kid)) {
            let aging = set.is_some_and(|set| now - set.fetched_at >= self.patience.max_age);
            let key = Arc::clone(key);
            return if aging && may_fetch {
                Advice::UseAndRefresh(key)
            } else {
                Advice::Use(key)
            };
        }
        let asked = kid.and_then(|kid| state.missing.get(kid));
        if asked.is_some_and(|at| within(*at, now, self.patience.missing_for)) {
            return Advice::Refuse(TokenError::UnknownKey);
        }
        if may_fetch {
            return Advice::Refresh;
        }
        let informed = set.is_some()
            && state
                .last_attempt
                .as_ref()
                .is_some_and(|attempt| attempt.worked);
        Advice::Refuse(if informed {
            TokenError::UnknownKey
        } else {
            TokenError::KeysUnavailable
        })
    }

    /// Holds the turn until the answer is in the state.
    async fn fetch(self: Arc<Self>, turn: OwnedMutexGuard<()>, now: DateTime<Utc>) {
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
                tracing::warn!(%error, "could not fetch Clerk's keys; the last good ones stay in use")
            }
        }
        drop(state);
        drop(turn);
    }

    fn note_if_missing(&self, kid: &str, now: DateTime<Utc>) {
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
            .retain(|_, at| within(*at, now, self.patience.missing_for));
        if state.missing.len() < MAX_MISSING {
            state.missing.insert(kid.to_owned(), now);
        }
    }

    fn has_set(&self, now: DateTime<Utc>) -> bool {
        self.lock()
            .set
            .as_ref()
            .is_some_and(|set| now - set.fetched_at < self.patience.stale_for)
    }

    /// Every change is whole before the lock is released, so a panic elsewhere does not spoil it.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until no fetch is under way.
    #[cfg(test)]
    pub(super) async fn settle(&self) {
        drop(self.turn.lock().await);
    }
}

impl State {
    fn may_fetch(&self, patience: &Patience, now: DateTime<Utc>) -> bool {
        self.last_attempt.as_ref().is_none_or(|attempt| {
            let pause = if attempt.worked {
                patience.refresh_interval
            } else {
                patience.retry_interval
            };
            !within(attempt.at, now, pause)
        })
    }

    /// A key that did not change stays the same object: what was verified with it stays verified.
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

/// Is `now` less than `span` away from `at`, either way? Callers' clocks are read before they
/// queue, so `now` may be a little earlier; and a clock set back must not stop us for as long as it
/// was ahead.
fn within(at: DateTime<Utc>, now: DateTime<Utc>, span: TimeDelta) -> bool {
    (now - at).abs() < span
}

/// Their document, read loosely: a key of a kind we do not know must not hide those we do.
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

/// The algorithm is settled here, from the key and before any token is seen.
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

/// For configuration, which speaks of [`Duration`]s. A span beyond chrono's range is as good as for
/// ever.
pub(super) fn span(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}
