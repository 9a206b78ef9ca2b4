//! Connects an account with an API key that its owner created.

use entity::Uuid;
use entity::connection::{Kind, Model};
use providers::cal_com::{Credential, Refusal};
use secrecy::{ExposeSecret as _, SecretString};

use super::{PROVIDER, accounts, client};
use crate::app::App;
use crate::domain::coach::acting_for;
use crate::domain::connection::{Account, By, Pair, keep, unavailable};
use crate::domain::{Caller, Error, Result};

/// Prefix of Cal.com's API keys.
const PREFIX: &str = "cal_";

/// Connects the account of an API key, after Cal.com has accepted the key. To the caller's own
/// coach profile, or, for staff, to any.
///
/// # Errors
/// `Invalid` for a malformed key and for a key that Cal.com refuses, `InvalidState` when another
/// account is connected or the account is another coach's, `Unavailable` when Cal.com does not
/// answer. Nothing is stored then.
pub async fn connect_with_api_key(
    app: &App,
    caller: &Caller,
    coach_id: Option<Uuid>,
    api_key: SecretString,
) -> Result<Model> {
    let (person, coach_id) = acting_for(caller, coach_id)?;
    crate::domain::coach::require(app.db.read(), coach_id).await?;
    let text = api_key.expose_secret().trim();
    let is_key = text.len() > PREFIX.len() && text.len() <= 200 && text.starts_with(PREFIX);
    if !is_key
        || !text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
    {
        return Err(Error::invalid(
            "apiKey",
            format!("is no API key of Cal.com, which begins with {PREFIX}"),
        ));
    }
    let key = SecretString::from(text.to_owned());
    let client = client(app)?;
    let owner = accounts::me(client, &Credential::api_key(key.clone()))
        .await
        .map_err(|error| match &error.refusal {
            Some(Refusal::InvalidApiKey | Refusal::TokenRevoked | Refusal::Forbidden) => {
                tracing::info!(provider = PROVIDER, "API key refused");
                Error::invalid("apiKey", "Cal.com does not accept this key")
            }
            _ => unavailable(&error.erased()),
        })?;
    let pair = Pair {
        access: key,
        access_expires_at: None,
        refresh: None,
        refresh_expires_at: None,
    };
    let account = Account {
        provider: PROVIDER.to_owned(),
        kind: Kind::ApiKey,
        owner,
        pair,
    };
    keep(app, By::caller(caller, &person, coach_id), account).await
}
