//! Creates and changes event types. Existing bookings keep the terms they were made under.

use chrono::{DateTime, NaiveDate, Utc};
use entity::event_type::{
    Column, Entity, Kind, Lengths, LocationKind, Model, Policy, Questions, Visibility, WindowKind,
};
use entity::{Uuid, schedule};
use sea_orm::ActiveValue::Unchanged;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter,
    QuerySelect,
};

use super::check::{MAX_PRICE_MINOR, check};
use super::no_event_type;
use crate::app::App;
use crate::db::Txn;
use crate::domain::coach::{self, acting_for, manages};
use crate::domain::money::{self, MoneyError, Price};
use crate::domain::scheduling;
use crate::domain::text::{Problems, filled};
use crate::domain::{Author, Caller, Command, Conflict, Error, Person, Result};

/// Maximum number of event types of a coach, archived ones included.
const MAX_EVENT_TYPES: u64 = 200;

/// How far ahead a type can be booked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub kind: WindowKind,
    /// For DAYS: calendar days after today, 1 to 730.
    pub days: Option<i32>,
    /// For RANGE: first day.
    pub from: Option<NaiveDate>,
    /// For RANGE: last day.
    pub until: Option<NaiveDate>,
}

/// Where sessions take place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    pub kind: LocationKind,
    /// Link, phone number or address; `None` for VIDEO.
    pub value: Option<String>,
}

/// Fields of an event type. On update `None` leaves a field unchanged, on creation it sets the
/// default; `Some(None)` clears it.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// 1 to 120 characters. Required on creation.
    pub title: Option<String>,
    /// Part of the public address, unique per coach. Required on creation.
    pub slug: Option<String>,
    /// Markdown, at most 10,000 characters.
    pub description: Option<Option<String>>,
    /// VERIFICATION only by staff. Default: SESSION.
    pub kind: Option<Kind>,
    /// Default: PUBLIC.
    pub visibility: Option<Visibility>,
    /// Default length, 5 to 1440 minutes in steps of 5. Required on creation.
    pub length_minutes: Option<i32>,
    /// All lengths, including the default. Default: the default length alone.
    pub lengths_minutes: Option<Vec<i32>>,
    /// `None` or an amount of zero is free.
    pub price: Option<Option<Price>>,
    pub buffer_before_minutes: Option<i32>,
    pub buffer_after_minutes: Option<i32>,
    pub minimum_notice_minutes: Option<i32>,
    /// Distance between starts; the length when empty.
    pub slot_interval_minutes: Option<Option<i32>>,
    /// Default: 60 days.
    pub window: Option<Window>,
    /// Default: VIDEO.
    pub location: Option<Location>,
    pub questions: Option<Questions>,
    pub policy: Option<Policy>,
    pub requires_approval: Option<bool>,
    /// The schedule it follows; the coach's default schedule when empty.
    pub schedule_id: Option<Option<Uuid>>,
}

/// An event type to create.
#[derive(Clone, Debug, Default)]
pub struct Create {
    /// The caller's own profile when `None`.
    pub coach_id: Option<Uuid>,
    pub changes: Changes,
}

/// An event type to change.
#[derive(Clone, Debug)]
pub struct Update {
    pub event_type_id: Uuid,
    pub changes: Changes,
    /// The version that the caller has read; a newer one is refused.
    pub version: Option<i64>,
}

/// Creates an event type of the caller's; staff create any coach's.
///
/// # Errors
/// `Invalid` with all violations, `Taken` when another type of the coach has the slug, `Forbidden`
/// for a coach's VERIFICATION type, `NotFound` for another coach, `InvalidState` beyond 200 types.
pub async fn create(app: &App, caller: &Caller, input: Create) -> Result<Model> {
    let (_, coach_id) = acting_for(caller, input.coach_id)?;
    let new = NewEventType {
        coach_id,
        changes: input.changes,
    };
    let command = Command::new(app, caller, new)?;
    app.db.transaction(command, insert).await
}

#[derive(Clone)]
struct NewEventType {
    coach_id: Uuid,
    changes: Changes,
}

async fn insert(txn: &Txn, command: Command<NewEventType>) -> Result<Model> {
    let Command { author, input } = command;
    let coach_id = input.coach_id;
    coach::lock(txn, coach_id).await?;
    let others = Entity::find().filter(Column::CoachId.eq(coach_id));
    if others.count(&**txn).await? >= MAX_EVENT_TYPES {
        let message = format!("a coach has at most {MAX_EVENT_TYPES} event types");
        return Err(Conflict::InvalidState(message).into());
    }
    let blank = blank(entity::new_id(), coach_id, author.now);
    let row = prepare(txn, &author.person, blank, input.changes).await?;
    let row = row.into_active_model().reset_all();
    let row = row
        .insert(&**txn)
        .await
        .map_err(|error| Error::or_taken(error, "slug", "slug"))?;
    note_change(txn, &author, "event_type.create", &row).await?;
    Ok(row)
}

/// Changes an event type. Existing bookings keep their price, policy and place.
///
/// # Errors
/// As [`create`]; `NotFound` for another coach's; `Stale` when it was changed since the caller read
/// it.
pub async fn update(app: &App, caller: &Caller, input: Update) -> Result<Model> {
    change(app, caller, input, "event_type.update").await
}

/// Archives an event type: it can no longer be booked; existing bookings stay.
///
/// # Errors
/// `NotFound` for another coach's.
pub async fn archive(app: &App, caller: &Caller, event_type_id: Uuid) -> Result<Model> {
    let changes = Changes {
        visibility: Some(Visibility::Archived),
        ..Changes::default()
    };
    change(
        app,
        caller,
        Update {
            event_type_id,
            changes,
            version: None,
        },
        "event_type.archive",
    )
    .await
}

async fn change(app: &App, caller: &Caller, input: Update, action: &'static str) -> Result<Model> {
    let command = Command::new(app, caller, Change { input, action })?;
    app.db.transaction(command, store).await
}

#[derive(Clone)]
struct Change {
    input: Update,
    action: &'static str,
}

async fn store(txn: &Txn, command: Command<Change>) -> Result<Model> {
    let Command { author, input } = command;
    let Change { input, action } = input;
    let found = Entity::find_by_id(input.event_type_id)
        .lock_exclusive()
        .one(&**txn)
        .await?;
    let found = found
        .filter(|row| manages(&author.person, row.coach_id))
        .ok_or_else(no_event_type)?;
    if input
        .version
        .is_some_and(|version| version != found.version)
    {
        return Err(Conflict::Stale.into());
    }
    let (id, version) = (found.id, found.version);
    let mut row = prepare(txn, &author.person, found, input.changes).await?;
    (row.version, row.updated_at) = (version + 1, author.now);
    let mut row = row.into_active_model().reset_all();
    row.id = Unchanged(id);
    let row = row
        .update(&**txn)
        .await
        .map_err(|error| Error::or_taken(error, "slug", "slug"))?;
    note_change(txn, &author, action, &row).await?;
    Ok(row)
}

/// Enqueues the push to where the coach's time is kept, and audits what staff do.
async fn note_change(txn: &Txn, author: &Author, action: &str, row: &Model) -> Result<()> {
    let subject = format!("eventType_{}", row.id.simple());
    author
        .audit_unless_own(txn, row.coach_id, action, &subject)
        .await?;
    scheduling::event_type_changed(txn, row, author.now, &author.correlation_id).await
}

/// Applies the changes and validates the result.
async fn prepare(
    txn: &Txn,
    person: &Person,
    mut row: Model,
    mut changes: Changes,
) -> Result<Model> {
    if changes.kind == Some(Kind::Verification)
        && row.kind != Kind::Verification
        && !person.is_admin()
    {
        return Err(Error::Forbidden("only staff may offer verification calls"));
    }
    let (mut problems, mut before) = (Problems::default(), Problems::default());
    check(&mut before, &row);
    let is_new = row.length_minutes == 0;
    if let Some(price) = changes.price.take() {
        (row.price_minor, row.currency) = read_price(&mut problems, price, row.currency);
    }
    changes.apply(&mut row);
    check(&mut problems, &row);
    if !is_new {
        problems.ignore_existing(&before);
    }
    if let Some(id) = row.schedule_id {
        // Locked until the event type refers to it, so that it is not deleted in between.
        let schedule = schedule::Entity::find_by_id(id)
            .lock_shared()
            .one(&**txn)
            .await?;
        let is_own = schedule.is_some_and(|schedule| schedule.coach_id == row.coach_id);
        problems.require(is_own, "scheduleId", "the coach has no such schedule");
    }
    problems.finish()?;
    Ok(row)
}

/// The price in minor units with its currency. A free type keeps its previous currency.
fn read_price(problems: &mut Problems, price: Option<Price>, currency: String) -> (i64, String) {
    let Some(price) = price else {
        return (0, currency);
    };
    match money::to_minor(price.amount, &price.currency) {
        Ok(minor) => {
            problems.require(minor >= 0, "price.amount", "must not be negative");
            problems.require(minor <= MAX_PRICE_MINOR, "price.amount", "is too large");
            (minor, price.currency)
        }
        Err(error) => {
            let field = if error == MoneyError::UnknownCurrency {
                "price.currency"
            } else {
                "price.amount"
            };
            problems.add(field, error.to_string());
            (0, currency)
        }
    }
}

/// An empty type. It is invalid until it has a title, a slug and a length.
pub(in crate::domain) fn blank(id: Uuid, coach_id: Uuid, now: DateTime<Utc>) -> Model {
    Model {
        id,
        coach_id,
        slug: String::new(),
        title: String::new(),
        description: None,
        kind: Kind::Session,
        visibility: Visibility::Public,
        length_minutes: 0,
        lengths: Lengths(vec![0]),
        price_minor: 0,
        currency: "USD".to_owned(),
        buffer_before_minutes: 0,
        buffer_after_minutes: 0,
        minimum_notice_minutes: 0,
        slot_interval_minutes: None,
        window_kind: WindowKind::Days,
        window_days: Some(60),
        window_from: None,
        window_until: None,
        location_kind: LocationKind::Video,
        location_value: None,
        questions: Questions::default(),
        policy: Policy::default(),
        requires_approval: false,
        seats: 1,
        schedule_id: None,
        provider: None,
        provider_event_type_id: None,
        version: 1,
        created_at: now,
        updated_at: now,
    }
}

/// Assigns a value that is present.
fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

impl Changes {
    fn apply(self, row: &mut Model) {
        set(
            &mut row.title,
            self.title.map(|title| title.trim().to_owned()),
        );
        set(&mut row.slug, self.slug);
        set(&mut row.description, self.description.map(filled));
        set(&mut row.kind, self.kind);
        set(&mut row.visibility, self.visibility);
        row.lengths = lengths(row, self.length_minutes, self.lengths_minutes);
        set(&mut row.length_minutes, self.length_minutes);
        set(&mut row.buffer_before_minutes, self.buffer_before_minutes);
        set(&mut row.buffer_after_minutes, self.buffer_after_minutes);
        set(&mut row.minimum_notice_minutes, self.minimum_notice_minutes);
        set(&mut row.slot_interval_minutes, self.slot_interval_minutes);
        if let Some(window) = self.window {
            row.window_kind = window.kind;
            row.window_days = window.days;
            row.window_from = window.from;
            row.window_until = window.until;
        }
        if let Some(location) = self.location {
            row.location_kind = location.kind;
            row.location_value = filled(location.value);
        }
        set(&mut row.questions, self.questions);
        set(&mut row.policy, self.policy);
        set(&mut row.requires_approval, self.requires_approval);
        set(&mut row.schedule_id, self.schedule_id);
    }
}

/// All lengths, ascending. When the default of a type with one length changes, that length follows.
fn lengths(row: &Model, default: Option<i32>, all: Option<Vec<i32>>) -> Lengths {
    match (all, default) {
        (Some(mut all), _) => {
            all.sort_unstable();
            all.dedup();
            Lengths(all)
        }
        (None, Some(default)) if row.lengths.0 == [row.length_minutes] => Lengths(vec![default]),
        (None, _) => row.lengths.clone(),
    }
}

#[cfg(test)]
mod tests;
