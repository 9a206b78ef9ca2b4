//! Input objects of event types.

use async_graphql::{ID, InputObject, MaybeUndefined};
use entity::event_type::{
    AnswerKind, Kind as EventTypeKind, LocationKind, Policy, PolicyTier, Question, Questions,
    Visibility, WindowKind,
};

use crate::domain::{self, event_type};
use crate::graphql::id::Kind;
use crate::graphql::money::MoneyInput;
use crate::graphql::scalars::LocalDate;

/// How far ahead an event type can be booked, in the zone of the coach's hours.
#[derive(Clone, Debug, InputObject)]
pub struct BookingWindowInput {
    /// How it is limited.
    pub kind: WindowKind,
    /// Calendar days after today, 1 to 730; needed with DAYS, and only there.
    pub days: Option<i32>,
    /// First day; needed with RANGE, and only there.
    pub from: Option<LocalDate>,
    /// Last day; needed with RANGE, and only there.
    pub until: Option<LocalDate>,
}

/// Where sessions take place.
#[derive(Clone, Debug, InputObject)]
pub struct LocationInput {
    /// The way to meet.
    pub kind: LocationKind,
    /// https link, phone number with country code, or address; none for VIDEO, whose link the system makes.
    pub value: Option<String>,
}

/// A question that is asked when booking.
#[derive(Clone, Debug, InputObject)]
pub struct IntakeQuestionInput {
    /// Stable within the event type: 1 to 64 letters, digits, hyphens and underscores.
    pub key: String,
    /// The question, 1 to 300 characters.
    pub label: String,
    /// Kind of answer.
    pub kind: AnswerKind,
    /// Whether an answer is needed.
    #[graphql(default)]
    pub is_required: bool,
    /// What can be chosen: 2 to 50 for a choice, none otherwise.
    #[graphql(default)]
    pub options: Vec<String>,
}

/// One step of a cancellation policy.
#[derive(Clone, Debug, InputObject)]
pub struct CancellationTierInput {
    /// Holds while at least so many hours are left before the start, 0 to 8760.
    pub hours_before: i32,
    /// Share of the price that is given back, 0 to 100.
    pub refund_percent: i32,
}

/// What cancelling gives back.
#[derive(Clone, Debug, InputObject)]
pub struct CancellationPolicyInput {
    /// At most 10, the most hours first, giving back less and less. None means that nothing is given back.
    #[graphql(default)]
    pub tiers: Vec<CancellationTierInput>,
    /// How often a client may move a booking, 0 to 100; without limit when left out.
    pub max_moves: Option<i32>,
}

/// The terms of an event type. On create, an omitted field takes its default; on update it is
/// unchanged, and null clears a nullable field.
#[derive(Clone, Debug, InputObject)]
pub struct EventTypeTermsInput {
    /// What it is about, as Markdown, at most 10,000 characters.
    pub description: MaybeUndefined<String>,
    /// What its bookings are for; SESSION in a new one. VERIFICATION only by staff.
    pub kind: Option<EventTypeKind>,
    /// Whether and where it is shown; PUBLIC in a new one.
    pub visibility: Option<Visibility>,
    /// All lengths, each 5 to 1440 minutes in steps of 5, at most 20, the default among them; the default alone in a new one.
    pub lengths_minutes: Option<Vec<i32>>,
    /// Price; null or zero is free.
    pub price: MaybeUndefined<MoneyInput>,
    /// Free time kept before the start, 0 to 1440 minutes.
    pub buffer_before_minutes: Option<i32>,
    /// Free time kept after the end, 0 to 1440 minutes.
    pub buffer_after_minutes: Option<i32>,
    /// Shortest time between booking and start, 0 to 525600 minutes.
    pub minimum_notice_minutes: Option<i32>,
    /// Distance of starts, 5 to 1440 minutes; null means the length.
    pub slot_interval_minutes: MaybeUndefined<i32>,
    /// How far ahead it can be booked; 60 days in a new one.
    pub window: Option<BookingWindowInput>,
    /// Where sessions take place; VIDEO in a new one.
    pub location: Option<LocationInput>,
    /// All questions, at most 30, in their order.
    pub questions: Option<Vec<IntakeQuestionInput>>,
    /// What cancelling gives back.
    pub policy: Option<CancellationPolicyInput>,
    /// Whether the coach accepts each booking by hand.
    pub requires_approval: Option<bool>,
    /// The hours it follows, one of the coach's schedules; null means the default one.
    pub schedule_id: MaybeUndefined<ID>,
}

impl EventTypeTermsInput {
    fn read(self) -> domain::Result<event_type::Changes> {
        let schedule_id = match self.schedule_id {
            MaybeUndefined::Undefined => None,
            MaybeUndefined::Null => Some(None),
            MaybeUndefined::Value(id) => Some(Some(Kind::Schedule.key("scheduleId", &id)?)),
        };
        Ok(event_type::Changes {
            title: None,
            slug: None,
            length_minutes: None,
            description: self.description.into(),
            kind: self.kind,
            visibility: self.visibility,
            lengths_minutes: self.lengths_minutes,
            price: self.price.map_value(MoneyInput::read).into(),
            buffer_before_minutes: self.buffer_before_minutes,
            buffer_after_minutes: self.buffer_after_minutes,
            minimum_notice_minutes: self.minimum_notice_minutes,
            slot_interval_minutes: self.slot_interval_minutes.into(),
            window: self.window.map(BookingWindowInput::read),
            location: self.location.map(|location| event_type::Location {
                kind: location.kind,
                value: location.value,
            }),
            questions: self.questions.map(questions),
            policy: self.policy.map(CancellationPolicyInput::read),
            requires_approval: self.requires_approval,
            schedule_id,
        })
    }
}

impl BookingWindowInput {
    fn read(self) -> event_type::Window {
        event_type::Window {
            kind: self.kind,
            days: self.days,
            from: self.from.map(|date| date.0),
            until: self.until.map(|date| date.0),
        }
    }
}

fn questions(questions: Vec<IntakeQuestionInput>) -> Questions {
    let read = |question: IntakeQuestionInput| Question {
        key: question.key,
        label: question.label,
        kind: question.kind,
        required: question.is_required,
        options: question.options,
    };
    Questions(questions.into_iter().map(read).collect())
}

impl CancellationPolicyInput {
    fn read(self) -> Policy {
        let read = |tier: CancellationTierInput| PolicyTier {
            hours_before: tier.hours_before,
            refund_percent: tier.refund_percent,
        };
        Policy {
            tiers: self.tiers.into_iter().map(read).collect(),
            max_moves: self.max_moves,
        }
    }
}

/// Input of createEventType.
#[derive(Clone, Debug, InputObject)]
pub struct CreateEventTypeInput {
    /// The coach; the viewer when left out.
    pub coach_id: Option<ID>,
    /// Name, 1 to 120 characters.
    pub title: String,
    /// Part of the public address, unique per coach: 1 to 64 of a-z, 0-9 and hyphens.
    pub slug: String,
    /// Default length, 5 to 1440 minutes in steps of 5.
    pub length_minutes: i32,
    #[graphql(flatten)]
    pub terms: EventTypeTermsInput,
}

impl CreateEventTypeInput {
    pub(super) fn read(self) -> domain::Result<event_type::Create> {
        Ok(event_type::Create {
            coach_id: Kind::Coach.find_key("coachId", self.coach_id.as_ref())?,
            changes: event_type::Changes {
                title: Some(self.title),
                slug: Some(self.slug),
                length_minutes: Some(self.length_minutes),
                ..self.terms.read()?
            },
        })
    }
}

/// Input of updateEventType. What is left out stays; null empties, where there may be nothing.
#[derive(Clone, Debug, InputObject)]
pub struct UpdateEventTypeInput {
    /// The event type.
    pub event_type_id: ID,
    /// Name, 1 to 120 characters.
    pub title: Option<String>,
    /// Part of the public address, unique per coach: 1 to 64 of a-z, 0-9 and hyphens.
    pub slug: Option<String>,
    /// Default length, 5 to 1440 minutes in steps of 5.
    pub length_minutes: Option<i32>,
    #[graphql(flatten)]
    pub terms: EventTypeTermsInput,
    /// The version the caller has seen: refuses to change an event type that has changed since.
    pub version: Option<i64>,
}

impl UpdateEventTypeInput {
    pub(super) fn read(self) -> domain::Result<event_type::Update> {
        Ok(event_type::Update {
            event_type_id: Kind::EventType.key("eventTypeId", &self.event_type_id)?,
            changes: event_type::Changes {
                title: self.title,
                slug: self.slug,
                length_minutes: self.length_minutes,
                ..self.terms.read()?
            },
            version: self.version,
        })
    }
}

/// Input of archiveEventType.
#[derive(Clone, Debug, InputObject)]
pub struct ArchiveEventTypeInput {
    /// The event type.
    pub event_type_id: ID,
}

/// Input of setEventTypeHosts.
#[derive(Clone, Debug, InputObject)]
pub struct SetEventTypeHostsInput {
    /// The event type.
    pub event_type_id: ID,
    /// Who gives its sessions besides the coach who offers it, in the order to show them; at most 50.
    pub coach_ids: Vec<ID>,
    /// The version the caller has seen: refuses to change an event type that has changed since.
    pub version: Option<i64>,
}

impl SetEventTypeHostsInput {
    pub(super) fn read(self) -> domain::Result<(entity::Uuid, Vec<entity::Uuid>, Option<i64>)> {
        let event_type_id = Kind::EventType.key("eventTypeId", &self.event_type_id)?;
        let coach_ids = self.coach_ids.iter().enumerate();
        let coach_ids =
            coach_ids.map(|(index, id)| Kind::Coach.key(&format!("coachIds.{index}"), id));
        Ok((
            event_type_id,
            coach_ids.collect::<domain::Result<_>>()?,
            self.version,
        ))
    }
}
