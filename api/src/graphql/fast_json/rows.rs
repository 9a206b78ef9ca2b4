//! Serializes the rows of a planned list.

use std::collections::HashMap;

use async_graphql::parser::types::{Field, FragmentDefinition};
use async_graphql::{Name, Positioned};

use super::Writer;
use super::node::{Node, Source};
use super::tables::Form;
use crate::domain::{Result, Row, note};
use crate::graphql::money::Money;

/// Writes a list. Rows of one node are adjacent, one for each item of its nested list.
///
/// # Errors
/// `Internal` when a row does not match the plan.
pub(super) fn write(writer: &mut Writer<'_>, node: &Node<'_>, rows: &[Row<'_>]) -> Result<()> {
    writer.nodes_of(node, rows)
}

/// Whether the selection of the price field can be written here.
pub(super) fn writes_price(
    fragments: &HashMap<Name, Positioned<FragmentDefinition>>,
    field: &Field,
) -> bool {
    Writer {
        out: Vec::new(),
        fragments,
    }
    .object(&Money::new(1, "EUR"), field)
}

impl Writer<'_> {
    /// Writes a list whose rows may be null: the other side of an outer join without a match.
    fn nodes_of(&mut self, node: &Node<'_>, rows: &[Row<'_>]) -> Result<()> {
        self.out.push(b'[');
        let mut is_first = true;
        let key = |row: &Row<'_>| row.find_key(node.id);
        for rows in rows.chunk_by(
            |one, other| matches!((key(one), key(other)), (Ok(one), Ok(other)) if one == other),
        ) {
            if key(&rows[0])?.is_none() {
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

    fn node_of(&mut self, node: &Node<'_>, rows: &[Row<'_>]) -> Result<()> {
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

    fn value_from(&mut self, node: &Node<'_>, source: &Source<'_>, rows: &[Row<'_>]) -> Result<()> {
        let row = rows[0];
        match source {
            Source::Typename => {
                self.word(node.table.object);
            }
            Source::Column(form, at) => self.column_of(row, *form, *at)?,
            Source::Price {
                minor,
                currency,
                field,
            } => {
                match Money::price(row.number(*minor)?, row.text(*currency)?) {
                    Some(price) => self.object(&price, field),
                    None => self.null(),
                };
            }
            Source::Body { id, body, key, app } => {
                let text = row.text(*body)?;
                if row.find_text(*key)?.is_some() {
                    self.text(&note::open_body(app, row.key(*id)?, text)?);
                } else {
                    self.text(text);
                }
            }
            Source::One(other) if row.find_key(other.id)?.is_none() => {
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

    fn column_of(&mut self, row: Row<'_>, form: Form, at: usize) -> Result<()> {
        match form {
            Form::Id(kind) => self.id(kind, row.key(at)?),
            Form::Text | Form::Body => self.text_or_null(row.find_text(at)?),
            Form::Word => self.word(row.text(at)?),
            Form::Flag => self.boolean(row.flag(at)?),
            Form::Number => self.number(row.number(at)?),
            Form::Instant => self.instant(row.instant(at)?),
        };
        Ok(())
    }
}
