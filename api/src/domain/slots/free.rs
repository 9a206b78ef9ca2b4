//! Who is free then: slots of many coaches in one answer.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use entity::Uuid;
use entity::coach::{self, Scheduler};
use entity::event_type::{self, Kind};
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{ColumnTrait, Condition, QueryFilter, QueryOrder, QuerySelect};

use super::{PATIENCE, check_range, still_free};
use crate::app::App;
use crate::domain::coach::{check_max_price, check_specialties, has_specialty};
use crate::domain::money::Price;
use crate::domain::scheduling::native::{Interval, Slot};
use crate::domain::scheduling::{self, Availability, Except, Question, Reading, Source};
use crate::domain::text::Problems;
use crate::domain::{Caller, Result, connection};

/// Longest stretch that is searched at once.
const LONGEST: TimeDelta = TimeDelta::days(7);
/// Most offers (a coach's event type) that are looked at for one answer.
const MOST_OFFERS: u64 = 1_000;
/// Most of them whose calendar is elsewhere: each may cost a call.
const MOST_ELSEWHERE: usize = 60;

/// Which coaches and when. All given conditions must hold.
#[derive(Clone, Debug)]
pub struct FreeFilter {
    /// Slots start in the stretch; at most 7 days.
    pub range: Interval,
    /// Coaches with any of these; none in particular when empty.
    pub specialties: Option<Vec<String>>,
    /// The event type costs no more than this, in this currency or nothing at all.
    pub max_price: Option<Price>,
    pub kind: Option<Kind>,
    /// Most coaches in the answer, 1 to 50.
    pub limit: i32,
    /// Most slots for each, 1 to 20.
    pub slots_per_coach: i32,
}

/// A coach who is free then.
#[derive(Clone, Debug)]
pub struct FreeCoach {
    pub coach: coach::Model,
    /// The coach's cheapest type that has a free slot, of its default length.
    pub event_type: event_type::Model,
    /// Earliest first, at least one.
    pub slots: Vec<Slot>,
}

/// An answer about the free time of many coaches.
#[derive(Clone, Debug)]
pub struct FreeCoaches {
    /// Whoever is free first comes first.
    pub coaches: Vec<FreeCoach>,
    /// Whether every offer that fits was looked at. More than 1,000 are not: narrow the filter. Nor
    /// is a calendar that does not answer.
    pub complete: bool,
    /// When the answer was true.
    pub verified_at: DateTime<Utc>,
    pub source: Source,
}

/// Who of the listed coaches is free in a stretch of time, for one public event type each. Visitors
/// may ask. Coaches whose calendar cannot be read are left out: nothing is known of their time. A
/// fixed number of statements, however many coaches there are.
///
/// # Errors
/// `Invalid` for a filter that makes no sense.
pub async fn free_coaches(
    app: &Arc<App>,
    caller: &Caller,
    filter: &FreeFilter,
) -> Result<FreeCoaches> {
    let now = app.clock.now();
    let (most_coaches, most_slots) = filter.check()?;
    let mut offers = offers(app, filter).await?;
    let mut complete = offers.len() as u64 <= MOST_OFFERS;
    offers.truncate(MOST_OFFERS as usize);
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

    let elsewhere = elsewhere(app, &pairs, filter.range).await?;
    let mut source = Source::Native;
    let mut verified_at = now;
    let mut found: Vec<FreeCoach> = Vec::new();
    for (index, ((coach, event_type), availability)) in pairs.into_iter().zip(open).enumerate() {
        // Offers come by coach and price: of the types of one coach the first with a slot is taken.
        if found.last().is_some_and(|last| last.coach.id == coach.id) {
            continue;
        }
        let slots = if coach.scheduler == Scheduler::Native {
            first_slots(event_type, &availability, filter.range, most_slots, now)?
        } else {
            let Some(reading) = elsewhere.get(&index) else {
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

/// What is known of the free time of those whose calendar is elsewhere, by their place among the
/// offers: of each coach only the cheapest offer is asked for, all at the same time.
async fn elsewhere(
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
        .take(MOST_ELSEWHERE);
    let readings = first.map(|(index, (coach, event_type))| async move {
        let question = Question {
            scheduler: coach.scheduler,
            coach: (*coach).clone(),
            event_type: (*event_type).clone(),
            length_minutes: event_type.length_minutes,
            moving: None,
            range,
        };
        let reading = scheduling::read(app, &question, PATIENCE, false).await?;
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

/// Offers that fit, by coach and price, one more than are looked at.
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
        .limit(MOST_OFFERS + 1)
        .all(app.db.read())
        .await?;

    let ids: Vec<Uuid> = types.iter().map(|found| found.coach_id).collect();
    let coaches = crate::domain::coach::find_many(app, &ids).await?;
    let coaches: HashMap<Uuid, coach::Model> =
        coaches.into_iter().map(|coach| (coach.id, coach)).collect();
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
    /// The most coaches and the most slots for each.
    fn check(&self) -> Result<(usize, usize)> {
        let mut problems = Problems::default();
        check_range(&mut problems, "filter.range", self.range, LONGEST);
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
    use crate::domain::Error;

    #[test]
    fn everything_wrong_with_a_filter_is_told_at_once() {
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
        let Err(Error::Invalid(found)) = filter.check() else {
            panic!("it makes no sense")
        };
        let paths: Vec<String> = found
            .iter()
            .map(|violation| violation.field.join("."))
            .collect();
        assert_eq!(
            paths,
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
