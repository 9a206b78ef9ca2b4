//! A document before it runs: parsed once, measured, typed against the schema, validated once, and
//! remembered.

mod allow_list;
mod analysis;
mod cache;
mod cost;
mod flatten;
mod input;
mod lexer;
mod limits;
mod measure;
mod overlap;
mod parse;
mod parse_value;
mod refusal;
mod store;
mod text;
mod types;
mod variables;

#[cfg(test)]
mod tests;

pub use allow_list::{AllowList, ManifestError};
pub use analysis::Analysis;
pub use limits::Limits;
pub use measure::Measure;
pub use refusal::{Reason, Refusal};
pub use store::{Asked, Document, Documents, Policy, Prepared};
pub use types::TypeTable;
