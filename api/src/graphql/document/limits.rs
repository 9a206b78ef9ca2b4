//! How much one document may ask for.

use std::collections::HashSet;

/// Bounds that a document must keep before it is validated or run. Counts are taken with every
/// fragment expanded where it is spread, except `tokens` and `nesting`, which are taken from the
/// text while it is parsed.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Lexical tokens in the text, punctuation included.
    pub tokens: usize,
    /// Brackets of any kind that are open at once, so that nothing that walks the document can
    /// exhaust the stack.
    pub nesting: usize,
    /// Fields on the longest path, outside introspection.
    pub depth: usize,
    /// Fields, outside introspection.
    pub fields: usize,
    /// Fields with an alias.
    pub aliases: usize,
    /// Directives anywhere.
    pub directives: usize,
    /// Times that one selection set may repeat a field under the same response name.
    pub duplicates: usize,
    /// Operations in one text. Only one is ever run.
    pub operations: usize,
    /// Fields below `__schema` and `__type` together. The stock introspection query has about 200.
    pub introspection_fields: usize,
    /// The largest page: the upper bound of `first` and `last`, whose lower bound is 1.
    pub page: u64,
    /// The page size that the cost of a list without `first` and `last` is reckoned with.
    pub assumed_page: u64,
    /// Objects that the operation may ask for, reckoned from its page sizes.
    pub cost: u64,
    /// Mutation fields that call a provider: at most one of them in an operation.
    pub provider_mutations: HashSet<String>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            tokens: 2_000,
            nesting: 50,
            depth: 15,
            fields: 500,
            aliases: 30,
            directives: 20,
            duplicates: 10,
            operations: 1,
            introspection_fields: 500,
            page: 100,
            assumed_page: 20,
            cost: 20_000,
            provider_mutations: HashSet::new(),
        }
    }
}
