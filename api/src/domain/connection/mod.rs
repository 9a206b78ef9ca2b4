//! Coaches' accounts at providers: how they are connected, and how valid credentials are leased.
//!
//! A connection is OBSERVED (known from messages only), or usable for calls: as a managed user of
//! the platform, with the consent of the account's owner (OAuth), or with an API key. A coach has
//! at most one usable connection, and an account belongs to one coach.
//!
//! Tokens leave this module only inside a [`Lease`], which callers pass to the provider's client at
//! once.

mod adopt;
mod cache;
mod credential;
mod disconnect;
mod health;
mod lease;
mod oauth;
mod provider;
mod read;
mod redirect;
mod renew;
mod store;
mod token;

pub use cache::Credentials;
pub use credential::{credential, credential_of, report};
pub use disconnect::{AccountFate, Disconnect, disconnect};
pub use health::{action, check, sweep};
pub use lease::{CredentialError, Lease, Purpose, Reason, TokenRefusal};
pub use oauth::{Parked, Returned, Start, Started, finish, park, start};
pub use provider::{AccountProvider, AccountProviders, Owner, RedeemError, Renewed};
pub use read::{
    find_live, is_live, list_by_coach, list_by_coaches, list_live, list_live_coaches, list_working,
    live_coaches, live_id,
};
pub use redirect::Redirects;
pub(in crate::domain) use store::{Account, By, is_gone, keep};
pub use token::Pair;

pub use crate::error::Action;
pub(super) use lease::subject;

use providers::Error as ProviderError;
use providers::Kind;

use super::Error;

fn invalid_state(message: &str) -> Error {
    super::Conflict::InvalidState(message.to_owned()).into()
}

/// Maps a provider's fault to a client error; temporary faults may be retried.
pub(in crate::domain) fn unavailable(error: &ProviderError) -> Error {
    match error.kind {
        Kind::Unavailable | Kind::RateLimited { .. } | Kind::Malformed => {
            tracing::warn!(%error, provider = error.provider.as_str(), "call to a provider failed");
            Error::Unavailable("the provider does not answer at present; try again later")
        }
        _ => Error::provider("a call to a provider", error.clone()),
    }
}
