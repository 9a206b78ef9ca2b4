//! The demo data: event types, and the bookings made of them.

use chrono::{DateTime, Utc};
use courtside::graphql::id::Kind;
use courtside::graphql::scalars::instant;
use courtside::outbox::sequence;
use entity::{booking, booking_event, coach, event_type, session};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
};
use serde_json::{Value, json};

use crate::actors::key;
use crate::app::TestApp;

/// Something to book.
#[derive(Clone, Debug)]
pub struct Offer {
    pub coach: coach::Model,
    pub event_type: event_type::Model,
}

impl Offer {
    /// Its global id.
    #[must_use]
    pub fn id(&self) -> String {
        Kind::EventType.id(self.event_type.id).to_string()
    }

    /// The global id of the coach.
    #[must_use]
    pub fn coach_id(&self) -> String {
        Kind::Coach.id(self.coach.id).to_string()
    }

    /// The input of `createBooking` for a start, with a key of its own.
    #[must_use]
    pub fn order(&self, starts_at: DateTime<Utc>) -> Value {
        json!({
            "idempotencyKey": key(),
            "eventTypeId": self.id(),
            "startsAt": instant(starts_at),
            "timeZone": "America/Chicago",
        })
    }
}

impl TestApp {
    /// What a coach offers under a slug: `coaching-60` and `intro-20` of everyone,
    /// `verification-30` of nora.
    pub async fn offer(&self, coach: &str, slug: &str) -> Offer {
        let coach = self.profile(coach).await;
        let event_type = event_type::Entity::find()
            .filter(event_type::Column::CoachId.eq(coach.id))
            .filter(event_type::Column::Slug.eq(slug))
            .one(self.db().read())
            .await
            .expect("the database answers");
        Offer {
            event_type: event_type.unwrap_or_else(|| panic!("no {slug} is offered")),
            coach,
        }
    }

    /// Changes an event type behind everyone's back.
    pub async fn edit_offer(&self, offer: &Offer, edit: impl FnOnce(&mut event_type::Model)) {
        let mut row = offer.event_type.clone();
        edit(&mut row);
        row.into_active_model()
            .reset_all()
            .update(self.db().write_one())
            .await
            .expect("the row is sound");
    }

    /// The row of a booking, by its global id.
    pub async fn booking(&self, id: &str) -> booking::Model {
        let key = Kind::Booking
            .key("id", &id.into())
            .unwrap_or_else(|_| panic!("{id} is the id of no booking"));
        let found = booking::Entity::find_by_id(key)
            .one(self.db().read())
            .await
            .expect("the database answers");
        found.unwrap_or_else(|| panic!("there is no {id}"))
    }

    /// The session that a booking leads to, by the booking's global id.
    pub async fn session_of(&self, id: &str) -> Option<session::Model> {
        let found = session::Entity::find_by_booking(self.booking(id).await.id)
            .one(self.db().read())
            .await;
        found.expect("the database answers")
    }

    /// Every booking there is, by id.
    pub async fn bookings(&self) -> Vec<booking::Model> {
        let all = booking::Entity::find()
            .order_by_asc(booking::Column::Id)
            .all(self.db().read())
            .await;
        all.expect("the database answers")
    }

    /// The whole history, in order.
    pub async fn history(&self) -> Vec<booking_event::Model> {
        sequence::place_all(self.db())
            .await
            .expect("the database answers");
        let all = booking_event::Entity::find().order_by_asc(booking_event::Column::Seq);
        all.all(self.db().read())
            .await
            .expect("the database answers")
    }
}
