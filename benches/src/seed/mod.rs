//! `bench seed-load`: fills a database with the rows of a marketplace of a few years.

mod booked;
pub(crate) mod ids;

use chrono::{DateTime, Utc};
use courtside::domain::identity::LocalIssuer;
use entity::user::Role;
use entity::{coach, event_type, event_type_host, schedule, user};
use sea_orm::{
    ActiveModelBehavior, ActiveModelTrait, ConnectionTrait, DatabaseTransaction, EntityTrait,
    IntoActiveModel, TransactionTrait,
};

use crate::catalog::{self, Terms};
use crate::report::Report;
use crate::{Failure, database, tokens};

pub(crate) const COACHES: u32 = 200;
pub(crate) const CLIENTS: u32 = 1_000;
pub(crate) const BOOKINGS: u32 = 50_000;
/// Upcoming bookings, all of coach 0, every 40 minutes within 14 days; the others are past.
pub(crate) const UPCOMING: u32 = 500;

/// Rows in one statement: SQLite takes 32,766 values, and the widest row has 34.
const CHUNK: usize = 900;

const SHORT: Terms = Terms {
    slug: "intro-20",
    title: "Introduction",
    minutes: 20,
    interval: None,
    price_minor: 0,
};
const LONG: Terms = Terms {
    slug: "coaching-60",
    title: "Coaching session",
    minutes: 60,
    interval: None,
    price_minor: 12_050,
};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// An empty database; it is migrated first.
    #[arg(long)]
    database_url: String,
}

/// The subject of a client's tokens.
pub(crate) fn client_subject(number: u32) -> String {
    format!("load-client-{number:04}")
}

fn coach_subject(number: u32) -> String {
    format!("load-coach-{number:03}")
}

pub(crate) async fn run(options: Options) -> Result<(), Failure> {
    let db = database::open(&options.database_url).await?;
    if coach::Entity::find().one(db.read()).await?.is_some() {
        return Err("the database already has coaches: give an empty one".into());
    }
    let began = std::time::Instant::now();
    let now = tokens::now();
    // Creates the key that signs tokens, before a server has ever run on the database.
    LocalIssuer::open(&db).await?;
    let txn = db.write_one().begin().await?;
    add_people(&txn, now).await?;
    let made = booked::add(&txn, now).await?;
    txn.commit().await?;
    // Gives the planner the statistics of a database in use.
    db.write_one().execute_unprepared("analyze").await?;

    let mut report = Report::new("seed-load");
    report.add("coaches", COACHES);
    report.add("event_types", COACHES * 2);
    report.add("clients", CLIENTS);
    report.add("bookings", made.bookings);
    report.add("notes", made.notes);
    report.add(
        "seconds",
        crate::report::rounded(began.elapsed().as_secs_f64()),
    );
    report.print();
    Ok(())
}

async fn add_people(txn: &DatabaseTransaction, now: DateTime<Utc>) -> Result<(), Failure> {
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| {
            catalog::account(
                ids::client(number),
                &client_subject(number),
                Role::Client,
                now,
            )
        })
        .collect();
    insert::<user::Entity>(txn, clients).await?;
    let accounts: Vec<_> = (0..COACHES)
        .map(|number| {
            catalog::account(
                ids::coach_account(number),
                &coach_subject(number),
                Role::Coach,
                now,
            )
        })
        .collect();
    let (mut profiles, mut schedules, mut offers) = (Vec::new(), Vec::new(), Vec::new());
    for (number, account) in (0..).zip(&accounts) {
        let profile = catalog::profile(ids::coach(number), account, ids::schedule(number), now);
        schedules.push(catalog::always(ids::schedule(number), profile.id, now));
        for (id, terms) in [
            (ids::short_offer(number), &SHORT),
            (ids::long_offer(number), &LONG),
        ] {
            offers.push(catalog::offer(id, &profile, terms, now));
        }
        profiles.push(profile);
    }
    insert::<user::Entity>(txn, accounts).await?;
    insert::<coach::Entity>(txn, profiles).await?;
    insert::<schedule::Entity>(txn, schedules).await?;
    let hosts = offers.iter().map(catalog::host).collect();
    insert::<event_type::Entity>(txn, offers).await?;
    insert::<event_type_host::Entity>(txn, hosts).await
}

/// Inserts rows in chunks.
pub(crate) async fn insert<E>(db: &impl ConnectionTrait, rows: Vec<E::Model>) -> Result<(), Failure>
where
    E: EntityTrait,
    E::Model: IntoActiveModel<E::ActiveModel>,
    E::ActiveModel: ActiveModelTrait<Entity = E> + ActiveModelBehavior + Send,
{
    let mut rows = rows
        .into_iter()
        .map(|row| row.into_active_model().reset_all())
        .peekable();
    while rows.peek().is_some() {
        let chunk: Vec<E::ActiveModel> = rows.by_ref().take(CHUNK).collect();
        E::insert_many(chunk).exec_without_returning(db).await?;
    }
    Ok(())
}
