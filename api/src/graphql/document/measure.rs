//! How big a document is with its fragments expanded, without expanding them.
//!
//! Every fragment is measured once and its measure is added wherever it is spread, so a text whose
//! fragments fan out to billions of fields costs no more to refuse than its own length. The library
//! walks the expansion itself: nothing of it may run before this.

use std::collections::HashMap;

use async_graphql::parser::types::{
    Directive, ExecutableDocument, Field, FragmentDefinition, Selection, SelectionSet,
};
use async_graphql::{Name, Pos, Positioned};

use super::limits::Limits;
use super::parse::invalid;
use super::refusal::{Reason, Refusal};

/// Counts over an expanded selection. All of them saturate: a fan-out overflows any integer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measure {
    /// Fields on the longest path.
    pub depth: usize,
    pub fields: usize,
    pub aliases: usize,
    pub directives: usize,
    /// Fields below `__schema` and `__type`; they count neither as fields nor towards the depth.
    pub introspection_fields: usize,
    /// Fields, spreads and inline fragments alike: what a walk over the expansion visits.
    selections: usize,
    /// Selection sets of any kind on the longest path: how deep such a walk recurses.
    nesting: usize,
    /// Lists of `__Type` and `__Field` inside each other, which multiply the size of an
    /// introspection answer.
    lists: usize,
    introspection_lists: usize,
}

/// The lists that lead back to more types.
const GROWING: [&str; 4] = ["fields", "inputFields", "interfaces", "possibleTypes"];
/// `types { fields { type { fields` shows a tree twice over; nobody needs more.
const MOST_GROWING_LISTS: usize = 2;

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

    /// The measure of what stands one selection set further out.
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
        measure.lists += usize::from(GROWING.contains(&field.name.node.as_str()));
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
    fn check(&self, limits: &Limits, pos: Pos) -> Result<(), Refusal> {
        let visits = limits.fields.saturating_mul(4);
        for (count, limit, reason, what) in [
            (
                self.depth,
                limits.depth,
                Reason::TooDeep,
                "levels of fields",
            ),
            (
                self.nesting,
                limits.nesting,
                Reason::TooDeep,
                "levels of selections",
            ),
            (self.fields, limits.fields, Reason::TooManyFields, "fields"),
            (
                self.selections,
                visits,
                Reason::TooManyFields,
                "fields and fragments",
            ),
            (
                self.aliases,
                limits.aliases,
                Reason::TooManyAliases,
                "aliases",
            ),
            (
                self.directives,
                limits.directives,
                Reason::TooManyDirectives,
                "directives",
            ),
            (
                self.introspection_fields,
                limits.introspection_fields,
                Reason::TooManyFields,
                "introspection fields",
            ),
            (
                self.introspection_lists,
                MOST_GROWING_LISTS,
                Reason::TooDeep,
                "introspection lists inside each other",
            ),
        ] {
            if count > limit {
                return Err(Refusal::new(
                    reason,
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

/// Measures every operation of the document and every fragment, used or not.
///
/// # Errors
/// A limit that is exceeded, a fragment that spreads itself, or one that does not exist.
pub(super) fn measure(document: &ExecutableDocument, limits: &Limits) -> Result<Measure, Refusal> {
    let mut ruler = Ruler {
        fragments: &document.fragments,
        known: HashMap::new(),
        limits,
    };
    let mut largest = Measure::default();
    for (_, operation) in document.operations.iter() {
        let operation = &operation.node;
        let mut total = ruler.set(&operation.selection_set.node)?;
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
        ruler
            .fragment(name, fragment)?
            .check(limits, fragment.pos)?;
    }
    Ok(largest)
}

struct Ruler<'a> {
    fragments: &'a HashMap<Name, Positioned<FragmentDefinition>>,
    /// `None` while the fragment is being measured.
    known: HashMap<&'a Name, Option<Measure>>,
    limits: &'a Limits,
}

impl<'a> Ruler<'a> {
    fn set(&mut self, set: &'a SelectionSet) -> Result<Measure, Refusal> {
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
                    if self.known.get(name) == Some(&None) {
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
    ) -> Result<Measure, Refusal> {
        if let Some(Some(measure)) = self.known.get(name) {
            return Ok(*measure);
        }
        self.known.insert(name, None);
        let mut measure = self.set(&fragment.node.selection_set.node)?;
        measure.directives = measure
            .directives
            .saturating_add(fragment.node.directives.len());
        self.known.insert(name, Some(measure));
        Ok(measure)
    }

    /// Refuses the same field over and over in one set: the library resolves each of them.
    fn duplicates(&self, set: &'a SelectionSet) -> Result<(), Refusal> {
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
                return Err(Refusal::new(Reason::TooManyDuplicates, message).at(selection.pos));
            }
        }
        Ok(())
    }
}
