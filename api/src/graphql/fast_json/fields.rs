//! Fields that objects can write without awaiting: columns and preloaded rows. The meaning of each
//! field is documented at its declaration.

use std::borrow::Cow;

use async_graphql::parser::types::Field;
use chrono::{DateTime, Utc};

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
    pub(crate) fn id(&mut self, kind: Kind, key: entity::Uuid) -> bool {
        let mut id = String::with_capacity(48);
        kind.write(key, &mut id);
        self.word(&id)
    }

    pub(super) fn instant(&mut self, instant: DateTime<Utc>) -> bool {
        self.word(&scalars::instant(instant))
    }

    /// A price in minor units: null when it is free.
    pub(super) fn price(&mut self, minor: i64, currency: &str, field: &Field) -> bool {
        match Money::price(minor, currency) {
            Some(price) => self.object(&price, field),
            None => self.null(),
        }
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

impl WriteFields for EventType {
    fn name() -> Cow<'static, str> {
        "EventType".into()
    }

    fn write_field(&self, field: &Field, to: &mut Writer<'_>) -> bool {
        self.row.write_field(field, to)
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
