//! What may be set about an event type, the same to read and to write.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::parts::{
    ActiveBookingsLimit, BookerLayouts, Cancelling, Color, Confirmation, DestinationCalendar,
    EventLocation, HorizonRule, PeriodLimits, Question, Recurrence, Rescheduling, Seats, Toggle,
};
use crate::cal_com::lax::{FromValue, Lax, object};

/// What may be set about an event type. To write, `None` stays as it is, or is their default for a
/// new one; to read, it is what they did not say.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EventTypeSettings {
    /// The lengths to choose from, if there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub length_in_minutes_options: Option<Vec<i64>>,
    /// Markdown, for attendees.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Where it may take place. Empty is Cal Video.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locations: Option<Vec<EventLocation>>,
    /// What is asked of attendees. An answer lists their own questions too; to write, give one's
    /// own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub booking_fields: Option<Vec<Question>>,
    /// Attendees cannot bring others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disable_guests: Option<bool>,
    /// Minutes between starts that are offered; the length if not set. Bookings may begin in
    /// between all the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slot_interval: Option<i64>,
    /// Minutes from now to the earliest start; 120 if not set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minimum_booking_notice: Option<i64>,
    /// Minutes kept free before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before_event_buffer: Option<i64>,
    /// Minutes kept free after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after_event_buffer: Option<i64>,
    /// The hours it has; the owner's default ones if not set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule_id: Option<i64>,
    /// How many bookings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub booking_limits_count: Option<Toggle<PeriodLimits>>,
    /// How many minutes of bookings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub booking_limits_duration: Option<Toggle<PeriodLimits>>,
    /// How many coming bookings one attendee may have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub booker_active_bookings_limit: Option<Toggle<ActiveBookingsLimit>>,
    /// Offer one start a day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub only_show_first_available_slot: Option<bool>,
    /// How far ahead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub booking_window: Option<Toggle<HorizonRule>>,
    /// Minutes past the hour at which starts are offered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset_start: Option<i64>,
    /// For their own page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub booker_layouts: Option<BookerLayouts>,
    /// Bookings wait for the host's consent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirmation_policy: Option<Toggle<Confirmation>>,
    /// One booking makes a series.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recurrence: Option<Toggle<Recurrence>>,
    /// Attendees prove their address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requires_booker_email_verification: Option<bool>,
    /// Notes stay out of calendars.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hide_calendar_notes: Option<bool>,
    /// For their own page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lock_time_zone_toggle_on_booking_page: Option<bool>,
    /// For their own calendar.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub color: Option<Color>,
    /// Several attendees share a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seats: Option<Toggle<Seats>>,
    /// The booking's title, with their placeholders.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub custom_name: Option<String>,
    /// Into which calendar events are written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination_calendar: Option<DestinationCalendar>,
    /// Invite from that calendar's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub use_destination_calendar_email: Option<bool>,
    /// Attendees do not see details in shared calendars.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hide_calendar_event_details: Option<bool>,
    /// For their own page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub success_redirect_url: Option<String>,
    /// Attendees do not see the host's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hide_organizer_email: Option<bool>,
    /// As they name them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cal_video_settings: Option<Value>,
    /// Not listed publicly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hidden: Option<bool>,
    /// Only for people with an account there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub booking_requires_authentication: Option<bool>,
    /// Attendees cannot cancel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disable_cancelling: Option<Cancelling>,
    /// Attendees cannot move.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disable_rescheduling: Option<Rescheduling>,
    /// Such as `en`; empty is the attendee's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interface_language: Option<String>,
    /// They do not keep to it: past bookings can be moved in any case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_rescheduling_past_bookings: Option<bool>,
    /// Moving revives a canceled booking.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_rescheduling_cancelled_bookings: Option<bool>,
    /// Offer the starts that leave the fewest gaps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub show_optimized_slots: Option<bool>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Wire {
    length_in_minutes_options: Lax<Vec<i64>>,
    description: Lax<String>,
    locations: Lax<Vec<EventLocation>>,
    booking_fields: Lax<Vec<Question>>,
    disable_guests: Lax<bool>,
    slot_interval: Lax<i64>,
    minimum_booking_notice: Lax<i64>,
    before_event_buffer: Lax<i64>,
    after_event_buffer: Lax<i64>,
    schedule_id: Lax<i64>,
    booking_limits_count: Lax<Toggle<PeriodLimits>>,
    booking_limits_duration: Lax<Toggle<PeriodLimits>>,
    booker_active_bookings_limit: Lax<Toggle<ActiveBookingsLimit>>,
    only_show_first_available_slot: Lax<bool>,
    booking_window: Lax<Toggle<HorizonRule>>,
    offset_start: Lax<i64>,
    booker_layouts: Lax<BookerLayouts>,
    confirmation_policy: Lax<Toggle<Confirmation>>,
    recurrence: Lax<Toggle<Recurrence>>,
    requires_booker_email_verification: Lax<bool>,
    hide_calendar_notes: Lax<bool>,
    lock_time_zone_toggle_on_booking_page: Lax<bool>,
    color: Lax<Color>,
    seats: Lax<Toggle<Seats>>,
    custom_name: Lax<String>,
    destination_calendar: Lax<DestinationCalendar>,
    use_destination_calendar_email: Lax<bool>,
    hide_calendar_event_details: Lax<bool>,
    success_redirect_url: Lax<String>,
    hide_organizer_email: Lax<bool>,
    cal_video_settings: Lax<Value>,
    hidden: Lax<bool>,
    booking_requires_authentication: Lax<bool>,
    disable_cancelling: Lax<Cancelling>,
    disable_rescheduling: Lax<Rescheduling>,
    interface_language: Lax<String>,
    allow_rescheduling_past_bookings: Lax<bool>,
    allow_rescheduling_cancelled_bookings: Lax<bool>,
    show_optimized_slots: Lax<bool>,
}

impl FromValue for EventTypeSettings {
    fn from_value(value: Value) -> Option<Self> {
        let wire: Wire = object(value)?;
        Some(Self {
            length_in_minutes_options: wire.length_in_minutes_options.0,
            description: wire.description.0,
            locations: wire.locations.0,
            booking_fields: wire.booking_fields.0,
            disable_guests: wire.disable_guests.0,
            slot_interval: wire.slot_interval.0,
            minimum_booking_notice: wire.minimum_booking_notice.0,
            before_event_buffer: wire.before_event_buffer.0,
            after_event_buffer: wire.after_event_buffer.0,
            schedule_id: wire.schedule_id.0,
            booking_limits_count: wire.booking_limits_count.0,
            booking_limits_duration: wire.booking_limits_duration.0,
            booker_active_bookings_limit: wire.booker_active_bookings_limit.0,
            only_show_first_available_slot: wire.only_show_first_available_slot.0,
            booking_window: wire.booking_window.0,
            offset_start: wire.offset_start.0,
            booker_layouts: wire.booker_layouts.0,
            confirmation_policy: wire.confirmation_policy.0,
            recurrence: wire.recurrence.0,
            requires_booker_email_verification: wire.requires_booker_email_verification.0,
            hide_calendar_notes: wire.hide_calendar_notes.0,
            lock_time_zone_toggle_on_booking_page: wire.lock_time_zone_toggle_on_booking_page.0,
            color: wire.color.0,
            seats: wire.seats.0,
            custom_name: wire.custom_name.0,
            destination_calendar: wire.destination_calendar.0,
            use_destination_calendar_email: wire.use_destination_calendar_email.0,
            hide_calendar_event_details: wire.hide_calendar_event_details.0,
            success_redirect_url: wire.success_redirect_url.0,
            hide_organizer_email: wire.hide_organizer_email.0,
            cal_video_settings: wire.cal_video_settings.0,
            hidden: wire.hidden.0,
            booking_requires_authentication: wire.booking_requires_authentication.0,
            disable_cancelling: wire.disable_cancelling.0,
            disable_rescheduling: wire.disable_rescheduling.0,
            interface_language: wire.interface_language.0,
            allow_rescheduling_past_bookings: wire.allow_rescheduling_past_bookings.0,
            allow_rescheduling_cancelled_bookings: wire.allow_rescheduling_cancelled_bookings.0,
            show_optimized_slots: wire.show_optimized_slots.0,
        })
    }
}
