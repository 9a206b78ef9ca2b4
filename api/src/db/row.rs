//! Reads values of a PostgreSQL row in place: text is not copied, and column types are not looked
//! up again for every value. For lists that are serialized at once; everything else reads models.

use chrono::{DateTime, Utc};
use sea_orm::QueryResult;
use sea_orm::sqlx::postgres::{PgRow, Postgres};
use sea_orm::sqlx::{Decode, Row as _};
use uuid::Uuid;

use crate::error::{Error, Result};

/// One row. Columns are counted from 0; reading a column as a type other than its own returns
/// `Internal`.
#[derive(Clone, Copy)]
pub(crate) struct Row<'r>(&'r PgRow);

impl<'r> Row<'r> {
    /// The rows of a result.
    ///
    /// # Errors
    /// `Internal` for rows of another database.
    pub(crate) fn all(found: &'r [QueryResult]) -> Result<Vec<Self>> {
        let row = |found: &'r QueryResult| found.try_as_pg_row().map(Row);
        found
            .iter()
            .map(row)
            .collect::<Option<_>>()
            .ok_or_else(|| Error::internal("reading rows", "another database's"))
    }

    /// # Errors
    /// `Internal` when the column holds something else.
    pub(crate) fn find_text(self, at: usize) -> Result<Option<&'r str>> {
        self.read(at)
    }

    /// # Errors
    /// As [`Self::find_text`].
    pub(crate) fn text(self, at: usize) -> Result<&'r str> {
        self.read(at)
    }

    /// # Errors
    /// As [`Self::find_text`].
    pub(crate) fn find_key(self, at: usize) -> Result<Option<Uuid>> {
        self.read(at)
    }

    /// # Errors
    /// As [`Self::find_text`].
    pub(crate) fn key(self, at: usize) -> Result<Uuid> {
        self.read(at)
    }

    /// # Errors
    /// As [`Self::find_text`].
    pub(crate) fn flag(self, at: usize) -> Result<bool> {
        self.read(at)
    }

    /// A whole number of 32 or 64 bits.
    ///
    /// # Errors
    /// As [`Self::find_text`].
    pub(crate) fn number(self, at: usize) -> Result<i64> {
        self.read(at)
    }

    /// # Errors
    /// As [`Self::find_text`].
    pub(crate) fn instant(self, at: usize) -> Result<DateTime<Utc>> {
        self.read(at)
    }

    fn read<T: Decode<'r, Postgres>>(self, at: usize) -> Result<T> {
        self.0
            .try_get_unchecked(at)
            .map_err(|error| Error::internal("reading a column", error))
    }
}
