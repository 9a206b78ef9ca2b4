//! Free slots and slot holds.

pub mod free;
pub mod hold;

use async_graphql::{Context, ID, Object, SimpleObject};
use chrono::NaiveDate;

pub use free::FreeCoachQuery;
pub use hold::{Hold, HoldMutation, ViewerHolds};

use super::coach::Coach;
use super::connection::TimeRangeInput;
use super::context::{app, caller};
use super::error::Result;
use super::event_type::EventType;
use super::fast_json::FastList;
use super::id::Kind;
use super::scalars::{DateTime, LocalDate, TimeZone};
use crate::domain::scheduling::{Freshness, Source, native};
use crate::domain::slots;

/// Queries of free slots.
#[derive(Default)]
pub struct SlotQuery;

#[Object]
impl SlotQuery {
    /// The free slots of an event type. The caller's own hold counts as free. CONFLICT when the coach takes no bookings or the calendar
    /// cannot be read: an empty list always means that nothing is free.
    async fn slots(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be booked.")] event_type_id: ID,
        #[graphql(desc = "One of its hosts; the coach who offers it when left out.")]
        coach_id: Option<ID>,
        #[graphql(desc = "Slots start in this stretch; at most 62 days.")] range: TimeRangeInput,
        #[graphql(desc = "One of its lengths; the default when left out.")] length_minutes: Option<
            i32,
        >,
        #[graphql(
            desc = "A booking that is to be moved: its own time counts as free, its coach and length stay."
        )]
        booking_id: Option<ID>,
    ) -> Option<Result<Availability>> {
        let key = match Kind::EventType.key("eventTypeId", &event_type_id) {
            Ok(key) => key,
            Err(error) => return Some(Err(error.into())),
        };
        Some(find(ctx, key, coach_id, range, length_minutes, booking_id).await)
    }
}

/// Finds the free slots of an event type.
pub(super) async fn find(
    ctx: &Context<'_>,
    event_type_id: entity::Uuid,
    coach_id: Option<ID>,
    range: TimeRangeInput,
    length_minutes: Option<i32>,
    booking_id: Option<ID>,
) -> Result<Availability> {
    let query = slots::Query {
        event_type_id,
        coach_id: Kind::Coach.find_key("coachId", coach_id.as_ref())?,
        range: range.read(),
        length_minutes,
        moving: Kind::Booking.find_key("bookingId", booking_id.as_ref())?,
    };
    let found = slots::slots(app(ctx), caller(ctx), query).await?;
    let slots = found.slots.iter().copied().map(Slot).collect();
    Ok(Availability(found, slots))
}

/// The free slots of one coach for one event type.
#[derive(async_graphql::Description)]
pub struct Availability(slots::Slots, Vec<Slot>);

#[Object(use_type_description)]
impl Availability {
    /// Whose time it is.
    async fn coach(&self) -> Coach {
        Coach::new(self.0.coach.clone())
    }

    /// What can be booked in it.
    async fn event_type(&self) -> EventType {
        EventType::new(self.0.event_type.clone())
    }

    /// The slots, earliest first. One may be gone a moment later: createBooking and createHold have the last word.
    async fn slots(&self) -> FastList<'_, Slot> {
        FastList::Of(self.1.iter().collect())
    }

    /// The same slots, day by day: one entry for each day that has one, in order.
    async fn days(
        &self,
        #[graphql(desc = "The zone in which the days are cut.")] time_zone: TimeZone,
    ) -> Vec<AvailabilityDay> {
        let date = |slot: &native::Slot| slot.starts_at.with_timezone(&time_zone.0).date_naive();
        let day = |slots: &[native::Slot]| AvailabilityDay {
            date: LocalDate(slots.first().map_or(NaiveDate::MIN, date)),
            slots: slots.iter().copied().map(Slot).collect(),
        };
        self.0
            .slots
            .chunk_by(|a, b| date(a) == date(b))
            .map(day)
            .collect()
    }

    /// When the answer was true.
    async fn verified_at(&self) -> DateTime {
        DateTime(self.0.verified_at)
    }

    /// How far it may be relied on. A calendar that does not answer is shown as it last was, never as empty.
    async fn freshness(&self) -> Freshness {
        self.0.freshness
    }

    /// Where the answer comes from.
    async fn source(&self) -> Source {
        self.0.source
    }
}

/// The free slots of one day.
#[derive(SimpleObject)]
pub struct AvailabilityDay {
    /// The day.
    date: LocalDate,
    /// The slots, earliest first.
    slots: Vec<Slot>,
}

/// A free time. No object: it has no id and may be gone a moment later.
#[derive(Clone, Copy, async_graphql::Description)]
pub struct Slot(pub(super) native::Slot);

#[Object(use_type_description)]
impl Slot {
    /// Start.
    async fn starts_at(&self) -> DateTime {
        DateTime(self.0.starts_at)
    }

    /// End.
    async fn ends_at(&self) -> DateTime {
        DateTime(self.0.ends_at)
    }

    /// Start on the clocks of a zone, as RFC 3339 with its offset.
    async fn starts_at_local(&self, #[graphql(desc = "The zone.")] time_zone: TimeZone) -> String {
        time_zone.local(self.0.starts_at)
    }

    /// End on the clocks of a zone, as RFC 3339 with its offset.
    async fn ends_at_local(&self, #[graphql(desc = "The zone.")] time_zone: TimeZone) -> String {
        time_zone.local(self.0.ends_at)
    }
}
