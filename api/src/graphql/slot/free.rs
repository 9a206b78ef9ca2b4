//! Search for coaches who are free at a time.

use async_graphql::{Context, InputObject, Object, SimpleObject};
use entity::event_type::Kind;

use super::Slot;
use crate::domain::scheduling::Source;
use crate::domain::slots;
use crate::graphql::coach::Coach;
use crate::graphql::connection::TimeRangeInput;
use crate::graphql::context::{app, caller};
use crate::graphql::error::Result;
use crate::graphql::event_type::EventType;
use crate::graphql::money::MoneyInput;
use crate::graphql::scalars::DateTime;

/// Which coaches, and when. All given conditions must hold.
#[derive(Clone, Debug, InputObject)]
pub struct FreeCoachFilter {
    /// Slots start in this stretch; at most 7 days.
    pub range: TimeRangeInput,
    /// Coaches with any of these specialties, by key. At most 20.
    pub specialties: Option<Vec<String>>,
    /// The event type is in this currency and costs no more than this, or is free.
    pub max_price: Option<MoneyInput>,
    /// What the event type is for; anything when left out.
    pub kind: Option<Kind>,
}

/// A coach who is free then.
#[derive(SimpleObject)]
pub struct FreeCoach {
    /// The coach.
    coach: Coach,
    /// The coach's cheapest event type that fits and has a free slot.
    event_type: EventType,
    /// Its first free slots of the default length, earliest first; at least one.
    slots: Vec<Slot>,
}

/// Who is free in a stretch of time.
#[derive(SimpleObject)]
pub struct FreeCoaches {
    /// Whoever is free first comes first. Coaches whose calendar cannot be read are not among them.
    coaches: Vec<FreeCoach>,
    /// Whether all event types that fit were looked at. More than 1,000 are not: narrow the filter.
    is_complete: bool,
    /// When the answer was true.
    verified_at: DateTime,
    /// Where the answer comes from.
    source: Source,
}

/// Query of free coaches.
#[derive(Default)]
pub struct FreeCoachQuery;

#[Object]
impl FreeCoachQuery {
    /// Who of the listed coaches is free in a stretch of time, with what can be booked then.
    async fn free_coaches(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which coaches, and when.")] filter: FreeCoachFilter,
        #[graphql(desc = "Most coaches, 1 to 50.", default = 20)] limit: i32,
        #[graphql(desc = "Most slots for each coach, 1 to 20.", default = 3)] slots_per_coach: i32,
    ) -> Option<Result<FreeCoaches>> {
        let filter = slots::FreeFilter {
            range: filter.range.read(),
            specialties: filter.specialties,
            max_price: filter.max_price.map(MoneyInput::read),
            kind: filter.kind,
            limit,
            slots_per_coach,
        };
        let found = slots::free_coaches(app(ctx), caller(ctx), &filter).await;
        Some(found.map(FreeCoaches::new).map_err(Into::into))
    }
}

impl FreeCoaches {
    fn new(found: slots::FreeCoaches) -> Self {
        let shown = |free: slots::FreeCoach| {
            let coach = Coach::new(free.coach);
            FreeCoach {
                event_type: EventType::new(free.event_type).with_coach(coach.clone()),
                coach,
                slots: free.slots.into_iter().map(Slot).collect(),
            }
        };
        Self {
            coaches: found.coaches.into_iter().map(shown).collect(),
            is_complete: found.complete,
            verified_at: DateTime(found.verified_at),
            source: found.source,
        }
    }
}
