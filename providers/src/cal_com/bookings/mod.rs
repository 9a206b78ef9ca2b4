//! Bookings: create, read, list, move, cancel, confirm, decline, mark absent.

mod extras;
mod list;
mod read;
mod write;

use tracing::warn;

use super::client::Client;
use super::credential::Credential;
use super::request::Request;
use super::response::Data;
use crate::cal_com::Error;
use crate::lenient::FromValue;

pub use extras::{CalendarLink, Reference};
use list::Pagination;
pub use list::{BookingFilter, BookingSort, BookingWindow, ListStatus, Page, SortOrder};
pub use read::{Attendee, Booking, BookingStatus, Bookings, Host};
pub use write::{
    AttendeeAbsence, Cancel, EventTypeKey, Location, MarkAbsent, NewAttendee, NewBooking, NewGuest,
    Reschedule,
};

/// The default page size.
const DEFAULT_TAKE: usize = 100;

impl Client {
    /// Creates a booking, or a series for a recurring event type. Public unless the event type
    /// requires an account.
    ///
    /// The same call twice results in one booking and one refusal (`SlotTaken`); two concurrent
    /// calls for overlapping times may both succeed.
    ///
    /// # Errors
    /// See [`Client`]. After `SlotTaken` or an unknown outcome the booking may exist: search for
    /// its metadata.
    pub async fn create_booking(
        &self,
        credential: &Credential,
        booking: &NewBooking,
    ) -> Result<Bookings, Error> {
        let request = Request::once("POST /v2/bookings").json(booking);
        self.call(credential, request).await?.one("booking")
    }

    /// Reads a booking. Public: the uid is the capability.
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

    /// Lists bookings that the credential may see: a user's own, or with [`Credential::Platform`]
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

    /// Moves a booking. Returns a *new* booking with a new uid; the old one is canceled and refers
    /// to it. Public.
    ///
    /// # Errors
    /// See [`Client`]; `AlreadyRescheduled` contains the uid it has now.
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
    /// The response contains the whole series, including unaffected occurrences: check each one's
    /// status.
    ///
    /// # Errors
    /// See [`Client`]; `AlreadyCanceled` when it is already canceled or was moved.
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

    /// Confirms a pending booking, as its host. Cal.com does not check again whether the time is
    /// free.
    ///
    /// # Errors
    /// See [`Client`]; `AlreadyConfirmed`, or `NotOwner` when the credential is not the host's.
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

    /// Declines a pending booking, as its host. The attendee receives the reason, but the booking
    /// does not store it.
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

    /// Marks absences, or removes the mark. Only after the start.
    ///
    /// # Errors
    /// See [`Client`]; `NotStartedYet` before the start. An address that the booking does not have
    /// results in a 500, which cannot be distinguished from a failure.
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

/// One page. Unreadable bookings are counted and do not make the page fail.
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
    // Without the information, a full page means that there may be more: a superfluous call is
    // better than a missed booking.
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
