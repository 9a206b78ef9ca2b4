//! Validates event types.

use chrono::{Datelike, NaiveDate};
use entity::event_type::{AnswerKind, LocationKind, Model, Policy, Questions, WindowKind};

use crate::domain::text::Problems;

const DAY: i32 = 24 * 60;
const YEAR: i32 = 365 * DAY;
/// The maximum price: a million million dollars in cents, still exact as a double-precision number.
pub(super) const MAX_PRICE_MINOR: i64 = 100_000_000_000_000;

/// Validates an event type. Price and schedule are validated where they are read.
pub(super) fn check(problems: &mut Problems, row: &Model) {
    problems.line("title", &row.title, 120);
    problems.slug("slug", &row.slug);
    if let Some(description) = &row.description {
        problems.lines("description", description, 1, 10_000);
    }
    check_lengths(problems, row);
    problems.range("bufferBeforeMinutes", row.buffer_before_minutes, 0, DAY);
    problems.range("bufferAfterMinutes", row.buffer_after_minutes, 0, DAY);
    problems.range("minimumNoticeMinutes", row.minimum_notice_minutes, 0, YEAR);
    if let Some(interval) = row.slot_interval_minutes {
        problems.range("slotIntervalMinutes", interval, 5, DAY);
    }
    check_window(problems, row);
    check_location(problems, row);
    check_questions(problems, &row.questions);
    check_policy(problems, &row.policy);
}

fn check_lengths(problems: &mut Problems, row: &Model) {
    let is_length = |minutes: i32| (5..=DAY).contains(&minutes) && minutes % 5 == 0;
    let message = "must be from 5 to 1440 minutes, in steps of 5";
    problems.require(is_length(row.length_minutes), "lengthMinutes", message);
    problems.require(row.lengths.0.len() <= 20, "lengthsMinutes", "at most 20");
    for (index, length) in row.lengths.0.iter().enumerate().take(20) {
        problems.require(
            is_length(*length),
            &format!("lengthsMinutes.{index}"),
            message,
        );
    }
    let has_default = row.lengths.0.contains(&row.length_minutes);
    problems.require(
        has_default,
        "lengthsMinutes",
        "must contain the default length",
    );
}

fn check_window(problems: &mut Problems, row: &Model) {
    let days = row.window_days.is_some();
    let dates = row.window_from.is_some() || row.window_until.is_some();
    problems.require(
        !days || row.window_kind == WindowKind::Days,
        "window.days",
        "only for a window of DAYS",
    );
    problems.require(
        !dates || row.window_kind == WindowKind::Range,
        "window.from",
        "dates are only for a window of RANGE",
    );
    match row.window_kind {
        WindowKind::Unlimited => {}
        WindowKind::Days => match row.window_days {
            Some(days) => problems.range("window.days", days, 1, 730),
            None => problems.add("window.days", "needed for a window of DAYS"),
        },
        WindowKind::Range => match (row.window_from, row.window_until) {
            (Some(from), Some(until)) => {
                problems.require(
                    is_storable(from),
                    "window.from",
                    "must be in the years 2000 to 2200",
                );
                problems.require(
                    is_storable(until),
                    "window.until",
                    "must be in the years 2000 to 2200",
                );
                problems.require(
                    from <= until,
                    "window.until",
                    "must not be before the first day",
                );
            }
            (from, until) => {
                problems.require(
                    from.is_some(),
                    "window.from",
                    "needed for a window of RANGE",
                );
                problems.require(
                    until.is_some(),
                    "window.until",
                    "needed for a window of RANGE",
                );
            }
        },
    }
}

/// SQLite stores dates as text: a year of five digits would sort before one of four.
fn is_storable(date: NaiveDate) -> bool {
    (2000..=2200).contains(&date.year())
}

fn check_location(problems: &mut Problems, row: &Model) {
    let path = "location.value";
    match (row.location_kind, row.location_value.as_deref()) {
        (LocationKind::Video, None) => {}
        (LocationKind::Video, Some(_)) => {
            problems.add(path, "the link of a video call is made by the system")
        }
        (_, None) => problems.add(path, "needed for this way to meet"),
        (LocationKind::Link, Some(link)) => problems.https(path, link),
        (LocationKind::Phone, Some(number)) => {
            problems.require(
                is_phone(number),
                path,
                "must be a phone number with its country code, for example +49 30 1234567",
            );
        }
        (LocationKind::InPerson, Some(address)) => problems.lines(path, address, 1, 500),
    }
}

/// `+`, then 7 to 15 digits (ITU-T E.164), with optional spaces and hyphens between them.
fn is_phone(number: &str) -> bool {
    let Some(rest) = number.strip_prefix('+') else {
        return false;
    };
    let digits = rest.bytes().filter(u8::is_ascii_digit).count();
    let is_plain = |byte: u8| byte.is_ascii_digit() || matches!(byte, b' ' | b'-' | b'(' | b')');
    number.len() <= 30 && (7..=15).contains(&digits) && rest.bytes().all(is_plain)
}

fn check_questions(problems: &mut Problems, questions: &Questions) {
    problems.require(questions.0.len() <= 30, "questions", "at most 30");
    for (index, question) in questions.0.iter().enumerate().take(30) {
        let at = |field: &str| format!("questions.{index}.{field}");
        problems.key(&at("key"), &question.key);
        let earlier = &questions.0[..index];
        let is_new = !earlier.iter().any(|other| other.key == question.key);
        problems.require(is_new, &at("key"), "another question has this key");
        problems.line(&at("label"), &question.label, 300);
        let is_choice = matches!(
            question.kind,
            AnswerKind::SingleChoice | AnswerKind::MultipleChoice
        );
        let options = &question.options;
        problems.require(
            is_choice || options.is_empty(),
            &at("options"),
            "only for a choice",
        );
        problems.require(
            !is_choice || options.len() >= 2,
            &at("options"),
            "a choice needs at least two",
        );
        problems.require(options.len() <= 50, &at("options"), "at most 50");
        for (place, option) in options.iter().enumerate().take(50) {
            let path = at(&format!("options.{place}"));
            problems.line(&path, option, 200);
            problems.require(!options[..place].contains(option), &path, "is listed twice");
        }
    }
}

fn check_policy(problems: &mut Problems, policy: &Policy) {
    problems.require(policy.tiers.len() <= 10, "policy.tiers", "at most 10");
    for (index, tier) in policy.tiers.iter().enumerate().take(10) {
        let at = |field: &str| format!("policy.tiers.{index}.{field}");
        problems.range(&at("hoursBefore"), tier.hours_before, 0, 8_760);
        problems.range(&at("refundPercent"), tier.refund_percent, 0, 100);
        if let Some(previous) = index.checked_sub(1).map(|index| policy.tiers[index]) {
            let descends = tier.hours_before < previous.hours_before;
            problems.require(
                descends,
                &at("hoursBefore"),
                "must be less than in the tier before",
            );
            // Otherwise a later cancellation would refund more.
            let falls = tier.refund_percent <= previous.refund_percent;
            problems.require(
                falls,
                &at("refundPercent"),
                "must not be more than in the tier before",
            );
        }
    }
    if let Some(moves) = policy.max_moves {
        problems.range("policy.maxMoves", moves, 0, 100);
    }
}
