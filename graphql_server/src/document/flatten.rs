//! Rewrites subscriptions so that async-graphql opens one stream.
//!
//! async-graphql opens a stream for each field that is a direct item of a subscription's selection
//! set, and none for a field of a fragment: `subscription { ...Events }` would end at once, without
//! an error. So the root fragments are replaced by their fields, and the one field (the analysis
//! has checked that there is one) is merged into one item.

use async_graphql::Positioned;
use async_graphql::parser::types::{
    DocumentOperations, ExecutableDocument, Field, OperationType, Selection, SelectionSet,
};

/// Rewrites the root selections of the subscriptions in a validated document.
pub(super) fn flatten_subscriptions(document: &mut ExecutableDocument) {
    let fragments = &document.fragments;
    let operations: Vec<_> = match &mut document.operations {
        DocumentOperations::Single(operation) => vec![operation],
        DocumentOperations::Multiple(operations) => operations.values_mut().collect(),
    };
    for operation in operations
        .into_iter()
        .filter(|operation| operation.node.ty == OperationType::Subscription)
    {
        let mut fields: Vec<Positioned<Field>> = Vec::new();
        collect(fragments, &operation.node.selection_set.node, &mut fields);
        let selection =
            |field: Positioned<Field>| Positioned::new(Selection::Field(field.clone()), field.pos);
        operation.node.selection_set.node.items = fields.into_iter().map(selection).collect();
    }
}

type Fragments = std::collections::HashMap<
    async_graphql::Name,
    Positioned<async_graphql::parser::types::FragmentDefinition>,
>;

fn collect(fragments: &Fragments, set: &SelectionSet, fields: &mut Vec<Positioned<Field>>) {
    for selection in &set.items {
        match &selection.node {
            Selection::Field(field) => {
                let same = |known: &&mut Positioned<Field>| {
                    known.node.response_key().node == field.node.response_key().node
                };
                match fields.iter_mut().find(same) {
                    Some(known) => known
                        .node
                        .selection_set
                        .node
                        .items
                        .extend(field.node.selection_set.node.items.iter().cloned()),
                    None => fields.push(field.clone()),
                }
            }
            Selection::InlineFragment(inline) => {
                collect(fragments, &inline.node.selection_set.node, fields)
            }
            Selection::FragmentSpread(spread) => {
                if let Some(fragment) = fragments.get(&spread.node.fragment_name.node) {
                    collect(fragments, &fragment.node.selection_set.node, fields);
                }
            }
        }
    }
}
