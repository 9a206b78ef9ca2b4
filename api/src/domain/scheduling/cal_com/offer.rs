//! Converts an event type between our model and Cal.com's.

use entity::event_type::{
    AnswerKind, Lengths, LocationKind, Model, Question, Questions, Visibility, WindowKind,
};
use providers::cal_com::{
    Confirmation, EventLocation, EventType, EventTypeChange, EventTypeSettings, HorizonRule,
    Question as Field, Seats, Toggle,
};
use serde::Serialize;

/// The fields of an event type that both sides store. Price and cancellation policy are stored here
/// only: Cal.com's API has neither.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Offer {
    pub(crate) title: String,
    pub(crate) slug: String,
    pub(crate) description: Option<String>,
    pub(crate) length_minutes: i64,
    pub(crate) lengths: Vec<i64>,
    pub(crate) buffer_before: i64,
    pub(crate) buffer_after: i64,
    pub(crate) notice: i64,
    pub(crate) interval: Option<i64>,
    pub(crate) window: Horizon,
    pub(crate) location: (LocationWord, Option<String>),
    pub(crate) questions: Vec<Question>,
    pub(crate) requires_approval: bool,
    pub(crate) seats: i64,
    pub(crate) hidden: bool,
}

/// How far ahead clients can book.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum Horizon {
    Days(i64),
    Range(String, String),
    Unlimited,
}

/// A location type that both sides support.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum LocationWord {
    Video,
    Link,
    Phone,
    InPerson,
}

impl From<&Model> for Offer {
    fn from(row: &Model) -> Self {
        let window = match (
            row.window_kind,
            row.window_days,
            row.window_from,
            row.window_until,
        ) {
            (WindowKind::Days, Some(days), ..) => Horizon::Days(days.into()),
            (WindowKind::Range, _, Some(from), Some(until)) => {
                Horizon::Range(from.to_string(), until.to_string())
            }
            _ => Horizon::Unlimited,
        };
        let word = match row.location_kind {
            LocationKind::Video => LocationWord::Video,
            LocationKind::Link => LocationWord::Link,
            LocationKind::Phone => LocationWord::Phone,
            LocationKind::InPerson => LocationWord::InPerson,
        };
        Self {
            title: row.title.clone(),
            slug: row.slug.clone(),
            description: row.description.clone(),
            length_minutes: row.length_minutes.into(),
            lengths: row.lengths.0.iter().copied().map(i64::from).collect(),
            buffer_before: row.buffer_before_minutes.into(),
            buffer_after: row.buffer_after_minutes.into(),
            notice: row.minimum_notice_minutes.into(),
            interval: row.slot_interval_minutes.map(i64::from),
            window,
            location: (word, row.location_value.clone()),
            questions: row.questions.0.clone(),
            requires_approval: row.requires_approval,
            seats: row.seats.into(),
            hidden: row.visibility != Visibility::Public,
        }
    }
}

impl From<&EventType> for Offer {
    fn from(theirs: &EventType) -> Self {
        let settings = &theirs.settings;
        let mut lengths = settings
            .length_in_minutes_options
            .clone()
            .unwrap_or_default();
        lengths.push(theirs.length_in_minutes);
        lengths.sort_unstable();
        lengths.dedup();
        let fields = settings.booking_fields.iter().flatten();
        let fields = fields.filter(|field| !field.is_default && field.hidden != Some(true));
        Self {
            title: theirs.title.trim().to_owned(),
            slug: theirs.slug.clone(),
            description: settings
                .description
                .clone()
                .filter(|text| !text.trim().is_empty()),
            length_minutes: theirs.length_in_minutes,
            lengths,
            buffer_before: settings.before_event_buffer.unwrap_or_default(),
            buffer_after: settings.after_event_buffer.unwrap_or_default(),
            notice: settings.minimum_booking_notice.unwrap_or_default(),
            interval: settings.slot_interval.filter(|minutes| *minutes > 0),
            window: horizon(settings.booking_window.as_ref()),
            location: location(settings.locations.as_deref().unwrap_or_default()),
            questions: fields.filter_map(question).collect(),
            requires_approval: settings
                .confirmation_policy
                .as_ref()
                .is_some_and(|policy| policy.on().is_some()),
            seats: settings
                .seats
                .as_ref()
                .and_then(Toggle::on)
                .map_or(1, |seats| seats.seats_per_time_slot),
            hidden: settings.hidden.unwrap_or_default(),
        }
    }
}

fn horizon(window: Option<&Toggle<HorizonRule>>) -> Horizon {
    match window.and_then(Toggle::on) {
        // Our model has no business days; seven days have five of them.
        Some(HorizonRule::BusinessDays { value, .. }) => Horizon::Days(value.saturating_mul(7) / 5),
        Some(HorizonRule::CalendarDays { value, .. }) => Horizon::Days(*value),
        Some(HorizonRule::Range { value }) => match value.as_slice() {
            [from, until] => Horizon::Range(day(from), day(until)),
            _ => Horizon::Unlimited,
        },
        None => Horizon::Unlimited,
    }
}

/// Some API versions return an instant at midnight.
fn day(text: &str) -> String {
    text.split('T').next().unwrap_or_default().to_owned()
}

fn location(all: &[EventLocation]) -> (LocationWord, Option<String>) {
    match all.first() {
        Some(EventLocation::Link { link, .. }) => (LocationWord::Link, Some(link.clone())),
        Some(EventLocation::Phone { phone, .. }) => (LocationWord::Phone, Some(phone.clone())),
        Some(EventLocation::Address { address, .. }) => {
            (LocationWord::InPerson, Some(address.clone()))
        }
        _ => (LocationWord::Video, None),
    }
}

const KINDS: [(&str, AnswerKind); 7] = [
    ("text", AnswerKind::ShortText),
    ("textarea", AnswerKind::LongText),
    ("select", AnswerKind::SingleChoice),
    ("radio", AnswerKind::SingleChoice),
    ("multiselect", AnswerKind::MultipleChoice),
    ("boolean", AnswerKind::Boolean),
    ("number", AnswerKind::Number),
];

fn question(field: &Field) -> Option<Question> {
    let (_, kind) = KINDS
        .iter()
        .find(|(word, _)| Some(*word) == field.kind.as_deref())?;
    let key = field.slug.clone()?;
    Some(Question {
        label: field.label.clone().unwrap_or_else(|| key.clone()),
        key,
        kind: *kind,
        required: field.required.unwrap_or_default(),
        options: field.options.clone().unwrap_or_default(),
    })
}

fn field(question: &Question) -> Field {
    let (word, _) = KINDS
        .iter()
        .find(|(_, kind)| *kind == question.kind)
        .expect("the table has every kind of answer");
    let is_text = !matches!(
        question.kind,
        AnswerKind::Boolean | AnswerKind::MultipleChoice
    );
    Field {
        kind: Some((*word).to_owned()),
        slug: Some(question.key.clone()),
        label: Some(question.label.clone()),
        required: Some(question.required),
        // Cal.com requires a placeholder for text fields.
        placeholder: is_text.then(String::new),
        options: (!question.options.is_empty()).then(|| question.options.clone()),
        hidden: Some(false),
        ..Field::default()
    }
}

impl Offer {
    /// The change that brings Cal.com's event type to this state, given its current one.
    pub(crate) fn change(&self, there: Option<&EventType>) -> EventTypeChange {
        let before = there.map(Self::from);
        let settings = EventTypeSettings {
            length_in_minutes_options: self.options(before.as_ref()),
            description: Some(self.description.clone().unwrap_or_default()),
            locations: self.locations(before.as_ref()),
            booking_fields: self.fields(there),
            // Cal.com rejects null: an interval that follows the length is sent as the length.
            slot_interval: self
                .interval
                .or_else(|| before.as_ref()?.interval.map(|_| self.length_minutes)),
            minimum_booking_notice: Some(self.notice),
            before_event_buffer: Some(self.buffer_before),
            after_event_buffer: Some(self.buffer_after),
            booking_window: Some(match &self.window {
                // Rolling days would be counted otherwise, and are limited to 61.
                Horizon::Days(value) => Toggle::On(HorizonRule::CalendarDays {
                    value: *value,
                    rolling: Some(false),
                }),
                Horizon::Range(from, until) => Toggle::On(HorizonRule::Range {
                    value: vec![from.clone(), until.clone()],
                }),
                Horizon::Unlimited => Toggle::Off,
            }),
            confirmation_policy: Some(if self.requires_approval {
                Toggle::On(always())
            } else {
                Toggle::Off
            }),
            seats: Some(if self.seats > 1 {
                Toggle::On(Seats {
                    seats_per_time_slot: self.seats,
                    show_attendee_info: false,
                    show_availability_count: true,
                })
            } else {
                Toggle::Off
            }),
            hidden: Some(self.hidden),
            ..EventTypeSettings::default()
        };
        EventTypeChange {
            title: Some(self.title.clone()),
            slug: Some(self.slug.clone()),
            length_in_minutes: Some(self.length_minutes),
            settings,
        }
    }

    fn options(&self, before: Option<&Self>) -> Option<Vec<i64>> {
        let has_choice =
            self.lengths.len() > 1 || before.is_some_and(|before| before.lengths.len() > 1);
        has_choice.then(|| self.lengths.clone())
    }

    /// A video location keeps the app that was chosen there.
    fn locations(&self, before: Option<&Self>) -> Option<Vec<EventLocation>> {
        let value = || self.location.1.clone().unwrap_or_default();
        let location = match self.location.0 {
            LocationWord::Video
                if before.is_some_and(|before| before.location.0 == LocationWord::Video) =>
            {
                return None;
            }
            LocationWord::Video => EventLocation::Integration {
                integration: "cal-video".to_owned(),
            },
            LocationWord::Link => EventLocation::Link {
                link: value(),
                public: false,
            },
            LocationWord::InPerson => EventLocation::Address {
                address: value(),
                public: false,
            },
            LocationWord::Phone => {
                let phone = value()
                    .chars()
                    .filter(|letter| letter.is_ascii_digit() || *letter == '+')
                    .collect();
                EventLocation::Phone {
                    phone,
                    public: false,
                }
            }
        };
        Some(vec![location])
    }

    /// All our questions; those at Cal.com that our model cannot express stay.
    fn fields(&self, there: Option<&EventType>) -> Option<Vec<Field>> {
        let all = there
            .and_then(|there| there.settings.booking_fields.as_deref())
            .unwrap_or_default();
        let own: Vec<&Field> = all.iter().filter(|field| !field.is_default).collect();
        if own.is_empty() && self.questions.is_empty() {
            return None;
        }
        let strange = own
            .into_iter()
            .filter(|field| question(field).is_none())
            .cloned();
        Some(self.questions.iter().map(field).chain(strange).collect())
    }

    /// Writes this state into our row. A hidden event type becomes unlisted; one that is shown
    /// keeps its visibility here.
    pub(crate) fn apply(self, row: &mut Model) {
        let small = |number: i64| i32::try_from(number).unwrap_or(i32::MAX);
        row.title = self.title.chars().take(120).collect();
        row.slug = self.slug;
        row.description = self.description;
        row.length_minutes = small(self.length_minutes);
        row.lengths = Lengths(self.lengths.into_iter().map(small).collect());
        row.buffer_before_minutes = small(self.buffer_before);
        row.buffer_after_minutes = small(self.buffer_after);
        row.minimum_notice_minutes = small(self.notice);
        row.slot_interval_minutes = self.interval.map(small);
        (
            row.window_kind,
            row.window_days,
            row.window_from,
            row.window_until,
        ) = match self.window {
            Horizon::Days(days) => (WindowKind::Days, Some(small(days)), None, None),
            Horizon::Range(from, until) => (
                WindowKind::Range,
                None,
                from.parse().ok(),
                until.parse().ok(),
            ),
            Horizon::Unlimited => (WindowKind::Unlimited, None, None, None),
        };
        row.location_kind = match self.location.0 {
            LocationWord::Video => LocationKind::Video,
            LocationWord::Link => LocationKind::Link,
            LocationWord::Phone => LocationKind::Phone,
            LocationWord::InPerson => LocationKind::InPerson,
        };
        row.location_value = self.location.1;
        row.questions = Questions(self.questions);
        row.requires_approval = self.requires_approval;
        row.seats = small(self.seats);
        if self.hidden && row.visibility == Visibility::Public {
            row.visibility = Visibility::Unlisted;
        }
    }
}

fn always() -> Confirmation {
    Confirmation {
        kind: "always".to_owned(),
        notice_threshold: None,
        // A pending request blocks its time.
        block_unconfirmed_bookings_in_booker: Some(true),
    }
}
