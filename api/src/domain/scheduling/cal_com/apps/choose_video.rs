//! Chooses the default video app, and disconnects video apps.

use entity::Uuid;
use providers::cal_com::Refusal;

use super::account_session::AccountSession;
use super::video::VideoApp;
use crate::app::App;
use crate::domain::{Caller, Error, Result};

/// Sets the app for meetings of event types without one of their own. Returns the coach's id.
///
/// # Errors
/// `AppMissing` for one that is not connected, `Account` when there is no working account that is
/// the coach's scheduler, `Unavailable`.
pub async fn set_default_video_app(
    app: &App,
    caller: &Caller,
    coach_id: Option<Uuid>,
    wanted: VideoApp,
) -> Result<Uuid> {
    let session = AccountSession::open(app, caller, coach_id).await?;
    let wanted = wanted.wire();
    let asked = session.write("video.set_default", |client, credential| async move {
        client.set_default_video_app(&credential, wanted).await
    });
    if let Err(fault) = asked.await? {
        return Err(session.map_error(&fault).await);
    }
    Ok(session.coach_id)
}

/// Disconnects an app; a no-op for one that is not connected. Returns the coach's id.
///
/// # Errors
/// `Invalid` for Cal.com's own, `Account` when there is no working account that is the coach's
/// scheduler, `Unavailable`.
pub async fn disconnect_video_app(
    app: &App,
    caller: &Caller,
    coach_id: Option<Uuid>,
    wanted: VideoApp,
) -> Result<Uuid> {
    if wanted == VideoApp::CalVideo {
        return Err(Error::invalid("app", "is always there"));
    }
    let session = AccountSession::open(app, caller, coach_id).await?;
    let wanted = wanted.wire();
    let asked = session.write("video.disconnect", |client, credential| async move {
        client.disconnect_video_app(&credential, wanted).await
    });
    match asked.await? {
        Ok(()) => {}
        Err(fault) if matches!(fault.refusal, Some(Refusal::AppNotConnected { .. })) => {}
        Err(fault) => return Err(session.map_error(&fault).await),
    }
    Ok(session.coach_id)
}
