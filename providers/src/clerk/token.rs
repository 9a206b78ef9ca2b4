//! The JWS envelope of a token: an untrusted header, a payload, and a signature over both.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};

use super::json;
use super::jwks::Key;
use super::verify::TokenError;

/// The maximum length of a key id. Clerk's have about 30 characters.
const MAX_KID: usize = 128;

/// The values of `cat` with which a token may be a session token: that of session tokens, and that
/// of instances which tell no categories apart. Tokens of JWT templates, whose claims the person's
/// own client may influence, and of machines have others. Older tokens have none.
///
/// `@clerk/backend` accepts the same.
const SESSION_CATEGORIES: [&str; 2] = ["cl_B7d4PD111AAA", "cl_I7d4PD111III"];

/// A compact JWS, split but not verified.
#[derive(Clone, Copy)]
pub(super) struct Parts<'t> {
    /// The signing input: header and payload with the dot between them.
    pub(super) signed: &'t str,
    header: &'t str,
    payload: &'t str,
    signature: &'t str,
}

impl<'t> Parts<'t> {
    pub(super) fn split(token: &'t str) -> Result<Self, TokenError> {
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(TokenError::Malformed)?;
        if payload.contains('.') {
            return Err(TokenError::Malformed);
        }
        Ok(Self {
            signed,
            header,
            payload,
            signature,
        })
    }

    /// Reads the key id and refuses what is not a signed session token.
    ///
    /// The header is untrusted. It may name one of the known keys; it cannot supply one (`jwk`,
    /// `jku`, `x5u` are ignored) and it cannot choose the algorithm: `alg` must equal that of the
    /// key.
    pub(super) fn kid(&self) -> Result<String, TokenError> {
        let mut header = decode_object(self.header)?;
        if header.get("alg").and_then(Value::as_str) != Some("RS256") {
            return Err(TokenError::WrongAlgorithm);
        }
        // RFC 7515: an extension named here must be supported, and none is.
        if header.contains_key("crit") {
            return Err(TokenError::WrongType);
        }
        if header.get("typ").is_some_and(|typ| typ != "JWT") {
            return Err(TokenError::WrongType);
        }
        if header
            .get("cat")
            .is_some_and(|category| !SESSION_CATEGORIES.iter().any(|known| category == known))
        {
            return Err(TokenError::WrongType);
        }
        match header.remove("kid") {
            Some(Value::String(kid)) if (1..=MAX_KID).contains(&kid.len()) => Ok(kid),
            _ => Err(TokenError::UnknownKey),
        }
    }

    pub(super) fn verify(&self, key: &Key) -> Result<(), TokenError> {
        // Strict decoding first, since a signature must have only one encoding.
        if decode(self.signature)?.is_empty() {
            return Err(TokenError::BadSignature);
        }
        match jsonwebtoken::crypto::verify(
            self.signature,
            self.signed.as_bytes(),
            key.rsa(),
            Algorithm::RS256,
        ) {
            Ok(true) => Ok(()),
            _ => Err(TokenError::BadSignature),
        }
    }

    /// The payload. Trustworthy only after [`Parts::verify`].
    pub(super) fn payload(&self) -> Result<Map<String, Value>, TokenError> {
        decode_object(self.payload)
    }
}

fn decode_object(part: &str) -> Result<Map<String, Value>, TokenError> {
    json::strict_object(&decode(part)?).ok_or(TokenError::Malformed)
}

/// base64url without padding and without stray bits in the last character.
fn decode(part: &str) -> Result<Vec<u8>, TokenError> {
    URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| TokenError::Malformed)
}
