//! The error type of all calls to Cal.com.

use super::refusal::Refusal;

/// A failed call to Cal.com, with Cal.com's reason where it is known.
pub type Error = crate::error::Error<Refusal>;

/// A failure of the transport has no reason of Cal.com's.
impl From<crate::error::Error> for Error {
    fn from(error: crate::error::Error) -> Self {
        error.without_refusal()
    }
}
