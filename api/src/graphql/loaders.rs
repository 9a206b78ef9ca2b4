//! Data loaders: batch the related rows of one response. Created per request, so nothing is shared
//! between callers.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::dataloader::{DataLoader, HashMapCache, Loader};
use async_graphql::parser::types::OperationType;
use chrono::NaiveDate;
use entity::coach::Scheduler;
use entity::{
    Uuid, absence, coach, connection, event_type, schedule, schedule_override, session, sync_state,
    user,
};

use super::error::Error;
use crate::app::App;
use crate::domain;

/// Loads rows by key. Authorisation happens where the key comes from.
pub struct Rows(Arc<App>);

/// The loader of a request.
pub type Loaders = DataLoader<Rows, HashMapCache>;

/// How long a loader collects keys before it sends a batch. Lists preload what their selection
/// needs, so only rare paths wait; it is long enough for all items of a list to enqueue their keys.
const BATCH_DELAY: Duration = Duration::from_millis(2);

/// Creates the loader of one operation. Queries and each response of a subscription cache, as they
/// read one state. Mutations do not cache: each part of the response reads after the change before
/// it.
#[must_use]
pub fn loaders(app: Arc<App>, kind: OperationType) -> Loaders {
    let loaders =
        DataLoader::with_cache(Rows(app), tokio::spawn, HashMapCache::default()).delay(BATCH_DELAY);
    loaders.enable_all_cache(kind != OperationType::Mutation);
    loaders
}

/// A failed batch, shared by all its waiters.
#[derive(Clone, Debug)]
pub struct LoadError(Arc<str>);

impl<E: std::error::Error> From<E> for LoadError {
    fn from(error: E) -> Self {
        Self(error.to_string().into())
    }
}

impl From<LoadError> for Error {
    fn from(error: LoadError) -> Self {
        domain::Error::internal("loading rows", error.0.as_ref()).into()
    }
}

macro_rules! load_by {
    ($key:ident, $doc:literal, $row:ty, $find_many:path) => {
        #[doc = $doc]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub struct $key(pub Uuid);

        impl Loader<$key> for Rows {
            type Value = $row;
            type Error = LoadError;

            async fn load(&self, keys: &[$key]) -> Result<HashMap<$key, $row>, LoadError> {
                let ids: Vec<Uuid> = keys.iter().map(|key| key.0).collect();
                let found = $find_many(&self.0, &ids).await?;
                Ok(found.into_iter().map(|(id, row)| ($key(id), row)).collect())
            }
        }
    };
}

load_by!(
    CoachById,
    "A coach.",
    coach::Model,
    domain::coach::find_many
);
load_by!(
    EventTypeById,
    "An event type.",
    event_type::Model,
    domain::event_type::find_many
);
load_by!(
    ScheduleById,
    "A schedule.",
    schedule::Model,
    domain::schedule::find_many
);
load_by!(
    UserById,
    "A user.",
    user::Model,
    domain::identity::find_many
);
load_by!(
    MirrorOf,
    "How an object stands to its like elsewhere.",
    sync_state::Model,
    domain::scheduling::settings::find_many
);
load_by!(
    SessionByBooking,
    "The session of a booking.",
    session::Model,
    domain::session::find_by_bookings
);

/// Whether the connection to the coach's remote scheduler is usable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct IsConnected(pub Uuid, pub Scheduler);

impl Loader<IsConnected> for Rows {
    type Value = bool;
    type Error = LoadError;

    async fn load(&self, keys: &[IsConnected]) -> Result<HashMap<IsConnected, bool>, LoadError> {
        let ids: Vec<Uuid> = keys.iter().map(|key| key.0).collect();
        let live = domain::connection::list_live_coaches(&self.0, &ids).await?;
        Ok(keys
            .iter()
            .map(|key| (*key, live.contains(&(key.0, key.1))))
            .collect())
    }
}

/// Whether a booking is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct IsPaid(pub Uuid);

impl Loader<IsPaid> for Rows {
    type Value = bool;
    type Error = LoadError;

    async fn load(&self, keys: &[IsPaid]) -> Result<HashMap<IsPaid, bool>, LoadError> {
        let paid = domain::booking::list_paid(&self.0, keys.iter().map(|key| key.0)).await?;
        Ok(keys
            .iter()
            .map(|key| (*key, paid.contains(&key.0)))
            .collect())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SpecialtiesOf(pub Uuid);

impl Loader<SpecialtiesOf> for Rows {
    type Value = Vec<String>;
    type Error = LoadError;

    async fn load(
        &self,
        keys: &[SpecialtiesOf],
    ) -> Result<HashMap<SpecialtiesOf, Vec<String>>, LoadError> {
        let ids: Vec<Uuid> = keys.iter().map(|key| key.0).collect();
        let mut found = domain::coach::specialties_of(&self.0, &ids).await?;
        // Includes coaches without specialties, so that the cache covers them too.
        Ok(keys
            .iter()
            .map(|key| (*key, found.remove(&key.0).unwrap_or_default()))
            .collect())
    }
}

/// The lowest price of a coach, in minor units with its currency; `None` when everything is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PriceFrom(pub Uuid);

impl Loader<PriceFrom> for Rows {
    type Value = Option<(i64, String)>;
    type Error = LoadError;

    async fn load(&self, keys: &[PriceFrom]) -> Result<HashMap<PriceFrom, Self::Value>, LoadError> {
        let ids: Vec<Uuid> = keys.iter().map(|key| key.0).collect();
        let mut found = domain::event_type::lowest_prices(&self.0, &ids).await?;
        Ok(keys
            .iter()
            .map(|key| (*key, found.remove(&key.0)))
            .collect())
    }
}

/// The schedules of a coach, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SchedulesOf(pub Uuid);

impl Loader<SchedulesOf> for Rows {
    type Value = Vec<schedule::Model>;
    type Error = LoadError;

    async fn load(
        &self,
        keys: &[SchedulesOf],
    ) -> Result<HashMap<SchedulesOf, Self::Value>, LoadError> {
        let ids: Vec<Uuid> = keys.iter().map(|key| key.0).collect();
        let mut found = domain::schedule::list_by_coaches(&self.0, &ids).await?;
        Ok(keys
            .iter()
            .map(|key| (*key, found.remove(&key.0).unwrap_or_default()))
            .collect())
    }
}

/// The current and future absences of a coach, by first day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AbsencesOf(pub Uuid);

impl Loader<AbsencesOf> for Rows {
    type Value = Vec<absence::Model>;
    type Error = LoadError;

    async fn load(
        &self,
        keys: &[AbsencesOf],
    ) -> Result<HashMap<AbsencesOf, Self::Value>, LoadError> {
        let ids: Vec<Uuid> = keys.iter().map(|key| key.0).collect();
        let mut found = domain::absence::list_by_coaches(&self.0, &ids).await?;
        Ok(keys
            .iter()
            .map(|key| (*key, found.remove(&key.0).unwrap_or_default()))
            .collect())
    }
}

/// The connections of a coach, newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConnectionsOf(pub Uuid);

impl Loader<ConnectionsOf> for Rows {
    type Value = Vec<connection::Model>;
    type Error = LoadError;

    async fn load(
        &self,
        keys: &[ConnectionsOf],
    ) -> Result<HashMap<ConnectionsOf, Self::Value>, LoadError> {
        let ids: Vec<Uuid> = keys.iter().map(|key| key.0).collect();
        let mut found = domain::connection::list_by_coaches(&self.0, &ids).await?;
        Ok(keys
            .iter()
            .map(|key| (*key, found.remove(&key.0).unwrap_or_default()))
            .collect())
    }
}

/// The overrides of a schedule between two days, both inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OverridesOf {
    pub schedule_id: Uuid,
    pub from: NaiveDate,
    pub until: NaiveDate,
}

impl Loader<OverridesOf> for Rows {
    type Value = Vec<schedule_override::Model>;
    type Error = LoadError;

    async fn load(
        &self,
        keys: &[OverridesOf],
    ) -> Result<HashMap<OverridesOf, Self::Value>, LoadError> {
        // Groups by date range: almost always there is one.
        let mut by_days: HashMap<(NaiveDate, NaiveDate), Vec<Uuid>> = HashMap::new();
        for key in keys {
            by_days
                .entry((key.from, key.until))
                .or_default()
                .push(key.schedule_id);
        }
        let mut all = HashMap::new();
        for ((from, until), ids) in by_days {
            let mut found = domain::schedule::overrides_of(&self.0, &ids, from, until).await?;
            all.extend(ids.into_iter().map(|schedule_id| {
                (
                    OverridesOf {
                        schedule_id,
                        from,
                        until,
                    },
                    found.remove(&schedule_id).unwrap_or_default(),
                )
            }));
        }
        Ok(all)
    }
}

/// The hosts of an event type, in order; the owner may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HostsOf(pub Uuid);

impl Loader<HostsOf> for Rows {
    type Value = Vec<coach::Model>;
    type Error = LoadError;

    async fn load(&self, keys: &[HostsOf]) -> Result<HashMap<HostsOf, Self::Value>, LoadError> {
        let ids: Vec<Uuid> = keys.iter().map(|key| key.0).collect();
        let mut found = domain::event_type::hosts(&self.0, &ids).await?;
        Ok(keys
            .iter()
            .map(|key| (*key, found.remove(&key.0).unwrap_or_default()))
            .collect())
    }
}
