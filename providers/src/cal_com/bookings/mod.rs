//! Bookings: make, read, move, cancel, and what comes with them.

mod extras;
mod list;
mod read;
mod write;

use tracing::warn;

use super::answer::Data;
use super::client::Client;
use super::credential::Credential;
use super::lax::FromValue;
use super::request::Request;
use crate::error::Error;

pub use extras::{CalendarLink, Reference};
use list::Pagination;
pub use list::{BookingFilter, BookingSort, BookingWindow, ListStatus, Page, SortOrder};
pub use read::{Attendee, Booking, BookingStatus, Bookings, Host};
pub use write::{
    AttendeeAbsence, Cancel, EventTypeKey, Location, MarkAbsent, NewAttendee, NewBooking, NewGuest,
    Reschedule,
};

/// Bookings a page, if not asked for otherwise.
const DEFAULT_TAKE: usize = 100;

impl Client {
    /// Makes a booking, or a series of them for a recurring event type. Public unless the event
    /// type wants an account.
    ///
    /// The same call twice makes one booking and one refusal (`SlotTaken`); two calls at the same
    /// moment for overlapping times may both succeed.
    ///
    /// # Errors
    /// See [`Client`]. After `SlotTaken` or an unknown outcome the booking may be there: look for
    /// its metadata.
    pub async fn create_booking(
        &self,
        credential: &Credential,
        booking: &NewBooking,
    ) -> Result<Bookings, Error> {
        let request = Request::once("POST /v2/bookings").json(booking);
        self.call(credential, request).await?.one("booking")
    }

    /// Reads a booking. Public: the uid is the key.
    ///
    /// # Errors
    /// See [`Client`]; `UnknownBooking` also when its host was deleted.
    pub async fn get_booking(&self, credential: &Credential, uid: &str) -> Result<Booking, Error> {
        let request = Request::read("GET /v2/bookings/{uid}").fill(uid);
        let found: Bookings = self.call(credential, request).await?.one("booking")?;
        Ok(found.into_one(uid))
    }

    /// Reads a whole series by its `recurring_uid`.
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn get_series(
        &self,
        credential: &Credential,
        recurring_uid: &str,
    ) -> Result<Bookings, Error> {
        let request = Request::read("GET /v2/bookings/{uid}").fill(recurring_uid);
        self.call(credential, request).await?.one("booking")
    }

    /// Lists bookings that the credential may see: a person's own, or with [`Credential::Platform`]
    /// those of every managed user.
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn list_bookings(
        &self,
        credential: &Credential,
        filter: &BookingFilter,
    ) -> Result<Page, Error> {
        let request = filter.fill(Request::read("GET /v2/bookings"));
        page(self.call(credential, request).await?, filter)
    }

    /// Moves a booking. The answer is a *new* booking with a new uid; the old one is canceled and
    /// points to it. Public.
    ///
    /// # Errors
    /// See [`Client`]; `AlreadyRescheduled` names the uid it has now.
    pub async fn reschedule_booking(
        &self,
        credential: &Credential,
        uid: &str,
        change: &Reschedule,
    ) -> Result<Booking, Error> {
        let request = Request::once("POST /v2/bookings/{uid}/reschedule")
            .fill(uid)
            .json(change);
        self.call(credential, request)
            .await?
            .one("booking")
            .map(Bookings::into_first)
    }

    /// Cancels a booking, a seat of it, or a series (by its `recurring_uid`, or with
    /// `and_following`). Public.
    ///
    /// A series is answered whole, occurrences that were not touched included: look at each one's
    /// status.
    ///
    /// # Errors
    /// See [`Client`]; `AlreadyCanceled` when there is nothing left to do, or it was moved.
    pub async fn cancel_booking(
        &self,
        credential: &Credential,
        uid: &str,
        how: &Cancel,
    ) -> Result<Bookings, Error> {
        let request = Request::once("POST /v2/bookings/{uid}/cancel")
            .fill(uid)
            .json(how);
        self.call(credential, request).await?.one("booking")
    }

    /// Accepts a pending booking, as its host. Whether the time is still free is not checked again.
    ///
    /// # Errors
    /// See [`Client`]; `AlreadyConfirmed` when there is nothing left to do, `NotOwner` for somebody
    /// else.
    pub async fn confirm_booking(
        &self,
        credential: &Credential,
        uid: &str,
    ) -> Result<Booking, Error> {
        let request = Request::once("POST /v2/bookings/{uid}/confirm").fill(uid);
        self.call(credential, request)
            .await?
            .one("booking")
            .map(|found: Bookings| found.into_one(uid))
    }

    /// Declines a pending booking, as its host. The reason goes to the attendee and is not kept in
    /// the booking.
    ///
    /// # Errors
    /// See [`Client`].
    pub async fn decline_booking(
        &self,
        credential: &Credential,
        uid: &str,
        reason: Option<&str>,
    ) -> Result<Booking, Error> {
        let body = reason
            .map(|reason| ("reason", reason))
            .into_iter()
            .collect::<std::collections::BTreeMap<_, _>>();
        let request = Request::once("POST /v2/bookings/{uid}/decline")
            .fill(uid)
            .json(&body);
        self.call(credential, request)
            .await?
            .one("booking")
            .map(|found: Bookings| found.into_one(uid))
    }

    /// Marks who did not come, or takes it back. Only after the start.
    ///
    /// # Errors
    /// See [`Client`]; `NotStartedYet` before the start. An address that the booking does not have
    /// is answered with 500, which cannot be told from a failure.
    pub async fn mark_absent(
        &self,
        credential: &Credential,
        uid: &str,
        who: &MarkAbsent,
    ) -> Result<Booking, Error> {
        let request = Request::idempotent("POST /v2/bookings/{uid}/mark-absent")
            .fill(uid)
            .json(who);
        self.call(credential, request)
            .await?
            .one("booking")
            .map(|found: Bookings| found.into_one(uid))
    }
}

/// One page, with what cannot be read counted rather than in the way.
pub(super) fn page(mut data: Data, filter: &BookingFilter) -> Result<Page, Error> {
    let pagination = data
        .pagination
        .take()
        .and_then(Pagination::from_value)
        .unwrap_or_default();
    let (bookings, unreadable) = data.readable("booking")?;
    if unreadable > 0 {
        warn!(
            provider = "calcom",
            unreadable, "some bookings of a list make no sense and are left out"
        );
    }
    let told = pagination
        .has_next_page
        .0
        .or_else(|| pagination.remaining_items.0.map(|more| more > 0));
    // If they do not say, a full page means that there may be more: better one call too many than a
    // booking lost.
    let full = bookings.len() + unreadable
        >= filter
            .take
            .map_or(DEFAULT_TAKE, |take| take as usize)
            .max(1);
    Ok(Page {
        bookings,
        unreadable,
        total: pagination.total_items.0,
        has_next: told.unwrap_or(full),
    })
}
