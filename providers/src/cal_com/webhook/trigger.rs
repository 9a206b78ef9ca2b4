//! The triggers of webhooks.

/// The trigger of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Trigger {
    /// A booking was created, or a requested one was confirmed.
    BookingCreated,
    /// A booking waits for the host's confirmation. Also sent, instead of `BookingRescheduled`,
    /// when an attendee moves a booking of an event type that requires confirmation.
    BookingRequested,
    /// A booking was moved: it has a new uid, and the old one is cancelled.
    BookingRescheduled,
    /// A booking, a seat of it or a series was cancelled.
    BookingCancelled,
    /// The host declined a request.
    BookingRejected,
    /// A payment through Cal.com was started.
    BookingPaymentInitiated,
    /// A payment through Cal.com was completed.
    BookingPaid,
    /// An attendee was marked absent, or the mark was removed.
    BookingNoShowUpdated,
    /// The scheduled start of a meeting passed.
    MeetingStarted,
    /// The scheduled end of a meeting passed.
    MeetingEnded,
    /// A recording of a Cal Video call is available.
    RecordingReady,
    /// A transcript of a Cal Video call is available.
    RecordingTranscriptionGenerated,
    /// An instant meeting was requested.
    InstantMeeting,
    /// A host is out of office.
    OooCreated,
    /// A routing form was submitted.
    FormSubmitted,
    /// A routing form was submitted, and no booking followed.
    FormSubmittedNoEvent,
    /// No host joined a Cal Video call.
    AfterHostsCalVideoNoShow,
    /// No guest joined a Cal Video call.
    AfterGuestsCalVideoNoShow,
    /// An organisation's access to its members' calendars failed.
    DelegationCredentialError,
    /// A host reported a wrong assignment.
    WrongAssignmentReport,
    /// The test button in Cal.com's settings.
    Ping,
    /// An unknown name, or a body that is not Cal.com's.
    Unknown,
}

impl Trigger {
    /// All triggers that a webhook can be registered for, in Cal.com's order.
    pub const ALL: [Self; 20] = [
        Self::BookingCreated,
        Self::BookingRequested,
        Self::BookingRescheduled,
        Self::BookingCancelled,
        Self::BookingRejected,
        Self::BookingPaymentInitiated,
        Self::BookingPaid,
        Self::BookingNoShowUpdated,
        Self::MeetingStarted,
        Self::MeetingEnded,
        Self::RecordingReady,
        Self::RecordingTranscriptionGenerated,
        Self::InstantMeeting,
        Self::OooCreated,
        Self::FormSubmitted,
        Self::FormSubmittedNoEvent,
        Self::AfterHostsCalVideoNoShow,
        Self::AfterGuestsCalVideoNoShow,
        Self::DelegationCredentialError,
        Self::WrongAssignmentReport,
    ];

    /// Cal.com's name for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BookingCreated => "BOOKING_CREATED",
            Self::BookingRequested => "BOOKING_REQUESTED",
            Self::BookingRescheduled => "BOOKING_RESCHEDULED",
            Self::BookingCancelled => "BOOKING_CANCELLED",
            Self::BookingRejected => "BOOKING_REJECTED",
            Self::BookingPaymentInitiated => "BOOKING_PAYMENT_INITIATED",
            Self::BookingPaid => "BOOKING_PAID",
            Self::BookingNoShowUpdated => "BOOKING_NO_SHOW_UPDATED",
            Self::MeetingStarted => "MEETING_STARTED",
            Self::MeetingEnded => "MEETING_ENDED",
            Self::RecordingReady => "RECORDING_READY",
            Self::RecordingTranscriptionGenerated => "RECORDING_TRANSCRIPTION_GENERATED",
            Self::InstantMeeting => "INSTANT_MEETING",
            Self::OooCreated => "OOO_CREATED",
            Self::FormSubmitted => "FORM_SUBMITTED",
            Self::FormSubmittedNoEvent => "FORM_SUBMITTED_NO_EVENT",
            Self::AfterHostsCalVideoNoShow => "AFTER_HOSTS_CAL_VIDEO_NO_SHOW",
            Self::AfterGuestsCalVideoNoShow => "AFTER_GUESTS_CAL_VIDEO_NO_SHOW",
            Self::DelegationCredentialError => "DELEGATION_CREDENTIAL_ERROR",
            Self::WrongAssignmentReport => "WRONG_ASSIGNMENT_REPORT",
            Self::Ping => "PING",
            Self::Unknown => "UNKNOWN",
        }
    }

    /// The trigger of this name, [`Trigger::Unknown`] if there is none.
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        let known = Self::ALL
            .into_iter()
            .chain([Self::Ping])
            .find(|trigger| trigger.as_str() == name);
        known.unwrap_or(Self::Unknown)
    }

    /// Whether the body is the bare booking, without an envelope.
    pub(super) const fn is_flat(self) -> bool {
        matches!(self, Self::MeetingStarted | Self::MeetingEnded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_there_and_back() {
        for trigger in Trigger::ALL.into_iter().chain([Trigger::Ping]) {
            assert_eq!(Trigger::from_name(trigger.as_str()), trigger);
        }
        for name in [
            "",
            "UNKNOWN",
            "booking_created",
            "BOOKING_CONFIRMED",
            "BOOKING_CREATED ",
        ] {
            assert_eq!(Trigger::from_name(name), Trigger::Unknown, "{name:?}");
        }
    }
}
