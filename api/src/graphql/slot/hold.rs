//! Slot holds.

use async_graphql::{Context, ID, InputObject, Object};
use entity::slot_hold::Model;

use crate::domain::{self, hold};
use crate::graphql::coach::Coach;
use crate::graphql::context::{app, caller};
use crate::graphql::error::Result;
use crate::graphql::event_type::EventType;
use crate::graphql::id::Kind;
use crate::graphql::loaders::{CoachById, EventTypeById, Loaders};
use crate::graphql::payload::payload;
use crate::graphql::scalars::DateTime;

/// A slot kept for one client while they fill in a form: until it expires nobody else can book or hold it. Only the client sees it.
#[derive(async_graphql::Description)]
pub struct Hold(Model);

impl Hold {
    pub(crate) fn new(row: Model) -> Self {
        Self(row)
    }
}

#[Object(use_type_description)]
impl Hold {
    /// Global id; createBooking takes it.
    pub(crate) async fn id(&self) -> ID {
        Kind::Hold.id(self.0.id)
    }

    /// What is to be booked.
    async fn event_type(&self, ctx: &Context<'_>) -> Option<Result<EventType>> {
        let found = ctx
            .data_unchecked::<Loaders>()
            .load_one(EventTypeById(self.0.event_type_id))
            .await;
        found
            .map(|row| row.map(EventType::new))
            .map_err(Into::into)
            .transpose()
    }

    /// Whose time it is.
    async fn coach(&self, ctx: &Context<'_>) -> Option<Result<Coach>> {
        let found = ctx
            .data_unchecked::<Loaders>()
            .load_one(CoachById(self.0.coach_id))
            .await;
        found
            .map(|row| row.map(Coach::new))
            .map_err(Into::into)
            .transpose()
    }

    /// Start of the slot.
    async fn starts_at(&self) -> DateTime {
        DateTime(self.0.starts_at)
    }

    /// End of the slot.
    async fn ends_at(&self) -> DateTime {
        DateTime(self.0.ends_at)
    }

    /// When the hold ends.
    async fn expires_at(&self) -> DateTime {
        DateTime(self.0.expires_at)
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }
}

/// Slot holds of the viewer.
#[derive(Default)]
pub struct ViewerHolds;

#[Object]
impl ViewerHolds {
    /// The slots that the viewer holds, earliest first. At most 3.
    async fn holds(&self, ctx: &Context<'_>) -> Result<Vec<Hold>> {
        Ok(hold::list(app(ctx), caller(ctx))
            .await?
            .into_iter()
            .map(Hold)
            .collect())
    }
}

/// Input of createHold.
#[derive(Clone, Debug, InputObject)]
pub struct CreateHoldInput {
    /// What is to be booked.
    pub event_type_id: ID,
    /// One of the event type's hosts; the coach who offers it when left out.
    pub coach_id: Option<ID>,
    /// A start that slots offers.
    pub starts_at: DateTime,
    /// One of the event type's lengths; the default when left out.
    pub length_minutes: Option<i32>,
}

impl CreateHoldInput {
    fn read(self) -> domain::Result<hold::Create> {
        Ok(hold::Create {
            event_type_id: Kind::EventType.key("eventTypeId", &self.event_type_id)?,
            coach_id: Kind::Coach.find_key("coachId", self.coach_id.as_ref())?,
            starts_at: self.starts_at.0,
            length_minutes: self.length_minutes,
        })
    }
}

/// Input of releaseHold.
#[derive(Clone, Debug, InputObject)]
pub struct ReleaseHoldInput {
    /// The hold.
    pub hold_id: ID,
}

payload!(CreateHoldPayload, "Result of createHold.", hold: Hold, "The hold.");
payload!(ReleaseHoldPayload, "Result of releaseHold.", released_hold_id: ID, "Id of the hold that is gone.");

/// Mutations of slot holds.
#[derive(Default)]
pub struct HoldMutation;

#[Object]
impl HoldMutation {
    /// Hold a free slot for the caller for some minutes. A person holds at most 3 slots, one of each coach: a new hold takes the place of
    /// the one before.
    async fn create_hold(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which slot.")] input: CreateHoldInput,
    ) -> Result<CreateHoldPayload> {
        let done = async { hold::create(app(ctx), caller(ctx), input.read()?).await };
        CreateHoldPayload::new(done.await, Hold)
    }

    /// Give a held slot back before its time.
    async fn release_hold(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which hold.")] input: ReleaseHoldInput,
    ) -> Result<ReleaseHoldPayload> {
        let done: domain::Result<_> = async {
            let id = Kind::Hold.key("holdId", &input.hold_id)?;
            hold::release(app(ctx), caller(ctx), id).await
        }
        .await;
        ReleaseHoldPayload::new(done, |id| Kind::Hold.id(id))
    }
}
