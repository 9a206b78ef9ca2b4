//! Reads what a client requests to book, and checks that it is offered.

use chrono::{DateTime, Utc};
use entity::event_type::{self, Visibility};
use entity::{Uuid, coach, event_type_host, user};
use sea_orm::sea_query::{Alias, Expr, ExprTrait, LockType, Query, SelectStatement};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, FromQueryResult, IdenStatic, Iterable,
    QueryFilter,
};

use crate::db::Txn;
use crate::domain::scheduling::{self, remote::capabilities};
use crate::domain::{Conflict, Error, Result, Violation};

/// The requested slot.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BookingRequest {
    pub(crate) event_type_id: Uuid,
    pub(crate) coach_id: Option<Uuid>,
    pub(crate) starts_at: DateTime<Utc>,
    pub(crate) length_minutes: Option<i32>,
}

/// The coach, the client and the event type of a booking request.
#[derive(Debug)]
pub(crate) struct Offer {
    pub(crate) client: user::Model,
    pub(crate) coach: coach::Model,
    pub(crate) event_type: event_type::Model,
    /// In minutes.
    pub(crate) length: i32,
}

/// The rows that a request names, before the check that they can be booked.
pub(crate) struct Named {
    client: user::Model,
    pub(crate) coach: coach::Model,
    event_type: event_type::Model,
    is_suspended: bool,
}

impl BookingRequest {
    /// Finds the offer for this person, and the violations in the input. Locks the rows of coach
    /// and person, in this order, so bookings of either are serialized. The database's exclusion
    /// guard is the second line of defence.
    ///
    /// # Errors
    /// `NotFound` for what cannot be booked, `InvalidState` when the coach takes no bookings, or is
    /// the person.
    pub(crate) async fn find(
        self,
        txn: &Txn,
        user_id: Uuid,
        now: DateTime<Utc>,
    ) -> Result<(Offer, Vec<Violation>)> {
        let named = self.lock(txn, user_id).await?;
        self.check(txn, user_id, named, now).await
    }

    /// Reads all rows that the request names in one statement, and locks them. `None` if one is
    /// missing.
    pub(super) async fn lock(&self, txn: &Txn, user_id: Uuid) -> Result<Option<Named>> {
        let found = txn.query_one(&self.statement(user_id)).await?;
        let read = |row| -> Result<Named> {
            Ok(Named {
                client: user::Model::from_query_result(&row, CLIENT)?,
                coach: coach::Model::from_query_result(&row, COACH)?,
                event_type: event_type::Model::from_query_result(&row, EVENT_TYPE)?,
                is_suspended: row.try_get("", IS_SUSPENDED)?,
            })
        };
        found.map(read).transpose()
    }

    fn statement(&self, user_id: Uuid) -> SelectStatement {
        use event_type::Column as E;

        let own =
            Expr::col((coach::Entity, coach::Column::Id)).equals((event_type::Entity, E::CoachId));
        let gives = match self.coach_id {
            None => Condition::all().add(own),
            Some(id) => Condition::all()
                .add(coach::Column::Id.eq(id))
                .add(Condition::any().add(own).add(Expr::exists(host()))),
        };
        let mut query = Query::select();
        columns::<event_type::Entity>(&mut query, EVENT_TYPE);
        columns::<coach::Entity>(&mut query, COACH);
        columns::<user::Entity>(&mut query, CLIENT);
        query
            .expr_as(Expr::exists(suspended()), IS_SUSPENDED)
            .from(event_type::Entity)
            .inner_join(coach::Entity, gives)
            .inner_join(user::Entity, user::Column::Id.eq(user_id))
            .and_where(E::Id.eq(self.event_type_id))
            .and_where(E::Visibility.ne(Visibility::Archived))
            .lock_with_tables(
                LockType::NoKeyUpdate,
                [Alias::new("coach"), Alias::new("user")],
            );
        query
    }

    /// Checks whether the named rows can be booked.
    pub(super) async fn check(
        self,
        txn: &Txn,
        user_id: Uuid,
        named: Option<Named>,
        now: DateTime<Utc>,
    ) -> Result<(Offer, Vec<Violation>)> {
        let Some(Named {
            client,
            coach,
            event_type,
            is_suspended,
        }) = named
        else {
            return Err(self.why_not(txn, user_id).await?);
        };
        if !coach.accepts_bookings {
            return Err(takes_no_bookings());
        }
        if coach.user_id == Some(user_id) {
            return Err(Conflict::InvalidState("coaches cannot book themselves".to_owned()).into());
        }
        if is_suspended {
            return Err(takes_no_bookings());
        }
        scheduling::require_readable(&**txn, &coach).await?;
        if event_type.seats > 1 && !capabilities(coach.scheduler).books_seats {
            let message =
                "places in a group can only be booked in the coach's own calendar".to_owned();
            return Err(Conflict::InvalidState(message).into());
        }
        let length = self.length_minutes.unwrap_or(event_type.length_minutes);
        let mut violations = Vec::new();
        if !event_type.lengths.0.contains(&length) {
            let lengths: Vec<_> = event_type
                .lengths
                .0
                .iter()
                .map(ToString::to_string)
                .collect();
            violations.push(Violation::at(
                "lengthMinutes",
                format!("must be one of: {}", lengths.join(", ")),
            ));
        }
        if self.starts_at <= now {
            violations.push(Violation::at("startsAt", "must be in the future"));
        }
        let offer = Offer {
            client,
            coach,
            event_type,
            length,
        };
        Ok((offer, violations))
    }

    /// The error that names the missing row.
    async fn why_not(&self, txn: &Txn, user_id: Uuid) -> Result<Error> {
        if user::Entity::find_by_id(user_id)
            .one(&**txn)
            .await?
            .is_none()
        {
            return Ok(Error::Unauthenticated);
        }
        let event_type = event_type::Entity::find_by_id(self.event_type_id)
            .filter(event_type::Column::Visibility.ne(Visibility::Archived))
            .one(&**txn)
            .await?;
        Ok(match event_type {
            None => Error::NotFound("event type"),
            Some(_) => Error::invalid("coachId", "this coach does not give sessions of this type"),
        })
    }
}

// Column prefixes of each table in the combined statement.
const EVENT_TYPE: &str = "E_";
const COACH: &str = "C_";
const CLIENT: &str = "U_";
const IS_SUSPENDED: &str = "is_suspended";

fn columns<E: EntityTrait>(query: &mut SelectStatement, prefix: &str) {
    for column in E::Column::iter() {
        let alias = format!("{prefix}{}", column.as_str());
        query.expr_as(
            column.select_as(Expr::col(column.as_column_ref())),
            Alias::new(alias),
        );
    }
}

/// Subquery: the coach is one of the event type's hosts.
fn host() -> SelectStatement {
    use event_type_host::Column as H;

    Query::select()
        .expr(Expr::val(1))
        .from(event_type_host::Entity)
        .and_where(
            Expr::col((event_type_host::Entity, H::EventTypeId))
                .equals((event_type::Entity, event_type::Column::Id)),
        )
        .and_where(
            Expr::col((event_type_host::Entity, H::CoachId))
                .equals((coach::Entity, coach::Column::Id)),
        )
        .to_owned()
}

/// Subquery: the coach's account is suspended.
fn suspended() -> SelectStatement {
    let account = Alias::new("account");
    Query::select()
        .expr(Expr::val(1))
        .from_as(user::Entity, account.clone())
        .and_where(
            Expr::col((account.clone(), user::Column::Id))
                .equals((coach::Entity, coach::Column::UserId)),
        )
        .and_where(Expr::col((account, user::Column::SuspendedAt)).is_not_null())
        .to_owned()
}

fn takes_no_bookings() -> Error {
    Conflict::InvalidState("this coach takes no bookings at present".to_owned()).into()
}

/// Refuses a coach who is not a host of the event type.
pub(super) async fn require_host(
    txn: &Txn,
    event_type: &event_type::Model,
    coach_id: Uuid,
) -> Result<()> {
    if coach_id == event_type.coach_id {
        return Ok(());
    }
    let host = event_type_host::Entity::find_by_id((event_type.id, coach_id));
    match host.one(&**txn).await? {
        Some(_) => Ok(()),
        None => Err(Error::invalid(
            "coachId",
            "this coach does not give sessions of this type",
        )),
    }
}
