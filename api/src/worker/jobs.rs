//! What runs each kind of job.

use entity::Uuid;

use crate::app::App;
use crate::domain::scheduling::{settings, webhooks};
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
        Kind::PushEventType => settings::push_event_type(app, id).await,
        Kind::PushSchedule => settings::push_schedule(app, id).await,
        Kind::PushAbsences => settings::push_absences(app, id).await,
        Kind::PullSettings => settings::pull(app, id).await,
        Kind::EnsureWebhook => webhooks::ensure_webhook(app, id).await,
    }
}
