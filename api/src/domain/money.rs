//! Amounts of money: exact decimals in the API, whole minor units in the domain and the database.

use iso_currency::Currency;
use rust_decimal::Decimal;

/// Codes that prices may use although the standard calls them funds codes, or has a successor for
/// them: people quote prices in them.
const ALSO_IN_USE: &[Currency] = &[Currency::CLF, Currency::UYI, Currency::UYW, Currency::VES];

/// Number of decimals of a currency; `None` for an unknown code, and for funds codes, metals and
/// withdrawn currencies: nobody pays for a session with them.
#[must_use]
pub fn digits(currency: &str) -> Option<u32> {
    let currency = Currency::from_code(currency)?;
    let is_in_use =
        !currency.is_fund() && !currency.is_special() && currency.is_superseded().is_none();
    if is_in_use || ALSO_IN_USE.contains(&currency) {
        currency.exponent().map(u32::from)
    } else {
        None
    }
}

/// Why an amount is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not the code of a currency in use.
    #[error("must be an ISO 4217 currency code in capitals")]
    UnknownCurrency,
    /// More decimals than the currency has.
    #[error("must have at most {0} decimals in this currency")]
    TooFine(u32),
    /// Out of the range that can be stored.
    #[error("is too large")]
    TooLarge,
}

/// The amount in whole minor units, for example cents. Never rounds.
///
/// # Errors
/// When the currency is unknown, or the amount has more decimals than the currency or is out of
/// range.
pub fn to_minor(amount: Decimal, currency: &str) -> Result<i64, MoneyError> {
    let digits = digits(currency).ok_or(MoneyError::UnknownCurrency)?;
    let amount = amount.normalize();
    if amount.scale() > digits {
        return Err(MoneyError::TooFine(digits));
    }
    let units = amount
        .mantissa()
        .checked_mul(10_i128.pow(digits - amount.scale()))
        .ok_or(MoneyError::TooLarge)?;
    i64::try_from(units).map_err(|_| MoneyError::TooLarge)
}

/// The amount with all decimals of its currency; two decimals for an unknown currency.
#[must_use]
pub fn from_minor(minor: i64, currency: &str) -> Decimal {
    Decimal::new(minor, digits(currency).unwrap_or(2))
}

/// A price as a client submits it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    /// In units of the currency.
    pub amount: Decimal,
    /// ISO 4217.
    pub currency: String,
}

/// Parses an exact decimal number: digits with an optional sign and point.
#[must_use]
pub fn decimal(text: &str) -> Option<Decimal> {
    let is_plain = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b"+-.".contains(&byte));
    Decimal::from_str_exact(text).ok().filter(|_| is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minor(amount: &str, currency: &str) -> Result<i64, MoneyError> {
        to_minor(amount.parse().expect("a literal number"), currency)
    }

    #[test]
    fn every_currency_has_the_decimals_of_the_standard() {
        for (currency, expected) in [
            ("EUR", 2),
            ("USD", 2),
            ("JPY", 0),
            ("KWD", 3),
            ("CLF", 4),
            ("ISK", 0),
            ("HUF", 2),
        ] {
            assert_eq!(digits(currency), Some(expected), "{currency}");
        }
        for unknown in ["", "eur", "EURO", "XXX", "XAU", "DEM", "E R", "EUR USD"] {
            assert_eq!(digits(unknown), None, "{unknown:?}");
        }
    }

    #[test]
    fn all_codes_but_funds_metals_and_withdrawn_ones_are_currencies() {
        let all = (0..1_000).filter_map(Currency::from_numeric);
        let (known, mut refused): (Vec<_>, Vec<_>) = all
            .map(|currency| currency.code())
            .partition(|code| digits(code).is_some());
        assert_eq!(known.len(), 158);
        refused.sort_unstable();
        assert_eq!(
            refused,
            [
                "BGN", "BOV", "CHE", "CHW", "COU", "CUC", "HRK", "MXV", "SLL", "USN", "XAD", "XAG",
                "XAU", "XBA", "XBB", "XBC", "XBD", "XDR", "XPD", "XPT", "XSU", "XTS", "XUA", "XXX",
                "ZWL",
            ]
        );
    }

    #[test]
    fn amounts_convert_exactly_or_are_refused() {
        assert_eq!(minor("12.34", "EUR"), Ok(1_234));
        assert_eq!(minor("12.3", "EUR"), Ok(1_230));
        assert_eq!(minor("12.3400000", "EUR"), Ok(1_234));
        assert_eq!(minor("12.345", "EUR"), Err(MoneyError::TooFine(2)));
        assert_eq!(minor("1200", "JPY"), Ok(1_200));
        assert_eq!(minor("1200.0", "JPY"), Ok(1_200));
        assert_eq!(minor("0.5", "JPY"), Err(MoneyError::TooFine(0)));
        assert_eq!(minor("0.001", "KWD"), Ok(1));
        assert_eq!(minor("-1", "USD"), Ok(-100));
        assert_eq!(minor("1", "usd"), Err(MoneyError::UnknownCurrency));
        assert_eq!(minor("92233720368547758.07", "USD"), Ok(i64::MAX));
        assert_eq!(
            minor("92233720368547758.08", "USD"),
            Err(MoneyError::TooLarge)
        );
        assert_eq!(to_minor(Decimal::MAX, "CLF"), Err(MoneyError::TooLarge));
    }

    #[test]
    fn amounts_round_trip() {
        for (units, currency, written) in [
            (5, "EUR", "0.05"),
            (120_000, "KWD", "120.000"),
            (-7, "JPY", "-7"),
            (0, "USD", "0.00"),
        ] {
            let amount = from_minor(units, currency);
            assert_eq!(amount.to_string(), written);
            assert_eq!(to_minor(amount, currency), Ok(units));
        }
    }
}
