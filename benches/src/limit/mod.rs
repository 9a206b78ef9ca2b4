//! `bench limit`: the lower bound of what the same answers cost: axum handlers that run statements
//! written by hand with sqlx and write rows as JSON by hand.
//!
//! There is no GraphQL in it: each answer has a path of its own. Reads ignore the body of the
//! request; `--tail-…` is what the other server writes behind `data`, so that both return the same
//! bytes. `createBooking` reads its input from the variables in the body and believes the header
//! `x-client` about who the caller is.

mod bookings;
mod create_booking;
mod directory;
mod json;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::ListenerExt as _;
use entity::Uuid;
use sea_orm::sqlx::PgPool;
use sea_orm::sqlx::postgres::PgPoolOptions;
use subtle::ConstantTimeEq as _;
use tokio::net::TcpListener;

use self::create_booking::Refused;
use crate::Failure;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// A PostgreSQL database that `seed-load` has filled.
    #[arg(long)]
    database_url: String,
    /// A loopback address.
    #[arg(long, env = "LISTEN")]
    listen: SocketAddr,
    /// The only bearer token that is accepted.
    #[arg(long)]
    token: String,
    /// The user of the token.
    #[arg(long)]
    user: Uuid,
    /// As many as Courtside uses by default on a machine with two processors.
    #[arg(long, default_value_t = 8)]
    connections: u32,
    /// The bytes after `data` in the answer to Q1.
    #[arg(long, default_value = "}")]
    tail_q1: String,
    /// The bytes after `data` in the answer to Q2.
    #[arg(long, default_value = "}")]
    tail_q2: String,
}

/// Where the limit books.
pub(crate) const CREATE_BOOKING: &str = "/createBooking";
/// The header that names the client who books, by the id of their account.
pub(crate) const CLIENT: &str = "x-client";

struct Limit {
    pool: PgPool,
    bearer: String,
    user: Uuid,
    tail_q1: String,
    tail_q2: String,
}

pub(crate) async fn run(options: Options) -> Result<(), Failure> {
    if !options.listen.ip().is_loopback() {
        return Err(format!("{} is not a loopback address", options.listen).into());
    }
    let pool = PgPoolOptions::new()
        .max_connections(options.connections)
        .test_before_acquire(false)
        .connect(&options.database_url)
        .await?;
    let limit = Arc::new(Limit {
        pool,
        bearer: format!("Bearer {}", options.token),
        user: options.user,
        tail_q1: options.tail_q1,
        tail_q2: options.tail_q2,
    });
    let routes = Router::new()
        .route("/q1", post(q1))
        .route("/q2", post(q2))
        .route(CREATE_BOOKING, post(create_booking))
        .route("/healthz", get(async || "ok"))
        .with_state(limit);
    let listener = TcpListener::bind(options.listen).await?.tap_io(|stream| {
        // Otherwise the second packet of an answer may wait for the acknowledgement of the first.
        let _ = stream.set_nodelay(true);
    });
    Ok(axum::serve(listener, routes).await?)
}

impl Limit {
    /// Whether the token is the accepted one; `None` for a visitor without a token.
    fn is_signed_in(&self, headers: &HeaderMap) -> Option<bool> {
        let given = headers.get(AUTHORIZATION)?;
        Some(given.as_bytes().ct_eq(self.bearer.as_bytes()).into())
    }
}

async fn q1(State(limit): State<Arc<Limit>>, headers: HeaderMap, _: Bytes) -> Response {
    if limit.is_signed_in(&headers) == Some(false) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    answer(directory::write(&limit.pool, &limit.tail_q1).await)
}

async fn q2(State(limit): State<Arc<Limit>>, headers: HeaderMap, _: Bytes) -> Response {
    if limit.is_signed_in(&headers) != Some(true) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    answer(bookings::write(&limit.pool, limit.user, &limit.tail_q2).await)
}

async fn create_booking(
    State(limit): State<Arc<Limit>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let client = headers
        .get(CLIENT)
        .and_then(|id| id.to_str().ok()?.parse().ok());
    let Some(client) = client else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    match create_booking::write(&limit.pool, client, &body).await {
        Ok(body) => answer(Ok(body)),
        Err(Refused::Request(reason)) => (StatusCode::CONFLICT, reason).into_response(),
        Err(Refused::Database(error)) => answer(Err(error)),
    }
}

fn answer(written: sea_orm::sqlx::Result<Vec<u8>>) -> Response {
    match written {
        Ok(body) => ([(CONTENT_TYPE, "application/json; charset=utf-8")], body).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
