//! Mutations that connect video apps and choose the default one.

use async_graphql::{Context, ID, InputObject, Object};

use super::coach_id;
use super::video::CoachVideoApps;
use crate::domain;
use crate::domain::scheduling::cal_com::apps::{self, ConnectVideo, VideoApp};
use crate::graphql::context::{app, caller};
use crate::graphql::error::Result;
use crate::graphql::payload::payload;
use crate::graphql::scalars::Url;

/// Input of connectVideoApp.
#[derive(Clone, Debug, InputObject)]
pub struct ConnectVideoAppInput {
    /// Whose; the caller's own profile when left out.
    pub coach_id: Option<ID>,
    /// ZOOM or OFFICE365_VIDEO.
    pub app: VideoApp,
    /// Where the browser goes in the end, one of the addresses the server allows.
    pub redirect_to: Url,
    /// Where it goes when nothing came of it; as redirectTo when left out.
    pub redirect_on_error: Option<Url>,
}

/// Input of connectGoogleMeet.
#[derive(Clone, Debug, InputObject)]
pub struct ConnectGoogleMeetInput {
    /// Whose; the caller's own profile when left out. Only staff name another one.
    pub coach_id: Option<ID>,
}

/// Input of setDefaultVideoApp.
#[derive(Clone, Debug, InputObject)]
pub struct SetDefaultVideoAppInput {
    /// Whose; the caller's own profile when left out. Only staff name another one.
    pub coach_id: Option<ID>,
    /// An app that is connected, or CAL_VIDEO.
    pub app: VideoApp,
}

/// Input of disconnectVideoApp.
#[derive(Clone, Debug, InputObject)]
pub struct DisconnectVideoAppInput {
    /// Whose; the caller's own profile when left out. Only staff name another one.
    pub coach_id: Option<ID>,
    /// Any but CAL_VIDEO.
    pub app: VideoApp,
}

payload!(ConnectVideoAppPayload, "Result of connectVideoApp.", connect_url: Url,
    "The provider's page for giving consent. For the coach's own browser only, and not to be kept: it may carry a credential of theirs.");
payload!(ConnectGoogleMeetPayload, "Result of connectGoogleMeet.", video_apps: CoachVideoApps, "What is connected now.");
payload!(SetDefaultVideoAppPayload, "Result of setDefaultVideoApp.", video_apps: CoachVideoApps, "What is connected now.");
payload!(DisconnectVideoAppPayload, "Result of disconnectVideoApp.", video_apps: CoachVideoApps, "What is connected now.");

/// Mutations of video apps.
#[derive(Default)]
pub struct VideoMutation;

#[Object]
impl VideoMutation {
    /// Begin to connect Zoom or Office 365 video: gives the provider's page. For the coach alone.
    async fn connect_video_app(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which app, and where to return to.")] input: ConnectVideoAppInput,
    ) -> Result<ConnectVideoAppPayload> {
        let done = async {
            let request = ConnectVideo {
                coach_id: coach_id(input.coach_id.as_ref())?,
                app: input.app,
                redirect_to: input.redirect_to.0,
                redirect_on_error: input.redirect_on_error.map(|url| url.0),
            };
            apps::connect_video_app(app(ctx), caller(ctx), request).await
        };
        ConnectVideoAppPayload::new(done.await, Url)
    }

    /// Connect Google Meet by the Google calendar that is connected. Safe to ask for again. For the coach and staff.
    async fn connect_google_meet(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose.")] input: ConnectGoogleMeetInput,
    ) -> Result<ConnectGoogleMeetPayload> {
        let done = async {
            let coach_id = coach_id(input.coach_id.as_ref())?;
            read_back(
                ctx,
                apps::connect_google_meet(app(ctx), caller(ctx), coach_id).await?,
            )
            .await
        };
        ConnectGoogleMeetPayload::new(done.await, |apps| apps)
    }

    /// Choose where meetings are when an event type says nothing. For the coach and staff.
    async fn set_default_video_app(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which app.")] input: SetDefaultVideoAppInput,
    ) -> Result<SetDefaultVideoAppPayload> {
        let done = async {
            let coach_id = coach_id(input.coach_id.as_ref())?;
            read_back(
                ctx,
                apps::set_default_video_app(app(ctx), caller(ctx), coach_id, input.app).await?,
            )
            .await
        };
        SetDefaultVideoAppPayload::new(done.await, |apps| apps)
    }

    /// Disconnect an app for video. Safe to ask for again. For the coach and staff.
    async fn disconnect_video_app(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which app.")] input: DisconnectVideoAppInput,
    ) -> Result<DisconnectVideoAppPayload> {
        let done = async {
            let coach_id = coach_id(input.coach_id.as_ref())?;
            read_back(
                ctx,
                apps::disconnect_video_app(app(ctx), caller(ctx), coach_id, input.app).await?,
            )
            .await
        };
        DisconnectVideoAppPayload::new(done.await, |apps| apps)
    }
}

/// Reads the video apps after a change. A failed read does not fail the mutation: the change is
/// made.
async fn read_back(ctx: &Context<'_>, coach_id: entity::Uuid) -> domain::Result<CoachVideoApps> {
    Ok(CoachVideoApps::new(
        apps::inspect_video(app(ctx), caller(ctx), coach_id).await?,
    ))
}
