//! Fields that objects can write without awaiting: plain columns and preloaded lists. The meaning
//! of each field is documented at its resolver.

use std::borrow::Cow;

use async_graphql::parser::types::Field;
use chrono::{DateTime, Utc};
use entity::{booking, coach, event_type, note, session};
use sea_orm::ActiveEnum;

use super::{WriteFields, Writer};
use crate::graphql::booking::{Booking, BookingEvent};
use crate::graphql::coach::Coach;
use crate::graphql::delivery::{Job, WebhookDelivery};
use crate::graphql::event_type::EventType;
use crate::graphql::id::Kind;
use crate::graphql::money::Money;
use crate::graphql::note::Note;
use crate::graphql::scalars;
use crate::graphql::session::Session;
use crate::graphql::slot::Slot;
use crate::graphql::user::User;

impl Writer<'_> {
    pub(super) fn id(&mut self, kind: Kind, key: entity::Uuid) -> bool {
        let mut id = String::with_capacity(48);
        kind.write(key, &mut id);
        self.word(&id)
    }

    pub(super) fn instant(&mut self, instant: DateTime<Utc>) -> bool {
        self.word(&scalars::instant(instant))
    }

    fn value_of(&mut self, value: impl ActiveEnum<Value = String>) -> bool {
        self.word(&value.to_value())
    }

    /// A connection of which only `nodes` is selected.
    fn nodes<'n, T: WriteFields + 'n>(&mut self, rows: &'n [T], field: &Field) -> bool {
        self.object(&Nodes(rows), field)
    }
}

/// The nodes of a preloaded first page.
struct Nodes<'n, T>(&'n [T]);

impl<T: WriteFields> WriteFields for Nodes<'_, T> {
    fn name() -> Cow<'static, str> {
        format!("{}Connection", T::name()).into()
    }

    fn write_field(&self, field: &Field, to: &mut Writer<'_>) -> bool {
        field.name.node == "nodes" && to.list(self.0, field)
    }
}

impl WriteFields for Money {
    fn name() -> Cow<'static, str> {
        "Money".into()
    }

    fn write_field(&self, field: &Field, to: &mut Writer<'_>) -> bool {
        match field.name.node.as_str() {
            "amount" => to.word(&self.amount.0.to_string()),
            "currency" => to.text(&self.currency.0),
            _ => false,
        }
    }
}

impl WriteFields for Slot {
    fn name() -> Cow<'static, str> {
        "Slot".into()
    }

    fn write_field(&self, field: &Field, to: &mut Writer<'_>) -> bool {
        match field.name.node.as_str() {
            "startsAt" => to.instant(self.0.starts_at),
            "endsAt" => to.instant(self.0.ends_at),
            _ => false,
        }
    }
}

impl WriteFields for coach::Model {
    fn name() -> Cow<'static, str> {
        "Coach".into()
    }

    fn write_field(&self, field: &Field, to: &mut Writer<'_>) -> bool {
        match field.name.node.as_str() {
            "id" => to.id(Kind::Coach, self.id),
            "handle" => to.text(&self.handle),
            "displayName" => to.text(&self.display_name),
            "headline" => to.text_or_null(self.headline.as_deref()),
            "biography" => to.text_or_null(self.biography.as_deref()),
            "avatarUrl" => to.text_or_null(self.avatar_url.as_deref()),
            "timeZone" => to.text(&self.time_zone),
            "isListed" => to.boolean(self.listed),
            "isAcceptingBookings" => to.boolean(self.accepts_bookings),
            "version" => to.number(self.version),
            "createdAt" => to.instant(self.created_at),
            "updatedAt" => to.instant(self.updated_at),
            _ => false,
        }
    }
}

impl WriteFields for Coach {
    fn name() -> Cow<'static, str> {
        "Coach".into()
    }

    fn write_field(&self, field: &Field, to: &mut Writer<'_>) -> bool {
        match field.name.node.as_str() {
            "eventTypes" => self
                .first_event_types()
                .is_some_and(|rows| to.nodes(rows, field)),
            _ => self.row.write_field(field, to),
        }
    }
}

impl WriteFields for event_type::Model {
    fn name() -> Cow<'static, str> {
        "EventType".into()
    }

    fn write_field(&self, field: &Field, to: &mut Writer<'_>) -> bool {
        match field.name.node.as_str() {
            "id" => to.id(Kind::EventType, self.id),
            "slug" => to.text(&self.slug),
            "title" => to.text(&self.title),
            "description" => to.text_or_null(self.description.as_deref()),
            "kind" => to.value_of(self.kind),
            "visibility" => to.value_of(self.visibility),
            "lengthMinutes" => to.number(self.length_minutes.into()),
            "price" => match Money::price(self.price_minor, &self.currency) {
                Some(price) => to.object(&price, field),
                None => to.null(),
            },
            "requiresApproval" => to.boolean(self.requires_approval),
            "version" => to.number(self.version),
            "createdAt" => to.instant(self.created_at),
            "updatedAt" => to.instant(self.updated_at),
            _ => false,
        }
    }
}

impl WriteFields for EventType {
    fn name() -> Cow<'static, str> {
        "EventType".into()
    }

    fn write_field(&self, field: &Field, to: &mut Writer<'_>) -> bool {
        self.row.write_field(field, to)
    }
}

impl WriteFields for booking::Model {
    fn name() -> Cow<'static, str> {
        "Booking".into()
    }

    fn write_field(&self, field: &Field, to: &mut Writer<'_>) -> bool {
        match field.name.node.as_str() {
            "id" => to.id(Kind::Booking, self.id),
            "reference" => to.text(&self.reference),
            "status" => to.value_of(self.status),
            "version" => to.number(self.version),
            "kind" => to.value_of(self.kind),
            "startsAt" => to.instant(self.starts_at),
            "endsAt" => to.instant(self.ends_at),
            "durationMinutes" => to.number((self.ends_at - self.starts_at).num_minutes()),
            "clientTimeZone" => to.text(&self.client_time_zone),
            "clientName" => to.text(&self.client_name),
            "clientEmail" => to.text_or_null(self.client_email.as_deref()),
            "price" => match Money::price(self.price_minor, &self.currency) {
                Some(price) => to.object(&price, field),
                None => to.null(),
            },
            "approval" => to.value_of(self.approval),
            "moves" => to.number(self.moves.into()),
            "createdAt" => to.instant(self.created_at),
            "updatedAt" => to.instant(self.updated_at),
            _ => false,
        }
    }
}

impl WriteFields for Booking {
    fn name() -> Cow<'static, str> {
        "Booking".into()
    }

    fn write_field(&self, field: &Field, to: &mut Writer<'_>) -> bool {
        match field.name.node.as_str() {
            "coach" => self
                .coach
                .as_ref()
                .is_some_and(|coach| to.object(coach, field)),
            "eventType" => self
                .event_type
                .as_ref()
                .is_some_and(|offer| to.object(offer, field)),
            "session" => match &self.session {
                Some(Some(session)) => to.object(session, field),
                Some(None) => to.null(),
                None => false,
            },
            _ => self.row.write_field(field, to),
        }
    }
}

impl WriteFields for session::Model {
    fn name() -> Cow<'static, str> {
        "Session".into()
    }

    fn write_field(&self, field: &Field, to: &mut Writer<'_>) -> bool {
        match field.name.node.as_str() {
            "id" => to.id(Kind::Session, self.id),
            "status" => to.value_of(self.status),
            "coachAttendance" => to.value_of(self.coach_attendance),
            "clientAttendance" => to.value_of(self.client_attendance),
            "version" => to.number(self.version),
            "createdAt" => to.instant(self.created_at),
            "updatedAt" => to.instant(self.updated_at),
            _ => false,
        }
    }
}

impl WriteFields for Session {
    fn name() -> Cow<'static, str> {
        "Session".into()
    }

    fn write_field(&self, field: &Field, to: &mut Writer<'_>) -> bool {
        match field.name.node.as_str() {
            "notes" => self.first_notes().is_some_and(|rows| to.nodes(rows, field)),
            _ => self.row.write_field(field, to),
        }
    }
}

impl WriteFields for note::Model {
    fn name() -> Cow<'static, str> {
        "Note".into()
    }

    fn write_field(&self, field: &Field, to: &mut Writer<'_>) -> bool {
        match field.name.node.as_str() {
            "id" => to.id(Kind::Note, self.id),
            "body" => to.text(&self.body),
            "visibility" => to.value_of(self.visibility),
            "version" => to.number(self.version),
            "createdAt" => to.instant(self.created_at),
            "updatedAt" => to.instant(self.updated_at),
            _ => false,
        }
    }
}

impl WriteFields for Note {
    fn name() -> Cow<'static, str> {
        "Note".into()
    }

    fn write_field(&self, field: &Field, to: &mut Writer<'_>) -> bool {
        self.row.write_field(field, to)
    }
}

/// Objects that the engine always resolves field by field: their lists are short or rare.
macro_rules! field_by_field {
    ($($object:ident)*) => {
        $(impl WriteFields for $object {
            fn name() -> Cow<'static, str> {
                stringify!($object).into()
            }

            fn write_field(&self, _: &Field, _: &mut Writer<'_>) -> bool {
                false
            }
        })*
    };
}

field_by_field!(BookingEvent Job User WebhookDelivery);
