//! Mutations of schedules.

use async_graphql::{Context, ID, Object};

use super::input::{
    CreateScheduleInput, DeleteScheduleInput, SetScheduleOverridesInput, UpdateScheduleInput,
};
use super::object::Schedule;
use crate::domain::{self, schedule};
use crate::graphql::context::{app, caller};
use crate::graphql::error::Result;
use crate::graphql::id::Kind;
use crate::graphql::payload::payload;

payload!(CreateSchedulePayload, "Result of createSchedule.", schedule: Schedule, "The new schedule.");
payload!(UpdateSchedulePayload, "Result of updateSchedule.", schedule: Schedule, "The schedule.");
payload!(DeleteSchedulePayload, "Result of deleteSchedule.", deleted_schedule_id: ID, "Id of the schedule that is gone.");
payload!(SetScheduleOverridesPayload, "Result of setScheduleOverrides.", schedule: Schedule, "The schedule.");

/// Mutations of schedules.
#[derive(Default)]
pub struct ScheduleMutation;

#[Object]
impl ScheduleMutation {
    /// Make a schedule for the caller; staff make them for anyone.
    async fn create_schedule(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The hours.")] input: CreateScheduleInput,
    ) -> Result<CreateSchedulePayload> {
        let done = async { schedule::create(app(ctx), caller(ctx), input.read()?).await }.await;
        CreateSchedulePayload::new(done, Schedule::new)
    }

    /// Change a schedule. Bookings made before stay where they are.
    async fn update_schedule(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The changes.")] input: UpdateScheduleInput,
    ) -> Result<UpdateSchedulePayload> {
        let done = async { schedule::update(app(ctx), caller(ctx), input.read()?).await }.await;
        UpdateSchedulePayload::new(done, Schedule::new)
    }

    /// Delete a schedule with its overrides.
    async fn delete_schedule(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which schedule.")] input: DeleteScheduleInput,
    ) -> Result<DeleteSchedulePayload> {
        let done: domain::Result<_> = async {
            let id = Kind::Schedule.key("scheduleId", &input.schedule_id)?;
            schedule::delete(app(ctx), caller(ctx), id).await
        }
        .await;
        DeleteSchedulePayload::new(done, |gone| Kind::Schedule.id(gone.id))
    }

    /// Set other hours on some dates, and clear others. Bookings made before stay where they are.
    async fn set_schedule_overrides(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which dates.")] input: SetScheduleOverridesInput,
    ) -> Result<SetScheduleOverridesPayload> {
        let done =
            async { schedule::set_overrides(app(ctx), caller(ctx), input.read()?).await }.await;
        SetScheduleOverridesPayload::new(done, Schedule::new)
    }
}
