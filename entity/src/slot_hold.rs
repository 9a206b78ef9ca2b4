//! A slot reserved for one client until an instant.

use sea_orm::QueryFilter;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Query, SelectStatement};

use crate::scheduler_request;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "slot_hold")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub coach_id: Uuid,
    pub event_type_id: Uuid,
    pub user_id: Uuid,
    pub starts_at: DateTimeUtc,
    pub ends_at: DateTimeUtc,
    /// Start minus the buffer.
    pub busy_from: DateTimeUtc,
    /// End plus the buffer.
    pub busy_until: DateTimeUtc,
    pub expires_at: DateTimeUtc,
    pub created_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Entity {
    /// Unexpired holds on a coach's time that overlap the interval.
    pub fn find_live(
        coach_id: Uuid,
        from: DateTimeUtc,
        until: DateTimeUtc,
        now: DateTimeUtc,
    ) -> Select<Self> {
        Self::find()
            .filter(Column::CoachId.eq(coach_id))
            .filter(Column::BusyFrom.lt(until))
            .filter(Column::BusyUntil.gt(from))
            .filter(Column::ExpiresAt.gt(now))
    }

    /// Ids of holds that reserve the new time of a booking while its scheduler is asked to move it.
    /// Only the move may delete them.
    pub fn of_moves() -> SelectStatement {
        use scheduler_request::{Column as R, Status};

        let mut open = Query::select();
        open.column(R::HoldId).from(scheduler_request::Entity);
        open.and_where(R::Status.eq(Status::Open))
            .and_where(R::HoldId.is_not_null());
        open
    }
}
