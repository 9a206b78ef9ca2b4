//! `bench hang-calcom`: Cal.com hangs for minutes while clients keep requesting what depends on it.
//! Everything else must stay as fast as before.
//!
//! The speed of a machine varies within minutes, and tables grow meanwhile. So two servers get the
//! same load side by side, each with its own stand-in for Cal.com, of which one hangs: the
//! difference between the two in that phase is the effect of hanging, the difference before it is
//! noise. This cannot show processor time that the hanging server takes from the whole machine;
//! that shows as a change of both from the first phase to the second.

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
use crate::environment::{Coach, Environment, EnvironmentOptions, SECRET, half_hour, today};
use crate::http::{Connection, Target};
use crate::metrics;
use crate::queries::{self, BOOK, Q1, Q2};
use crate::report::{Report, log, rounded};
use crate::slot_requests::{Pace, send_all, slots_request};
use crate::stats::{Sorted, Timings};
use crate::tokens;

#[derive(clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    environment: EnvironmentOptions,
    /// How many seconds Cal.com hangs.
    #[arg(long, default_value_t = 300)]
    seconds: u64,
    /// Seconds of each of the phases before and after.
    #[arg(long, default_value_t = 120)]
    calm: u64,
    /// Rate of each operation.
    #[arg(long, default_value_t = 20)]
    per_second: u32,
}

const COACHES: u32 = 10;
/// Clients who take turns in booking, so that no client's list of bookings grows long.
const CLIENTS: u32 = 50;
/// How much slower other operations may be while Cal.com hangs.
const GOAL_PERCENT: f64 = 10.0;
const PHASES: [&str; 3] = ["before", "during", "after"];

pub(crate) async fn run(options: Options) -> Result<(), Failure> {
    let (hanging, steady) = (
        Run::open(&options, true).await?,
        Run::open(&options, false).await?,
    );
    let barrier = Barrier::new(2);
    let done = match tokio::try_join!(hanging.execute(&barrier), steady.execute(&barrier)) {
        Ok((measured, beside)) => {
            report(&options, hanging.environment.database(), &measured, &beside)
        }
        Err(failure) => Err(failure),
    };
    // After a failure both databases are kept.
    let closed = steady
        .environment
        .close(if done.is_ok() {
            Ok(())
        } else {
            Err("the measurement failed".into())
        })
        .await;
    hanging.environment.close(done.and(closed)).await
}

struct Run<'o> {
    options: &'o Options,
    environment: Environment,
    hangs: bool,
}

/// Measurements of one of the two servers.
struct Measured {
    phases: [Phase; 3],
    effects: Vec<Sorted>,
    breaker: metrics::Breaker,
}

/// An operation that does not depend on Cal.com.
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

/// Creates the requests of all operations.
struct Workload {
    server: Target,
    own_offer: Uuid,
    /// Tokens of the clients who book.
    clients: Vec<String>,
    /// Token of the client who lists their bookings.
    reader: String,
    deliveries: Deliveries,
    made: AtomicU32,
}

impl Workload {
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

    /// Books consecutive half hours from next month on.
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

fn is_accepted(operation: Operation, status: u16, body: &[u8]) -> bool {
    let has = |text: &str| std::str::from_utf8(body).is_ok_and(|body| body.contains(text));
    let is_booked = operation != Operation::Book || has("\"status\":\"CONFIRMED\"");
    status == 200 && !has("\"errors\":[") && is_booked
}

/// A phase of the measurement.
struct Phase {
    timings: Vec<Sorted>,
    began: DateTime<Utc>,
    ended: DateTime<Utc>,
    faults: Vec<String>,
}

impl<'o> Run<'o> {
    async fn open(options: &'o Options, hangs: bool) -> Result<Self, Failure> {
        Ok(Self {
            options,
            environment: Environment::open(&options.environment, cal_com::Options::default())
                .await?,
            hangs,
        })
    }

    /// Starts measuring when the other server is ready too.
    async fn execute(&self, barrier: &Barrier) -> Result<Measured, Failure> {
        let server = self.environment.launch.start().await?;
        let target = server.target;
        let mut coaches = Vec::new();
        for number in 0..COACHES {
            coaches.push(
                self.environment
                    .add_coach(target, &format!("hang-coach-{number}"), 1)
                    .await?,
            );
        }
        let workload = Arc::new(self.workload(target).await?);
        let (changes, breaker) = watch::channel(metrics::Breaker::default());
        let mut beside = JoinSet::new();
        beside.spawn(metrics::breaker(target, changes));
        let stop = Arc::new(AtomicBool::new(false));
        beside.spawn(load_cal_com(
            target,
            coaches,
            self.environment.issuer.token("hang-needs", Role::Client)?,
            Arc::clone(&stop),
        ));
        // Warms the new process up.
        let _ = self.phase(&workload, Duration::from_secs(5)).await?;

        let calm = Duration::from_secs(self.options.calm);
        barrier.wait().await;
        let before = self.phase(&workload, calm).await?;
        if self.hangs {
            self.environment
                .cal
                .faults()
                .set(Fault::new("*", Kind::Hang));
            log("Cal.com hangs\n");
        }
        let during = self
            .phase(&workload, Duration::from_secs(self.options.seconds))
            .await?;
        if self.hangs {
            self.environment.cal.faults().clear();
            log("Cal.com answers again\n");
        }
        let after = self.phase(&workload, calm).await?;
        stop.store(true, Ordering::Relaxed);
        let breaker = *breaker.borrow();
        beside.abort_all();
        let phases = [before, during, after];
        let effects = self.effects(&workload, &phases).await?;
        server.stop().await?;
        Ok(Measured {
            phases,
            effects,
            breaker,
        })
    }

    async fn workload(&self, server: Target) -> Result<Workload, Failure> {
        let own_offer = self.environment.add_own_coach("hang-own").await?;
        let others = self.environment.add_own_coach("hang-read").await?;
        let names = (0..CLIENTS).map(|number| format!("hang-client-{number}"));
        let clients: Result<Vec<_>, _> = names
            .map(|name| self.environment.issuer.token(&name, Role::Client))
            .collect();
        let workload = Workload {
            server,
            own_offer,
            clients: clients?,
            reader: self.environment.issuer.token("hang-reader", Role::Client)?,
            deliveries: Deliveries::new(SECRET)?,
            made: AtomicU32::new(0),
        };
        let mut connection = Connection::open(server).await?;
        for number in 0..20 {
            let answer = connection
                .send(&workload.book(&workload.reader, others, number))
                .await?;
            if !is_accepted(Operation::Book, answer.status, answer.body) {
                return Err(format!("no booking: {}", String::from_utf8_lossy(answer.body)).into());
            }
        }
        Ok(workload)
    }

    /// Runs all operations side by side for a time.
    async fn phase(&self, workload: &Arc<Workload>, duration: Duration) -> Result<Phase, Failure> {
        let began = tokens::now();
        let until = Instant::now() + duration;
        let every = Duration::from_secs(1) / self.options.per_second.max(1);
        let mut doing = JoinSet::new();
        for operation in Operation::ALL {
            let workload = Arc::clone(workload);
            doing.spawn(async move {
                repeat(&workload, operation, every, until)
                    .await
                    .map(|done| (operation, done))
            });
        }
        let mut phase = Phase {
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
            phase.timings.push(timings.sorted());
            phase
                .faults
                .extend(fault.map(|fault| format!("{}: {fault}", operation.name())));
        }
        phase.ended = tokens::now();
        Ok(phase)
    }

    /// Time from the receipt of a webhook to its effect, by phase.
    async fn effects(&self, workload: &Workload, phases: &[Phase]) -> Result<Vec<Sorted>, Failure> {
        crate::webhooks::drain(
            &self.environment.db,
            &workload.deliveries.prefix,
            Duration::from_secs(120),
        )
        .await?;
        let rows: Vec<(DateTime<Utc>, Option<DateTime<Utc>>)> = Entity::find()
            .select_only()
            .columns([Column::ReceivedAt, Column::ProcessedAt])
            .filter(Column::Uid.starts_with(&workload.deliveries.prefix))
            .into_tuple()
            .all(self.environment.db.read())
            .await?;
        let of = |phase: &Phase| {
            let mut took = Timings::default();
            for (received, processed) in rows
                .iter()
                .filter(|(at, _)| (phase.began..phase.ended).contains(at))
            {
                took.push(
                    (processed.unwrap_or(*received) - *received)
                        .to_std()
                        .unwrap_or_default(),
                );
            }
            took.sorted()
        };
        Ok(phases.iter().map(of).collect())
    }
}

fn report(
    options: &Options,
    database: &str,
    hanging: &Measured,
    steady: &Measured,
) -> Result<(), Failure> {
    let mut report = Report::new("hang-calcom");
    report.add("database", database);
    report.add("hanging_seconds", options.seconds);
    let mut worst = f64::MIN;
    for (index, operation) in Operation::ALL.into_iter().enumerate() {
        let name = operation.name();
        let sides = [(hanging, "hanging"), (steady, "steady")];
        let timings = |measured: &Measured, phase: usize, quantile| {
            measured.phases[phase].timings[index].quantile_ms(quantile)
        };
        for (phase, phase_name) in PHASES.into_iter().enumerate() {
            for (measured, side) in sides {
                report.add(
                    format!("{name}_{phase_name}_{side}_p50_ms"),
                    timings(measured, phase, 0.5),
                );
                report.add(
                    format!("{name}_{phase_name}_{side}_p99_ms"),
                    timings(measured, phase, 0.99),
                );
            }
            let [with, without] = [hanging, steady].map(|measured| timings(measured, phase, 0.99));
            let difference = rounded((with / without.max(0.01) - 1.0) * 100.0);
            report.add(
                format!("{name}_{phase_name}_p99_difference_percent"),
                difference,
            );
            if phase_name == "during" {
                worst = worst.max(difference);
            }
        }
    }
    for (measured, side) in [(hanging, "hanging"), (steady, "steady")] {
        for (effect, phase_name) in measured.effects.iter().zip(PHASES) {
            report.add(
                format!("webhook_effect_{phase_name}_{side}_p50_ms"),
                effect.quantile_ms(0.5),
            );
            report.add(
                format!("webhook_effect_{phase_name}_{side}_p99_ms"),
                effect.quantile_ms(0.99),
            );
        }
    }
    let faults: Vec<&String> = [hanging, steady]
        .iter()
        .flat_map(|measured| &measured.phases)
        .flat_map(|phase| &phase.faults)
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

/// Repeats one operation; returns the durations and the first response that was not accepted.
async fn repeat(
    workload: &Workload,
    operation: Operation,
    every: Duration,
    until: Instant,
) -> Result<(Timings, Option<String>), std::io::Error> {
    let mut connection = Connection::open(workload.server).await?;
    let (mut timings, mut fault) = (Timings::default(), None);
    let mut turn = interval(every);
    turn.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while Instant::now() < until {
        turn.tick().await;
        let request = workload.request(operation);
        let began = Instant::now();
        let answer = connection.send(&request).await?;
        timings.push(began.elapsed());
        if !is_accepted(operation, answer.status, answer.body) {
            let text =
                || String::from_utf8_lossy(&answer.body[..answer.body.len().min(300)]).into_owned();
            fault.get_or_insert_with(text);
        }
    }
    Ok((timings, fault))
}

/// Clients who depend on Cal.com: they request slots and book, whatever the answers are.
async fn load_cal_com(
    server: Target,
    coaches: Vec<Coach>,
    token: String,
    stop: Arc<AtomicBool>,
) -> Result<(), Failure> {
    let pace = Pace {
        connections: 2,
        every: Duration::from_millis(200),
        duration: Some(Duration::from_secs(2)),
    };
    let mut bookings = JoinSet::new();
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        let requests = coaches
            .iter()
            .map(|coach| slots_request(server, coach.offers[0], number % 8))
            .collect();
        send_all(server, &Arc::new(requests), pace).await?;
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
