//! Rows of a planned list as JSON.

use std::collections::HashMap;

use async_graphql::parser::types::{Field, FragmentDefinition};
use async_graphql::{Name, Positioned};
use chrono::{DateTime, Utc};
use entity::Uuid;
use sea_orm::QueryResult;
use sea_orm::sqlx::postgres::PgRow;
use sea_orm::sqlx::{self, Row};

use super::Writer;
use super::plan::{Node, Source};
use super::tables::Form;
use crate::domain::{Error, Result, note};
use crate::graphql::money::Money;

/// Writes a list. Rows of one node stand together, one for each item of its own list.
///
/// # Errors
/// `Internal` when the rows are not what was asked for.
pub(super) fn write(writer: &mut Writer<'_>, node: &Node<'_>, found: &[QueryResult]) -> Result<()> {
    let rows: Option<Vec<&PgRow>> = found.iter().map(QueryResult::try_as_pg_row).collect();
    let rows = rows.ok_or_else(|| Error::internal("a planned list", "rows of another database"))?;
    writer.nodes_of(node, &rows).map_err(|error| Error::internal("a planned list", error))
}

/// Whether the price can be written with the selection of its field.
pub(super) fn writes_price(fragments: &HashMap<Name, Positioned<FragmentDefinition>>, field: &Field) -> bool {
    Writer { out: Vec::new(), fragments }.object(&Money::new(1, "EUR"), field)
}

impl Writer<'_> {
    /// A list whose rows may have nothing in them: the other side of a join without a match.
    fn nodes_of(&mut self, node: &Node<'_>, rows: &[&PgRow]) -> sqlx::Result<()> {
        self.out.push(b'[');
        let mut is_first = true;
        let key = |row: &PgRow| row.try_get::<Option<Uuid>, _>(node.id);
        for rows in rows.chunk_by(|one, other| matches!((key(one), key(other)), (Ok(one), Ok(other)) if one == other)) {
            if key(rows[0])?.is_none() {
                continue;
            }
            if !is_first {
                self.out.push(b',');
            }
            is_first = false;
            self.node_of(node, rows)?;
        }
        self.out.push(b']');
        Ok(())
    }

    fn node_of(&mut self, node: &Node<'_>, rows: &[&PgRow]) -> sqlx::Result<()> {
        self.out.push(b'{');
        for (index, (key, source)) in node.fields.iter().enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            self.word(key);
            self.out.push(b':');
            self.value_from(node, source, rows)?;
        }
        self.out.push(b'}');
        Ok(())
    }

    fn value_from(&mut self, node: &Node<'_>, source: &Source<'_>, rows: &[&PgRow]) -> sqlx::Result<()> {
        let row = rows[0];
        match source {
            Source::Typename => {
                self.word(node.table.object);
            }
            Source::Column(form, at) => self.column_of(row, *form, *at)?,
            Source::Price { minor, currency, field } => {
                match Money::price(row.try_get(*minor)?, row.try_get(*currency)?) {
                    Some(price) => self.object(&price, field),
                    None => self.null(),
                };
            }
            Source::Body { id, body, key, vault } => {
                let text: &str = row.try_get(*body)?;
                if row.try_get::<Option<&str>, _>(*key)?.is_some() {
                    let opened = note::open_body(vault, row.try_get(*id)?, text);
                    self.text(&opened.map_err(|error| sqlx::Error::Decode(error.into()))?);
                } else {
                    self.text(text);
                }
            }
            Source::One(other) if row.try_get::<Option<Uuid>, _>(other.id)?.is_none() => {
                self.null();
            }
            Source::One(other) => self.node_of(other, rows)?,
            Source::Nodes(key, other) => {
                self.out.push(b'{');
                self.word(key);
                self.out.push(b':');
                self.nodes_of(other, rows)?;
                self.out.push(b'}');
            }
        }
        Ok(())
    }

    fn column_of(&mut self, row: &PgRow, form: Form, at: usize) -> sqlx::Result<()> {
        match form {
            Form::Id(kind) => self.id(kind, row.try_get(at)?),
            Form::Text | Form::Body => self.text_or_null(row.try_get(at)?),
            Form::Word => self.word(row.try_get(at)?),
            Form::Flag => self.boolean(row.try_get(at)?),
            Form::Count => self.number(row.try_get::<i32, _>(at)?.into()),
            Form::Number => self.number(row.try_get(at)?),
            Form::Instant => self.instant(row.try_get::<DateTime<Utc>, _>(at)?),
        };
        Ok(())
    }
}
