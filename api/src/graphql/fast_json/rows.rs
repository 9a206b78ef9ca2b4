//! Serializes the rows of a planned list.

use std::collections::HashMap;

use async_graphql::parser::types::{Field, FragmentDefinition};
use async_graphql::{Name, Positioned};

use super::Writer;
use super::columns::Form;
use super::node::{Node, Source};
use crate::app::App;
use crate::domain::{Result, Row, note};
use crate::graphql::money::Money;

/// Whether the selection of a price can be written here.
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

/// Writes rows. Those of one node are adjacent, one for each item of its nested list.
pub(super) struct RowWriter<'w, 'a> {
    pub(super) to: &'w mut Writer<'a>,
    pub(super) app: &'w App,
}

impl RowWriter<'_, '_> {
    /// Writes a list whose rows may be null: the other side of an outer join without a match.
    ///
    /// # Errors
    /// `Internal` when a row does not match the plan.
    pub(super) fn nodes(&mut self, node: &Node<'_>, rows: &[Row<'_>]) -> Result<()> {
        self.to.out.push(b'[');
        let mut is_first = true;
        let key = |row: &Row<'_>| row.find_key(node.id);
        for rows in rows.chunk_by(
            |one, other| matches!((key(one), key(other)), (Ok(one), Ok(other)) if one == other),
        ) {
            if key(&rows[0])?.is_none() {
                continue;
            }
            if !is_first {
                self.to.out.push(b',');
            }
            is_first = false;
            self.node(node, rows)?;
        }
        self.to.out.push(b']');
        Ok(())
    }

    fn node(&mut self, node: &Node<'_>, rows: &[Row<'_>]) -> Result<()> {
        self.to.out.push(b'{');
        for (index, (key, source)) in node.fields.iter().enumerate() {
            if index > 0 {
                self.to.out.push(b',');
            }
            self.to.word(key);
            self.to.out.push(b':');
            self.value(node, source, rows)?;
        }
        self.to.out.push(b'}');
        Ok(())
    }

    fn value(&mut self, node: &Node<'_>, source: &Source<'_>, rows: &[Row<'_>]) -> Result<()> {
        let row = rows[0];
        match source {
            Source::Typename => {
                self.to.word(node.table.object);
            }
            Source::Id => {
                self.to.id(node.table.kind, row.key(node.id)?);
            }
            Source::Columns(form, at, field) => self.columns(row, *form, at, field)?,
            Source::One(other) if row.find_key(other.id)?.is_none() => {
                self.to.null();
            }
            Source::One(other) => self.node(other, rows)?,
            Source::Nodes(key, other) => {
                self.to.out.push(b'{');
                self.to.word(key);
                self.to.out.push(b':');
                self.nodes(other, rows)?;
                self.to.out.push(b'}');
            }
        }
        Ok(())
    }

    fn columns(&mut self, row: Row<'_>, form: Form, at: &[usize], field: &Field) -> Result<()> {
        match form {
            Form::Text => self.to.text_or_null(row.find_text(at[0])?),
            Form::Word => self.to.word(row.text(at[0])?),
            Form::Flag => self.to.boolean(row.flag(at[0])?),
            Form::Number => self.to.number(row.number(at[0])?),
            Form::Instant => self.to.instant(row.instant(at[0])?),
            Form::Minutes => {
                let length = row.instant(at[1])? - row.instant(at[0])?;
                self.to.number(length.num_minutes())
            }
            Form::Price => self.to.price(row.number(at[0])?, row.text(at[1])?, field),
            Form::Sealed if row.find_text(at[1])?.is_none() => self.to.text(row.text(at[0])?),
            Form::Sealed => {
                let opened = note::open_body(self.app, row.key(at[2])?, row.text(at[0])?)?;
                self.to.text(&opened)
            }
        };
        Ok(())
    }
}
