use std::fmt;
use std::str::FromStr;

/// A wall-clock time in whole minutes, 00:00 to 24:00. 24:00 is the end of the day and is valid
/// only as the end of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Minute(u16);

impl Minute {
    /// 00:00
    pub const START_OF_DAY: Minute = Minute(0);
    /// 24:00
    pub const END_OF_DAY: Minute = Minute(24 * 60);

    /// The time that many minutes after 00:00 on the wall clock; `None` beyond 24:00.
    pub const fn new(minute_of_day: u16) -> Option<Minute> {
        if minute_of_day <= Self::END_OF_DAY.0 {
            Some(Minute(minute_of_day))
        } else {
            None
        }
    }

    /// The wall-clock time `hour:minute`; `None` for invalid times. 24:00 is valid.
    pub const fn at(hour: u16, minute: u16) -> Option<Minute> {
        if hour <= 24 && minute < 60 {
            Self::new(hour * 60 + minute)
        } else {
            None
        }
    }

    /// Minutes since 00:00, 0 to 1440.
    pub const fn get(self) -> u16 {
        self.0
    }

    pub(super) fn seconds(self) -> i64 {
        i64::from(self.0) * 60
    }
}

impl fmt::Display for Minute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

/// The text or number is not a time from 00:00 to 24:00.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MinuteError;

impl fmt::Display for MinuteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("must be a time of day from 00:00 to 24:00, written HH:MM")
    }
}

impl std::error::Error for MinuteError {}

/// Parses `HH:MM` strictly: two digits each.
impl FromStr for Minute {
    type Err = MinuteError;

    fn from_str(text: &str) -> Result<Minute, MinuteError> {
        let &[h1, h2, b':', m1, m2] = text.as_bytes() else {
            return Err(MinuteError);
        };
        let digits = |tens: u8, ones: u8| {
            (tens.is_ascii_digit() && ones.is_ascii_digit())
                .then(|| u16::from(tens - b'0') * 10 + u16::from(ones - b'0'))
        };
        let (Some(hour), Some(minute)) = (digits(h1, h2), digits(m1, m2)) else {
            return Err(MinuteError);
        };
        Minute::at(hour, minute).ok_or(MinuteError)
    }
}

/// From minutes since 00:00, as a database column stores them.
impl TryFrom<i32> for Minute {
    type Error = MinuteError;

    fn try_from(minute_of_day: i32) -> Result<Minute, MinuteError> {
        u16::try_from(minute_of_day)
            .ok()
            .and_then(Minute::new)
            .ok_or(MinuteError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_minute_round_trips() {
        for n in 0..=1440 {
            let minute = Minute::new(n).expect("at most 1440");
            assert_eq!(minute.to_string().parse(), Ok(minute));
            assert_eq!(Minute::try_from(i32::from(n)), Ok(minute));
        }
        assert_eq!(Minute::END_OF_DAY.to_string(), "24:00");
    }

    #[test]
    fn invalid_times_are_refused() {
        for text in [
            "",
            "9:00",
            "09:60",
            "24:01",
            "25:00",
            "-1:00",
            "+9:00",
            "09:00:00",
            "09.00",
            "０９:00",
            "ab:cd",
            " 9:00",
        ] {
            assert_eq!(text.parse::<Minute>(), Err(MinuteError), "{text:?}");
        }
        for number in [-1, 1441, i32::MIN, i32::MAX, 65536] {
            assert_eq!(Minute::try_from(number), Err(MinuteError), "{number}");
        }
        assert_eq!(Minute::at(u16::MAX, 0), None);
    }
}
