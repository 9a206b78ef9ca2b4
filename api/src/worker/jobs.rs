//! What runs each kind of job.

use entity::Uuid;

use crate::app::App;
use crate::domain::scheduling::cal_com::sync;
use crate::domain::{Result, booking, connection, reconcile, webhook};
use crate::outbox::job::Kind;

/// Runs a job of this kind on its subject.
///
/// # Errors
/// When it has to be retried.
pub(super) async fn run(app: &App, kind: Kind, id: Uuid) -> Result<()> {
    match kind {
        Kind::ProcessDelivery => webhook::process(app, vec![id]).await,
        Kind::SettleConflicts => booking::settle_conflicts(app, id).await,
        Kind::ClaimBookings => booking::claim(app, id).await,
        Kind::RunSchedulerRequest => booking::run_request(app, id).await,
        Kind::PushBooking => booking::push(app, id).await,
        Kind::ReconcileRecent => reconcile::recent(app, id).await.map(drop),
        Kind::ReconcileAll => reconcile::full(app, id, None).await.map(drop),
        Kind::CheckConnection => connection::check(app, id).await,
        Kind::PushEventType => sync::push_event_type(app, id).await,
        Kind::PushSchedule => sync::push_schedule(app, id).await,
        Kind::PushAbsences => sync::push_absences(app, id).await,
        Kind::PullSettings => sync::pull(app, id, None).await,
        Kind::EnsureWebhook => webhook::see_to_registration(app, id).await,
    }
}
