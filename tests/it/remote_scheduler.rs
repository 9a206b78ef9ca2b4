//! The port to remote schedulers: one of a few lines, known to this crate alone, is driven through
//! everything that the machinery does for Cal.com.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use courtside::domain::scheduling::native::Interval;
use courtside::domain::scheduling::observation::{
    Attendee, Fact, Observation, Offer, Organizer, READ, SUCCEEDED, Standing,
};
use courtside::domain::scheduling::remote::{
    Calendar, Command, CommandResult, Fault, FreeTime, FreeTimeQuery, Outcome, Page, Record,
    RecordQuery, RemoteRequest, RemoteScheduler,
};
use entity::booking::Status;
use entity::coach::{self, Scheduler};
use entity::scheduler_request::Kind;
use entity::{Uuid, booking, connection, event_type, provider_booking};
use sea_orm::ActiveValue::Set;
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel};
use serde_json::json;
use tests::{Answer, On, Setup, TestApp, at, both_bare, key};

use crate::booking::{cancel, create, id_of, reschedule};

both_bare![
    a_booking_is_made_moved_and_canceled,
    a_refusal_gives_the_time_and_the_key_back,
    a_lost_answer_is_found,
    a_request_that_was_never_carried_out_is_given_up,
    changes_made_there_are_reconciled,
    records_of_another_host_are_left_out,
    a_booking_that_another_host_takes_over_ends_here,
    a_booking_of_several_hosts_is_taken_in,
];

/// Keeps its bookings in memory and says what is taken, as a calendar without bookings does. It
/// stands in the place of a scheduler that has no adapter yet.
const SCHEDULER: Scheduler = Scheduler::Google;
const ACCOUNT: &str = "paper-account";
const EVENT_TYPE: &str = "paper-event-type";

#[derive(Default)]
struct Paper(Mutex<Book>);

#[derive(Default)]
struct Book {
    entries: BTreeMap<String, Entry>,
    answer: Answers,
    now: DateTime<Utc>,
}

/// How it answers the next requests.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Answers {
    #[default]
    Well,
    Refuses,
    /// Does what it is asked, and its answer is lost.
    Loses,
    /// Does nothing, and nobody can tell.
    Drops,
}

#[derive(Clone)]
struct Entry {
    number: i64,
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    attendee: String,
    request_id: Option<Uuid>,
    moved_from: Option<String>,
    moved_to: Option<String>,
    canceled: bool,
    changed_at: DateTime<Utc>,
    /// The accounts that host it, the organizer first.
    hosts: Vec<&'static str>,
}

impl Paper {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answers(&self, answer: Answers) {
        self.book().answer = answer;
    }

    /// The bookings that are to take place.
    fn live(&self) -> Vec<(String, Entry)> {
        let book = self.book();
        let live = book.entries.iter().filter(|(_, entry)| entry.is_live());
        live.map(|(uid, entry)| (uid.clone(), entry.clone()))
            .collect()
    }
}

impl Entry {
    fn is_live(&self) -> bool {
        !self.canceled && self.moved_to.is_none()
    }
}

impl Book {
    fn write(&mut self, entry: Entry) -> String {
        let number = self.entries.len() as i64 + 1;
        let uid = format!("paper-{number}");
        let entry = Entry {
            number,
            changed_at: self.now,
            ..entry
        };
        self.entries.insert(uid.clone(), entry);
        uid
    }

    fn cancel(&mut self, uid: &str) {
        let now = self.now;
        if let Some(entry) = self.entries.get_mut(uid) {
            (entry.canceled, entry.changed_at) = (true, now);
        }
    }

    fn carry_out(&mut self, request: &RemoteRequest) -> String {
        let booking = &request.booking;
        let from = request.request.from_uid.clone();
        let starts_at = request.request.starts_at;
        let uid = self.write(Entry {
            number: 0,
            starts_at,
            ends_at: starts_at + (booking.ends_at - booking.starts_at),
            attendee: booking.client_email.clone().unwrap_or_default(),
            request_id: (request.request.kind == Kind::Book).then_some(request.request.id),
            moved_from: from.clone(),
            moved_to: None,
            canceled: false,
            changed_at: self.now,
            hosts: vec![ACCOUNT],
        });
        let now = self.now;
        if let Some(old) = from.and_then(|from| self.entries.get_mut(&from)) {
            (old.moved_to, old.changed_at) = (Some(uid.clone()), now);
        }
        uid
    }

    fn record(&self, uid: &str) -> Option<Record> {
        let entry = self.entries.get(uid)?;
        let standing = if entry.canceled {
            Some(Standing::Canceled)
        } else {
            entry.moved_to.is_none().then_some(Standing::Accepted)
        };
        let mut hosts = entry.hosts.iter().map(|account| Organizer {
            id: Some((*account).to_owned()),
            ..Organizer::default()
        });
        let read = Fact {
            at: Some(entry.changed_at),
            number: Some(entry.number),
            previous_uid: entry.moved_from.clone(),
            standing,
            starts_at: Some(entry.starts_at),
            ends_at: Some(entry.ends_at),
            offer: Some(Offer {
                id: Some(EVENT_TYPE.to_owned()),
                ..Offer::default()
            }),
            organizer: hosts.next(),
            co_hosts: hosts.collect(),
            attendee: Some(Attendee {
                email: entry.attendee.clone(),
                ..Attendee::default()
            }),
            request_id: entry.request_id,
            ..Fact::default()
        };
        let succeeded = entry.moved_to.as_ref().map(|successor| {
            let fact = Fact {
                previous_uid: Some(uid.to_owned()),
                ..Fact::default()
            };
            observation(successor, SUCCEEDED, fact)
        });
        Some(Record {
            uid: uid.to_owned(),
            changed_at: Some(entry.changed_at),
            moved_to: entry.moved_to.clone(),
            has_outcome: !entry.is_live(),
            observations: std::iter::once(observation(uid, READ, read))
                .chain(succeeded)
                .collect(),
        })
    }

    fn observations(&self, uids: &[&str]) -> Vec<Observation> {
        let records = uids.iter().filter_map(|uid| self.record(uid));
        records.flat_map(|record| record.observations).collect()
    }
}

fn observation(uid: &str, kind: &str, fact: Fact) -> Observation {
    Observation {
        uid: uid.to_owned(),
        seat: String::new(),
        kind: kind.to_owned(),
        fact,
    }
}

fn silence() -> Fault {
    let kind = providers::Kind::Unavailable;
    Fault::new(providers::Provider::CalCom, kind, "no answer came")
}

#[async_trait]
impl RemoteScheduler for Paper {
    async fn free_time(
        &self,
        _calendar: &Calendar<'_>,
        query: &FreeTimeQuery,
    ) -> Result<FreeTime, Fault> {
        assert_eq!(query.event_type, EVENT_TYPE);
        let busy = self.live().into_iter().map(|(_, entry)| Interval {
            from: entry.starts_at,
            until: entry.ends_at,
        });
        Ok(FreeTime::Busy(
            busy.filter(|taken| taken.intersects(&query.range))
                .collect(),
        ))
    }

    async fn request(&self, _calendar: &Calendar<'_>, request: &RemoteRequest) -> Outcome {
        let mut book = self.book();
        match book.answer {
            Answers::Refuses => Outcome::Refused {
                code: "SLOT_TAKEN".to_owned(),
                may_exist: false,
            },
            Answers::Drops => Outcome::Unknown(silence()),
            Answers::Loses => {
                book.carry_out(request);
                Outcome::Unknown(silence())
            }
            Answers::Well => {
                let uid = book.carry_out(request);
                let from = request.request.from_uid.as_deref();
                let uids: Vec<&str> = from.into_iter().chain([uid.as_str()]).collect();
                Outcome::Done(book.observations(&uids))
            }
        }
    }

    async fn find(
        &self,
        _calendar: &Calendar<'_>,
        request: &RemoteRequest,
    ) -> Result<Vec<Observation>, Fault> {
        let book = self.book();
        let is_it = |entry: &Entry| match request.request.kind {
            Kind::Book => entry.request_id == Some(request.request.id),
            _ => entry.moved_from == request.request.from_uid,
        };
        let found = book.entries.iter().find(|(_, entry)| is_it(entry));
        Ok(found.map_or_else(Vec::new, |(uid, _)| book.observations(&[uid])))
    }

    async fn run(
        &self,
        calendar: &Calendar<'_>,
        command: &Command,
    ) -> Result<CommandResult, Fault> {
        let Command::Cancel { uid, .. } = command else {
            return Ok(CommandResult::Impossible("paper can only be crossed out"));
        };
        self.cancel(calendar, uid).await?;
        Ok(CommandResult::Done(self.book().observations(&[uid])))
    }

    async fn cancel(&self, _calendar: &Calendar<'_>, uid: &str) -> Result<(), Fault> {
        self.book().cancel(uid);
        Ok(())
    }

    async fn read(&self, _calendar: &Calendar<'_>, uid: &str) -> Result<Option<Record>, Fault> {
        Ok(self.book().record(uid))
    }

    async fn list(
        &self,
        _calendar: &Calendar<'_>,
        query: &RecordQuery,
        _after: Option<&str>,
    ) -> Result<Page, Fault> {
        let book = self.book();
        let is_asked_for = |entry: &Entry| match query {
            RecordQuery::Changed { since, until } => {
                entry.changed_at >= *since && until.is_none_or(|until| entry.changed_at <= until)
            }
            RecordQuery::Upcoming => entry.is_live() && entry.starts_at > book.now,
            RecordQuery::Between { from, until } => {
                entry.starts_at >= *from && entry.ends_at <= *until
            }
        };
        let mut entries: Vec<_> = book.entries.iter().collect();
        entries.sort_by_key(|(_, entry)| (entry.changed_at, entry.number));
        let records = entries
            .into_iter()
            .filter(|(_, entry)| is_asked_for(entry))
            .filter_map(|(uid, _)| book.record(uid));
        Ok(Page {
            records: records.collect(),
            unreadable: 0,
            next: None,
        })
    }
}

/// An application, and a coach of the demo data whose time is kept on paper.
struct Fixture {
    app: TestApp,
    paper: Arc<Paper>,
    event_type: String,
}

impl Fixture {
    async fn start(on: On) -> Self {
        let paper = Arc::new(Paper::default());
        let app = Setup::default()
            .scheduler(SCHEDULER, paper.clone())
            .start(on)
            .await;
        let offer = app.offer("nora", "coaching-60").await;
        let (db, now) = (app.db().write_one(), app.now());
        let mut row = offer.coach.clone().into_active_model();
        row.scheduler = Set(SCHEDULER);
        row.update(db).await.expect("the coach is there");
        let mut row = offer.event_type.clone().into_active_model();
        row.provider = Set(SCHEDULER.provider().map(str::to_owned));
        row.provider_event_type_id = Set(Some(EVENT_TYPE.to_owned()));
        row.price_minor = Set(0);
        row.requires_approval = Set(false);
        row.update(db).await.expect("the event type is there");
        let link = connection::ActiveModel {
            id: Set(entity::new_id()),
            coach_id: Set(offer.coach.id),
            provider: Set(SCHEDULER.provider().expect("it is remote").to_owned()),
            external_id: Set(ACCOUNT.to_owned()),
            external_email: Set(None),
            external_username: Set(None),
            health: Set(connection::Health::Ok),
            kind: Set(connection::Kind::OAuth),
            created_at: Set(now),
            updated_at: Set(now),
            ..Default::default()
        };
        link.insert(db).await.expect("the coach is there");
        paper.book().now = now;
        let event_type = offer.id();
        Self {
            app,
            paper,
            event_type,
        }
    }

    fn order(&self, starts_at: &str) -> serde_json::Value {
        json!({
            "idempotencyKey": key(),
            "eventTypeId": self.event_type,
            "startsAt": starts_at,
            "timeZone": "Europe/Berlin",
        })
    }

    async fn book(&self, starts_at: &str) -> Answer {
        create(&self.app.client("maria"), &self.order(starts_at)).await
    }

    /// Lets time go on, here and there, and does what is due.
    async fn advance(&self, by: TimeDelta) {
        self.app.clock.advance(by);
        self.paper.book().now = self.app.now();
        let planned = courtside::domain::reconcile::ensure(&self.app.app).await;
        planned.expect("the database answers");
        self.app.sweep().await;
    }

    async fn only_booking(&self) -> booking::Model {
        let mut all = booking::Entity::find()
            .all(self.app.db().read())
            .await
            .expect("the database answers");
        all.retain(|booking| booking.scheduler == SCHEDULER);
        assert_eq!(all.len(), 1, "{all:#?}");
        all.remove(0)
    }
}

const MONDAY: &str = "2026-11-30T15:00:00Z";
const TUESDAY: &str = "2026-12-01T15:00:00Z";

async fn a_booking_is_made_moved_and_canceled(on: On) {
    let fixture = Fixture::start(on).await;
    let maria = fixture.app.client("maria");
    let id = id_of(&fixture.book(MONDAY).await);
    assert_eq!(fixture.only_booking().await.status, Status::Confirmed);
    assert_eq!(fixture.paper.live()[0].1.starts_at, at(MONDAY));
    let taken = create(&fixture.app.client("john"), &fixture.order(MONDAY)).await;
    assert_eq!(taken.user_errors(), ["SLOT_TAKEN"]);

    let moved = reschedule(&maria, &id, TUESDAY).await;
    assert_eq!(moved.text("/rescheduleBooking/booking/id"), id);
    let live = fixture.paper.live();
    assert_eq!(
        live.iter()
            .map(|(_, entry)| entry.starts_at)
            .collect::<Vec<_>>(),
        [at(TUESDAY)]
    );

    assert_eq!(cancel(&maria, &id).await.user_errors(), Vec::<&str>::new());
    fixture.app.run_jobs().await;
    assert_eq!(fixture.only_booking().await.status, Status::Canceled);
    assert!(fixture.paper.live().is_empty(), "it is canceled there too");
    fixture.app.finish().await;
}

async fn a_refusal_gives_the_time_and_the_key_back(on: On) {
    let fixture = Fixture::start(on).await;
    let (maria, order) = (fixture.app.client("maria"), fixture.order(MONDAY));
    fixture.paper.answers(Answers::Refuses);
    assert_eq!(create(&maria, &order).await.user_errors(), ["SLOT_TAKEN"]);
    assert_eq!(fixture.only_booking().await.status, Status::Abandoned);
    fixture.paper.answers(Answers::Well);
    id_of(&create(&maria, &order).await);
    assert_eq!(fixture.paper.live().len(), 1);
    fixture.advance(TimeDelta::minutes(1)).await;
    fixture.app.finish().await;
}

async fn a_lost_answer_is_found(on: On) {
    let fixture = Fixture::start(on).await;
    fixture.paper.answers(Answers::Loses);
    let id = id_of(&fixture.book(MONDAY).await);
    assert_eq!(fixture.only_booking().await.status, Status::Initiated);
    fixture.advance(TimeDelta::minutes(1)).await;
    assert_eq!(fixture.only_booking().await.status, Status::Confirmed);
    assert_eq!(fixture.paper.live().len(), 1, "it was not asked for twice");

    let maria = fixture.app.client("maria");
    reschedule(&maria, &id, TUESDAY).await.ok();
    assert_eq!(fixture.only_booking().await.starts_at, at(MONDAY));
    fixture.advance(TimeDelta::minutes(1)).await;
    assert_eq!(fixture.only_booking().await.starts_at, at(TUESDAY));
    assert_eq!(fixture.paper.live().len(), 1);
    fixture.app.finish().await;
}

async fn a_request_that_was_never_carried_out_is_given_up(on: On) {
    let fixture = Fixture::start(on).await;
    fixture.paper.answers(Answers::Drops);
    id_of(&fixture.book(MONDAY).await);
    for _ in 0..3 {
        fixture.advance(TimeDelta::minutes(2)).await;
    }
    assert_eq!(fixture.only_booking().await.status, Status::Abandoned);
    assert!(fixture.paper.live().is_empty());
    fixture.app.finish().await;
}

/// A booking on Monday that was made there, by Maria.
async fn on_paper(fixture: &Fixture, hosts: &[&'static str]) -> String {
    let maria = fixture.app.user("maria").await;
    let entry = Entry {
        number: 0,
        starts_at: at(MONDAY),
        ends_at: at(MONDAY) + TimeDelta::minutes(60),
        attendee: maria.email.expect("she has an address"),
        request_id: None,
        moved_from: None,
        moved_to: None,
        canceled: false,
        changed_at: fixture.app.now(),
        hosts: hosts.to_vec(),
    };
    fixture.paper.book().write(entry)
}

/// Lets the next poll run.
async fn poll(fixture: &Fixture) {
    fixture.advance(TimeDelta::zero()).await;
    fixture.advance(TimeDelta::minutes(3)).await;
}

async fn records_of_another_host_are_left_out(on: On) {
    let fixture = Fixture::start(on).await;
    on_paper(&fixture, &["somebody-else"]).await;
    let own = on_paper(&fixture, &[ACCOUNT]).await;
    poll(&fixture).await;
    let booking = fixture.only_booking().await;
    assert_eq!(booking.coach_id, fixture.app.profile("nora").await.id);
    let uids = provider_booking::Entity::find()
        .all(fixture.app.db().read())
        .await
        .expect("the database answers");
    assert_eq!(
        uids.iter()
            .map(|row| (row.uid.as_str(), row.account.as_str()))
            .collect::<Vec<_>>(),
        [(own.as_str(), ACCOUNT)]
    );
    fixture.app.finish().await;
}

async fn a_booking_that_another_host_takes_over_ends_here(on: On) {
    let fixture = Fixture::start(on).await;
    let uid = on_paper(&fixture, &[ACCOUNT]).await;
    poll(&fixture).await;
    assert_eq!(fixture.only_booking().await.status, Status::Confirmed);
    {
        let mut book = fixture.paper.book();
        let now = book.now;
        let entry = book.entries.get_mut(&uid).expect("it is there");
        (entry.hosts, entry.changed_at) = (vec!["somebody-else"], now);
    }
    poll(&fixture).await;
    let ended = fixture.only_booking().await;
    assert_eq!(ended.status, Status::Canceled);
    assert_eq!(ended.coach_id, fixture.app.profile("nora").await.id);
    fixture.app.finish().await;
}

async fn a_booking_of_several_hosts_is_taken_in(on: On) {
    let fixture = Fixture::start(on).await;
    on_paper(&fixture, &["somebody-else", ACCOUNT]).await;
    poll(&fixture).await;
    let booking = fixture.only_booking().await;
    assert_eq!(booking.coach_id, fixture.app.profile("nora").await.id);
    fixture.app.finish().await;
}

async fn changes_made_there_are_reconciled(on: On) {
    let fixture = Fixture::start(on).await;
    let maria = fixture.app.user("maria").await;
    let uid = on_paper(&fixture, &[ACCOUNT]).await;
    poll(&fixture).await;
    let made = fixture.only_booking().await;
    assert_eq!(
        (made.status, made.client_id, made.starts_at),
        (Status::Confirmed, Some(maria.id), at(MONDAY))
    );
    fixture.paper.book().cancel(&uid);
    fixture.advance(TimeDelta::zero()).await;
    fixture.advance(TimeDelta::minutes(3)).await;
    assert_eq!(fixture.only_booking().await.status, Status::Canceled);
    let coach = coach::Entity::find_by_id(made.coach_id)
        .one(fixture.app.db().read())
        .await
        .expect("the database answers");
    assert_eq!(coach.map(|coach| coach.scheduler), Some(SCHEDULER));
    let event_type = event_type::Entity::find_by_id(made.event_type_id)
        .one(fixture.app.db().read())
        .await
        .expect("the database answers");
    let known = event_type.and_then(|row| row.provider_event_type_id);
    assert_eq!(
        known.as_deref(),
        Some(EVENT_TYPE),
        "it is of our own event type"
    );
    fixture.app.finish().await;
}
