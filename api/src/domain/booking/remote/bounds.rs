//! The accounts whose bookings a report may be about.

use entity::coach::Scheduler;
use entity::connection::{self, Kind};
use entity::{Uuid, provider_booking, webhook_registration};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QuerySelect};

use crate::db::Txn;
use crate::domain::Result;

/// The accounts that a report may be about: one that its coach connected, or those of the platform.
#[derive(Clone)]
pub(crate) struct Bounds {
    pub(super) provider: &'static str,
    /// `None` for the accounts of the platform.
    pub(super) account: Option<String>,
}

impl Bounds {
    pub(super) fn provider(&self) -> &'static str {
        self.provider
    }

    /// The only account that facts may belong to; `None` for the platform.
    pub(super) fn only_account(&self) -> Option<&str> {
        self.account.as_deref()
    }

    /// Whether facts of this account may be read, changed and linked.
    pub(super) async fn hold(&self, txn: &Txn, account: &str) -> Result<bool> {
        match &self.account {
            Some(own) => Ok(own == account),
            None if account.is_empty() => Ok(true),
            None => {
                let is_it = Condition::all().add(connection::Column::ExternalId.eq(account));
                Ok(!speaks_for_itself(txn, self.provider, is_it).await?)
            }
        }
    }

    /// Whether the coach's account is one of these.
    pub(super) async fn hold_coach(&self, txn: &Txn, coach_id: Uuid) -> Result<bool> {
        let is_theirs = connection::Column::CoachId.eq(coach_id);
        let Some(own) = &self.account else {
            let is_theirs = Condition::all().add(is_theirs);
            return Ok(!speaks_for_itself(txn, self.provider, is_theirs).await?);
        };
        let link = connection::Entity::find_by_external(self.provider, own)
            .filter(is_theirs)
            .one(&**txn)
            .await?;
        Ok(link.is_some())
    }

    /// The booking of a uid; for a group, of any of its seats.
    pub(crate) async fn booking_of(&self, txn: &Txn, uid: &str) -> Result<Option<Uuid>> {
        use provider_booking::Column;

        let rows = provider_booking::Entity::find()
            .filter(Column::Provider.eq(self.provider))
            .filter(Column::Uid.eq(uid))
            .filter(Column::BookingId.is_not_null())
            .all(&**txn)
            .await?;
        for row in rows {
            if self.hold(txn, &row.account).await? {
                return Ok(row.booking_id);
            }
        }
        Ok(None)
    }
}

/// Whether an account that matches is connected by its coach and has a registered webhook.
pub(super) async fn speaks_for_itself(txn: &Txn, provider: &str, which: Condition) -> Result<bool> {
    use webhook_registration::Column;

    let own = connection::Entity::find_live(provider)
        .filter(connection::Column::Kind.ne(Kind::ManagedUser))
        .filter(which)
        .select_only()
        .column(connection::Column::Id)
        .into_tuple::<Uuid>()
        .all(&**txn)
        .await?;
    if own.is_empty() {
        return Ok(false);
    }
    let registered = webhook_registration::Entity::find()
        .filter(Column::ConnectionId.is_in(own))
        .filter(Column::ExternalId.is_not_null())
        .one(&**txn)
        .await?;
    Ok(registered.is_some())
}

/// Whether only a coach's own account speaks for the coach at this scheduler.
pub(super) async fn is_bounded(txn: &Txn, scheduler: Scheduler, coach_id: Uuid) -> Result<bool> {
    let is_theirs = Condition::all().add(connection::Column::CoachId.eq(coach_id));
    match scheduler.provider() {
        Some(provider) => speaks_for_itself(txn, provider, is_theirs).await,
        None => Ok(false),
    }
}
