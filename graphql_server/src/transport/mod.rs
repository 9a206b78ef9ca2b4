//! GraphQL over HTTP, WebSocket (`graphql-transport-ws`) and server-sent events (`graphql-sse`,
//! distinct connections mode).
//!
//! async-graphql executes documents. This module reads requests and writes responses, the same way
//! for all three transports: parse and check the document ([`crate::document`]), call the
//! application's [`Hooks`](crate::Hooks), execute, serialize the response once.

mod endpoint;
mod error;
mod get;
mod headers;
mod negotiate;
mod post;
mod request;
mod response;
mod run;
mod sse;
mod websocket;

#[cfg(test)]
mod tests;

pub use endpoint::{Gauges, GraphqlEndpoint, Lifecycle, TransportLimits, router};
pub use headers::Origins;
pub use run::CostMeter;
