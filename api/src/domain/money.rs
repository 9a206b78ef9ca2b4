//! Amounts of money: exact decimals in the API, whole minor units in the domain and the database.

use rust_decimal::Decimal;

/// Currencies whose minor unit is not a hundredth, by ISO 4217: code and number of decimals.
const OTHER_DIGITS: &[(&str, u32)] = &[
    ("BHD", 3),
    ("BIF", 0),
    ("CLF", 4),
    ("CLP", 0),
    ("DJF", 0),
    ("GNF", 0),
    ("IQD", 3),
    ("ISK", 0),
    ("JOD", 3),
    ("JPY", 0),
    ("KMF", 0),
    ("KRW", 0),
    ("KWD", 3),
    ("LYD", 3),
    ("OMR", 3),
    ("PYG", 0),
    ("RWF", 0),
    ("TND", 3),
    ("UGX", 0),
    ("UYI", 0),
    ("UYW", 4),
    ("VND", 0),
    ("VUV", 0),
    ("XAF", 0),
    ("XOF", 0),
    ("XPF", 0),
];

/// Currencies with two decimals, by ISO 4217, sorted. Without funds codes and metals: nobody pays
/// for a session with them.
const TWO_DIGITS: &[&str] = &[
    "AED", "AFN", "ALL", "AMD", "AOA", "ARS", "AUD", "AWG", "AZN", "BAM", "BBD", "BDT", "BMD",
    "BND", "BOB", "BRL", "BSD", "BTN", "BWP", "BYN", "BZD", "CAD", "CDF", "CHF", "CNY", "COP",
    "CRC", "CUP", "CVE", "CZK", "DKK", "DOP", "DZD", "EGP", "ERN", "ETB", "EUR", "FJD", "FKP",
    "GBP", "GEL", "GHS", "GIP", "GMD", "GTQ", "GYD", "HKD", "HNL", "HTG", "HUF", "IDR", "ILS",
    "INR", "IRR", "JMD", "KES", "KGS", "KHR", "KPW", "KYD", "KZT", "LAK", "LBP", "LKR", "LRD",
    "LSL", "MAD", "MDL", "MGA", "MKD", "MMK", "MNT", "MOP", "MRU", "MUR", "MVR", "MWK", "MXN",
    "MYR", "MZN", "NAD", "NGN", "NIO", "NOK", "NPR", "NZD", "PAB", "PEN", "PGK", "PHP", "PKR",
    "PLN", "QAR", "RON", "RSD", "RUB", "SAR", "SBD", "SCR", "SDG", "SEK", "SGD", "SHP", "SLE",
    "SOS", "SRD", "SSP", "STN", "SVC", "SYP", "SZL", "THB", "TJS", "TMT", "TOP", "TRY", "TTD",
    "TWD", "TZS", "UAH", "USD", "UYU", "UZS", "VED", "VES", "WST", "XCD", "XCG", "YER", "ZAR",
    "ZMW", "ZWG",
];

/// Number of decimals of a currency; `None` for an unknown code.
#[must_use]
pub fn digits(currency: &str) -> Option<u32> {
    if TWO_DIGITS.binary_search(&currency).is_ok() {
        return Some(2);
    }
    OTHER_DIGITS
        .iter()
        .find(|(code, _)| *code == currency)
        .map(|(_, digits)| *digits)
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
    fn no_code_is_listed_twice_or_misspelt() {
        assert!(TWO_DIGITS.is_sorted());
        let mut codes: Vec<&str> = TWO_DIGITS.to_vec();
        codes.extend(OTHER_DIGITS.iter().map(|(code, _)| *code));
        assert!(
            codes
                .iter()
                .all(|code| code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase()))
        );
        let all = codes.len();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), all);
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
