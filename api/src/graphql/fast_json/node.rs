//! A plan: the objects to write, and where the values of their fields come from.

use async_graphql::parser::types::Field;

use super::columns::{Form, Table};

/// One row of an object and the fields to write of it.
pub(super) struct Node<'q> {
    pub(super) table: &'static Table,
    /// Position of its key among the selected columns.
    pub(super) id: usize,
    pub(super) fields: Vec<(&'q str, Source<'q>)>,
}

/// Source of a field's value.
pub(super) enum Source<'q> {
    Typename,
    Id,
    /// The columns that a field is made of, by position.
    Columns(Form, Vec<usize>, &'q Field),
    One(Node<'q>),
    /// The nodes of a connection, under their response key.
    Nodes(&'q str, Node<'q>),
}
