//! Providers for whom there is work.

use crate::named::named;

named! {
    /// Somebody else's service. Each has a queue of jobs of its own: a new line here adds one.
    pub enum Provider {
        /// Cal.com.
        CalCom = "calcom",
        /// Google Calendar.
        Google = "google",
        /// Calendly.
        Calendly = "calendly",
    }
}
