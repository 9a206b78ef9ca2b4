//! Serializes whole objects to JSON in one pass.
//!
//! The engine resolves every field separately: a boxed future, a map entry and a value each, then a
//! second walk to serialize them. For lists of plain objects that is most of a request's time. An
//! object whose selection has only fields that need no await is serialized here instead; every
//! other object falls back to the engine. Both paths produce the same bytes, and a test compares
//! them.

use std::borrow::Cow;
use std::collections::HashMap;

use async_graphql::parser::types::{Field, FragmentDefinition, Selection, SelectionSet};
use async_graphql::registry::Registry;
use async_graphql::{ContextSelectionSet, Name, OutputType, Positioned, ServerResult, Value};
use bytes::Bytes;

mod columns;
mod fields;
mod node;
mod plan;
mod rows;

pub(crate) use columns::{Columns, Shows, Stored, Table, TableRow, columns, form_of};
pub(crate) use plan::nodes;

/// An object that can serialize some of its fields synchronously.
pub trait WriteFields: Sync {
    /// The object's type name in the schema.
    fn name() -> Cow<'static, str>;

    /// Writes the value of a field and returns true; returns false, with nothing written, when the
    /// field needs the engine.
    fn write_field(&self, field: &Field, to: &mut Writer<'_>) -> bool;
}

/// The JSON output buffer.
pub struct Writer<'a> {
    out: Vec<u8>,
    fragments: &'a HashMap<Name, Positioned<FragmentDefinition>>,
}

impl<'a> Writer<'a> {
    pub fn null(&mut self) -> bool {
        self.out.extend_from_slice(b"null");
        true
    }

    pub fn text(&mut self, text: &str) -> bool {
        serde_json::to_writer(&mut self.out, text).expect("text can be written to memory");
        true
    }

    /// Writes an enum value or an id: neither needs escaping.
    pub fn word(&mut self, word: &str) -> bool {
        self.out.push(b'"');
        self.out.extend_from_slice(word.as_bytes());
        self.out.push(b'"');
        true
    }

    pub fn number(&mut self, number: i64) -> bool {
        serde_json::to_writer(&mut self.out, &number).expect("a number can be written to memory");
        true
    }

    pub fn boolean(&mut self, value: bool) -> bool {
        self.out
            .extend_from_slice(if value { b"true" } else { b"false" });
        true
    }

    pub fn text_or_null(&mut self, text: Option<&str>) -> bool {
        match text {
            Some(text) => self.text(text),
            None => self.null(),
        }
    }

    /// Writes an object with the selection of a field.
    pub fn object<T: WriteFields>(&mut self, node: &T, field: &Field) -> bool {
        self.selection(node, &field.selection_set.node)
    }

    /// Writes a list of objects with the selection of a field.
    pub fn list<'n, T: WriteFields + 'n>(
        &mut self,
        nodes: impl IntoIterator<Item = &'n T>,
        field: &Field,
    ) -> bool {
        let start = self.out.len();
        self.out.push(b'[');
        for (index, node) in nodes.into_iter().enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            if !self.object(node, field) {
                self.out.truncate(start);
                return false;
            }
        }
        self.out.push(b']');
        true
    }

    fn selection<T: WriteFields>(&mut self, node: &T, set: &SelectionSet) -> bool {
        let start = self.out.len();
        self.out.push(b'{');
        let mut seen = Vec::with_capacity(set.items.len());
        let written = self.fields(node, set, &mut seen);
        if written {
            self.out.push(b'}');
        } else {
            self.out.truncate(start);
        }
        written
    }

    fn fields<'s, T: WriteFields>(
        &mut self,
        node: &T,
        set: &'s SelectionSet,
        seen: &mut Vec<&'s str>,
    ) -> bool
    where
        'a: 's,
    {
        set.items.iter().all(|item| match &item.node {
            Selection::Field(field) => self.field(node, &field.node, seen),
            Selection::FragmentSpread(spread) => {
                let fragments: &'a HashMap<_, _> = self.fragments;
                let fragment = fragments
                    .get(&spread.node.fragment_name.node)
                    .map(|fragment| &fragment.node);
                fragment.is_some_and(|fragment| {
                    spread.node.directives.is_empty()
                        && fragment.type_condition.node.on.node == *T::name()
                        && self.fields(node, &fragment.selection_set.node, seen)
                })
            }
            Selection::InlineFragment(_) => false,
        })
    }

    fn field<'s, T: WriteFields>(
        &mut self,
        node: &T,
        field: &'s Field,
        seen: &mut Vec<&'s str>,
    ) -> bool {
        let key = field.alias.as_ref().unwrap_or(&field.name).node.as_str();
        if !field.directives.is_empty() || seen.contains(&key) {
            return false;
        }
        if !seen.is_empty() {
            self.out.push(b',');
        }
        seen.push(key);
        self.word(key);
        self.out.push(b':');
        if field.name.node == "__typename" {
            return self.word(&T::name());
        }
        node.write_field(field, self)
    }
}

/// An object that is serialized in one pass if possible, else resolved field by field.
pub struct Fast<'n, T>(pub(crate) &'n T);

impl<T: WriteFields + OutputType> OutputType for Fast<'_, T> {
    fn type_name() -> Cow<'static, str> {
        T::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        T::create_type_info(registry)
    }

    async fn resolve(
        &self,
        ctx: &ContextSelectionSet<'_>,
        field: &Positioned<Field>,
    ) -> ServerResult<Value> {
        let mut writer = Writer {
            out: Vec::with_capacity(512),
            fragments: &ctx.query_env.fragments,
        };
        if writer.selection(self.0, &ctx.item.node) {
            return Ok(Value::Binary(Bytes::from(writer.out)));
        }
        self.0.resolve(ctx, field).await
    }
}

/// A list whose objects are serialized in one pass, or that was serialized as its rows were read.
pub enum FastList<'n, T> {
    Of(Vec<&'n T>),
    Written(Bytes),
}

impl<T: WriteFields + OutputType> OutputType for FastList<'_, T> {
    fn type_name() -> Cow<'static, str> {
        <Vec<&T>>::type_name()
    }

    fn qualified_type_name() -> String {
        <Vec<&T>>::qualified_type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        <Vec<&T>>::create_type_info(registry)
    }

    async fn resolve(
        &self,
        ctx: &ContextSelectionSet<'_>,
        field: &Positioned<Field>,
    ) -> ServerResult<Value> {
        let nodes = match self {
            Self::Of(nodes) => nodes,
            Self::Written(written) => return Ok(Value::Binary(written.clone())),
        };
        let mut writer = Writer {
            out: Vec::with_capacity(1024),
            fragments: &ctx.query_env.fragments,
        };
        if writer.list(nodes.iter().copied(), &field.node) {
            return Ok(Value::Binary(Bytes::from(writer.out)));
        }
        nodes.resolve(ctx, field).await
    }
}
