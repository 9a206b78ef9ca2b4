//! Checks a request's variables against the variables that the operation declares (specification,
//! section 6.1.2).

use async_graphql::parser::types::OperationDefinition;
use async_graphql::{Value as ConstValue, Variables};

use super::error::{ErrorCode, RequestError};
use super::input::{self, ValueSource};
use super::types::TypeTable;

/// Checks every declared variable. Undeclared ones are dropped, as the specification says.
///
/// # Errors
/// One error for each variable that is missing or invalid.
pub(super) fn coerce(
    operation: &OperationDefinition,
    given: &mut Variables,
    types: &TypeTable,
) -> Result<(), Vec<RequestError>> {
    let mut wrong = Vec::new();
    for definition in &operation.variable_definitions {
        let definition = &definition.node;
        let (name, ty) = (&definition.name.node, &definition.var_type.node);
        let problem = match given.get(name) {
            None if ty.nullable || definition.default_value.is_some() => continue,
            None => format!("Variable \"${name}\" of required type \"{ty}\" was not provided."),
            Some(ConstValue::Null) if !ty.nullable => {
                format!("Variable \"${name}\" of non-null type \"{ty}\" must not be null.")
            }
            Some(value) => {
                match input::check(types, ty, &value.clone().into_value(), ValueSource::Json) {
                    Ok(()) => continue,
                    Err(wrong) => format!(
                        "Variable \"${name}{}\" has an invalid value: {}",
                        wrong.path, wrong.message
                    ),
                }
            }
        };
        wrong.push(RequestError::new(ErrorCode::BadUserInput, problem).at(definition.name.pos));
    }
    let declared = |name: &str| {
        operation
            .variable_definitions
            .iter()
            .any(|known| known.node.name.node.as_str() == name)
    };
    let kept = std::mem::take(&mut **given)
        .into_iter()
        .filter(|(name, _)| declared(name))
        .collect();
    **given = kept;
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}
