//! Reading what many objects of one answer point to, together. Made anew for each request: nothing
//! is shared between callers.

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
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::error::Error;
use crate::app::App;
use crate::domain;

/// Reads rows by their keys. Who may see a row is settled where its key comes from.
pub struct Rows(Arc<App>);

/// The loader of a request.
pub type Loaders = DataLoader<Rows, HashMapCache>;

/// How long a loader waits for more to be asked for. Lists fetch along what they are asked for, so
/// this is paid on seldom ways only; it is long enough for all items of a list to have asked.
const DELAY: Duration = Duration::from_millis(2);

/// The loader of one execution. A query is one look at things as they are, and so is each answer of
/// a subscription. A mutation changes them half-way: there each part of the answer is read when it
/// is written.
#[must_use]
pub fn loaders(app: Arc<App>, kind: OperationType) -> Loaders {
    let loaders =
        DataLoader::with_cache(Rows(app), tokio::spawn, HashMapCache::default()).delay(DELAY);
    loaders.enable_all_cache(kind != OperationType::Mutation);
    loaders
}

/// A statement failed for everyone who waited for it.
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
    ($key:ident, $doc:literal, $entity:ident, $column:ident) => {
        #[doc = $doc]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub struct $key(pub Uuid);

        impl Loader<$key> for Rows {
            type Value = $entity::Model;
            type Error = LoadError;

            async fn load(&self, keys: &[$key]) -> Result<HashMap<$key, Self::Value>, LoadError> {
                let ids = keys.iter().map(|key| key.0);
                let column = $entity::Column::$column;
                let rows = $entity::Entity::find().filter(column.is_in(ids)).all(self.0.db.read()).await?;
                Ok(rows.into_iter().map(|row| ($key(load_by!(@key row $column)), row)).collect())
            }
        }
    };
    (@key $row:ident Id) => { $row.id };
    (@key $row:ident BookingId) => { $row.booking_id };
}

load_by!(CoachById, "A coach.", coach, Id);
load_by!(EventTypeById, "An event type.", event_type, Id);
load_by!(ScheduleById, "A schedule.", schedule, Id);
load_by!(UserById, "A user.", user, Id);
load_by!(
    MirrorOf,
    "How an object stands to its like elsewhere.",
    sync_state,
    Id
);
load_by!(
    SessionByBooking,
    "The session of a booking.",
    session,
    BookingId
);

/// Whether a coach's calendar elsewhere can be asked.
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

/// Whether the money for a booking is here.
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

/// The specialties of a coach.
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
        // Also those of a coach without any, so that they are not looked for again.
        Ok(keys
            .iter()
            .map(|key| (*key, found.remove(&key.0).unwrap_or_default()))
            .collect())
    }
}

/// The lowest price of a coach, in minor units with its currency; none when everything is free.
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

/// The absences of a coach that are not over, by their first day.
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

/// The connected accounts of a coach, the newest first.
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

/// The overrides of a schedule from one day to another, both included.
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
        // Almost always one stretch of days for all of them.
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

/// Everyone who gives the sessions of an event type, in order; its owner may be missing.
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
