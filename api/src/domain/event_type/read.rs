//! Reads event types.

use std::collections::HashMap;

use entity::event_type::{Column, Entity, Model, Visibility};
use entity::{Uuid, coach};
use sea_orm::sea_query::{Alias, Expr, ExprTrait, Query};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};

use super::no_event_type;
use crate::app::App;
use crate::domain::coach::is_managed_by;
use crate::domain::page::{self, Direction, List, Page, PageInput};
use crate::domain::{Caller, Error, Result};

/// Which event types of a coach to list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shown {
    /// Types that anyone may see.
    #[default]
    Public,
    /// Also unlisted and archived ones; only for the coach and staff.
    All,
}

/// Event types of a coach, by title.
///
/// # Errors
/// `Forbidden` when anyone but the coach and staff requests all; `Invalid` for an invalid cursor.
pub async fn list_by_coach(
    app: &App,
    caller: &Caller,
    coach_id: Uuid,
    shown: Shown,
    page: &PageInput,
) -> Result<Page<Model>> {
    let query = match shown {
        Shown::Public => Entity::find_public(),
        Shown::All if is_managed_by(caller, coach_id) => Entity::find(),
        Shown::All => {
            return Err(Error::Forbidden(
                "only the coach and staff see hidden event types",
            ));
        }
    };
    let query = query.filter(Column::CoachId.eq(coach_id));
    let order = (List::EventTypes, (ORDER[0], ORDER[1]), Direction::Ascending);
    page::cut(app.db.read(), query, page, order, |row: &Model| {
        (row.title.clone(), row.id)
    })
    .await
}

/// Sort order of a coach's event types.
pub(crate) const ORDER: [Column; 2] = [Column::Title, Column::Id];

/// The query of public event types of the coach whose key is an expression, without order: for
/// joins to coaches.
pub(crate) fn public_of(coach_id: Expr) -> Select<Entity> {
    Entity::find_public().filter(Expr::col((Entity, Column::CoachId)).eq(coach_id))
}

/// An event type by id. An archived one is visible to its coach and staff only.
///
/// # Errors
/// `NotFound`.
pub async fn get(app: &App, caller: &Caller, id: Uuid) -> Result<Model> {
    visible(caller, Entity::find_by_id(id).one(app.db.read()).await?)
}

/// An event type by its public address: its coach's handle and its own slug.
///
/// # Errors
/// `NotFound`.
pub async fn get_by_path(app: &App, caller: &Caller, handle: &str, slug: &str) -> Result<Model> {
    // No address contains control characters, and PostgreSQL refuses some of them.
    if handle.contains(char::is_control) || slug.contains(char::is_control) {
        return Err(no_event_type());
    }
    let owner = Query::select()
        .column(coach::Column::Id)
        .from(coach::Entity)
        .and_where(coach::Column::Handle.eq(handle))
        .to_owned();
    let query = Entity::find()
        .filter(Column::Slug.eq(slug))
        .filter(Column::CoachId.in_subquery(owner));
    visible(caller, query.one(app.db.read()).await?)
}

fn visible(caller: &Caller, found: Option<Model>) -> Result<Model> {
    found
        .filter(|found| {
            found.visibility != Visibility::Archived || is_managed_by(caller, found.coach_id)
        })
        .ok_or_else(no_event_type)
}

/// Builds the first page of a coach's public event types from rows of [`first_public_by_coaches`],
/// one more than the page size where a next page exists. Equals the page of [`list_by_coach`].
#[must_use]
pub fn first_page(coach_id: Uuid, size: usize, rows: Vec<Model>) -> Page<Model> {
    let query = Entity::find_public().filter(Column::CoachId.eq(coach_id));
    page::first(query, (List::EventTypes, size), rows, |row: &Model| {
        (row.title.clone(), row.id)
    })
}

/// These event types, archived or not: for whoever got their ids from something that they may see,
/// such as a booking.
pub async fn find_many(app: &App, ids: &[Uuid]) -> Result<HashMap<Uuid, Model>> {
    let rows = Entity::find()
        .filter(Column::Id.is_in(ids.iter().copied()))
        .all(app.db.read())
        .await?;
    Ok(rows.into_iter().map(|row| (row.id, row)).collect())
}

/// The first `most` public event types of each of these coaches, by title, in one statement.
pub async fn first_public_by_coaches(
    app: &App,
    coach_ids: &[Uuid],
    most: u64,
) -> Result<HashMap<Uuid, Vec<Model>>> {
    let place = Alias::new("place");
    let ranked = Query::select()
        .column(Column::Id)
        .expr_as(
            Expr::cust("row_number() over (partition by coach_id order by title, id)"),
            place.clone(),
        )
        .from(Entity)
        .and_where(Column::CoachId.is_in(coach_ids.iter().copied()))
        .and_where(Column::Visibility.eq(Visibility::Public))
        .to_owned();
    let first = Query::select()
        .column(Column::Id)
        .from_subquery(ranked, Alias::new("ranked"))
        .and_where(Expr::col(place).lte(most))
        .to_owned();
    let rows = Entity::find()
        .filter(Column::Id.in_subquery(first))
        .order_by_asc(Column::Title)
        .order_by_asc(Column::Id)
        .all(app.db.read())
        .await?;
    let mut found: HashMap<Uuid, Vec<Model>> = HashMap::new();
    for row in rows {
        found.entry(row.coach_id).or_default().push(row);
    }
    Ok(found)
}

/// The lowest price above zero among the public event types of each of these coaches, in minor
/// units with its currency. A coach with prices in several currencies has the one that most of the
/// types are in; nothing is converted.
pub async fn lowest_prices(app: &App, coach_ids: &[Uuid]) -> Result<HashMap<Uuid, (i64, String)>> {
    let rows: Vec<(Uuid, String, i64, i64)> = Entity::find_public()
        .filter(Column::CoachId.is_in(coach_ids.iter().copied()))
        .filter(Column::PriceMinor.gt(0))
        .select_only()
        .columns([Column::CoachId, Column::Currency])
        .column_as(Column::PriceMinor.min(), "lowest")
        .column_as(Column::Id.count(), "types")
        .group_by(Column::CoachId)
        .group_by(Column::Currency)
        .into_tuple()
        .all(app.db.read())
        .await?;
    let mut found: HashMap<Uuid, (i64, (i64, String))> = HashMap::new();
    for (coach_id, currency, lowest, types) in rows {
        let best = found
            .entry(coach_id)
            .or_insert_with(|| (types, (lowest, currency.clone())));
        // Ties go to the currency that is first in the alphabet, so that the result is stable.
        if types > best.0 || (types == best.0 && currency < best.1.1) {
            *best = (types, (lowest, currency));
        }
    }
    Ok(found
        .into_iter()
        .map(|(coach_id, (_, price))| (coach_id, price))
        .collect())
}
