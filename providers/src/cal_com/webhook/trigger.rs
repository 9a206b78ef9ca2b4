//! The names of what can happen.

/// What a delivery is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Trigger {
    /// A booking was made, or a requested one was confirmed.
    BookingCreated,
    /// A booking waits for the host's consent. Also sent, instead of `BookingRescheduled`, when an
    /// attendee moves a booking of an event type that needs consent.
    BookingRequested,
    /// A booking was moved: it has a new uid, and the old one is over.
    BookingRescheduled,
    /// A booking, a seat of it or a series was cancelled.
    BookingCancelled,
    /// The host declined a request.
    BookingRejected,
    /// Payment through Cal.com began.
    BookingPaymentInitiated,
    /// Payment through Cal.com is done.
    BookingPaid,
    /// An attendee was marked absent, or the mark was taken back.
    BookingNoShowUpdated,
    /// A meeting's time has come.
    MeetingStarted,
    /// A meeting's time is over.
    MeetingEnded,
    /// A recording of a Cal Video call can be fetched.
    RecordingReady,
    /// A transcript of a Cal Video call can be fetched.
    RecordingTranscriptionGenerated,
    /// Somebody wants to meet now.
    InstantMeeting,
    /// A host will be away.
    OooCreated,
    /// A routing form was sent in.
    FormSubmitted,
    /// A routing form was sent in and nothing was booked since.
    FormSubmittedNoEvent,
    /// No host came to a Cal Video call.
    AfterHostsCalVideoNoShow,
    /// No guest came to a Cal Video call.
    AfterGuestsCalVideoNoShow,
    /// An organisation's access to its members' calendars fails.
    DelegationCredentialError,
    /// A host says that a booking came to the wrong person.
    WrongAssignmentReport,
    /// The test button in Cal.com's settings.
    Ping,
    /// A name we do not know, or a body that is not Cal.com's.
    Unknown,
}

impl Trigger {
    /// Everything a webhook can be registered for, in Cal.com's order.
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

    /// Is the body the bare booking, without an envelope around it?
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
