//! GraphQL over HTTP, WebSocket (`graphql-transport-ws`) and server-sent events (`graphql-sse`,
//! distinct connections).
//!
//! The library runs documents; how they arrive and leave is decided here, the same way for all
//! three: the text is parsed and judged (`crate::graphql::document`), the viewer is asked for
//! ([`Gate`]), and the answer is written once.

mod endpoint;
mod fault;
mod gate;
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

pub use endpoint::{Bounds, Gauges, GraphqlEndpoint, Lifecycle, router};
pub use gate::{Allowance, AuthError, Caller, ClientAddress, Gate, Limited, Seat, SessionEnd};
pub use headers::Origins;
pub use run::CostMeter;
