//! Exact amounts: whole minor units inside, decimals outside.

use rust_decimal::Decimal;

/// ISO 4217 currencies whose number of decimals is not two.
const DECIMALS: [(&str, u32); 24] = [
    ("BIF", 0),
    ("CLP", 0),
    ("DJF", 0),
    ("GNF", 0),
    ("ISK", 0),
    ("JPY", 0),
    ("KMF", 0),
    ("KRW", 0),
    ("PYG", 0),
    ("RWF", 0),
    ("UGX", 0),
    ("UYI", 0),
    ("VND", 0),
    ("VUV", 0),
    ("XAF", 0),
    ("XOF", 0),
    ("XPF", 0),
    ("BHD", 3),
    ("IQD", 3),
    ("JOD", 3),
    ("KWD", 3),
    ("LYD", 3),
    ("OMR", 3),
    ("TND", 3),
];

/// How many decimals a currency has.
#[must_use]
pub fn decimals(currency: &str) -> u32 {
    DECIMALS.iter().find(|(code, _)| *code == currency).map_or(2, |(_, decimals)| *decimals)
}

/// The amount in units of the currency.
#[must_use]
pub fn from_minor(minor: i64, currency: &str) -> Decimal {
    Decimal::new(minor, decimals(currency))
}

/// The amount in minor units; `None` when it has more decimals than the currency, or is too large to count.
#[must_use]
pub fn to_minor(amount: Decimal, currency: &str) -> Option<i64> {
    let minor = amount.checked_mul(Decimal::from(10_i64.pow(decimals(currency))))?;
    if minor.fract().is_zero() { minor.trunc().try_into().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_go_there_and_back_exactly() {
        for (minor, currency, shown) in
            [(4990, "USD", "49.90"), (500, "JPY", "500"), (1234, "KWD", "1.234"), (0, "EUR", "0.00")]
        {
            assert_eq!(from_minor(minor, currency).to_string(), shown);
            assert_eq!(to_minor(shown.parse().expect("a decimal"), currency), Some(minor));
        }
    }

    #[test]
    fn what_a_currency_cannot_pay_is_no_amount() {
        for (amount, currency) in [("0.001", "USD"), ("0.5", "JPY"), ("99999999999999999999", "USD")] {
            assert_eq!(to_minor(amount.parse().expect("a decimal"), currency), None, "{amount} {currency}");
        }
    }
}
