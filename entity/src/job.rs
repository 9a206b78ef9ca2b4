//! Background jobs. Finished jobs are deleted; their effects are in the history of what they
//! changed.

use sea_orm::entity::prelude::*;

use crate::Provider;
use crate::coach::Scheduler;
use crate::connection;
use crate::named::named;

named! {
    /// What a job does. The comment says what its subject is, where its name does not.
    pub enum Kind {
        /// Applies a stored webhook delivery.
        ProcessDelivery = "process_delivery",
        /// Looks whether bookings of a coach that were in conflict can stand now.
        SettleConflicts = "settle_conflicts",
        /// Assigns bookings to a user who was invited by address before they signed up.
        ClaimBookings = "claim_bookings",
        /// Sends a request to a booking's scheduler, or finds out what came of it.
        RunSchedulerRequest = "run_scheduler_request",
        /// Brings a booking's scheduler in line with what was decided here.
        PushBooking = "push_booking",
        /// Reads what has changed in the calendar of a connection.
        ReconcileRecent = "reconcile_recent",
        /// Reads everything that is to come in the calendar of a connection.
        ReconcileAll = "reconcile_all",
        /// Checks whether a connection still works, and renews it in time.
        CheckConnection = "check_connection",
        /// Writes an event type to its coach's calendar.
        PushEventType = "push_event_type",
        /// Writes a schedule to its coach's calendar.
        PushSchedule = "push_schedule",
        /// Writes the absences of a coach to their calendar.
        PushAbsences = "push_absences",
        /// Reads the event types and schedules that belong to a connection.
        PullSettings = "pull_settings",
        /// Checks the registration of a connection's webhook.
        EnsureWebhook = "ensure_webhook",
    }
}

/// Which jobs share worker slots: those of one queue wait for each other, and for no others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Queue {
    /// Jobs that need only the database.
    Database,
    /// Jobs that call this provider, which may be slow or silent.
    Provider(Provider),
}

impl Queue {
    /// How many there are.
    pub const COUNT: usize = 1 + Provider::ALL.len();

    /// All of them, in the order of [`Self::index`].
    pub fn all() -> impl Iterator<Item = Self> {
        let providers = Provider::ALL.iter().copied().map(Self::Provider);
        std::iter::once(Self::Database).chain(providers)
    }

    /// Its place among all.
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::Database => 0,
            Self::Provider(provider) => 1 + provider as usize,
        }
    }

    /// The name in the table. It never changes.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Provider(provider) => provider.as_str(),
        }
    }

    /// The queue of a name; `None` for a name of a newer program.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::all().find(|known| known.as_str() == name)
    }
}

impl From<Provider> for Queue {
    fn from(provider: Provider) -> Self {
        Self::Provider(provider)
    }
}

/// The queue of the connection's provider, if that has one here.
impl From<&connection::Model> for Queue {
    fn from(connection: &connection::Model) -> Self {
        Provider::parse(&connection.provider).map_or(Self::Database, Self::Provider)
    }
}

/// The queue of the scheduler's provider; without one, no provider is called.
impl From<Scheduler> for Queue {
    fn from(scheduler: Scheduler) -> Self {
        let provider = scheduler.provider().and_then(Provider::parse);
        provider.map_or(Self::Database, Self::Provider)
    }
}

/// Where a job stands.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, async_graphql::Enum,
)]
#[sea_orm(
    rs_type = "String",
    db_type = "Text",
    rename_all = "SCREAMING_SNAKE_CASE"
)]
#[graphql(name = "JobStatus")]
pub enum Status {
    /// To be run at `run_at`.
    Waiting,
    /// Leased by a worker until `leased_until`; after that anyone may take it over.
    Running,
    /// Given up after the last attempt; an admin can replay it.
    Dead,
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "job")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Name of a [`Kind`], which a newer program may have added.
    pub kind: String,
    /// Name of the [`Queue`] whose workers run it.
    pub queue: String,
    /// Id of what it is about.
    pub subject_id: Uuid,
    /// A new job replaces the waiting one with the same key.
    pub dedupe_key: Option<String>,
    pub status: Status,
    pub run_at: DateTimeUtc,
    pub attempts: i32,
    pub leased_until: Option<DateTimeUtc>,
    /// Identifies the lease, so that a worker whose lease has expired cannot finish the job of
    /// another.
    pub lease: Option<Uuid>,
    pub last_error: Option<String>,
    pub correlation_id: String,
    pub created_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_found_by_its_name_and_by_its_index() {
        let all: Vec<Queue> = Queue::all().collect();
        assert_eq!(all.len(), Queue::COUNT);
        for (index, queue) in all.into_iter().enumerate() {
            assert_eq!(queue.index(), index);
            assert_eq!(Queue::parse(queue.as_str()), Some(queue));
        }
        assert_eq!(Queue::parse("of a newer program"), None);
    }

    #[test]
    fn a_scheduler_has_the_queue_of_its_provider() {
        for (scheduler, name) in [
            (Scheduler::Native, "database"),
            (Scheduler::CalCom, "calcom"),
            (Scheduler::Google, "google"),
            (Scheduler::Calendly, "calendly"),
        ] {
            assert_eq!(Queue::from(scheduler).as_str(), name);
        }
    }

    #[test]
    fn no_two_kinds_have_one_name() {
        for kind in Kind::ALL {
            assert_eq!(Kind::parse(kind.as_str()), Some(*kind));
        }
        assert_eq!(Kind::parse("of_a_newer_program"), None);
    }
}
