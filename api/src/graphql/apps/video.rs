//! Objects of video apps.

use async_graphql::SimpleObject;

use super::AccountReading;
use crate::domain::connection::Action;
use crate::domain::scheduling::cal_com::apps::{self, Inspection, VideoApp};
use crate::graphql::error::sentence;
use crate::graphql::scalars::DateTime;

/// The apps for video that a coach has connected at Cal.com, as just read there, or why they could not be.
#[derive(Clone, Debug, SimpleObject)]
pub struct CoachVideoApps {
    /// Whether they could be read.
    status: AccountReading,
    /// What is to be done first; only with NEEDS_ACTION.
    action: Option<Action>,
    /// Why they could not be read, for people; not stable.
    message: Option<String>,
    /// The apps that can be used, Cal.com's own among them; null unless `status` is READ.
    apps: Option<Vec<ConnectedVideoApp>>,
    /// Where meetings are when an event type says nothing; null when that is none of these apps, or not known.
    default_app: Option<VideoApp>,
    /// When they were read; null unless `status` is READ.
    read_at: Option<DateTime>,
}

/// An app for video that can be used.
#[derive(Clone, Debug, SimpleObject)]
pub struct ConnectedVideoApp {
    /// Which one.
    app: VideoApp,
    /// Whether meetings are there when an event type says nothing.
    is_default: bool,
    /// Whether the provider no longer takes what was given: connect it again.
    needs_reconnecting: bool,
}

impl CoachVideoApps {
    pub(crate) fn new(inspection: Inspection<apps::Video>) -> Self {
        let none = |status, action, message: &str| Self {
            status,
            action,
            message: Some(sentence(message)),
            apps: None,
            default_app: None,
            read_at: None,
        };
        match inspection {
            Inspection::NeedsAction { action, message } => {
                none(AccountReading::NeedsAction, Some(action), &message)
            }
            Inspection::Unavailable { message } => {
                none(AccountReading::Unavailable, None, &message)
            }
            Inspection::Read(found, read_at) => {
                let shown = |state: &apps::VideoAppState| ConnectedVideoApp {
                    app: state.app,
                    is_default: state.is_default,
                    needs_reconnecting: state.needs_reconnecting,
                };
                Self {
                    status: AccountReading::Read,
                    action: None,
                    message: None,
                    default_app: found
                        .apps
                        .iter()
                        .find(|state| state.is_default)
                        .map(|state| state.app),
                    apps: Some(found.apps.iter().map(shown).collect()),
                    read_at: Some(DateTime(read_at)),
                }
            }
        }
    }
}
