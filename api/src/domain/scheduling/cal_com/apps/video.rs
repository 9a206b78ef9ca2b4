//! The video apps that a coach has connected.

use std::sync::Arc;

use entity::Uuid;
use providers::cal_com::{self as wire, ConnectedVideo, DefaultVideo};

use super::account_session::AccountSession;
use super::inspect::{self, Inspection};
use crate::app::App;
use crate::domain::{Caller, Result};

/// An app for video.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, async_graphql::Enum)]
#[graphql(name = "VideoApp")]
pub enum VideoApp {
    /// Cal.com's own. It is always there.
    CalVideo,
    /// Google Meet, which needs a Google calendar.
    GoogleMeet,
    /// Zoom.
    Zoom,
    /// Microsoft Teams.
    #[graphql(name = "OFFICE365_VIDEO")]
    Office365Video,
}

impl VideoApp {
    pub(super) const fn wire(self) -> wire::VideoApp {
        match self {
            Self::CalVideo => wire::VideoApp::CalVideo,
            Self::GoogleMeet => wire::VideoApp::GoogleMeet,
            Self::Zoom => wire::VideoApp::Zoom,
            Self::Office365Video => wire::VideoApp::Teams,
        }
    }

    fn named(name: &str) -> Option<Self> {
        Some(match wire::VideoApp::of_name(name)? {
            wire::VideoApp::CalVideo => Self::CalVideo,
            wire::VideoApp::GoogleMeet => Self::GoogleMeet,
            wire::VideoApp::Zoom => Self::Zoom,
            wire::VideoApp::Teams => Self::Office365Video,
        })
    }
}

/// A usable app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VideoAppState {
    pub app: VideoApp,
    pub is_default: bool,
    /// The provider no longer accepts the credential; the app must be connected again.
    pub needs_reconnecting: bool,
}

/// All connected video apps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Video {
    /// Cal.com's own first.
    pub apps: Vec<VideoAppState>,
}

/// Reads a coach's connected video apps. For the coach and staff.
///
/// # Errors
/// `NotFound` for a coach whom the caller does not manage.
pub async fn inspect_video(
    app: &Arc<App>,
    caller: &Caller,
    coach_id: Uuid,
) -> Result<Inspection<Video>> {
    inspect::inspect(app, caller, coach_id, |app, coach_id| async move {
        read(&inspect::session(&app, coach_id).await?).await
    })
    .await
}

async fn read(session: &AccountSession<'_>) -> Result<Video> {
    let found = futures_util::future::try_join(
        session.ask(|client, credential| async move { client.list_video_apps(&credential).await }),
        session.ask(|client, credential| async move {
            client.find_default_video_app(&credential).await
        }),
    );
    match found.await {
        Ok((connected, default)) => Ok(shown(&connected, default.as_ref())),
        Err(fault) => Err(session.map_error(&fault).await),
    }
}

/// A default outside of this list, such as a link, is no app's.
fn shown(connected: &[ConnectedVideo], default: Option<&DefaultVideo>) -> Video {
    let default = default.map_or(Some(VideoApp::CalVideo), |default| {
        VideoApp::named(&default.app)
    });
    let state = |app, needs_reconnecting| VideoAppState {
        app,
        is_default: default == Some(app),
        needs_reconnecting,
    };
    let mut apps = vec![state(VideoApp::CalVideo, false)];
    for one in connected {
        let Some(app) = VideoApp::named(&one.kind) else {
            continue;
        };
        match apps.iter_mut().find(|known| known.app == app) {
            // Connected twice: it works as long as one of them does.
            Some(known) => known.needs_reconnecting &= one.invalid,
            None => apps.push(state(app, one.invalid)),
        }
    }
    Video { apps }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connected(kind: &str, invalid: bool) -> ConnectedVideo {
        ConnectedVideo {
            id: None,
            kind: kind.to_owned(),
            invalid,
        }
    }

    #[test]
    fn what_was_never_chosen_is_their_own() {
        let zoom = |is_default, needs_reconnecting| VideoAppState {
            app: VideoApp::Zoom,
            is_default,
            needs_reconnecting,
        };
        let own = |is_default| VideoAppState {
            app: VideoApp::CalVideo,
            is_default,
            needs_reconnecting: false,
        };
        assert_eq!(shown(&[], None).apps, [own(true)]);
        let both = [
            connected("zoom_video", true),
            connected("zoom_video", false),
            connected("whereby_video", false),
        ];
        assert_eq!(shown(&both, None).apps, [own(true), zoom(false, false)]);
        let default = |app: &str| DefaultVideo {
            app: app.to_owned(),
            link: None,
        };
        assert_eq!(
            shown(&both[..1], Some(&default("zoom"))).apps,
            [own(false), zoom(true, true)]
        );
        assert_eq!(shown(&[], Some(&default("whereby"))).apps, [own(false)]);
    }
}
