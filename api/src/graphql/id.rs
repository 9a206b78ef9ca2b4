//! Global ids: kind and key, `booking_0192f3…`. Opaque to clients.

use async_graphql::ID;
use entity::Uuid;

use crate::domain;

/// The kind of an object that has a global id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    User,
    Viewer,
    Coach,
    EventType,
    Schedule,
    Hold,
    Booking,
    Session,
    Note,
    Payment,
    WebhookDelivery,
    Job,
    Connection,
    WebhookRegistration,
    CalendarAccount,
    ExternalCalendar,
    Absence,
}

const PREFIXES: [(Kind, &str); 17] = [
    (Kind::User, "user"),
    (Kind::Viewer, "viewer"),
    (Kind::Coach, "coach"),
    (Kind::EventType, "eventType"),
    (Kind::Schedule, "schedule"),
    (Kind::Hold, "hold"),
    (Kind::Booking, "booking"),
    (Kind::Session, "session"),
    (Kind::Note, "note"),
    (Kind::Payment, "payment"),
    (Kind::WebhookDelivery, "webhookDelivery"),
    (Kind::Job, "job"),
    (Kind::Connection, "connection"),
    (Kind::WebhookRegistration, "webhookRegistration"),
    (Kind::CalendarAccount, "calendarAccount"),
    (Kind::ExternalCalendar, "calendar"),
    (Kind::Absence, "absence"),
];

impl Kind {
    /// The prefix of its ids.
    #[must_use]
    pub fn prefix(self) -> &'static str {
        PREFIXES
            .iter()
            .find(|(kind, _)| *kind == self)
            .map(|(_, prefix)| *prefix)
            .expect("every kind is in the table")
    }

    /// The global id of an object of this kind.
    #[must_use]
    pub fn id(self, key: Uuid) -> ID {
        let mut id = String::with_capacity(48);
        self.write(key, &mut id);
        ID(id)
    }

    /// Appends the global id without allocating.
    pub fn write(self, key: Uuid, to: &mut String) {
        to.push_str(self.prefix());
        to.push('_');
        to.push_str(key.simple().encode_lower(&mut Uuid::encode_buffer()));
    }

    /// Decodes an id that must be of this kind.
    ///
    /// # Errors
    /// `Invalid` at `field` when the id is malformed or of another kind.
    pub fn key(self, field: &str, id: &ID) -> Result<Uuid, domain::Error> {
        match parse(id) {
            Some((kind, key)) if kind == self => Ok(key),
            _ => Err(domain::Error::invalid(
                field,
                format!("is not the id of a {}", self.prefix()),
            )),
        }
    }

    /// As [`Self::key`], for an optional id.
    pub fn find_key(self, field: &str, id: Option<&ID>) -> Result<Option<Uuid>, domain::Error> {
        id.map(|id| self.key(field, id)).transpose()
    }
}

/// Splits an id into kind and key; `None` when it is malformed.
#[must_use]
pub fn parse(id: &ID) -> Option<(Kind, Uuid)> {
    let (prefix, key) = id.split_once('_')?;
    let kind = PREFIXES.iter().find(|(_, known)| *known == prefix)?.0;
    // Accepts only the canonical spelling: an object has one id.
    if key.len() != 32 || key.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    Some((kind, Uuid::try_parse(key).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_round_trip() {
        for (kind, _) in PREFIXES {
            let key = entity::new_id();
            assert_eq!(parse(&kind.id(key)), Some((kind, key)));
            assert_eq!(kind.key("id", &kind.id(key)).ok(), Some(key));
        }
    }

    #[test]
    fn malformed_ids_and_other_kinds_are_refused() {
        let key = entity::new_id();
        let upper = format!("booking_{}", key.simple().to_string().to_uppercase());
        for id in [
            "",
            "booking",
            "booking_",
            "booking_12",
            "Booking_0",
            &upper,
            &format!("booking_{key}"),
            "x_y",
        ] {
            assert_eq!(parse(&ID(id.to_owned())), None, "{id}");
        }
        assert!(Kind::Booking.key("id", &Kind::Coach.id(key)).is_err());
    }
}
