//! Clerk: authenticates requests by session tokens.
//!
//! A session token is a JWT signed by Clerk, valid for about a minute, which the browser or app
//! renews. A request needs no call to Clerk: the token is verified with Clerk's public keys, which
//! are cached. Only [`Verifier`] creates [`Claims`]. A token says of its person only what the
//! instance's token template adds; [`Directory`] reads the rest from Clerk's Backend API.

mod claims;
mod directory;
mod json;
mod jwks;
mod token;
mod token_cache;
mod verify;

pub use claims::{Claims, Organization};
pub use directory::{Directory, Listing};
pub use verify::{TokenError, Verifier, VerifierConfig};

use jsonwebtoken::crypto::rust_crypto;

/// Checks that this build can verify signatures. Call it once when the process starts.
///
/// `jsonwebtoken` compiles without a cryptography provider and then panics at the first token, and
/// it refuses to choose when another crate enables a second one. So the provider is installed here
/// and tested with a real token.
///
/// # Errors
/// [`TokenError::BadSignature`] when a valid token is refused or a forged one accepted: do not
/// serve.
pub fn self_test() -> Result<(), TokenError> {
    install_crypto();
    let key =
        jwks::Key::from_components(SELF_TEST_MODULUS, "AQAB").ok_or(TokenError::BadSignature)?;
    let good = token::Parts::split(SELF_TEST_TOKEN)?;
    good.verify(&key)?;
    let mut forged = good;
    forged.signed = &forged.signed[1..];
    match forged.verify(&key) {
        Err(TokenError::BadSignature) => Ok(()),
        _ => Err(TokenError::BadSignature),
    }
}

/// Installs the cryptography provider once. One that is already installed stays; [`self_test`]
/// checks that it works.
fn install_crypto() {
    static INSTALLED: std::sync::Once = std::sync::Once::new();
    INSTALLED.call_once(|| {
        if rust_crypto::DEFAULT_PROVIDER.install_default().is_err() {
            tracing::debug!("another cryptography provider was installed first; it is used");
        }
    });
}

/// A token signed with a throw-away key, whose private half was never kept.
const SELF_TEST_TOKEN: &str = concat!(
    "eyJhbGciOiJSUzI1NiIsImNhdCI6ImNsX0I3ZDRQRDExMUFBQSIsImtpZCI6Imluc18yVmVjdG9yS2V5QTAwMDAwMDAwMDAwMDAwMSIsInR5cC",
    "I6IkpXVCJ9.eyJhenAiOiJodHRwczovL2FwcC5jb2FjaGluZy5leGFtcGxlLmNvbSIsImV4cCI6NDEwMjQ0NDgwMCwiZnZhIjpbMCwtMV0sIml",
    "hdCI6MTcwMDAwMDAwMCwiaXNzIjoiaHR0cHM6Ly9jbGVyay5jb2FjaGluZy5leGFtcGxlLmNvbSIsImp0aSI6IjAxMjM0NTY3ODlhYmNkZWYwM",
    "TIzIiwibmJmIjoxNjk5OTk5OTkwLCJzaWQiOiJzZXNzXzJWZWN0b3JTZXNzaW9uMDAwMDAwMDAwMSIsInN0cyI6ImFjdGl2ZSIsInN1YiI6InV",
    "zZXJfMlZlY3RvclVzZXIwMDAwMDAwMDAwMDAwMSIsInYiOjJ9.gMgM0loIFEzWxFCmqp_2g580ImUrLfHi0COTdMOYvzs_vHAMlO93oQq4bMPV",
    "d_AfZjOm6AmTFSbaEC8fUOzUQ9cwdzhbHVXuIt_DKOltDNVA35Wkgv9Rd4X8Q1njPXIh8nIJ5inU2cErYGQr7oKfP0XAF9Dk10uxtFc8i8y2b6",
    "n08rt_t6rELb4HCy3fMCe9zIpoo04J8Gpb45c5qOQCyymheGNOT2z83iaBQIpuLBRdGZhINUmAZvP8wxPaMROfRteUs6lcsOF6NxymIJLcr8RO",
    "Puk2LT9OnUcf_D_vC-8tq6ngaW0Sqc2MxCC5_wmBrS6htAxEltXw-9rHmt-aHA",
);

const SELF_TEST_MODULUS: &str = concat!(
    "5NhNxWK7WOwkXaNTfGYeMqKRN9sCBv3A0Jp5j7HtIBle5w6cId2kwnwi8mmkcABecwtefn14ZESDzSqLWPlbaz-FRyBUl2PzvJdnhnZ72wWZ2L",
    "9C7gUj960CwMieLXXvI8QiMqNpiAv-5EcGoPTKKGXjhHl5egb3q7yQzvHtZBWpLxVxClWXKTyxP4ig_M5fe5-P6BYtcBIng8u6TkuKTah3suI5",
    "vSykYKq9tLWkGfX6MBLMU-nePz4BLJfMoP8-YIjoahbYLpW1AdURjd6kq419zeDzXcvALD-6ix-0KG1RHIabC1poD58xGORvLDa-SWZSsUqLKl",
    "YJ8su9baOkMQ",
);

#[cfg(test)]
mod tests;
