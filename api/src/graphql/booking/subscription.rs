//! Watching bookings live.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, SimpleObject, Subscription};
use entity::Uuid;
use entity::booking::Status;
use entity::booking_event::Model as Line;
use futures_util::stream::{self, Stream};
use graphql_server::SubscriptionSource;

use super::event::BookingEvent;
use super::object::Booking;
use crate::app::App;
use crate::domain::booking::{self, BookingFilter, Scope, Side};
use crate::domain::page::PageInput;
use crate::domain::{self, Caller, identity};
use crate::graphql::context::{app, caller};
use crate::graphql::error::{Error, Result};
use crate::graphql::id::Kind;
use crate::graphql::scalars::{DateTime, EventCursor};
use crate::outbox::listen::Filter;

/// Most bookings in the snapshot of a list.
const SNAPSHOT: i32 = 100;

/// Why a message was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum BookingStreamMessageKind {
    /// The state as it is now: the first message, unless the stream was resumed.
    Snapshot,
    /// Something happened.
    Change,
}

/// A message about bookings.
#[derive(SimpleObject)]
pub struct BookingStreamMessage {
    /// Give it as `after` to go on from here.
    cursor: EventCursor,
    /// Why it was sent.
    kind: BookingStreamMessageKind,
    /// The booking as it is now, which may be later than the change; null in the snapshot of a list.
    booking: Option<Booking>,
    /// In the snapshot of a list: its active bookings, by start, at most 100. Empty otherwise.
    bookings: Vec<Booking>,
    /// What happened; null in a snapshot.
    change: Option<BookingEvent>,
    /// When it happened; now for a snapshot.
    occurred_at: DateTime,
}

/// Watching bookings live.
#[derive(Default)]
pub struct BookingSubscription;

#[Subscription]
impl BookingSubscription {
    /// Bookings, live: first a snapshot, then every event in order, each with the booking as it is now. With `after` it goes on where
    /// an earlier stream stopped, without a gap and without a snapshot. Ends when the caller's token or right to see them ends.
    /// Give exactly one of bookingId, mine and coachId.
    async fn booking_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "One booking.")] booking_id: Option<ID>,
        #[graphql(
            desc = "All bookings in which the caller takes part, new ones too; must be true when given."
        )]
        mine: Option<bool>,
        #[graphql(desc = "All bookings of the caller's own coach profile; staff may name any.")]
        coach_id: Option<ID>,
        #[graphql(desc = "Go on after this event.")] after: Option<EventCursor>,
    ) -> Result<impl Stream<Item = Result<BookingStreamMessage>> + use<>> {
        let (app, caller, source) = (
            app(ctx),
            caller(ctx),
            ctx.data_unchecked::<SubscriptionSource>(),
        );
        let message = match source.event::<Happened>() {
            None => {
                let watch = Watch::read(app, caller, booking_id, mine, coach_id).await?;
                let (cursor, snapshot) = watch.start(app, caller, after).await?;
                source.follow::<Happened>(app.live.follow(watch.filter, cursor));
                Ok(snapshot)
            }
            Some(happened) => {
                let told = tell(app, caller, happened).await;
                if told.is_err() {
                    // A reader without the right to go on must not be told the rest, nor one to
                    // whom something could not be told.
                    source.end();
                }
                told
            }
        };
        Ok(stream::iter(message.transpose()))
    }
}

/// What the history brings: its next line, or why it cannot be read.
type Happened = domain::Result<Arc<Line>>;

struct Watch {
    filter: Filter,
    booking_id: Option<Uuid>,
    side: Option<Side>,
}

impl Watch {
    async fn read(
        app: &App,
        caller: &Caller,
        booking_id: Option<ID>,
        mine: Option<bool>,
        coach_id: Option<ID>,
    ) -> Result<Self> {
        let person = caller.require_person()?;
        match (booking_id, mine, coach_id) {
            (Some(id), None, None) => {
                let booking =
                    booking::get(app, caller, Kind::Booking.key("bookingId", &id)?).await?;
                Ok(Self {
                    filter: Filter::Booking(booking.id),
                    booking_id: Some(booking.id),
                    side: None,
                })
            }
            (None, Some(true), None) => {
                let client_id = person.user_id;
                let filter = person
                    .coach_id
                    .map_or(Filter::Client(client_id), |coach_id| Filter::Either {
                        client_id,
                        coach_id,
                    });
                Ok(Self {
                    filter,
                    booking_id: None,
                    side: None,
                })
            }
            (None, None, Some(id)) => {
                let coach_id = Kind::Coach.key("coachId", &id)?;
                if !person.is_coach(coach_id) && !person.is_admin() {
                    return Err(domain::Error::NotFound("coach").into());
                }
                Ok(Self {
                    filter: Filter::Coach(coach_id),
                    booking_id: None,
                    side: Some(Side::Coach),
                })
            }
            _ => Err(Error::invalid(
                "bookingId",
                "give exactly one of bookingId, mine: true and coachId",
            )),
        }
    }

    /// Where to go on from, and the snapshot to begin with, unless an earlier stream is resumed.
    async fn start(
        &self,
        app: &App,
        caller: &Caller,
        after: Option<EventCursor>,
    ) -> Result<(i64, Option<BookingStreamMessage>)> {
        // The cursor first: what happens between the two is told twice rather than never.
        let end = app.live.end().await?;
        match after {
            Some(after) if after.0 > end => {
                Err(Error::invalid("after", "is no cursor of this stream"))
            }
            Some(after) => Ok((after.0, None)),
            None => Ok((end, Some(self.snapshot(app, caller, end).await?))),
        }
    }

    async fn snapshot(
        &self,
        app: &App,
        caller: &Caller,
        cursor: i64,
    ) -> Result<BookingStreamMessage> {
        let mut message = BookingStreamMessage {
            cursor: EventCursor(cursor),
            kind: BookingStreamMessageKind::Snapshot,
            booking: None,
            bookings: Vec::new(),
            change: None,
            occurred_at: DateTime(app.clock.now()),
        };
        if let Some(id) = self.booking_id {
            message.booking = Some(Booking::new(booking::get(app, caller, id).await?));
            return Ok(message);
        }
        let (scope, coach_id) = match self.filter {
            Filter::Coach(id)
                if !caller
                    .find_person()
                    .is_some_and(|person| person.is_coach(id)) =>
            {
                (Scope::Everyone, Some(id))
            }
            _ => (Scope::Own(self.side), None),
        };
        let filter = BookingFilter {
            statuses: Some(Status::ACTIVE.to_vec()),
            coach_id,
            ..BookingFilter::default()
        };
        let page = PageInput {
            first: Some(SNAPSHOT),
            ..PageInput::default()
        };
        let (bookings, _) = booking::list(app, caller, scope, &filter, &page)
            .await?
            .into_parts();
        message.bookings = bookings
            .into_iter()
            .map(|(_, row)| Booking::new(row))
            .collect();
        Ok(message)
    }
}

/// One line of history, with the booking as its viewer sees it now; `None` for what is not theirs
/// any more.
async fn tell(
    app: &App,
    caller: &Caller,
    happened: Happened,
) -> Result<Option<BookingStreamMessage>> {
    let line = happened?;
    identity::require_good_standing(app, caller).await?;
    let booking = match booking::get(app, caller, line.booking_id).await {
        Ok(booking) => booking,
        Err(domain::Error::NotFound(_)) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let line = Arc::unwrap_or_clone(line);
    Ok(Some(BookingStreamMessage {
        cursor: EventCursor(line.seq),
        kind: BookingStreamMessageKind::Change,
        booking: Some(Booking::new(booking)),
        bookings: Vec::new(),
        occurred_at: DateTime(line.occurred_at),
        change: Some(BookingEvent(line)),
    }))
}
