//! Input objects of absences.

use async_graphql::{ID, InputObject, MaybeUndefined};
use entity::absence::Reason;

use crate::domain::{self, absence};
use crate::graphql::id::Kind;
use crate::graphql::scalars::LocalDate;

/// Input of addAbsence.
#[derive(Clone, InputObject)]
pub struct AddAbsenceInput {
    /// Whose; the caller's own profile when left out. Only staff name another one.
    pub coach_id: Option<ID>,
    /// The first day away, in the coach's zone; today or later.
    pub first_day: LocalDate,
    /// The last day away, in the coach's zone; at most 366 days in all.
    pub last_day: LocalDate,
    /// Why.
    #[graphql(default)]
    pub reason: Reason,
    /// A note of the coach's own, at most 500 characters. It goes along to the coach's own calendar.
    pub note: Option<String>,
}

impl AddAbsenceInput {
    pub(super) fn read(self) -> domain::Result<absence::Add> {
        Ok(absence::Add {
            coach_id: Kind::Coach.find_key("coachId", self.coach_id.as_ref())?,
            first_day: self.first_day.0,
            last_day: self.last_day.0,
            reason: self.reason,
            note: self.note,
        })
    }
}

/// Input of updateAbsence. What is left out stays; null empties the note.
#[derive(Clone, InputObject)]
pub struct UpdateAbsenceInput {
    /// The absence; not one that is over.
    pub absence_id: ID,
    /// The first day away; one that has passed stays as it is.
    pub first_day: Option<LocalDate>,
    /// The last day away; today or later.
    pub last_day: Option<LocalDate>,
    /// Why.
    pub reason: Option<Reason>,
    /// A note of the coach's own, at most 500 characters.
    pub note: MaybeUndefined<String>,
    /// The version the caller has seen: refuses to change an absence that has changed since.
    pub version: Option<i64>,
}

impl UpdateAbsenceInput {
    pub(super) fn read(self) -> domain::Result<absence::Update> {
        Ok(absence::Update {
            absence_id: Kind::Absence.key("absenceId", &self.absence_id)?,
            first_day: self.first_day.map(|day| day.0),
            last_day: self.last_day.map(|day| day.0),
            reason: self.reason,
            note: self.note.into(),
            version: self.version,
        })
    }
}

/// Input of deleteAbsence.
#[derive(Clone, Debug, InputObject)]
pub struct DeleteAbsenceInput {
    /// The absence; not one that is over.
    pub absence_id: ID,
}
