//! The settings of an event type, the same for reading and writing.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::parts::{
    ActiveBookingsLimit, BookerLayouts, Cancelling, Color, Confirmation, DestinationCalendar,
    EventLocation, HorizonRule, PeriodLimits, Question, Recurrence, Rescheduling, Seats, Toggle,
};
use crate::lenient::{FromValue, Lenient, object};

/// The settings of an event type. When writing, `None` leaves a setting unchanged, or at Cal.com's
/// default for a new event type; when reading, it was missing.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EventTypeSettings {
    /// The available lengths, if there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub length_in_minutes_options: Option<Vec<i64>>,
    /// Markdown, for attendees.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The offered locations. Empty means Cal Video.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locations: Option<Vec<EventLocation>>,
    /// The questions of the booking form. Responses include the built-in ones; when writing, leave
    /// these out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub booking_fields: Option<Vec<Question>>,
    /// Attendees cannot add guests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disable_guests: Option<bool>,
    /// Minutes between offered starts; the length if not set. Cal.com accepts starts in between
    /// nevertheless.
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
    /// The schedule; the owner's default one if not set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule_id: Option<i64>,
    /// The maximum number of bookings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub booking_limits_count: Option<Toggle<PeriodLimits>>,
    /// The maximum total of booked minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub booking_limits_duration: Option<Toggle<PeriodLimits>>,
    /// How many coming bookings one attendee may have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub booker_active_bookings_limit: Option<Toggle<ActiveBookingsLimit>>,
    /// Offers one start per day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub only_show_first_available_slot: Option<bool>,
    /// The booking window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub booking_window: Option<Toggle<HorizonRule>>,
    /// Minutes past the hour at which starts are offered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset_start: Option<i64>,
    /// For Cal.com's own booking page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub booker_layouts: Option<BookerLayouts>,
    /// Whether bookings require the host's confirmation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirmation_policy: Option<Toggle<Confirmation>>,
    /// One booking creates a series.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recurrence: Option<Toggle<Recurrence>>,
    /// Attendees must verify their address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requires_booker_email_verification: Option<bool>,
    /// Notes are hidden in calendars.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hide_calendar_notes: Option<bool>,
    /// For Cal.com's own booking page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lock_time_zone_toggle_on_booking_page: Option<bool>,
    /// For the user's calendar view at Cal.com.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub color: Option<Color>,
    /// Several attendees share a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seats: Option<Toggle<Seats>>,
    /// The template of booking titles, with Cal.com's placeholders.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub custom_name: Option<String>,
    /// The calendar that events are written to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination_calendar: Option<DestinationCalendar>,
    /// Invitations are sent from that calendar's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub use_destination_calendar_email: Option<bool>,
    /// Attendees do not see details in shared calendars.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hide_calendar_event_details: Option<bool>,
    /// For Cal.com's own booking page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub success_redirect_url: Option<String>,
    /// Attendees do not see the host's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hide_organizer_email: Option<bool>,
    /// Under Cal.com's names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cal_video_settings: Option<Value>,
    /// Not listed publicly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hidden: Option<bool>,
    /// Bookable only with a Cal.com account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub booking_requires_authentication: Option<bool>,
    /// Attendees cannot cancel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disable_cancelling: Option<Cancelling>,
    /// Attendees cannot move.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disable_rescheduling: Option<Rescheduling>,
    /// The language, such as `en`; empty means the attendee's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interface_language: Option<String>,
    /// Cal.com does not enforce it: past bookings can be moved in any case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_rescheduling_past_bookings: Option<bool>,
    /// A canceled booking can be moved, which reactivates it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_rescheduling_cancelled_bookings: Option<bool>,
    /// Offers the starts that leave the fewest gaps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub show_optimized_slots: Option<bool>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Wire {
    length_in_minutes_options: Lenient<Vec<i64>>,
    description: Lenient<String>,
    locations: Lenient<Vec<EventLocation>>,
    booking_fields: Lenient<Vec<Question>>,
    disable_guests: Lenient<bool>,
    slot_interval: Lenient<i64>,
    minimum_booking_notice: Lenient<i64>,
    before_event_buffer: Lenient<i64>,
    after_event_buffer: Lenient<i64>,
    schedule_id: Lenient<i64>,
    booking_limits_count: Lenient<Toggle<PeriodLimits>>,
    booking_limits_duration: Lenient<Toggle<PeriodLimits>>,
    booker_active_bookings_limit: Lenient<Toggle<ActiveBookingsLimit>>,
    only_show_first_available_slot: Lenient<bool>,
    booking_window: Lenient<Toggle<HorizonRule>>,
    offset_start: Lenient<i64>,
    booker_layouts: Lenient<BookerLayouts>,
    confirmation_policy: Lenient<Toggle<Confirmation>>,
    recurrence: Lenient<Toggle<Recurrence>>,
    requires_booker_email_verification: Lenient<bool>,
    hide_calendar_notes: Lenient<bool>,
    lock_time_zone_toggle_on_booking_page: Lenient<bool>,
    color: Lenient<Color>,
    seats: Lenient<Toggle<Seats>>,
    custom_name: Lenient<String>,
    destination_calendar: Lenient<DestinationCalendar>,
    use_destination_calendar_email: Lenient<bool>,
    hide_calendar_event_details: Lenient<bool>,
    success_redirect_url: Lenient<String>,
    hide_organizer_email: Lenient<bool>,
    cal_video_settings: Lenient<Value>,
    hidden: Lenient<bool>,
    booking_requires_authentication: Lenient<bool>,
    disable_cancelling: Lenient<Cancelling>,
    disable_rescheduling: Lenient<Rescheduling>,
    interface_language: Lenient<String>,
    allow_rescheduling_past_bookings: Lenient<bool>,
    allow_rescheduling_cancelled_bookings: Lenient<bool>,
    show_optimized_slots: Lenient<bool>,
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
