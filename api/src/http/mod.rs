//! HTTP transport: sockets, limits, logs and metrics. Independent of the domain.

pub mod body_limit;
pub mod client_address;
mod connection;
mod graphql;
pub mod health;
mod limits;
pub mod oauth;
pub mod observe;
pub mod page;
pub mod rate_limit;
pub mod refusal;
pub mod request_id;
pub mod router;
mod seats;
pub mod serve;
pub mod shutdown;
pub mod webhooks;
