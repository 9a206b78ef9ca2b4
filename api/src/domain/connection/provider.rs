//! What connections need of a provider, whichever it is.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use entity::connection::Model;
use futures_util::future::BoxFuture;
use secrecy::SecretString;

use super::credential::{Lease, TokenRefusal};
use super::store::Owner;
use super::token::Pair;
use crate::domain::Result;

/// A failed call, whichever provider it was made to.
type Fault = providers::Error;

/// A provider where coaches have accounts.
#[async_trait]
pub trait AccountProvider: Send + Sync {
    /// Its name for people.
    fn label(&self) -> &'static str;

    /// Gets a new pair of tokens for a connection. `is_unchanged` tells whether the row is still as
    /// it was read; it is asked before a refusal is believed.
    ///
    /// # Errors
    /// Those of `is_unchanged`.
    async fn renew(
        &self,
        link: &Model,
        refresh: Option<SecretString>,
        now: DateTime<Utc>,
        is_unchanged: &(dyn Fn() -> BoxFuture<'static, Result<bool>> + Send + Sync),
    ) -> Result<Renewed>;

    /// Checks that a credential is accepted.
    ///
    /// # Errors
    /// What the provider said about the credential; `None` when it said nothing about it.
    async fn check(&self, lease: &Lease) -> Result<(), Option<TokenRefusal>>;

    /// Where a coach gives their consent; `None` where this server is no OAuth client.
    fn authorize_url(&self, state: &str, verifier: &SecretString) -> Option<String>;

    /// Exchanges a code for tokens.
    ///
    /// # Errors
    /// Why there are none.
    async fn redeem(
        &self,
        code: SecretString,
        verifier: SecretString,
        now: DateTime<Utc>,
    ) -> Result<(Owner, Pair), RedeemError>;

    /// Deletes an account that was made by us; `Ok` as well when it is gone.
    ///
    /// # Errors
    /// When that is not certain.
    async fn delete(&self, external_id: &str) -> Result<(), Fault>;
}

/// The outcome of a renewal.
pub enum Renewed {
    Pair(Pair),
    /// Somebody else has renewed it meanwhile.
    Overtaken,
    /// The account is gone.
    Gone,
    /// The refresh token was refused.
    Refused,
    /// The provider did not answer, or not with tokens.
    Failed(Fault),
}

/// Why a code was not exchanged.
pub enum RedeemError {
    /// The provider refused it.
    Refused,
    Failed(Fault),
}

/// The providers of accounts that this server can call, by the name that the tables have for them.
#[derive(Clone, Default)]
pub struct AccountProviders(HashMap<&'static str, Arc<dyn AccountProvider>>);

impl AccountProviders {
    /// Adds one, in place of the one before.
    #[must_use]
    pub fn with(mut self, name: &'static str, provider: Arc<dyn AccountProvider>) -> Self {
        self.0.insert(name, provider);
        self
    }

    /// The provider of that name; `None` when this server cannot call it.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Arc<dyn AccountProvider>> {
        self.0.get(name).map(Arc::clone)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
