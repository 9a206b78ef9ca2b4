//! Amounts of money.

use async_graphql::{InputObject, SimpleObject};

use super::scalars::{CurrencyCode, Decimal};
use crate::domain::money;

/// An exact amount of money.
#[derive(Clone, Debug, SimpleObject)]
pub struct Money {
    /// The amount in units of the currency, with as many decimals as the currency has.
    pub(super) amount: Decimal,
    /// The currency.
    pub(super) currency: CurrencyCode,
}

/// An exact amount of money as input.
#[derive(Clone, Debug, InputObject)]
pub struct MoneyInput {
    /// The amount in units of the currency; more decimals than the currency has are refused.
    pub amount: Decimal,
    /// The currency.
    pub currency: CurrencyCode,
}

impl MoneyInput {
    /// Converts to a domain price. The domain checks that the currency can represent the amount.
    pub(crate) fn read(self) -> money::Price {
        money::Price {
            amount: self.amount.0,
            currency: self.currency.0,
        }
    }
}

impl Money {
    /// Converts from minor units of the currency.
    pub(crate) fn new(minor: i64, currency: &str) -> Self {
        Self {
            amount: Decimal(money::from_minor(minor, currency)),
            currency: CurrencyCode(currency.to_owned()),
        }
    }

    /// Converts a price in minor units: null when it is free.
    pub(crate) fn price(minor: i64, currency: &str) -> Option<Self> {
        (minor > 0).then(|| Self::new(minor, currency))
    }
}
