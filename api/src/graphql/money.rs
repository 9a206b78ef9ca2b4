//! Amounts.

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
    /// The price that it says. Whether the currency has such amounts, the domain tells.
    pub(crate) fn read(self) -> money::Price {
        money::Price {
            amount: self.amount.0,
            currency: self.currency.0,
        }
    }
}

impl Money {
    /// From the smallest units of the currency.
    pub(crate) fn new(minor: i64, currency: &str) -> Self {
        Self {
            amount: Decimal(money::from_minor(minor, currency)),
            currency: CurrencyCode(currency.to_owned()),
        }
    }

    /// A price: null when it is free.
    pub(crate) fn price(minor: i64, currency: &str) -> Option<Self> {
        (minor > 0).then(|| Self::new(minor, currency))
    }
}
