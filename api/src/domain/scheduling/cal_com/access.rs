//! Calls on behalf of a coach; renews the credential when Cal.com no longer accepts it.

use std::future::Future;

use entity::Uuid;
use entity::coach::Scheduler;
use entity::connection::Kind as LinkKind;
use providers::cal_com::Error as Fault;
use providers::cal_com::{Credential, Refusal};
use providers::{Kind, Provider};

use crate::app::App;
use crate::domain::connection::{self, CredentialError, Lease, Reason, TokenRefusal};
use crate::domain::scheduling::remote::Calendar;

/// The client and the credentials to call Cal.com for one coach.
#[derive(Clone, Copy)]
pub(super) struct Access<'a> {
    pub(super) app: &'a App,
    pub(super) coach_id: Uuid,
    pub(super) reason: Reason,
}

impl<'a> From<&Calendar<'a>> for Access<'a> {
    fn from(calendar: &Calendar<'a>) -> Self {
        Self {
            app: calendar.app,
            coach_id: calendar.coach_id,
            reason: calendar.reason,
        }
    }
}

impl Access<'_> {
    /// Makes a call with the coach's credential, and retries once with a renewed one if the first
    /// is refused.
    ///
    /// # Errors
    /// The error of the call. Without a credential nothing is sent, and the error says so.
    pub(super) async fn call<T, F>(&self, ask: impl Fn(Credential) -> F) -> Result<T, Fault>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        let first = self.once(&ask).await;
        match first {
            Err(fault) if is_about_token(&fault) => self.once(&ask).await,
            outcome => outcome,
        }
    }

    async fn once<T, F>(&self, ask: &impl Fn(Credential) -> F) -> Result<T, Fault>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        let lease = connection::credential(self.app, Scheduler::CalCom, self.coach_id, self.reason)
            .await
            .map_err(without)?;
        let outcome = ask(credential_of(&lease)).await;
        if let Some(refusal) = outcome.as_ref().err().and_then(token_refusal)
            && let Err(error) = connection::report(self.app, &lease, refusal).await
        {
            tracing::warn!(%error, "could not store that a credential was refused");
        }
        outcome
    }
}

/// The client's credential for a lease.
pub(super) fn credential_of(lease: &Lease) -> Credential {
    match lease.kind {
        LinkKind::ApiKey => Credential::api_key(lease.token.clone()),
        _ => Credential::access_token(lease.token.clone()),
    }
}

/// The credential refusal in an error; `None` for other errors.
#[must_use]
pub fn token_refusal(fault: &Fault) -> Option<TokenRefusal> {
    match fault.refusal {
        Some(Refusal::TokenExpired | Refusal::TokenRevoked) => Some(TokenRefusal::Ended),
        Some(Refusal::InvalidApiKey) => Some(TokenRefusal::KeyRefused),
        _ => None,
    }
}

fn is_about_token(fault: &Fault) -> bool {
    matches!(
        fault.refusal,
        Some(Refusal::TokenExpired | Refusal::TokenRevoked)
    )
}

/// The error of a call that was not sent.
fn without(why: CredentialError) -> Fault {
    let kind = match why {
        CredentialError::NotConnected | CredentialError::Broken(_) => Kind::Unauthorized,
        CredentialError::Unavailable(_) | CredentialError::Internal(_) => Kind::Unavailable,
    };
    Fault::new(Provider::CalCom, kind, why.to_string()).not_applied()
}
