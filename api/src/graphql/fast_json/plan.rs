//! Query plans: translates the selection of a list into one SQL statement that reads exactly the
//! selected columns.
//!
//! Plans cover selections of plain columns, to-one relations and at most one nested list per row.
//! Every other selection falls back to the object path, which returns the same answer. SQLite
//! always falls back: it has no lateral joins, and its statements cost no network round trip.

use std::collections::HashMap;

use async_graphql::parser::types::{Field, FragmentDefinition, Selection, SelectionSet};
use async_graphql::{Context, Name, Positioned};
use bytes::Bytes;
use sea_orm::sea_query::{Expr, ExprTrait, JoinType, Order, SelectStatement};
use sea_orm::{ConnectionTrait, EntityTrait, QuerySelect, QueryTrait, Select};

use super::node::{Node, Source};
use super::tables::{Form, Relation, Table};
use super::{Writer, rows};
use crate::domain::page::PageInput;
use crate::domain::{Caller, Row, event_type, note};
use crate::graphql::connection::first_page_of;
use crate::graphql::context::{app, caller};
use crate::graphql::error::Result;

/// A list of objects: its rows and their order, ascending.
pub(crate) struct Listed<E: EntityTrait> {
    pub(crate) table: &'static Table,
    pub(crate) rows: Select<E>,
    pub(crate) order: [E::Column; 2],
}

/// A table alias of the statement and one of its columns.
type Column = (&'static str, &'static str);

/// Alias of the listed rows.
const LISTED: &str = "listed";

struct Join {
    relation: Relation,
    /// Alias of the row that the relation starts from.
    from: &'static str,
    /// Maximum number of rows of a nested list.
    limit: u64,
}

struct Planner<'q> {
    ctx: &'q Context<'q>,
    fragments: &'q HashMap<Name, Positioned<FragmentDefinition>>,
    /// The selected columns, in order.
    read: Vec<Column>,
    joins: Vec<Join>,
}

/// Reads and serializes the nodes of a page; `None` when the selection has no plan.
pub(crate) async fn nodes<E: EntityTrait>(
    ctx: &Context<'_>,
    page: &PageInput,
    list: impl FnOnce() -> crate::domain::Result<Listed<E>>,
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
        read: Vec::new(),
        joins: Vec::new(),
    };
    let Some(node) = planner.node(list.table, LISTED, &only.node.selection_set.node) else {
        return Ok(None);
    };
    let statement = planner.statement(list, size, caller(ctx))?;
    let found = app(ctx)
        .db
        .read()
        .query_all(&statement)
        .await
        .map_err(crate::domain::Error::from)?;
    let mut writer = Writer {
        out: Vec::with_capacity(16 * 1024),
        fragments,
    };
    rows::write(&mut writer, &node, &Row::all(&found)?)?;
    Ok(Some(writer.out.into()))
}

impl<'q> Planner<'q> {
    /// Adds a column to the selected ones and returns its position.
    fn column(&mut self, column: Column) -> usize {
        self.read
            .iter()
            .position(|other| *other == column)
            .unwrap_or_else(|| {
                self.read.push(column);
                self.read.len() - 1
            })
    }

    fn node(
        &mut self,
        table: &'static Table,
        alias: &'static str,
        set: &'q SelectionSet,
    ) -> Option<Node<'q>> {
        let mut node = Node {
            table,
            id: self.column((alias, "id")),
            fields: Vec::with_capacity(set.items.len()),
        };
        self.fields(&mut node, alias, set)?;
        Some(node)
    }

    fn fields(
        &mut self,
        node: &mut Node<'q>,
        alias: &'static str,
        set: &'q SelectionSet,
    ) -> Option<()> {
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
                    let source = self.source(node.table, alias, field)?;
                    node.fields.push((key, source));
                }
                Selection::FragmentSpread(spread) => {
                    let fragment = &self.fragments.get(&spread.node.fragment_name.node)?.node;
                    if !spread.node.directives.is_empty()
                        || fragment.type_condition.node.on.node != *node.table.object
                    {
                        return None;
                    }
                    self.fields(node, alias, &fragment.selection_set.node)?;
                }
                Selection::InlineFragment(_) => return None,
            }
        }
        Some(())
    }

    fn source(
        &mut self,
        table: &'static Table,
        alias: &'static str,
        field: &'q Field,
    ) -> Option<Source<'q>> {
        let name = field.name.node.as_str();
        if name == "__typename" {
            return Some(Source::Typename);
        }
        if let Some((_, column, form)) = table.columns.iter().find(|(field, ..)| *field == name) {
            let at = self.column((alias, column));
            if *form == Form::Body {
                let (id, key) = (self.column((alias, "id")), self.column((alias, "body_key")));
                return Some(Source::Body {
                    id,
                    body: at,
                    key,
                    app: app(self.ctx),
                });
            }
            return Some(Source::Column(*form, at));
        }
        if name == "price" && table.is_priced && rows::writes_price(self.fragments, field) {
            let [minor, currency] =
                ["price_minor", "currency"].map(|column| self.column((alias, column)));
            return Some(Source::Price {
                minor,
                currency,
                field,
            });
        }
        let relation = *table
            .relations
            .iter()
            .find(|relation| relation.field() == name)?;
        // Two nested lists would multiply each other's rows.
        if self.joins.iter().any(|join| {
            join.relation == relation || (join.relation.is_list() && relation.is_list())
        }) {
            return None;
        }
        if !relation.is_list() {
            self.joins.push(Join {
                relation,
                from: alias,
                limit: 1,
            });
            return self
                .node(
                    relation.table(),
                    relation.field(),
                    &field.selection_set.node,
                )
                .map(Source::One);
        }
        let limit = self.first_page_size(field)?;
        let [only] = &field.selection_set.node.items[..] else {
            return None;
        };
        let Selection::Field(only) = &only.node else {
            return None;
        };
        if only.node.name.node != "nodes" || !only.node.directives.is_empty() {
            return None;
        }
        self.joins.push(Join {
            relation,
            from: alias,
            limit,
        });
        let node = self.node(
            relation.table(),
            relation.field(),
            &only.node.selection_set.node,
        )?;
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

    /// The selected columns of one alias, and the columns that it is joined and ordered by.
    fn columns_of(&self, alias: &str, others: &[&'static str]) -> Vec<&'static str> {
        let mut columns: Vec<_> = self
            .read
            .iter()
            .filter(|(other, _)| *other == alias)
            .map(|(_, column)| *column)
            .collect();
        columns.extend(others);
        columns.sort_unstable();
        columns.dedup();
        columns
    }

    fn statement<E: EntityTrait>(
        &self,
        list: Listed<E>,
        size: u64,
        caller: &Caller,
    ) -> crate::domain::Result<SelectStatement> {
        use sea_orm::{IdenStatic, QueryOrder};

        let order = list.order.map(|column| column.as_str());
        let keys = self
            .joins
            .iter()
            .filter(|join| join.from == LISTED)
            .filter_map(|join| match join.relation {
                Relation::CoachOfBooking => Some("coach_id"),
                Relation::EventTypeOfBooking => Some("event_type_id"),
                _ => None,
            });
        let others: Vec<_> = order.into_iter().chain(["id"]).chain(keys).collect();
        let [first, then] = list.order;
        let rows = list
            .rows
            .select_only()
            .order_by_asc(first)
            .order_by_asc(then)
            .limit(size);
        let mut rows = rows.into_query();
        rows.columns(
            self.columns_of(LISTED, &others)
                .into_iter()
                .map(|column| (list.table.name(), column)),
        );

        let mut whole = SelectStatement::new();
        whole
            .columns(self.read.iter().copied())
            .from_subquery(rows, LISTED);
        for column in order {
            whole.order_by((LISTED, column), Order::Asc);
        }
        for join in &self.joins {
            self.join(&mut whole, join, caller)?;
        }
        Ok(whole)
    }

    fn join(
        &self,
        whole: &mut SelectStatement,
        join: &Join,
        caller: &Caller,
    ) -> crate::domain::Result<()> {
        let alias = join.relation.field();
        let is_of = |here: &'static str, there: &'static str| {
            Expr::col((alias, here)).equals((join.from, there))
        };
        let table = join.relation.table().name();
        match join.relation {
            Relation::CoachOfBooking => {
                whole.join_as(JoinType::InnerJoin, table, alias, is_of("id", "coach_id"));
            }
            Relation::EventTypeOfBooking => {
                whole.join_as(
                    JoinType::InnerJoin,
                    table,
                    alias,
                    is_of("id", "event_type_id"),
                );
            }
            Relation::SessionOfBooking => {
                whole.join_as(JoinType::LeftJoin, table, alias, is_of("booking_id", "id"));
            }
            Relation::EventTypesOfCoach => {
                let found = event_type::public_of(Expr::col((join.from, "id")));
                self.join_list(whole, join, found, (event_type::ORDER, Order::Asc));
            }
            Relation::NotesOfSession => {
                let found = note::readable_on(caller, Expr::col((join.from, "id")))?;
                self.join_list(whole, join, found, (note::ORDER, Order::Desc));
            }
        }
        Ok(())
    }

    /// Joins the first rows of a nested list to each row (`LEFT JOIN LATERAL`).
    fn join_list<E: EntityTrait>(
        &self,
        whole: &mut SelectStatement,
        join: &Join,
        found: Select<E>,
        (order, direction): ([E::Column; 2], Order),
    ) {
        use sea_orm::{IdenStatic, QueryOrder};

        let alias = join.relation.field();
        let [first, then] = order;
        let found = found
            .select_only()
            .order_by(first, direction.clone())
            .order_by(then, direction.clone());
        let mut found = found.limit(join.limit).into_query();
        let columns = order.map(|column| column.as_str());
        let table = join.relation.table().name();
        found.columns(
            self.columns_of(alias, &columns)
                .into_iter()
                .map(|column| (table, column)),
        );
        whole.join_lateral(JoinType::LeftJoin, found, alias, Expr::val(true));
        for column in columns {
            whole.order_by((alias, column), direction.clone());
        }
    }
}

/// The response key of a field.
fn key(field: &Field) -> &str {
    field.alias.as_ref().unwrap_or(&field.name).node.as_str()
}
