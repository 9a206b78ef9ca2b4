//! Reads a list and its related rows in one statement, with exactly the columns that are asked for.
//! For PostgreSQL: SQLite has no lateral joins, and its statements cost no network round trip.

use entity::{coach, session};
use sea_orm::sea_query::{Expr, ExprTrait, JoinType, Order, SelectStatement};
use sea_orm::{
    ConnectionTrait, EntityName, EntityTrait, IdenStatic, QueryResult, QuerySelect, QueryTrait,
    Select,
};

use super::listed::Listed;
use super::{Caller, Result, event_type, note};
use crate::app::App;

/// Related rows that can be read with a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relation {
    CoachOfBooking,
    EventTypeOfBooking,
    SessionOfBooking,
    /// The public ones, by title.
    EventTypesOfCoach,
    /// Those that the caller may read, newest first.
    NotesOfSession,
}

impl Relation {
    /// Whether it is to-many.
    pub(crate) fn is_list(self) -> bool {
        matches!(self, Self::EventTypesOfCoach | Self::NotesOfSession)
    }

    fn alias(self) -> &'static str {
        match self {
            Self::CoachOfBooking => "coach",
            Self::EventTypeOfBooking => "event_type",
            Self::SessionOfBooking => "session",
            Self::EventTypesOfCoach => "event_types",
            Self::NotesOfSession => "notes",
        }
    }

    /// The column of a listed row that the relation starts from, unless it is the row's id.
    fn key(self) -> Option<&'static str> {
        match self {
            Self::CoachOfBooking => Some("coach_id"),
            Self::EventTypeOfBooking => Some("event_type_id"),
            _ => None,
        }
    }
}

/// A row of the result: the listed one, or the one that a relation leads to.
pub(crate) type Place = Option<Relation>;

fn alias(place: Place) -> &'static str {
    place.map_or("listed", Relation::alias)
}

struct Join {
    relation: Relation,
    from: Place,
    /// Maximum number of rows of a nested list.
    limit: u64,
}

/// What to read of a list. Rows are in its order; a row of the list is repeated for each row of a
/// nested list.
#[derive(Default)]
pub(crate) struct Projection {
    columns: Vec<(Place, &'static str)>,
    joins: Vec<Join>,
}

impl Projection {
    /// Adds a column and returns its position.
    pub(crate) fn column(&mut self, place: Place, column: &'static str) -> usize {
        let column = (place, column);
        self.columns
            .iter()
            .position(|other| *other == column)
            .unwrap_or_else(|| {
                self.columns.push(column);
                self.columns.len() - 1
            })
    }

    /// Adds related rows, at most `limit` for each row that they belong to. False when they cannot
    /// be added: each relation is joined once, and two nested lists would multiply each other's
    /// rows.
    pub(crate) fn join(&mut self, relation: Relation, from: Place, limit: u64) -> bool {
        let is_excluded = self.joins.iter().any(|join| {
            join.relation == relation || (join.relation.is_list() && relation.is_list())
        });
        if !is_excluded {
            self.joins.push(Join {
                relation,
                from,
                limit,
            });
        }
        !is_excluded
    }

    /// Reads the first `size` rows of a list.
    ///
    /// # Errors
    /// `Unauthenticated`, `Forbidden`.
    pub(crate) async fn read(
        &self,
        app: &App,
        caller: &Caller,
        list: Listed,
        size: u64,
    ) -> Result<Vec<QueryResult>> {
        let statement = self.statement(caller, list, size)?;
        Ok(app.db.read().query_all(&statement).await?)
    }

    /// The selected columns of one place, and others.
    fn columns_of(&self, place: Place, others: &[&'static str]) -> Vec<&'static str> {
        let mut columns: Vec<_> = self
            .columns
            .iter()
            .filter(|(other, _)| *other == place)
            .map(|(_, column)| *column)
            .collect();
        columns.extend(others);
        columns.sort_unstable();
        columns.dedup();
        columns
    }

    fn statement(&self, caller: &Caller, list: Listed, size: u64) -> Result<SelectStatement> {
        let keys = self.joins.iter().filter(|join| join.from.is_none());
        let keys = keys.filter_map(|join| join.relation.key());
        let needed: Vec<_> = list.order.into_iter().chain(["id"]).chain(keys).collect();
        let columns = self.columns_of(None, &needed);
        let mut rows = list.rows;
        rows.columns(columns.into_iter().map(|column| (list.table, column)))
            .limit(size);
        for column in list.order {
            rows.order_by((list.table, column), Order::Asc);
        }

        let mut whole = SelectStatement::new();
        whole
            .columns(
                self.columns
                    .iter()
                    .map(|(place, column)| (alias(*place), *column)),
            )
            .from_subquery(rows, alias(None));
        for column in list.order {
            whole.order_by((alias(None), column), Order::Asc);
        }
        for join in &self.joins {
            self.join_to(&mut whole, join, caller)?;
        }
        Ok(whole)
    }

    fn join_to(&self, whole: &mut SelectStatement, join: &Join, caller: &Caller) -> Result<()> {
        let (from, to) = (alias(join.from), join.relation.alias());
        let is_of =
            |here: &'static str, there: &'static str| Expr::col((to, here)).equals((from, there));
        match join.relation {
            Relation::CoachOfBooking => {
                let table = coach::Entity.table_name();
                whole.join_as(JoinType::InnerJoin, table, to, is_of("id", "coach_id"));
            }
            Relation::EventTypeOfBooking => {
                let table = entity::event_type::Entity.table_name();
                whole.join_as(JoinType::InnerJoin, table, to, is_of("id", "event_type_id"));
            }
            Relation::SessionOfBooking => {
                let table = session::Entity.table_name();
                whole.join_as(JoinType::LeftJoin, table, to, is_of("booking_id", "id"));
            }
            Relation::EventTypesOfCoach => {
                let found = event_type::public_of(Expr::col((from, "id")));
                self.join_list(whole, join, found, (event_type::ORDER, Order::Asc));
            }
            Relation::NotesOfSession => {
                let found = note::readable_on(caller, Expr::col((from, "id")))?;
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
        let (alias, table) = (join.relation.alias(), E::default().table_name());
        let order = order.map(|column| column.as_str());
        let mut found = found.select_only().limit(join.limit).into_query();
        found.columns(
            self.columns_of(Some(join.relation), &order)
                .into_iter()
                .map(|column| (table, column)),
        );
        for column in order {
            found.order_by((table, column), direction.clone());
            whole.order_by((alias, column), direction.clone());
        }
        whole.join_lateral(JoinType::LeftJoin, found, alias, Expr::val(true));
    }
}
