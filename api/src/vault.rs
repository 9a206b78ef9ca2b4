//! Encryption at rest for provider tokens, webhook secrets, notes and answers.
//!
//! Values are sealed with AES-256-GCM under a random nonce of 12 bytes. Table, row and column are
//! the associated data: a sealed value that is copied to another place does not open there. Each
//! value names its key, so that several keys can be in use during a rotation.
//!
//! A sealed value is text: `v1.<key id>.<base64url of nonce, ciphertext and tag>`.

mod keyring;
#[cfg(test)]
mod tests;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
pub use keyring::{Key, Keyring, development_key};
use ring::aead::{Aad, NONCE_LEN, Nonce};
use secrecy::{ExposeSecret as _, SecretString};

/// Prefix of sealed values.
const VERSION: &str = "v1";

/// The column and row of a sealed value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    pub table: &'a str,
    /// The row's key.
    pub row: &'a str,
    pub column: &'a str,
}

impl Place<'_> {
    /// The associated data. No part contains the separator: tables and columns are names of ours,
    /// keys of rows are hexadecimal.
    fn bytes(&self) -> Vec<u8> {
        [self.table, self.row, self.column].join("\0").into_bytes()
    }
}

/// Why a value does not open. Contains nothing of the value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// No keys are configured.
    #[error("no encryption key is configured (ENCRYPTION_KEYS)")]
    Closed,
    /// Its key is not in the keyring.
    #[error("the encryption key `{0}` is not configured")]
    UnknownKey(String),
    /// It was modified, or sealed for another place.
    #[error("a sealed value is not genuine")]
    NotGenuine,
}

/// Seals and opens values; does neither without keys.
#[derive(Debug, Default)]
pub struct Vault {
    keyring: Option<Keyring>,
}

impl Vault {
    #[must_use]
    pub fn new(keyring: Keyring) -> Self {
        Self {
            keyring: Some(keyring),
        }
    }

    /// Whether keys are configured.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.keyring.is_some()
    }

    /// Id of the key that seals.
    #[must_use]
    pub fn current_key(&self) -> Option<&str> {
        self.keyring.as_ref().map(|keyring| keyring.first().id())
    }

    /// Prefix of values that are sealed under the current key.
    #[must_use]
    pub fn current_prefix(&self) -> Option<String> {
        self.current_key().map(|id| format!("{VERSION}.{id}."))
    }

    /// Seals a value for a place, under the first key.
    ///
    /// # Errors
    /// `Closed` without keys.
    pub fn seal(&self, place: Place<'_>, plain: &str) -> Result<String, VaultError> {
        let key = self.keyring.as_ref().ok_or(VaultError::Closed)?.first();
        // Random, not counted: up to 2^32 values per key, the probability of a repetition stays
        // below 2^-32.
        let nonce: [u8; NONCE_LEN] = rand::random();
        let mut sealed = plain.as_bytes().to_vec();
        key.cipher()
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(place.bytes()),
                &mut sealed,
            )
            .expect("no value here is near the limit of 64 GiB");
        let bytes = [&nonce[..], &sealed].concat();
        Ok(format!(
            "{VERSION}.{}.{}",
            key.id(),
            URL_SAFE_NO_PAD.encode(bytes)
        ))
    }

    /// Opens a value that was sealed for a place.
    ///
    /// # Errors
    /// See [`VaultError`].
    pub fn open(&self, place: Place<'_>, sealed: &str) -> Result<SecretString, VaultError> {
        let keyring = self.keyring.as_ref().ok_or(VaultError::Closed)?;
        let mut parts = sealed.splitn(3, '.');
        let (Some(VERSION), Some(id), Some(text)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(VaultError::NotGenuine);
        };
        let key = keyring
            .find(id)
            .ok_or_else(|| VaultError::UnknownKey(id.to_owned()))?;
        let bytes = URL_SAFE_NO_PAD
            .decode(text)
            .map_err(|_| VaultError::NotGenuine)?;
        let (nonce, sealed) = bytes
            .split_at_checked(NONCE_LEN)
            .ok_or(VaultError::NotGenuine)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| VaultError::NotGenuine)?;
        let mut buffer = sealed.to_vec();
        let plain = key
            .cipher()
            .open_in_place(nonce, Aad::from(place.bytes()), &mut buffer)
            .map_err(|_| VaultError::NotGenuine)?;
        String::from_utf8(plain.to_vec())
            .map(Into::into)
            .map_err(|_| VaultError::NotGenuine)
    }

    /// Opens a value and discards it; returns whether it is under the current key.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn check(&self, place: Place<'_>, sealed: &str) -> Result<bool, VaultError> {
        self.open(place, sealed)?;
        Ok(self
            .current_prefix()
            .is_some_and(|prefix| sealed.starts_with(&prefix)))
    }

    /// Reseals a value under the first key; `None` when it is under it already.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn reseal(&self, place: Place<'_>, sealed: &str) -> Result<Option<String>, VaultError> {
        if self
            .current_prefix()
            .is_some_and(|prefix| sealed.starts_with(&prefix))
        {
            return Ok(None);
        }
        let plain = self.open(place, sealed)?;
        self.seal(place, plain.expose_secret()).map(Some)
    }
}

/// The associated-data form of a row's key.
#[must_use]
pub fn row_key(id: entity::Uuid) -> String {
    id.simple().to_string()
}
