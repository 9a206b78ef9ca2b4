//! Authentication, in the order of the server.

use super::call::Call;
use super::reply::Failure;
use super::state::State;
use super::tokens::TokenUser;

/// An authenticated caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    /// A managed user, by access token.
    Managed(u64),
    /// The platform, by client id and secret; acts as its owner.
    Platform(u64),
    /// Somebody with an account of their own, by a granted token or an API key.
    Account(u64),
}

impl Caller {
    /// The user the call acts as.
    pub(super) fn user(self) -> u64 {
        match self {
            Self::Managed(user) | Self::Platform(user) | Self::Account(user) => user,
        }
    }
}

/// What the bookings' controller says to nobody, before it looks at anything else.
const NOBODY: &str = "PermissionsGuard - no authentication provided. Provide either authorization bearer token \
    containing managed user access token or oAuth client id in 'x-cal-client-id' header.";
const NO_METHOD: &str = "ApiAuthStrategy - No authentication method provided. Either pass an API key as 'Bearer' \
    header or OAuth client credentials as 'x-cal-secret-key' and 'x-cal-client-id' headers";
const ONLY_ID: &str = "ApiAuthStrategy - Only 'x-cal-client-id' header provided. Please also provide \
    'x-cal-secret-key' header or Auth bearer token as 'Authentication' header";

impl State {
    /// Whoever calls must show who they are.
    pub(super) fn caller(&mut self, call: &Call) -> Result<Caller, Failure> {
        self.caller_of(call, None)
    }

    /// The same on a path that names the client, which then wins over the header.
    pub(super) fn caller_of(
        &mut self,
        call: &Call,
        client: Option<&str>,
    ) -> Result<Caller, Failure> {
        let client = client.or(call.header("x-cal-client-id"));
        if let (Some(client), Some(secret)) = (client, call.header("x-cal-secret-key")) {
            return self.platform(client, secret);
        }
        let Some(token) = call.bearer() else {
            return Err(Failure::unauthorized(if client.is_some() {
                ONLY_ID
            } else {
                NO_METHOD
            }));
        };
        if let Some(user) = self.tokens.key(token) {
            return Ok(Caller::Account(user));
        }
        match self.tokens.holder(token, call.now)? {
            TokenUser::Managed(user) => self.check_origin(call).map(|()| Caller::Managed(user)),
            TokenUser::Granted(user) => Ok(Caller::Account(user)),
        }
    }

    /// The same behind the guard that refuses a call without any sign of a caller with 403.
    pub(super) fn permitted(&mut self, call: &Call) -> Result<Caller, Failure> {
        if call.bearer().is_none() && call.header("x-cal-client-id").is_none() {
            return Err(Failure::forbidden(NOBODY));
        }
        self.caller(call)
    }

    /// The caller of an endpoint that is open to everybody.
    pub(super) fn visitor(&mut self, call: &Call) -> Option<Caller> {
        self.caller(call).ok()
    }

    fn platform(&self, client: &str, secret: &str) -> Result<Caller, Failure> {
        if client != self.settings.client_id {
            let message =
                format!("ApiAuthStrategy - oAuth client - Client with ID {client} not found");
            return Err(Failure::unauthorized(message));
        }
        if secret != self.settings.client_secret {
            return Err(Failure::unauthorized(
                "ApiAuthStrategy - oAuth client - Invalid client secret",
            ));
        }
        Ok(Caller::Platform(1))
    }

    /// A managed user's token from a page that the client does not know.
    fn check_origin(&self, call: &Call) -> Result<(), Failure> {
        let Some(origin) = call.header("origin") else {
            return Ok(());
        };
        if self
            .settings
            .redirect_uris
            .iter()
            .any(|uri| uri.starts_with(origin))
        {
            return Ok(());
        }
        Err(Failure::unauthorized(format!(
            "ApiAuthStrategy - access token - Invalid request origin - please open \
             https://app.cal.com/settings/platform and add the origin '{origin}' to the 'Redirect uris' of your OAuth \
             client with ID '{}'",
            self.settings.client_id
        )))
    }
}
