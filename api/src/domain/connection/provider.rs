//! The port to account providers.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use entity::connection::Model;
use futures_util::future::BoxFuture;
use secrecy::SecretString;

use super::lease::{Lease, TokenRefusal};
use super::token::Pair;
use crate::domain::Result;

/// A failed call to any provider.
type Fault = providers::Error;

/// A provider where coaches have accounts.
#[async_trait]
pub trait AccountProvider: Send + Sync {
    /// Its display name.
    fn label(&self) -> &'static str;

    /// Renews the tokens of a connection. `is_unchanged` returns whether the row is still as it was
    /// read; called before a refusal is believed.
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
    /// The provider's refusal; `None` if the call failed for another reason.
    async fn check(&self, lease: &Lease) -> Result<(), Option<TokenRefusal>>;

    /// The consent page; `None` if this server is no OAuth client.
    fn authorize_url(&self, state: &str, verifier: &SecretString) -> Option<String>;

    /// Exchanges a code for tokens.
    ///
    /// # Errors
    /// Why the exchange failed.
    async fn redeem(
        &self,
        code: SecretString,
        verifier: SecretString,
        now: DateTime<Utc>,
    ) -> Result<(Owner, Pair), RedeemError>;

    /// Deletes an account that the platform created; `Ok` too if it is already gone.
    ///
    /// # Errors
    /// When its effect is not certain.
    async fn delete(&self, external_id: &str) -> Result<(), Fault>;
}

/// The owner of an account at the provider.
#[derive(Clone)]
pub struct Owner {
    pub external_id: String,
    /// In the spelling that the person sees.
    pub email: Option<String>,
    pub username: Option<String>,
}

impl std::fmt::Debug for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Owner")
            .field("external_id", &self.external_id)
            .finish_non_exhaustive()
    }
}

/// The outcome of a renewal.
pub enum Renewed {
    Pair(Pair),
    /// Another process has renewed it in the meantime.
    Overtaken,
    /// The account no longer exists.
    Gone,
    /// The refresh token was refused.
    Refused,
    /// The provider did not answer, or without tokens.
    Failed(Fault),
}

/// Why a code was not exchanged.
pub enum RedeemError {
    /// The provider refused it.
    Refused,
    Failed(Fault),
}

/// The account providers that this server can call, by their names in the tables.
#[derive(Clone, Default)]
pub struct AccountProviders(HashMap<&'static str, Arc<dyn AccountProvider>>);

impl AccountProviders {
    /// Registers a provider, replacing an earlier one.
    #[must_use]
    pub fn with(mut self, name: &'static str, provider: Arc<dyn AccountProvider>) -> Self {
        self.0.insert(name, provider);
        self
    }

    /// The provider with that name; `None` if this server cannot call it.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Arc<dyn AccountProvider>> {
        self.0.get(name).map(Arc::clone)
    }

    /// Whether none is registered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
