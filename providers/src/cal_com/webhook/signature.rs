//! Verifies the signature of a delivery.

use ::http::HeaderMap;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};

const HEADER: &str = "x-cal-signature-256";

/// The header's value when the registration has no secret. It authenticates nothing.
const NO_SECRET: &[u8] = b"no-secret-provided";

/// Why a delivery is refused. Contains nothing of the delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// There is no signature.
    #[error("the delivery is not signed")]
    MissingSignature,
    /// The registration at Cal.com has no secret. Set one there: unsigned deliveries are never
    /// accepted.
    #[error("the webhook is registered without a secret")]
    NoSecretProvided,
    /// The signature matches none of our secrets.
    #[error("the signature is wrong")]
    BadSignature,
    /// No secret is configured.
    #[error("no webhook secret is configured")]
    NotConfigured,
    /// The signature is malformed: more than one header, or not 64 lower-case hexadecimal digits.
    #[error("the signature is malformed: {0}")]
    Malformed(&'static str),
}

impl OpenError {
    /// A stable label for metrics.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::MissingSignature => "missing_signature",
            Self::NoSecretProvided => "no_secret_provided",
            Self::BadSignature => "bad_signature",
            Self::NotConfigured => "not_configured",
            Self::Malformed(_) => "malformed",
        }
    }
}

/// Verifies the signature against every secret, so that an old and a new one can both be valid
/// during a rotation.
pub(super) fn check(
    secrets: &[SecretString],
    headers: &HeaderMap,
    raw: &[u8],
) -> Result<(), OpenError> {
    // An empty secret is public: anyone can sign with it.
    if secrets.is_empty()
        || secrets
            .iter()
            .any(|secret| secret.expose_secret().is_empty())
    {
        return Err(OpenError::NotConfigured);
    }
    let given = given(headers)?;
    // Tries all secrets and compares all bytes in constant time, so that timing does not help to
    // guess.
    let fits = secrets.iter().fold(Choice::from(0), |fits, secret| {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes())
            .expect("HMAC takes a key of any length");
        mac.update(raw);
        fits | mac.finalize().into_bytes().as_slice().ct_eq(&given)
    });
    if bool::from(fits) {
        Ok(())
    } else {
        Err(OpenError::BadSignature)
    }
}

fn given(headers: &HeaderMap) -> Result<[u8; 32], OpenError> {
    let mut values = headers.get_all(HEADER).iter();
    let value = values.next().ok_or(OpenError::MissingSignature)?.as_bytes();
    if values.next().is_some() {
        return Err(OpenError::Malformed("more than one signature"));
    }
    if value.is_empty() {
        return Err(OpenError::MissingSignature);
    }
    if value == NO_SECRET {
        return Err(OpenError::NoSecretProvided);
    }
    // A digest has one accepted spelling: Cal.com's, in lower case without a prefix.
    if value.iter().any(u8::is_ascii_uppercase) {
        return Err(OpenError::Malformed("upper-case hexadecimal"));
    }
    let mut digest = [0; 32];
    hex::decode_to_slice(value, &mut digest)
        .map_err(|_| OpenError::Malformed("not 64 hexadecimal digits"))?;
    Ok(digest)
}
