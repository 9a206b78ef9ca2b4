//! Lists whose columns are chosen by whoever reads them as a whole.

use sea_orm::sea_query::SelectStatement;
use sea_orm::{EntityTrait, IdenStatic, QuerySelect, QueryTrait, Select};

/// The rows of a list, without columns, and their order: by two columns, ascending.
pub(crate) struct Listed {
    pub(super) table: &'static str,
    pub(super) rows: SelectStatement,
    pub(super) order: [&'static str; 2],
}

impl Listed {
    /// The last of the columns must be unique.
    pub(super) fn new<E: EntityTrait>(rows: Select<E>, order: [E::Column; 2]) -> Self {
        Self {
            table: E::default().table_name(),
            rows: rows.select_only().into_query(),
            order: order.map(|column| column.as_str()),
        }
    }
}
