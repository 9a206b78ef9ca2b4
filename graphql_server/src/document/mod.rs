//! A document before it is executed: parsed, measured against the limits, checked against the
//! schema's types, validated once and cached.

mod allow_list;
mod analysis;
mod cache;
mod cost;
mod error;
mod flatten;
mod input;
mod lexer;
mod limits;
mod measure;
mod overlap;
mod parse;
mod parse_value;
mod store;
mod text;
mod types;
mod variables;

#[cfg(test)]
mod tests;

pub use allow_list::{AllowList, ManifestError};
pub use analysis::Analysis;
pub use error::{ErrorCode, RequestError};
pub use limits::Limits;
pub use measure::Measure;
pub use store::Policy;
pub(crate) use store::{Document, DocumentRequest, Documents};
pub use types::TypeTable;
