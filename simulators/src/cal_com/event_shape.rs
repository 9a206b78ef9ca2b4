//! The shape of an event type: what it has when nothing is said, what a request changes, what a
//! reader sees.

use serde_json::{Map, Value, json};

use super::state::{EventType, State};
use super::users::metadata;

/// Fields that are kept as they are given.
const KEPT: [&str; 34] = [
    "title",
    "slug",
    "description",
    "lengthInMinutes",
    "lengthInMinutesOptions",
    "slotInterval",
    "minimumBookingNotice",
    "beforeEventBuffer",
    "afterEventBuffer",
    "scheduleId",
    "locations",
    "bookingWindow",
    "bookerLayouts",
    "confirmationPolicy",
    "hidden",
    "disableGuests",
    "offsetStart",
    "onlyShowFirstAvailableSlot",
    "bookerActiveBookingsLimit",
    "bookingLimitsCount",
    "bookingLimitsDuration",
    "requiresBookerEmailVerification",
    "bookingRequiresAuthentication",
    "hideCalendarNotes",
    "hideCalendarEventDetails",
    "hideOrganizerEmail",
    "lockTimeZoneToggleOnBookingPage",
    "successRedirectUrl",
    "customName",
    "color",
    "interfaceLanguage",
    "allowReschedulingPastBookings",
    "allowReschedulingCancelledBookings",
    "destinationCalendar",
];

/// An event type of which nothing is known yet.
pub(super) fn bare() -> Map<String, Value> {
    let Value::Object(fields) = json!({
        "description": "",
        "locations": [],
        "bookingFields": booking_fields(&[]),
        "recurrence": null,
        "disableGuests": false,
        "slotInterval": null,
        "minimumBookingNotice": 120,
        "beforeEventBuffer": 0,
        "afterEventBuffer": 0,
        "metadata": {},
        "price": 0,
        "currency": "usd",
        "lockTimeZoneToggleOnBookingPage": false,
        "forwardParamsSuccessRedirect": true,
        "successRedirectUrl": null,
        "isInstantEvent": false,
        "scheduleId": null,
        "onlyShowFirstAvailableSlot": false,
        "offsetStart": 0,
        "bookingWindow": { "disabled": true },
        "confirmationPolicy": { "disabled": true },
        "requiresBookerEmailVerification": false,
        "hideCalendarNotes": false,
        "seats": { "disabled": true },
        "useDestinationCalendarEmail": false,
        "hideCalendarEventDetails": false,
        "hideOrganizerEmail": false,
        "calVideoSettings": { "sendTranscriptionEmails": true },
        "hidden": false,
        "bookingRequiresAuthentication": false,
        "bookerActiveBookingsLimit": { "disabled": true },
        "bookingUrl": "",
        "disableCancelling": { "disabled": false },
        "disableRescheduling": { "disabled": false },
        "interfaceLanguage": null,
        "allowReschedulingPastBookings": false,
        "allowReschedulingCancelledBookings": false,
        "showOptimizedSlots": false,
    }) else {
        unreachable!("the literal is an object")
    };
    fields
}

/// Takes over what a request says. What it does not know it drops.
pub(super) fn apply(fields: &mut Map<String, Value>, body: &Value) {
    for name in KEPT {
        if let Some(value) = body.get(name) {
            fields.insert(name.to_owned(), value.clone());
        }
    }
    if let Some(options) = body.get("lengthInMinutesOptions") {
        fields.insert(
            "metadata".to_owned(),
            json!({ "multipleDuration": options }),
        );
    }
    if let Some(recurrence) = body.get("recurrence") {
        let shown = if recurrence["disabled"] == true {
            Value::Null
        } else {
            switched_on(recurrence)
        };
        fields.insert("recurrence".to_owned(), shown);
    }
    if let Some(seats) = body.get("seats") {
        let shown = if seats["disabled"] == true {
            json!({ "disabled": true })
        } else {
            switched_on(seats)
        };
        fields.insert("seats".to_owned(), shown);
    }
    for name in [
        "disableCancelling",
        "disableRescheduling",
        "calVideoSettings",
    ] {
        if let Some(value) = body.get(name) {
            fields.insert(name.to_owned(), value.clone());
        }
    }
    if let Some(own) = body["bookingFields"].as_array() {
        fields.insert("bookingFields".to_owned(), booking_fields(own));
    }
}

fn switched_on(given: &Value) -> Value {
    let mut shown = given.clone();
    shown["disabled"] = false.into();
    shown
}

/// The fields every booking has, with those of the owner in their place. An own one of a default
/// slug changes that one.
fn booking_fields(own: &[Value]) -> Value {
    let defaults = json!([
        { "isDefault": true, "type": "name", "slug": "name", "required": true, "label": "your_name",
          "disableOnPrefill": false },
        { "isDefault": true, "type": "email", "slug": "email", "required": true, "disableOnPrefill": false,
          "hidden": false },
        { "isDefault": true, "type": "radioInput", "slug": "location", "required": false, "hidden": false },
        { "isDefault": true, "type": "text", "slug": "title", "required": true, "disableOnPrefill": false,
          "hidden": true },
        { "isDefault": true, "type": "textarea", "slug": "notes", "required": false, "disableOnPrefill": false,
          "hidden": false },
        { "isDefault": true, "type": "multiemail", "slug": "guests", "required": false, "disableOnPrefill": false,
          "hidden": false },
        { "isDefault": true, "type": "textarea", "slug": "rescheduleReason", "required": false,
          "disableOnPrefill": false, "hidden": false },
    ]);
    let mut all: Vec<Value> = defaults.as_array().cloned().unwrap_or_default();
    let mut place = 3;
    for field in own {
        let slug = field
            .get("slug")
            .or(field.get("type"))
            .cloned()
            .unwrap_or_default();
        if let Some(default) = all
            .iter_mut()
            .find(|default| default["isDefault"] == true && default["slug"] == slug)
        {
            default
                .as_object_mut()
                .expect("a field is an object")
                .extend(object(field));
            continue;
        }
        let mut shown = Map::from_iter([("isDefault".to_owned(), false.into())]);
        shown.extend(object(field));
        shown.entry("disableOnPrefill").or_insert(false.into());
        shown.entry("hidden").or_insert(false.into());
        all.insert(place, shown.into());
        place += 1;
    }
    all.into()
}

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

/// The whole of it, for its owner.
pub(super) fn single_entry(state: &State, event_type: &EventType) -> Value {
    let mut shown = event_type.fields.clone();
    shown.insert("id".to_owned(), event_type.id.into());
    shown.insert("ownerId".to_owned(), event_type.owner.into());
    let owner = &state.users[&event_type.owner];
    let user = json!({
        "id": owner.id,
        "name": owner.name,
        "username": owner.username,
        "avatarUrl": owner.avatar_url,
        "brandColor": null,
        "darkBrandColor": null,
        "weekStart": owner.week_start,
        "metadata": owner.default_app.as_ref().and_then(|_| {
            let all = metadata(owner)?;
            Some(json!({ "defaultConferencingApp": all["defaultConferencingApp"] }))
        }).unwrap_or_else(|| json!({})),
    });
    shown.insert("users".to_owned(), json!([user]));
    shown.into()
}

/// In lists, fields that are hidden from the booker are left out.
pub(super) fn list_entry(state: &State, event_type: &EventType) -> Value {
    let mut shown = single_entry(state, event_type);
    if let Some(fields) = shown["bookingFields"].as_array_mut() {
        fields.retain(|field| field["hidden"] != true);
    }
    shown
}

impl EventType {
    pub(super) fn slug(&self) -> &str {
        self.text("slug")
    }

    pub(super) fn text(&self, name: &str) -> &str {
        self.fields
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    fn minutes(&self, name: &str) -> i64 {
        self.fields.get(name).and_then(Value::as_i64).unwrap_or(0)
    }

    /// Minutes of a booking that names no length.
    pub(super) fn length(&self) -> i64 {
        self.minutes("lengthInMinutes")
    }

    /// The lengths to choose from, if there is a choice.
    pub(super) fn lengths(&self) -> Option<Vec<i64>> {
        let options = self.fields.get("lengthInMinutesOptions")?.as_array()?;
        Some(options.iter().filter_map(Value::as_i64).collect())
    }

    pub(super) fn notice(&self) -> i64 {
        self.minutes("minimumBookingNotice")
    }

    /// Free minutes before and after.
    pub(super) fn buffers(&self) -> (i64, i64) {
        (
            self.minutes("beforeEventBuffer"),
            self.minutes("afterEventBuffer"),
        )
    }

    pub(super) fn offset(&self) -> i64 {
        self.minutes("offsetStart")
    }

    pub(super) fn interval(&self) -> Option<i64> {
        self.fields
            .get("slotInterval")
            .and_then(Value::as_i64)
            .filter(|minutes| *minutes > 0)
    }

    pub(super) fn seats(&self) -> Option<u64> {
        let seats = self
            .fields
            .get("seats")
            .filter(|seats| seats["disabled"] != true)?;
        seats["seatsPerTimeSlot"].as_u64()
    }

    pub(super) fn needs_confirmation(&self) -> bool {
        self.fields
            .get("confirmationPolicy")
            .is_some_and(|policy| policy["disabled"] != true)
    }

    /// Whether a booking that waits for its confirmation takes its time away from others.
    pub(super) fn pending_blocks(&self) -> bool {
        self.fields
            .get("confirmationPolicy")
            .is_some_and(|policy| policy["blockUnconfirmedBookingsInBooker"] == true)
    }

    pub(super) fn recurrence(&self) -> Option<&Value> {
        self.fields
            .get("recurrence")
            .filter(|recurrence| recurrence.is_object())
    }
}
