//! Objects of connected calendars.

use async_graphql::{ID, SimpleObject};

use super::AccountReading;
use crate::domain::connection::Action;
use crate::domain::scheduling::cal_com::apps::{
    self, CalendarAccountStatus, CalendarProvider, Inspection,
};
use crate::graphql::error::sentence;
use crate::graphql::id::Kind;
use crate::graphql::scalars::DateTime;

/// The calendars that a coach has connected at Cal.com, as just read there, or why they could not be.
#[derive(Clone, Debug, SimpleObject)]
pub struct CoachCalendars {
    /// Whether they could be read.
    status: AccountReading,
    /// What is to be done first; only with NEEDS_ACTION.
    action: Option<Action>,
    /// Why they could not be read, for people; not stable.
    message: Option<String>,
    /// The accounts; null unless `status` is READ, and empty only when none is connected.
    accounts: Option<Vec<CalendarAccount>>,
    /// The calendar that bookings are written to; null when there is none, or it is not among those that can be read.
    destination: Option<ExternalCalendar>,
    /// When they were read; null unless `status` is READ.
    read_at: Option<DateTime>,
}

impl CoachCalendars {
    pub(crate) fn new(inspection: Inspection<apps::Calendars>) -> Self {
        let none = |status, action, message: &str| Self {
            status,
            action,
            message: Some(sentence(message)),
            accounts: None,
            destination: None,
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
                let accounts: Vec<_> = found
                    .accounts
                    .into_iter()
                    .map(CalendarAccount::new)
                    .collect();
                let all = accounts
                    .iter()
                    .filter_map(|account| account.calendars.as_deref())
                    .flatten();
                let destination = all
                    .into_iter()
                    .find(|calendar| calendar.is_destination)
                    .cloned();
                Self {
                    status: AccountReading::Read,
                    action: None,
                    message: None,
                    accounts: Some(accounts),
                    destination,
                    read_at: Some(DateTime(read_at)),
                }
            }
        }
    }
}

/// An account of calendars.
#[derive(Clone, Debug, SimpleObject)]
pub struct CalendarAccount {
    /// Global id. It changes when the account is disconnected and connected again.
    id: ID,
    /// Where the account is.
    provider: CalendarProvider,
    /// Its address there; null when it is not told.
    address: Option<String>,
    /// How well it works.
    status: CalendarAccountStatus,
    /// Its calendars; null while they cannot be read.
    calendars: Option<Vec<ExternalCalendar>>,
}

impl CalendarAccount {
    pub(super) fn new(account: apps::CalendarAccount) -> Self {
        Self {
            id: Kind::CalendarAccount.id(account.id),
            provider: account.provider,
            address: account.address,
            status: account.status,
            calendars: account
                .calendars
                .map(|all| all.into_iter().map(ExternalCalendar::new).collect()),
        }
    }
}

/// A calendar in an account.
#[derive(Clone, Debug, SimpleObject)]
pub struct ExternalCalendar {
    /// Global id. It changes when the account is disconnected and connected again.
    id: ID,
    /// Its name; null when it has none.
    name: Option<String>,
    /// Whether it is the account's main calendar.
    is_primary: bool,
    /// Whether nothing can be written to it.
    is_read_only: bool,
    /// Whether what is in it makes the coach busy.
    is_checked_for_conflicts: bool,
    /// Whether bookings are written to it.
    is_destination: bool,
}

impl ExternalCalendar {
    fn new(calendar: apps::Calendar) -> Self {
        Self {
            id: Kind::ExternalCalendar.id(calendar.id),
            name: calendar.name,
            is_primary: calendar.is_primary,
            is_read_only: calendar.is_read_only,
            is_checked_for_conflicts: calendar.is_checked_for_conflicts,
            is_destination: calendar.is_destination,
        }
    }
}
