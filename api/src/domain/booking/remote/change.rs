//! Carries out a change of a remote booking: reserves its time and takes it through its transitions.

use entity::booking::{Conflict, Model, Status};
use entity::booking_event::Kind;

use super::conflict::{self, Priority, Resolution};
use crate::db::Txn;
use crate::domain::booking::state::{self, Event};
use crate::domain::booking::transition::Transition;
use crate::domain::{Cause, Error, Result};

/// A change that is computed in full before the first write.
pub(super) struct Change {
    pub(super) booking: Model,
    pub(super) proposed: Model,
    pub(super) events: Vec<Event>,
    pub(super) is_new: bool,
    pub(super) reason: Option<String>,
}

impl Change {
    pub(super) async fn carry_out(
        mut self,
        txn: &Txn,
        cause: &Cause,
        priority: Priority,
    ) -> Result<Model> {
        if !self.is_new && self.events.is_empty() {
            if self.proposed == self.booking {
                return Ok(self.booking);
            }
            self.events
                .push(Event::Noted(kind_of_detail(&self.booking, &self.proposed)));
        }
        let end = self
            .events
            .iter()
            .try_fold(self.booking.status, |status, event| {
                state::next(status, *event)
            });
        let end = end.ok_or_else(|| {
            Error::internal("a scheduler's booking", "no way leads where it is wanted")
        })?;
        let conflict = self.make_room(txn, cause, end, priority).await?;
        let is_marked = self.booking.conflict;
        let mark = conflict.or(is_marked);

        let mut transition = if self.is_new {
            Transition::begin(
                cause,
                Model {
                    conflict: mark,
                    ..self.proposed.clone()
                },
            )
        } else {
            Transition::of(cause, &self.booking)
        };
        let mut proposed = Some(self.proposed);
        for event in self.events {
            let ends = matches!(
                event,
                Event::Canceled | Event::CanceledElsewhere | Event::RejectedByCoach
            );
            let reason = self.reason.clone().filter(|_| ends);
            let new = proposed.take();
            transition.then(event, reason, |row| {
                if let Some(new) = new {
                    *row = Model {
                        conflict: mark,
                        version: row.version,
                        ..new
                    };
                }
            })?;
        }
        match (conflict, is_marked) {
            _ if !end.is_active() => {}
            (Some(found), known) if known != Some(found) => {
                transition.then(Event::Noted(Kind::ConflictFound), None, |_| ())?;
            }
            (None, Some(_)) => {
                transition.then(Event::Noted(Kind::ConflictResolved), None, |row| {
                    row.conflict = None
                })?
            }
            _ => {}
        }
        transition.write(txn).await
    }

    /// Reserves the booking's time, or returns the conflict. A booking that ends without time needs
    /// none.
    async fn make_room(
        &self,
        txn: &Txn,
        cause: &Cause,
        end: Status,
        priority: Priority,
    ) -> Result<Option<Conflict>> {
        if !end.is_active() {
            return Ok(None);
        }
        match conflict::resolve(txn, &self.proposed, priority).await? {
            Resolution::Loses(conflict) => Ok(Some(conflict)),
            Resolution::Wins { displaced } => {
                conflict::displace(txn, cause, displaced).await?;
                Ok(None)
            }
        }
    }
}

fn kind_of_detail(booking: &Model, proposed: &Model) -> Kind {
    let place = |row: &Model| {
        (
            row.location_kind,
            row.location_value.clone(),
            row.join_url.clone(),
        )
    };
    if (booking.starts_at, booking.ends_at) != (proposed.starts_at, proposed.ends_at) {
        Kind::Moved
    } else if place(booking) != place(proposed) {
        Kind::LocationChanged
    } else if booking.guests != proposed.guests {
        Kind::GuestsAdded
    } else {
        Kind::DetailsChanged
    }
}
