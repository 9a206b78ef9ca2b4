//! What an operation selects, by its text and the schema's types. Authorisation and cost are based
//! on it.

use std::collections::{BTreeSet, HashMap, HashSet};

use async_graphql::parser::types::{
    BaseType, Directive, ExecutableDocument, Field, FragmentDefinition, OperationDefinition,
    OperationType, Selection, SelectionSet, Type, VariableDefinition,
};
use async_graphql::{Name, Positioned};
use async_graphql_value::Value;

use super::error::{ErrorCode, RequestError};
use super::input::{self, ValueSource};
use super::limits::Limits;
use super::measure::{Measure, is_introspection};
use super::parse::invalid;
use super::types::{Input, TypeTable, innermost};

/// The properties of an operation that do not depend on its variables.
#[derive(Clone, Debug)]
pub struct Analysis {
    pub kind: OperationType,
    /// The operation's name, if it has one.
    pub name: Option<String>,
    /// The selected fields of the root type, fragments expanded, without duplicates, in the order
    /// of the text.
    pub root_fields: Vec<String>,
    /// All selected fields as `Type.field`, by the type that they are selected on.
    pub coordinates: BTreeSet<String>,
    /// Whether `__schema` or `__type` is selected.
    pub introspects: bool,
    /// Selected mutation fields that call an external provider: 0 or 1.
    pub provider_mutations: usize,
    pub measure: Measure,
}

/// Analyses the operation, and checks what async-graphql does not: literals against their types,
/// and that a subscription has one plain root field.
///
/// # Errors
/// The first rule that is violated.
pub(super) fn analyse(
    document: &ExecutableDocument,
    (name, operation): (Option<&Name>, &OperationDefinition),
    measure: Measure,
    types: &TypeTable,
    limits: &Limits,
) -> Result<Analysis, RequestError> {
    let mut root_fields = Vec::new();
    let mut provider_mutations = 0;
    roots(
        &document.fragments,
        &operation.selection_set.node,
        &mut |field| {
            let field = &field.node;
            provider_mutations +=
                usize::from(limits.provider_mutations.contains(field.name.node.as_str()));
            if !root_fields
                .iter()
                .any(|known| *known == field.name.node.as_str())
            {
                root_fields.push(field.name.node.to_string());
            }
        },
    );
    if operation.ty != OperationType::Mutation {
        provider_mutations = 0;
    }
    if provider_mutations > 1 {
        let message = "An operation may have at most one field that calls a provider.";
        return Err(
            RequestError::new(ErrorCode::TooManyProviderMutations, message)
                .at(operation.selection_set.pos),
        );
    }
    if operation.ty == OperationType::Subscription {
        single_field(document, operation)?;
    }
    let mut analyzer = Analyzer {
        document,
        types,
        limits,
        declared: &operation.variable_definitions,
        coordinates: BTreeSet::new(),
        introspects: false,
        seen: HashSet::new(),
    };
    analyzer.variables(operation)?;
    analyzer.set(types.root(operation.ty), &operation.selection_set.node)?;
    let Analyzer {
        coordinates,
        introspects,
        ..
    } = analyzer;
    let name = name.map(ToString::to_string);
    Ok(Analysis {
        kind: operation.ty,
        name,
        root_fields,
        coordinates,
        introspects,
        provider_mutations,
        measure,
    })
}

type Fragments = HashMap<Name, Positioned<FragmentDefinition>>;

/// Calls `visit` for every field of the root selection, fragments expanded. Their number has been
/// limited by the measurement.
fn roots<'a>(
    fragments: &'a Fragments,
    set: &'a SelectionSet,
    visit: &mut impl FnMut(&'a Positioned<Field>),
) {
    for selection in &set.items {
        match &selection.node {
            Selection::Field(field) => visit(field),
            Selection::InlineFragment(inline) => {
                roots(fragments, &inline.node.selection_set.node, visit)
            }
            Selection::FragmentSpread(spread) => {
                if let Some(fragment) = fragments.get(&spread.node.fragment_name.node) {
                    roots(fragments, &fragment.node.selection_set.node, visit);
                }
            }
        }
    }
}

/// A subscription selects one root field, which is not an introspection field and has no condition
/// (specification, section 5.2.3).
fn single_field(
    document: &ExecutableDocument,
    operation: &OperationDefinition,
) -> Result<(), RequestError> {
    let mut keys = HashSet::new();
    let mut broken = None;
    roots(
        &document.fragments,
        &operation.selection_set.node,
        &mut |field| {
            keys.insert(field.node.response_key().node.as_str());
            if keys.len() > 1 && broken.is_none() {
                broken = Some((
                    "A subscription must select only one top level field.",
                    field.pos,
                ));
            } else if field.node.name.node.starts_with("__") {
                broken = Some((
                    "A subscription must not select an introspection top level field.",
                    field.pos,
                ));
            }
        },
    );
    let conditional = |selection: &Positioned<Selection>| {
        let mut directives = selection.node.directives().iter();
        directives
            .find(|directive| matches!(directive.node.name.node.as_str(), "skip" | "include"))
            .map(|found| found.pos)
    };
    if let Some(pos) = operation
        .selection_set
        .node
        .items
        .iter()
        .find_map(conditional)
    {
        broken = Some((
            "A subscription's top level field must not be skipped or included by a directive.",
            pos,
        ));
    }
    broken.map_or(Ok(()), |(message, pos)| Err(invalid(message.into(), pos)))
}

/// Walks over the document once, and over each fragment once.
struct Analyzer<'a> {
    document: &'a ExecutableDocument,
    types: &'a TypeTable,
    limits: &'a Limits,
    declared: &'a [Positioned<VariableDefinition>],
    coordinates: BTreeSet<String>,
    introspects: bool,
    seen: HashSet<&'a Name>,
}

impl<'a> Analyzer<'a> {
    fn set(&mut self, parent: Option<&'a Name>, set: &'a SelectionSet) -> Result<(), RequestError> {
        for selection in &set.items {
            self.directives(selection.node.directives())?;
            match &selection.node {
                Selection::Field(field) => self.field(parent, field)?,
                Selection::InlineFragment(inline) => {
                    let condition = inline
                        .node
                        .type_condition
                        .as_ref()
                        .map(|condition| &condition.node.on.node);
                    self.set(condition.or(parent), &inline.node.selection_set.node)?;
                }
                Selection::FragmentSpread(spread) => {
                    if let Some((name, fragment)) = self
                        .document
                        .fragments
                        .get_key_value(&spread.node.fragment_name.node)
                        && self.seen.insert(name)
                    {
                        self.set(
                            Some(&fragment.node.type_condition.node.on.node),
                            &fragment.node.selection_set.node,
                        )?;
                    }
                }
            }
        }
        Ok(())
    }

    fn field(
        &mut self,
        parent: Option<&'a Name>,
        field: &'a Positioned<Field>,
    ) -> Result<(), RequestError> {
        let node = &field.node;
        if node.name.node == "__typename" {
            return self.typename(field);
        }
        self.introspects |= is_introspection(node);
        if let Some(parent) = parent {
            self.coordinates
                .insert(format!("{parent}.{}", node.name.node));
        }
        let known = parent.and_then(|parent| self.types.field(parent, &node.name.node));
        for (name, value) in &node.arguments {
            if let Value::Number(size) = &value.node
                && is_page(&name.node)
            {
                page(&name.node, size.as_u64(), self.limits)
                    .map_err(|wrong| wrong.at(value.pos))?;
            }
            if let Some(input) = known.and_then(|known| known.arguments.get(&name.node)) {
                self.argument(&name.node, input, value)?;
            }
        }
        self.set(
            known.map(|known| innermost(&known.ty)),
            &node.selection_set.node,
        )
    }

    /// async-graphql checks directives only on fields other than `__typename`, and not on
    /// variables.
    fn directives(&self, directives: &'a [Positioned<Directive>]) -> Result<(), RequestError> {
        let mut names = HashSet::new();
        for directive in directives {
            let name = &directive.node.name.node;
            if !self.types.has_directive(name) {
                return Err(invalid(
                    format!("Unknown directive \"@{name}\"."),
                    directive.pos,
                ));
            }
            if !names.insert(name) {
                return Err(invalid(
                    format!("The directive \"@{name}\" can only be used once at this location."),
                    directive.pos,
                ));
            }
            if matches!(name.as_str(), "skip" | "include") {
                self.condition(directive)?;
            }
        }
        Ok(())
    }

    fn condition(&self, directive: &'a Positioned<Directive>) -> Result<(), RequestError> {
        let boolean = Type {
            base: BaseType::Named(Name::new("Boolean")),
            nullable: false,
        };
        let Some(value) = directive.node.get_argument("if") else {
            return Err(invalid(
                format!(
                    "The directive \"@{}\" needs an argument \"if\".",
                    directive.node.name.node
                ),
                directive.pos,
            ));
        };
        self.argument(
            &Name::new("if"),
            &Input {
                ty: boolean,
                required: true,
            },
            value,
        )
    }

    /// `__typename` is a leaf without arguments on every type; async-graphql does not check it.
    fn typename(&self, field: &Positioned<Field>) -> Result<(), RequestError> {
        if !field.node.arguments.is_empty() {
            return Err(invalid(
                "\"__typename\" takes no arguments.".into(),
                field.pos,
            ));
        }
        if !field.node.selection_set.node.items.is_empty() {
            return Err(invalid(
                "\"__typename\" must not have a selection: it is a String.".into(),
                field.pos,
            ));
        }
        Ok(())
    }

    fn variables(&self, operation: &'a OperationDefinition) -> Result<(), RequestError> {
        self.directives(&operation.directives)?;
        for variable in &operation.variable_definitions {
            let variable = &variable.node;
            if let Some(directive) = variable.directives.first() {
                let message = format!(
                    "The directive \"@{}\" may not be used on a variable.",
                    directive.node.name.node
                );
                return Err(invalid(message, directive.pos));
            }
            if let Some(default) = &variable.default_value {
                let value = default.node.clone().into_value();
                input::check(
                    self.types,
                    &variable.var_type.node,
                    &value,
                    ValueSource::Document(&[]),
                )
                .map_err(|wrong| {
                    let name = &variable.name.node;
                    invalid(
                        format!(
                            "Variable \"${name}{}\" has an invalid default: {}",
                            wrong.path, wrong.message
                        ),
                        default.pos,
                    )
                })?;
            }
        }
        Ok(())
    }

    fn argument(
        &self,
        name: &Name,
        input: &Input,
        value: &Positioned<Value>,
    ) -> Result<(), RequestError> {
        input::check_place(
            self.types,
            input,
            &value.node,
            ValueSource::Document(self.declared),
        )
        .map_err(|wrong| {
            invalid(
                format!(
                    "Argument \"{name}{}\" has an invalid value: {}",
                    wrong.path, wrong.message
                ),
                value.pos,
            )
        })
    }
}

pub(super) fn is_page(argument: &str) -> bool {
    matches!(argument, "first" | "last")
}

/// Checks a page size, from a literal or a variable.
pub(super) fn page(
    argument: &str,
    size: Option<u64>,
    limits: &Limits,
) -> Result<u64, RequestError> {
    size.filter(|size| (1..=limits.page).contains(size))
        .ok_or_else(|| {
            RequestError::new(
                ErrorCode::BadUserInput,
                format!("\"{argument}\" must be a number from 1 to {}.", limits.page),
            )
        })
}
