//! Calls to one coach's calendar at Cal.com.

use std::time::Duration;

use chrono::TimeDelta;
use entity::booking::Answer;
use entity::booking_event::ActorKind;
use entity::coach::Scheduler;
use entity::event_type;
use entity::scheduler_request::Kind;
use providers::Kind as FaultKind;
use providers::cal_com::Error as Fault;
use providers::cal_com::{
    self as wire, AttendeeAbsence, BookingFilter, BookingWindow, Cancel, Client, EventTypeKey,
    MarkAbsent, NewAttendee, NewBooking, NewGuest, Refusal, Reschedule, Slot, SlotQuery,
};
use serde_json::Value;

use super::access::Access;
use super::observe_booking::{guests_of, observe_booking};
use crate::domain::connection;
use crate::domain::scheduling::observation::Observation;
use crate::domain::scheduling::remote::{Command, CommandResult, Outcome, RemoteRequest};

/// A coach's calendar, with the means to call it.
pub(super) struct CalComCalendar<'a> {
    pub(super) client: &'a Client,
    pub(super) access: Access<'a>,
}

impl CalComCalendar<'_> {
    /// Requests a new booking or a move.
    pub(super) async fn request(&self, wanted: &RemoteRequest) -> Outcome {
        let done = match wanted.request.kind {
            Kind::Book => self.book(wanted).await,
            Kind::Move => self.reschedule(wanted).await,
            Kind::Undo => {
                return Outcome::Refused {
                    code: "NOTHING_ASKED".to_owned(),
                    may_exist: false,
                };
            }
        };
        done.map_or_else(judged, |booking| Outcome::Done(observe_booking(&booking)))
    }

    async fn book(&self, wanted: &RemoteRequest) -> Result<wire::Booking, Fault> {
        let booking = &wanted.booking;
        let attendee = NewAttendee {
            name: booking.client_name.clone(),
            time_zone: booking.client_time_zone.clone(),
            email: booking.client_email.clone(),
            phone_number: None,
            language: None,
        };
        let mut new = NewBooking::new(
            EventTypeKey::id(their_id(&wanted.event_type)?),
            booking.starts_at,
            attendee,
        );
        new.metadata
            .insert(super::REQUEST.to_owned(), wanted.request.id.to_string());
        new.answers = wanted.answers.iter().map(answer).collect();
        new.guests.clone_from(&booking.guests.0);
        let length = (booking.ends_at - booking.starts_at).num_minutes();
        new.length_in_minutes = (wanted.event_type.lengths.0.len() > 1).then_some(length);
        let new = &new;
        let made = self
            .access
            .call(|credential| async move { self.client.create_booking(&credential, new).await })
            .await?;
        Ok(made.into_first())
    }

    async fn reschedule(&self, wanted: &RemoteRequest) -> Result<wire::Booking, Fault> {
        let by = match wanted.request.actor_kind {
            ActorKind::Client => wanted.booking.client_email.clone(),
            _ => self.owner().await,
        };
        let mut change = Reschedule::to(wanted.request.starts_at);
        change.rescheduled_by = by;
        change.reason.clone_from(&wanted.request.reason);
        let (uid, change) = (
            wanted.request.from_uid.as_deref().unwrap_or_default(),
            &change,
        );
        self.access
            .call(|credential| async move {
                self.client
                    .reschedule_booking(&credential, uid, change)
                    .await
            })
            .await
    }

    /// The calendar owner's address at Cal.com.
    async fn owner(&self) -> Option<String> {
        let found =
            connection::find_live(self.access.app, Scheduler::CalCom, self.access.coach_id).await;
        found.ok().flatten()?.external_email
    }

    /// Finds the records that a request created or changed; empty if there are none.
    ///
    /// # Errors
    /// When the records cannot be read.
    pub(super) async fn find(&self, wanted: &RemoteRequest) -> Result<Vec<Observation>, Fault> {
        match wanted.request.kind {
            Kind::Book => self.find_booked(wanted).await,
            _ => self.find_moved(wanted).await,
        }
    }

    async fn find_booked(&self, wanted: &RemoteRequest) -> Result<Vec<Observation>, Fault> {
        let filter = &BookingFilter {
            event_type_ids: vec![their_id(&wanted.event_type)?],
            window: BookingWindow {
                // Whether the bounds are inclusive is not documented.
                starts_after: Some(wanted.booking.starts_at - TimeDelta::minutes(1)),
                ends_before: Some(wanted.booking.ends_at + TimeDelta::minutes(1)),
                ..BookingWindow::default()
            },
            take: Some(250),
            ..BookingFilter::default()
        };
        let page = self
            .access
            .call(|credential| async move { self.client.list_bookings(&credential, filter).await })
            .await?;
        let is_wanted =
            |found: &&wire::Booking| super::request_id(&found.metadata) == Some(wanted.request.id);
        Ok(page
            .bookings
            .iter()
            .filter(is_wanted)
            .flat_map(observe_booking)
            .collect())
    }

    async fn find_moved(&self, wanted: &RemoteRequest) -> Result<Vec<Observation>, Fault> {
        let uid = wanted.request.from_uid.as_deref().unwrap_or_default();
        let old = self.read(uid).await?;
        let Some(successor) = &old.rescheduled_to_uid else {
            let is_off = old.status == wire::BookingStatus::Canceled;
            return Ok(if is_off {
                observe_booking(&old)
            } else {
                Vec::new()
            });
        };
        let new = self.read(successor).await?;
        Ok(observe_booking(&old)
            .into_iter()
            .chain(observe_booking(&new))
            .collect())
    }

    /// Reads a page of the calendar's records.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) async fn list(&self, filter: &BookingFilter) -> Result<wire::Page, Fault> {
        self.access
            .call(|credential| async move { self.client.list_bookings(&credential, filter).await })
            .await
    }

    /// Reads one booking.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) async fn read(&self, uid: &str) -> Result<wire::Booking, Fault> {
        self.access
            .call(|credential| async move { self.client.get_booking(&credential, uid).await })
            .await
    }

    /// Reads free time.
    ///
    /// # Errors
    /// When it cannot be read within `budget`.
    pub(super) async fn slots(
        &self,
        query: &SlotQuery,
        budget: Duration,
    ) -> Result<Vec<Slot>, Fault> {
        let client = &self.client.within(budget);
        self.access
            .call(|credential| async move { client.list_slots(&credential, query).await })
            .await
    }

    /// Cancels a booking in any status; `Ok` too if it ended before.
    ///
    /// # Errors
    /// When its effect is not certain.
    pub(super) async fn cancel(&self, uid: &str) -> Result<(), Fault> {
        let how = &Cancel::default();
        match self
            .access
            .call(
                |credential| async move { self.client.cancel_booking(&credential, uid, how).await },
            )
            .await
        {
            Ok(_) => Ok(()),
            Err(fault) if is_over(&fault) => Ok(()),
            Err(fault) => Err(fault),
        }
    }

    /// Carries out a command.
    ///
    /// # Errors
    /// When its effect is not certain; a retry is harmless.
    pub(super) async fn run(&self, command: &Command) -> Result<CommandResult, Fault> {
        let (uid, done) = match command {
            Command::Cancel { uid, reason } => {
                let how = &Cancel {
                    reason: reason.clone(),
                    ..Cancel::default()
                };
                let done = self
                    .access
                    .call(|credential| async move {
                        self.client.cancel_booking(&credential, uid, how).await
                    })
                    .await;
                (uid, done.map(|all| all.into_one(uid)))
            }
            Command::Confirm { uid } => (
                uid,
                self.access
                    .call(|credential| async move {
                        self.client.confirm_booking(&credential, uid).await
                    })
                    .await,
            ),
            Command::Decline { uid, reason } => {
                let reason = reason.as_deref();
                (
                    uid,
                    self.access
                        .call(|credential| async move {
                            self.client.decline_booking(&credential, uid, reason).await
                        })
                        .await,
                )
            }
            Command::MarkAbsent { uid, email, absent } => {
                let absence = AttendeeAbsence {
                    email: email.clone(),
                    absent: *absent,
                };
                let who = &MarkAbsent {
                    host: None,
                    attendees: vec![absence],
                };
                (
                    uid,
                    self.access
                        .call(|credential| async move {
                            self.client.mark_absent(&credential, uid, who).await
                        })
                        .await,
                )
            }
            Command::Invite { uid, guests } => {
                let guests = &guests
                    .iter()
                    .map(|email| NewGuest::by_email(email))
                    .collect::<Vec<_>>();
                (
                    uid,
                    self.access
                        .call(|credential| async move {
                            self.client.add_guests(&credential, uid, guests).await
                        })
                        .await,
                )
            }
        };
        match done {
            Ok(booking) if !lists(&booking, command) => Ok(CommandResult::Partly(
                observe_booking(&booking),
                "not every guest was taken",
            )),
            Ok(booking) => Ok(CommandResult::Done(observe_booking(&booking))),
            Err(fault) => match &fault.refusal {
                Some(Refusal::Ended) => Ok(CommandResult::Impossible("ended")),
                Some(Refusal::UnknownBooking) => Ok(CommandResult::Impossible("unknown")),
                Some(Refusal::NotOwner | Refusal::Forbidden) => {
                    Ok(CommandResult::Impossible("forbidden"))
                }
                // Guests are disabled, too many, or an alias of an attendee: a retry would be
                // refused too.
                _ if matches!(command, Command::Invite { .. })
                    && matches!(fault.kind, FaultKind::Rejected | FaultKind::Conflict) =>
                {
                    Ok(CommandResult::Impossible("guests are refused"))
                }
                // It already has this status, or a later one: read the current record.
                Some(_)
                    if fault.kind == FaultKind::Rejected || fault.kind == FaultKind::Conflict =>
                {
                    Ok(CommandResult::Done(observe_booking(&self.read(uid).await?)))
                }
                _ => Err(fault),
            },
        }
    }
}

/// Cal.com's id of the event type.
pub(super) fn their_id(event_type: &event_type::Model) -> Result<i64, Fault> {
    let id = event_type
        .provider_event_type_id
        .as_deref()
        .and_then(|id| id.parse().ok());
    id.ok_or_else(|| {
        Fault::new(
            providers::Provider::CalCom,
            FaultKind::NotFound,
            "the event type is not at Cal.com",
        )
    })
}

fn answer(answer: &Answer) -> (String, Value) {
    use entity::event_type::AnswerKind;

    let one = || answer.values.first().cloned().unwrap_or_default();
    let value = match answer.kind {
        AnswerKind::MultipleChoice => Value::from(answer.values.clone()),
        AnswerKind::Boolean => Value::from(one() == "true"),
        _ => Value::from(one()),
    };
    (answer.key.clone(), value)
}

/// Whether all guests are listed: Cal.com silently drops the ones it does not accept.
fn lists(booking: &wire::Booking, command: &Command) -> bool {
    let Command::Invite { guests, .. } = command else {
        return true;
    };
    let listed = guests_of(booking);
    guests.iter().all(|guest| listed.contains(guest))
}

fn is_over(fault: &Fault) -> bool {
    matches!(
        &fault.refusal,
        Some(
            Refusal::AlreadyCanceled
                | Refusal::AlreadyRescheduled { .. }
                | Refusal::Ended
                | Refusal::UnknownBooking
        )
    )
}

/// Classifies an error by whether the request took effect.
fn judged(fault: Fault) -> Outcome {
    let refused = |code: &str, may_exist| Outcome::Refused {
        code: code.to_owned(),
        may_exist,
    };
    match &fault.refusal {
        Some(Refusal::SlotTaken | Refusal::AlreadyBooked) => refused("SLOT_TAKEN", true),
        Some(Refusal::SeatsFull) => refused("SLOT_TAKEN", false),
        Some(Refusal::InThePast) => refused("IN_THE_PAST", false),
        Some(Refusal::OutsideWindow) => refused("SLOT_NOT_OFFERED", false),
        Some(Refusal::AttendeeLimit | Refusal::BookingLimit) => refused("LIMIT_REACHED", false),
        Some(Refusal::UnknownEventType) => refused("NOT_OFFERED_ANY_MORE", false),
        Some(Refusal::MissingAnswer { .. } | Refusal::InvalidAnswer { .. }) => {
            refused("ANSWER_REFUSED", false)
        }
        Some(
            Refusal::AlreadyCanceled | Refusal::AlreadyRescheduled { .. } | Refusal::UnknownBooking,
        ) => refused("CHANGED_MEANWHILE", true),
        _ if fault.outcome_unknown() => Outcome::Unknown(fault.erased()),
        _ => match fault.kind {
            // Not answered, or rejected unread: because of the credential, the quota, or before it
            // was sent.
            FaultKind::Unavailable | FaultKind::RateLimited { .. } | FaultKind::Unauthorized => {
                Outcome::NotSent(fault.erased())
            }
            FaultKind::NotFound => refused("NOT_OFFERED_ANY_MORE", false),
            _ => refused("REFUSED", true),
        },
    }
}
