//! Notes on sessions.

use async_graphql::{Context, ID, InputObject, Object};
use entity::note::{Model, Visibility};

use super::context::{app, caller};
use super::error::Result;
use super::fast_json::{Columns, columns};
use super::id::Kind;
use super::loaders::{Loaders, UserById};
use super::payload::payload;
use super::scalars::DateTime;
use super::session::Session;
use super::user::User;
use crate::domain::{self, note, session};

/// Something written on a session.
#[derive(async_graphql::Description)]
pub struct Note {
    pub(super) row: Model,
    /// The session, when the parent field has already loaded it.
    session: Option<Session>,
}

impl Note {
    pub(crate) fn new(row: Model) -> Self {
        Self { row, session: None }
    }

    pub(crate) fn with_session(self, session: Session) -> Self {
        Self {
            session: Some(session),
            ..self
        }
    }
}

columns! {
    "Note" of Model, Kind::Note => {
        /// The text, as Markdown. At most 20,000 characters.
        body: &str = body body_key id,
        /// Who may read it. A private note is there for its author only, not even for staff.
        visibility: Visibility = visibility,
        /// Grows by one with each change; give it back on update.
        version: i64 = version,
        /// When it was written.
        createdAt: DateTime = created_at,
        /// Last change.
        updatedAt: DateTime = updated_at,
    }
}

#[Object(use_type_description)]
impl Note {
    /// Global id.
    pub(crate) async fn id(&self) -> ID {
        Kind::Note.id(self.row.id)
    }

    #[graphql(flatten)]
    async fn columns(&self) -> Columns<'_, Model> {
        Columns(&self.row)
    }

    /// The session it is about.
    async fn session(&self, ctx: &Context<'_>) -> Option<Result<Session>> {
        if let Some(session) = &self.session {
            return Some(Ok(session.clone()));
        }
        let found = session::get(app(ctx), caller(ctx), self.row.session_id).await;
        Some(found.map(Session::of).map_err(Into::into))
    }

    /// Who wrote it.
    async fn author(&self, ctx: &Context<'_>) -> Option<Result<User>> {
        let found = ctx
            .data_unchecked::<Loaders>()
            .load_one(UserById(self.row.author_id))
            .await;
        found
            .map(|row| row.map(User))
            .map_err(Into::into)
            .transpose()
    }

    /// Whether the viewer may edit it: only its author may.
    async fn viewer_can_edit(&self, ctx: &Context<'_>) -> bool {
        caller(ctx)
            .find_person()
            .is_some_and(|person| person.user_id == self.row.author_id)
    }
}

/// Input of createNote.
#[derive(Clone, Debug, InputObject)]
pub struct CreateNoteInput {
    /// The session it is about.
    pub session_id: ID,
    /// The text, as Markdown, 1 to 20,000 characters.
    pub body: String,
    /// Who may read it.
    #[graphql(default_with = "Visibility::Private")]
    pub visibility: Visibility,
}

/// Input of updateNote. What is left out stays.
#[derive(Clone, Debug, InputObject)]
pub struct UpdateNoteInput {
    /// The note.
    pub note_id: ID,
    /// The text, as Markdown, 1 to 20,000 characters.
    pub body: Option<String>,
    /// Who may read it.
    pub visibility: Option<Visibility>,
    /// The version the caller has seen: refuses to change a note that has changed since.
    pub version: Option<i64>,
}

/// Input of deleteNote.
#[derive(Clone, Debug, InputObject)]
pub struct DeleteNoteInput {
    /// The note.
    pub note_id: ID,
    /// The version the caller has seen: refuses to delete a note that has changed since.
    pub version: Option<i64>,
}

payload!(CreateNotePayload, "Result of createNote.", note: Note, "The new note.");
payload!(UpdateNotePayload, "Result of updateNote.", note: Note, "The note.");
payload!(DeleteNotePayload, "Result of deleteNote.", deleted_note_id: ID, "Id of the note that is gone.");

/// Mutations of notes.
#[derive(Default)]
pub struct NoteMutation;

#[Object]
impl NoteMutation {
    /// Write a note on a session: for oneself, or for both sides. The coach and the client may.
    async fn create_note(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The note.")] input: CreateNoteInput,
    ) -> Result<CreateNotePayload> {
        let done = async {
            let session_id = Kind::Session.key("sessionId", &input.session_id)?;
            let create = note::Create {
                session_id,
                body: input.body,
                visibility: input.visibility,
            };
            note::create(app(ctx), caller(ctx), create).await
        };
        CreateNotePayload::new(done.await, Note::new)
    }

    /// Change a note. Only its author may.
    async fn update_note(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The changes.")] input: UpdateNoteInput,
    ) -> Result<UpdateNotePayload> {
        let done = async {
            let note_id = Kind::Note.key("noteId", &input.note_id)?;
            let UpdateNoteInput {
                body,
                visibility,
                version,
                ..
            } = input;
            note::update(
                app(ctx),
                caller(ctx),
                note::Update {
                    note_id,
                    body,
                    visibility,
                    version,
                },
            )
            .await
        };
        UpdateNotePayload::new(done.await, Note::new)
    }

    /// Delete a note for good. Only its author may.
    async fn delete_note(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which note.")] input: DeleteNoteInput,
    ) -> Result<DeleteNotePayload> {
        let done: domain::Result<_> = async {
            let id = Kind::Note.key("noteId", &input.note_id)?;
            note::delete(app(ctx), caller(ctx), id, input.version).await
        }
        .await;
        DeleteNotePayload::new(done, |gone| Kind::Note.id(gone.id))
    }
}
