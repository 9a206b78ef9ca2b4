//! Questions for the free time of coaches at Cal.com, and what came back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use courtside::graphql::id::Kind;
use entity::Uuid;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::Failure;
use crate::http::{Connection, Target};
use crate::queries::{self, instant};
use crate::report::{Report, rounded};
use crate::stage::today;
use crate::stats::Timings;

const SLOTS: &str = "query($id: ID!, $from: DateTime!, $until: DateTime!) { slots(eventTypeId: $id, \
    range: { from: $from, until: $until }) { slots { startsAt endsAt } freshness verifiedAt } }";

/// A question for the seven days that begin so many weeks from today.
pub(crate) fn question(server: Target, offer: Uuid, weeks: u32) -> Vec<u8> {
    let from = today() + TimeDelta::weeks(i64::from(weeks));
    let (from, until) = (instant(from), instant(from + TimeDelta::weeks(1)));
    let variables = json!({ "id": Kind::EventType.id(offer), "from": from, "until": until });
    queries::request(server, None, SLOTS, &variables)
}

/// What an answer was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Said {
    Fresh,
    Stale,
    Partial,
    /// Nothing is known, and the answer says so.
    Unavailable,
    /// Anything else: always a fault.
    Wrong,
}

impl Said {
    fn read(status: u16, body: &[u8]) -> Self {
        let body = std::str::from_utf8(body).unwrap_or_default();
        let signs = [
            ("\"freshness\":\"FRESH\"", Self::Fresh),
            ("\"freshness\":\"STALE\"", Self::Stale),
            ("\"freshness\":\"PARTIAL\"", Self::Partial),
            ("\"code\":\"PROVIDER_UNAVAILABLE\"", Self::Unavailable),
        ];
        let found = signs.iter().find(|(sign, _)| body.contains(sign));
        found
            .filter(|_| status == 200)
            .map_or(Self::Wrong, |(_, said)| *said)
    }
}

/// How questions are asked.
#[derive(Clone, Copy)]
pub(crate) struct How {
    pub(crate) connections: usize,
    /// Each connection asks no more often than that.
    pub(crate) every: Duration,
    /// The list is gone through again and again for so long; once when left out.
    pub(crate) lasting: Option<Duration>,
}

/// What came of it.
#[derive(Default)]
pub(crate) struct Answers {
    pub(crate) timings: Timings,
    pub(crate) said: BTreeMap<Said, usize>,
    /// The first answer that was wrong.
    pub(crate) fault: Option<String>,
}

impl Answers {
    pub(crate) fn count(&self, said: Said) -> usize {
        self.said.get(&said).copied().unwrap_or_default()
    }

    /// In percent of all answers.
    fn share(&self, said: Said) -> f64 {
        rounded(self.count(said) as f64 / self.timings.len().max(1) as f64 * 100.0)
    }

    fn add(&mut self, other: Self) {
        self.timings.append(other.timings);
        for (said, count) in other.said {
            *self.said.entry(said).or_default() += count;
        }
        self.fault = self.fault.take().or(other.fault);
    }

    /// Adds the figures of a part of a measurement; `calls` is how often the stand-in was asked
    /// meanwhile. Gives the p99 in milliseconds.
    pub(crate) fn tell(self, part: &str, calls: usize, report: &mut Report) -> f64 {
        report.add(format!("{part}_queries"), self.timings.len());
        for (what, said) in [
            ("stale", Said::Stale),
            ("partial", Said::Partial),
            ("unavailable", Said::Unavailable),
        ] {
            report.add(format!("{part}_{what}_percent"), self.share(said));
        }
        let per_thousand = calls as f64 * 1_000.0 / self.timings.len().max(1) as f64;
        report.add(format!("{part}_calls_per_1000"), rounded(per_thousand));
        let sorted = self.timings.sorted();
        for (name, share) in [("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("max", 1.0)] {
            report.add(format!("{part}_{name}_ms"), sorted.quantile_ms(share));
        }
        sorted.quantile_ms(0.99)
    }
}

/// Asks all questions, in their order.
///
/// # Errors
/// When a connection breaks.
pub(crate) async fn ask(
    server: Target,
    questions: &Arc<Vec<Vec<u8>>>,
    how: How,
) -> Result<Answers, Failure> {
    let next = Arc::new(AtomicUsize::new(0));
    let until = how.lasting.map(|lasting| Instant::now() + lasting);
    let mut asking = JoinSet::new();
    for _ in 0..how.connections {
        let (questions, next) = (Arc::clone(questions), Arc::clone(&next));
        asking.spawn(async move {
            let mut connection = Connection::open(server).await?;
            let mut answers = Answers::default();
            let mut turn = interval(how.every.max(Duration::from_micros(1)));
            turn.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                turn.tick().await;
                let number = next.fetch_add(1, Ordering::Relaxed);
                let is_over =
                    until.map_or(number >= questions.len(), |until| Instant::now() >= until);
                if is_over {
                    return Ok::<_, std::io::Error>(answers);
                }
                let began = Instant::now();
                let answer = connection
                    .send(&questions[number % questions.len()])
                    .await?;
                answers.timings.push(began.elapsed());
                let said = Said::read(answer.status, answer.body);
                *answers.said.entry(said).or_default() += 1;
                if said == Said::Wrong {
                    let text = || {
                        String::from_utf8_lossy(&answer.body[..answer.body.len().min(300)])
                            .into_owned()
                    };
                    answers.fault.get_or_insert_with(text);
                }
            }
        });
    }
    let mut all = Answers::default();
    while let Some(answers) = asking.join_next().await {
        all.add(answers??);
    }
    Ok(all)
}
