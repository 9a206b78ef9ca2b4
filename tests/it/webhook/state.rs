//! Everything that a client could see of bookings, to compare the ends of different orders.

use courtside::domain::answers;
use entity::{booking, connection, provider_booking, session, user};
use sea_orm::{ActiveEnum, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use tests::TestApp;

use super::{bookings, history};

/// The bookings of a Cal.com account, without ids and without when they were written.
pub(super) async fn state_of(app: &TestApp, account: &str) -> Vec<String> {
    let db = app.db().read();
    let link = connection::Entity::find_by_external("calcom", account)
        .one(db)
        .await
        .expect("the database answers");
    let Some(link) = link else { return Vec::new() };
    let found = booking::Entity::find_real()
        .filter(booking::Column::CoachId.eq(link.coach_id))
        .all(db)
        .await;
    describe_all(app, found.expect("the database answers")).await
}

/// As [`state_of`], of everybody.
pub(super) async fn state(app: &TestApp) -> Vec<String> {
    describe_all(app, bookings(app).await).await
}

async fn describe_all(app: &TestApp, rows: Vec<booking::Model>) -> Vec<String> {
    let mut state = Vec::new();
    for row in rows {
        state.push(describe(app, &row).await);
    }
    state.sort();
    state
}

async fn describe(app: &TestApp, row: &booking::Model) -> String {
    let history = history(app, row.id).await;
    let last = history.last().expect("a booking has a history");
    assert_eq!(
        (last.version, last.status_after),
        (row.version, row.status),
        "history ends where the booking is"
    );
    assert_eq!(
        history.len() as i64,
        row.version,
        "one line for each version"
    );
    let (client, session) = (client_of(app, row).await, session_of(app, row).await);
    let uids = provider_booking::Entity::find_by_booking(row.id)
        .count(app.db().read())
        .await
        .expect("the database answers");
    format!(
        "{}-{} busy {}-{} {} {:?} conflict {:?} for {:?} {} {} by {client:?} at {:?} {:?} {:?} {} {} {:?} moves {} {:?} {:?} uids {uids} lineage {} session {session}",
        row.starts_at,
        row.ends_at,
        row.busy_from,
        row.busy_until,
        row.status.to_value(),
        row.approval,
        row.conflict,
        row.client_email,
        row.client_name,
        row.client_time_zone,
        row.location_kind,
        row.location_value,
        row.join_url,
        row.price_minor,
        row.currency,
        answers::open(&app.app.vault, row.id, &row.answers).expect("its key is there"),
        row.moves,
        row.cancellation_reason,
        row.canceled_at.is_some(),
        row.lineage_key.is_some(),
    )
}

/// The address of the client's account, if they have one.
async fn client_of(app: &TestApp, row: &booking::Model) -> Option<String> {
    let found = user::Entity::find_by_id(row.client_id?)
        .one(app.db().read())
        .await;
    found.expect("the database answers")?.email
}

async fn session_of(app: &TestApp, row: &booking::Model) -> String {
    let found = session::Entity::find_by_booking(row.id)
        .one(app.db().read())
        .await;
    let session = found.expect("the database answers").map(|session| {
        (
            session.status,
            session.client_attendance,
            session.coach_attendance,
            session.started_at,
            session.ended_at,
        )
    });
    format!("{session:?}")
}
