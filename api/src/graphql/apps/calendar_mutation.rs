//! Mutations that connect calendars and choose their role.

use async_graphql::{Context, ID, InputObject, Object};

use super::calendar::{CalendarAccount, CoachCalendars};
use super::coach_id;
use crate::domain::scheduling::cal_com::apps::{
    self, Apple, CalendarProvider, Choice, ConnectCalendar, Feeds,
};
use crate::domain::{self, Error};
use crate::graphql::context::{app, caller};
use crate::graphql::error::Result;
use crate::graphql::id::Kind;
use crate::graphql::payload::payload;
use crate::graphql::scalars::Url;

/// Input of connectCalendar.
#[derive(Clone, Debug, InputObject)]
pub struct ConnectCalendarInput {
    /// Whose; the caller's own profile when left out.
    pub coach_id: Option<ID>,
    /// GOOGLE or OFFICE365.
    pub provider: CalendarProvider,
    /// Where the browser goes in the end, one of the addresses the server allows.
    pub redirect_to: Url,
}

/// Input of connectAppleCalendar.
#[derive(Clone, InputObject)]
pub struct ConnectAppleCalendarInput {
    /// Whose; the caller's own profile when left out. Only staff name another one.
    pub coach_id: Option<ID>,
    /// The Apple account, an address.
    pub username: String,
    /// A password made for the purpose at account.apple.com, never the account's own.
    pub app_password: String,
}

/// Input of setCalendarFeeds.
#[derive(Clone, InputObject)]
pub struct SetCalendarFeedsInput {
    /// Whose; the caller's own profile when left out. Only staff name another one.
    pub coach_id: Option<ID>,
    /// Addresses of feeds in the iCalendar format, 1 to 5, https only. They take the place of those before.
    pub urls: Vec<String>,
}

/// Input of checkCalendarAccount.
#[derive(Clone, Debug, InputObject)]
pub struct CheckCalendarAccountInput {
    /// Whose; the caller's own profile when left out. Only staff name another one.
    pub coach_id: Option<ID>,
    /// The account.
    pub calendar_account_id: ID,
}

/// Input of disconnectCalendar.
#[derive(Clone, Debug, InputObject)]
pub struct DisconnectCalendarInput {
    /// Whose; the caller's own profile when left out. Only staff name another one.
    pub coach_id: Option<ID>,
    /// The account.
    pub calendar_account_id: ID,
}

/// Input of setConflictCalendars.
#[derive(Clone, Debug, InputObject)]
pub struct SetConflictCalendarsInput {
    /// Whose; the caller's own profile when left out. Only staff name another one.
    pub coach_id: Option<ID>,
    /// All calendars that make the coach busy, of all accounts that can be read; at most 50.
    pub calendar_ids: Vec<ID>,
}

/// Input of setDestinationCalendar.
#[derive(Clone, Debug, InputObject)]
pub struct SetDestinationCalendarInput {
    /// Whose; the caller's own profile when left out. Only staff name another one.
    pub coach_id: Option<ID>,
    /// The calendar, one that can be written to.
    pub calendar_id: ID,
}

payload!(ConnectCalendarPayload, "Result of connectCalendar.", connect_url: Url,
    "The provider's page for giving consent. For the coach's own browser only, and not to be kept: it may carry a credential of theirs.");
payload!(ConnectAppleCalendarPayload, "Result of connectAppleCalendar.", calendars: CoachCalendars, "What is connected now.");
payload!(SetCalendarFeedsPayload, "Result of setCalendarFeeds.", calendars: CoachCalendars, "What is connected now.");
payload!(CheckCalendarAccountPayload, "Result of checkCalendarAccount.", calendar_account: CalendarAccount, "How the account is.");
payload!(DisconnectCalendarPayload, "Result of disconnectCalendar.", disconnected_calendar_account_id: ID, "Id of the account that is gone.");
payload!(SetConflictCalendarsPayload, "Result of setConflictCalendars.", calendars: CoachCalendars, "What is connected now.");
payload!(SetDestinationCalendarPayload, "Result of setDestinationCalendar.", calendars: CoachCalendars, "What is connected now.");

/// Mutations of connected calendars.
#[derive(Default)]
pub struct CalendarMutation;

#[Object]
impl CalendarMutation {
    /// Begin to connect a calendar of Google or Office 365: gives the provider's page. For the coach alone.
    async fn connect_calendar(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which provider, and where to return to.")] input: ConnectCalendarInput,
    ) -> Result<ConnectCalendarPayload> {
        let done = async {
            let coach_id = coach_id(input.coach_id.as_ref())?;
            let request = ConnectCalendar {
                coach_id,
                provider: input.provider,
                redirect_to: input.redirect_to.0,
            };
            apps::connect_calendar(app(ctx), caller(ctx), request).await
        };
        ConnectCalendarPayload::new(done.await, Url)
    }

    /// Connect Apple's calendars by an app password, which is tried, handed on and not kept. For the coach and staff.
    async fn connect_apple_calendar(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The user name and the password.")] input: ConnectAppleCalendarInput,
    ) -> Result<ConnectAppleCalendarPayload> {
        let done = async {
            let (username, app_password) = (input.username.into(), input.app_password.into());
            let request = Apple {
                coach_id: coach_id(input.coach_id.as_ref())?,
                username,
                app_password,
            };
            read_back(
                ctx,
                apps::connect_apple_calendar(app(ctx), caller(ctx), request).await?,
            )
            .await
        };
        ConnectAppleCalendarPayload::new(done.await, |calendars| calendars)
    }

    /// Connect feeds, in the place of those before. Their addresses are tried, handed on and not kept. For the coach and staff.
    async fn set_calendar_feeds(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The feeds.")] input: SetCalendarFeedsInput,
    ) -> Result<SetCalendarFeedsPayload> {
        let done = async {
            let urls = input.urls.into_iter().map(Into::into).collect();
            let request = Feeds {
                coach_id: coach_id(input.coach_id.as_ref())?,
                urls,
            };
            read_back(
                ctx,
                apps::set_calendar_feeds(app(ctx), caller(ctx), request).await?,
            )
            .await
        };
        SetCalendarFeedsPayload::new(done.await, |calendars| calendars)
    }

    /// Have the scheduler try an account of calendars now. For the coach and staff.
    async fn check_calendar_account(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which account.")] input: CheckCalendarAccountInput,
    ) -> Result<CheckCalendarAccountPayload> {
        let done = async {
            let account =
                Kind::CalendarAccount.key("calendarAccountId", &input.calendar_account_id)?;
            let coach_id = coach_id(input.coach_id.as_ref())?;
            apps::check_calendar_account(app(ctx), caller(ctx), coach_id, account).await
        };
        CheckCalendarAccountPayload::new(done.await, CalendarAccount::new)
    }

    /// Disconnect an account of calendars: they no longer make the coach busy. For the coach and staff.
    async fn disconnect_calendar(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which account.")] input: DisconnectCalendarInput,
    ) -> Result<DisconnectCalendarPayload> {
        let done = async {
            let account =
                Kind::CalendarAccount.key("calendarAccountId", &input.calendar_account_id)?;
            let coach_id = coach_id(input.coach_id.as_ref())?;
            apps::disconnect_calendar(app(ctx), caller(ctx), coach_id, account).await
        };
        DisconnectCalendarPayload::new(done.await, |gone| Kind::CalendarAccount.id(gone))
    }

    /// Choose the calendars that make the coach busy. The scheduler takes one at a time: after an error some may have changed, and asking
    /// again does the rest. For the coach and staff.
    async fn set_conflict_calendars(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which calendars.")] input: SetConflictCalendarsInput,
    ) -> Result<SetConflictCalendarsPayload> {
        let done = async {
            let keys = input.calendar_ids.iter().enumerate();
            let keys = keys
                .map(|(index, id)| Kind::ExternalCalendar.key(&format!("calendarIds.{index}"), id));
            let conflicts = Some(keys.collect::<Result<_, Error>>()?);
            let choice = Choice {
                coach_id: coach_id(input.coach_id.as_ref())?,
                conflicts,
                destination: None,
            };
            read_back(
                ctx,
                apps::choose_calendars(app(ctx), caller(ctx), choice).await?,
            )
            .await
        };
        SetConflictCalendarsPayload::new(done.await, |calendars| calendars)
    }

    /// Choose the calendar that bookings are written to. For the coach and staff.
    async fn set_destination_calendar(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which calendar.")] input: SetDestinationCalendarInput,
    ) -> Result<SetDestinationCalendarPayload> {
        let done = async {
            let destination = Some(Kind::ExternalCalendar.key("calendarId", &input.calendar_id)?);
            let choice = Choice {
                coach_id: coach_id(input.coach_id.as_ref())?,
                conflicts: None,
                destination,
            };
            read_back(
                ctx,
                apps::choose_calendars(app(ctx), caller(ctx), choice).await?,
            )
            .await
        };
        SetDestinationCalendarPayload::new(done.await, |calendars| calendars)
    }
}

/// Reads the calendars after a change. A failed read does not fail the mutation: the change is
/// made.
async fn read_back(ctx: &Context<'_>, coach_id: entity::Uuid) -> domain::Result<CoachCalendars> {
    Ok(CoachCalendars::new(
        apps::inspect_calendars(app(ctx), caller(ctx), coach_id).await?,
    ))
}
