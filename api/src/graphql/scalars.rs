//! Custom scalars.

use std::str::FromStr;

use async_graphql::{InputType, InputValueError, InputValueResult, Scalar, ScalarType, Value};
use chrono::{NaiveDate, SecondsFormat, Utc};
use zones::Zone;

use crate::domain::money::decimal;
use crate::domain::scheduling::native::Minute;

type Instant = chrono::DateTime<Utc>;

fn text<T>(value: &Value, what: &str, read: impl FnOnce(&str) -> Option<T>) -> Result<T, String> {
    match value {
        Value::String(text) => read(text).ok_or_else(|| format!("not {what}")),
        _ => Err(format!("{what} is written as a string")),
    }
}

fn refuse<T: InputType>(message: String) -> InputValueError<T> {
    InputValueError::custom(message)
}

/// An instant as RFC 3339 in UTC with milliseconds, for example 2026-12-01T10:00:00.000Z. Input with another offset is accepted and
/// normalised; what is finer than a millisecond is cut off, and a leap second, 23:59:60, is the second that follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, async_graphql::Description)]
pub struct DateTime(pub Instant);

/// An instant as RFC 3339 in UTC with milliseconds, for example 2026-12-01T10:00:00.000Z. Input with another offset is accepted and
/// normalised; what is finer than a millisecond is cut off, and a leap second, 23:59:60, is the second that follows it.
#[Scalar(
    name = "DateTime",
    specified_by_url = "https://scalars.graphql.org/andimarek/date-time.html",
    use_type_description
)]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        let read = |text: &str| {
            let written = chrono::DateTime::parse_from_rfc3339(text).ok()?;
            // Milliseconds since 1970 have no leap seconds: `:60` becomes the next minute's first.
            let instant = Instant::from_timestamp_millis(written.timestamp_millis())?;
            // PostgreSQL and SQLite can store these years, and every time zone can display them.
            (years().contains(&chrono::Datelike::year(&instant))).then_some(Self(instant))
        };
        text(
            &value,
            "an RFC 3339 date-time with an offset, from year 1970 to 9998",
            read,
        )
        .map_err(refuse)
    }

    fn to_value(&self) -> Value {
        Value::String(instant(self.0))
    }
}

fn years() -> std::ops::RangeInclusive<i32> {
    1970..=9998
}

/// Formats an instant as the API writes it.
#[must_use]
pub fn instant(instant: Instant) -> String {
    instant.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// A calendar date without a zone, YYYY-MM-DD.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, async_graphql::Description)]
pub struct LocalDate(pub NaiveDate);

/// A calendar date without a zone, YYYY-MM-DD.
#[Scalar(
    name = "LocalDate",
    specified_by_url = "https://scalars.graphql.org/andimarek/local-date.html",
    use_type_description
)]
impl ScalarType for LocalDate {
    fn parse(value: Value) -> InputValueResult<Self> {
        let read = |text: &str| {
            let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
            (text.len() == 10 && years().contains(&chrono::Datelike::year(&date)))
                .then_some(Self(date))
        };
        text(&value, "a date as YYYY-MM-DD, from year 1970 to 9998", read).map_err(refuse)
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.format("%Y-%m-%d").to_string())
    }
}

/// A wall-clock time without a zone, HH:MM. 24:00 is the end of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, async_graphql::Description)]
pub struct LocalTime(pub Minute);

/// A wall-clock time without a zone, HH:MM. 24:00 is the end of the day.
#[Scalar(
    name = "LocalTime",
    specified_by_url = "https://www.rfc-editor.org/rfc/rfc3339#section-5.6",
    use_type_description
)]
impl ScalarType for LocalTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        text(&value, "a time as HH:MM", |text| {
            text.parse().ok().map(Self)
        })
        .map_err(refuse)
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

/// A name of the IANA time zone database, for example America/New_York.
#[derive(Clone, Copy, Debug, PartialEq, Eq, async_graphql::Description)]
pub struct TimeZone(pub Zone);

/// A name of the IANA time zone database, for example America/New_York.
#[Scalar(
    name = "TimeZone",
    specified_by_url = "https://www.iana.org/time-zones",
    use_type_description
)]
impl ScalarType for TimeZone {
    fn parse(value: Value) -> InputValueResult<Self> {
        text(&value, "a name of the IANA time zone database", |text| {
            Zone::from_str(text).ok().map(Self)
        })
        .map_err(refuse)
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.name().to_owned())
    }
}

impl TimeZone {
    /// Formats an instant in this zone, as RFC 3339 with the zone's offset.
    pub(crate) fn local(self, instant: Instant) -> String {
        instant
            .with_timezone(&self.0)
            .to_rfc3339_opts(SecondsFormat::Secs, false)
    }

    /// Parses a zone from the database; falls back to UTC, should a zone ever leave the zone
    /// database.
    pub(crate) fn stored(name: &str) -> Self {
        Self(name.parse().unwrap_or(Zone::UTC))
    }
}

/// An exact decimal number as a string, for example 49.90.
#[derive(Clone, Copy, Debug, PartialEq, Eq, async_graphql::Description)]
pub struct Decimal(pub rust_decimal::Decimal);

/// An exact decimal number as a string, for example 49.90.
#[Scalar(
    name = "Decimal",
    specified_by_url = "https://www.rfc-editor.org/rfc/rfc8259#section-6",
    use_type_description
)]
impl ScalarType for Decimal {
    fn parse(value: Value) -> InputValueResult<Self> {
        text(&value, "a decimal number in a string", |text| {
            decimal(text).map(Self)
        })
        .map_err(refuse)
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

/// An ISO 4217 currency code, for example USD.
#[derive(Clone, Debug, PartialEq, Eq, async_graphql::Description)]
pub struct CurrencyCode(pub String);

/// An ISO 4217 currency code, for example USD.
#[Scalar(
    name = "CurrencyCode",
    specified_by_url = "https://www.iso.org/iso-4217-currency-codes.html",
    use_type_description
)]
impl ScalarType for CurrencyCode {
    fn parse(value: Value) -> InputValueResult<Self> {
        let is_code =
            |text: &str| text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase());
        text(&value, "three capital letters", |text| {
            is_code(text).then(|| Self(text.to_owned()))
        })
        .map_err(refuse)
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.clone())
    }
}

/// An email address. At most 254 characters.
#[derive(Clone, Debug, PartialEq, Eq, async_graphql::Description)]
pub struct EmailAddress(pub String);

/// An email address. At most 254 characters.
#[Scalar(
    name = "EmailAddress",
    specified_by_url = "https://html.spec.whatwg.org/multipage/input.html#valid-e-mail-address",
    use_type_description
)]
impl ScalarType for EmailAddress {
    fn parse(value: Value) -> InputValueResult<Self> {
        let read = |text: &str| {
            let (local, host) = text.rsplit_once('@')?;
            let plain = !text
                .chars()
                .any(|letter| letter.is_whitespace() || letter.is_control());
            (plain && !local.is_empty() && !host.is_empty() && text.len() <= 254)
                .then(|| Self(text.to_owned()))
        };
        text(&value, "an email address", read).map_err(refuse)
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.clone())
    }
}

/// An absolute URL.
#[derive(Clone, Debug, PartialEq, Eq, async_graphql::Description)]
pub struct Url(pub String);

/// An absolute URL.
#[Scalar(
    name = "URL",
    specified_by_url = "https://www.rfc-editor.org/rfc/rfc3986",
    use_type_description
)]
impl ScalarType for Url {
    fn parse(value: Value) -> InputValueResult<Self> {
        let read = |text: &str| {
            let url: http::Uri = text.parse().ok()?;
            let absolute =
                url.scheme().is_some() && url.host().is_some_and(|host| !host.is_empty());
            (absolute && text.len() <= 2048).then(|| Self(text.to_owned()))
        };
        text(&value, "an absolute URL of at most 2048 characters", read).map_err(refuse)
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.clone())
    }
}

/// Chosen by the client, 16 to 128 printable ASCII characters, best a UUID. Kept for 24 hours per person and mutation: the same key with
/// the same input gives the same answer and one effect, with another input the user error IDEMPOTENCY_KEY_REUSED.
#[derive(Clone, Debug, PartialEq, Eq, async_graphql::Description)]
pub struct IdempotencyKey(pub String);

/// Chosen by the client, 16 to 128 printable ASCII characters, best a UUID. Kept for 24 hours per person and mutation: the same key with
/// the same input gives the same answer and one effect, with another input the user error IDEMPOTENCY_KEY_REUSED.
#[Scalar(
    name = "IdempotencyKey",
    specified_by_url = "https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/",
    use_type_description
)]
impl ScalarType for IdempotencyKey {
    fn parse(value: Value) -> InputValueResult<Self> {
        let is_key = |text: &str| {
            (16..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
        };
        text(
            &value,
            "a key of 16 to 128 printable ASCII characters",
            |text| is_key(text).then(|| Self(text.to_owned())),
        )
        .map_err(refuse)
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.clone())
    }
}

/// An opaque position in the stream of events, to go on from after a reconnect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, async_graphql::Description)]
pub struct EventCursor(pub i64);

/// An opaque position in the stream of events, to go on from after a reconnect.
#[Scalar(
    name = "EventCursor",
    specified_by_url = "https://relay.dev/graphql/connections.htm#sec-Cursor",
    use_type_description
)]
impl ScalarType for EventCursor {
    fn parse(value: Value) -> InputValueResult<Self> {
        let read = |text: &str| {
            let seq: i64 = text
                .strip_prefix('e')?
                .parse()
                .ok()
                .filter(|seq| *seq >= 0)?;
            // Accepts only the canonical spelling.
            (text == format!("e{seq}")).then_some(Self(seq))
        };
        text(&value, "a cursor of this stream", read).map_err(refuse)
    }

    fn to_value(&self) -> Value {
        Value::String(format!("e{}", self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leap_second_is_shown_as_the_second_that_follows_it() {
        for (text, shown) in [
            ("2028-12-31T23:59:60Z", Some("2029-01-01T00:00:00.000Z")),
            (
                "2028-12-31T18:59:60.2509-05:00",
                Some("2029-01-01T00:00:00.250Z"),
            ),
            (
                "2028-12-31T23:59:59.9999Z",
                Some("2028-12-31T23:59:59.999Z"),
            ),
            ("9998-12-31T23:59:60Z", None),
        ] {
            let read = <DateTime as ScalarType>::parse(Value::from(text)).ok();
            assert_eq!(
                read.map(|read| ScalarType::to_value(&read)),
                shown.map(Value::from),
                "{text}"
            );
        }
    }
}
