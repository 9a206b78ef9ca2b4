//! Coaches' accounts at Cal.com: how they are connected, and how we come by a credential that
//! works.
//!
//! A connection is OBSERVED (known from messages only), or we may cause through it: as a managed user
//! of the platform, with the consent of the account's owner (OAuth), or with an API key. A coach
//! has at most one such connection, and an account belongs to one coach.
//!
//! Tokens leave this module only as a [`Lease`] credential, to be handed to the provider's client at
//! once.

mod adopt;
mod api_key;
mod credential;
mod disconnect;
mod exchange;
mod health;
mod oauth;
mod probe;
mod provision;
mod read;
mod redirect;
mod renew;
mod store;
mod token;

pub use api_key::connect_with_api_key;
pub use credential::{
    CredentialError, Credentials, Lease, Purpose, Reason, credential, credential_of, report,
};
pub use disconnect::{AccountFate, Disconnect, disconnect};
pub use health::{action, check, sweep};
pub use oauth::{Finished, Start, Started, finish, start};
pub use probe::{Answer, Probe, probe};
pub use provision::provision;
pub use read::{
    Working, find_live, is_live, list_by_coach, list_by_coaches, list_live_coaches, list_working,
    live_coaches,
};
pub use redirect::Redirects;

pub use crate::error::Action;
pub(super) use credential::subject;

use providers::{Error as ProviderError, Kind};

use super::Error;
use crate::app::App;

/// Cal.com's name in tables, metrics and logs.
pub(crate) const PROVIDER: &str = "calcom";

/// The client of Cal.com.
///
/// # Errors
/// `InvalidState` where Cal.com cannot be used, as nothing could be kept safe.
pub(crate) fn cal_com(app: &App) -> Result<&providers::cal_com::Client, Error> {
    app.cal_com
        .as_ref()
        .ok_or_else(|| invalid_state("Cal.com is not set up on this server"))
}

fn invalid_state(message: &str) -> Error {
    super::Conflict::InvalidState(message.to_owned()).into()
}

/// What a caller is told when Cal.com let us down where it should not have. The operator's half
/// goes to the log.
fn unavailable(error: &ProviderError) -> Error {
    match error.kind {
        Kind::Unavailable | Kind::RateLimited { .. } | Kind::Malformed => {
            tracing::warn!(%error, provider = PROVIDER, "Cal.com did not do what it was asked");
            Error::Unavailable("Cal.com does not answer at present; try again later")
        }
        _ => Error::provider("a call to Cal.com", error.clone()),
    }
}
