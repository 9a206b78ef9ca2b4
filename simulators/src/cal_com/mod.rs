//! A stand-in for Cal.com's API v2 (6.1.11), with its oddities.
//!
//! What it does was seen on the wire of a real server and is replayed against it in the tests. It
//! keeps the traps: nothing is idempotent, overlapping bookings that are made at the same moment
//! are all accepted, a move makes a new uid, webhooks come before the answer and a cancellation
//! before the row changes, the uid of a booking is all the permission its public endpoints ask for,
//! a missing version means the oldest one, refresh tokens rotate and racing refreshes get 404.
//!
//! Outside of the API: `/_page/..` is what people do in Cal.com's own pages, `/_faults` sets
//! faults, `/_state` shows the tables, `/auth/oauth2/authorize` is the page where an account's
//! owner agrees.

mod announce;
mod auth;
mod bookings;
mod calendars;
mod call;
mod conferencing;
mod control;
mod event_shape;
mod event_types;
mod handle;
mod hours;
mod limit;
mod me;
mod meetings;
mod oauth2;
mod old_shapes;
mod organization;
mod page;
mod reply;
mod reservations;
mod route;
mod schedules;
mod server;
mod slots;
mod state;
mod tokens;
mod users;
mod webhooks;

use std::io;
use std::sync::Arc;
use std::time::Duration;

pub use handle::StandIn;
pub use limit::Limits;
pub use server::{AuthKind, Delivery, Request};
pub use state::{Attendee, Booking, Scope, Seat, Status, User, Webhook};

use crate::clock::Clock;
use crate::socket::Server;
use server::Shared;

/// How the server is set up.
#[derive(Clone)]
pub struct Options {
    pub clock: Clock,
    /// The platform client with its secret; managed users belong to it.
    pub client_id: String,
    pub client_secret: String,
    pub client_name: String,
    /// Where the platform client's pages live. Their origins may call with a managed user's token.
    pub redirect_uris: Vec<String>,
    /// Clients of the authorization-code flow.
    pub oauth_clients: Vec<OAuthClient>,
    /// The API key of the platform's owner, user 1.
    pub api_key: String,
    pub organization_id: u64,
    pub organization_slug: String,
    pub limits: Limits,
    /// Ids, uids and random choices follow it.
    pub seed: u64,
    /// The time between a check and the write that it is for, in which others may pass the same
    /// check.
    pub window: Duration,
}

/// An application that accounts' owners may let in.
#[derive(Clone)]
pub struct OAuthClient {
    pub id: String,
    /// Absent for a public client, which must use PKCE.
    pub secret: Option<String>,
    pub name: String,
    pub redirect_uri: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            clock: Clock::system(),
            client_id: "cl-sandbox-platform".to_owned(),
            client_secret: "sandbox-platform-secret".to_owned(),
            client_name: "Sandbox platform".to_owned(),
            redirect_uris: vec!["http://localhost:4321".to_owned()],
            oauth_clients: Vec::new(),
            api_key: "cal_sandbox_owner_key".to_owned(),
            organization_id: 1,
            organization_slug: "sandbox".to_owned(),
            limits: Limits::off(),
            seed: 1,
            window: Duration::from_millis(3),
        }
    }
}

/// Starts a server on a free port of loopback.
///
/// # Errors
/// When there is no port to be had.
pub async fn start(options: Options) -> io::Result<StandIn> {
    let (listener, address) = Server::bind().await?;
    let shared = Arc::new(Shared::new(options, format!("http://{address}")));
    let server = Server::serve(listener, address, shared.clone());
    Ok(StandIn::new(server, shared))
}
