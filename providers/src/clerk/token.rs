//! The envelope of a token: three parts, a header we distrust, a signature over the first two.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};

use super::json;
use super::jwks::Key;
use super::verify::TokenError;

/// The longest key id we look up or remember. Clerk's have about 30 characters.
const MAX_KID: usize = 128;

/// Clerk marks tokens of machines with this `cat`; they must not pass for a person's session.
const CATEGORY_MACHINE: &str = "cl_B7d4PD333AAA";

/// A compact JWS, cut but not believed.
#[derive(Clone, Copy)]
pub(super) struct Parts<'t> {
    /// Header and payload with the dot between them: what the signature covers.
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
    /// The header is the sender's word. It may name a key of ours; it cannot bring one (`jwk`,
    /// `jku`, `x5u` are not even read) and it cannot choose the algorithm: `alg` has to agree with
    /// ours, which is the key's.
    pub(super) fn kid(&self) -> Result<String, TokenError> {
        let mut header = decode_object(self.header)?;
        if header.get("alg").and_then(Value::as_str) != Some("RS256") {
            return Err(TokenError::WrongAlgorithm);
        }
        // RFC 7515: an extension named here must be understood, and we understand none.
        if header.contains_key("crit") {
            return Err(TokenError::WrongType);
        }
        if header.get("typ").is_some_and(|typ| typ != "JWT") {
            return Err(TokenError::WrongType);
        }
        if header
            .get("cat")
            .is_some_and(|category| !category.is_string() || category == CATEGORY_MACHINE)
        {
            return Err(TokenError::WrongType);
        }
        match header.remove("kid") {
            Some(Value::String(kid)) if (1..=MAX_KID).contains(&kid.len()) => Ok(kid),
            _ => Err(TokenError::UnknownKey),
        }
    }

    pub(super) fn verify(&self, key: &Key) -> Result<(), TokenError> {
        // An own strict decoding first: one signature must have one spelling.
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

    /// The payload. Meaningful only after [`Parts::verify`].
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
