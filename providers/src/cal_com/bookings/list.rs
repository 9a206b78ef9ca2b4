//! Lists of bookings: filters, order and pages.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;

use super::Booking;
use crate::cal_com::request::Request;
use crate::lenient::{FromValue, Lenient, object};

/// A filter of bookings. The default is all that the credential may see, 100 per page.
#[derive(Clone, Default, PartialEq)]
pub struct BookingFilter {
    /// With any of these statuses; all if empty.
    pub statuses: Vec<ListStatus>,
    /// With this attendee.
    pub attendee_email: Option<String>,
    /// With this attendee.
    pub attendee_name: Option<String>,
    /// Only this booking.
    pub uid: Option<String>,
    /// Of any of these event types; of all if empty.
    pub event_type_ids: Vec<i64>,
    /// Of any of these event types; of all if empty.
    pub team_ids: Vec<i64>,
    /// Of these users; only for an organization's bookings.
    pub user_ids: Vec<i64>,
    /// The bounds in time.
    pub window: BookingWindow,
    /// The order.
    pub sort: Option<(BookingSort, SortOrder)>,
    /// The page size, at most 250; more is refused.
    pub take: Option<u32>,
    /// The offset of the page.
    pub skip: Option<u32>,
}

impl fmt::Debug for BookingFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BookingFilter")
            .field("statuses", &self.statuses)
            .field("window", &self.window)
            .field("sort", &self.sort)
            .field("take", &self.take)
            .field("skip", &self.skip)
            .finish_non_exhaustive()
    }
}

/// Bounds in time. With `updated_after` and ascending order of the last change, a list can be
/// polled incrementally.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BookingWindow {
    /// The earliest start.
    pub starts_after: Option<DateTime<Utc>>,
    /// The latest end.
    pub ends_before: Option<DateTime<Utc>>,
    /// Created at or after.
    pub created_after: Option<DateTime<Utc>>,
    /// Created at or before.
    pub created_before: Option<DateTime<Utc>>,
    /// Changed at or after.
    pub updated_after: Option<DateTime<Utc>>,
    /// Changed at or before.
    pub updated_before: Option<DateTime<Utc>>,
}

/// Cal.com's groups of bookings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ListStatus {
    /// Accepted and not ended.
    Upcoming,
    /// Upcoming occurrences of a series.
    Recurring,
    /// Ended.
    Past,
    /// Canceled or rejected.
    Canceled,
    /// Waiting for the host's confirmation.
    Unconfirmed,
}

impl fmt::Display for ListStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Upcoming => "upcoming",
            Self::Recurring => "recurring",
            Self::Past => "past",
            Self::Canceled => "cancelled",
            Self::Unconfirmed => "unconfirmed",
        })
    }
}

/// The sort key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BookingSort {
    /// The start.
    Start,
    /// The end.
    End,
    /// The creation.
    Created,
    /// The last change.
    Updated,
}

/// The direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SortOrder {
    /// Earliest first.
    Ascending,
    /// Latest first.
    Descending,
}

impl fmt::Display for SortOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ascending => "asc",
            Self::Descending => "desc",
        })
    }
}

impl BookingFilter {
    pub(in crate::cal_com) fn fill(&self, request: Request) -> Request {
        let sort = self.sort.map(|(by, order)| {
            let name = match by {
                BookingSort::Start => "sortStart",
                BookingSort::End => "sortEnd",
                BookingSort::Created => "sortCreated",
                BookingSort::Updated => "sortUpdatedAt",
            };
            (name, order)
        });
        let request = match self.event_type_ids.as_slice() {
            [one] => request.query("eventTypeId", one),
            several => request.list("eventTypeIds", several),
        };
        let request = match self.team_ids.as_slice() {
            [one] => request.query("teamId", one),
            several => request.list("teamsIds", several),
        };
        let request = request
            .list("status", &self.statuses)
            .list("userIds", &self.user_ids)
            .maybe("attendeeEmail", self.attendee_email.as_ref())
            .maybe("attendeeName", self.attendee_name.as_ref())
            .maybe("bookingUid", self.uid.as_ref())
            .at("afterStart", self.window.starts_after)
            .at("beforeEnd", self.window.ends_before)
            .at("afterCreatedAt", self.window.created_after)
            .at("beforeCreatedAt", self.window.created_before)
            .at("afterUpdatedAt", self.window.updated_after)
            .at("beforeUpdatedAt", self.window.updated_before);
        let request = match sort {
            Some((name, order)) => request.query(name, order),
            None => request,
        };
        request.maybe("take", self.take).maybe("skip", self.skip)
    }
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// In the requested order.
    pub bookings: Vec<Booking>,
    /// The number of unreadable bookings of this page, which are left out and logged.
    pub unreadable: usize,
    /// The total number, if the response contains it.
    pub total: Option<i64>,
    /// Whether there is a next page: its `skip` is larger by the size of this page, unreadable ones
    /// included.
    pub has_next: bool,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::cal_com) struct Pagination {
    pub(in crate::cal_com) total_items: Lenient<i64>,
    pub(in crate::cal_com) has_next_page: Lenient<bool>,
    pub(in crate::cal_com) remaining_items: Lenient<i64>,
}

impl FromValue for Pagination {
    fn from_value(value: Value) -> Option<Self> {
        object(value)
    }
}
