use super::{Interval, clock};

/// Busy time as merged blocks, queried with claims of ascending start.
#[derive(Debug)]
pub(super) struct Busy {
    /// Non-empty, sorted, disjoint, not touching.
    blocks: Vec<(i64, i64)>,
    /// Index of the first block that a later claim can still intersect.
    next: usize,
}

impl Busy {
    /// Merges the busy intervals that can intersect a claim in `[from, until)`. Rounding outwards
    /// to whole seconds is exact, as claims are whole seconds.
    pub(super) fn new(busy: &[Interval], from: i64, until: i64) -> Busy {
        let mut all: Vec<(i64, i64)> = busy
            .iter()
            .filter(|interval| interval.from < interval.until)
            .map(|interval| (clock::floor(interval.from), clock::ceil(interval.until)))
            .filter(|block| block.0 < until && block.1 > from)
            .collect();
        all.sort_unstable();
        let mut blocks: Vec<(i64, i64)> = Vec::with_capacity(all.len());
        for block in all {
            match blocks.last_mut() {
                Some(last) if block.0 <= last.1 => last.1 = last.1.max(block.1),
                _ => blocks.push(block),
            }
        }
        Busy { blocks, next: 0 }
    }

    /// Whether the claim intersects a block. Claims must come in ascending order of start.
    pub(super) fn meets(&mut self, from: i64, until: i64) -> bool {
        while self
            .blocks
            .get(self.next)
            .is_some_and(|block| block.1 <= from)
        {
            self.next += 1;
        }
        self.blocks
            .get(self.next)
            .is_some_and(|block| block.0 < until)
    }
}
