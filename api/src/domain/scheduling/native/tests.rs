mod chance;
mod compare;
mod edges;
mod known;
mod rules;

use chrono::{DateTime, TimeDelta, Utc};

use super::{Interval, Minute, Terms, Window};

fn instant(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text)
        .expect("an instant in RFC 3339")
        .to_utc()
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
