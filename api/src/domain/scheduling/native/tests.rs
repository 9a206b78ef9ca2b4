mod chance;
mod compare;
mod edges;
mod known;
mod rules;

use chrono::{DateTime, TimeDelta, Utc};
use zones::Zone;

use super::{Interval, Minute, Terms, Window};

fn instant(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text)
        .expect("an instant in RFC 3339")
        .to_utc()
}

fn zone(name: &str) -> Zone {
    name.parse().expect("a zone of the database")
}

/// Every zone of the database.
fn all_zones() -> Vec<Zone> {
    zones::in_use().names().into_iter().map(zone).collect()
}

fn between(from: &str, until: &str) -> Interval {
    Interval {
        from: instant(from),
        until: instant(until),
    }
}

fn time(text: &str) -> Minute {
    text.parse().expect("a time of day")
}

/// Terms without buffers, notice and window.
fn plain(length: i64, interval: i64) -> Terms {
    Terms {
        length: TimeDelta::minutes(length),
        interval: TimeDelta::minutes(interval),
        buffer_before: TimeDelta::zero(),
        buffer_after: TimeDelta::zero(),
        minimum_notice: TimeDelta::zero(),
        window: Window::Unlimited,
    }
}
