use super::{Hours, Minute, clock};

/// A range of one day, in seconds since its 00:00 on the wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) from: i64,
    pub(super) until: i64,
}

/// Opening hours, indexed by day.
#[derive(Debug)]
pub(super) struct Calendar {
    /// From Monday.
    weekly: [Vec<Range>; 7],
    /// By day number.
    overrides: Vec<(i64, Vec<Range>)>,
}

impl Calendar {
    /// Drops overrides of days outside `first..=last`: a coach may have years of them.
    pub(super) fn new(hours: &Hours, first: i64, last: i64) -> Calendar {
        let mut weekly: [Vec<(Minute, Minute)>; 7] = Default::default();
        for rule in &hours.weekly {
            weekly[rule.weekday.num_days_from_monday() as usize].push((rule.from, rule.until));
        }
        let mut overrides: Vec<(i64, Vec<(Minute, Minute)>)> = hours
            .overrides
            .iter()
            .map(|entry| (clock::day_number(entry.date), entry.hours.clone()))
            .filter(|(day, _)| (first..=last).contains(day))
            .collect();
        overrides.sort_by_key(|&(day, _)| day);
        overrides.dedup_by(|later, kept| {
            let same = later.0 == kept.0;
            if same {
                kept.1.append(&mut later.1);
            }
            same
        });
        Calendar {
            weekly: weekly.map(arrange),
            overrides: overrides
                .into_iter()
                .map(|(day, ranges)| (day, arrange(ranges)))
                .collect(),
        }
    }

    /// The open ranges of a day, sorted, disjoint; some may touch.
    pub(super) fn ranges(&self, day: i64) -> &[Range] {
        match self.overrides.binary_search_by_key(&day, |&(day, _)| day) {
            Ok(found) => &self.overrides[found].1,
            // 1970-01-01 was a Thursday, 3 days after Monday.
            Err(_) => &self.weekly[(day + 3).rem_euclid(7) as usize],
        }
    }
}

/// Drops backwards ranges and merges overlapping ones. Touching ranges stay separate: each has its
/// own grid.
fn arrange(mut ranges: Vec<(Minute, Minute)>) -> Vec<Range> {
    ranges.retain(|(from, until)| from < until);
    ranges.sort_unstable();
    let mut arranged: Vec<Range> = Vec::with_capacity(ranges.len());
    for (from, until) in ranges {
        let range = Range {
            from: from.seconds(),
            until: until.seconds(),
        };
        match arranged.last_mut() {
            Some(last) if range.from < last.until => last.until = last.until.max(range.until),
            _ => arranged.push(range),
        }
    }
    arranged
}
