//! Reconciliation of bookings with remote schedulers, on demand.

use std::collections::HashMap;

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use entity::Uuid;
use entity::booking::Status;

use super::booking::Booking;
use super::context::{app, caller};
use super::error::Result;
use super::id::Kind;
use super::payload::payload;
use super::scalars::DateTime;
use crate::app::App;
use crate::domain::{self, Caller, booking, reconcile};

/// What reading calendars has changed.
#[derive(SimpleObject)]
pub struct ReconcileReport {
    /// Nothing was changed: these are the changes that would be made.
    is_dry_run: bool,
    /// How many bookings were read.
    read: i32,
    /// What was different.
    changes: Vec<ReconcileChange>,
    /// Bookings that are active here and that their calendar knows nothing of. They are left as they are.
    missing: Vec<Booking>,
    /// How many bookings or calendars could not be read; they are tried again with the next reading.
    failed: i32,
}

/// What was different about one booking.
#[derive(SimpleObject)]
pub struct ReconcileChange {
    /// The booking as it is now; null for one that a dry run would make.
    booking: Option<Booking>,
    /// Null for a booking that was not known here.
    status_before: Option<Status>,
    /// The status that its calendar's records lead to.
    status_after: Status,
    /// Null for a booking that was not known here.
    starts_at_before: Option<DateTime>,
    /// The start in its calendar.
    starts_at_after: DateTime,
}

/// Input of reconcile.
#[derive(InputObject)]
pub struct ReconcileInput {
    /// Whose calendar; all connected ones when left out.
    coach_id: Option<ID>,
    /// Tell what would change, and change nothing.
    #[graphql(default)]
    dry_run: bool,
}

payload!(ReconcilePayload, "Result of reconcile.", report: ReconcileReport, "What was found.");
payload!(SyncMyBookingsPayload, "Result of syncMyBookings.", report: ReconcileReport, "What was found.");

/// Mutations that start a reconciliation.
#[derive(Default)]
pub struct ReconcileMutation;

#[Object]
impl ReconcileMutation {
    /// Read the caller's bookings again where their calendar is kept elsewhere: a client's coming ones, a coach's whole calendar.
    /// This happens by itself every few minutes; it is for whoever does not want to wait.
    async fn sync_my_bookings(&self, ctx: &Context<'_>) -> Result<SyncMyBookingsPayload> {
        let (app, caller) = (app(ctx), caller(ctx));
        let done =
            async { to_report(app, caller, reconcile::sync_mine(app, caller).await?, false).await };
        SyncMyBookingsPayload::new(done.await, |report| report)
    }

    /// Read everything that is to come in connected calendars, and how the last 30 days went where nobody has said so here; and make true
    /// here what they say.
    async fn reconcile(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which calendars, and whether to change anything.")] input: ReconcileInput,
    ) -> Result<ReconcilePayload> {
        let (app, caller) = (app(ctx), caller(ctx));
        let done = async {
            let coach_id = Kind::Coach.find_key("coachId", input.coach_id.as_ref())?;
            let wanted = reconcile::Wanted {
                coach_id,
                dry_run: input.dry_run,
            };
            to_report(
                app,
                caller,
                reconcile::run(app, caller, wanted).await?,
                input.dry_run,
            )
            .await
        };
        ReconcilePayload::new(done.await, |report| report)
    }
}

async fn to_report(
    app: &App,
    caller: &Caller,
    report: reconcile::Report,
    is_dry_run: bool,
) -> domain::Result<ReconcileReport> {
    let ids: Vec<Uuid> = report
        .changes
        .iter()
        .map(|change| change.booking_id)
        .chain(report.missing.clone())
        .collect();
    let found = booking::find_many(app, caller, &ids).await?;
    let found: HashMap<Uuid, _> = found.into_iter().map(|row| (row.id, row)).collect();
    let count = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    let changes = report.changes.iter().map(|change| ReconcileChange {
        booking: found.get(&change.booking_id).cloned().map(Booking::new),
        status_before: change.status_before,
        status_after: change.status_after,
        starts_at_before: change.starts_before.map(DateTime),
        starts_at_after: DateTime(change.starts_after),
    });
    Ok(ReconcileReport {
        is_dry_run,
        read: count(report.read),
        changes: changes.collect(),
        missing: report
            .missing
            .iter()
            .filter_map(|id| found.get(id).cloned())
            .map(Booking::new)
            .collect(),
        failed: count(report.failed),
    })
}
