//! A zone of the database as a `chrono` time zone.

use std::fmt;
use std::hash::{Hash, Hasher};

use chrono::{
    Datelike, FixedOffset, MappedLocalTime, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Timelike,
};
use jiff::tz::{AmbiguousOffset, Offset};
use jiff::{Timestamp, civil};
use serde::{Serialize, Serializer};

static UTC: jiff::tz::TimeZone = jiff::tz::TimeZone::UTC;

/// A zone of the IANA database. Two are equal when their names are: a link, such as `US/Pacific`,
/// keeps its own name.
#[derive(Clone, Copy)]
pub struct Zone {
    name: &'static str,
    rules: &'static jiff::tz::TimeZone,
}

/// The name is not one of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownZone;

impl Zone {
    pub const UTC: Self = Self {
        name: "UTC",
        rules: &UTC,
    };

    pub(crate) fn new(name: &'static str, rules: &'static jiff::tz::TimeZone) -> Self {
        Self { name, rules }
    }

    /// Its name, as the database spells it.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.name
    }

    fn offset(self, offset: Offset) -> ZoneOffset {
        // `jiff` allows 25 hours, `chrono` less than 24; no zone comes near either.
        let seconds = offset.seconds().clamp(-86_399, 86_399);
        let fixed = FixedOffset::east_opt(seconds).expect("less than a day");
        ZoneOffset { zone: self, fixed }
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Zone {}

impl Hash for Zone {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl Serialize for Zone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name)
    }
}

impl fmt::Display for UnknownZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a name of the IANA time zone database")
    }
}

impl std::error::Error for UnknownZone {}

/// The offset of a zone's wall clock from UTC at some time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ZoneOffset {
    zone: Zone,
    fixed: FixedOffset,
}

impl chrono::Offset for ZoneOffset {
    fn fix(&self) -> FixedOffset {
        self.fixed
    }
}

impl fmt::Debug for ZoneOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.fixed, f)
    }
}

impl fmt::Display for ZoneOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.fixed, f)
    }
}

impl TimeZone for Zone {
    type Offset = ZoneOffset;

    fn from_offset(offset: &ZoneOffset) -> Self {
        offset.zone
    }

    fn offset_from_local_date(&self, local: &NaiveDate) -> MappedLocalTime<ZoneOffset> {
        self.offset_from_local_datetime(&local.and_time(NaiveTime::MIN))
    }

    fn offset_from_local_datetime(&self, local: &NaiveDateTime) -> MappedLocalTime<ZoneOffset> {
        let found = self.rules.to_ambiguous_timestamp(civil_time(local));
        match found.offset() {
            AmbiguousOffset::Unambiguous { offset } => MappedLocalTime::Single(self.offset(offset)),
            AmbiguousOffset::Gap { .. } => MappedLocalTime::None,
            AmbiguousOffset::Fold { before, after } => {
                MappedLocalTime::Ambiguous(self.offset(before), self.offset(after))
            }
        }
    }

    fn offset_from_utc_date(&self, utc: &NaiveDate) -> ZoneOffset {
        self.offset_from_utc_datetime(&utc.and_time(NaiveTime::MIN))
    }

    fn offset_from_utc_datetime(&self, utc: &NaiveDateTime) -> ZoneOffset {
        let (first, last) = (Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
        let second = utc.and_utc().timestamp().clamp(first, last);
        let instant = Timestamp::from_second(second).expect("between the first and the last");
        self.offset(self.rules.to_offset(instant))
    }
}

/// The same time for `jiff`, in whole seconds: no rule changes within one. Beyond its first and
/// last year the rules of these apply.
fn civil_time(local: &NaiveDateTime) -> civil::DateTime {
    let beyond = if local.year() > 0 {
        civil::DateTime::MAX
    } else {
        civil::DateTime::MIN
    };
    let small = |number: u32| i8::try_from(number).ok();
    let read = || {
        civil::DateTime::new(
            i16::try_from(local.year()).ok()?,
            small(local.month())?,
            small(local.day())?,
            small(local.hour())?,
            small(local.minute())?,
            small(local.second())?,
            0,
        )
        .ok()
    };
    read().unwrap_or(beyond)
}
