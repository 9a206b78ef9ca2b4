//! Fields with the same response name must be mergeable (specification, section 5.3.2).
//!
//! async-graphql compares only the fields of one selection set. Here selection sets are merged
//! recursively, as execution merges them. Each field is visited once per level, so the work is
//! bounded by the expanded size, which has been limited before.

use std::collections::HashSet;

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::{
    BaseType, ExecutableDocument, Field, Selection, SelectionSet, Type,
};
use async_graphql::{Name, Positioned};

use super::error::RequestError;
use super::parse::invalid;
use super::types::{TypeDef, TypeTable, innermost};

/// # Errors
/// The first two fields that cannot be merged.
pub(super) fn check(document: &ExecutableDocument, types: &TypeTable) -> Result<(), RequestError> {
    let merger = Merger { document, types };
    document.operations.iter().try_for_each(|(_, operation)| {
        let operation = &operation.node;
        merger.merge(
            &[(types.root(operation.ty), &operation.selection_set.node)],
            Rule::Same,
        )
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// Same name, same arguments, same shape.
    Same,
    /// Same shape only: the parent types are different objects, so only one of the fields is
    /// executed.
    Shape,
}

#[derive(Clone, Copy)]
struct Selected<'a> {
    parent: Option<&'a Name>,
    field: &'a Positioned<Field>,
}

type Sets<'a> = [(Option<&'a Name>, &'a SelectionSet)];

struct Merger<'a> {
    document: &'a ExecutableDocument,
    types: &'a TypeTable,
}

impl<'a> Merger<'a> {
    fn merge(&self, sets: &Sets<'a>, rule: Rule) -> Result<(), RequestError> {
        let (mut groups, mut seen) = (IndexMap::new(), HashSet::new());
        for (parent, set) in sets {
            self.collect(*parent, set, &mut groups, &mut seen);
        }
        groups
            .values()
            .try_for_each(|group: &Vec<Selected<'a>>| self.group(group, rule))
    }

    fn collect(
        &self,
        parent: Option<&'a Name>,
        set: &'a SelectionSet,
        groups: &mut IndexMap<&'a str, Vec<Selected<'a>>>,
        seen: &mut HashSet<&'a str>,
    ) {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => {
                    groups
                        .entry(field.node.response_key().node.as_str())
                        .or_default()
                        .push(Selected { parent, field });
                }
                Selection::InlineFragment(inline) => {
                    let condition = inline
                        .node
                        .type_condition
                        .as_ref()
                        .map(|condition| &condition.node.on.node);
                    self.collect(
                        condition.or(parent),
                        &inline.node.selection_set.node,
                        groups,
                        seen,
                    );
                }
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    if let Some(fragment) = self.document.fragments.get(name)
                        && seen.insert(name)
                    {
                        self.collect(
                            Some(&fragment.node.type_condition.node.on.node),
                            &fragment.node.selection_set.node,
                            groups,
                            seen,
                        );
                    }
                }
            }
        }
    }

    fn group(&self, group: &[Selected<'a>], rule: Rule) -> Result<(), RequestError> {
        if rule == Rule::Shape {
            self.check_shape(group)?;
            return self.merge(&self.subselections(group), Rule::Shape);
        }
        let abstract_field = group
            .iter()
            .find(|selected| !self.is_concrete(selected.parent));
        let mut by_parent: IndexMap<Option<&Name>, Vec<Selected<'a>>> = IndexMap::new();
        for selected in group {
            // A field on an interface can meet the fields of every object type, so all must be the
            // same.
            let parent = if abstract_field.is_some() {
                None
            } else {
                selected.parent
            };
            by_parent.entry(parent).or_default().push(*selected);
        }
        for same in by_parent.values() {
            let first = abstract_field.unwrap_or(&same[0]);
            for other in same {
                if let Some(reason) = difference(&first.field.node, &other.field.node) {
                    return Err(conflict(first, other, &reason));
                }
            }
            self.merge(&self.subselections(same), Rule::Same)?;
        }
        self.check_shape(group)?;
        if by_parent.len() > 1 {
            self.merge(&self.subselections(group), Rule::Shape)
        } else {
            Ok(())
        }
    }

    fn check_shape(&self, group: &[Selected<'a>]) -> Result<(), RequestError> {
        let Some((first, others)) = group.split_first() else {
            return Ok(());
        };
        match others.iter().find(|other| !self.same_shape(first, other)) {
            Some(other) => Err(conflict(first, other, "they return conflicting types")),
            None => Ok(()),
        }
    }

    fn subselections(&self, group: &[Selected<'a>]) -> Vec<(Option<&'a Name>, &'a SelectionSet)> {
        let set = |selected: &Selected<'a>| {
            let set = &selected.field.node.selection_set.node;
            (!set.items.is_empty()).then(|| (self.returned(selected).map(innermost), set))
        };
        group.iter().filter_map(set).collect()
    }

    fn returned(&self, selected: &Selected<'a>) -> Option<&'a Type> {
        self.types
            .field(selected.parent?, &selected.field.node.name.node)
            .map(|known| &known.ty)
    }

    fn is_concrete(&self, parent: Option<&Name>) -> bool {
        parent.is_some_and(|parent| {
            matches!(
                self.types.get(parent),
                Some(TypeDef::Fields { concrete: true, .. })
            )
        })
    }

    fn same_shape(&self, a: &Selected<'a>, b: &Selected<'a>) -> bool {
        match (self.returned(a), self.returned(b)) {
            (Some(a), Some(b)) => self.same_type(a, b),
            // An unknown field is reported by another rule.
            _ => true,
        }
    }

    fn same_type(&self, a: &Type, b: &Type) -> bool {
        a.nullable == b.nullable
            && match (&a.base, &b.base) {
                (BaseType::List(a), BaseType::List(b)) => self.same_type(a, b),
                (BaseType::Named(a), BaseType::Named(b)) => {
                    a == b || (self.has_fields(a) && self.has_fields(b))
                }
                _ => false,
            }
    }

    fn has_fields(&self, name: &Name) -> bool {
        matches!(
            self.types.get(name),
            Some(TypeDef::Fields { .. } | TypeDef::Union)
        )
    }
}

fn difference(a: &Field, b: &Field) -> Option<String> {
    if a.name.node != b.name.node {
        return Some(format!(
            "\"{}\" and \"{}\" are different fields",
            a.name.node, b.name.node
        ));
    }
    let same = a.arguments.len() == b.arguments.len()
        && a.arguments.iter().all(|(name, value)| {
            b.get_argument(&name.node)
                .is_some_and(|other| other.node == value.node)
        });
    if same {
        None
    } else {
        Some("they have differing arguments".into())
    }
}

fn conflict(a: &Selected<'_>, b: &Selected<'_>, reason: &str) -> RequestError {
    let key = &a.field.node.response_key().node;
    let message = format!(
        "Fields \"{key}\" conflict because {reason}. Use different aliases on the fields to fetch both."
    );
    invalid(message, a.field.pos).at(b.field.pos)
}
