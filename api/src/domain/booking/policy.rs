//! Cancellation policies: the refund of a cancellation.

use chrono::{DateTime, TimeDelta, Utc};
use entity::booking::{Model, Status};
use entity::event_type::Policy;

/// The refund of a cancellation at an instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quote {
    /// Share of the price, 0 to 100.
    pub refund_percent: i32,
    /// The amount, rounded down to a whole minor unit.
    pub refund_minor: i64,
    /// When the share next decreases; `None` when it does not.
    pub changes_at: Option<DateTime<Utc>>,
}

/// The refund of cancelling the booking at `at`: zero once it is inactive or over, or when it is
/// not paid. `is_paid` is only called when the answer depends on it.
///
/// # Errors
/// Those of `is_paid`.
pub async fn quote<E>(
    booking: &Model,
    at: DateTime<Utc>,
    is_paid: impl Future<Output = Result<bool, E>>,
) -> Result<Quote, E> {
    if !booking.status.is_active() {
        return Ok(Quote {
            refund_percent: 0,
            refund_minor: 0,
            changes_at: None,
        });
    }
    let mut quote = by_policy(booking, at);
    if quote.refund_minor > 0 && booking.status != Status::Confirmed && !is_paid.await? {
        quote.refund_minor = 0;
    }
    Ok(quote)
}

/// The refund by the policy stored in the booking.
fn by_policy(booking: &Model, at: DateTime<Utc>) -> Quote {
    let refund_percent = percent(&booking.policy, booking.starts_at, at);
    let changes_at = booking
        .policy
        .tiers
        .iter()
        .map(|tier| booking.starts_at - TimeDelta::hours(i64::from(tier.hours_before)))
        .filter(|boundary| {
            *boundary >= at
                && percent(
                    &booking.policy,
                    booking.starts_at,
                    *boundary + TimeDelta::milliseconds(1),
                ) != refund_percent
        })
        .min();
    Quote {
        refund_percent,
        refund_minor: share(booking.price_minor, refund_percent),
        changes_at,
    }
}

fn share(amount: i64, percent: i32) -> i64 {
    let share = i128::from(amount) * i128::from(percent) / 100;
    i64::try_from(share).expect("a share is no larger than the amount")
}

fn percent(policy: &Policy, starts_at: DateTime<Utc>, at: DateTime<Utc>) -> i32 {
    let left = starts_at - at;
    policy
        .tiers
        .iter()
        .filter(|tier| left >= TimeDelta::hours(i64::from(tier.hours_before)))
        .map(|tier| tier.refund_percent)
        .max()
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use entity::event_type::PolicyTier;

    fn tiers(tiers: &[(i32, i32)]) -> Policy {
        let tiers = tiers
            .iter()
            .map(|&(hours_before, refund_percent)| PolicyTier {
                hours_before,
                refund_percent,
            });
        Policy {
            tiers: tiers.collect(),
            max_moves: None,
        }
    }

    fn start() -> DateTime<Utc> {
        "2026-12-01T10:00:00Z".parse().expect("a literal instant")
    }

    #[test]
    fn the_tier_with_the_most_hours_left_applies() {
        // Refund rules that four marketplaces publish: all until 48 h; 95/60/30 %; all until 24 h;
        // nothing ever.
        let cases: [(&[(i32, i32)], i64, i32); 10] = [
            (&[(48, 100)], 48 * 60, 100),
            (&[(48, 100)], 48 * 60 - 1, 0),
            (&[(72, 95), (48, 60), (24, 30)], 72 * 60, 95),
            (&[(72, 95), (48, 60), (24, 30)], 71 * 60, 60),
            (&[(72, 95), (48, 60), (24, 30)], 24 * 60, 30),
            (&[(72, 95), (48, 60), (24, 30)], 24 * 60 - 1, 0),
            (&[(24, 100), (0, 50)], 60, 50),
            (&[(24, 100), (0, 50)], 0, 50),
            (&[(24, 100), (0, 50)], -1, 0),
            (&[], 10_000, 0),
        ];
        for (policy, minutes_left, expected) in cases {
            let at = start() - TimeDelta::minutes(minutes_left);
            assert_eq!(
                percent(&tiers(policy), start(), at),
                expected,
                "{policy:?} with {minutes_left} min left"
            );
        }
    }

    #[test]
    fn refunds_round_down_and_do_not_overflow() {
        assert_eq!(share(9_99, 33), 3_29);
        assert_eq!(share(i64::MAX, 100), i64::MAX);
    }
}
