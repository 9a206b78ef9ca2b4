//! Input coercion: whether a value is valid for a type (specification, sections 3.5 to 3.12).

use std::collections::{HashMap, HashSet};

use async_graphql::parser::types::{BaseType, Type, VariableDefinition};
use async_graphql::{Name, Positioned, Value as ConstValue};
use async_graphql_value::Value;
use async_graphql_value::indexmap::IndexMap;

use super::types::{Input, TypeDef, TypeTable};

/// Where a value comes from.
#[derive(Clone, Copy)]
pub(super) enum ValueSource<'a> {
    /// A document, whose operation declares these variables. Enum values are names.
    Document(&'a [Positioned<VariableDefinition>]),
    /// JSON. Enum values are strings.
    Json,
}

/// What is wrong with a value, and the path to it from the argument or variable (`.field`,
/// `[index]`).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mismatch {
    pub(super) path: String,
    pub(super) message: String,
}

impl Mismatch {
    fn new(message: String) -> Self {
        Self {
            path: String::new(),
            message,
        }
    }

    fn within(mut self, step: &str) -> Self {
        self.path.insert_str(0, step);
        self
    }
}

/// Checks the value of an argument or input field, which may be a variable.
pub(super) fn check_place(
    types: &TypeTable,
    place: &Input,
    value: &Value,
    source: ValueSource<'_>,
) -> Result<(), Mismatch> {
    match (value, source) {
        (Value::Variable(name), ValueSource::Document(variables)) => usage(
            name,
            variables,
            Position {
                ty: &place.ty,
                has_default: !place.ty.nullable && !place.required,
            },
        ),
        _ => check(types, &place.ty, value, source),
    }
}

/// Checks a value against a type.
pub(super) fn check(
    types: &TypeTable,
    ty: &Type,
    value: &Value,
    source: ValueSource<'_>,
) -> Result<(), Mismatch> {
    match (&ty.base, value) {
        (_, Value::Variable(name)) => match source {
            ValueSource::Document(variables) => usage(
                name,
                variables,
                Position {
                    ty,
                    has_default: false,
                },
            ),
            ValueSource::Json => Ok(()),
        },
        (_, Value::Null) if ty.nullable => Ok(()),
        (_, Value::Null) => Err(Mismatch::new(format!(
            "Expected a value of type \"{ty}\", found null."
        ))),
        (BaseType::List(item), Value::List(values)) => {
            for (index, value) in values.iter().enumerate() {
                check(types, item, value, source)
                    .map_err(|wrong| wrong.within(&format!("[{index}]")))?;
            }
            Ok(())
        }
        (BaseType::List(item), single) => check(types, item, single, source),
        (BaseType::Named(name), value) => named(types, name, value, source),
    }
}

/// The type that a variable must have.
struct Position<'a> {
    ty: &'a Type,
    /// Whether null is replaced by a default of the argument or input field.
    has_default: bool,
}

/// Checks that a variable's type fits its position (specification, section 5.8.5). async-graphql
/// compares only the innermost named types.
fn usage(
    name: &Name,
    variables: &[Positioned<VariableDefinition>],
    position: Position<'_>,
) -> Result<(), Mismatch> {
    let Some(variable) = variables
        .iter()
        .find(|variable| variable.node.name.node == *name)
    else {
        return Ok(());
    };
    let variable = &variable.node;
    let never_null = position.has_default
        || variable
            .default_value
            .as_ref()
            .is_some_and(|default| default.node != ConstValue::Null);
    let mut given = variable.var_type.node.clone();
    if never_null {
        given.nullable = false;
    }
    if fits(&given, position.ty) {
        return Ok(());
    }
    let message = format!(
        "Variable \"${name}\" of type \"{}\" used in position expecting type \"{}\".",
        variable.var_type.node, position.ty
    );
    Err(Mismatch::new(message))
}

fn fits(given: &Type, wanted: &Type) -> bool {
    (wanted.nullable || !given.nullable)
        && match (&given.base, &wanted.base) {
            (BaseType::Named(given), BaseType::Named(wanted)) => given == wanted,
            (BaseType::List(given), BaseType::List(wanted)) => fits(given, wanted),
            _ => false,
        }
}

fn named(
    types: &TypeTable,
    name: &Name,
    value: &Value,
    source: ValueSource<'_>,
) -> Result<(), Mismatch> {
    let fits = match (types.get(name), name.as_str()) {
        (Some(TypeDef::Enum(values)), _) => {
            return enumeration(name, values, value, source);
        }
        (Some(TypeDef::Input { fields, one_of }), _) => {
            let given = object(types, name, fields, value, source)?;
            return if *one_of {
                exactly_one(name, given)
            } else {
                Ok(())
            };
        }
        (_, "Int") => {
            matches!(value, Value::Number(n) if n.as_i64().is_some_and(|n| i32::try_from(n).is_ok()))
        }
        (_, "Float") => matches!(value, Value::Number(n) if n.as_f64().is_some_and(f64::is_finite)),
        (_, "String") => matches!(value, Value::String(_)),
        (_, "Boolean") => matches!(value, Value::Boolean(_)),
        (_, "ID") => {
            matches!(value, Value::String(_))
                || matches!(value, Value::Number(n) if n.is_i64() || n.is_u64())
        }
        (Some(TypeDef::Scalar), _) => return custom(types, name, value),
        // Unknown types and output types are reported by async-graphql's validation.
        _ => true,
    };
    if fits {
        Ok(())
    } else {
        Err(Mismatch::new(format!(
            "Expected a value of type \"{name}\", found {}.",
            shown(value)
        )))
    }
}

fn choice<'a>(value: &'a Value, source: ValueSource<'_>) -> &'a str {
    match (value, source) {
        (Value::Enum(name), ValueSource::Document(_)) => name,
        (Value::String(name), ValueSource::Json) => name,
        _ => "",
    }
}

fn enumeration(
    name: &Name,
    values: &HashSet<Name>,
    value: &Value,
    source: ValueSource<'_>,
) -> Result<(), Mismatch> {
    match choice(value, source) {
        choice if values.contains(choice) => Ok(()),
        "" => Err(Mismatch::new(format!(
            "Enum \"{name}\" cannot represent {}.",
            shown(value)
        ))),
        _ => Err(Mismatch::new(format!(
            "Value {} does not exist in \"{name}\" enum.",
            shown(value)
        ))),
    }
}

fn object<'a>(
    types: &TypeTable,
    name: &Name,
    fields: &HashMap<Name, Input>,
    value: &'a Value,
    source: ValueSource<'_>,
) -> Result<&'a IndexMap<Name, Value>, Mismatch> {
    let Value::Object(given) = value else {
        return Err(Mismatch::new(format!(
            "Expected a value of type \"{name}\" to be an object, found {}.",
            shown(value)
        )));
    };
    for (key, value) in given {
        let Some(input) = fields.get(key) else {
            return Err(Mismatch::new(format!(
                "Field \"{}\" is not defined by type \"{name}\".",
                clip(key)
            )));
        };
        check_place(types, input, value, source)
            .map_err(|wrong| wrong.within(&format!(".{key}")))?;
    }
    let mut missing: Vec<_> = fields
        .iter()
        .filter(|(key, input)| input.required && !given.contains_key(*key))
        .collect();
    missing.sort_by_key(|(key, _)| key.as_str().to_owned());
    if let Some((key, input)) = missing.first() {
        return Err(Mismatch::new(format!(
            "Field \"{key}\" of required type \"{}\" was not provided.",
            input.ty
        )));
    }
    Ok(given)
}

fn exactly_one(name: &Name, given: &IndexMap<Name, Value>) -> Result<(), Mismatch> {
    match given.values().next() {
        Some(value) if given.len() == 1 && *value != Value::Null => Ok(()),
        _ => Err(Mismatch::new(format!(
            "Exactly one field of \"{name}\" must be given, and it must not be null."
        ))),
    }
}

fn custom(types: &TypeTable, name: &Name, value: &Value) -> Result<(), Mismatch> {
    let (Some(check), Some(value)) = (types.scalar_check(name), value.clone().into_const()) else {
        return Ok(());
    };
    check(&value).map_err(Mismatch::new)
}

/// Formats the value for an error message, shortened.
fn shown(value: &Value) -> String {
    match value {
        Value::Object(_) => "an object".into(),
        Value::List(_) => "a list".into(),
        Value::Binary(_) => "bytes".into(),
        other => {
            let text = other.to_string();
            let clipped = clip(&text);
            if clipped.len() < text.len() {
                format!("{clipped}…")
            } else {
                text
            }
        }
    }
}

fn clip(text: &str) -> &str {
    &text[..text.floor_char_boundary(40)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(ty: &str, json: serde_json::Value) -> Result<(), String> {
        let types = TypeTable::from_sdl(
            "enum Colour { RED } input Box { size: Int! lid: Colour tags: [String!] } input Pick @oneOf { a: Int b: Int }
             scalar Stamp type Query { a: Int } schema { query: Query }",
        )
        .check_scalar::<uuid::Uuid>();
        let ty = Type::new(ty).expect("a type");
        let value = ConstValue::from_json(json).expect("JSON").into_value();
        check(&types, &ty, &value, ValueSource::Json)
            .map_err(|wrong| format!("{}: {}", wrong.path, wrong.message))
    }

    #[test]
    fn takes_what_fits() {
        for (ty, json) in [
            ("Int!", serde_json::json!(-2_147_483_648_i64)),
            ("Float", serde_json::json!(1)),
            ("ID", serde_json::json!(7)),
            ("ID", serde_json::json!("x")),
            ("[[Int]!]", serde_json::json!(3)),
            ("[Int]", serde_json::json!([1, null])),
            ("Colour", serde_json::json!("RED")),
            ("Box", serde_json::json!({"size": 1, "tags": "one"})),
            ("Pick", serde_json::json!({"a": 1})),
            ("Stamp", serde_json::json!({"any": ["thing"]})),
            (
                "UUID",
                serde_json::json!("not known as a scalar of this schema"),
            ),
        ] {
            assert_eq!(verdict(ty, json.clone()), Ok(()), "{ty} {json}");
        }
    }

    #[test]
    fn names_what_does_not_and_where() {
        for (ty, json, message) in [
            (
                "Int",
                serde_json::json!(2_147_483_648_i64),
                ": Expected a value of type \"Int\", found 2147483648.",
            ),
            (
                "Int",
                serde_json::json!(1.5),
                ": Expected a value of type \"Int\", found 1.5.",
            ),
            (
                "String!",
                serde_json::json!(null),
                ": Expected a value of type \"String!\", found null.",
            ),
            (
                "[Int!]",
                serde_json::json!([1, null]),
                "[1]: Expected a value of type \"Int!\", found null.",
            ),
            (
                "Boolean",
                serde_json::json!("true"),
                ": Expected a value of type \"Boolean\", found \"true\".",
            ),
            (
                "Colour",
                serde_json::json!("BLUE"),
                ": Value \"BLUE\" does not exist in \"Colour\" enum.",
            ),
            (
                "Colour",
                serde_json::json!(3),
                ": Enum \"Colour\" cannot represent 3.",
            ),
            (
                "Box",
                serde_json::json!({"tags": []}),
                ": Field \"size\" of required type \"Int!\" was not provided.",
            ),
            (
                "Box",
                serde_json::json!({"size": 1, "tags": ["a", 2]}),
                ".tags[1]: Expected a value of type \"String\", found 2.",
            ),
            (
                "Box",
                serde_json::json!({"size": 1, "x": 1}),
                ": Field \"x\" is not defined by type \"Box\".",
            ),
            (
                "Box",
                serde_json::json!(1),
                ": Expected a value of type \"Box\" to be an object, found 1.",
            ),
            (
                "Pick",
                serde_json::json!({"a": 1, "b": null}),
                ": Exactly one field of \"Pick\" must be given, and it must not be null.",
            ),
        ] {
            assert_eq!(verdict(ty, json), Err(message.to_owned()), "{ty}");
        }
    }
}
