//! `bench hang-calcom`: Cal.com hangs for minutes, while people go on asking for what needs it.
//! Everything else must go on as before.
//!
//! How fast a machine is changes within minutes, and what is kept grows meanwhile. So two
//! Courtsides are asked the same side by side, each with a Cal.com of its own, of which one hangs:
//! the difference between the two at that time is what hanging does. The difference before is what
//! chance does. What it cannot show is work that the hanging one would take from the whole machine;
//! that would be seen in the rows of both, before and during.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use entity::Uuid;
use entity::user::Role;
use entity::webhook_delivery::{Column, Entity};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};
use serde_json::json;
use simulators::cal_com;
use simulators::{Fault, Kind};
use tokio::sync::{Barrier, watch};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::Failure;
use crate::calcom::Deliveries;
use crate::http::{Connection, Target};
use crate::people;
use crate::queries::{self, BOOK, Q1, Q2};
use crate::report::{Report, complain, rounded};
use crate::slot_load::{How, ask, question};
use crate::stage::{Coach, Place, SECRET, Stage, half_hour, today};
use crate::stats::{Sorted, Timings};
use crate::watched;

#[derive(clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    place: Place,
    /// How long Cal.com hangs.
    #[arg(long, default_value_t = 300)]
    seconds: u64,
    /// How long it is measured before and after.
    #[arg(long, default_value_t = 120)]
    calm: u64,
    /// How often a second each of the operations is done.
    #[arg(long, default_value_t = 20)]
    per_second: u32,
}

const COACHES: u32 = 10;
/// Clients who book coaches of our own, in turns: nobody's list of bookings gets long.
const CLIENTS: u32 = 50;
/// How much slower things may be meanwhile.
const GOAL_PERCENT: f64 = 10.0;
const PARTS: [&str; 3] = ["before", "during", "after"];

pub(crate) async fn run(options: Options) -> Result<(), Failure> {
    let (hanging, steady) = (
        Scene::open(&options, true).await?,
        Scene::open(&options, false).await?,
    );
    let together = Barrier::new(2);
    let done = match tokio::try_join!(hanging.play(&together), steady.play(&together)) {
        Ok((seen, beside)) => tell(&options, hanging.stage.database(), &seen, &beside),
        Err(failure) => Err(failure),
    };
    // Where something went wrong both databases are kept.
    let closed = steady
        .stage
        .close(if done.is_ok() {
            Ok(())
        } else {
            Err("the measurement failed".into())
        })
        .await;
    hanging.stage.close(done.and(closed)).await
}

struct Scene<'o> {
    options: &'o Options,
    stage: Stage,
    hangs: bool,
}

/// What was seen on one of the two.
struct Seen {
    parts: [Part; 3],
    effects: Vec<Sorted>,
    breaker: watched::Breaker,
}

/// Something that does not need Cal.com.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Coaches,
    Bookings,
    Book,
    Webhook,
}

impl Operation {
    const ALL: [Self; 4] = [Self::Coaches, Self::Bookings, Self::Book, Self::Webhook];

    fn name(self) -> &'static str {
        match self {
            Self::Coaches => "coach_list",
            Self::Bookings => "my_bookings",
            Self::Book => "book_a_coach_of_our_own",
            Self::Webhook => "webhook",
        }
    }
}

/// Makes the requests of all operations.
struct World {
    server: Target,
    own_offer: Uuid,
    /// Tokens of those who book.
    clients: Vec<String>,
    /// The one who lists their bookings.
    reader: String,
    deliveries: Deliveries,
    made: AtomicU32,
}

impl World {
    fn request(&self, operation: Operation) -> Vec<u8> {
        let server = self.server;
        match operation {
            Operation::Coaches => queries::request(server, None, Q1, &json!({})),
            Operation::Bookings => queries::request(server, Some(&self.reader), Q2, &json!({})),
            Operation::Book => {
                let number = self.made.fetch_add(1, Ordering::Relaxed);
                let token = &self.clients[number as usize % self.clients.len()];
                self.book(token, self.own_offer, number)
            }
            Operation::Webhook => {
                let number = self.made.fetch_add(1, Ordering::Relaxed);
                self.deliveries.get(server, number).request
            }
        }
    }

    /// Half hours without an end, from next month on.
    fn book(&self, token: &str, offer: Uuid, number: u32) -> Vec<u8> {
        let start = today() + TimeDelta::days(30) + TimeDelta::minutes(30 * i64::from(number));
        queries::request(
            self.server,
            Some(token),
            BOOK,
            &queries::booking(offer, start),
        )
    }
}

fn is_good(operation: Operation, status: u16, body: &[u8]) -> bool {
    let has = |text: &str| std::str::from_utf8(body).is_ok_and(|body| body.contains(text));
    let is_booked = operation != Operation::Book || has("\"status\":\"CONFIRMED\"");
    status == 200 && !has("\"errors\":[") && is_booked
}

/// A part of the measurement.
struct Part {
    timings: Vec<Sorted>,
    began: DateTime<Utc>,
    ended: DateTime<Utc>,
    faults: Vec<String>,
}

impl<'o> Scene<'o> {
    async fn open(options: &'o Options, hangs: bool) -> Result<Self, Failure> {
        Ok(Self {
            options,
            stage: Stage::open(&options.place, cal_com::Options::default()).await?,
            hangs,
        })
    }

    /// Begins when the other one is ready too.
    async fn play(&self, together: &Barrier) -> Result<Seen, Failure> {
        let server = self.stage.launch.start().await?;
        let target = server.target;
        let mut coaches = Vec::new();
        for number in 0..COACHES {
            coaches.push(
                self.stage
                    .add_coach(target, &format!("hang-coach-{number}"), 1)
                    .await?,
            );
        }
        let world = Arc::new(self.world(target).await?);
        let (changes, breaker) = watch::channel(watched::Breaker::default());
        let mut beside = JoinSet::new();
        beside.spawn(watched::breaker(target, changes));
        let stop = Arc::new(AtomicBool::new(false));
        beside.spawn(need_it(
            target,
            coaches,
            self.stage.issuer.token("hang-needs", Role::Client)?,
            Arc::clone(&stop),
        ));
        // What a new process does first is not part of this.
        let _ = self.part(&world, Duration::from_secs(5)).await?;

        let calm = Duration::from_secs(self.options.calm);
        together.wait().await;
        let before = self.part(&world, calm).await?;
        if self.hangs {
            self.stage.cal.faults().set(Fault::new("*", Kind::Hang));
            complain("Cal.com hangs\n");
        }
        let during = self
            .part(&world, Duration::from_secs(self.options.seconds))
            .await?;
        if self.hangs {
            self.stage.cal.faults().clear();
            complain("Cal.com answers again\n");
        }
        let after = self.part(&world, calm).await?;
        stop.store(true, Ordering::Relaxed);
        let breaker = *breaker.borrow();
        beside.abort_all();
        let parts = [before, during, after];
        let effects = self.effects(&world, &parts).await?;
        server.stop().await?;
        Ok(Seen {
            parts,
            effects,
            breaker,
        })
    }

    async fn world(&self, server: Target) -> Result<World, Failure> {
        let own_offer = self.stage.add_own_coach("hang-own").await?;
        let others = self.stage.add_own_coach("hang-read").await?;
        let names = (0..CLIENTS).map(|number| format!("hang-client-{number}"));
        let clients: Result<Vec<_>, _> = names
            .map(|name| self.stage.issuer.token(&name, Role::Client))
            .collect();
        let world = World {
            server,
            own_offer,
            clients: clients?,
            reader: self.stage.issuer.token("hang-reader", Role::Client)?,
            deliveries: Deliveries::new(SECRET)?,
            made: AtomicU32::new(0),
        };
        let mut connection = Connection::open(server).await?;
        for number in 0..20 {
            let answer = connection
                .send(&world.book(&world.reader, others, number))
                .await?;
            if !is_good(Operation::Book, answer.status, answer.body) {
                return Err(format!("no booking: {}", String::from_utf8_lossy(answer.body)).into());
            }
        }
        Ok(world)
    }

    /// Each operation in its own time, for so long.
    async fn part(&self, world: &Arc<World>, lasting: Duration) -> Result<Part, Failure> {
        let began = people::now();
        let until = Instant::now() + lasting;
        let every = Duration::from_secs(1) / self.options.per_second.max(1);
        let mut doing = JoinSet::new();
        for operation in Operation::ALL {
            let world = Arc::clone(world);
            doing.spawn(async move {
                repeat(&world, operation, every, until)
                    .await
                    .map(|done| (operation, done))
            });
        }
        let mut part = Part {
            timings: Vec::new(),
            began,
            ended: began,
            faults: Vec::new(),
        };
        let mut done = Vec::new();
        while let Some(one) = doing.join_next().await {
            done.push(one??);
        }
        for operation in Operation::ALL {
            let found = done
                .iter_mut()
                .find(|(of, _)| *of == operation)
                .ok_or("each of them is done")?;
            let (timings, fault) = std::mem::take(&mut found.1);
            part.timings.push(timings.sorted());
            part.faults
                .extend(fault.map(|fault| format!("{}: {fault}", operation.name())));
        }
        part.ended = people::now();
        Ok(part)
    }

    /// From the receipt of a webhook to its effect, part by part.
    async fn effects(&self, world: &World, parts: &[Part]) -> Result<Vec<Sorted>, Failure> {
        crate::webhooks::drain(
            &self.stage.db,
            &world.deliveries.prefix,
            Duration::from_secs(120),
        )
        .await?;
        let rows: Vec<(DateTime<Utc>, Option<DateTime<Utc>>)> = Entity::find()
            .select_only()
            .columns([Column::ReceivedAt, Column::ProcessedAt])
            .filter(Column::Uid.starts_with(&world.deliveries.prefix))
            .into_tuple()
            .all(self.stage.db.read())
            .await?;
        let of = |part: &Part| {
            let mut took = Timings::default();
            for (received, processed) in rows
                .iter()
                .filter(|(at, _)| (part.began..part.ended).contains(at))
            {
                took.push(
                    (processed.unwrap_or(*received) - *received)
                        .to_std()
                        .unwrap_or_default(),
                );
            }
            took.sorted()
        };
        Ok(parts.iter().map(of).collect())
    }
}

fn tell(options: &Options, database: &str, hanging: &Seen, steady: &Seen) -> Result<(), Failure> {
    let mut report = Report::new("hang-calcom");
    report.add("database", database);
    report.add("hanging_seconds", options.seconds);
    let mut worst = f64::MIN;
    for (index, operation) in Operation::ALL.into_iter().enumerate() {
        let name = operation.name();
        let sides = [(hanging, "hanging"), (steady, "steady")];
        let timings = |seen: &Seen, part: usize, quantile| {
            seen.parts[part].timings[index].quantile_ms(quantile)
        };
        for (part, said) in PARTS.into_iter().enumerate() {
            for (seen, side) in sides {
                report.add(
                    format!("{name}_{said}_{side}_p50_ms"),
                    timings(seen, part, 0.5),
                );
                report.add(
                    format!("{name}_{said}_{side}_p99_ms"),
                    timings(seen, part, 0.99),
                );
            }
            let [with, without] = [hanging, steady].map(|seen| timings(seen, part, 0.99));
            let difference = rounded((with / without.max(0.01) - 1.0) * 100.0);
            report.add(format!("{name}_{said}_p99_difference_percent"), difference);
            if said == "during" {
                worst = worst.max(difference);
            }
        }
    }
    for (seen, side) in [(hanging, "hanging"), (steady, "steady")] {
        for (effect, said) in seen.effects.iter().zip(PARTS) {
            report.add(
                format!("webhook_effect_{said}_{side}_p50_ms"),
                effect.quantile_ms(0.5),
            );
            report.add(
                format!("webhook_effect_{said}_{side}_p99_ms"),
                effect.quantile_ms(0.99),
            );
        }
    }
    let faults: Vec<&String> = [hanging, steady]
        .iter()
        .flat_map(|seen| &seen.parts)
        .flat_map(|part| &part.faults)
        .collect();
    let breaker = hanging.breaker;
    report.add("worst_p99_difference_percent", worst);
    report.add("goal_percent", GOAL_PERCENT);
    report.add("breaker_opened", breaker.opened);
    report.add("breaker_half_opened", breaker.half_opened);
    report.add("breaker_closed", breaker.closed);
    report.add("faults", faults.len());
    report.print();
    match faults.first() {
        Some(fault) => Err(format!("an operation failed: {fault}").into()),
        None if breaker.opened == 0 || breaker.half_opened == 0 || breaker.closed == 0 => {
            Err("the breaker did not open, half-open and close".into())
        }
        None => Ok(()),
    }
}

/// Does one thing again and again; gives how long it took each time, and the first answer that was
/// not good.
async fn repeat(
    world: &World,
    operation: Operation,
    every: Duration,
    until: Instant,
) -> Result<(Timings, Option<String>), std::io::Error> {
    let mut connection = Connection::open(world.server).await?;
    let (mut timings, mut fault) = (Timings::default(), None);
    let mut turn = interval(every);
    turn.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while Instant::now() < until {
        turn.tick().await;
        let request = world.request(operation);
        let began = Instant::now();
        let answer = connection.send(&request).await?;
        timings.push(began.elapsed());
        if !is_good(operation, answer.status, answer.body) {
            let text =
                || String::from_utf8_lossy(&answer.body[..answer.body.len().min(300)]).into_owned();
            fault.get_or_insert_with(text);
        }
    }
    Ok((timings, fault))
}

/// People who need Cal.com, and do not mind what comes of it: they look for free time and book.
async fn need_it(
    server: Target,
    coaches: Vec<Coach>,
    token: String,
    stop: Arc<AtomicBool>,
) -> Result<(), Failure> {
    let how = How {
        connections: 2,
        every: Duration::from_millis(200),
        lasting: Some(Duration::from_secs(2)),
    };
    let mut bookings = JoinSet::new();
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        let questions = coaches
            .iter()
            .map(|coach| question(server, coach.offers[0], number % 8))
            .collect();
        ask(server, &Arc::new(questions), how).await?;
        let offer = coaches[number as usize % coaches.len()].offers[0];
        let request = queries::request(
            server,
            Some(&token),
            BOOK,
            &queries::booking(offer, half_hour(number)),
        );
        bookings.spawn(async move {
            Connection::open(server)
                .await?
                .send(&request)
                .await
                .map(drop)
        });
        number += 1;
    }
    Ok(())
}
