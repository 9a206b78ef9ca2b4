//! Why Cal.com refuses, told apart by the words it uses.
//!
//! Their codes are names of exception classes, and most refusals share one, so the message decides.
//! Texts are matched by their beginning and nothing of them is kept but ids and names of fields.

mod words;

use std::fmt;

pub(super) use words::Failure;

use crate::error::Kind;

/// A reason of a refusal that a caller may act on. A refusal without one has only its [`Kind`].
#[derive(Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The host is not free: another booking, a buffer or reservation, or outside their hours.
    /// Cal.com does not say which. It is also the answer to an exact repetition of a booking that
    /// exists.
    SlotTaken,
    /// The start has passed.
    InThePast,
    /// Too soon for the notice, or beyond the booking window.
    OutsideWindow,
    /// The attendee has as many coming bookings of this event type as it allows.
    AttendeeLimit,
    /// The event type's bookings for the day, week, month or year are used up.
    BookingLimit,
    /// All seats are taken.
    SeatsFull,
    /// The same attendee already has a seat.
    AlreadyBooked,
    /// The booking is canceled.
    AlreadyCanceled,
    /// The booking was moved; this is the uid it has now.
    AlreadyRescheduled {
        /// Whoever knows it may act on the booking. `None` when they did not name it.
        to_uid: Option<String>,
    },
    /// The booking is over.
    Ended,
    /// Nobody can be absent before the start.
    NotStartedYet,
    /// The booking was confirmed before.
    AlreadyConfirmed,
    /// It belongs to somebody else.
    NotOwner,
    /// There is no such event type, or it is somebody else's.
    UnknownEventType,
    /// There is no such booking, or its host was deleted.
    UnknownBooking,
    /// There is no such schedule.
    UnknownSchedule,
    /// The client has no such managed user.
    UnknownUser,
    /// A required question was not answered.
    MissingAnswer {
        /// The question's slug.
        slug: String,
    },
    /// An answer is not of the kind the question wants.
    InvalidAnswer {
        /// The question's slug.
        slug: String,
    },
    /// A length was given, and the event type has only one.
    FixedLength,
    /// More occurrences than the event type allows.
    TooManyOccurrences,
    /// Nobody else can take the booking over.
    NoOtherHost,
    /// An app or calendar must be connected first.
    AppNotConnected {
        /// Their name of it, such as `zoom` or `google_calendar`.
        app: String,
    },
    /// The access token has expired: refresh it.
    TokenExpired,
    /// The access token means nothing (any more): the stored one is outdated, or access was taken
    /// back.
    TokenRevoked,
    /// The API key means nothing (any more).
    InvalidApiKey,
    /// The client's id or secret is wrong.
    InvalidClient,
    /// OAuth2: the code or refresh token is used up, expired, revoked or somebody else's. The
    /// person must consent again.
    InvalidGrant,
    /// The token lacks a scope.
    InsufficientScope {
        /// The scopes they want, if they say.
        required: Option<String>,
    },
    /// The credential may not do this at all.
    Forbidden,
    /// There was no credential, and this needs one.
    CredentialMissing,
    /// The refresh token was used before, by us or by somebody who was faster. Read the stored pair
    /// again; force a new one only if that is the one used here.
    RefreshTokenUsed,
    /// A managed user with that address exists.
    UserExists {
        /// Their id. Cal.com tells it only in the answer to a creation.
        id: Option<i64>,
    },
    /// A webhook of the same scope has that URL.
    DuplicateUrl,
    /// An event type of the same owner has that slug.
    DuplicateSlug,
    /// The request is not valid.
    InvalidInput {
        /// The names of the fields, dotted. Empty when they do not say.
        fields: Vec<String>,
    },
    /// Their server has no such route in the version we ask for. It says nothing about what the
    /// route is about.
    UnknownRoute,
}

impl Refusal {
    /// A stable label for metrics and logs.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::SlotTaken => "slot_taken",
            Self::InThePast => "in_the_past",
            Self::OutsideWindow => "outside_window",
            Self::AttendeeLimit => "attendee_limit",
            Self::BookingLimit => "booking_limit",
            Self::SeatsFull => "seats_full",
            Self::AlreadyBooked => "already_booked",
            Self::AlreadyCanceled => "already_canceled",
            Self::AlreadyRescheduled { .. } => "already_rescheduled",
            Self::Ended => "ended",
            Self::NotStartedYet => "not_started_yet",
            Self::AlreadyConfirmed => "already_confirmed",
            Self::NotOwner => "not_owner",
            Self::UnknownEventType => "unknown_event_type",
            Self::UnknownBooking => "unknown_booking",
            Self::UnknownSchedule => "unknown_schedule",
            Self::UnknownUser => "unknown_user",
            Self::MissingAnswer { .. } => "missing_answer",
            Self::InvalidAnswer { .. } => "invalid_answer",
            Self::FixedLength => "fixed_length",
            Self::TooManyOccurrences => "too_many_occurrences",
            Self::NoOtherHost => "no_other_host",
            Self::AppNotConnected { .. } => "app_not_connected",
            Self::TokenExpired => "token_expired",
            Self::TokenRevoked => "token_revoked",
            Self::InvalidApiKey => "invalid_api_key",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::InsufficientScope { .. } => "insufficient_scope",
            Self::Forbidden => "forbidden",
            Self::CredentialMissing => "credential_missing",
            Self::RefreshTokenUsed => "refresh_token_used",
            Self::UserExists { .. } => "user_exists",
            Self::DuplicateUrl => "duplicate_url",
            Self::DuplicateSlug => "duplicate_slug",
            Self::InvalidInput { .. } => "invalid_input",
            Self::UnknownRoute => "unknown_route",
        }
    }

    /// The kind that goes with it, whatever status it came with.
    pub(super) const fn kind(&self) -> Kind {
        match self {
            Self::SlotTaken
            | Self::SeatsFull
            | Self::AlreadyBooked
            | Self::AlreadyCanceled
            | Self::AlreadyRescheduled { .. }
            | Self::AlreadyConfirmed
            | Self::UserExists { .. }
            | Self::DuplicateUrl
            | Self::DuplicateSlug => Kind::Conflict,
            Self::UnknownEventType
            | Self::UnknownBooking
            | Self::UnknownSchedule
            | Self::UnknownUser => Kind::NotFound,
            Self::TokenExpired
            | Self::TokenRevoked
            | Self::InvalidApiKey
            | Self::InvalidClient
            | Self::InvalidGrant
            | Self::InsufficientScope { .. }
            | Self::Forbidden
            | Self::CredentialMissing
            | Self::RefreshTokenUsed => Kind::Unauthorized,
            _ => Kind::Rejected,
        }
    }
}

/// Shows no uid: whoever knows one may act on the booking.
impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())?;
        match self {
            Self::MissingAnswer { slug } | Self::InvalidAnswer { slug } => write!(f, "({slug})"),
            Self::AppNotConnected { app } => write!(f, "({app})"),
            Self::UserExists { id: Some(id) } => write!(f, "({id})"),
            Self::InvalidInput { fields } => write!(f, "({})", fields.join(", ")),
            Self::InsufficientScope {
                required: Some(required),
            } => write!(f, "({required})"),
            _ => Ok(()),
        }
    }
}
