//! Settings of Cal.com: addresses and client credentials.

use secrecy::SecretString;

use super::choices::Environment;
use super::parse;
use super::reader::Reader;

/// Addresses of Cal.com and our credentials there.
#[derive(Clone, Debug)]
pub struct CalCom {
    /// Without a trailing slash and without `/v2`.
    pub api_url: String,
    /// Without a trailing slash.
    pub app_url: String,
    /// Creates accounts for coaches (platform client).
    pub platform: Option<ClientCredential>,
    /// Requests consent of coaches (OAuth client).
    pub oauth: Option<ClientCredential>,
    /// Empty: those the OAuth client is registered with.
    pub oauth_scopes: Vec<String>,
    pub organization_id: Option<i64>,
}

/// Id and secret of a client at a provider.
#[derive(Clone, Debug)]
pub struct ClientCredential {
    pub id: String,
    pub secret: SecretString,
}

/// Settings that are credentials.
const CREDENTIALS: [&str; 4] = [
    "CALCOM_CLIENT_ID",
    "CALCOM_CLIENT_SECRET",
    "CALCOM_OAUTH_CLIENT_ID",
    "CALCOM_OAUTH_CLIENT_SECRET",
];

/// Whether any credential is set, complete or not.
pub(super) fn is_configured(reader: &Reader<'_>) -> bool {
    CREDENTIALS.iter().any(|name| reader.given(name).is_some())
}

impl CalCom {
    pub(super) fn read(reader: &mut Reader<'_>, environment: Option<Environment>) -> Option<Self> {
        // In development, Cal.com may run in another container on the same machine.
        let plain = environment == Some(Environment::Development);
        let address = |reader: &mut Reader<'_>, name| {
            let url = reader.read(name, |text| parse::url(text, plain))?;
            Some(url.trim_end_matches('/').to_owned())
        };
        let api_url = address(reader, "CALCOM_API_URL");
        let app_url = address(reader, "CALCOM_APP_URL");
        let platform = client(reader, "CALCOM_CLIENT_ID", "CALCOM_CLIENT_SECRET");
        let organization_id = reader.number("CALCOM_ORGANIZATION_ID", 1..=u32::MAX);
        if organization_id.is_some() && reader.given("CALCOM_CLIENT_ID").is_none() {
            reader.problem(
                "CALCOM_CLIENT_ID",
                "is required with `CALCOM_ORGANIZATION_ID`",
            );
        }
        let oauth = client(
            reader,
            "CALCOM_OAUTH_CLIENT_ID",
            "CALCOM_OAUTH_CLIENT_SECRET",
        );
        if oauth.is_some() && reader.given("OAUTH_REDIRECTS").is_none() {
            reader.problem(
                "OAUTH_REDIRECTS",
                "is required with `CALCOM_OAUTH_CLIENT_ID`: coaches who come back must be sent somewhere",
            );
        }
        let oauth_scopes = reader.list("CALCOM_OAUTH_SCOPES", parse::scope);
        if !oauth_scopes.is_empty() && reader.given("CALCOM_OAUTH_CLIENT_ID").is_none() {
            reader.problem(
                "CALCOM_OAUTH_CLIENT_ID",
                "is required with `CALCOM_OAUTH_SCOPES`",
            );
        }
        let organization_id = organization_id.map(i64::from);
        Some(Self {
            api_url: api_url?,
            app_url: app_url?,
            platform,
            oauth,
            oauth_scopes,
            organization_id,
        })
    }

    /// Whether any client is configured.
    #[must_use]
    pub fn is_configured(&self) -> bool {
        self.platform.is_some() || self.oauth.is_some()
    }
}

/// Reads a client credential; half of one is a problem.
fn client(
    reader: &mut Reader<'_>,
    id: &'static str,
    secret: &'static str,
) -> Option<ClientCredential> {
    for (present, missing) in [(id, secret), (secret, id)] {
        if reader.given(present).is_some() && reader.given(missing).is_none() {
            reader.problem(missing, format!("is required with `{present}`"));
        }
    }
    let id = reader.read(id, parse::credential);
    let secret = reader.read(secret, parse::credential);
    Some(ClientCredential {
        id: id?,
        secret: secret?.into(),
    })
}
