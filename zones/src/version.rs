//! Versions of the IANA database: the year and a letter for each release of that year.

use std::fmt;
use std::str::FromStr;

use chrono::{Days, NaiveDate};

/// A release, for example 2026f.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    year: u16,
    /// After `z` comes `za`: the longer letters are the later ones.
    length: usize,
    letters: String,
}

impl Version {
    /// Days in which one release follows another, on average.
    const BETWEEN_RELEASES: u64 = 45;

    /// About when it was released. The name tells only the year and the order within it.
    #[must_use]
    pub fn released(&self) -> NaiveDate {
        let last = self.letters.bytes().last().unwrap_or(b'a');
        let earlier = u64::from(last.saturating_sub(b'a')) + 26 * (self.length as u64 - 1);
        let days = (30 + earlier * Self::BETWEEN_RELEASES).min(364);
        NaiveDate::from_ymd_opt(self.year.into(), 1, 1)
            .and_then(|start| start.checked_add_days(Days::new(days)))
            .expect("a year of four digits has 364 days more")
    }

    /// Whether so much has passed since the release that laws are likely to have changed.
    #[must_use]
    pub fn is_older_than_a_year(&self, today: NaiveDate) -> bool {
        today.signed_duration_since(self.released()).num_days() > 365
    }
}

impl FromStr for Version {
    type Err = ();

    /// Ignores what follows a release's name, as in `2026f-rearguard`.
    fn from_str(text: &str) -> Result<Self, ()> {
        let (year, rest) = text.split_at_checked(4).ok_or(())?;
        let is_letter = |byte: &u8| byte.is_ascii_lowercase();
        let length = rest.bytes().take_while(|byte| is_letter(byte)).count();
        let ends = rest[length..]
            .bytes()
            .next()
            .is_none_or(|byte| !byte.is_ascii_alphanumeric());
        if !year.bytes().all(|byte| byte.is_ascii_digit()) || !(1..=2).contains(&length) || !ends {
            return Err(());
        }
        Ok(Self {
            year: year.parse().map_err(|_| ())?,
            length,
            letters: rest[..length].to_owned(),
        })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}{}", self.year, self.letters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        text.parse().unwrap_or_else(|()| panic!("{text}"))
    }

    #[test]
    fn versions_are_read_and_ordered() {
        let order = ["2025b", "2025z", "2025za", "2026a", "2026f"];
        for pair in order.windows(2) {
            assert!(version(pair[0]) < version(pair[1]), "{pair:?}");
        }
        for text in order {
            assert_eq!(version(text).to_string(), text);
        }
        assert_eq!(version("2026f-rearguard\n").to_string(), "2026f");
        for text in [
            "", "2026", "26f", "2026F", "2026f1", "2026abc", "unknown", "20é6a",
        ] {
            assert_eq!(text.parse::<Version>(), Err(()), "{text}");
        }
    }

    #[test]
    fn a_version_is_older_than_a_year_a_year_after_its_release() {
        let is_old = |name: &str, today: &str| {
            let today = today.parse().expect("a literal date");
            version(name).is_older_than_a_year(today)
        };
        // 2025b was released on 2025-03-22.
        assert!(!is_old("2025b", "2026-03-01"));
        assert!(is_old("2025b", "2026-04-01"));
        assert!(!is_old("2026f", "2026-11-30"));
        assert!(!is_old("2026f", "2027-09-01"));
        assert!(is_old("2026f", "2028-01-01"));
        assert!(is_old("2024z", "2026-01-01"));
    }
}
