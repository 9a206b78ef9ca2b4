//! A session on a coach's Cal.com account, for reading and changing connected apps.

use std::time::Duration;

use entity::coach::Scheduler;
use entity::connection::{Health, Kind, Model as Link};
use entity::{Uuid, coach};
use providers::Kind as FaultKind;
use providers::cal_com::Error as Fault;
use providers::cal_com::{Client, Credential, Refusal};

use crate::app::App;
use crate::db::Txn;
use crate::domain::coach::{acting_for, require};
use crate::domain::connection::{self, Action, Purpose};
use crate::domain::scheduling::cal_com::Account;
use crate::domain::scheduling::cal_com::PROVIDER;
use crate::domain::{Author, Caller, Command, Conflict, Error, Result};

/// Timeout of one call that changes something.
const BUDGET: Duration = Duration::from_secs(8);

/// An account to call.
pub(super) struct AccountSession<'a> {
    pub(super) app: &'a App,
    pub(super) coach_id: Uuid,
    pub(super) link: Link,
    account: Account<'a>,
    /// The author of changes; `None` for a session that only reads.
    by: Option<Author>,
}

impl<'a> AccountSession<'a> {
    /// Opens the account of the caller, or, for staff, of any coach.
    ///
    /// # Errors
    /// `NotFound` for another coach, `Account` when there is no working account that is the coach's
    /// scheduler.
    pub(super) async fn open(
        app: &'a App,
        caller: &Caller,
        coach_id: Option<Uuid>,
    ) -> Result<Self> {
        let (_, coach_id) = acting_for(caller, coach_id)?;
        let author = Command::new(app, caller, ())?.author;
        Ok(Self {
            by: Some(author),
            ..Self::of(app, coach_id, BUDGET).await?
        })
    }

    /// Opens an account without a permission check, with a timeout for each call.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub(super) async fn of(app: &'a App, coach_id: Uuid, budget: Duration) -> Result<Self> {
        let coach = require(app.db.read(), coach_id).await?;
        let link = usable(app, &coach).await?;
        let account = Account::of_coach(app, coach_id, Purpose::Calendar)
            .await?
            .ok_or_else(not_connected)?;
        Ok(Self {
            app,
            coach_id,
            link,
            account: account.within(budget),
            by: None,
        })
    }

    /// Makes a call with the coach's credential.
    ///
    /// # Errors
    /// Cal.com's error, for callers that can interpret it better than
    /// [`map_error`](Self::map_error).
    pub(super) async fn ask<'c, T, F>(
        &'c self,
        ask: impl Fn(&'c Client, Credential) -> F,
    ) -> Result<T, Fault>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        self.account.call(ask).await
    }

    /// Makes a call that changes something, and writes an audit entry if it took effect or may
    /// have.
    ///
    /// # Errors
    /// When the database fails; the inner result is that of the call.
    pub(super) async fn write<'c, T, F>(
        &'c self,
        action: &'static str,
        ask: impl Fn(&'c Client, Credential) -> F,
    ) -> Result<Result<T, Fault>>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        let outcome = self.ask(ask).await;
        if outcome.as_ref().err().is_none_or(Fault::outcome_unknown) {
            self.note(action).await?;
        }
        Ok(outcome)
    }

    /// Maps the fault of a call to a client error.
    pub(super) async fn map_error(&self, fault: &Fault) -> Error {
        match (&fault.refusal, fault.kind) {
            (Some(Refusal::AppNotConnected { app }), _) => Conflict::AppMissing(label(app)).into(),
            (Some(Refusal::InsufficientScope { .. }), _) => account(
                "the consent that was given at Cal.com does not include this",
                Action::Reconnect,
            ),
            (Some(Refusal::Forbidden), _) => {
                refused("Cal.com does not allow this account to do that")
            }
            (Some(Refusal::UnknownRoute), _) => refused("this Cal.com server cannot do that"),
            (_, FaultKind::Unauthorized) => self.turned_away().await,
            (Some(Refusal::NotOwner), _) | (_, FaultKind::NotFound) => {
                Error::NotFound("calendar account")
            }
            (_, FaultKind::Unavailable | FaultKind::RateLimited { .. } | FaultKind::Malformed) => {
                tracing::warn!(error = %fault, provider = PROVIDER, coach.id = %self.coach_id, "Cal.com does not answer");
                Error::Unavailable("Cal.com does not answer at present; try again later")
            }
            (_, FaultKind::Rejected | FaultKind::Conflict) => {
                tracing::info!(error = %fault, provider = PROVIDER, coach.id = %self.coach_id, "Cal.com refused a call");
                refused("Cal.com refuses this as it is")
            }
        }
    }

    /// The error for a refused or missing credential.
    async fn turned_away(&self) -> Error {
        match connection::find_live(self.app, Scheduler::CalCom, self.coach_id).await {
            Ok(Some(link)) => broken(&link),
            Ok(None) => not_connected(),
            Err(error) => error,
        }
    }

    /// Writes an audit entry for a change at Cal.com, and invalidates the cached free time.
    pub(super) async fn note(&self, action: &'static str) -> Result<()> {
        self.app.slots.invalidate(self.coach_id);
        let Some(by) = self.by.clone() else {
            return Ok(());
        };
        let change = Change {
            author: Author {
                now: self.app.clock.now(),
                ..by
            },
            action,
            connection_id: self.link.id,
        };
        self.app.db.transaction(change, audit).await
    }

    /// Refuses anyone but the coach: the redirect contains a credential of theirs, and connects the
    /// accounts of the person who follows it.
    pub(super) fn require_own(&self) -> Result<()> {
        if self
            .by
            .as_ref()
            .is_some_and(|author| author.person.is_coach(self.coach_id))
        {
            return Ok(());
        }
        Err(
            Conflict::InvalidState("only the coach can do this, in their own browser".to_owned())
                .into(),
        )
    }
}

#[derive(Clone)]
struct Change {
    author: Author,
    action: &'static str,
    connection_id: Uuid,
}

async fn audit(txn: &Txn, change: Change) -> Result<()> {
    let subject = connection::subject(change.connection_id);
    change.author.audit(txn, change.action, &subject).await
}

/// A coach's live connection, if it works and is that of the coach's scheduler.
async fn usable(app: &App, coach: &coach::Model) -> Result<Link> {
    let link = connection::find_live(app, Scheduler::CalCom, coach.id)
        .await?
        .ok_or_else(not_connected)?;
    if coach.scheduler != Scheduler::CalCom {
        return Err(account(
            "this coach's time is not kept by Cal.com",
            Action::Migrate,
        ));
    }
    if link.health == Health::Broken {
        Err(broken(&link))
    } else {
        Ok(link)
    }
}

fn broken(link: &Link) -> Error {
    let usual = match link.kind {
        Kind::ApiKey => Action::ReplaceKey,
        Kind::ManagedUser => Action::Provision,
        Kind::OAuth | Kind::Observed => Action::Reconnect,
    };
    account(
        "Cal.com no longer accepts the connected account",
        connection::action(link).unwrap_or(usual),
    )
}

fn not_connected() -> Error {
    account("no Cal.com account is connected", Action::Connect)
}

fn account(message: &'static str, action: Action) -> Error {
    Conflict::Account { message, action }.into()
}

pub(super) fn refused(message: &'static str) -> Error {
    Conflict::Refused(message).into()
}

/// An app's display name.
fn label(app: &str) -> String {
    match app {
        "google_calendar" => "a Google calendar".to_owned(),
        "office365_calendar" => "an Office 365 calendar".to_owned(),
        "apple_calendar" => "an Apple calendar".to_owned(),
        "google-meet" => "Google Meet".to_owned(),
        "zoom" => "Zoom".to_owned(),
        "msteams" => "Office 365 video".to_owned(),
        "" => "the app".to_owned(),
        app => app.to_owned(),
    }
}
