//! Faults of providers, as the domain keeps them.

use crate::error::ProviderFault;

impl<R> From<providers::Error<R>> for ProviderFault {
    fn from(error: providers::Error<R>) -> Self {
        Self {
            provider: error.provider.as_str(),
            kind: error.kind.as_str(),
            detail: error.detail,
        }
    }
}
