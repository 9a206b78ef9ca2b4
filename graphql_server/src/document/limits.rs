//! Limits of one document.

use std::collections::HashSet;

/// Limits that are checked before a document is validated or executed. Fragments are counted at
/// every place where they are spread, except for `tokens` and `nesting`, which are counted while
/// the text is parsed.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Lexical tokens, punctuation included.
    pub tokens: usize,
    /// Open brackets of any kind, which bounds the recursion of everything that walks the document.
    pub nesting: usize,
    /// Fields on the longest path, without introspection.
    pub depth: usize,
    /// Fields, without introspection.
    pub fields: usize,
    /// Fields with an alias.
    pub aliases: usize,
    /// Directives in any place.
    pub directives: usize,
    /// How often one selection set may select the same response name.
    pub duplicates: usize,
    /// Operations in one document. Only one of them is executed.
    pub operations: usize,
    /// Fields below `__schema` and `__type` together. The stock introspection query has about 200.
    pub introspection_fields: usize,
    /// The upper bound of `first` and `last`; the lower bound is 1.
    pub page: u64,
    /// The page size to estimate the cost of a list without `first` and `last`.
    pub assumed_page: u64,
    /// The largest estimated cost of an operation: objects, by its page sizes.
    pub cost: u64,
    /// Mutation fields that call an external provider. An operation may have one of them, because
    /// several calls cannot be undone together.
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
