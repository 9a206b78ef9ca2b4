//! Why Cal.com refuses, told apart by the words it uses.
//!
//! Their codes are names of exception classes, and most refusals share one, so the message decides. Texts are matched
//! by their beginning and nothing of them is kept but ids and names of fields.

use std::fmt;

use serde_json::Value;

use crate::error::Kind;

/// A reason of a refusal that a caller may act on. A refusal without one has only its [`Kind`].
#[derive(Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The host is not free: another booking, a buffer or reservation, or outside their hours. Cal.com does not say
    /// which. It is also the answer to an exact repetition of a booking that exists.
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
    /// The access token means nothing (any more): the stored one is outdated, or access was taken back.
    TokenRevoked,
    /// The API key means nothing (any more).
    InvalidApiKey,
    /// The client's id or secret is wrong.
    InvalidClient,
    /// OAuth2: the code or refresh token is used up, expired, revoked or somebody else's. The person must consent again.
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
    /// The refresh token was used before, by us or by somebody who was faster. Read the stored pair again; force a new
    /// one only if that is the one used here.
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
    /// Their server has no such route in the version we ask for. It says nothing about what the route is about.
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
            Self::UnknownEventType | Self::UnknownBooking | Self::UnknownSchedule | Self::UnknownUser => Kind::NotFound,
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

    /// The reason behind a failure, if its words are known.
    pub(super) fn of(route: &str, failure: &Failure) -> Option<Self> {
        match failure.status {
            498 => Some(Self::TokenExpired),
            401 => unauthorized(failure),
            403 => Some(forbidden(failure)),
            404 => not_found(route, failure),
            409 | 422 => conflict(failure),
            400 => bad_request(failure),
            _ => None,
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
            Self::InsufficientScope { required: Some(required) } => write!(f, "({required})"),
            _ => Ok(()),
        }
    }
}

/// An error of theirs, from either envelope.
pub(super) struct Failure {
    pub(super) status: u16,
    /// The class of the exception, if it looks like one.
    pub(super) code: String,
    message: String,
    fields: Vec<String>,
}

impl Failure {
    /// `None` when it is none of the shapes they use.
    pub(super) fn read(status: u16, document: &Value) -> Option<Self> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let (code, message, details) = match document.get("error") {
            // The filters' envelope.
            Some(Value::Object(error)) => {
                (error.get("code").and_then(text), error.get("message"), error.get("details"))
            }
            // RFC 6749, or the framework's own with a class name in `error`.
            Some(Value::String(error)) => (Some(error.clone()), document.get("message"), None),
            _ => (None, document.get("message"), None),
        };
        if code.is_none() && message.is_none() {
            return None;
        }
        let message = match message {
            Some(Value::String(message)) => message.clone(),
            Some(Value::Array(lines)) => lines.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "),
            _ => code.clone().unwrap_or_default(),
        };
        let mut fields = Vec::new();
        let errors = details.and_then(|details| details.get("errors")).unwrap_or(&Value::Null);
        collect(errors, "", &mut fields);
        for part in message.split(" property is wrong").take(message.matches(" property is wrong").count()) {
            fields.push(part.rsplit(',').next().unwrap_or_default().trim().to_owned());
        }
        fields.retain(|field| is_name(field));
        let code = code.filter(|code| is_name(code)).unwrap_or_else(|| "error".to_owned());
        Some(Self { status, code, message, fields })
    }

    /// The kind of a failure whose words are unknown.
    pub(super) fn kind(&self, route: &str) -> Kind {
        match self.status {
            // Their own check of a half-made booking failed: it stays, although they report a bad request.
            400 if self.code == "BAD_REQUEST" && route.starts_with("POST /v2/bookings") => Kind::Malformed,
            // Most 401s are not about the credential: a stranger confirms, a calendar is somebody else's.
            401 if self.starts("ApiAuthStrategy") => Kind::Unauthorized,
            404 | 410 => Kind::NotFound,
            409 => Kind::Conflict,
            408 | 425 | 500..=599 => Kind::Unavailable,
            400..=499 => Kind::Rejected,
            _ => Kind::Malformed,
        }
    }

    fn starts(&self, text: &str) -> bool {
        self.message.starts_with(text)
    }

    fn has(&self, text: &str) -> bool {
        self.message.contains(text)
    }
}

fn unauthorized(failure: &Failure) -> Option<Refusal> {
    Some(match failure.message.as_str() {
        "Invalid Access Token." => Refusal::TokenRevoked,
        _ if failure.has("OAuth client not found given the access token") => Refusal::TokenRevoked,
        "ACCESS_TOKEN_IS_EXPIRED" => Refusal::TokenExpired,
        _ if failure.has("Invalid API Key") => Refusal::InvalidApiKey,
        "invalid_client" | "unauthorized_client" => Refusal::InvalidClient,
        "invalid_grant" => Refusal::InvalidGrant,
        _ if failure.starts("ApiAuthStrategy - oAuth client - ") => Refusal::InvalidClient,
        _ if failure.starts("ApiAuthStrategy - Only 'x-cal-client-id'") => Refusal::CredentialMissing,
        _ if failure.starts("ApiAuthStrategy - No authentication method") => Refusal::CredentialMissing,
        _ if failure.starts("reservationDuration can only be used") => Refusal::CredentialMissing,
        _ if failure.starts("insufficient_scope") => scope(failure),
        _ if failure.starts("User is not authorized to confirm") => Refusal::NotOwner,
        _ if failure.starts("These credentials do not belong to you") => Refusal::NotOwner,
        _ => return None,
    })
}

fn forbidden(failure: &Failure) -> Refusal {
    if failure.starts("insufficient_scope") {
        scope(failure)
    } else if failure.has("no authentication provided") {
        Refusal::CredentialMissing
    } else if failure.has("does not own") || failure.has("is not the owner of") {
        Refusal::NotOwner
    } else {
        Refusal::Forbidden
    }
}

fn not_found(route: &str, failure: &Failure) -> Option<Refusal> {
    Some(match failure {
        // A racing refresh deleted the token between their look and their write.
        _ if failure.code == "NOT_FOUND" && route == "POST /v2/oauth/{client}/refresh" => Refusal::RefreshTokenUsed,
        _ if failure.starts("Cannot ") && failure.has(" /") => Refusal::UnknownRoute,
        _ if failure.message == "unauthorized_client" => Refusal::InvalidClient,
        _ if failure.starts("Event type with") || failure.starts("Event Type not found") => Refusal::UnknownEventType,
        _ if failure.starts("Booking with uid=") => Refusal::UnknownBooking,
        _ if failure.starts("Schedule with") || failure.has("does not own schedule") => Refusal::UnknownSchedule,
        _ if failure.starts("User with ID") => Refusal::UnknownUser,
        _ => connection(failure)?,
    })
}

fn conflict(failure: &Failure) -> Option<Refusal> {
    Some(match failure.message.as_str() {
        // Somebody booked the very same time, who may have been us.
        "booking_conflict_error" => Refusal::SlotTaken,
        "already_signed_up_for_this_booking_error" => Refusal::AlreadyBooked,
        _ if failure.starts("No more seats left") => Refusal::SeatsFull,
        _ if failure.starts("This time slot is already reserved") => Refusal::SlotTaken,
        _ if failure.starts("Webhook with this subscriber url") => Refusal::DuplicateUrl,
        _ if failure.starts("User with the provided e-mail already exists") => {
            let id = failure.message.rsplit_once("ID=").and_then(|(_, id)| id.trim().parse().ok());
            Refusal::UserExists { id }
        }
        _ => booking(failure)?,
    })
}

fn bad_request(failure: &Failure) -> Option<Refusal> {
    Some(match failure.message.as_str() {
        "Invalid refresh token" => Refusal::RefreshTokenUsed,
        "invalid_grant" => Refusal::InvalidGrant,
        "invalid_client" | "unauthorized_client" => Refusal::InvalidClient,
        _ if failure.starts("User already has an event type with this slug") => Refusal::DuplicateSlug,
        _ if failure.starts("Webhook with this subscriber url") => Refusal::DuplicateUrl,
        _ if let Some(refusal) = booking(failure).or_else(|| answers(failure)).or_else(|| connection(failure)) => {
            refusal
        }
        _ if !failure.fields.is_empty() || failure.message == "Bad Request Exception" => {
            Refusal::InvalidInput { fields: failure.fields.clone() }
        }
        _ => return None,
    })
}

fn booking(failure: &Failure) -> Option<Refusal> {
    const BY_BEGINNING: [(&str, Refusal); 19] = [
        ("User either already has booking at this time", Refusal::SlotTaken),
        ("One of the hosts either already has booking", Refusal::SlotTaken),
        ("no_available_users_found_error", Refusal::SlotTaken),
        ("hosts_unavailable_for_booking", Refusal::SlotTaken),
        ("Attempting to book a meeting in the past", Refusal::InThePast),
        ("The event type can't be booked at the", Refusal::OutsideWindow),
        ("booking_time_out_of_bounds_error", Refusal::OutsideWindow),
        ("Attendee with this email can't book because the maximum number", Refusal::AttendeeLimit),
        ("booker_limit_exceeded_error", Refusal::AttendeeLimit),
        ("booking_limit", Refusal::BookingLimit),
        ("booking_seats_full_error", Refusal::SeatsFull),
        ("Can't cancel booking with uid=", Refusal::AlreadyCanceled),
        ("Cannot cancel a booking that has already ended", Refusal::Ended),
        ("Bookings can only be marked as absent after", Refusal::NotStartedYet),
        ("Booking already confirmed", Refusal::AlreadyConfirmed),
        ("Can't specify 'lengthInMinutes'", Refusal::FixedLength),
        ("You passed 'slotDuration'", Refusal::FixedLength),
        ("Provided recurrence count is higher", Refusal::TooManyOccurrences),
        ("Can't reassign the booking because no other host", Refusal::NoOtherHost),
    ];
    if failure.starts("Can't reschedule booking with uid=") {
        let Some((_, new)) = failure.message.split_once("rescheduled already to booking with uid=") else {
            return Some(Refusal::AlreadyCanceled);
        };
        let to_uid: String = new.chars().take_while(char::is_ascii_alphanumeric).collect();
        return Some(Refusal::AlreadyRescheduled { to_uid: Some(to_uid).filter(|uid| !uid.is_empty()) });
    }
    BY_BEGINNING.into_iter().find(|(text, _)| failure.starts(text)).map(|(_, refusal)| refusal)
}

fn answers(failure: &Failure) -> Option<Refusal> {
    if let Some(rest) = failure.message.strip_prefix("Missing required booking field response: ") {
        return Some(Refusal::MissingAnswer { slug: name(rest.split(" - ").next()?) });
    }
    let rest = failure.message.strip_prefix("responses - {")?;
    let (slug, why) = rest.split_once('}')?;
    let slug = name(slug);
    Some(if why.starts_with("error_required_field") {
        Refusal::MissingAnswer { slug }
    } else {
        Refusal::InvalidAnswer { slug }
    })
}

fn connection(failure: &Failure) -> Option<Refusal> {
    let app = match failure.message.as_str() {
        "Google Meet requires a Google Calendar connection." => "google_calendar",
        message => message
            .strip_suffix(" not connected.")
            .or_else(|| message.strip_prefix("Credentials for ").and_then(|rest| rest.strip_suffix(" not found.")))?,
    };
    Some(Refusal::AppNotConnected { app: name(app) })
}

fn scope(failure: &Failure) -> Refusal {
    let required = failure.message.rsplit_once("Required: ").map(|(_, scopes)| scopes.trim().trim_end_matches('.'));
    Refusal::InsufficientScope { required: required.map(name).filter(|scopes| !scopes.is_empty()) }
}

/// Names the properties in a tree of validation errors, whose other parts repeat what was sent.
fn collect(errors: &Value, above: &str, fields: &mut Vec<String>) {
    for error in errors.as_array().into_iter().flatten() {
        let property = error.get("property").and_then(Value::as_str).unwrap_or_default();
        let path = if above.is_empty() { property.to_owned() } else { format!("{above}.{property}") };
        match error.get("children") {
            Some(children @ Value::Array(items)) if !items.is_empty() => collect(children, &path, fields),
            _ => fields.push(path),
        }
    }
}

/// A name of theirs, or nothing if it is something else.
fn name(text: &str) -> String {
    if is_name(text) { text.to_owned() } else { String::new() }
}

fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ' | ',');
    !text.is_empty() && text.len() <= 100 && text.chars().all(plain)
}
