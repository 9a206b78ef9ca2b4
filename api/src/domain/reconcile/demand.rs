//! Polls on demand.

use entity::booking::{self, Status};
use entity::coach::Scheduler;
use entity::{Uuid, connection};
use sea_orm::{ColumnTrait, QueryFilter, QueryOrder, QuerySelect};

use super::poll::{full, read_all};
use super::read::{Mode, Report, take_in};
use crate::app::App;
use crate::domain::booking::remote::projections;
use crate::domain::connection::{self as link, Purpose};
use crate::domain::scheduling::remote::Calendar;
use crate::domain::{Caller, Error, Result};

/// Most bookings of a client in one call.
const MOST: u64 = 25;

/// Polls what the caller takes part in: a coach's whole calendar, a client's future bookings.
///
/// # Errors
/// `Unauthenticated`; `Unavailable` when the calendar does not answer.
pub async fn sync_mine(app: &App, caller: &Caller) -> Result<Report> {
    let person = caller.require_person()?;
    let mut report = Report::default();
    if let Some(coach_id) = person.coach_id {
        for link in link::list_live(app, coach_id).await? {
            let read = full(app, link.id, Some(person.user_id)).await;
            report.add(read.map_err(not_now)?);
        }
    }
    let mine = booking::Entity::find_real()
        .filter(booking::Column::ClientId.eq(person.user_id))
        .filter(booking::Column::Scheduler.ne(Scheduler::Native))
        .filter(booking::Column::Status.is_in(Status::ACTIVE))
        .filter(booking::Column::StartsAt.gt(app.clock.now()))
        .order_by_asc(booking::Column::StartsAt)
        .limit(MOST)
        .all(app.db.read())
        .await?;
    for booking in mine {
        one(
            app,
            (person.user_id, &caller.correlation_id),
            &booking,
            &mut report,
        )
        .await?;
    }
    Ok(report)
}

async fn one(
    app: &App,
    (user_id, correlation_id): (Uuid, &str),
    booking: &booking::Model,
    report: &mut Report,
) -> Result<()> {
    let Some(known) = projections::projection_of(app.db.read(), booking.id).await? else {
        return Ok(());
    };
    let reason = Purpose::Reconcile.asked_by(Some(user_id));
    let (scheduler, coach_id) = (booking.scheduler, booking.coach_id);
    let Some(calendar) = Calendar::of_coach(app, scheduler, coach_id, reason).await? else {
        return Ok(());
    };
    let found = match calendar.read_moves(&known.uid).await {
        Ok(found) if found.is_empty() => {
            report.failed += 1;
            return Ok(());
        }
        Ok(found) => found,
        Err(fault) => {
            tracing::info!(booking.id = %booking.id, %fault, "booking could not be read");
            report.failed += 1;
            return Ok(());
        }
    };
    report.read += 1;
    let observations = found.into_iter().flat_map(|record| record.observations);
    let reported = calendar.reported(observations.collect());
    report
        .changes
        .extend(take_in(app, reported, correlation_id, Mode::Repair).await?);
    Ok(())
}

/// The input of [`run`].
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// One coach's calendar; all connected ones if `None`.
    pub coach_id: Option<Uuid>,
    /// Report what would change, and change nothing.
    pub dry_run: bool,
}

/// Polls all future bookings, for staff.
///
/// # Errors
/// `Unauthenticated`, `Forbidden` for anyone but staff, `NotFound` for a coach without a connected
/// calendar.
pub async fn run(app: &App, caller: &Caller, wanted: Wanted) -> Result<Report> {
    let staff = caller.require_admin()?.user_id;
    let mut links = connection::Entity::find_any_live();
    if let Some(coach_id) = wanted.coach_id {
        links = links.filter(connection::Column::CoachId.eq(coach_id));
    }
    let links = links
        .order_by_asc(connection::Column::Id)
        .all(app.db.read())
        .await?;
    if links.is_empty() && wanted.coach_id.is_some() {
        return Err(Error::NotFound("connection"));
    }
    let mode = if wanted.dry_run {
        Mode::Look
    } else {
        Mode::Repair
    };
    let mut report = Report::default();
    for link in links {
        match read_all(app, &link, mode, Some(staff)).await {
            Ok(found) => report.add(found),
            Err(error) => {
                tracing::info!(connection.id = %link.id, %error, "calendar could not be read");
                report.failed += 1;
            }
        }
    }
    Ok(report)
}

fn not_now(error: Error) -> Error {
    match error {
        Error::Internal { .. } | Error::Provider { .. } | Error::LostRace(_) => {
            Error::Unavailable("the coach's calendar does not answer at present; try again later")
        }
        error => error,
    }
}
