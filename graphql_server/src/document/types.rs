//! The schema's types, read from its SDL: what a field returns, which arguments it takes.

use std::collections::{HashMap, HashSet};

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{
    BaseType, FieldDefinition, InputValueDefinition, OperationType, Type, TypeKind,
    TypeSystemDefinition,
};
use async_graphql::{InputType, Name, Pos, Positioned, Value};

/// The introspection types, which an SDL does not contain.
const INTROSPECTION: &str = "
    type __Schema { description: String types: [__Type!]! queryType: __Type! mutationType: __Type subscriptionType: __Type
        directives: [__Directive!]! }
    type __Type { kind: __TypeKind! name: String description: String fields(includeDeprecated: Boolean): [__Field!]
        interfaces: [__Type!] possibleTypes: [__Type!] enumValues(includeDeprecated: Boolean): [__EnumValue!]
        inputFields(includeDeprecated: Boolean): [__InputValue!] ofType: __Type specifiedByURL: String isOneOf: Boolean }
    type __Field { name: String! description: String args(includeDeprecated: Boolean): [__InputValue!]! type: __Type!
        isDeprecated: Boolean! deprecationReason: String }
    type __InputValue { name: String! description: String type: __Type! defaultValue: String isDeprecated: Boolean!
        deprecationReason: String }
    type __EnumValue { name: String! description: String isDeprecated: Boolean! deprecationReason: String }
    type __Directive { name: String! description: String locations: [__DirectiveLocation!]!
        args(includeDeprecated: Boolean): [__InputValue!]! isRepeatable: Boolean! }
    enum __TypeKind { SCALAR OBJECT INTERFACE UNION ENUM INPUT_OBJECT LIST NON_NULL }
    scalar __DirectiveLocation
    type __Roots { __schema: __Schema! __type(name: String!): __Type }
";

/// An argument or an input field.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) ty: Type,
    /// Whether omitting it is an error.
    pub(super) required: bool,
}

#[derive(Debug)]
pub(super) struct FieldType {
    pub(super) ty: Type,
    pub(super) arguments: HashMap<Name, Input>,
}

#[derive(Debug)]
pub(super) enum TypeDef {
    /// An object or an interface.
    Fields {
        fields: HashMap<Name, FieldType>,
        concrete: bool,
    },
    Union,
    Input {
        fields: HashMap<Name, Input>,
        one_of: bool,
    },
    Enum(HashSet<Name>),
    Scalar,
}

type ScalarCheck = fn(&Value) -> Result<(), String>;

/// The types of a schema, by name.
pub struct TypeTable {
    types: HashMap<Name, TypeDef>,
    roots: HashMap<&'static str, Name>,
    scalars: HashMap<String, ScalarCheck>,
    directives: HashSet<Name>,
}

impl TypeTable {
    /// Reads the types from the SDL that the schema prints.
    ///
    /// # Panics
    /// If the text is not SDL, which is a defect of the schema and shows at start-up.
    pub fn from_sdl(sdl: &str) -> Self {
        let directives = HashSet::from(["skip", "include"].map(Name::new));
        let mut table = Self {
            types: HashMap::new(),
            roots: HashMap::new(),
            scalars: HashMap::new(),
            directives,
        };
        for text in [sdl, INTROSPECTION] {
            let document = parse_schema(text).expect("a schema prints SDL that parses");
            document
                .definitions
                .into_iter()
                .for_each(|definition| table.define(definition));
        }
        for name in ["Int", "Float", "String", "Boolean", "ID"] {
            table.types.insert(Name::new(name), TypeDef::Scalar);
        }
        table.add_roots();
        table
    }

    /// Checks input values of the scalar `T` before execution, so that an invalid one is a request
    /// error and not a field error.
    #[must_use]
    pub fn check_scalar<T: InputType>(mut self) -> Self {
        let check: ScalarCheck = |value| match T::parse(Some(value.clone())) {
            Ok(_) => Ok(()),
            Err(error) => Err(error.into_server_error(Pos::default()).message),
        };
        self.scalars.insert(T::type_name().into_owned(), check);
        self
    }

    fn define(&mut self, definition: TypeSystemDefinition) {
        match definition {
            TypeSystemDefinition::Schema(schema) => {
                let named = |name: Option<Positioned<Name>>| name.map(|name| name.node);
                let roots = [
                    ("query", schema.node.query),
                    ("mutation", schema.node.mutation),
                    ("subscription", schema.node.subscription),
                ];
                self.roots.extend(
                    roots
                        .into_iter()
                        .filter_map(|(kind, name)| Some((kind, named(name)?))),
                );
            }
            TypeSystemDefinition::Type(ty) => {
                let one_of = ty
                    .node
                    .directives
                    .iter()
                    .any(|directive| directive.node.name.node == "oneOf");
                let known = match ty.node.kind {
                    TypeKind::Scalar => TypeDef::Scalar,
                    TypeKind::Object(object) => TypeDef::Fields {
                        fields: fields(object.fields),
                        concrete: true,
                    },
                    TypeKind::Interface(interface) => TypeDef::Fields {
                        fields: fields(interface.fields),
                        concrete: false,
                    },
                    TypeKind::Union(_) => TypeDef::Union,
                    TypeKind::Enum(values) => TypeDef::Enum(
                        values
                            .values
                            .into_iter()
                            .map(|value| value.node.value.node)
                            .collect(),
                    ),
                    TypeKind::InputObject(input) => TypeDef::Input {
                        fields: inputs(input.fields),
                        one_of,
                    },
                };
                self.types.insert(ty.node.name.node, known);
            }
            TypeSystemDefinition::Directive(directive) => {
                self.directives.insert(directive.node.name.node);
            }
        }
    }

    fn add_roots(&mut self) {
        let Some(TypeDef::Fields { fields: meta, .. }) = self.types.remove("__Roots") else {
            return;
        };
        if let Some(query) = self.roots.get("query")
            && let Some(TypeDef::Fields { fields, .. }) = self.types.get_mut(query)
        {
            fields.extend(meta);
        }
    }

    /// Returns the name of the root type of an operation, if the schema has it.
    pub(super) fn root(&self, kind: OperationType) -> Option<&Name> {
        self.roots.get(match kind {
            OperationType::Query => "query",
            OperationType::Mutation => "mutation",
            OperationType::Subscription => "subscription",
        })
    }

    pub(super) fn get(&self, name: &str) -> Option<&TypeDef> {
        self.types.get(name)
    }

    pub(super) fn field(&self, parent: &str, field: &str) -> Option<&FieldType> {
        match self.types.get(parent)? {
            TypeDef::Fields { fields, .. } => fields.get(field),
            _ => None,
        }
    }

    pub(super) fn has_directive(&self, name: &str) -> bool {
        self.directives.contains(name)
    }

    pub(super) fn scalar_check(&self, name: &str) -> Option<ScalarCheck> {
        self.scalars.get(name).copied()
    }
}

/// Returns the named type inside lists and non-null marks.
pub(super) fn innermost(ty: &Type) -> &Name {
    match &ty.base {
        BaseType::Named(name) => name,
        BaseType::List(item) => innermost(item),
    }
}

fn fields(definitions: Vec<Positioned<FieldDefinition>>) -> HashMap<Name, FieldType> {
    let field = |field: Positioned<FieldDefinition>| {
        let field = field.node;
        (
            field.name.node,
            FieldType {
                ty: field.ty.node,
                arguments: inputs(field.arguments),
            },
        )
    };
    definitions.into_iter().map(field).collect()
}

fn inputs(definitions: Vec<Positioned<InputValueDefinition>>) -> HashMap<Name, Input> {
    let input = |input: Positioned<InputValueDefinition>| {
        let input = input.node;
        let required = !input.ty.node.nullable && input.default_value.is_none();
        (
            input.name.node,
            Input {
                ty: input.ty.node,
                required,
            },
        )
    };
    definitions.into_iter().map(input).collect()
}
