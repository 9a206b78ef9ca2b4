//! Maps Cal.com's error messages to refusals.

use serde_json::Value;

use super::Refusal;
use crate::error::Kind;

/// An error of Cal.com, from either envelope.
pub(in crate::cal_com) struct Failure {
    pub(in crate::cal_com) status: u16,
    /// The name of the exception class, if it is one.
    pub(in crate::cal_com) code: String,
    message: String,
    fields: Vec<String>,
}

impl Failure {
    /// `None` when the document has none of the known shapes.
    pub(in crate::cal_com) fn read(status: u16, document: &Value) -> Option<Self> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let (code, message, details) = match document.get("error") {
            // The envelope of their exception filters.
            Some(Value::Object(error)) => (
                error.get("code").and_then(text),
                error.get("message"),
                error.get("details"),
            ),
            // RFC 6749, or the framework's own with a class name in `error`.
            Some(Value::String(error)) => (Some(error.clone()), document.get("message"), None),
            _ => (None, document.get("message"), None),
        };
        if code.is_none() && message.is_none() {
            return None;
        }
        let message = match message {
            Some(Value::String(message)) => message.clone(),
            Some(Value::Array(lines)) => lines
                .iter()
                .filter_map(Value::as_str)
                .collect::<Vec<_>>()
                .join(", "),
            _ => code.clone().unwrap_or_default(),
        };
        let mut fields = Vec::new();
        let errors = details
            .and_then(|details| details.get("errors"))
            .unwrap_or(&Value::Null);
        collect(errors, "", &mut fields);
        for part in message
            .split(" property is wrong")
            .take(message.matches(" property is wrong").count())
        {
            fields.push(
                part.rsplit(',')
                    .next()
                    .unwrap_or_default()
                    .trim()
                    .to_owned(),
            );
        }
        fields.retain(|field| is_name(field));
        let code = code
            .filter(|code| is_name(code))
            .unwrap_or_else(|| "error".to_owned());
        Some(Self {
            status,
            code,
            message,
            fields,
        })
    }

    /// The kind of a failure whose message is unknown.
    pub(in crate::cal_com) fn kind(&self, route: &str) -> Kind {
        match self.status {
            // Cal.com's validation failed after the booking was written: it exists, although the
            // status is a bad request.
            400 if self.code == "BAD_REQUEST"
                && route.starts_with("POST /v2/bookings")
                && !route.ends_with("/guests") =>
            {
                Kind::Malformed
            }
            // Most 401s are not about the credential, but about an object of another user.
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

impl Refusal {
    /// The reason of a failure, if its message is known.
    pub(in crate::cal_com) fn of(route: &str, failure: &Failure) -> Option<Self> {
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

fn unauthorized(failure: &Failure) -> Option<Refusal> {
    Some(match failure.message.as_str() {
        "Invalid Access Token." => Refusal::TokenRevoked,
        _ if failure.has("OAuth client not found given the access token") => Refusal::TokenRevoked,
        "ACCESS_TOKEN_IS_EXPIRED" => Refusal::TokenExpired,
        _ if failure.has("Invalid API Key") => Refusal::InvalidApiKey,
        "invalid_client" | "unauthorized_client" => Refusal::InvalidClient,
        "invalid_grant" => Refusal::InvalidGrant,
        _ if failure.starts("ApiAuthStrategy - oAuth client - ") => Refusal::InvalidClient,
        _ if failure.starts("ApiAuthStrategy - Only 'x-cal-client-id'") => {
            Refusal::CredentialMissing
        }
        _ if failure.starts("ApiAuthStrategy - No authentication method") => {
            Refusal::CredentialMissing
        }
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
        // A concurrent refresh deleted the token between Cal.com's read and write.
        _ if failure.code == "NOT_FOUND" && route == "POST /v2/oauth/{client}/refresh" => {
            Refusal::RefreshTokenUsed
        }
        _ if failure.starts("Cannot ") && failure.has(" /") => Refusal::UnknownRoute,
        _ if failure.message == "unauthorized_client" => Refusal::InvalidClient,
        _ if failure.starts("Event type with") || failure.starts("Event Type not found") => {
            Refusal::UnknownEventType
        }
        _ if failure.starts("Booking with uid=") => Refusal::UnknownBooking,
        _ if failure.starts("Schedule with") || failure.has("does not own schedule") => {
            Refusal::UnknownSchedule
        }
        _ if failure.starts("User with ID") => Refusal::UnknownUser,
        _ => connection(failure)?,
    })
}

fn conflict(failure: &Failure) -> Option<Refusal> {
    Some(match failure.message.as_str() {
        // The same time is booked, possibly by an earlier attempt of ours.
        "booking_conflict_error" => Refusal::SlotTaken,
        "already_signed_up_for_this_booking_error" => Refusal::AlreadyBooked,
        _ if failure.starts("No more seats left") => Refusal::SeatsFull,
        _ if failure.starts("This time slot is already reserved") => Refusal::SlotTaken,
        _ if failure.starts("Webhook with this subscriber url") => Refusal::DuplicateUrl,
        _ if failure.starts("User with the provided e-mail already exists") => {
            let id = failure
                .message
                .rsplit_once("ID=")
                .and_then(|(_, id)| id.trim().parse().ok());
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
        _ if failure.starts("User already has an event type with this slug") => {
            Refusal::DuplicateSlug
        }
        _ if failure.starts("Webhook with this subscriber url") => Refusal::DuplicateUrl,
        _ if let Some(refusal) = booking(failure)
            .or_else(|| answers(failure))
            .or_else(|| connection(failure)) =>
        {
            refusal
        }
        _ if !failure.fields.is_empty() || failure.message == "Bad Request Exception" => {
            Refusal::InvalidInput {
                fields: failure.fields.clone(),
            }
        }
        _ => return None,
    })
}

fn booking(failure: &Failure) -> Option<Refusal> {
    const BY_BEGINNING: [(&str, Refusal); 19] = [
        (
            "User either already has booking at this time",
            Refusal::SlotTaken,
        ),
        (
            "One of the hosts either already has booking",
            Refusal::SlotTaken,
        ),
        ("no_available_users_found_error", Refusal::SlotTaken),
        ("hosts_unavailable_for_booking", Refusal::SlotTaken),
        (
            "Attempting to book a meeting in the past",
            Refusal::InThePast,
        ),
        (
            "The event type can't be booked at the",
            Refusal::OutsideWindow,
        ),
        ("booking_time_out_of_bounds_error", Refusal::OutsideWindow),
        (
            "Attendee with this email can't book because the maximum number",
            Refusal::AttendeeLimit,
        ),
        ("booker_limit_exceeded_error", Refusal::AttendeeLimit),
        ("booking_limit", Refusal::BookingLimit),
        ("booking_seats_full_error", Refusal::SeatsFull),
        ("Can't cancel booking with uid=", Refusal::AlreadyCanceled),
        (
            "Cannot cancel a booking that has already ended",
            Refusal::Ended,
        ),
        (
            "Bookings can only be marked as absent after",
            Refusal::NotStartedYet,
        ),
        ("Booking already confirmed", Refusal::AlreadyConfirmed),
        ("Can't specify 'lengthInMinutes'", Refusal::FixedLength),
        ("You passed 'slotDuration'", Refusal::FixedLength),
        (
            "Provided recurrence count is higher",
            Refusal::TooManyOccurrences,
        ),
        (
            "Can't reassign the booking because no other host",
            Refusal::NoOtherHost,
        ),
    ];
    if failure.starts("Can't reschedule booking with uid=") {
        let Some((_, new)) = failure
            .message
            .split_once("rescheduled already to booking with uid=")
        else {
            return Some(Refusal::AlreadyCanceled);
        };
        let to_uid: String = new
            .chars()
            .take_while(char::is_ascii_alphanumeric)
            .collect();
        return Some(Refusal::AlreadyRescheduled {
            to_uid: Some(to_uid).filter(|uid| !uid.is_empty()),
        });
    }
    BY_BEGINNING
        .into_iter()
        .find(|(text, _)| failure.starts(text))
        .map(|(_, refusal)| refusal)
}

fn answers(failure: &Failure) -> Option<Refusal> {
    if let Some(rest) = failure
        .message
        .strip_prefix("Missing required booking field response: ")
    {
        return Some(Refusal::MissingAnswer {
            slug: name(rest.split(" - ").next()?),
        });
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
        message => message.strip_suffix(" not connected.").or_else(|| {
            message
                .strip_prefix("Credentials for ")
                .and_then(|rest| rest.strip_suffix(" not found."))
        })?,
    };
    Some(Refusal::AppNotConnected { app: name(app) })
}

fn scope(failure: &Failure) -> Refusal {
    let required = failure
        .message
        .rsplit_once("Required: ")
        .map(|(_, scopes)| scopes.trim().trim_end_matches('.'));
    Refusal::InsufficientScope {
        required: required.map(name).filter(|scopes| !scopes.is_empty()),
    }
}

/// Collects the property names of a tree of validation errors, whose other parts repeat what was
/// sent.
fn collect(errors: &Value, above: &str, fields: &mut Vec<String>) {
    for error in errors.as_array().into_iter().flatten() {
        let property = error
            .get("property")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let path = if above.is_empty() {
            property.to_owned()
        } else {
            format!("{above}.{property}")
        };
        match error.get("children") {
            Some(children @ Value::Array(items)) if !items.is_empty() => {
                collect(children, &path, fields)
            }
            _ => fields.push(path),
        }
    }
}

/// The text if it is a plain name, else an empty string.
fn name(text: &str) -> String {
    if is_name(text) {
        text.to_owned()
    } else {
        String::new()
    }
}

fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ' | ',');
    !text.is_empty() && text.len() <= 100 && text.chars().all(plain)
}
