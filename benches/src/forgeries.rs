//! `bench forgeries`: a coach with an account of their own at Cal.com attacks another one. Half of
//! the deliveries are signed with the coach's secret and sent to the other's address; the other
//! half are sent to the coach's own address and are about the other's bookings. None may have an
//! effect.

use std::sync::Arc;
use std::time::{Duration, Instant};

use entity::webhook_delivery::Status;
use simulators::cal_com::{self, Webhook};

use crate::calcom::{Deliveries, Delivery};
use crate::environment::{Environment, EnvironmentOptions};
use crate::http::Target;
use crate::report::{Report, rounded};
use crate::webhooks::{Answered, drain, send, statuses};
use crate::{Failure, database, tokens};

#[derive(clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    environment: EnvironmentOptions,
    /// Deliveries, of which half are forged and half overstep.
    #[arg(long, default_value_t = 100_000)]
    count: u32,
    #[arg(long, default_value_t = 16)]
    senders: usize,
}

const COACHES: [&str; 2] = ["forger", "victim"];
/// How long to wait for the registrations at Cal.com, and for the jobs of the deliveries.
const TIMEOUT: Duration = Duration::from_secs(900);

pub(crate) async fn run(options: Options) -> Result<(), Failure> {
    let mut environment =
        Environment::open(&options.environment, cal_com::Options::default()).await?;
    environment.launch = environment
        .launch
        .with("RATE_LIMIT_FORGED_WEBHOOKS_PER_MINUTE", "0");
    let done = execute(&options, &environment).await;
    environment.close(done).await
}

async fn execute(options: &Options, environment: &Environment) -> Result<(), Failure> {
    let server = environment.launch.start().await?;
    for name in COACHES {
        environment.add_coach(server.target, name, 0).await?;
    }
    server.stop().await?;
    // Webhooks are checked at the start.
    let server = environment.launch.start().await?;
    let [own, others] = registrations(environment).await?;
    let half = options.count / 2;
    let forged = Attack {
        path: path(&others)?,
        secret: secret(&own)?,
    };
    let overstepping = Attack {
        path: path(&own)?,
        secret: secret(&own)?,
    };
    let began = Instant::now();
    let forged = forged.send(server.target, half, options).await?;
    let forged_seconds = began.elapsed().as_secs_f64();
    let began = Instant::now();
    let overstepping = overstepping.send(server.target, half, options).await?;
    drain(&environment.db, &overstepping.prefix, TIMEOUT).await?;
    let overstepping_seconds = began.elapsed().as_secs_f64();
    server.stop().await?;

    let statuses = statuses(&environment.db, &overstepping.prefix).await?;
    let effective = statuses
        .values()
        .filter(|status| **status != Status::Refused);
    let accepted = forged.acknowledged + effective.count();
    let bookings = database::count(&environment.db, "select count(*) from booking").await?;
    let mut report = Report::new("forgeries");
    report.add("database", environment.database());
    report.add("forged", half);
    report.add(
        "forged_answered_per_second",
        rounded(f64::from(half) / forged_seconds),
    );
    report.add("overstepping", statuses.len());
    report.add(
        "overstepping_refused_per_second",
        rounded(f64::from(half) / overstepping_seconds),
    );
    report.add("accepted", accepted);
    report.add("bookings", bookings);
    report.print();
    if accepted > 0 || bookings > 0 || statuses.len() != half as usize {
        return Err("a forged or overstepping delivery was accepted, or one was lost".into());
    }
    Ok(())
}

/// The registrations of both coaches at the stand-in, in order.
async fn registrations(environment: &Environment) -> Result<[Webhook; 2], Failure> {
    let began = Instant::now();
    while began.elapsed() < TIMEOUT {
        let mut hooks = environment.cal.webhooks();
        if hooks.len() == COACHES.len() {
            let users = environment.cal.users();
            let email = tokens::email(COACHES[0]);
            let forger = users.iter().find(|user| user.email == email);
            let forger = forger.ok_or("the forger has no account")?.id;
            hooks.sort_by_key(|hook| hook.scope != cal_com::Scope::User(forger));
            return hooks
                .try_into()
                .map_err(|_| "two webhooks were expected".into());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Err("no webhook was registered".into())
}

/// The path of an address on any server.
fn path(hook: &Webhook) -> Result<String, Failure> {
    let start = hook.url.find("/webhooks/").ok_or("an address of ours")?;
    Ok(hook.url[start..].to_owned())
}

fn secret(hook: &Webhook) -> Result<String, Failure> {
    Ok(hook.secret.clone().ok_or("a webhook without a secret")?)
}

struct Attack {
    path: String,
    secret: String,
}

struct Attacked {
    prefix: String,
    acknowledged: usize,
}

impl Attack {
    /// Sends bookings that are said to be the victim's.
    async fn send(
        self,
        server: Target,
        count: u32,
        options: &Options,
    ) -> Result<Attacked, Failure> {
        let series = Deliveries::new(&self.secret)?
            .to(self.path)
            .for_coach(tokens::email(COACHES[1]));
        let deliveries: Arc<[Delivery]> = (0..count)
            .map(|number| series.get(server, number))
            .collect();
        let sent = send(server, &deliveries, options.senders, &Answered::default()).await?;
        if sent.acknowledged.len() + sent.refused != count as usize {
            return Err("a connection broke".into());
        }
        Ok(Attacked {
            prefix: series.prefix,
            acknowledged: sent.acknowledged.len(),
        })
    }
}
