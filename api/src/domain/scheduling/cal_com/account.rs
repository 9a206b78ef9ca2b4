//! A coach's account at Cal.com besides bookings: event types, schedules, connected apps.

use std::time::Duration;

use entity::Uuid;
use entity::coach::Scheduler;
use providers::cal_com::Error as Fault;
use providers::cal_com::{
    Client, Credential, EventType, EventTypeChange, EventTypeFilter, Schedule, ScheduleChange,
};

use super::access::Access;
use crate::app::App;
use crate::domain::Result;
use crate::domain::connection::{self, Reason};

/// A coach's account, with the means to call it.
pub(crate) struct Account<'a> {
    client: Client,
    access: Access<'a>,
}

impl<'a> Account<'a> {
    /// A coach's account; `None` without a live connection.
    pub(crate) async fn of_coach(
        app: &'a App,
        coach_id: Uuid,
        reason: impl Into<Reason>,
    ) -> Result<Option<Self>> {
        let Some(client) = app.cal_com.clone() else {
            return Ok(None);
        };
        if !connection::is_live(app.db.write_one(), Scheduler::CalCom, coach_id).await? {
            return Ok(None);
        }
        Ok(Some(Self {
            client,
            access: Access {
                app,
                coach_id,
                reason: reason.into(),
            },
        }))
    }

    /// Sets the timeout of each call.
    pub(crate) fn within(self, budget: Duration) -> Self {
        Self {
            client: self.client.within(budget),
            ..self
        }
    }

    /// Makes any call of the client with the coach's credential, and retries once with a renewed
    /// one if the first is refused.
    ///
    /// # Errors
    /// The error of the call.
    pub(crate) async fn call<'c, T, F>(
        &'c self,
        ask: impl Fn(&'c Client, Credential) -> F,
    ) -> Result<T, Fault>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        self.access
            .call(|credential| ask(&self.client, credential))
            .await
    }

    /// All event types, including hidden ones.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(crate) async fn event_types(&self) -> Result<Vec<EventType>, Fault> {
        let all = &EventTypeFilter::default();
        self.call(
            |client, credential| async move { client.list_event_types(&credential, all).await },
        )
        .await
    }

    /// # Errors
    /// When it cannot be read.
    pub(crate) async fn event_type(&self, id: i64) -> Result<EventType, Fault> {
        self.call(|client, credential| async move { client.get_event_type(&credential, id).await })
            .await
    }

    /// # Errors
    /// When that is refused or its effect is unknown. Look up the slug before a retry.
    pub(crate) async fn create_event_type(
        &self,
        change: &EventTypeChange,
    ) -> Result<EventType, Fault> {
        self.call(|client, credential| async move {
            client.create_event_type(&credential, change).await
        })
        .await
    }

    /// # Errors
    /// When that is refused or its effect is unknown; a retry is harmless.
    pub(crate) async fn update_event_type(
        &self,
        id: i64,
        change: &EventTypeChange,
    ) -> Result<EventType, Fault> {
        self.call(|client, credential| async move {
            client.update_event_type(&credential, id, change).await
        })
        .await
    }

    /// All schedules.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(crate) async fn schedules(&self) -> Result<Vec<Schedule>, Fault> {
        self.call(|client, credential| async move { client.list_schedules(&credential).await })
            .await
    }

    /// # Errors
    /// When that is refused or its effect is unknown. Look up the name before a retry.
    pub(crate) async fn create_schedule(&self, change: &ScheduleChange) -> Result<Schedule, Fault> {
        self.call(
            |client, credential| async move { client.create_schedule(&credential, change).await },
        )
        .await
    }

    /// # Errors
    /// When that is refused or its effect is unknown; a retry is harmless.
    pub(crate) async fn update_schedule(
        &self,
        id: i64,
        change: &ScheduleChange,
    ) -> Result<Schedule, Fault> {
        self.call(|client, credential| async move {
            client.update_schedule(&credential, id, change).await
        })
        .await
    }
}
