//! The session object.

use async_graphql::{Context, ID, Lookahead, Object};
use entity::note::{self, Visibility};
use entity::session::{Attendance, Model, Status};
use entity::{Uuid, booking};

use crate::domain::booking::shows_place;
use crate::domain::note::{first_page, list as list_notes, list_by_sessions};
use crate::domain::session::SessionWithBooking;
use crate::graphql::booking::Booking;
use crate::graphql::coach::first_page_size;
use crate::graphql::connection::{Connection, Preloaded, page};
use crate::graphql::context::{app, caller};
use crate::graphql::error::Result;
use crate::graphql::fast_json::{Columns, columns};
use crate::graphql::id::Kind;
use crate::graphql::loaders::{Loaders, UserById};
use crate::graphql::note::Note;
use crate::graphql::scalars::{DateTime, Url};

/// The meeting that a confirmed booking leads to.
#[derive(Clone, async_graphql::Description)]
pub struct Session {
    pub(crate) row: Model,
    pub(crate) booking: booking::Model,
    /// The newest notes and the page size, preloaded for the whole list.
    notes: Preloaded<note::Model>,
}

impl Session {
    pub(crate) fn new(row: Model, booking: booking::Model) -> Self {
        Self {
            row,
            booking,
            notes: Preloaded::default(),
        }
    }

    /// Rows of the preloaded first page of notes; `None` when nothing was preloaded.
    pub(crate) fn first_notes(&self) -> Option<&[note::Model]> {
        self.notes.nodes()
    }

    pub(crate) fn of(found: SessionWithBooking) -> Self {
        Self::new(found.session, found.booking)
    }
}

columns! {
    "Session" of Model, Kind::Session => {
        /// Where it stands.
        status: Status = status,
        /// Whether the coach came.
        coachAttendance: Attendance = coach_attendance,
        /// Whether the client came.
        clientAttendance: Attendance = client_attendance,
        /// Grows by one with each change; give it back on changes.
        version: i64 = version,
        /// When it was made.
        createdAt: DateTime = created_at,
        /// Last change.
        updatedAt: DateTime = updated_at,
    }
}

#[Object(use_type_description)]
impl Session {
    /// Global id.
    pub(crate) async fn id(&self) -> ID {
        Kind::Session.id(self.row.id)
    }

    #[graphql(flatten)]
    async fn columns(&self) -> Columns<'_, Model> {
        Columns(&self.row)
    }

    /// The booking that led to it.
    async fn booking(&self) -> Booking {
        Booking::new(self.booking.clone())
    }

    /// When it really began.
    async fn started_at(&self) -> Option<DateTime> {
        self.row.started_at.map(DateTime)
    }

    /// When it really ended; its booked end, where nobody has said.
    async fn ended_at(&self) -> Option<DateTime> {
        self.row.ended_at.map(DateTime)
    }

    /// Link to join; null until there is one, and once the booking no longer stands.
    async fn join_url(&self, ctx: &Context<'_>) -> Option<Url> {
        self.booking
            .join_url
            .clone()
            .filter(|_| shows_place(caller(ctx), &self.booking))
            .map(Url)
    }

    /// The client's rating, 1 to 5.
    async fn rating(&self) -> Option<i32> {
        self.row.rating
    }

    /// Notes that the viewer may read, newest first: their own, and those that are shared.
    async fn notes(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Items from the start, 1 to 100. Give first or last, not both; without either, 20 are returned."
        )]
        first: Option<i32>,
        #[graphql(desc = "Only items after this cursor.")] after: Option<String>,
        #[graphql(desc = "Items from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only items before this cursor.")] before: Option<String>,
        #[graphql(desc = "Only with this visibility.")] visibility: Option<Visibility>,
    ) -> Result<Connection<Note>> {
        let is_first =
            after.is_none() && last.is_none() && before.is_none() && visibility.is_none();
        let page = page(first, after, last, before);
        let person = caller(ctx).require_person()?;
        let rows = match self.notes.page(&page)?.filter(|_| is_first) {
            Some((size, rows)) => first_page(person.user_id, self.row.id, size, rows.to_vec()),
            None => list_notes(app(ctx), caller(ctx), self.row.id, visibility, &page).await?,
        };
        Ok(Connection::new(rows, |row| {
            Note::new(row).with_session(self.clone())
        }))
    }

    /// Whether the viewer may write notes: the coach and the client may.
    async fn viewer_can_add_note(&self, ctx: &Context<'_>) -> bool {
        caller(ctx).find_person().is_some_and(|person| {
            self.booking.client_id == Some(person.user_id) || person.is_coach(self.booking.coach_id)
        })
    }
}

/// Preloads the related rows that the selection needs: one statement per relation, independent of
/// the number of sessions.
pub(crate) async fn preload<'s>(
    ctx: &Context<'_>,
    selection: Lookahead<'_>,
    sessions: impl IntoIterator<Item = &'s mut Session>,
) -> Result<()> {
    let mut sessions: Vec<_> = sessions.into_iter().collect();
    if sessions.is_empty() || !selection.field("notes").exists() {
        return Ok(());
    }
    let size = match selection.field("notes").selection_fields()[..] {
        [notes] => first_page_size(notes),
        _ => None,
    };
    let Some(size) = size else {
        sessions
            .iter_mut()
            .for_each(|session| session.notes.refuse());
        return Ok(());
    };

    let ids: Vec<Uuid> = sessions.iter().map(|session| session.row.id).collect();
    let mut found = list_by_sessions(app(ctx), caller(ctx), &ids, size as u64 + 1).await?;
    let lines = selection.field("notes");
    if [lines.field("nodes"), lines.field("edges").field("node")]
        .iter()
        .any(|note| note.field("author").exists())
    {
        // Primes the loader, so that the field resolvers hit its cache.
        let authors: Vec<_> = found
            .values()
            .flatten()
            .map(|note| UserById(note.author_id))
            .collect();
        ctx.data_unchecked::<Loaders>().load_many(authors).await?;
    }
    for session in &mut sessions {
        session
            .notes
            .set(size, found.remove(&session.row.id).unwrap_or_default());
    }
    Ok(())
}
