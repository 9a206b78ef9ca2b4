//! What an operation may cost: the objects that its page sizes allow it to ask for.

use std::collections::HashMap;

use async_graphql::parser::types::{
    BaseType, ExecutableDocument, Field, OperationDefinition, OperationType, Selection,
    SelectionSet, Type,
};
use async_graphql::{Name, Value as ConstValue, Variables};
use async_graphql_value::Value;

use super::analysis::{is_page, page};
use super::limits::Limits;
use super::measure::is_introspection;
use super::refusal::{Reason, Refusal};
use super::types::{TypeTable, innermost};

/// An introspection root field: its answer has the size of the schema, whatever is asked.
const INTROSPECTION: u64 = 100;
/// A root mutation field, over what its payload costs.
const MUTATION: u64 = 10;

/// Adds up one point for every object that can be asked for: a list counts with its page size, with
/// `limits.assumed_page` where it has none, and a connection's own lists not again.
///
/// # Errors
/// A page size out of range, or more than `limits.cost`.
pub(super) fn cost(
    document: &ExecutableDocument,
    operation: &OperationDefinition,
    variables: &Variables,
    types: &TypeTable,
    limits: &Limits,
) -> Result<u64, Refusal> {
    let mut tally = Tally {
        document,
        operation,
        variables,
        types,
        limits,
        fragments: HashMap::new(),
    };
    let mut total = tally
        .set(
            types.root(operation.ty),
            false,
            &operation.selection_set.node,
        )?
        .max(1);
    if operation.ty == OperationType::Mutation {
        total = total.saturating_add(MUTATION * operation.selection_set.node.items.len() as u64);
    }
    if total > limits.cost {
        let message = format!(
            "The operation may cost {total} points; {} are allowed. Ask for smaller pages.",
            limits.cost
        );
        return Err(Refusal::new(Reason::TooCostly, message).at(operation.selection_set.pos));
    }
    Ok(total)
}

struct Tally<'a> {
    document: &'a ExecutableDocument,
    operation: &'a OperationDefinition,
    variables: &'a Variables,
    types: &'a TypeTable,
    limits: &'a Limits,
    fragments: HashMap<(&'a Name, bool), u64>,
}

impl<'a> Tally<'a> {
    /// `paged` says that the page size of the surrounding connection has been counted.
    fn set(
        &mut self,
        parent: Option<&'a Name>,
        paged: bool,
        set: &'a SelectionSet,
    ) -> Result<u64, Refusal> {
        let mut total = 0u64;
        for selection in &set.items {
            let points = match &selection.node {
                Selection::Field(field) => self.field(parent, paged, &field.node)?,
                Selection::InlineFragment(inline) => {
                    let condition = inline
                        .node
                        .type_condition
                        .as_ref()
                        .map(|condition| &condition.node.on.node);
                    self.set(condition.or(parent), paged, &inline.node.selection_set.node)?
                }
                Selection::FragmentSpread(spread) => {
                    self.fragment(&spread.node.fragment_name.node, paged)?
                }
            };
            total = total.saturating_add(points);
        }
        Ok(total)
    }

    fn fragment(&mut self, name: &Name, paged: bool) -> Result<u64, Refusal> {
        let Some((name, fragment)) = self.document.fragments.get_key_value(name) else {
            return Ok(0);
        };
        if let Some(points) = self.fragments.get(&(name, paged)) {
            return Ok(*points);
        }
        let points = self.set(
            Some(&fragment.node.type_condition.node.on.node),
            paged,
            &fragment.node.selection_set.node,
        )?;
        self.fragments.insert((name, paged), points);
        Ok(points)
    }

    fn field(
        &mut self,
        parent: Option<&'a Name>,
        paged: bool,
        field: &'a Field,
    ) -> Result<u64, Refusal> {
        if is_introspection(field) {
            return Ok(INTROSPECTION);
        }
        let asked = self.page_size(field)?;
        if field.selection_set.node.items.is_empty() {
            return Ok(0);
        }
        let known = parent.and_then(|parent| self.types.field(parent, &field.name.node));
        let pages = known.is_some_and(|known| known.arguments.keys().any(|name| is_page(name)));
        let is_list = known.is_some_and(|known| is_list(&known.ty));
        let factor = match asked {
            Some(size) => size,
            None if pages || (is_list && !paged) => self.limits.assumed_page,
            None => 1,
        };
        let below = self.set(
            known.map(|known| innermost(&known.ty)),
            asked.is_some() || pages,
            &field.selection_set.node,
        )?;
        Ok(factor.saturating_mul(below.saturating_add(1)))
    }

    fn page_size(&self, field: &Field) -> Result<Option<u64>, Refusal> {
        let mut largest = None;
        for (name, value) in field
            .arguments
            .iter()
            .filter(|(name, _)| is_page(&name.node))
        {
            let size = match &value.node {
                Value::Number(size) => size.as_u64(),
                Value::Variable(variable) => match self.variable(variable) {
                    None | Some(ConstValue::Null) => continue,
                    Some(ConstValue::Number(size)) => size.as_u64(),
                    Some(_) => None,
                },
                _ => continue,
            };
            largest = largest.max(Some(
                page(&name.node, size, self.limits).map_err(|wrong| wrong.at(value.pos))?,
            ));
        }
        Ok(largest)
    }

    fn variable(&self, name: &Name) -> Option<&'a ConstValue> {
        self.variables.get(name).or_else(|| {
            let mut definitions = self.operation.variable_definitions.iter();
            let definition = definitions.find(|definition| definition.node.name.node == *name)?;
            definition
                .node
                .default_value
                .as_ref()
                .map(|default| &default.node)
        })
    }
}

fn is_list(ty: &Type) -> bool {
    matches!(ty.base, BaseType::List(_))
}
