//! The address under which a person books. It must be verified: it is sent to coaches and their
//! calendars, and bookings are found by it.

use chrono::{DateTime, Utc};
use entity::user;
use providers::clerk::Listing;
use providers::normalised_email;
use sea_orm::EntityTrait;

use super::Identity;
use super::sign_in::{Seen, keep};
use crate::app::App;
use crate::domain::{AddressClaim, Caller, Conflict, Error, Result};

/// Why an account may lack a verified address, in case it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoAddress {
    /// The token does not say, and there is no directory to read.
    Claim(AddressClaim),
    /// The directory has no verified address of this person.
    NotListed,
    /// The directory does not answer.
    Unanswered,
}

impl NoAddress {
    /// The error of a request that needs a verified address.
    pub(crate) fn error(self) -> Error {
        let message = match self {
            Self::Claim(AddressClaim::NoEmail) => {
                "a booking needs a verified e-mail address, and the session token has no claim \
                 `email`: add the claims `email` and `email_verified` to the session token, or set \
                 CLERK_SECRET_KEY on the server"
            }
            Self::Claim(AddressClaim::NoVerification) => {
                "a booking needs a verified e-mail address, and the session token has no claim \
                 `email_verified`: add it to the session token, or set CLERK_SECRET_KEY on the server"
            }
            Self::Claim(_) | Self::NotListed => {
                "a booking needs a verified e-mail address: verify yours where you sign in, then \
                 try again"
            }
            Self::Unanswered => {
                return Error::Unavailable(
                    "your e-mail address cannot be looked up at the moment: try again shortly",
                );
            }
        };
        Conflict::EmailNotVerified(message).into()
    }
}

/// Completes the caller's account from the directory, when the token does not say what their
/// verified address is. Returns the reason to give should the account have none; callers check the
/// account in their transaction.
///
/// A directory that does not answer is no error here: the account may have a verified address from
/// before.
pub(crate) async fn complete(app: &App, caller: &Caller) -> Result<NoAddress> {
    let person = caller.require_person()?;
    let from_claim = NoAddress::Claim(person.address);
    let Some(directory) = &app.directory else {
        return Ok(from_claim);
    };
    if matches!(
        person.address,
        AddressClaim::Verified | AddressClaim::Unverified
    ) {
        return Ok(from_claim);
    }
    let now = app.clock.now();
    let account = user::Entity::find_by_id(person.user_id)
        .one(app.db.read())
        .await?
        .ok_or(Error::Unauthenticated)?;
    if account.verified_email().is_some() && directory.is_fresh(person.user_id, now) {
        return Ok(NoAddress::NotListed);
    }
    let listing = match directory.find(&account.subject).await {
        Ok(listing) => listing,
        Err(error) => {
            tracing::warn!(%error, "could not read a person from the directory");
            return Ok(NoAddress::Unanswered);
        }
    };
    let Some((email, listing)) =
        listing.and_then(|it| Some((address(&it, &account, person.address)?, it)))
    else {
        return Ok(NoAddress::NotListed);
    };
    let seen = Seen {
        identity: identity(account, email, listing, person.expires_at),
        now,
        correlation_id: caller.correlation_id.clone(),
    };
    app.db.transaction(seen, keep).await?;
    directory.remember(person.user_id, now);
    Ok(NoAddress::NotListed)
}

/// The verified address to use: the one that the token names, else the primary one. Never another
/// than the token names, as the next request would put that one back.
fn address(listing: &Listing, account: &user::Model, claim: AddressClaim) -> Option<String> {
    let mut verified = listing.verified_emails.iter();
    match claim {
        AddressClaim::NoEmail => verified.next().cloned(),
        _ => verified
            .find(|email| Some(normalised_email(email)) == account.email)
            .cloned(),
    }
}

/// The account as a token that says everything would describe it.
fn identity(
    account: user::Model,
    email: String,
    listing: Listing,
    expires_at: DateTime<Utc>,
) -> Identity {
    Identity {
        name: listing.name.filter(|_| account.has_no_name()),
        issuer: account.issuer,
        subject: account.subject,
        email: Some(email),
        email_verified: Some(true),
        time_zone: None,
        role: Some(account.role),
        impersonation: None,
        expires_at,
    }
}
