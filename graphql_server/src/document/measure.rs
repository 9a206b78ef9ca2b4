//! The size of a document with its fragments expanded, calculated without expanding them.
//!
//! Every fragment is measured once, and its size added wherever it is spread. A document whose
//! fragments multiply to billions of fields is refused in time linear in its text. async-graphql
//! walks the expansion, so this must come first.

use std::collections::HashMap;

use async_graphql::parser::types::{
    Directive, ExecutableDocument, Field, FragmentDefinition, Selection, SelectionSet,
};
use async_graphql::{Name, Pos, Positioned};

use super::error::{ErrorCode, RequestError};
use super::limits::Limits;
use super::parse::invalid;

/// Counts over the expanded selections. They saturate: nested fragments overflow any integer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measure {
    /// Fields on the longest path.
    pub depth: usize,
    pub fields: usize,
    pub aliases: usize,
    pub directives: usize,
    /// Fields below `__schema` and `__type`. They are not part of `fields` and `depth`.
    pub introspection_fields: usize,
    /// Fields, spreads and inline fragments: the number of steps of a walk over the expansion.
    selections: usize,
    /// Selection sets on the longest path: the recursion depth of such a walk.
    nesting: usize,
    /// Nested lists of `__Type` and `__Field`, each of which multiplies the size of an
    /// introspection response.
    lists: usize,
    introspection_lists: usize,
}

/// Introspection fields that return lists of types or fields.
const RECURSIVE_LISTS: [&str; 4] = ["fields", "inputFields", "interfaces", "possibleTypes"];
/// `types { fields { type { fields` returns the schema twice over; tools do not need more.
const MAX_RECURSIVE_LISTS: usize = 2;

impl Measure {
    fn add(&mut self, other: Self) {
        self.depth = self.depth.max(other.depth);
        self.nesting = self.nesting.max(other.nesting);
        self.lists = self.lists.max(other.lists);
        self.introspection_lists = self.introspection_lists.max(other.introspection_lists);
        self.fields = self.fields.saturating_add(other.fields);
        self.aliases = self.aliases.saturating_add(other.aliases);
        self.directives = self.directives.saturating_add(other.directives);
        self.introspection_fields = self
            .introspection_fields
            .saturating_add(other.introspection_fields);
        self.selections = self.selections.saturating_add(other.selections);
    }

    /// One selection set further out.
    fn nested(mut self) -> Self {
        self.nesting += 1;
        self
    }

    fn of_field(field: &Field, below: Self) -> Self {
        let mut measure = below.nested();
        measure.selections = measure.selections.saturating_add(1);
        measure.aliases = measure
            .aliases
            .saturating_add(usize::from(field.alias.is_some()));
        measure.directives = measure.directives.saturating_add(field.directives.len());
        measure.fields = measure.fields.saturating_add(1);
        measure.depth += 1;
        measure.lists += usize::from(RECURSIVE_LISTS.contains(&field.name.node.as_str()));
        if is_introspection(field) {
            measure.introspection_fields =
                measure.introspection_fields.saturating_add(measure.fields);
            measure.introspection_lists = measure.introspection_lists.max(measure.lists);
            (measure.fields, measure.depth, measure.lists) = (0, 0, 0);
        }
        measure
    }

    /// # Errors
    /// The first limit that is exceeded.
    fn check(&self, limits: &Limits, pos: Pos) -> Result<(), RequestError> {
        let visits = limits.fields.saturating_mul(4);
        for (count, limit, code, what) in [
            (
                self.depth,
                limits.depth,
                ErrorCode::TooDeep,
                "levels of fields",
            ),
            (
                self.nesting,
                limits.nesting,
                ErrorCode::TooDeep,
                "levels of selections",
            ),
            (
                self.fields,
                limits.fields,
                ErrorCode::TooManyFields,
                "fields",
            ),
            (
                self.selections,
                visits,
                ErrorCode::TooManyFields,
                "fields and fragments",
            ),
            (
                self.aliases,
                limits.aliases,
                ErrorCode::TooManyAliases,
                "aliases",
            ),
            (
                self.directives,
                limits.directives,
                ErrorCode::TooManyDirectives,
                "directives",
            ),
            (
                self.introspection_fields,
                limits.introspection_fields,
                ErrorCode::TooManyFields,
                "introspection fields",
            ),
            (
                self.introspection_lists,
                MAX_RECURSIVE_LISTS,
                ErrorCode::TooDeep,
                "introspection lists inside each other",
            ),
        ] {
            if count > limit {
                return Err(RequestError::new(
                    code,
                    format!("The operation has more than {limit} {what}."),
                )
                .at(pos));
            }
        }
        Ok(())
    }
}

pub(super) fn is_introspection(field: &Field) -> bool {
    matches!(field.name.node.as_str(), "__schema" | "__type")
}

/// Measures every operation and every fragment of the document, used or not.
///
/// # Errors
/// A limit is exceeded, or a fragment is unknown or spreads itself.
pub(super) fn measure(
    document: &ExecutableDocument,
    limits: &Limits,
) -> Result<Measure, RequestError> {
    let mut measurer = Measurer {
        fragments: &document.fragments,
        measured: HashMap::new(),
        limits,
    };
    let mut largest = Measure::default();
    for (_, operation) in document.operations.iter() {
        let operation = &operation.node;
        let mut total = measurer.set(&operation.selection_set.node)?;
        let on_variables = operation
            .variable_definitions
            .iter()
            .map(|variable| variable.node.directives.len());
        total.directives = total
            .directives
            .saturating_add(operation.directives.len() + on_variables.sum::<usize>());
        total.check(limits, operation.selection_set.pos)?;
        largest.add(total);
    }
    let mut names: Vec<&Name> = document.fragments.keys().collect();
    names.sort_by_key(|name| document.fragments[*name].pos);
    for name in names {
        let fragment = &document.fragments[name];
        measurer
            .fragment(name, fragment)?
            .check(limits, fragment.pos)?;
    }
    Ok(largest)
}

struct Measurer<'a> {
    fragments: &'a HashMap<Name, Positioned<FragmentDefinition>>,
    /// `None` while the fragment is being measured.
    measured: HashMap<&'a Name, Option<Measure>>,
    limits: &'a Limits,
}

impl<'a> Measurer<'a> {
    fn set(&mut self, set: &'a SelectionSet) -> Result<Measure, RequestError> {
        self.duplicates(set)?;
        let mut total = Measure::default();
        for selection in &set.items {
            let measure = match &selection.node {
                Selection::Field(field) => {
                    Measure::of_field(&field.node, self.set(&field.node.selection_set.node)?)
                }
                Selection::InlineFragment(inline) => {
                    let below = self.set(&inline.node.selection_set.node)?;
                    Self::of_fragment(below, &inline.node.directives)
                }
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name;
                    let Some((name, fragment)) = self.fragments.get_key_value(&name.node) else {
                        return Err(invalid(
                            format!("Unknown fragment \"{}\".", name.node),
                            name.pos,
                        ));
                    };
                    if self.measured.get(name) == Some(&None) {
                        return Err(invalid(
                            format!("Cannot spread fragment \"{name}\" within itself."),
                            spread.pos,
                        ));
                    }
                    Self::of_fragment(self.fragment(name, fragment)?, &spread.node.directives)
                }
            };
            total.add(measure);
        }
        Ok(total)
    }

    fn of_fragment(below: Measure, directives: &[Positioned<Directive>]) -> Measure {
        let mut measure = below.nested();
        measure.selections = measure.selections.saturating_add(1);
        measure.directives = measure.directives.saturating_add(directives.len());
        measure
    }

    fn fragment(
        &mut self,
        name: &'a Name,
        fragment: &'a Positioned<FragmentDefinition>,
    ) -> Result<Measure, RequestError> {
        if let Some(Some(measure)) = self.measured.get(name) {
            return Ok(*measure);
        }
        self.measured.insert(name, None);
        let mut measure = self.set(&fragment.node.selection_set.node)?;
        measure.directives = measure
            .directives
            .saturating_add(fragment.node.directives.len());
        self.measured.insert(name, Some(measure));
        Ok(measure)
    }

    /// Limits how often a set selects the same field: async-graphql resolves every repetition.
    fn duplicates(&self, set: &'a SelectionSet) -> Result<(), RequestError> {
        let mut seen: HashMap<&str, usize> = HashMap::new();
        for selection in &set.items {
            let key = match &selection.node {
                Selection::Field(field) => field.node.response_key().node.as_str(),
                Selection::FragmentSpread(spread) => spread.node.fragment_name.node.as_str(),
                Selection::InlineFragment(_) => continue,
            };
            let times = seen.entry(key).or_default();
            *times += 1;
            if *times > self.limits.duplicates {
                let message = format!(
                    "\"{key}\" is selected more than {} times in one place.",
                    self.limits.duplicates
                );
                return Err(
                    RequestError::new(ErrorCode::TooManyDuplicates, message).at(selection.pos)
                );
            }
        }
        Ok(())
    }
}
