//! Query plans: translates the selection of a list into the columns and related rows that it needs,
//! which are read in one SQL statement.
//!
//! Plans cover selections of plain columns, to-one relations and at most one nested list per row.
//! Every other selection falls back to the object path, which returns the same answer. SQLite
//! always falls back: it has no lateral joins, and its statements cost no network round trip.

use std::collections::HashMap;

use async_graphql::parser::types::{Field, FragmentDefinition, Selection, SelectionSet};
use async_graphql::{Context, Name, Positioned};
use bytes::Bytes;
use entity::{coach, event_type, note, session};

use super::columns::{Form, Table, TableRow};
use super::node::{Node, Source};
use super::rows::RowWriter;
use super::{Writer, rows};
use crate::domain::page::PageInput;
use crate::domain::whole_list::{Place, Projection, Relation};
use crate::domain::{Listed, Row};
use crate::graphql::connection::first_page_of;
use crate::graphql::context::{app, caller};
use crate::graphql::error::Result;

struct Planner<'q> {
    ctx: &'q Context<'q>,
    fragments: &'q HashMap<Name, Positioned<FragmentDefinition>>,
    projection: Projection,
}

/// Reads and serializes the nodes of a page; `None` when the selection has no plan.
pub(crate) async fn nodes<M: TableRow>(
    ctx: &Context<'_>,
    page: &PageInput,
    list: impl FnOnce() -> crate::domain::Result<Listed>,
) -> Result<Option<Bytes>> {
    let is_first = page.after.is_none() && page.before.is_none() && page.last.is_none();
    let [only] = &ctx.item.node.selection_set.node.items[..] else {
        return Ok(None);
    };
    let Selection::Field(only) = &only.node else {
        return Ok(None);
    };
    let is_plain = only.node.name.node == "nodes" && only.node.directives.is_empty();
    if !is_first || !is_plain || !app(ctx).db.is_postgres() {
        return Ok(None);
    }
    let (size, _) = page.size()?;
    let list = list()?;
    let fragments = &ctx.query_env.fragments;
    let mut planner = Planner {
        ctx,
        fragments,
        projection: Projection::default(),
    };
    let Some(node) = planner.node(M::TABLE, None, &only.node.selection_set.node) else {
        return Ok(None);
    };
    let app = app(ctx);
    let found = planner
        .projection
        .read(app, caller(ctx), list, size)
        .await?;
    let mut writer = Writer {
        out: Vec::with_capacity(16 * 1024),
        fragments,
    };
    let mut rows = RowWriter {
        to: &mut writer,
        app,
    };
    rows.nodes(&node, &Row::all(&found)?)?;
    Ok(Some(writer.out.into()))
}

impl<'q> Planner<'q> {
    fn node(
        &mut self,
        table: &'static Table,
        place: Place,
        set: &'q SelectionSet,
    ) -> Option<Node<'q>> {
        let mut node = Node {
            table,
            id: self.projection.column(place, "id"),
            fields: Vec::with_capacity(set.items.len()),
        };
        self.fields(&mut node, place, set)?;
        Some(node)
    }

    fn fields(&mut self, node: &mut Node<'q>, place: Place, set: &'q SelectionSet) -> Option<()> {
        for item in &set.items {
            match &item.node {
                Selection::Field(field) => {
                    let field = &field.node;
                    let key = key(field);
                    if !field.directives.is_empty()
                        || node.fields.iter().any(|(other, _)| *other == key)
                    {
                        return None;
                    }
                    let source = self.source(node.table, place, field)?;
                    node.fields.push((key, source));
                }
                Selection::FragmentSpread(spread) => {
                    let fragment = &self.fragments.get(&spread.node.fragment_name.node)?.node;
                    if !spread.node.directives.is_empty()
                        || fragment.type_condition.node.on.node != *node.table.object
                    {
                        return None;
                    }
                    self.fields(node, place, &fragment.selection_set.node)?;
                }
                Selection::InlineFragment(_) => return None,
            }
        }
        Some(())
    }

    fn source(
        &mut self,
        table: &'static Table,
        place: Place,
        field: &'q Field,
    ) -> Option<Source<'q>> {
        let name = field.name.node.as_str();
        match name {
            "__typename" => return Some(Source::Typename),
            "id" => return Some(Source::Id),
            _ => {}
        }
        if let Some((_, columns, form)) = table.fields.iter().find(|(known, ..)| *known == name) {
            if *form == Form::Price && !rows::writes_price(self.fragments, field) {
                return None;
            }
            let columns = columns.iter();
            let at = columns.map(|column| self.projection.column(place, column));
            return Some(Source::Columns(*form, at.collect(), field));
        }
        let (relation, other) = relation(table.object, name)?;
        if relation.is_list() {
            return self.list(relation, (place, other), field);
        }
        if !self.projection.join(relation, place, 1) {
            return None;
        }
        self.node(other, Some(relation), &field.selection_set.node)
            .map(Source::One)
    }

    fn list(
        &mut self,
        relation: Relation,
        (from, table): (Place, &'static Table),
        field: &'q Field,
    ) -> Option<Source<'q>> {
        let limit = self.first_page_size(field)?;
        let [only] = &field.selection_set.node.items[..] else {
            return None;
        };
        let Selection::Field(only) = &only.node else {
            return None;
        };
        if only.node.name.node != "nodes"
            || !only.node.directives.is_empty()
            || !self.projection.join(relation, from, limit)
        {
            return None;
        }
        let node = self.node(table, Some(relation), &only.node.selection_set.node)?;
        Some(Source::Nodes(key(&only.node), node))
    }

    fn first_page_size(&self, field: &Field) -> Option<u64> {
        let variables = &self.ctx.query_env.variables;
        let arguments = field.arguments.iter().map(|(name, value)| {
            // Defaults of omitted variables are filled in before; a variable without a value has no
            // plan.
            let value = value
                .node
                .clone()
                .into_const_with(|name| variables.get(&name).cloned().ok_or(()));
            Some((name.node.clone(), value.ok()?))
        });
        first_page_of(arguments.collect::<Option<Vec<_>>>()?)
            .and_then(|size| u64::try_from(size).ok())
    }
}

/// The relation that a field of an object follows, and the object at its other end.
fn relation(object: &str, field: &str) -> Option<(Relation, &'static Table)> {
    match (object, field) {
        ("Booking", "coach") => Some((Relation::CoachOfBooking, coach::Model::TABLE)),
        ("Booking", "eventType") => Some((Relation::EventTypeOfBooking, event_type::Model::TABLE)),
        ("Booking", "session") => Some((Relation::SessionOfBooking, session::Model::TABLE)),
        ("Coach", "eventTypes") => Some((Relation::EventTypesOfCoach, event_type::Model::TABLE)),
        ("Session", "notes") => Some((Relation::NotesOfSession, note::Model::TABLE)),
        _ => None,
    }
}

/// The response key of a field.
fn key(field: &Field) -> &str {
    field.alias.as_ref().unwrap_or(&field.name).node.as_str()
}
