//! Live streams of booking events: in order and without gaps, however slow the reader.
//!
//! The event table is the source of truth, and its `seq` the cursor. One task per process reads new
//! events once and broadcasts them to all followers. A follower that lags behind the broadcast
//! reads the table again from its own cursor, so it misses nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use entity::Uuid;
use entity::booking_event::{Column, Entity, Model};
use futures_util::{Stream, stream};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use tokio::sync::broadcast::{self, error::RecvError};
use tokio_util::sync::CancellationToken;

use super::sequence;
use crate::db::{Db, Topic};
use crate::error::Result;

/// How many events a follower may lag behind before it reads from the table again.
const BUFFER: usize = 1024;
/// Events per read.
const PAGE: u64 = 500;
/// Poll interval for events of other processes whose notification was lost.
const POLL: Duration = Duration::from_millis(1000);

/// Selects the events of one follower.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    /// One booking.
    Booking(Uuid),
    /// The bookings of a client.
    Client(Uuid),
    /// The bookings of a coach.
    Coach(Uuid),
    /// The bookings of a person, as client or as coach.
    Either { client_id: Uuid, coach_id: Uuid },
}

impl Filter {
    fn matches(self, event: &Model) -> bool {
        match self {
            Self::Booking(id) => event.booking_id == id,
            Self::Client(id) => event.client_id == Some(id),
            Self::Coach(id) => event.coach_id == id,
            Self::Either {
                client_id,
                coach_id,
            } => event.client_id == Some(client_id) || event.coach_id == coach_id,
        }
    }

    fn condition(self) -> Condition {
        match self {
            Self::Booking(id) => Condition::all().add(Column::BookingId.eq(id)),
            Self::Client(id) => Condition::all().add(Column::ClientId.eq(id)),
            Self::Coach(id) => Condition::all().add(Column::CoachId.eq(id)),
            Self::Either {
                client_id,
                coach_id,
            } => Condition::any()
                .add(Column::ClientId.eq(client_id))
                .add(Column::CoachId.eq(coach_id)),
        }
    }
}

/// The live end of the event stream.
#[derive(Debug)]
pub struct Live {
    db: Db,
    head: AtomicI64,
    news: broadcast::Sender<Arc<Model>>,
}

impl Live {
    /// Starts at the present end of the stream. Later followers read earlier events from the table.
    pub async fn open(db: Db) -> Result<Arc<Self>> {
        sequence::place_all(&db).await?;
        let head = AtomicI64::new(end(&db).await?);
        Ok(Arc::new(Self {
            db,
            head,
            news: broadcast::channel(BUFFER).0,
        }))
    }

    /// Orders, reads and broadcasts new events until stopped.
    pub async fn run(&self, stop: CancellationToken) {
        let told = self.db.is_postgres().then_some(async {
            tokio::join!(
                self.listen_elsewhere(stop.clone()),
                sequence::run(&self.db, stop.clone())
            )
        });
        let read = async {
            loop {
                let told = self.db.wake().on(Topic::Events).notified();
                if let Err(error) = self.read_news().await {
                    tracing::warn!(%error, "could not read booking events, retrying");
                }
                tokio::select! {
                    () = told => {}
                    () = tokio::time::sleep(POLL) => {}
                    () = stop.cancelled() => return,
                }
            }
        };
        match told {
            Some(told) => _ = tokio::join!(read, told),
            None => read.await,
        }
    }

    /// Listens to PostgreSQL notifications of other processes' commits. They are hints: a lost one
    /// is made up for by the poll.
    async fn listen_elsewhere(&self, stop: CancellationToken) {
        use sea_orm::sqlx::postgres::PgListener;

        while !stop.is_cancelled() {
            let pool = self.db.read().get_postgres_connection_pool();
            let listening = async {
                let mut listener = PgListener::connect_with(pool).await?;
                listener.listen(crate::db::CHANNEL).await?;
                loop {
                    let message = listener.recv().await?;
                    self.db.wake().hear(message.payload());
                }
            };
            let outcome: std::result::Result<(), sea_orm::sqlx::Error> = tokio::select! {
                outcome = listening => outcome,
                () = stop.cancelled() => return,
            };
            if let Err(error) = outcome {
                tracing::warn!(%error, "notification channel lost, polling until it is back");
                tokio::time::sleep(POLL).await;
            }
        }
    }

    async fn read_news(&self) -> Result<()> {
        let mut head = self.head.load(Ordering::Acquire);
        loop {
            let news = page(&self.db, Condition::all(), head).await?;
            let Some(last) = news.last() else {
                return Ok(());
            };
            head = last.seq;
            let more = news.len() as u64 == PAGE;
            for event in news {
                // An error means that there are no followers.
                let _ = self.news.send(Arc::new(event));
            }
            self.head.store(head, Ordering::Release);
            if !more {
                return Ok(());
            }
        }
    }

    /// The cursor of the newest event, 0 before the first. Every event committed so far is at or
    /// before it.
    pub async fn end(&self) -> Result<i64> {
        sequence::place_all(&self.db).await?;
        end(&self.db).await
    }

    /// Streams the events after `cursor` that match the filter, in order, first stored, then live.
    pub fn follow(
        self: &Arc<Self>,
        filter: Filter,
        cursor: i64,
    ) -> impl Stream<Item = Result<Arc<Model>>> + Send + use<> {
        let follower = Follower {
            news: self.news.subscribe(),
            live: Arc::clone(self),
            filter,
            cursor,
            backlog: Vec::new().into_iter(),
            behind: true,
        };
        stream::try_unfold(follower, |mut follower| async move {
            Ok(follower.next().await?.map(|event| (event, follower)))
        })
    }
}

struct Follower {
    live: Arc<Live>,
    news: broadcast::Receiver<Arc<Model>>,
    filter: Filter,
    cursor: i64,
    backlog: std::vec::IntoIter<Model>,
    /// Whether the table may have events that the broadcast no longer has.
    behind: bool,
}

impl Follower {
    async fn next(&mut self) -> Result<Option<Arc<Model>>> {
        loop {
            if let Some(event) = self.backlog.next() {
                self.cursor = event.seq;
                return Ok(Some(Arc::new(event)));
            }
            if self.behind {
                // Boxed: followers are many, and most of the time each only waits for events.
                let backlog =
                    Box::pin(page(&self.live.db, self.filter.condition(), self.cursor)).await?;
                self.behind = backlog.len() as u64 == PAGE;
                self.backlog = backlog.into_iter();
                continue;
            }
            match self.news.recv().await {
                Ok(event) if event.seq > self.cursor && self.filter.matches(&event) => {
                    self.cursor = event.seq;
                    return Ok(Some(event));
                }
                Ok(_) => {}
                Err(RecvError::Lagged(_)) => self.behind = true,
                Err(RecvError::Closed) => return Ok(None),
            }
        }
    }
}

async fn end(db: &Db) -> Result<i64> {
    let newest = Entity::find()
        .select_only()
        .column(Column::Seq)
        .order_by_desc(Column::Seq)
        .limit(1);
    Ok(newest
        .into_tuple::<i64>()
        .one(db.read())
        .await?
        .unwrap_or(0))
}

async fn page(db: &Db, filter: Condition, after: i64) -> Result<Vec<Model>> {
    let page = Entity::find()
        .filter(filter)
        .filter(Column::Seq.gt(after))
        .order_by_asc(Column::Seq)
        .limit(PAGE);
    Ok(page.all(db.read()).await?)
}
