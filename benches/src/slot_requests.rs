//! Requests for slots of Cal.com coaches, and their answers.

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
use crate::environment::today;
use crate::http::{Connection, Target};
use crate::queries::{self, instant};
use crate::report::{Report, rounded};
use crate::stats::Timings;

const SLOTS: &str = "query($id: ID!, $from: DateTime!, $until: DateTime!) { slots(eventTypeId: $id, \
    range: { from: $from, until: $until }) { slots { startsAt endsAt } freshness verifiedAt } }";

/// A request for the seven days that begin so many weeks from today.
pub(crate) fn slots_request(server: Target, offer: Uuid, weeks: u32) -> Vec<u8> {
    let from = today() + TimeDelta::weeks(i64::from(weeks));
    let (from, until) = (instant(from), instant(from + TimeDelta::weeks(1)));
    let variables = json!({ "id": Kind::EventType.id(offer), "from": from, "until": until });
    queries::request(server, None, SLOTS, &variables)
}

/// Kind of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum AnswerKind {
    Fresh,
    Stale,
    Partial,
    /// An error that says that nothing is known.
    Unavailable,
    /// Anything else, which is a fault.
    Wrong,
}

impl AnswerKind {
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
            .map_or(Self::Wrong, |(_, kind)| *kind)
    }
}

/// How requests are sent.
#[derive(Clone, Copy)]
pub(crate) struct Pace {
    pub(crate) connections: usize,
    /// Least time between two requests of a connection.
    pub(crate) every: Duration,
    /// The list is repeated for so long; sent once when left out.
    pub(crate) duration: Option<Duration>,
}

/// Collected answers.
#[derive(Default)]
pub(crate) struct Answers {
    pub(crate) timings: Timings,
    pub(crate) kinds: BTreeMap<AnswerKind, usize>,
    /// The first answer that was wrong.
    pub(crate) fault: Option<String>,
}

impl Answers {
    pub(crate) fn count(&self, kind: AnswerKind) -> usize {
        self.kinds.get(&kind).copied().unwrap_or_default()
    }

    /// In percent of all answers.
    fn share(&self, kind: AnswerKind) -> f64 {
        rounded(self.count(kind) as f64 / self.timings.len().max(1) as f64 * 100.0)
    }

    fn add(&mut self, other: Self) {
        self.timings.append(other.timings);
        for (kind, count) in other.kinds {
            *self.kinds.entry(kind).or_default() += count;
        }
        self.fault = self.fault.take().or(other.fault);
    }

    /// Adds the figures of a phase; `calls` is how many requests the stand-in received meanwhile.
    /// Returns the p99 in milliseconds.
    pub(crate) fn add_to(self, phase: &str, calls: usize, report: &mut Report) -> f64 {
        report.add(format!("{phase}_queries"), self.timings.len());
        for (what, kind) in [
            ("stale", AnswerKind::Stale),
            ("partial", AnswerKind::Partial),
            ("unavailable", AnswerKind::Unavailable),
        ] {
            report.add(format!("{phase}_{what}_percent"), self.share(kind));
        }
        let per_thousand = calls as f64 * 1_000.0 / self.timings.len().max(1) as f64;
        report.add(format!("{phase}_calls_per_1000"), rounded(per_thousand));
        let sorted = self.timings.sorted();
        for (name, share) in [("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("max", 1.0)] {
            report.add(format!("{phase}_{name}_ms"), sorted.quantile_ms(share));
        }
        sorted.quantile_ms(0.99)
    }
}

/// Sends all requests in order.
///
/// # Errors
/// When a connection breaks.
pub(crate) async fn send_all(
    server: Target,
    requests: &Arc<Vec<Vec<u8>>>,
    pace: Pace,
) -> Result<Answers, Failure> {
    let next = Arc::new(AtomicUsize::new(0));
    let until = pace.duration.map(|duration| Instant::now() + duration);
    let mut sending = JoinSet::new();
    for _ in 0..pace.connections {
        let (requests, next) = (Arc::clone(requests), Arc::clone(&next));
        sending.spawn(async move {
            let mut connection = Connection::open(server).await?;
            let mut answers = Answers::default();
            let mut turn = interval(pace.every.max(Duration::from_micros(1)));
            turn.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                turn.tick().await;
                let number = next.fetch_add(1, Ordering::Relaxed);
                let is_over =
                    until.map_or(number >= requests.len(), |until| Instant::now() >= until);
                if is_over {
                    return Ok::<_, std::io::Error>(answers);
                }
                let began = Instant::now();
                let answer = connection.send(&requests[number % requests.len()]).await?;
                answers.timings.push(began.elapsed());
                let kind = AnswerKind::read(answer.status, answer.body);
                *answers.kinds.entry(kind).or_default() += 1;
                if kind == AnswerKind::Wrong {
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
    while let Some(answers) = sending.join_next().await {
        all.add(answers??);
    }
    Ok(all)
}
