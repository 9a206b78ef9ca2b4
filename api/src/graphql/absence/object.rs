//! The absence object.

use async_graphql::{ID, Object};
use entity::absence::{Model, Reason};

use crate::graphql::id::Kind;
use crate::graphql::scalars::{DateTime, LocalDate};
use crate::graphql::sync::CalendarSync;

/// Days on which a coach is away: nobody can book them then. There for the coach and staff only.
#[derive(async_graphql::Description)]
pub struct Absence(Model);

impl Absence {
    pub(crate) fn new(row: Model) -> Self {
        Self(row)
    }
}

#[Object(use_type_description)]
impl Absence {
    /// Global id.
    pub(crate) async fn id(&self) -> ID {
        Kind::Absence.id(self.0.id)
    }

    /// The first day away, in the coach's zone.
    async fn first_day(&self) -> LocalDate {
        LocalDate(self.0.first_day)
    }

    /// The last day away, in the coach's zone.
    async fn last_day(&self) -> LocalDate {
        LocalDate(self.0.last_day)
    }

    /// Why.
    async fn reason(&self) -> Reason {
        self.0.reason
    }

    /// A note of the coach's own.
    async fn note(&self) -> Option<&str> {
        self.0.note.as_deref()
    }

    /// How it stands in the coach's own calendar; null when that does not keep their time.
    async fn calendar_sync(&self) -> Option<CalendarSync> {
        Some(CalendarSync::of(
            self.0.state?,
            self.0.message.clone(),
            self.0.synced_at,
        ))
    }

    /// Grows by one with each change; give it back on update.
    async fn version(&self) -> i64 {
        self.0.version
    }

    /// When it was entered.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// Last change.
    async fn updated_at(&self) -> DateTime {
        DateTime(self.0.updated_at)
    }
}
