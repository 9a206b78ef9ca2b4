//! Synchronisation of event types and schedules with a remote scheduler, and the change from one
//! scheduler to another.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use entity::sync_state::{Model, State as SyncState};

use super::coach::Coach;
use super::context::{app, caller};
use super::error::Result;
use super::event_type::EventType;
use super::id::Kind;
use super::payload::payload;
use super::scalars::DateTime;
use crate::domain::scheduling::cal_com::migrate::{self, Outcome, Subject, Target};
use crate::domain::scheduling::cal_com::sync;

/// How something stands to its like in the coach's own calendar.
#[derive(Clone, Debug, SimpleObject)]
pub struct CalendarSync {
    /// Whether both sides say the same.
    state: SyncState,
    /// For the coach: why it failed, or which change was taken over.
    message: Option<String>,
    /// When both sides last said the same.
    synced_at: Option<DateTime>,
}

impl CalendarSync {
    pub(super) fn new(row: Model) -> Self {
        Self::of(row.state, row.message, row.synced_at)
    }

    pub(super) fn of(
        state: SyncState,
        message: Option<String>,
        synced_at: Option<entity::DateTimeUtc>,
    ) -> Self {
        Self {
            state,
            message,
            synced_at: synced_at.map(DateTime),
        }
    }
}

/// One object of a migration.
#[derive(Clone, Debug, SimpleObject)]
pub struct MigrationStep {
    /// What it is.
    subject: Subject,
    /// Global id of the schedule or event type.
    id: ID,
    /// Its name here.
    name: String,
    /// What was done about it, or would be.
    outcome: Outcome,
    /// Why it failed.
    message: Option<String>,
}

/// What a migration did, or would do.
#[derive(SimpleObject)]
pub struct MigrationReport {
    /// Whose time it is.
    coach: Coach,
    /// Nothing was done: this is what would be.
    is_dry_run: bool,
    /// Whether the coach's time is kept where it was wanted. It is not as long as any step fails.
    is_done: bool,
    /// What goes along, in order.
    steps: Vec<MigrationStep>,
    /// Coming bookings that stay with the scheduler that granted them, until they are over.
    bookings_kept: i32,
}

impl MigrationReport {
    fn new(report: migrate::Report) -> Self {
        let step = |step: migrate::Step| MigrationStep {
            subject: step.subject,
            id: match step.subject {
                Subject::Schedule => Kind::Schedule.id(step.id),
                Subject::EventType => Kind::EventType.id(step.id),
            },
            name: step.name,
            outcome: step.outcome,
            message: step.message,
        };
        Self {
            coach: Coach::new(report.coach),
            is_dry_run: report.dry_run,
            is_done: report.is_done,
            steps: report.steps.into_iter().map(step).collect(),
            bookings_kept: i32::try_from(report.bookings_kept).unwrap_or(i32::MAX),
        }
    }
}

/// An event type there that was not taken over.
#[derive(Clone, Debug, SimpleObject)]
pub struct SkippedEventType {
    /// Its name there.
    title: String,
    /// Why not.
    reason: String,
}

/// What came of an import.
#[derive(SimpleObject)]
pub struct EventTypeImport {
    /// New here, UNLISTED; or linked with what had the same slug.
    event_types: Vec<EventType>,
    /// What was not taken over.
    skipped: Vec<SkippedEventType>,
}

impl EventTypeImport {
    fn new(done: sync::Import) -> Self {
        let skipped = done.skipped.into_iter();
        Self {
            event_types: done.event_types.into_iter().map(EventType::new).collect(),
            skipped: skipped
                .map(|it| SkippedEventType {
                    title: it.title,
                    reason: it.reason,
                })
                .collect(),
        }
    }
}

/// Input of migrateCoach.
#[derive(Clone, Debug, InputObject)]
pub struct MigrateCoachInput {
    /// Whose time; the caller's own profile when left out. Only staff name another one.
    pub coach_id: Option<ID>,
    /// Where it is to be kept.
    pub to: Target,
    /// Only tell what would be done.
    #[graphql(default)]
    pub dry_run: bool,
}

/// Input of importEventTypes.
#[derive(Clone, Debug, InputObject)]
pub struct ImportEventTypesInput {
    /// Whose; the caller's own profile when left out. Only staff name another one.
    pub coach_id: Option<ID>,
}

/// Input of syncCalendarSettings.
#[derive(Clone, Debug, InputObject)]
pub struct SyncCalendarSettingsInput {
    /// Whose; the caller's own profile when left out. Only staff name another one.
    pub coach_id: Option<ID>,
}

payload!(MigrateCoachPayload, "Result of migrateCoach.", report: MigrationReport, "What was done, object by object.");
payload!(ImportEventTypesPayload, "Result of importEventTypes.", import: EventTypeImport, "What was taken over.");
payload!(SyncCalendarSettingsPayload, "Result of syncCalendarSettings.", coach: Coach, "Whose settings they are.");

/// Mutations of synchronisation and of the scheduler in use.
#[derive(Default)]
pub struct SyncMutation;

#[Object]
impl SyncMutation {
    /// Move a coach's time to another scheduler: hours and event types are brought there, then it changes hands. Bookings stay with the
    /// scheduler that granted them, with their identity and history. Safe to ask for again. For the coach and staff.
    async fn migrate_coach(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose, and where to.")] input: MigrateCoachInput,
    ) -> Result<MigrateCoachPayload> {
        let done = async {
            let coach_id = Kind::Coach.find_key("coachId", input.coach_id.as_ref())?;
            let wanted = migrate::Wanted {
                coach_id,
                to: input.to,
                dry_run: input.dry_run,
            };
            migrate::migrate(app(ctx), caller(ctx), wanted).await
        };
        let done = done.await;
        MigrateCoachPayload::new(done, MigrationReport::new)
    }

    /// Take over what the coach offers in their own calendar, unlisted. Safe to ask for again. For the coach and staff.
    async fn import_event_types(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose.")] input: ImportEventTypesInput,
    ) -> Result<ImportEventTypesPayload> {
        let done = async {
            let coach_id = Kind::Coach.find_key("coachId", input.coach_id.as_ref())?;
            sync::import(app(ctx), caller(ctx), coach_id).await
        };
        let done = done.await;
        ImportEventTypesPayload::new(done, EventTypeImport::new)
    }

    /// Look now for what was changed in the coach's own calendar about hours and event types, instead of once a day. The latest change
    /// wins. For the coach and staff.
    async fn sync_calendar_settings(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose.")] input: SyncCalendarSettingsInput,
    ) -> Result<SyncCalendarSettingsPayload> {
        let done = async {
            let coach_id = Kind::Coach.find_key("coachId", input.coach_id.as_ref())?;
            sync::pull_mine(app(ctx), caller(ctx), coach_id).await
        };
        let done = done.await;
        SyncCalendarSettingsPayload::new(done, Coach::new)
    }
}
