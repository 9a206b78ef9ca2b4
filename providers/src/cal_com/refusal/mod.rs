//! Cal.com's reasons for a refusal, classified by its error messages.
//!
//! Cal.com's codes are names of exception classes, and most refusals share one, so the message
//! decides. Messages are matched by their beginning, and only ids and field names are kept.

mod messages;

use std::fmt;

pub(super) use messages::Failure;

use crate::error::Kind;

/// A reason of a refusal that a caller may act on. A refusal without one has only its [`Kind`].
#[derive(Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The host is not free: another booking, a buffer or reservation, or outside their hours.
    /// Cal.com does not distinguish these. It is also the response to a repeated request for a
    /// booking that exists.
    SlotTaken,
    /// The start has passed.
    InThePast,
    /// Within the minimum notice, or beyond the booking window.
    OutsideWindow,
    /// The attendee has the maximum number of upcoming bookings of this event type.
    AttendeeLimit,
    /// The event type's limit of bookings for the day, week, month or year is reached.
    BookingLimit,
    /// All seats are taken.
    SeatsFull,
    /// The same attendee already has a seat.
    AlreadyBooked,
    /// The booking is canceled.
    AlreadyCanceled,
    /// The booking was moved.
    AlreadyRescheduled {
        /// The uid it has now, if the message names it. Whoever knows it may act on the booking.
        to_uid: Option<String>,
    },
    /// The booking is over.
    Ended,
    /// Absence cannot be marked before the start.
    NotStartedYet,
    /// The booking is already confirmed.
    AlreadyConfirmed,
    /// It belongs to another user.
    NotOwner,
    /// There is no such event type, or it belongs to another user.
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
    /// An answer has the wrong type for its question.
    InvalidAnswer {
        /// The question's slug.
        slug: String,
    },
    /// A length was given, but the event type has only one.
    FixedLength,
    /// More occurrences than the event type allows.
    TooManyOccurrences,
    /// There is no other host to take over the booking.
    NoOtherHost,
    /// An app or calendar must be connected first.
    AppNotConnected {
        /// Cal.com's name of the app, such as `zoom` or `google_calendar`.
        app: String,
    },
    /// The access token has expired: refresh it.
    TokenExpired,
    /// The access token is not (or no longer) valid: the stored one is outdated, or access was
    /// revoked.
    TokenRevoked,
    /// The API key is not (or no longer) valid.
    InvalidApiKey,
    /// The client's id or secret is wrong.
    InvalidClient,
    /// OAuth2: the code or refresh token was used, has expired, was revoked or belongs to another
    /// client. The user must consent again.
    InvalidGrant,
    /// The token lacks a scope.
    InsufficientScope {
        /// The required scopes, if the message names them.
        required: Option<String>,
    },
    /// The credential may not do this at all.
    Forbidden,
    /// The request had no credential but needs one.
    CredentialMissing,
    /// The refresh token was already used, possibly by a concurrent caller. Read the stored pair
    /// again; force a new one only if it is unchanged.
    RefreshTokenUsed,
    /// A managed user with that address exists.
    UserExists {
        /// The user's id, which only the response to a creation contains.
        id: Option<i64>,
    },
    /// A webhook of the same scope has that URL.
    DuplicateUrl,
    /// An event type of the same owner has that slug.
    DuplicateSlug,
    /// The request is not valid.
    InvalidInput {
        /// The dotted names of the fields. Empty when the response does not name them.
        fields: Vec<String>,
    },
    /// The server has no such route in the requested version. It says nothing about the requested
    /// object.
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

    /// The kind of the refusal, whatever the status was.
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

/// Omits uids: whoever knows one may act on the booking.
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
