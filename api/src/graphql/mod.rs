//! The GraphQL interface: what clients can ask, and how a document is judged before it runs.

pub mod document;
pub mod engine;
