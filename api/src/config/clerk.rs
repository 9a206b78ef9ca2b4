//! Settings of Clerk, which authenticates people.

use secrecy::SecretString;

use super::reader::Reader;
use super::{Environment, parse};

/// Which session tokens are accepted, and where the rest about a person is read.
#[derive(Clone, Debug)]
pub struct Clerk {
    /// Compared with `iss` byte for byte.
    pub issuer: String,
    /// Never empty.
    pub authorized_parties: Vec<String>,
    /// Whether tokens of native apps, which name no origin, are accepted.
    pub native_apps: bool,
    /// `None`: only tokens say who somebody is.
    pub directory: Option<ClerkDirectory>,
}

/// Access to Clerk's Backend API.
#[derive(Clone, Debug)]
pub struct ClerkDirectory {
    /// Without a trailing slash and without `/v1`.
    pub api_url: String,
    pub secret_key: SecretString,
}

impl Clerk {
    pub(super) fn read(reader: &mut Reader<'_>, environment: Option<Environment>) -> Option<Self> {
        let issuer = reader.read("CLERK_ISSUER", |text| parse::url(text, false));
        let authorized_parties = reader.list("CLERK_AUTHORIZED_PARTIES", parse::origin);
        match (
            reader.given("CLERK_ISSUER"),
            reader.given("CLERK_AUTHORIZED_PARTIES"),
        ) {
            (Some(_), None) => reader.problem(
                "CLERK_AUTHORIZED_PARTIES",
                "is required with `CLERK_ISSUER`: without it, tokens made for other sites would be accepted",
            ),
            (None, Some(_)) => reader.problem(
                "CLERK_ISSUER",
                "is required with `CLERK_AUTHORIZED_PARTIES`",
            ),
            _ => {}
        }
        if reader.given("CLERK_SECRET_KEY").is_some() && reader.given("CLERK_ISSUER").is_none() {
            reader.problem("CLERK_ISSUER", "is required with `CLERK_SECRET_KEY`");
        }
        let native_apps = reader.read("CLERK_NATIVE_APPS", parse::boolean);
        let plain = environment == Some(Environment::Development);
        let api_url = reader.read("CLERK_API_URL", |text| parse::url(text, plain));
        let secret_key = reader.read("CLERK_SECRET_KEY", parse::credential);
        let directory = secret_key
            .zip(api_url)
            .map(|(secret_key, api_url)| ClerkDirectory {
                api_url: api_url.trim_end_matches('/').to_owned(),
                secret_key: secret_key.into(),
            });
        Some(Self {
            issuer: issuer?,
            authorized_parties,
            native_apps: native_apps?,
            directory,
        })
    }
}
