//! Mutations of absences.

use async_graphql::{Context, ID, Object, SimpleObject};

use super::input::{AddAbsenceInput, DeleteAbsenceInput, UpdateAbsenceInput};
use super::object::Absence;
use crate::domain::{self, absence};
use crate::graphql::booking::{Booking, preload};
use crate::graphql::context::{app, caller};
use crate::graphql::error::Result;
use crate::graphql::id::Kind;
use crate::graphql::payload::{UserError, outcome, payload};

/// Result of addAbsence.
#[derive(Default, SimpleObject)]
pub struct AddAbsencePayload {
    /// The absence.
    absence: Option<Absence>,
    /// Bookings in those days that are not over, earliest first, at most 500. They stay until the coach moves or cancels them.
    affected_bookings: Option<Vec<Booking>>,
    /// Why nothing was done; empty on success. The operation happened in full or not at all.
    user_errors: Vec<UserError>,
}

/// Result of updateAbsence.
#[derive(Default, SimpleObject)]
pub struct UpdateAbsencePayload {
    /// The absence.
    absence: Option<Absence>,
    /// Bookings in those days that are not over, earliest first, at most 500. They stay until the coach moves or cancels them.
    affected_bookings: Option<Vec<Booking>>,
    /// Why nothing was done; empty on success. The operation happened in full or not at all.
    user_errors: Vec<UserError>,
}

payload!(DeleteAbsencePayload, "Result of deleteAbsence.", deleted_absence_id: ID, "Id of the absence that is gone.");

/// Mutations of absences.
#[derive(Default)]
pub struct AbsenceMutation;

#[Object]
impl AbsenceMutation {
    /// Close days: no slots, and no bookings in them, by whatever scheduler. Bookings that are there already stay, and are told. For the
    /// coach and staff.
    async fn add_absence(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "When and why.")] input: AddAbsenceInput,
    ) -> Result<AddAbsencePayload> {
        let done = async { absence::add(app(ctx), caller(ctx), input.read()?).await }.await;
        Ok(match with_bookings(ctx, done).await? {
            Ok((absence, affected)) => AddAbsencePayload {
                absence: Some(absence),
                affected_bookings: Some(affected),
                ..AddAbsencePayload::default()
            },
            Err(user_errors) => AddAbsencePayload {
                user_errors,
                ..AddAbsencePayload::default()
            },
        })
    }

    /// Change an absence that is not over. For the coach and staff.
    async fn update_absence(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The changes.")] input: UpdateAbsenceInput,
    ) -> Result<UpdateAbsencePayload> {
        let done = async { absence::update(app(ctx), caller(ctx), input.read()?).await }.await;
        Ok(match with_bookings(ctx, done).await? {
            Ok((absence, affected)) => UpdateAbsencePayload {
                absence: Some(absence),
                affected_bookings: Some(affected),
                ..UpdateAbsencePayload::default()
            },
            Err(user_errors) => UpdateAbsencePayload {
                user_errors,
                ..UpdateAbsencePayload::default()
            },
        })
    }

    /// Open the days of an absence again. For the coach and staff.
    async fn delete_absence(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which absence.")] input: DeleteAbsenceInput,
    ) -> Result<DeleteAbsencePayload> {
        let done: domain::Result<_> = async {
            let id = Kind::Absence.key("absenceId", &input.absence_id)?;
            absence::remove(app(ctx), caller(ctx), id).await
        }
        .await;
        DeleteAbsencePayload::new(done, |gone| Kind::Absence.id(gone.id))
    }
}

/// Builds the absence object with the affected bookings; preloads what the selection needs of them.
async fn with_bookings(
    ctx: &Context<'_>,
    done: domain::Result<absence::ChangedAbsence>,
) -> Result<std::result::Result<(Absence, Vec<Booking>), Vec<UserError>>> {
    let changed = match outcome(done)? {
        Ok(changed) => changed,
        Err(user_errors) => return Ok(Err(user_errors)),
    };
    let mut affected: Vec<_> = changed.affected.into_iter().map(Booking::new).collect();
    preload(
        ctx,
        ctx.look_ahead().field("affectedBookings"),
        affected.iter_mut(),
    )
    .await?;
    Ok(Ok((Absence::new(changed.absence), affected)))
}
