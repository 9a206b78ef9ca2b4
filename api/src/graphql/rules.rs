//! Field authorisation by role: one rule per field of the schema, or for all fields of an object. A
//! field without a rule is refused to everyone.
//!
//! These rules depend on the role alone and are checked before an operation runs. Ownership is
//! checked in the domain, which returns only objects that the caller may see: another person's
//! object is reported as not found.

use std::collections::HashMap;
use std::sync::LazyLock;

use entity::user::Role;
use graphql_server::document::{Analysis, ErrorCode, RequestError};

use crate::domain::Viewer;

/// The minimum role that a field needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// No sign-in needed.
    Anyone,
    /// A signed-in person who is not suspended. The domain further restricts objects with
    /// participants to these.
    SignedIn,
    /// Coaches and staff.
    Coach,
    /// Staff.
    Admin,
}

use Rule::{Admin, Anyone, Coach, SignedIn};

/// All fields of an object, also those that are added later: whoever may read the object may select
/// them. A resolver returns null for what only some of its readers may see.
pub const EVERY: &str = "*";

/// The rules: type, minimum role, fields.
pub const RULES: &[(&str, Rule, &str)] = &[
    ("Query", Anyone, "node viewer booking admin session"),
    (
        "Query",
        Anyone,
        "coach coaches specialties eventType slots freeCoaches",
    ),
    ("Query", Coach, "schedule"),
    (
        "Mutation",
        SignedIn,
        "createBooking rescheduleBooking cancelBooking addBookingGuests syncMyBookings",
    ),
    (
        "Mutation",
        SignedIn,
        "createHold releaseHold rateSession createNote updateNote deleteNote",
    ),
    (
        "Mutation",
        Coach,
        "approveBooking rejectBooking markAttendance startSession completeSession",
    ),
    (
        "Mutation",
        Coach,
        "updateCoachProfile createEventType updateEventType archiveEventType",
    ),
    (
        "Mutation",
        Coach,
        "createSchedule updateSchedule deleteSchedule setScheduleOverrides",
    ),
    ("Mutation", Coach, "addAbsence updateAbsence deleteAbsence"),
    (
        "Mutation",
        Coach,
        "startConnection finishConnection connectWithApiKey provisionCoach disconnectAccount",
    ),
    (
        "Mutation",
        Coach,
        "migrateCoach importEventTypes syncCalendarSettings",
    ),
    (
        "Mutation",
        Coach,
        "connectCalendar connectAppleCalendar setCalendarFeeds checkCalendarAccount disconnectCalendar",
    ),
    (
        "Mutation",
        Coach,
        "setConflictCalendars setDestinationCalendar",
    ),
    (
        "Mutation",
        Coach,
        "connectVideoApp connectGoogleMeet setDefaultVideoApp disconnectVideoApp",
    ),
    ("Mutation", Admin, "setEventTypeHosts"),
    (
        "Mutation",
        Admin,
        "ensureWebhook deleteWebhook setWebhookTriggers rotateWebhookSecret",
    ),
    (
        "Mutation",
        Admin,
        "recordPayment replayWebhook replayJob suspendUser reinstateUser reconcile",
    ),
    ("Subscription", SignedIn, "bookingEvents"),
    (
        "PageInfo",
        Anyone,
        "hasNextPage hasPreviousPage startCursor endCursor",
    ),
    ("UserError", Anyone, "code message field boundary action"),
    ("Money", Anyone, "amount currency"),
    ("Node", Anyone, "id"),
    (
        "Viewer",
        SignedIn,
        "id user tokenExpiresAt coach bookings verificationBooking sessions holds",
    ),
    (
        "Admin",
        Admin,
        "bookings sessions webhookDeliveries webhookRegistrations deadJobs users",
    ),
    (
        "WebhookDelivery",
        Admin,
        "id provider trigger uid webhookRegistrationId connectionId status failure booking correlationId sentAt receivedAt processedAt",
    ),
    (
        "WebhookRegistration",
        Admin,
        "id provider scope url triggers isRegistered previousSecretValidUntil checkedAt createdAt updatedAt",
    ),
    (
        "EnsureWebhookPayload",
        Admin,
        "webhookRegistration userErrors",
    ),
    (
        "DeleteWebhookPayload",
        Admin,
        "webhookRegistration userErrors",
    ),
    (
        "SetWebhookTriggersPayload",
        Admin,
        "webhookRegistration userErrors",
    ),
    (
        "RotateWebhookSecretPayload",
        Admin,
        "webhookRegistration userErrors",
    ),
    (
        "Job",
        Admin,
        "id kind status attempts lastError runAt correlationId",
    ),
    ("RecordPaymentPayload", Admin, "booking userErrors"),
    ("ReconcilePayload", Admin, "report userErrors"),
    ("SyncMyBookingsPayload", SignedIn, "report userErrors"),
    (
        "ReconcileReport",
        SignedIn,
        "isDryRun read changes missing failed",
    ),
    (
        "ReconcileChange",
        SignedIn,
        "booking statusBefore statusAfter startsAtBefore startsAtAfter",
    ),
    ("ReplayWebhookPayload", Admin, "webhookDelivery userErrors"),
    ("ReplayJobPayload", Admin, "job userErrors"),
    ("SuspendUserPayload", Admin, "user userErrors"),
    ("ReinstateUserPayload", Admin, "user userErrors"),
    (
        "User",
        SignedIn,
        "id displayName email timeZone role isSuspended createdAt",
    ),
    ("CancellationPolicy", Anyone, "maxMoves tiers"),
    ("CancellationTier", Anyone, "hoursBefore refundPercent"),
    ("Booking", SignedIn, EVERY),
    ("BookingLocation", SignedIn, "kind value joinUrl"),
    ("BookingAnswer", SignedIn, "key label kind values"),
    (
        "CancellationQuote",
        SignedIn,
        "refundPercent refund changesAt",
    ),
    (
        "BookingEvent",
        SignedIn,
        "cursor kind actorKind actor impersonatedBy source occurredAt statusBefore statusAfter startsAtBefore startsAtAfter \
         reason version correlationId",
    ),
    (
        "BookingStreamMessage",
        SignedIn,
        "cursor kind booking bookings change occurredAt",
    ),
    ("CreateBookingPayload", SignedIn, "booking userErrors"),
    ("RescheduleBookingPayload", SignedIn, "booking userErrors"),
    ("CancelBookingPayload", SignedIn, "booking userErrors"),
    ("AddBookingGuestsPayload", SignedIn, "booking userErrors"),
    ("ApproveBookingPayload", Coach, "booking userErrors"),
    ("RejectBookingPayload", Coach, "booking userErrors"),
    ("Coach", Anyone, EVERY),
    ("EventType", Anyone, EVERY),
    ("BookingWindow", Anyone, "kind days from until"),
    (
        "IntakeQuestion",
        Anyone,
        "key label kind isRequired options",
    ),
    (
        "Availability",
        Anyone,
        "coach eventType slots days verifiedAt source freshness",
    ),
    ("AvailabilityDay", Anyone, "date slots"),
    ("Slot", Anyone, "startsAt endsAt startsAtLocal endsAtLocal"),
    (
        "FreeCoaches",
        Anyone,
        "coaches isComplete verifiedAt source",
    ),
    ("FreeCoach", Anyone, "coach eventType slots"),
    (
        "Hold",
        SignedIn,
        "id eventType coach startsAt endsAt expiresAt createdAt",
    ),
    ("CreateHoldPayload", SignedIn, "hold userErrors"),
    ("ReleaseHoldPayload", SignedIn, "releasedHoldId userErrors"),
    (
        "Schedule",
        Coach,
        "id coach name timeZone isDefault weeklyHours overrides calendarSync version createdAt updatedAt",
    ),
    (
        "Absence",
        Coach,
        "id firstDay lastDay reason note calendarSync version createdAt updatedAt",
    ),
    (
        "AddAbsencePayload",
        Coach,
        "absence affectedBookings userErrors",
    ),
    (
        "UpdateAbsencePayload",
        Coach,
        "absence affectedBookings userErrors",
    ),
    ("DeleteAbsencePayload", Coach, "deletedAbsenceId userErrors"),
    ("WeeklyHours", Coach, "weekday from until"),
    ("ScheduleOverride", Coach, "date hours"),
    ("LocalTimeRange", Coach, "from until"),
    ("Session", SignedIn, EVERY),
    ("Note", SignedIn, EVERY),
    ("RateSessionPayload", SignedIn, "session userErrors"),
    ("CreateNotePayload", SignedIn, "note userErrors"),
    ("UpdateNotePayload", SignedIn, "note userErrors"),
    ("DeleteNotePayload", SignedIn, "deletedNoteId userErrors"),
    ("MarkAttendancePayload", Coach, "session userErrors"),
    ("StartSessionPayload", Coach, "session userErrors"),
    ("CompleteSessionPayload", Coach, "session userErrors"),
    ("UpdateCoachProfilePayload", Coach, "coach userErrors"),
    ("CreateEventTypePayload", Coach, "eventType userErrors"),
    ("UpdateEventTypePayload", Coach, "eventType userErrors"),
    ("ArchiveEventTypePayload", Coach, "eventType userErrors"),
    ("SetEventTypeHostsPayload", Admin, "eventType userErrors"),
    ("CreateSchedulePayload", Coach, "schedule userErrors"),
    ("UpdateSchedulePayload", Coach, "schedule userErrors"),
    (
        "DeleteSchedulePayload",
        Coach,
        "deletedScheduleId userErrors",
    ),
    ("SetScheduleOverridesPayload", Coach, "schedule userErrors"),
    (
        "ConnectedAccount",
        Coach,
        "id provider kind email username health healthReason action brokenSince consentEndsAt lastOkAt disconnectedAt createdAt \
         updatedAt",
    ),
    (
        "CoachCalendars",
        Coach,
        "status action message accounts destination readAt",
    ),
    (
        "CalendarAccount",
        Coach,
        "id provider address status calendars",
    ),
    (
        "ExternalCalendar",
        Coach,
        "id name isPrimary isReadOnly isCheckedForConflicts isDestination",
    ),
    (
        "CoachVideoApps",
        Coach,
        "status action message apps defaultApp readAt",
    ),
    (
        "ConnectedVideoApp",
        Coach,
        "app isDefault needsReconnecting",
    ),
    ("ConnectCalendarPayload", Coach, "connectUrl userErrors"),
    ("ConnectAppleCalendarPayload", Coach, "calendars userErrors"),
    ("SetCalendarFeedsPayload", Coach, "calendars userErrors"),
    (
        "CheckCalendarAccountPayload",
        Coach,
        "calendarAccount userErrors",
    ),
    (
        "DisconnectCalendarPayload",
        Coach,
        "disconnectedCalendarAccountId userErrors",
    ),
    ("SetConflictCalendarsPayload", Coach, "calendars userErrors"),
    (
        "SetDestinationCalendarPayload",
        Coach,
        "calendars userErrors",
    ),
    ("ConnectVideoAppPayload", Coach, "connectUrl userErrors"),
    ("ConnectGoogleMeetPayload", Coach, "videoApps userErrors"),
    ("SetDefaultVideoAppPayload", Coach, "videoApps userErrors"),
    ("DisconnectVideoAppPayload", Coach, "videoApps userErrors"),
    ("CalendarSync", Coach, "state message syncedAt"),
    (
        "MigrationReport",
        Coach,
        "coach isDryRun isDone steps bookingsKept",
    ),
    ("MigrationStep", Coach, "subject id name outcome message"),
    ("EventTypeImport", Coach, "eventTypes skipped"),
    ("SkippedEventType", Coach, "title reason"),
    ("MigrateCoachPayload", Coach, "report userErrors"),
    ("ImportEventTypesPayload", Coach, "import userErrors"),
    ("SyncCalendarSettingsPayload", Coach, "coach userErrors"),
    ("ConsentPage", Coach, "authorizeUrl expiresAt"),
    ("StartConnectionPayload", Coach, "consentPage userErrors"),
    ("FinishConnectionPayload", Coach, "account userErrors"),
    ("ConnectWithApiKeyPayload", Coach, "account userErrors"),
    ("ProvisionCoachPayload", Coach, "account userErrors"),
    ("DisconnectAccountPayload", Coach, "account userErrors"),
];

static BY_COORDINATE: LazyLock<HashMap<String, Rule>> = LazyLock::new(|| {
    let lines = RULES.iter().flat_map(|(owner, rule, fields)| {
        fields
            .split_whitespace()
            .map(move |field| (format!("{owner}.{field}"), *rule))
    });
    lines.collect()
});

/// The rules of the objects whose fields have the same one.
static OF_EVERY_FIELD: LazyLock<HashMap<&str, Rule>> = LazyLock::new(|| {
    let lines = RULES.iter().filter(|(.., fields)| *fields == EVERY);
    lines.map(|(owner, rule, _)| (*owner, *rule)).collect()
});

/// The rule of a field `Type.field`; `None` when it has none. Connections and edges have the rule
/// of their nodes.
#[must_use]
pub fn rule(coordinate: &str) -> Option<Rule> {
    let (owner, field) = coordinate.split_once('.')?;
    if owner.starts_with("__") || field.starts_with("__") {
        return Some(Anyone);
    }
    let own = BY_COORDINATE.get(coordinate);
    if let Some(rule) = own.or_else(|| OF_EVERY_FIELD.get(owner)) {
        return Some(*rule);
    }
    let list = [
        ("Connection", "edges nodes pageInfo totalCount"),
        ("Edge", "cursor node"),
    ];
    let (suffix, _) = list.iter().find(|(suffix, fields)| {
        owner.ends_with(suffix) && fields.split(' ').any(|known| known == field)
    })?;
    rule(&format!("{}.id", owner.strip_suffix(suffix)?))
        .or_else(|| rule(&format!("{}.cursor", owner.strip_suffix(suffix)?)))
}

/// Refuses an operation that selects a field its caller may not read.
///
/// # Errors
/// `UNAUTHENTICATED` for a visitor whom signing in would help, `FORBIDDEN` otherwise.
pub fn authorise(viewer: &Viewer, analysis: &Analysis) -> Result<(), RequestError> {
    let granted = highest_rule(viewer);
    let refused = analysis
        .coordinates
        .iter()
        .find(|coordinate| rule(coordinate).is_none_or(|rule| rule > granted));
    let Some(coordinate) = refused else {
        return Ok(());
    };
    let message = format!("You may not ask for {coordinate}.");
    Err(match viewer {
        Viewer::Anonymous => RequestError::new(
            ErrorCode::Unauthenticated,
            format!("Sign in to ask for {coordinate}."),
        ),
        Viewer::Person(_) => RequestError::new(ErrorCode::Forbidden, message),
    })
}

/// The highest rule that a viewer satisfies.
fn highest_rule(viewer: &Viewer) -> Rule {
    match viewer {
        Viewer::Person(person) if !person.suspended => match person.role {
            Role::Admin => Admin,
            _ if person.coach_id.is_some() => Coach,
            Role::Coach => Coach,
            Role::Client => SignedIn,
        },
        _ => Anyone,
    }
}
