//! An application by itself: its own database, a stopped clock, no transport.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    Uuid, booking, booking_event, connection, job, provider_booking, session, user,
    webhook_delivery,
};
use sea_orm::{
    ActiveEnum, ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
};
use tokio_util::task::TaskTracker;

use super::captures::{Capture, secrets};
use crate::app::{App, Deadlines};
use crate::clock::{Clock, StoppedClock};
use crate::db::{Db, DbOptions};
use crate::domain::identity::{Identity, LocalIssuer, Recent, TokenVerifier, sign_in};
use crate::domain::webhook::{CalComSecrets, Inbox, Receipt, receive_cal_com};
use crate::domain::{Caller, Viewer};
use crate::outbox::listen::Live;
use crate::outbox::sequence;
use crate::worker::run_due;

/// A server to make databases on, for example `postgres://postgres@127.0.0.1:5432`; SQLite files
/// without it.
const POSTGRES: Option<&str> = option_env!("COURTSIDE_TEST_POSTGRES");

pub(crate) struct Lab {
    pub(crate) app: Arc<App>,
    pub(crate) clock: StoppedClock,
    file: Option<std::path::PathBuf>,
}

impl Drop for Lab {
    fn drop(&mut self) {
        if let Some(file) = &self.file {
            for end in ["", "-wal", "-shm"] {
                let _ = std::fs::remove_file(format!("{}{end}", file.display()));
            }
        }
    }
}

async fn database() -> (String, Option<std::path::PathBuf>) {
    let name = format!("courtside_{}", entity::new_id().simple());
    let Some(server) = POSTGRES else {
        let file = std::env::temp_dir().join(format!("{name}.db"));
        return (format!("sqlite://{}", file.display()), Some(file));
    };
    let admin = sea_orm::Database::connect(format!("{server}/postgres"))
        .await
        .expect("the server answers");
    admin
        .execute_unprepared(&format!("create database {name}"))
        .await
        .expect("a new database");
    admin.close().await.expect("closed");
    (format!("{server}/{name}"), None)
}

impl Lab {
    pub(crate) async fn open() -> Self {
        Self::open_with(secrets()).await
    }

    /// With other secrets than those of the recorded deliveries.
    pub(crate) async fn open_with(secrets: Vec<secrecy::SecretString>) -> Self {
        let (url, file) = database().await;
        let db = Db::connect(&DbOptions {
            url,
            connections: 4,
        })
        .await
        .expect("an open database");
        db.migrate().await.expect("tables");
        let start = "2027-02-01T12:00:00Z"
            .parse::<DateTime<Utc>>()
            .expect("an instant");
        let clock = StoppedClock::at(start);
        let app = App {
            tokens: TokenVerifier::Local(LocalIssuer::open(&db).await.expect("a key")),
            recent: Recent::default(),
            live: Live::open(db.clone())
                .await
                .expect("a database that was just opened answers"),
            db,
            clock: Clock::Stopped(clock.clone()),
            deadlines: Deadlines::default(),
            vault: Arc::default(),
            cal_com: None,
            credentials: Default::default(),
            slots: Default::default(),
            redirects: Default::default(),
            public_url: String::new(),
            webhook_secrets: CalComSecrets::new(secrets),
            inbox: Inbox::default(),
            metrics: crate::metrics::Metrics::new(),
            tasks: TaskTracker::new(),
        };
        Self {
            app: Arc::new(app),
            clock,
            file,
        }
    }

    pub(crate) async fn receive(&self, capture: &Capture) -> Receipt {
        receive_cal_com(&self.app, &capture.headers, capture.body.clone(), "test")
            .await
            .expect("a genuine delivery")
    }

    /// Runs jobs until none is due. Fails when one is given back.
    pub(crate) async fn run_jobs(&self) {
        while run_due(&self.app).await.expect("the jobs can be read") > 0 {}
        let left = job::Entity::find()
            .all(self.app.db.read())
            .await
            .expect("the jobs can be read");
        assert_eq!(left, [], "every job runs");
    }

    pub(crate) async fn post(&self, capture: &Capture) {
        self.receive(capture).await;
        self.run_jobs().await;
    }

    /// Somebody with a verified address signs in; what follows from it is done.
    pub(crate) async fn sign_in(&self, email: &str, role: user::Role) -> Caller {
        let caller = self.sign_in_only(email, role).await;
        self.run_jobs().await;
        caller
    }

    /// Somebody with a verified address signs in; what follows from it waits.
    pub(crate) async fn sign_in_only(&self, email: &str, role: user::Role) -> Caller {
        let identity = Identity {
            issuer: "test".to_owned(),
            subject: email.to_owned(),
            email: Some(email.to_owned()),
            email_verified: true,
            name: Some(email.to_owned()),
            time_zone: None,
            role: Some(role),
            expires_at: self.app.clock.now() + TimeDelta::hours(1),
        };
        let viewer = sign_in(&self.app, &identity, "test")
            .await
            .expect("a person");
        Caller {
            viewer,
            correlation_id: "test".to_owned(),
        }
    }

    pub(crate) async fn bookings(&self) -> Vec<booking::Model> {
        let all = booking::Entity::find_real()
            .order_by_asc(booking::Column::StartsAt)
            .order_by_asc(booking::Column::ClientEmail);
        all.all(self.app.db.read()).await.expect("bookings")
    }

    pub(crate) async fn deliveries(&self) -> Vec<webhook_delivery::Model> {
        webhook_delivery::Entity::find()
            .all(self.app.db.read())
            .await
            .expect("deliveries")
    }

    pub(crate) async fn history(&self, booking_id: Uuid) -> Vec<booking_event::Model> {
        sequence::place_all(&self.app.db).await.expect("places");
        let lines = booking_event::Entity::find_by_booking(booking_id)
            .order_by_asc(booking_event::Column::Seq);
        lines.all(self.app.db.read()).await.expect("history")
    }

    pub(crate) async fn lines(&self) -> u64 {
        sequence::place_all(&self.app.db).await.expect("places");
        booking_event::Entity::find()
            .count(self.app.db.read())
            .await
            .expect("history")
    }

    /// Everything that a client could see of the bookings of a Cal.com account, without ids and
    /// without when it was written.
    pub(crate) async fn state_of(&self, account: &str) -> Vec<String> {
        let db = self.app.db.read();
        let link = connection::Entity::find_by_external("calcom", account)
            .one(db)
            .await
            .expect("connections");
        let Some(link) = link else { return Vec::new() };
        let found = booking::Entity::find_real().filter(booking::Column::CoachId.eq(link.coach_id));
        let mut state = Vec::new();
        for booking in found.all(db).await.expect("bookings") {
            state.push(self.describe(&booking).await);
        }
        state.sort();
        state
    }

    /// As [`Self::state_of`], of everybody.
    pub(crate) async fn state(&self) -> Vec<String> {
        let mut state = Vec::new();
        for booking in self.bookings().await {
            state.push(self.describe(&booking).await);
        }
        state.sort();
        state
    }

    async fn describe(&self, row: &booking::Model) -> String {
        let db = self.app.db.read();
        let session = session::Entity::find_by_booking(row.id)
            .one(db)
            .await
            .expect("sessions")
            .map(|session| {
                (
                    session.status,
                    session.client_attendance,
                    session.coach_attendance,
                    session.started_at,
                    session.ended_at,
                )
            });
        let client = match row.client_id {
            Some(id) => user::Entity::find_by_id(id)
                .one(db)
                .await
                .expect("users")
                .and_then(|user| user.email),
            None => None,
        };
        let uids = provider_booking::Entity::find_by_booking(row.id)
            .count(db)
            .await
            .expect("uids");
        let last = self
            .history(row.id)
            .await
            .pop()
            .expect("a booking has a history");
        assert_eq!(
            (last.version, last.status_after),
            (row.version, row.status),
            "history ends where the booking is"
        );
        assert_eq!(
            self.history(row.id).await.len() as i64,
            row.version,
            "one line for each version"
        );
        format!(
            "{}-{} busy {}-{} {} {:?} conflict {:?} for {:?} {} {} by {client:?} at {:?} {:?} {:?} {} {} {:?} moves {} {:?} {:?} uids {uids} lineage {} session {session:?}",
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
            row.answers,
            row.moves,
            row.cancellation_reason,
            row.canceled_at.is_some(),
            row.lineage_key.is_some(),
        )
    }
}

pub(crate) fn user_id(caller: &Caller) -> Uuid {
    match &caller.viewer {
        Viewer::Person(person) => person.user_id,
        Viewer::Anonymous => panic!("nobody"),
    }
}
