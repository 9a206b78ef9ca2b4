//! The adapter between the scheduler port and Cal.com's API.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use entity::{Uuid, connection};
use providers::cal_com::{
    self as wire, BookingFilter, BookingSort, BookingStatus, BookingWindow, Client, ListStatus,
    Refusal, SlotQuery, SlotTarget, SortOrder,
};
use serde::{Deserialize, Serialize};

use super::calendar::CalComCalendar;
use super::observe_booking::observe_booking;
use super::{sync, webhooks};
use crate::app::App;
use crate::domain::Result;
use crate::domain::scheduling::observation::Observation;
use crate::domain::scheduling::remote::{
    Calendar, Command, CommandResult, Fault, FreeTime, FreeTimeQuery, Outcome, Page, Record,
    RecordQuery, RemoteRequest, RemoteScheduler,
};

/// Records per page.
const PAGE: u32 = 100;
/// Whether the bounds of a list are inclusive is not documented.
const MARGIN: TimeDelta = TimeDelta::minutes(1);

/// Cal.com, called through its client.
pub struct CalCom {
    client: Client,
}

impl CalCom {
    /// Creates the adapter for a client.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    fn at<'a>(&'a self, calendar: &Calendar<'a>) -> CalComCalendar<'a> {
        CalComCalendar {
            client: &self.client,
            access: calendar.into(),
        }
    }
}

#[async_trait]
impl RemoteScheduler for CalCom {
    async fn free_time(
        &self,
        calendar: &Calendar<'_>,
        query: &FreeTimeQuery,
    ) -> Result<FreeTime, Fault> {
        let event_type = query.event_type.parse().map_err(|_| not_there())?;
        let range = query.range;
        let target = SlotTarget::EventType(event_type);
        let mut slots = SlotQuery::new(target, range.from, range.until);
        slots.length_in_minutes = query.length;
        slots.reschedule_uid.clone_from(&query.moving);
        let found = self.at(calendar).slots(&slots, query.budget).await;
        let starts = found.map_err(wire::Error::erased)?;
        Ok(FreeTime::Starts(
            starts.into_iter().map(|slot| slot.starts_at).collect(),
        ))
    }

    async fn request(&self, calendar: &Calendar<'_>, request: &RemoteRequest) -> Outcome {
        self.at(calendar).request(request).await
    }

    async fn find(
        &self,
        calendar: &Calendar<'_>,
        request: &RemoteRequest,
    ) -> Result<Vec<Observation>, Fault> {
        let found = self.at(calendar).find(request).await;
        found.map_err(wire::Error::erased)
    }

    async fn run(
        &self,
        calendar: &Calendar<'_>,
        command: &Command,
    ) -> Result<CommandResult, Fault> {
        let done = self.at(calendar).run(command).await;
        done.map_err(wire::Error::erased)
    }

    async fn cancel(&self, calendar: &Calendar<'_>, uid: &str) -> Result<(), Fault> {
        let done = self.at(calendar).cancel(uid).await;
        done.map_err(wire::Error::erased)
    }

    async fn read(&self, calendar: &Calendar<'_>, uid: &str) -> Result<Option<Record>, Fault> {
        match self.at(calendar).read(uid).await {
            Ok(booking) => Ok(Some(record(&booking))),
            Err(fault) if fault.refusal == Some(Refusal::UnknownBooking) => Ok(None),
            Err(fault) => Err(fault.erased()),
        }
    }

    async fn list(
        &self,
        calendar: &Calendar<'_>,
        query: &RecordQuery,
        after: Option<&str>,
    ) -> Result<Page, Fault> {
        let place = Place::read(after);
        let found = self.at(calendar).list(&filter(query, &place)).await;
        let found = found.map_err(wire::Error::erased)?;
        let last = found
            .bookings
            .iter()
            .map(|booking| booking.updated_at)
            .max();
        Ok(Page {
            records: found.bookings.iter().map(record).collect(),
            unreadable: found.unreadable,
            next: found
                .has_next
                .then(|| place.after(query, last.flatten()).write()),
        })
    }

    async fn push_event_type(&self, app: &App, event_type_id: Uuid) -> Result<()> {
        sync::push_event_type(app, event_type_id).await
    }

    async fn push_schedule(&self, app: &App, schedule_id: Uuid) -> Result<()> {
        sync::push_schedule(app, schedule_id).await
    }

    async fn push_absences(&self, app: &App, coach_id: Uuid) -> Result<()> {
        sync::push_absences(app, coach_id).await
    }

    async fn pull_settings(&self, app: &App, link: connection::Model) -> Result<()> {
        sync::pull(app, link.id, None).await
    }

    fn registers_webhooks(&self, app: &App) -> bool {
        webhooks::is_reachable(&app.public_url)
    }

    async fn ensure_webhook(&self, app: &App, link: &connection::Model) -> Result<()> {
        webhooks::ensure_registered(app, link).await.map(drop)
    }

    async fn withdraw_webhook(&self, app: &App, link: &connection::Model) {
        webhooks::withdraw(app, link.id).await;
    }
}

fn not_there() -> Fault {
    let detail = "the event type is not at Cal.com";
    Fault::new(
        providers::Provider::CalCom,
        providers::Kind::NotFound,
        detail,
    )
}

fn record(booking: &wire::Booking) -> Record {
    let has_outcome = booking.status != BookingStatus::Accepted
        || booking.host_absent
        || booking.rescheduled_to_uid.is_some()
        || booking.attendees.iter().any(|attendee| attendee.absent);
    Record {
        uid: booking.uid.clone(),
        changed_at: booking.updated_at,
        moved_to: booking.rescheduled_to_uid.clone(),
        has_outcome,
        observations: observe_booking(booking),
    }
}

fn filter(query: &RecordQuery, place: &Place) -> BookingFilter {
    let page = BookingFilter {
        take: Some(PAGE),
        skip: Some(place.skip),
        ..BookingFilter::default()
    };
    match query {
        RecordQuery::Changed { since, until } => BookingFilter {
            window: BookingWindow {
                updated_after: Some(place.since.unwrap_or(*since)),
                updated_before: *until,
                ..BookingWindow::default()
            },
            sort: Some((BookingSort::Updated, SortOrder::Ascending)),
            ..page
        },
        RecordQuery::Upcoming => BookingFilter {
            statuses: vec![ListStatus::Upcoming, ListStatus::Unconfirmed],
            sort: Some((BookingSort::Start, SortOrder::Ascending)),
            ..page
        },
        RecordQuery::Between { from, until } => BookingFilter {
            window: BookingWindow {
                starts_after: Some(*from - MARGIN),
                ends_before: Some(*until + MARGIN),
                ..BookingWindow::default()
            },
            sort: Some((BookingSort::Start, SortOrder::Ascending)),
            ..page
        },
    }
}

/// The cursor of a page.
///
/// A list ordered by last change shifts while it is read: a record that changes moves to its end,
/// and all later ones move forward. So the next page starts at the last change of the previous one
/// instead of at an offset, unless the previous one started there too.
#[derive(Default, Serialize, Deserialize)]
struct Place {
    skip: u32,
    since: Option<DateTime<Utc>>,
    /// The last change of the page before, from which `since` was derived.
    last: Option<DateTime<Utc>>,
}

impl Place {
    fn read(text: Option<&str>) -> Self {
        text.and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default()
    }

    fn write(&self) -> String {
        serde_json::to_string(self).expect("plain data has a JSON form")
    }

    fn after(&self, query: &RecordQuery, last: Option<DateTime<Utc>>) -> Self {
        let last = last.max(self.last);
        if matches!(query, RecordQuery::Changed { .. }) && last > self.last {
            return Self {
                skip: 0,
                since: last.map(|last| last - TimeDelta::milliseconds(1)),
                last,
            };
        }
        Self {
            skip: self.skip + PAGE,
            since: self.since,
            last: self.last,
        }
    }
}
