//! Search for free coaches: slots of many coaches in one answer.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use entity::Uuid;
use entity::coach::{self, Scheduler};
use entity::event_type::{self, Kind};
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{ColumnTrait, Condition, QueryFilter, QueryOrder, QuerySelect};

use super::{ANSWER_TIMEOUT, check_range, still_free};
use crate::app::App;
use crate::domain::coach::{check_max_price, check_specialties, has_specialty};
use crate::domain::money::Price;
use crate::domain::scheduling::native::{Interval, Slot};
use crate::domain::scheduling::{self, Availability, Except, Question, Reading, Source};
use crate::domain::text::Problems;
use crate::domain::{Caller, Result, connection};

/// Maximum length of the searched interval.
const MAX_RANGE: TimeDelta = TimeDelta::days(7);
/// Maximum number of offers (a coach's event type) that one search examines.
const MAX_OFFERS: u64 = 1_000;
/// Maximum number of offers at remote schedulers: each may cost a call.
const MAX_REMOTE_OFFERS: usize = 60;

/// Which coaches and when. All conditions that are set must hold.
#[derive(Clone, Debug)]
pub struct FreeFilter {
    /// Slots start in this interval; at most 7 days.
    pub range: Interval,
    /// Coaches with any of these; an empty list does not filter.
    pub specialties: Option<Vec<String>>,
    /// The event type costs at most this, in this currency, or is free.
    pub max_price: Option<Price>,
    pub kind: Option<Kind>,
    /// Maximum number of coaches in the answer, 1 to 50.
    pub limit: i32,
    /// Maximum number of slots per coach, 1 to 20.
    pub slots_per_coach: i32,
}

/// A coach who is free then.
#[derive(Clone, Debug)]
pub struct FreeCoach {
    pub coach: coach::Model,
    /// The coach's cheapest type with a free slot, at its default length.
    pub event_type: event_type::Model,
    /// Earliest first, at least one.
    pub slots: Vec<Slot>,
}

/// Free coaches and whether the search was complete.
#[derive(Clone, Debug)]
pub struct FreeCoaches {
    /// By their first free slot.
    pub coaches: Vec<FreeCoach>,
    /// Whether every matching offer was examined: false beyond 1,000 offers, and when a remote
    /// scheduler does not answer.
    pub complete: bool,
    /// When the answer was true.
    pub verified_at: DateTime<Utc>,
    pub source: Source,
}

/// Finds listed coaches who are free in an interval, for one public event type each. Visitors may
/// search. Coaches whose remote scheduler cannot be read are left out: their free time is unknown.
/// A fixed number of statements, independent of the number of coaches.
///
/// # Errors
/// `Invalid` for an invalid filter.
pub async fn free_coaches(
    app: &Arc<App>,
    caller: &Caller,
    filter: &FreeFilter,
) -> Result<FreeCoaches> {
    let now = app.clock.now();
    let (most_coaches, most_slots) = filter.check()?;
    let mut offers = offers(app, filter).await?;
    let mut complete = offers.len() as u64 <= MAX_OFFERS;
    offers.truncate(MAX_OFFERS as usize);
    // Nobody can book themselves.
    offers.retain(|(coach, _)| {
        caller
            .find_person()
            .is_none_or(|person| !person.is_coach(coach.id))
    });
    let pairs: Vec<_> = offers
        .iter()
        .map(|(coach, event_type)| (coach, event_type))
        .collect();
    let except = Except {
        user_id: caller.find_person().map(|person| person.user_id),
        ..Except::default()
    };
    let open = if pairs.is_empty() {
        Vec::new()
    } else {
        scheduling::load_many(app.db.read(), &pairs, filter.range, except, now).await?
    };

    let remote_readings = remote_readings(app, &pairs, filter.range).await?;
    let mut source = Source::Native;
    let mut verified_at = now;
    let mut found: Vec<FreeCoach> = Vec::new();
    for (index, ((coach, event_type), availability)) in pairs.into_iter().zip(open).enumerate() {
        // Offers are sorted by coach and price: the first type of a coach with a slot is taken.
        if found.last().is_some_and(|last| last.coach.id == coach.id) {
            continue;
        }
        let slots = if coach.scheduler == Scheduler::Native {
            first_slots(event_type, &availability, filter.range, most_slots, now)?
        } else {
            let Some(reading) = remote_readings.get(&index) else {
                complete = false;
                continue;
            };
            complete &= reading.is_complete;
            verified_at = reading
                .verified_at
                .map_or(verified_at, |at| Ord::min(at, verified_at));
            source = Source::Mixed;
            let terms = scheduling::terms(event_type, event_type.length_minutes)?;
            let mut slots = still_free(
                reading.free.clone(),
                availability,
                &terms,
                filter.range,
                now,
            );
            slots.truncate(most_slots);
            slots
        };
        if !slots.is_empty() {
            found.push(FreeCoach {
                coach: coach.clone(),
                event_type: event_type.clone(),
                slots,
            });
        }
    }
    found.sort_by_key(|free| (free.slots[0].starts_at, free.coach.id));
    found.truncate(most_coaches);
    Ok(FreeCoaches {
        coaches: found,
        complete,
        verified_at,
        source,
    })
}

/// Remote availability, by position among the offers: only the cheapest offer of each coach, read
/// concurrently.
async fn remote_readings(
    app: &Arc<App>,
    offers: &[(&coach::Model, &event_type::Model)],
    range: Interval,
) -> Result<HashMap<usize, Reading>> {
    let mut asked = HashSet::new();
    let first = offers
        .iter()
        .enumerate()
        .filter(|(_, (coach, _))| coach.scheduler.is_remote());
    let first = first
        .filter(|(_, (coach, _))| asked.insert(coach.id))
        .take(MAX_REMOTE_OFFERS);
    let readings = first.map(|(index, (coach, event_type))| async move {
        let question = Question {
            scheduler: coach.scheduler,
            coach: (*coach).clone(),
            event_type: (*event_type).clone(),
            length_minutes: event_type.length_minutes,
            moving: None,
            range,
        };
        let reading = scheduling::read(app, &question, ANSWER_TIMEOUT, false).await?;
        Ok((index, reading))
    });
    let readings: Result<Vec<_>> = futures_util::future::join_all(readings)
        .await
        .into_iter()
        .collect();
    Ok(readings?
        .into_iter()
        .filter(|(_, reading)| reading.verified_at.is_some())
        .collect())
}

fn first_slots(
    event_type: &event_type::Model,
    availability: &Availability,
    range: Interval,
    most: usize,
    now: DateTime<Utc>,
) -> Result<Vec<Slot>> {
    let terms = scheduling::terms(event_type, event_type.length_minutes)?;
    Ok(availability
        .upcoming(&terms, range, now)
        .take(most)
        .collect())
}

/// Matching offers, by coach and price, one more than is examined.
async fn offers(app: &App, filter: &FreeFilter) -> Result<Vec<(coach::Model, event_type::Model)>> {
    use coach::Column as C;
    use event_type::Column as E;

    let readable = Condition::all()
        .add(C::Listed.eq(true))
        .add(C::AcceptsBookings.eq(true))
        .add(C::Scheduler.eq(Scheduler::Native).or(is_connected()))
        .add_option(
            filter
                .specialties
                .as_deref()
                .filter(|keys| !keys.is_empty())
                .map(has_specialty),
        );
    let coaches = Query::select()
        .column(C::Id)
        .from(coach::Entity)
        .cond_where(readable)
        .to_owned();
    let mut problems = Problems::default();
    let affordable =
        check_max_price(&mut problems, filter.max_price.as_ref()).map(|(minor, currency)| {
            E::PriceMinor
                .lte(minor)
                .and(E::PriceMinor.eq(0).or(E::Currency.eq(currency)))
        });
    let types = event_type::Entity::find_public()
        .filter(E::CoachId.in_subquery(coaches))
        .filter(
            Condition::all()
                .add_option(affordable)
                .add_option(filter.kind.map(|kind| E::Kind.eq(kind))),
        )
        .order_by_asc(E::CoachId)
        .order_by_asc(E::PriceMinor)
        .order_by_asc(E::Id)
        .limit(MAX_OFFERS + 1)
        .all(app.db.read())
        .await?;

    let ids: Vec<Uuid> = types.iter().map(|found| found.coach_id).collect();
    let coaches = crate::domain::coach::find_many(app, &ids).await?;
    Ok(types
        .into_iter()
        .filter_map(|found| Some((coaches.get(&found.coach_id)?.clone(), found)))
        .collect())
}

/// Whether the calendar that keeps a coach's time can be called.
fn is_connected() -> Expr {
    use coach::Column as C;

    let at = |scheduler: Scheduler| {
        let live = connection::live_coaches(scheduler);
        C::Scheduler.eq(scheduler).and(C::Id.in_subquery(live))
    };
    Scheduler::REMOTE
        .into_iter()
        .map(at)
        .reduce(ExprTrait::or)
        .expect("there are remote schedulers")
}

impl FreeFilter {
    /// Validates the filter; returns the maximum numbers of coaches and slots.
    fn check(&self) -> Result<(usize, usize)> {
        let mut problems = Problems::default();
        check_range(&mut problems, "filter.range", self.range, MAX_RANGE);
        check_specialties(
            &mut problems,
            "filter.specialties",
            self.specialties.as_deref(),
        );
        check_max_price(&mut problems, self.max_price.as_ref());
        problems.range("limit", self.limit, 1, 50);
        problems.range("slotsPerCoach", self.slots_per_coach, 1, 20);
        problems.finish()?;
        Ok((
            self.limit.unsigned_abs() as usize,
            self.slots_per_coach.unsigned_abs() as usize,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::violation_paths;

    #[test]
    fn all_violations_of_a_filter_are_reported() {
        let from: DateTime<Utc> = "2026-12-01T00:00:00Z".parse().expect("a literal instant");
        let filter = FreeFilter {
            range: Interval {
                from,
                until: from + TimeDelta::days(8),
            },
            specialties: Some(vec!["%".to_owned()]),
            max_price: Some(Price {
                amount: 1.into(),
                currency: "usd".to_owned(),
            }),
            kind: None,
            limit: 51,
            slots_per_coach: 0,
        };
        assert_eq!(
            violation_paths(filter.check()),
            [
                "filter.range.until",
                "filter.specialties.0",
                "filter.maxPrice.currency",
                "limit",
                "slotsPerCoach"
            ]
        );
        let good = FreeFilter {
            limit: 50,
            slots_per_coach: 20,
            specialties: None,
            max_price: None,
            ..filter
        };
        let good = FreeFilter {
            range: Interval {
                from,
                until: from + TimeDelta::days(7),
            },
            ..good
        };
        assert_eq!(good.check().ok(), Some((50, 20)));
    }
}
