#![doc = include_str!("../README.md")]

pub mod document;
mod engine;
mod hooks;
mod subscription_source;
mod transport;

pub use engine::{Engine, EngineOptions};
pub use hooks::{
    AuthError, ClientAddress, ClientInfo, ConnectionPermit, Execution, Hooks, Outcome, Quota,
    RateLimited, SessionEnd,
};
pub use subscription_source::SubscriptionSource;
pub use transport::{
    CostMeter, Gauges, GraphqlEndpoint, Lifecycle, Origins, TransportLimits, router,
};
