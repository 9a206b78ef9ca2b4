//! Reads the responses about calendars.

use chrono::{DateTime, Utc};
use reqwest::Url;
use serde::Deserialize;
use serde_json::Value;

use super::{
    BusyTime, Calendar, CalendarKey, CalendarTrouble, Calendars, ConnectUrl, ConnectedCalendar,
};
use crate::lenient::{FromValue, Lenient, object};

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Wire {
    connected_calendars: Lenient<Vec<ConnectedCalendar>>,
    destination_calendar: Lenient<CalendarKey>,
    integration: Lenient<Value>,
    credential_id: Lenient<i64>,
    external_id: Lenient<String>,
    name: Lenient<String>,
    primary: Lenient<bool>,
    read_only: Lenient<bool>,
    is_selected: Lenient<bool>,
    auth_url: Lenient<String>,
    url: Lenient<String>,
    start: Lenient<DateTime<Utc>>,
    end: Lenient<DateTime<Utc>>,
    source: Lenient<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Account {
    integration: Lenient<Value>,
    credential_id: Lenient<i64>,
    /// The primary calendar.
    primary: Lenient<Value>,
    calendars: Lenient<Vec<Calendar>>,
    error: Lenient<Value>,
}

impl Account {
    /// An account that could not be read has an error in place of its calendars.
    fn trouble(&self) -> Option<CalendarTrouble> {
        match (&self.error.0, &self.calendars.0) {
            (Some(error), _)
                if error["message"]
                    .as_str()
                    .is_some_and(|text| text.contains("expired or revoked")) =>
            {
                Some(CalendarTrouble::AccessEnded)
            }
            (None, Some(_)) => None,
            _ => Some(CalendarTrouble::Unreadable),
        }
    }

    /// The address of the account, which is part of its primary calendar.
    fn address(&self) -> Option<String> {
        let text = |value: &Value| {
            value
                .get("email")?
                .as_str()
                .map(|text| text.trim().to_owned())
        };
        let found = self
            .primary
            .0
            .as_ref()
            .and_then(text)
            .or_else(|| self.integration.0.as_ref().and_then(text));
        found.filter(|address| !address.is_empty())
    }
}

/// For an account it is an object with a `type`, for a calendar the type itself.
fn integration(value: Lenient<Value>) -> Option<String> {
    match value.0? {
        Value::String(name) => Some(name),
        Value::Object(app) => app
            .get("type")
            .or_else(|| app.get("slug"))?
            .as_str()
            .map(str::to_owned),
        _ => None,
    }
}

impl FromValue for Calendars {
    fn from_value(value: Value) -> Option<Self> {
        let wire: Wire = object(value)?;
        Some(Self {
            connected: wire.connected_calendars.0?,
            destination: wire.destination_calendar.0,
        })
    }
}

impl FromValue for ConnectedCalendar {
    fn from_value(value: Value) -> Option<Self> {
        let wire: Account = object(value)?;
        Some(Self {
            credential_id: wire.credential_id.0,
            trouble: wire.trouble(),
            address: wire.address(),
            integration: integration(wire.integration),
            calendars: wire.calendars.0.unwrap_or_default(),
        })
    }
}

impl FromValue for Calendar {
    fn from_value(value: Value) -> Option<Self> {
        let wire: Wire = object(value)?;
        Some(Self {
            external_id: wire.external_id.filled()?,
            integration: integration(wire.integration),
            name: wire.name.filled(),
            primary: wire.primary.0.unwrap_or_default(),
            read_only: wire.read_only.0.unwrap_or_default(),
            selected: wire.is_selected.0.unwrap_or_default(),
            credential_id: wire.credential_id.0,
        })
    }
}

impl FromValue for CalendarKey {
    fn from_value(value: Value) -> Option<Self> {
        let wire: Wire = object(value)?;
        let (integration, external_id) =
            (integration(wire.integration)?, wire.external_id.filled()?);
        Some(Self {
            integration,
            external_id,
            credential_id: wire.credential_id.0,
        })
    }
}

impl FromValue for ConnectUrl {
    fn from_value(value: Value) -> Option<Self> {
        let wire: Wire = object(value)?;
        let url = Url::parse(&wire.auth_url.filled().or_else(|| wire.url.filled())?).ok()?;
        matches!(url.scheme(), "http" | "https").then_some(Self(url))
    }
}

impl FromValue for BusyTime {
    fn from_value(value: Value) -> Option<Self> {
        let wire: Wire = object(value)?;
        Some(Self {
            starts_at: wire.start.0?,
            ends_at: wire.end.0?,
            source: wire.source.filled(),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_unreadable_account_has_its_error() {
        let integration = json!({ "type": "google_calendar", "email": "" });
        let calendar = json!({ "externalId": "a", "isSelected": true, "readOnly": false, "email": "ann@example.com" });
        let well = json!({ "integration": integration, "credentialId": 7, "calendars": [calendar], "primary": calendar });
        let broken =
            |error: Value| json!({ "integration": integration, "credentialId": 7, "error": error });
        for (said, trouble) in [
            (well.clone(), None),
            (
                broken(json!({ "message": "Access token expired or revoked" })),
                Some(CalendarTrouble::AccessEnded),
            ),
            (
                broken(json!({ "message": "No primary calendar found" })),
                Some(CalendarTrouble::Unreadable),
            ),
            (
                json!({ "integration": integration, "credentialId": 7 }),
                Some(CalendarTrouble::Unreadable),
            ),
        ] {
            let read = ConnectedCalendar::from_value(said).expect("an account");
            assert_eq!(
                (read.credential_id, read.integration.as_deref()),
                (Some(7), Some("google_calendar"))
            );
            assert_eq!(read.trouble, trouble);
            assert!(!format!("{read:?}").contains("ann@"), "an address in Debug");
        }
        let read = ConnectedCalendar::from_value(well).expect("an account");
        assert_eq!(
            (read.address.as_deref(), read.calendars.len()),
            (Some("ann@example.com"), 1)
        );
    }
}
