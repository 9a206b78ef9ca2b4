//! Chooses the calendars that make a coach busy, and the one that bookings are written to.

use std::time::{Duration, Instant};

use entity::Uuid;
use providers::cal_com::Error as Fault;

use super::account_session::AccountSession;
use super::calendar::{Calendar, Calendars, read};
use crate::app::App;
use crate::domain::text::Problems;
use crate::domain::{Caller, Error, Result};

/// Most calendars checked for conflicts.
const MOST: usize = 50;
/// After this time no further call is started.
const PATIENCE: Duration = Duration::from_secs(12);

/// The input of [`choose_calendars`]; `None` leaves a setting unchanged.
#[derive(Clone, Debug)]
pub struct Choice {
    /// The caller's own profile if `None`.
    pub coach_id: Option<Uuid>,
    /// All calendars to check for conflicts, of all accounts.
    pub conflicts: Option<Vec<Uuid>>,
    pub destination: Option<Uuid>,
}

/// One call to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step<'c> {
    Select(&'c Calendar),
    Aim(&'c Calendar),
    Deselect(&'c Calendar),
}

/// Applies the choice and returns the coach's id. Cal.com changes one calendar per call: additions
/// come first, so that an interrupted choice shows less free time, never more. Idempotent.
///
/// # Errors
/// `Invalid` for calendars that are unknown or read-only, `Account` when there is no working
/// account that is the coach's scheduler, `Unavailable`.
pub async fn choose_calendars(app: &App, caller: &Caller, choice: Choice) -> Result<Uuid> {
    let session = AccountSession::open(app, caller, choice.coach_id).await?;
    let there = read(&session).await?;
    let steps = plan(&there, &choice)?;
    let began = Instant::now();
    for (index, step) in steps.iter().enumerate() {
        let done = if began.elapsed() > PATIENCE {
            None
        } else {
            Some(take(&session, *step).await)
        };
        let (error, is_doubtful) = match done {
            Some(Ok(())) => continue,
            Some(Err(fault)) => (session.map_error(&fault).await, fault.outcome_unknown()),
            None => (
                Error::Unavailable("Cal.com takes too long; ask again for the rest"),
                false,
            ),
        };
        if index > 0 || is_doubtful {
            session.note("calendar.choose").await?;
        }
        return Err(error);
    }
    session.note("calendar.choose").await?;
    Ok(session.coach_id)
}

fn plan<'c>(there: &'c Calendars, choice: &Choice) -> Result<Vec<Step<'c>>> {
    let mut problems = Problems::default();
    let find = |id: &Uuid| there.all().find(|calendar| calendar.id == *id);
    let (mut first, mut last) = (Vec::new(), Vec::new());
    if let Some(wanted) = &choice.conflicts {
        problems.require(
            wanted.len() <= MOST,
            "calendarIds",
            format!("at most {MOST}"),
        );
        for (index, id) in wanted.iter().enumerate() {
            let is_known = find(id).is_some();
            problems.require(
                is_known,
                &format!("calendarIds.{index}"),
                "is no calendar that can be read",
            );
        }
        let counts = |calendar: &&Calendar| wanted.contains(&calendar.id);
        first.extend(
            there
                .all()
                .filter(counts)
                .filter(|calendar| !calendar.is_checked_for_conflicts)
                .map(Step::Select),
        );
        let drop = there
            .all()
            .filter(|calendar| !counts(calendar) && calendar.is_checked_for_conflicts);
        last.extend(drop.map(Step::Deselect));
    }
    if let Some(id) = &choice.destination {
        match find(id) {
            Some(calendar) if calendar.is_read_only => {
                problems.add("calendarId", "nothing can be written to this calendar");
            }
            Some(calendar) if calendar.is_destination => {}
            Some(calendar) => first.push(Step::Aim(calendar)),
            None => problems.add("calendarId", "is no calendar that can be read"),
        }
    }
    problems.finish()?;
    first.append(&mut last);
    Ok(first)
}

async fn take(session: &AccountSession<'_>, step: Step<'_>) -> Result<(), Fault> {
    match step {
        Step::Select(calendar) => {
            let key = &calendar.key;
            session.ask(
                |client, credential| async move { client.select_calendar(&credential, key).await },
            )
            .await
        }
        Step::Deselect(calendar) => {
            let key = &calendar.key;
            session
                .ask(|client, credential| async move {
                    client.deselect_calendar(&credential, key).await
                })
                .await
        }
        Step::Aim(calendar) => {
            let key = &calendar.key;
            session
                .ask(|client, credential| async move {
                    client.set_destination_calendar(&credential, key).await
                })
                .await
        }
    }
}
