//! The event type object.

use async_graphql::{Context, ID, Lookahead, Object, SimpleObject};
use entity::event_type::{
    AnswerKind, Kind as EventTypeKind, LocationKind, Model, Question, Visibility, WindowKind,
};

use crate::domain::coach::is_managed_by;
use crate::graphql::booking::CancellationPolicy;
use crate::graphql::coach::Coach;
use crate::graphql::context::caller;
use crate::graphql::error::Result;
use crate::graphql::fast_json::{Columns, columns};
use crate::graphql::id::Kind;
use crate::graphql::loaders::{CoachById, HostsOf, Loaders, MirrorOf, ScheduleById};
use crate::graphql::money::Money;
use crate::graphql::scalars::{DateTime, LocalDate};
use crate::graphql::schedule::Schedule;
use crate::graphql::sync::CalendarSync;

/// Something that can be booked with a coach.
#[derive(Clone, async_graphql::Description)]
pub struct EventType {
    pub(crate) row: Model,
    /// The coach, when the parent field has already loaded it.
    coach: Option<Coach>,
}

impl EventType {
    pub(crate) fn new(row: Model) -> Self {
        Self { row, coach: None }
    }

    pub(crate) fn with_coach(self, coach: Coach) -> Self {
        Self {
            coach: Some(coach),
            ..self
        }
    }

    async fn owner(&self, ctx: &Context<'_>) -> Result<Option<Coach>> {
        if self.coach.is_some() {
            return Ok(self.coach.clone());
        }
        let found = ctx
            .data_unchecked::<Loaders>()
            .load_one(CoachById(self.row.coach_id))
            .await?;
        Ok(found.map(Coach::new))
    }
}

columns! {
    "EventType" of Model, Kind::EventType => {
        /// Part of the public address, unique per coach.
        slug: &str = slug,
        /// Name.
        title: &str = title,
        /// What it is about, as Markdown.
        description: Option<&str> = description,
        /// What its bookings are for.
        kind: EventTypeKind = kind,
        /// Whether and where it is shown.
        visibility: Visibility = visibility,
        /// Default length in minutes.
        lengthMinutes: i32 = length_minutes,
        /// Price; null when free.
        price: Option<Money> = price_minor currency,
        /// Whether the coach accepts each booking by hand.
        requiresApproval: bool = requires_approval,
        /// Grows by one with each change; give it back on update.
        version: i64 = version,
        /// When it was made.
        createdAt: DateTime = created_at,
        /// Last change.
        updatedAt: DateTime = updated_at,
    }
}

#[Object(use_type_description)]
impl EventType {
    /// Global id.
    pub(crate) async fn id(&self) -> ID {
        Kind::EventType.id(self.row.id)
    }

    #[graphql(flatten)]
    async fn columns(&self) -> Columns<'_, Model> {
        Columns(&self.row)
    }

    /// The coach who offers it.
    async fn coach(&self, ctx: &Context<'_>) -> Option<Result<Coach>> {
        self.owner(ctx).await.transpose()
    }

    /// Everyone who gives its sessions: the coach who offers it, then the others.
    async fn hosts(&self, ctx: &Context<'_>) -> Result<Vec<Coach>> {
        let others = ctx
            .data_unchecked::<Loaders>()
            .load_one(HostsOf(self.row.id))
            .await?
            .unwrap_or_default();
        let others = others
            .into_iter()
            .filter(|host| host.id != self.row.coach_id)
            .map(Coach::new);
        Ok(self.owner(ctx).await?.into_iter().chain(others).collect())
    }

    /// All lengths that the client may choose from, in minutes, ascending; the default is among them.
    async fn lengths_minutes(&self) -> &[i32] {
        &self.row.lengths.0
    }

    /// Free time kept before the start, in minutes.
    async fn buffer_before_minutes(&self) -> i32 {
        self.row.buffer_before_minutes
    }

    /// Free time kept after the end, in minutes.
    async fn buffer_after_minutes(&self) -> i32 {
        self.row.buffer_after_minutes
    }

    /// Shortest time between booking and start, in minutes.
    async fn minimum_notice_minutes(&self) -> i32 {
        self.row.minimum_notice_minutes
    }

    /// Distance of starts in minutes; null means the length.
    async fn slot_interval_minutes(&self) -> Option<i32> {
        self.row.slot_interval_minutes
    }

    /// How far ahead it can be booked.
    async fn booking_window(&self) -> BookingWindow {
        BookingWindow {
            kind: self.row.window_kind,
            days: self.row.window_days,
            from: self.row.window_from.map(LocalDate),
            until: self.row.window_until.map(LocalDate),
        }
    }

    /// The way to meet.
    async fn location_kind(&self) -> LocationKind {
        self.row.location_kind
    }

    /// Link, phone number or address; null unless the caller is the coach or staff. Clients find it on their booking.
    async fn location_value(&self, ctx: &Context<'_>) -> Option<&str> {
        self.row
            .location_value
            .as_deref()
            .filter(|_| is_managed_by(caller(ctx), self.row.coach_id))
    }

    /// Questions that are asked when booking, in their order.
    async fn questions(&self) -> Vec<IntakeQuestion> {
        self.row
            .questions
            .0
            .iter()
            .cloned()
            .map(IntakeQuestion::new)
            .collect()
    }

    /// What cancelling gives back, and how often a booking may be moved.
    async fn cancellation_policy(&self) -> CancellationPolicy {
        CancellationPolicy::new(&self.row.policy)
    }

    /// Most clients in one slot; 1 is one-to-one.
    async fn seats(&self) -> i32 {
        self.row.seats
    }

    /// The hours it follows; null for the coach's default schedule, and for anyone but the coach and staff.
    async fn schedule(&self, ctx: &Context<'_>) -> Option<Result<Schedule>> {
        let id = self
            .row
            .schedule_id
            .filter(|_| is_managed_by(caller(ctx), self.row.coach_id))?;
        let found = ctx
            .data_unchecked::<Loaders>()
            .load_one(ScheduleById(id))
            .await;
        found
            .map(|row| row.map(Schedule::new))
            .map_err(Into::into)
            .transpose()
    }

    /// How it stands to its like in the coach's own calendar; null when it has none there, and for anyone but the coach and staff.
    async fn calendar_sync(&self, ctx: &Context<'_>) -> Option<Result<CalendarSync>> {
        if !is_managed_by(caller(ctx), self.row.coach_id) {
            return None;
        }
        let found = ctx
            .data_unchecked::<Loaders>()
            .load_one(MirrorOf(self.row.id))
            .await;
        found
            .map(|row| row.map(CalendarSync::new))
            .map_err(Into::into)
            .transpose()
    }

    /// Whether the viewer may edit it.
    async fn viewer_can_edit(&self, ctx: &Context<'_>) -> bool {
        is_managed_by(caller(ctx), self.row.coach_id)
    }
}

/// Primes the loaders with the related rows that the selection of event types needs.
pub(crate) async fn prime_loaders<'e>(
    ctx: &Context<'_>,
    selection: Lookahead<'_>,
    event_types: impl Iterator<Item = &'e Model> + Clone,
) -> Result<()> {
    let loaders = ctx.data_unchecked::<Loaders>();
    if selection.field("hosts").exists() {
        loaders
            .load_many(event_types.clone().map(|row| HostsOf(row.id)))
            .await?;
    }
    if selection.field("schedule").exists() {
        let managed = event_types.filter(|row| is_managed_by(caller(ctx), row.coach_id));
        loaders
            .load_many(managed.filter_map(|row| row.schedule_id.map(ScheduleById)))
            .await?;
    }
    Ok(())
}

/// How far ahead an event type can be booked, in the zone of the coach's hours.
#[derive(SimpleObject)]
pub struct BookingWindow {
    /// How it is limited.
    kind: WindowKind,
    /// Calendar days after today; only with DAYS.
    days: Option<i32>,
    /// First day; only with RANGE.
    from: Option<LocalDate>,
    /// Last day; only with RANGE.
    until: Option<LocalDate>,
}

/// A question that is asked when booking.
#[derive(SimpleObject)]
pub struct IntakeQuestion {
    /// Stable within the event type.
    key: String,
    /// The question.
    label: String,
    /// Kind of answer.
    kind: AnswerKind,
    /// Whether an answer is needed.
    is_required: bool,
    /// What can be chosen; empty unless it is a choice.
    options: Vec<String>,
}

impl IntakeQuestion {
    fn new(question: Question) -> Self {
        Self {
            key: question.key,
            label: question.label,
            kind: question.kind,
            is_required: question.required,
            options: question.options,
        }
    }
}
