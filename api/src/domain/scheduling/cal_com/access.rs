//! Acting for a coach: with a credential that works, renewed where Cal.com no longer takes it.

use std::future::Future;

use entity::Uuid;
use providers::cal_com::Error as Fault;
use providers::cal_com::{Credential, Refusal};
use providers::{Kind, Provider};

use crate::app::App;
use crate::domain::connection::{self, CredentialError, Reason};

/// The means to cause for one coach.
pub(super) struct Access<'a> {
    pub(super) app: &'a App,
    pub(super) coach_id: Uuid,
    pub(super) reason: Reason,
}

impl Access<'_> {
    /// Makes a call with the coach's credential; once more with a new one when the first is no
    /// longer taken.
    ///
    /// # Errors
    /// What the call gives. Without a credential nothing is sent, and the error says so.
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
        let lease = connection::credential(self.app, self.coach_id, self.reason)
            .await
            .map_err(without)?;
        let outcome = ask(lease.credential.clone()).await;
        if let Err(fault) = &outcome
            && let Err(error) = connection::report(self.app, &lease, fault).await
        {
            tracing::warn!(%error, "could not keep in mind that a credential was refused");
        }
        outcome
    }
}

fn is_about_token(fault: &Fault) -> bool {
    matches!(
        fault.refusal,
        Some(Refusal::TokenExpired | Refusal::TokenRevoked)
    )
}

/// Nothing was sent.
fn without(why: CredentialError) -> Fault {
    let kind = match why {
        CredentialError::NotConnected | CredentialError::Broken(_) => Kind::Unauthorized,
        CredentialError::Unavailable(_) | CredentialError::Internal(_) => Kind::Unavailable,
    };
    Fault::new(Provider::CalCom, kind, why.to_string()).not_applied()
}
