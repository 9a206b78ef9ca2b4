//! The booking object.

use async_graphql::{ComplexObject, Context, ID, Object, SimpleObject};
use entity::booking::{Approval, Conflict, Model, Status};
use entity::booking_event::ActorKind;
use entity::coach::Scheduler;
use entity::event_type::{AnswerKind, Kind as EventTypeKind, LocationKind, PolicyTier};
use futures_util::TryFutureExt;

use super::event::BookingEvent;
use crate::domain::answers;
use crate::domain::booking::{self, Action};
use crate::graphql::coach::Coach;
use crate::graphql::connection::{Connection, page};
use crate::graphql::context::{app, caller};
use crate::graphql::error::Result;
use crate::graphql::event_type::EventType;
use crate::graphql::fast_json::{Columns, columns};
use crate::graphql::id::Kind;
use crate::graphql::loaders::{
    CoachById, EventTypeById, IsConnected, IsPaid, Loaders, SessionByBooking, UserById,
};
use crate::graphql::money::Money;
use crate::graphql::scalars::{DateTime, EmailAddress, TimeZone, Url};
use crate::graphql::session::Session;
use crate::graphql::user::User;

/// One client, one event type, one time. Moving it keeps its identity.
#[derive(async_graphql::Description)]
pub struct Booking {
    pub(crate) row: Model,
    /// Preloaded for the whole list; `None` when the selection does not need it.
    pub(crate) coach: Option<Coach>,
    pub(crate) event_type: Option<EventType>,
    pub(crate) session: Option<Option<Session>>,
}

impl Booking {
    pub(crate) fn new(row: Model) -> Self {
        Self {
            row,
            coach: None,
            event_type: None,
            session: None,
        }
    }
}

columns! {
    "Booking" of Model, Kind::Booking => {
        /// Short code for people and support, for example CS-7F3K2Q8M.
        reference: &str = reference,
        /// Where it stands.
        status: Status = status,
        /// Grows by one with each change. Drop anything with a lower one than you hold.
        version: i64 = version,
        /// What it is for.
        kind: EventTypeKind = kind,
        /// Start.
        startsAt: DateTime = starts_at,
        /// End.
        endsAt: DateTime = ends_at,
        /// Length in minutes.
        durationMinutes: i64 = starts_at ends_at,
        /// The zone the client booked in.
        clientTimeZone: TimeZone = client_time_zone,
        /// The client's name, as given when booking.
        clientName: &str = client_name,
        /// The address it was made for.
        clientEmail: Option<EmailAddress> = client_email,
        /// Price as agreed when booked; null when free.
        price: Option<Money> = price_minor currency,
        /// The coach's word, where the event type asks for it.
        approval: Approval = approval,
        /// How often it was moved.
        moves: i32 = moves,
        /// When it was made.
        createdAt: DateTime = created_at,
        /// Last change.
        updatedAt: DateTime = updated_at,
    }
}

#[Object(use_type_description)]
impl Booking {
    /// Global id.
    pub(crate) async fn id(&self) -> ID {
        Kind::Booking.id(self.row.id)
    }

    #[graphql(flatten)]
    async fn columns(&self) -> Columns<'_, Model> {
        Columns(&self.row)
    }

    /// Start on the clocks of a zone, as RFC 3339 with its offset.
    async fn starts_at_local(
        &self,
        #[graphql(desc = "The zone; the client's when left out.")] time_zone: Option<TimeZone>,
    ) -> String {
        self.local(self.row.starts_at, time_zone)
    }

    /// End on the clocks of a zone, as RFC 3339 with its offset.
    async fn ends_at_local(
        &self,
        #[graphql(desc = "The zone; the client's when left out.")] time_zone: Option<TimeZone>,
    ) -> String {
        self.local(self.row.ends_at, time_zone)
    }

    /// What was booked.
    async fn event_type(&self, ctx: &Context<'_>) -> Option<Result<EventType>> {
        if let Some(found) = &self.event_type {
            return Some(Ok(found.clone()));
        }
        let found = ctx
            .data_unchecked::<Loaders>()
            .load_one(EventTypeById(self.row.event_type_id))
            .await;
        found
            .map(|row| row.map(EventType::new))
            .map_err(Into::into)
            .transpose()
    }

    /// The coach.
    async fn coach(&self, ctx: &Context<'_>) -> Option<Result<Coach>> {
        if let Some(found) = &self.coach {
            return Some(Ok(found.clone()));
        }
        let found = ctx
            .data_unchecked::<Loaders>()
            .load_one(CoachById(self.row.coach_id))
            .await;
        found
            .map(|row| row.map(Coach::new))
            .map_err(Into::into)
            .transpose()
    }

    /// The client's account; null while nobody has signed up with the address the booking was made for.
    async fn client(&self, ctx: &Context<'_>) -> Option<Result<User>> {
        let found = ctx
            .data_unchecked::<Loaders>()
            .load_one(UserById(self.row.client_id?))
            .await;
        found
            .map(|row| row.map(User))
            .map_err(Into::into)
            .transpose()
    }

    /// Where it takes place.
    async fn location(&self, ctx: &Context<'_>) -> BookingLocation {
        let shown = booking::shows_place(caller(ctx), &self.row);
        BookingLocation {
            kind: self.row.location_kind,
            value: self.row.location_value.clone().filter(|_| shown),
            join_url: self.row.join_url.clone().filter(|_| shown).map(Url),
        }
    }

    /// Answers to the questions of the event type.
    async fn answers(&self, ctx: &Context<'_>) -> Result<Vec<BookingAnswer>> {
        let answers = answers::open(&app(ctx).vault, self.row.id, &self.row.answers)?.into_iter();
        let shown = |answer: entity::booking::Answer| BookingAnswer {
            key: answer.key,
            label: answer.label,
            kind: answer.kind,
            values: answer.values,
        };
        Ok(answers.map(shown).collect())
    }

    /// Addresses of the others who are invited; for those who take part.
    async fn guests(&self) -> Vec<EmailAddress> {
        self.row
            .guests
            .0
            .iter()
            .cloned()
            .map(EmailAddress)
            .collect()
    }

    /// Until when it must be paid; null unless a payment is due.
    async fn payment_deadline(&self) -> Option<DateTime> {
        self.row.payment_deadline.map(DateTime)
    }

    /// The cancellation policy as agreed when booked.
    async fn cancellation_policy(&self) -> CancellationPolicy {
        CancellationPolicy::new(&self.row.policy)
    }

    /// What cancelling would give back, and when that changes.
    async fn cancellation_quote(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "When it would be cancelled; now when left out.")] at: Option<DateTime>,
    ) -> Result<CancellationQuote> {
        let at = at.map_or_else(|| app(ctx).clock.now(), |at| at.0);
        let is_paid = ctx
            .data_unchecked::<Loaders>()
            .load_one(IsPaid(self.row.id));
        let quote =
            booking::quote(&self.row, at, is_paid.map_ok(Option::unwrap_or_default)).await?;
        Ok(CancellationQuote {
            refund_percent: quote.refund_percent,
            refund: Money::new(quote.refund_minor, &self.row.currency),
            changes_at: quote.changes_at.map(DateTime),
        })
    }

    /// Why it was cancelled, as given.
    async fn cancellation_reason(&self) -> Option<&str> {
        self.row.cancellation_reason.as_deref()
    }

    /// When it was cancelled.
    async fn canceled_at(&self) -> Option<DateTime> {
        self.row.canceled_at.map(DateTime)
    }

    /// Who owned the coach's time when it was made.
    async fn scheduler(&self) -> Scheduler {
        self.row.scheduler
    }

    /// Why it cannot stand although a scheduler has accepted it; such a booking takes no time and waits for staff.
    async fn conflict(&self) -> Option<Conflict> {
        self.row.conflict
    }

    /// The session it leads to; null before the first confirmation.
    async fn session(&self, ctx: &Context<'_>) -> Option<Result<Session>> {
        if let Some(found) = &self.session {
            return found.clone().map(Ok);
        }
        let found = ctx
            .data_unchecked::<Loaders>()
            .load_one(SessionByBooking(self.row.id))
            .await;
        found
            .map(|row| row.map(|row| Session::new(row, self.row.clone())))
            .map_err(Into::into)
            .transpose()
    }

    /// What happened to it, newest first.
    async fn history(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Items from the start, 1 to 100. Give first or last, not both; without either, 20 are returned."
        )]
        first: Option<i32>,
        #[graphql(desc = "Only items after this cursor.")] after: Option<String>,
        #[graphql(desc = "Items from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only items before this cursor.")] before: Option<String>,
    ) -> Result<Connection<BookingEvent>> {
        let lines =
            booking::history(app(ctx), &self.row, &page(first, after, last, before)).await?;
        Ok(Connection::new(lines, BookingEvent))
    }

    /// As which side the caller sees it.
    async fn viewer_role(&self, ctx: &Context<'_>) -> Option<ActorKind> {
        booking::side_of(caller(ctx), &self.row)
    }

    /// What the caller may do with it now.
    async fn allowed_actions(&self, ctx: &Context<'_>) -> Result<Vec<Action>> {
        let is_reachable = match self.row.scheduler {
            Scheduler::Native => true,
            _ => ctx
                .data_unchecked::<Loaders>()
                .load_one(IsConnected(self.row.coach_id, self.row.scheduler))
                .await?
                .unwrap_or(false),
        };
        Ok(booking::allowed_actions(
            caller(ctx),
            &self.row,
            is_reachable,
            app(ctx).clock.now(),
        ))
    }
}

impl Booking {
    fn local(&self, instant: chrono::DateTime<chrono::Utc>, zone: Option<TimeZone>) -> String {
        let zone = zone.unwrap_or_else(|| TimeZone::stored(&self.row.client_time_zone));
        instant
            .with_timezone(&zone.0)
            .to_rfc3339_opts(chrono::SecondsFormat::Secs, false)
    }
}

/// Where a booking takes place.
#[derive(SimpleObject)]
pub struct BookingLocation {
    /// The way to meet.
    kind: LocationKind,
    /// Link, address or number; null where the system makes the link, and for the client unless the booking is confirmed.
    value: Option<String>,
    /// Link to join; null until there is one, for the client until the booking is confirmed, and once it no longer stands.
    join_url: Option<Url>,
}

/// An answer to a question, with the question as it was asked.
#[derive(SimpleObject)]
pub struct BookingAnswer {
    /// Stable key of the question within the event type.
    key: String,
    /// The question.
    label: String,
    /// Kind of answer.
    kind: AnswerKind,
    /// The answers; one unless several choices were allowed.
    values: Vec<String>,
}

/// What cancelling at an instant gives back.
#[derive(SimpleObject)]
pub struct CancellationQuote {
    /// Share of the price, 0 to 100.
    refund_percent: i32,
    /// The amount, rounded down.
    refund: Money,
    /// When the share gets smaller; null when it will not.
    changes_at: Option<DateTime>,
}

/// What cancelling gives back: of the tiers that still fit, the best one counts; none means nothing.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct CancellationPolicy {
    #[graphql(skip)]
    tiers: Vec<PolicyTier>,
    /// How often a client may move a booking; null means without limit.
    max_moves: Option<i32>,
}

impl CancellationPolicy {
    pub(crate) fn new(policy: &entity::event_type::Policy) -> Self {
        Self {
            tiers: policy.tiers.clone(),
            max_moves: policy.max_moves,
        }
    }
}

#[ComplexObject]
impl CancellationPolicy {
    /// The tiers, the most hours first.
    async fn tiers(&self) -> Vec<CancellationTier> {
        let shown = |tier: &PolicyTier| CancellationTier {
            hours_before: tier.hours_before,
            refund_percent: tier.refund_percent,
        };
        self.tiers.iter().map(shown).collect()
    }
}

/// One step of a cancellation policy.
#[derive(SimpleObject)]
pub struct CancellationTier {
    /// Holds while at least so many hours are left before the start.
    hours_before: i32,
    /// Share of the price that is given back, 0 to 100.
    refund_percent: i32,
}
