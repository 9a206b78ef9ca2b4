//! Finding coaches.

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
use crate::domain::{Caller, Result};

/// Most words that a search looks for.
const MOST_WORDS: usize = 10;
/// Most characters of a search.
const LONGEST_SEARCH: usize = 200;
/// Most specialties in a filter and on a profile.
pub(super) const MOST_SPECIALTIES: usize = 20;

/// Which coaches. All given conditions must hold.
#[derive(Clone, Debug, Default)]
pub struct CoachFilter {
    /// Words, all of which occur in the name, headline, biography or among the specialties.
    pub search: Option<String>,
    /// Any of these; an empty list asks for none in particular.
    pub specialties: Option<Vec<String>>,
    /// A public event type in this currency costs no more than this. Free ones count whatever their
    /// currency.
    pub max_price: Option<Price>,
}

/// How a coach is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    Id(Uuid),
    Handle(String),
}

/// The order of the directory.
pub const ORDER: [Column; 2] = [Column::DisplayName, Column::Id];

/// The coaches whom the directory shows, in no order yet.
///
/// # Errors
/// `Invalid` for a filter that makes no sense.
pub fn listed(filter: &CoachFilter) -> Result<Select<Entity>> {
    Ok(Entity::find_listed().filter(filter.condition()?))
}

/// The directory: listed coaches by name.
///
/// # Errors
/// `Invalid` for a filter or a cursor that makes no sense.
pub async fn list(app: &App, filter: &CoachFilter, page: &PageInput) -> Result<Page<Model>> {
    let order = (List::Coaches, (ORDER[0], ORDER[1]), Direction::Ascending);
    page::cut(
        app.db.read(),
        listed(filter)?,
        page,
        order,
        |row: &Model| (row.display_name.clone(), row.id),
    )
    .await
}

/// A coach by id or handle. A profile that is not listed is there for its coach and staff only.
///
/// # Errors
/// `NotFound`.
pub async fn get(app: &App, caller: &Caller, key: &Key) -> Result<Model> {
    let query = match key {
        Key::Id(id) => Entity::find_by_id(*id),
        // No handle has such characters, and PostgreSQL refuses some of them.
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

/// These coaches, listed or not: for whoever got their ids from something that they may see, such
/// as a booking.
pub async fn find_many(app: &App, ids: &[Uuid]) -> Result<Vec<Model>> {
    Ok(Entity::find()
        .filter(Column::Id.is_in(ids.iter().copied()))
        .all(app.db.read())
        .await?)
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
            problems.lines("filter.search", search, 0, LONGEST_SEARCH);
            let most = format!("must have at most {MOST_WORDS} words");
            problems.require(
                search.split_whitespace().count() <= MOST_WORDS,
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
            condition.add(mentions(word))
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

/// Notes what is wrong with specialties at a path.
pub(in crate::domain) fn check_specialties(
    problems: &mut Problems,
    path: &str,
    keys: Option<&[String]>,
) {
    let keys = keys.unwrap_or_default();
    problems.require(
        keys.len() <= MOST_SPECIALTIES,
        path,
        format!("at most {MOST_SPECIALTIES}"),
    );
    for (index, key) in keys.iter().enumerate().take(MOST_SPECIALTIES) {
        problems.slug(&format!("{path}.{index}"), key);
    }
}

/// The most that something may cost in minor units, with its currency; notes what is wrong with it.
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

/// Coaches in whose profile the word occurs.
fn mentions(word: &str) -> Condition {
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

/// What to look for in text that the database has made lower-case. SQLite leaves capitals other
/// than A to Z as they are, so a word that begins with such a letter is looked for in both forms.
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

/// So that the wildcards of LIKE stand for themselves.
fn escape(word: &str) -> String {
    word.replace('\\', r"\\")
        .replace('%', r"\%")
        .replace('_', r"\_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_in_a_search_stand_for_themselves() {
        assert_eq!(patterns(r"100%_\"), [r"%100\%\_\\%"]);
    }

    #[test]
    fn a_word_is_found_whatever_its_case() {
        assert_eq!(patterns("ADA"), ["%ada%"]);
        assert_eq!(patterns("élodie"), ["%élodie%", "%Élodie%"]);
        assert_eq!(patterns("東京"), ["%東京%"]);
    }

    #[test]
    fn everything_wrong_with_a_filter_is_told_at_once() {
        let filter = CoachFilter {
            search: Some("a ".repeat(11)),
            specialties: Some(vec!["negotiation".to_owned(), "Two Words".to_owned()]),
            max_price: Some(Price {
                amount: (-1).into(),
                currency: "EUR".to_owned(),
            }),
        };
        let Err(crate::domain::Error::Invalid(found)) = filter.condition() else {
            panic!("it makes no sense")
        };
        let paths: Vec<String> = found
            .iter()
            .map(|violation| violation.field.join("."))
            .collect();
        assert_eq!(
            paths,
            [
                "filter.search",
                "filter.specialties.1",
                "filter.maxPrice.amount"
            ]
        );
    }
}
