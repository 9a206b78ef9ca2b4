//! Tokens in the database, encrypted and bound to their row and column.

use chrono::{DateTime, Utc};
use entity::Uuid;
use entity::connection::Model;
use secrecy::{ExposeSecret as _, SecretString};

use crate::domain::{Error, Result};
use crate::vault::{Place, Vault, VaultError, row_key};

pub(crate) const TABLE: &str = "connection";
pub(crate) const ACCESS: &str = "access_token";
pub(crate) const REFRESH: &str = "refresh_token";

/// The tokens of a connection. An API key is a pair without a refresh token.
#[derive(Clone, Debug)]
pub struct Pair {
    pub access: SecretString,
    /// `None` if it does not expire.
    pub access_expires_at: Option<DateTime<Utc>>,
    pub refresh: Option<SecretString>,
    pub refresh_expires_at: Option<DateTime<Utc>>,
}

/// An encrypted pair.
#[derive(Clone, Debug)]
pub(super) struct Sealed {
    pub(super) access: String,
    pub(super) access_expires_at: Option<DateTime<Utc>>,
    pub(super) refresh: Option<String>,
    pub(super) refresh_expires_at: Option<DateTime<Utc>>,
}

impl Pair {
    /// Encrypts the pair for the row of a connection.
    pub(super) fn seal(&self, vault: &Vault, connection_id: Uuid) -> Result<Sealed> {
        let row = row_key(connection_id);
        let seal = |column, token: &SecretString| {
            let sealed = vault.seal(
                Place {
                    table: TABLE,
                    row: &row,
                    column,
                },
                token.expose_secret(),
            );
            sealed.map_err(|error| Error::internal("sealing a token", error))
        };
        Ok(Sealed {
            access: seal(ACCESS, &self.access)?,
            access_expires_at: self.access_expires_at,
            refresh: self
                .refresh
                .as_ref()
                .map(|token| seal(REFRESH, token))
                .transpose()?,
            refresh_expires_at: self.refresh_expires_at,
        })
    }
}

/// Decrypts the access token, or the API key, of a connection.
pub(super) fn open_access(vault: &Vault, row: &Model) -> Result<SecretString, VaultError> {
    open(vault, row, ACCESS, row.access_token.as_deref())
}

/// Decrypts the refresh token.
pub(super) fn open_refresh(vault: &Vault, row: &Model) -> Result<SecretString, VaultError> {
    open(vault, row, REFRESH, row.refresh_token.as_deref())
}

fn open(
    vault: &Vault,
    row: &Model,
    column: &str,
    sealed: Option<&str>,
) -> Result<SecretString, VaultError> {
    let place = Place {
        table: TABLE,
        row: &row_key(row.id),
        column,
    };
    vault.open(place, sealed.ok_or(VaultError::NotGenuine)?)
}
