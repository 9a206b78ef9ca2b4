//! The coach directory: search and lookup.

use std::collections::HashMap;

use entity::coach::{Column, Entity, Model};
use entity::{Uuid, coach_specialty, event_type};
use sea_orm::sea_query::{Expr, ExprTrait, Func, LikeExpr, Query};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};

use super::{is_managed_by, no_coach};
use crate::app::App;
use crate::domain::money::{self, Price};
use crate::domain::page::{self, Direction, List, Page, PageInput};
use crate::domain::text::Problems;
use crate::domain::{Caller, Listed, Result};

/// Maximum number of words in a search.
const MAX_SEARCH_WORDS: usize = 10;
/// Maximum length of a search in characters.
const MAX_SEARCH_LENGTH: usize = 200;
/// Maximum number of specialties in a filter and on a profile.
pub(super) const MAX_SPECIALTIES: usize = 20;

/// Which coaches. All given conditions must hold.
#[derive(Clone, Debug, Default)]
pub struct CoachFilter {
    /// Words that must all occur in the name, headline, biography or specialties.
    pub search: Option<String>,
    /// Any of these; an empty list does not filter.
    pub specialties: Option<Vec<String>>,
    /// A public event type costs at most this, in this currency. Free ones match in any currency.
    pub max_price: Option<Price>,
}

/// How a coach is looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    Id(Uuid),
    Handle(String),
}

/// Sort order of the directory.
const ORDER: [Column; 2] = [Column::DisplayName, Column::Id];

/// The coaches of [`list`], to be read as a whole.
///
/// # Errors
/// `Invalid` for an invalid filter.
pub(crate) fn listed(filter: &CoachFilter) -> Result<Listed> {
    Ok(Listed::new(query(filter)?, ORDER))
}

fn query(filter: &CoachFilter) -> Result<Select<Entity>> {
    Ok(Entity::find_listed().filter(filter.condition()?))
}

/// Listed coaches, by name.
///
/// # Errors
/// `Invalid` for an invalid filter or cursor.
pub async fn list(app: &App, filter: &CoachFilter, page: &PageInput) -> Result<Page<Model>> {
    let order = (List::Coaches, (ORDER[0], ORDER[1]), Direction::Ascending);
    page::cut(app.db.read(), query(filter)?, page, order, |row: &Model| {
        (row.display_name.clone(), row.id)
    })
    .await
}

/// A coach by id or handle. An unlisted profile is visible to its coach and staff only.
///
/// # Errors
/// `NotFound`.
pub async fn get(app: &App, caller: &Caller, key: &Key) -> Result<Model> {
    let query = match key {
        Key::Id(id) => Entity::find_by_id(*id),
        // No handle contains control characters, and PostgreSQL refuses some of them.
        Key::Handle(handle) if handle.contains(char::is_control) => return Err(no_coach()),
        Key::Handle(handle) => Entity::find().filter(Column::Handle.eq(handle)),
    };
    let coach = query.one(app.db.read()).await?.ok_or_else(no_coach)?;
    if coach.listed || is_managed_by(caller, coach.id) {
        Ok(coach)
    } else {
        Err(no_coach())
    }
}

/// These coaches, listed or not: for callers who got the ids from an object that they may see, such
/// as a booking.
pub async fn find_many(app: &App, ids: &[Uuid]) -> Result<HashMap<Uuid, Model>> {
    let rows = Entity::find()
        .filter(Column::Id.is_in(ids.iter().copied()))
        .all(app.db.read())
        .await?;
    Ok(rows.into_iter().map(|row| (row.id, row)).collect())
}

/// The specialties of these coaches, in the order of the alphabet.
pub async fn specialties_of(app: &App, ids: &[Uuid]) -> Result<HashMap<Uuid, Vec<String>>> {
    use coach_specialty::Column as S;

    let rows = coach_specialty::Entity::find()
        .filter(S::CoachId.is_in(ids.iter().copied()))
        .order_by_asc(S::Specialty)
        .all(app.db.read())
        .await?;
    let mut found: HashMap<Uuid, Vec<String>> = HashMap::new();
    for row in rows {
        found.entry(row.coach_id).or_default().push(row.specialty);
    }
    Ok(found)
}

/// All specialties of listed coaches, for filters, in the order of the alphabet: at most 500.
pub async fn specialties(app: &App) -> Result<Vec<String>> {
    use coach_specialty::Column as S;

    let listed = Query::select()
        .column(Column::Id)
        .from(Entity)
        .and_where(Column::Listed.eq(true))
        .to_owned();
    Ok(coach_specialty::Entity::find()
        .select_only()
        .column(S::Specialty)
        .distinct()
        .filter(S::CoachId.in_subquery(listed))
        .order_by_asc(S::Specialty)
        .limit(500)
        .into_tuple()
        .all(app.db.read())
        .await?)
}

impl CoachFilter {
    fn condition(&self) -> Result<Condition> {
        let mut problems = Problems::default();
        if let Some(search) = &self.search {
            problems.lines("filter.search", search, 0, MAX_SEARCH_LENGTH);
            let most = format!("must have at most {MAX_SEARCH_WORDS} words");
            problems.require(
                search.split_whitespace().count() <= MAX_SEARCH_WORDS,
                "filter.search",
                most,
            );
        }
        check_specialties(
            &mut problems,
            "filter.specialties",
            self.specialties.as_deref(),
        );
        let most = check_max_price(&mut problems, self.max_price.as_ref());
        problems.finish()?;

        let words = self
            .search
            .iter()
            .flat_map(|search| search.split_whitespace());
        let condition = words.fold(Condition::all(), |condition, word| {
            condition.add(profile_contains(word))
        });
        Ok(condition
            .add_option(
                self.specialties
                    .as_deref()
                    .filter(|keys| !keys.is_empty())
                    .map(has_specialty),
            )
            .add_option(most.map(|(minor, currency)| costs_at_most(minor, currency))))
    }
}

/// Validates specialties at a path.
pub(in crate::domain) fn check_specialties(
    problems: &mut Problems,
    path: &str,
    keys: Option<&[String]>,
) {
    let keys = keys.unwrap_or_default();
    problems.require(
        keys.len() <= MAX_SPECIALTIES,
        path,
        format!("at most {MAX_SPECIALTIES}"),
    );
    for (index, key) in keys.iter().enumerate().take(MAX_SPECIALTIES) {
        problems.slug(&format!("{path}.{index}"), key);
    }
}

/// Validates a maximum price; returns it in minor units with its currency.
pub(in crate::domain) fn check_max_price<'p>(
    problems: &mut Problems,
    price: Option<&'p Price>,
) -> Option<(i64, &'p str)> {
    let price = price?;
    match money::to_minor(price.amount, &price.currency) {
        Ok(minor) if minor >= 0 => return Some((minor, &price.currency)),
        Ok(_) => problems.add("filter.maxPrice.amount", "must not be negative"),
        Err(error @ money::MoneyError::UnknownCurrency) => {
            problems.add("filter.maxPrice.currency", error.to_string())
        }
        Err(error) => problems.add("filter.maxPrice.amount", error.to_string()),
    }
    None
}

/// Coaches with any of the specialties.
pub(in crate::domain) fn has_specialty(keys: &[String]) -> Expr {
    use coach_specialty::Column as S;

    let having = Query::select()
        .column(S::CoachId)
        .from(coach_specialty::Entity)
        .and_where(S::Specialty.is_in(keys.iter().cloned()))
        .to_owned();
    Column::Id.in_subquery(having)
}

fn costs_at_most(minor: i64, currency: &str) -> Expr {
    use event_type::Column as E;

    let affordable = Query::select()
        .column(E::CoachId)
        .from(event_type::Entity)
        .and_where(E::Visibility.eq(event_type::Visibility::Public))
        .and_where(E::PriceMinor.lte(minor))
        .cond_where(
            Condition::any()
                .add(E::PriceMinor.eq(0))
                .add(E::Currency.eq(currency)),
        )
        .to_owned();
    Column::Id.in_subquery(affordable)
}

/// Coaches whose profile contains the word.
fn profile_contains(word: &str) -> Condition {
    use coach_specialty::Column as S;

    let mut mentioned = Condition::any();
    for pattern in patterns(word) {
        let like = || LikeExpr::new(pattern.clone()).escape('\\');
        for column in [Column::DisplayName, Column::Headline, Column::Biography] {
            mentioned =
                mentioned.add(Expr::expr(Func::lower(Expr::col((Entity, column)))).like(like()));
        }
        let specialised = Query::select()
            .column(S::CoachId)
            .from(coach_specialty::Entity)
            .and_where(Expr::col(S::Specialty).like(like()))
            .to_owned();
        mentioned = mentioned.add(Column::Id.in_subquery(specialised));
    }
    mentioned
}

/// Patterns to match against text that the database has lower-cased. SQLite lower-cases only A to
/// Z, so a word that begins with another letter is matched in both cases.
fn patterns(word: &str) -> Vec<String> {
    let lower = word.to_lowercase();
    let mut forms = vec![lower.clone()];
    if let Some(first) = lower.chars().next().filter(|first| !first.is_ascii()) {
        let capital: String = first.to_uppercase().chain(lower.chars().skip(1)).collect();
        if capital != lower {
            forms.push(capital);
        }
    }
    forms
        .iter()
        .map(|form| format!("%{}%", escape(form)))
        .collect()
}

/// Escapes the wildcards of LIKE.
fn escape(word: &str) -> String {
    word.replace('\\', r"\\")
        .replace('%', r"\%")
        .replace('_', r"\_")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::violation_paths;

    #[test]
    fn wildcards_in_a_search_are_escaped() {
        assert_eq!(patterns(r"100%_\"), [r"%100\%\_\\%"]);
    }

    #[test]
    fn search_ignores_case() {
        assert_eq!(patterns("ADA"), ["%ada%"]);
        assert_eq!(patterns("élodie"), ["%élodie%", "%Élodie%"]);
        assert_eq!(patterns("東京"), ["%東京%"]);
    }

    #[test]
    fn all_violations_of_a_filter_are_reported() {
        let filter = CoachFilter {
            search: Some("a ".repeat(11)),
            specialties: Some(vec!["negotiation".to_owned(), "Two Words".to_owned()]),
            max_price: Some(Price {
                amount: (-1).into(),
                currency: "EUR".to_owned(),
            }),
        };
        assert_eq!(
            violation_paths(filter.condition()),
            [
                "filter.search",
                "filter.specialties.1",
                "filter.maxPrice.amount"
            ]
        );
    }
}
