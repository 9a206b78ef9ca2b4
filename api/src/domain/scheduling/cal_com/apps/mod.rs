//! Apps that coaches have connected at Cal.com: calendars, which determine busy times and receive
//! bookings, and video apps.
//!
//! Nothing of it is stored here. It is read on demand with a short timeout, and an account that
//! cannot be read is never shown as one without apps. Changes are made at Cal.com and recorded in
//! the audit log.

mod account_session;
mod calendar;
mod check;
mod choose_calendars;
mod choose_video;
mod connect_apple;
mod connect_calendar;
mod connect_video;
mod disconnect_calendar;
mod feeds;
mod inspect;
mod video;

pub use calendar::{
    Calendar, CalendarAccount, CalendarAccountStatus, CalendarProvider, Calendars,
    inspect_calendars,
};
pub use check::check_calendar_account;
pub use choose_calendars::{Choice, choose_calendars};
pub use choose_video::{disconnect_video_app, set_default_video_app};
pub use connect_apple::{Apple, connect_apple_calendar};
pub use connect_calendar::{ConnectCalendar, connect_calendar};
pub use connect_video::{ConnectVideo, connect_google_meet, connect_video_app};
pub use disconnect_calendar::disconnect_calendar;
pub use feeds::{Feeds, set_calendar_feeds};
pub use inspect::Inspection;
pub use video::{Video, VideoApp, VideoAppState, inspect_video};
