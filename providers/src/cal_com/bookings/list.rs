//! Many bookings: filters, order and pages.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;

use super::Booking;
use crate::cal_com::lax::{FromValue, Lax, object};
use crate::cal_com::request::Request;

/// Which bookings. The default is all that the credential may see, 100 a page.
#[derive(Clone, Default, PartialEq)]
pub struct BookingFilter {
    /// Any of these; all if empty.
    pub statuses: Vec<ListStatus>,
    /// With this attendee.
    pub attendee_email: Option<String>,
    /// With this attendee.
    pub attendee_name: Option<String>,
    /// This one.
    pub uid: Option<String>,
    /// Of any of these; of all if empty.
    pub event_type_ids: Vec<i64>,
    /// Of any of these; of all if empty.
    pub team_ids: Vec<i64>,
    /// Of these people; only for an organization's bookings.
    pub user_ids: Vec<i64>,
    /// By time.
    pub window: BookingWindow,
    /// In this order.
    pub sort: Option<(BookingSort, SortOrder)>,
    /// Up to 250; more are refused.
    pub take: Option<u32>,
    /// So many first are left out.
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
/// followed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BookingWindow {
    /// The earliest start.
    pub starts_after: Option<DateTime<Utc>>,
    /// The latest end.
    pub ends_before: Option<DateTime<Utc>>,
    /// Made at or after.
    pub created_after: Option<DateTime<Utc>>,
    /// Made at or before.
    pub created_before: Option<DateTime<Utc>>,
    /// Changed at or after.
    pub updated_after: Option<DateTime<Utc>>,
    /// Changed at or before.
    pub updated_before: Option<DateTime<Utc>>,
}

/// Their groups of bookings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ListStatus {
    /// Accepted and not over.
    Upcoming,
    /// Occurrences of a series to come.
    Recurring,
    /// Over.
    Past,
    /// Canceled or rejected.
    Canceled,
    /// Waiting for consent.
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

/// What bookings are ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BookingSort {
    /// Their start.
    Start,
    /// Their end.
    End,
    /// When they were made.
    Created,
    /// When they changed last.
    Updated,
}

/// Which way.
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

/// A part of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// In the order asked for.
    pub bookings: Vec<Booking>,
    /// How many of this page made no sense here and were left out. They are logged.
    pub unreadable: usize,
    /// How many there are in all, if they say.
    pub total: Option<i64>,
    /// Whether more follow: ask again with `skip` larger by the size of this page, unreadable ones
    /// included.
    pub has_next: bool,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::cal_com) struct Pagination {
    pub(in crate::cal_com) total_items: Lax<i64>,
    pub(in crate::cal_com) has_next_page: Lax<bool>,
    pub(in crate::cal_com) remaining_items: Lax<i64>,
}

impl FromValue for Pagination {
    fn from_value(value: Value) -> Option<Self> {
        object(value)
    }
}
