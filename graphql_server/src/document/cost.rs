//! The estimated cost of an operation: the number of objects that its page sizes allow.

use std::collections::HashMap;

use async_graphql::parser::types::{
    BaseType, ExecutableDocument, Field, OperationDefinition, OperationType, Selection,
    SelectionSet, Type,
};
use async_graphql::{Name, Value as ConstValue, Variables};
use async_graphql_value::Value;

use super::analysis::{is_page, page};
use super::error::{ErrorCode, RequestError};
use super::limits::Limits;
use super::measure::is_introspection;
use super::types::{TypeTable, innermost};

/// The cost of an introspection root field, whose response has the size of the schema.
const INTROSPECTION: u64 = 100;
/// The cost of a root mutation field, over that of its payload.
const MUTATION: u64 = 10;

/// Counts one point per object. A list is multiplied by its page size, or by `limits.assumed_page`
/// if it has none; the lists inside a connection are not multiplied again.
///
/// # Errors
/// A page size is out of range, or the cost is higher than `limits.cost`.
pub(super) fn cost(
    document: &ExecutableDocument,
    operation: &OperationDefinition,
    variables: &Variables,
    types: &TypeTable,
    limits: &Limits,
) -> Result<u64, RequestError> {
    let mut counter = CostCounter {
        document,
        operation,
        variables,
        types,
        limits,
        fragments: HashMap::new(),
    };
    let mut total = counter
        .set(
            types.root(operation.ty),
            Paging::Uncounted,
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
        return Err(
            RequestError::new(ErrorCode::TooCostly, message).at(operation.selection_set.pos)
        );
    }
    Ok(total)
}

/// Whether the page size of the enclosing connection has been counted.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Paging {
    Counted,
    Uncounted,
}

struct CostCounter<'a> {
    document: &'a ExecutableDocument,
    operation: &'a OperationDefinition,
    variables: &'a Variables,
    types: &'a TypeTable,
    limits: &'a Limits,
    fragments: HashMap<(&'a Name, Paging), u64>,
}

impl<'a> CostCounter<'a> {
    fn set(
        &mut self,
        parent: Option<&'a Name>,
        paging: Paging,
        set: &'a SelectionSet,
    ) -> Result<u64, RequestError> {
        let mut total = 0u64;
        for selection in &set.items {
            let points = match &selection.node {
                Selection::Field(field) => self.field(parent, paging, &field.node)?,
                Selection::InlineFragment(inline) => {
                    let condition = inline
                        .node
                        .type_condition
                        .as_ref()
                        .map(|condition| &condition.node.on.node);
                    self.set(
                        condition.or(parent),
                        paging,
                        &inline.node.selection_set.node,
                    )?
                }
                Selection::FragmentSpread(spread) => {
                    self.fragment(&spread.node.fragment_name.node, paging)?
                }
            };
            total = total.saturating_add(points);
        }
        Ok(total)
    }

    fn fragment(&mut self, name: &Name, paging: Paging) -> Result<u64, RequestError> {
        let Some((name, fragment)) = self.document.fragments.get_key_value(name) else {
            return Ok(0);
        };
        if let Some(points) = self.fragments.get(&(name, paging)) {
            return Ok(*points);
        }
        let points = self.set(
            Some(&fragment.node.type_condition.node.on.node),
            paging,
            &fragment.node.selection_set.node,
        )?;
        self.fragments.insert((name, paging), points);
        Ok(points)
    }

    fn field(
        &mut self,
        parent: Option<&'a Name>,
        paging: Paging,
        field: &'a Field,
    ) -> Result<u64, RequestError> {
        if is_introspection(field) {
            return Ok(INTROSPECTION);
        }
        let requested = self.page_size(field)?;
        if field.selection_set.node.items.is_empty() {
            return Ok(0);
        }
        let known = parent.and_then(|parent| self.types.field(parent, &field.name.node));
        let pages = known.is_some_and(|known| known.arguments.keys().any(|name| is_page(name)));
        let is_list = known.is_some_and(|known| is_list(&known.ty));
        let factor = match requested {
            Some(size) => size,
            None if pages || (is_list && paging == Paging::Uncounted) => self.limits.assumed_page,
            None => 1,
        };
        let inner = if requested.is_some() || pages {
            Paging::Counted
        } else {
            Paging::Uncounted
        };
        let points = self.set(
            known.map(|known| innermost(&known.ty)),
            inner,
            &field.selection_set.node,
        )?;
        Ok(factor.saturating_mul(points.saturating_add(1)))
    }

    fn page_size(&self, field: &Field) -> Result<Option<u64>, RequestError> {
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
