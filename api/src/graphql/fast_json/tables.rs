//! Maps fields to columns, for query plans. The meaning of each field is documented at its
//! resolver.

use entity::{booking, coach, event_type, note, session};
use sea_orm::EntityName;

use crate::graphql::id::Kind;

/// An object that is one row of a table.
pub(crate) struct Table {
    /// Type name in the schema.
    pub(super) object: &'static str,
    /// Fields with their columns. Only fields that everyone may read who may read the object.
    pub(super) columns: &'static [(&'static str, &'static str, Form)],
    /// Whether it has a field `price`, of the columns `price_minor` and `currency`.
    pub(super) is_priced: bool,
    pub(super) relations: &'static [Relation],
    name: fn() -> &'static str,
}

/// How the value of a column is serialized.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A global id of that kind.
    Id(Kind),
    /// Nullable text.
    Text,
    /// An enum value; database and schema use the same name.
    Word,
    Flag,
    /// An integer.
    Number,
    Instant,
    /// Text that may be sealed: `body_key` names its key.
    Body,
}

/// A relation to another table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    CoachOfBooking,
    EventTypeOfBooking,
    SessionOfBooking,
    EventTypesOfCoach,
    NotesOfSession,
}

impl Table {
    /// Relation name in SQL.
    pub(super) fn name(&self) -> &'static str {
        (self.name)()
    }
}

impl Relation {
    pub(super) fn field(self) -> &'static str {
        match self {
            Self::CoachOfBooking => "coach",
            Self::EventTypeOfBooking => "eventType",
            Self::SessionOfBooking => "session",
            Self::EventTypesOfCoach => "eventTypes",
            Self::NotesOfSession => "notes",
        }
    }

    /// The table at the other end.
    pub(super) fn table(self) -> &'static Table {
        match self {
            Self::CoachOfBooking => &COACH,
            Self::EventTypeOfBooking | Self::EventTypesOfCoach => &EVENT_TYPE,
            Self::SessionOfBooking => &SESSION,
            Self::NotesOfSession => &NOTE,
        }
    }

    /// Whether it is to-many: its field is a connection.
    pub(super) fn is_list(self) -> bool {
        matches!(self, Self::EventTypesOfCoach | Self::NotesOfSession)
    }
}

const ID: &str = "id";

pub(crate) static COACH: Table = Table {
    object: "Coach",
    name: || coach::Entity.table_name(),
    columns: &[
        ("id", ID, Form::Id(Kind::Coach)),
        ("handle", "handle", Form::Text),
        ("displayName", "display_name", Form::Text),
        ("headline", "headline", Form::Text),
        ("biography", "biography", Form::Text),
        ("avatarUrl", "avatar_url", Form::Text),
        ("timeZone", "time_zone", Form::Text),
        ("isListed", "listed", Form::Flag),
        ("isAcceptingBookings", "accepts_bookings", Form::Flag),
        ("version", "version", Form::Number),
        ("createdAt", "created_at", Form::Instant),
        ("updatedAt", "updated_at", Form::Instant),
    ],
    is_priced: false,
    relations: &[Relation::EventTypesOfCoach],
};

static EVENT_TYPE: Table = Table {
    object: "EventType",
    name: || event_type::Entity.table_name(),
    columns: &[
        ("id", ID, Form::Id(Kind::EventType)),
        ("slug", "slug", Form::Text),
        ("title", "title", Form::Text),
        ("description", "description", Form::Text),
        ("kind", "kind", Form::Word),
        ("visibility", "visibility", Form::Word),
        ("lengthMinutes", "length_minutes", Form::Number),
        ("requiresApproval", "requires_approval", Form::Flag),
        ("version", "version", Form::Number),
        ("createdAt", "created_at", Form::Instant),
        ("updatedAt", "updated_at", Form::Instant),
    ],
    is_priced: true,
    relations: &[],
};

pub(crate) static BOOKING: Table = Table {
    object: "Booking",
    name: || booking::Entity.table_name(),
    columns: &[
        ("id", ID, Form::Id(Kind::Booking)),
        ("reference", "reference", Form::Text),
        ("status", "status", Form::Word),
        ("version", "version", Form::Number),
        ("kind", "kind", Form::Word),
        ("startsAt", "starts_at", Form::Instant),
        ("endsAt", "ends_at", Form::Instant),
        ("clientTimeZone", "client_time_zone", Form::Text),
        ("clientName", "client_name", Form::Text),
        ("clientEmail", "client_email", Form::Text),
        ("approval", "approval", Form::Word),
        ("moves", "moves", Form::Number),
        ("createdAt", "created_at", Form::Instant),
        ("updatedAt", "updated_at", Form::Instant),
    ],
    is_priced: true,
    relations: &[
        Relation::CoachOfBooking,
        Relation::EventTypeOfBooking,
        Relation::SessionOfBooking,
    ],
};

static SESSION: Table = Table {
    object: "Session",
    name: || session::Entity.table_name(),
    columns: &[
        ("id", ID, Form::Id(Kind::Session)),
        ("status", "status", Form::Word),
        ("coachAttendance", "coach_attendance", Form::Word),
        ("clientAttendance", "client_attendance", Form::Word),
        ("version", "version", Form::Number),
        ("createdAt", "created_at", Form::Instant),
        ("updatedAt", "updated_at", Form::Instant),
    ],
    is_priced: false,
    relations: &[Relation::NotesOfSession],
};

static NOTE: Table = Table {
    object: "Note",
    name: || note::Entity.table_name(),
    columns: &[
        ("id", ID, Form::Id(Kind::Note)),
        ("body", "body", Form::Body),
        ("visibility", "visibility", Form::Word),
        ("version", "version", Form::Number),
        ("createdAt", "created_at", Form::Instant),
        ("updatedAt", "updated_at", Form::Instant),
    ],
    is_priced: false,
    relations: &[],
};
