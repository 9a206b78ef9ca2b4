//! Reads compiled zones (RFC 9636) on its own, to compare.

use std::ops::RangeInclusive;

/// A zone as its file has it.
pub(super) struct Tzif {
    /// The offset before the first change.
    first: i32,
    /// Each change that the file lists, with the offset from then on.
    changes: Vec<(i64, i32)>,
    footer: Footer,
}

/// The rule for the time after the last change.
enum Footer {
    Fixed(i32),
    Yearly {
        standard: i32,
        summer: i32,
        begins: Rule,
        ends: Rule,
    },
}

/// A moment of every year, in seconds of the wall clock that it ends.
struct Rule {
    day: Day,
    time: i64,
}

enum Day {
    /// 1 to 365, without February 29.
    Julian(i64),
    /// 0 to 365.
    OfYear(i64),
    /// Month, week (5: the last), weekday (0: Sunday).
    Weekday(i64, i64, i64),
}

struct Bytes<'b>(&'b [u8]);

impl Bytes<'_> {
    fn take(&mut self, count: usize) -> &[u8] {
        let (taken, rest) = self.0.split_at(count);
        self.0 = rest;
        taken
    }

    fn number(&mut self, bytes: usize) -> i64 {
        let taken = self.take(bytes);
        let first = i64::from(taken[0] as i8);
        taken[1..]
            .iter()
            .fold(first, |number, byte| number << 8 | i64::from(*byte))
    }

    fn count(&mut self) -> usize {
        usize::try_from(self.number(4)).expect("a count")
    }
}

/// Counts of a header, in their order in the file.
struct Header {
    universal: usize,
    standard: usize,
    leaps: usize,
    changes: usize,
    types: usize,
    letters: usize,
}

impl Header {
    fn read(bytes: &mut Bytes<'_>) -> Self {
        assert_eq!(bytes.take(4), b"TZif");
        assert!(bytes.take(1)[0] >= b'2', "version 1 ends in 2038");
        bytes.take(15);
        Self {
            universal: bytes.count(),
            standard: bytes.count(),
            leaps: bytes.count(),
            changes: bytes.count(),
            types: bytes.count(),
            letters: bytes.count(),
        }
    }
}

impl Tzif {
    pub(super) fn read(data: &[u8]) -> Self {
        let mut bytes = Bytes(data);
        let old = Header::read(&mut bytes);
        bytes.take(
            old.changes * 5
                + old.types * 6
                + old.letters
                + old.leaps * 8
                + old.standard
                + old.universal,
        );
        let header = Header::read(&mut bytes);
        assert_eq!(header.leaps, 0, "seconds are counted as POSIX does");
        let times: Vec<i64> = (0..header.changes).map(|_| bytes.number(8)).collect();
        let kinds: Vec<usize> = bytes
            .take(header.changes)
            .iter()
            .map(|kind| (*kind).into())
            .collect();
        let mut offsets = Vec::new();
        for _ in 0..header.types {
            offsets.push(i32::try_from(bytes.number(4)).expect("an offset"));
            bytes.take(2);
        }
        bytes.take(header.letters + header.standard + header.universal);
        let footer = std::str::from_utf8(bytes.0)
            .expect("text")
            .trim_matches('\n');
        Self {
            first: offsets[0],
            changes: times
                .into_iter()
                .zip(kinds.into_iter().map(|kind| offsets[kind]))
                .collect(),
            footer: Footer::read(footer),
        }
    }

    /// The offset of the wall clock at an instant.
    pub(super) fn offset_at(&self, at: i64) -> i32 {
        match self.changes.iter().rposition(|(change, _)| *change <= at) {
            Some(last) if last + 1 == self.changes.len() => self.footer.offset_at(at),
            Some(index) => self.changes[index].1,
            None if self.changes.is_empty() => self.footer.offset_at(at),
            None => self.first,
        }
    }

    /// Every instant in these years at which the file or its footer names a change.
    pub(super) fn changes(&self, years: RangeInclusive<i64>) -> Vec<i64> {
        let (from, until) = (start_of(*years.start()), start_of(years.end() + 1));
        let listed = self.changes.iter().map(|(at, _)| *at);
        let yearly = years.flat_map(|year| self.footer.changes(year));
        let last = self.changes.last().map_or(i64::MIN, |(at, _)| *at);
        let mut all: Vec<i64> = listed.chain(yearly.filter(|at| *at > last)).collect();
        all.retain(|at| (from..until).contains(at));
        all
    }
}

impl Footer {
    fn read(text: &str) -> Self {
        let mut text = text;
        skip_name(&mut text);
        let standard = -signed_time(&mut text);
        if text.is_empty() {
            return Self::Fixed(i32::try_from(standard).expect("an offset"));
        }
        skip_name(&mut text);
        let summer = if text.starts_with(',') {
            standard + 3600
        } else {
            -signed_time(&mut text)
        };
        let (begins, ends) = (Rule::read(&mut text), Rule::read(&mut text));
        assert!(text.is_empty(), "{text}");
        Self::Yearly {
            standard: i32::try_from(standard).expect("an offset"),
            summer: i32::try_from(summer).expect("an offset"),
            begins,
            ends,
        }
    }

    /// When summer time begins and ends in a year.
    fn changes(&self, year: i64) -> Vec<i64> {
        match self {
            Self::Fixed(_) => Vec::new(),
            Self::Yearly {
                standard,
                summer,
                begins,
                ends,
            } => vec![
                begins.in_year(year) - i64::from(*standard),
                ends.in_year(year) - i64::from(*summer),
            ],
        }
    }

    fn offset_at(&self, at: i64) -> i32 {
        let (standard, summer) = match self {
            Self::Fixed(offset) => return *offset,
            Self::Yearly {
                standard, summer, ..
            } => (*standard, *summer),
        };
        let year = 1970 + at.div_euclid(31_556_952);
        let mut changes = Vec::new();
        for year in year - 1..=year + 1 {
            let both = self.changes(year);
            changes.push((both[0], summer));
            changes.push((both[1], standard));
        }
        // Summer time all the year ends at the instant at which it begins again: the beginning is
        // the later change.
        changes.sort_by_key(|(change, offset)| (*change, *offset == summer));
        let last = changes.iter().rfind(|(change, _)| *change <= at);
        last.expect("a year before").1
    }
}

impl Rule {
    fn read(text: &mut &str) -> Self {
        *text = text.strip_prefix(',').expect("a rule follows a comma");
        let day = if let Some(rest) = text.strip_prefix('M') {
            *text = rest;
            let month = number(text);
            *text = text.strip_prefix('.').expect("a week follows");
            let week = number(text);
            *text = text.strip_prefix('.').expect("a weekday follows");
            Day::Weekday(month, week, number(text))
        } else if let Some(rest) = text.strip_prefix('J') {
            *text = rest;
            Day::Julian(number(text))
        } else {
            Day::OfYear(number(text))
        };
        let time = match text.strip_prefix('/') {
            Some(rest) => {
                *text = rest;
                signed_time(text)
            }
            None => 2 * 3600,
        };
        Self { day, time }
    }

    fn in_year(&self, year: i64) -> i64 {
        let first = start_of(year) / 86_400;
        let is_leap = start_of(year + 1) / 86_400 - first == 366;
        let day = match self.day {
            Day::OfYear(day) => first + day,
            Day::Julian(day) => first + day - 1 + i64::from(is_leap && day > 59),
            Day::Weekday(month, week, weekday) => {
                let lengths = [
                    31,
                    28 + i64::from(is_leap),
                    31,
                    30,
                    31,
                    30,
                    31,
                    31,
                    30,
                    31,
                    30,
                    31,
                ];
                let index = usize::try_from(month - 1).expect("a month");
                let start = first + lengths[..index].iter().sum::<i64>();
                // 1970-01-01 was a Thursday.
                let until_weekday = (weekday - (start + 4)).rem_euclid(7);
                let day = until_weekday + 7 * (week - 1);
                start + if day < lengths[index] { day } else { day - 7 }
            }
        };
        day * 86_400 + self.time
    }
}

/// Midnight of January 1, in UTC.
fn start_of(year: i64) -> i64 {
    let before = year - 1;
    let leaps = before / 4 - before / 100 + before / 400 - 477;
    ((year - 1970) * 365 + leaps) * 86_400
}

fn skip_name(text: &mut &str) {
    *text = match text.strip_prefix('<') {
        Some(rest) => rest.split_once('>').expect("a name in brackets ends").1,
        None => text.trim_start_matches(|letter: char| letter.is_ascii_alphabetic()),
    };
}

fn number(text: &mut &str) -> i64 {
    let end = text
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    *text = rest;
    digits.parse().expect("digits")
}

/// `[+-]hours[:minutes[:seconds]]`, in seconds.
fn signed_time(text: &mut &str) -> i64 {
    let sign = if text.starts_with('-') { -1 } else { 1 };
    *text = text.trim_start_matches(['+', '-']);
    let mut seconds = 3600 * number(text);
    for unit in [60, 1] {
        if let Some(rest) = text.strip_prefix(':') {
            *text = rest;
            seconds += unit * number(text);
        }
    }
    sign * seconds
}
