//! Faults of providers, as the domain keeps them.

use crate::error::ProviderFault;

impl From<providers::Error> for ProviderFault {
    fn from(error: providers::Error) -> Self {
        Self {
            provider: error.provider.as_str(),
            kind: error.kind.as_str(),
            detail: error.detail,
        }
    }
}
