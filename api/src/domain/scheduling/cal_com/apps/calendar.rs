//! The calendars that a coach has connected.

use std::sync::Arc;

use entity::Uuid;
use providers::cal_com::{self as wire, CalendarApp, CalendarKey, CalendarTrouble};
use sha2::{Digest, Sha256};

use super::account_session::AccountSession;
use super::inspect::{self, Inspection};
use crate::app::App;
use crate::domain::{Caller, Error, Result};

/// Where calendars are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, async_graphql::Enum)]
#[graphql(name = "CalendarProvider")]
pub enum CalendarProvider {
    /// Google.
    Google,
    /// Outlook and Microsoft 365.
    #[graphql(name = "OFFICE365")]
    Office365,
    /// iCloud.
    Apple,
    /// Feeds in the iCalendar format, which are only read.
    IcsFeed,
    /// Something else that was connected in Cal.com's own pages.
    Other,
}

impl CalendarProvider {
    fn of(integration: &str) -> Self {
        match CalendarApp::of_integration(integration) {
            Some(CalendarApp::Google) => Self::Google,
            Some(CalendarApp::Office365) => Self::Office365,
            Some(CalendarApp::Apple) => Self::Apple,
            Some(CalendarApp::IcsFeed) => Self::IcsFeed,
            None => Self::Other,
        }
    }
}

/// How well an account of calendars works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, async_graphql::Enum)]
#[graphql(name = "CalendarAccountStatus")]
pub enum CalendarAccountStatus {
    /// Its calendars can be read.
    Ok,
    /// The provider no longer takes what was given: connect it again. Until then its calendars do not count.
    NeedsReconnecting,
    /// The provider does not answer Cal.com.
    Unreachable,
}

/// An account with calendars.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CalendarAccount {
    /// Derived from provider and account, so that the same account always has the same id.
    pub id: Uuid,
    pub provider: CalendarProvider,
    pub address: Option<String>,
    pub status: CalendarAccountStatus,
    /// `None` unless the account works.
    pub calendars: Option<Vec<Calendar>>,
    pub(super) app: Option<CalendarApp>,
    pub(super) credential_id: Option<i64>,
}

/// One calendar of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calendar {
    /// Derived from its keys. The provider's own id may be an address or a secret.
    pub id: Uuid,
    pub name: Option<String>,
    pub is_primary: bool,
    pub is_read_only: bool,
    /// Its events make the coach busy.
    pub is_checked_for_conflicts: bool,
    /// Bookings are written to it.
    pub is_destination: bool,
    pub(super) key: CalendarKey,
}

/// All connected calendars.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calendars {
    pub accounts: Vec<CalendarAccount>,
}

impl Calendars {
    pub(super) fn find(&self, id: Uuid) -> Option<&CalendarAccount> {
        self.accounts.iter().find(|account| account.id == id)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Calendar> {
        self.accounts
            .iter()
            .filter_map(|account| account.calendars.as_deref())
            .flatten()
    }
}

/// Reads a coach's connected calendars. For the coach and staff.
///
/// # Errors
/// `NotFound` for a coach whom the caller does not manage.
pub async fn inspect_calendars(
    app: &Arc<App>,
    caller: &Caller,
    coach_id: Uuid,
) -> Result<Inspection<Calendars>> {
    inspect::inspect(app, caller, coach_id, |app, coach_id| async move {
        read(&inspect::session(&app, coach_id).await?).await
    })
    .await
}

/// Reads the connected calendars.
///
/// # Errors
/// Why they cannot be read; never an empty list instead.
pub(super) async fn read(session: &AccountSession<'_>) -> Result<Calendars> {
    match session
        .ask(|client, credential| async move { client.list_calendars(&credential).await })
        .await
    {
        Ok(found) => Ok(shown(session.link.id, found)),
        Err(fault) => Err(session.map_error(&fault).await),
    }
}

/// Finds an account by id.
///
/// # Errors
/// `NotFound`, and as [`read`].
pub(super) async fn require(session: &AccountSession<'_>, id: Uuid) -> Result<CalendarAccount> {
    let found = read(session).await?;
    found
        .find(id)
        .cloned()
        .ok_or(Error::NotFound("calendar account"))
}

fn shown(connection_id: Uuid, found: wire::Calendars) -> Calendars {
    let destination = found.destination;
    let accounts = found.connected.into_iter().map(|account| {
        let integration = account.integration.clone().unwrap_or_default();
        let number = account
            .credential_id
            .map(|id| id.to_string())
            .unwrap_or_default();
        let status = match account.trouble {
            None => CalendarAccountStatus::Ok,
            Some(CalendarTrouble::AccessEnded) => CalendarAccountStatus::NeedsReconnecting,
            Some(CalendarTrouble::Unreadable) => CalendarAccountStatus::Unreachable,
        };
        let calendar = |calendar: wire::Calendar| {
            let key = CalendarKey {
                integration: calendar.integration.unwrap_or_else(|| integration.clone()),
                credential_id: calendar.credential_id.or(account.credential_id),
                external_id: calendar.external_id,
            };
            Calendar {
                id: derived(&[
                    &connection_id.to_string(),
                    &key.integration,
                    &number,
                    &key.external_id,
                ]),
                name: calendar.name,
                is_primary: calendar.primary,
                is_read_only: calendar.read_only,
                is_checked_for_conflicts: calendar.selected,
                is_destination: destination.as_ref().is_some_and(|aim| is_same(aim, &key)),
                key,
            }
        };
        CalendarAccount {
            id: derived(&[&connection_id.to_string(), &integration, &number]),
            provider: CalendarProvider::of(&integration),
            address: account.address,
            status,
            calendars: account
                .trouble
                .is_none()
                .then(|| account.calendars.into_iter().map(calendar).collect()),
            app: CalendarApp::of_integration(&integration),
            credential_id: account.credential_id,
        }
    });
    Calendars {
        accounts: accounts.collect(),
    }
}

/// The destination does not always name its account.
fn is_same(aim: &CalendarKey, key: &CalendarKey) -> bool {
    let same_account = aim.credential_id.is_none()
        || key.credential_id.is_none()
        || aim.credential_id == key.credential_id;
    same_account && aim.integration == key.integration && aim.external_id == key.external_id
}

/// An id derived from these parts.
fn derived(parts: &[&str]) -> Uuid {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
        hash.update([0]);
    }
    Uuid::from_bytes(
        hash.finalize()[..16]
            .try_into()
            .expect("a digest has 32 bytes"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(credential_id: i64, external_id: &str) -> wire::ConnectedCalendar {
        let calendar = wire::Calendar {
            external_id: external_id.to_owned(),
            integration: None,
            name: None,
            primary: true,
            read_only: false,
            selected: true,
            credential_id: None,
        };
        wire::ConnectedCalendar {
            credential_id: Some(credential_id),
            integration: Some("google_calendar".to_owned()),
            address: None,
            calendars: vec![calendar],
            trouble: None,
        }
    }

    #[test]
    fn what_is_the_same_has_the_same_id_and_nothing_else() {
        let (link, aim) = (
            Uuid::nil(),
            CalendarKey {
                integration: "google_calendar".to_owned(),
                external_id: "a@example.com".to_owned(),
                credential_id: Some(2),
            },
        );
        let connected = vec![account(1, "a@example.com"), account(2, "a@example.com")];
        let found = || {
            shown(
                link,
                wire::Calendars {
                    connected: connected.clone(),
                    destination: Some(aim.clone()),
                },
            )
        };
        assert_eq!(found(), found());
        let ids: Vec<_> = found().all().map(|calendar| calendar.id).collect();
        assert_ne!(ids[0], ids[1]);
        let aims: Vec<_> = found()
            .all()
            .map(|calendar| calendar.is_destination)
            .collect();
        assert_eq!(aims, [false, true]);
    }
}
